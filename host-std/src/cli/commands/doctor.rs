//! `doctor`: what is wrong with a set-up, line by line.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;
use kernel_core::{PluginState, STORAGE_FAULT};
use kernel_link::{Reply, Request};
use link_dial::{Endpoint, Plugin, Target};
use serde::Serialize;

use super::inspect::text_of;
use crate::cli::connect::{Link, Patience, SOON, Session};
use crate::cli::exit::Failure;
use crate::cli::output::Out;
use crate::config::default_socket;
use crate::doctor::{self, Finding, Level, Secrets, Socket};

pub(crate) const HELP: &str = "\
Looks at the environment, the configuration's file, the database, the socket, the folders and who else gets at them, the \
clock, the disk, and, where the runtime runs, at the plugins that failed. It changes nothing, and what it prints has no \
secrets in it: put it into a report of a fault. The exit status is 1 when there is a problem, and 0 when there are \
warnings alone.

A runtime that a service manager starts has another environment than a shell: name it.

Examples:
  core-runtime doctor
  sudo core-runtime doctor --environment /etc/core-runtime/environment

JSON: {ok, problems, warnings, findings: [{check, level, text, advice?}]}
`level` is ok, warning or problem.";

#[derive(Debug, Args)]
pub(crate) struct DoctorArgs {
    /// A file with the variables of the runtime, a NAME=VALUE on each line, in place of this shell's
    #[arg(long, value_name = "FILE")]
    environment: Option<PathBuf>,
}

/// What is said.
#[derive(Serialize)]
struct Report {
    ok: bool,
    problems: usize,
    warnings: usize,
    findings: Vec<Finding>,
}

impl Report {
    fn new(mut findings: Vec<Finding>, secrets: &Secrets) -> Report {
        for finding in &mut findings {
            finding.text = secrets.hide(&finding.text);
            finding.advice = finding.advice.take().map(|advice| secrets.hide(&advice));
        }
        let count = |level| findings.iter().filter(|finding| finding.level == level).count();
        let (problems, warnings) = (count(Level::Problem), count(Level::Warning));
        Report {
            ok: problems == 0,
            problems,
            warnings,
            findings,
        }
    }

    fn summary(&self) -> String {
        let number = |count: usize, what: &str| match count {
            1 => format!("1 {what}"),
            count => format!("{count} {what}s"),
        };
        match (self.problems, self.warnings) {
            (0, 0) => "nothing is wrong".to_owned(),
            (0, warnings) => format!("no problem, {}", number(warnings, "warning")),
            (problems, 0) => number(problems, "problem"),
            (problems, warnings) => {
                format!("{}, {}", number(problems, "problem"), number(warnings, "warning"))
            }
        }
    }
}

pub(crate) fn doctor(
    args: &DoctorArgs,
    var: impl Fn(&str) -> Option<OsString>,
    out: &mut Out,
) -> Result<(), Failure> {
    let report = match &args.environment {
        None => {
            let names: Vec<_> = std::env::vars_os().map(|(name, _)| name).collect();
            report(&names, &var)?
        }
        Some(file) => {
            let set = read_environment(file)?;
            let names: Vec<_> = set.keys().map(OsString::from).collect();
            report(&names, &|name| set.get(name).map(OsString::from))?
        }
    };
    if out.is_json() {
        out.document(&report)?;
    } else {
        for finding in &report.findings {
            let text = finding.text.replace('\n', ", ");
            out.line(&format!(
                "{:<8} {:<13} {text}",
                finding.level.as_str(),
                finding.check
            ))?;
            if let Some(advice) = &finding.advice {
                out.line(&format!("{:22} -> {advice}", ""))?;
            }
        }
        if report.ok {
            out.line(&report.summary())?;
        }
    }
    out.flush()?;
    match report.ok {
        true => Ok(()),
        false => Err(Failure::No(report.summary())),
    }
}

fn report(names: &[OsString], var: &dyn Fn(&str) -> Option<OsString>) -> Result<Report, Failure> {
    let mut local = doctor::look(names, var);
    if local.socket == Socket::Answers
        && let Ok(socket) = default_socket(var)
    {
        let reactor = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let reactor = reactor.map_err(Failure::Output)?;
        let mut link = Link::new(Endpoint::open(Target::Unix(socket)));
        reactor.block_on(async {
            if let Err(failure) = ask(&mut link, &mut local.findings).await {
                local.findings.push(unanswered(failure));
            }
        });
    }
    Ok(Report::new(local.findings, &local.secrets))
}

/// Asks the running runtime.
async fn ask(link: &mut Link, findings: &mut Vec<Finding>) -> Result<(), Failure> {
    let mut session = link.open().await?;
    findings.push(versions(session.runtime()));
    if let Some(fault) = storage_fault(&mut session).await? {
        findings.push(Finding::problem(
            "storage",
            fault,
            "mend it: the runtime tries again by itself, and `core-runtime health` says when it is well",
        ));
    }
    let plugins: Vec<Plugin> = session.list(Request::Plugins).await?;
    let mut started = 0;
    for plugin in &plugins {
        started += usize::from(plugin.state == PluginState::Started);
        if plugin.state == PluginState::Failed {
            let why = match &plugin.error {
                (code, _) if code.is_empty() => "it did not say why".to_owned(),
                (code, message) => format!("{code}: {message}"),
            };
            findings.push(Finding::problem(
                "plugins",
                format!("{} is FAILED: {why}", plugin.name),
                format!(
                    "mend that, then `core-runtime plugin start {}`; its log has more",
                    plugin.name
                ),
            ));
        }
    }
    findings.push(Finding::ok(
        "plugins",
        format!("{started} of {} are started", plugins.len()),
    ));
    Ok(())
}

/// The runtime's own version beside that of this program.
fn versions(runtime: &str) -> Finding {
    let own = concat!("core-runtime ", env!("CARGO_PKG_VERSION"));
    match runtime == own {
        true => Finding::ok("versions", format!("the runtime is {runtime}, as this program")),
        false => Finding::warning(
            "versions",
            format!("the runtime is {runtime:?}, this program {own}"),
            "restart the runtime after an upgrade, and use the program that belongs to it",
        ),
    }
}

async fn storage_fault(session: &mut Session<'_>) -> Result<Option<String>, Failure> {
    let asked = Request::StateGet { key: STORAGE_FAULT };
    session
        .ask(asked, Patience::For(SOON), |reply| match reply {
            Reply::State(state) => Some(state.value.map(text_of)),
            Reply::Absent => Some(None),
            _ => None,
        })
        .await
}

/// A runtime that takes connections, and does not answer as it should.
fn unanswered(failure: Failure) -> Finding {
    match failure {
        Failure::Runtime { code, message, hint } => Finding::problem(
            "runtime",
            format!("it answers with an error, {code}: {message}"),
            hint.unwrap_or("see its log"),
        ),
        Failure::Unreachable { what, hint } => Finding::problem("runtime", what, hint),
        other => Finding::problem("runtime", format!("it was not asked: {other:?}"), "see its log"),
    }
}

/// The variables in a file as service managers read it.
fn read_environment(file: &Path) -> Result<BTreeMap<String, String>, Failure> {
    let text = fs::read_to_string(file)
        .map_err(|cause| Failure::Usage(format!("cannot read {}: {cause}", file.display())))?;
    let lines = text.lines().enumerate().map(|(at, line)| (at + 1, line.trim()));
    let lines = lines.filter(|(_, line)| !line.is_empty() && !line.starts_with(['#', ';']));
    lines
        .map(|(number, line)| match line.split_once('=') {
            Some((name, value)) => {
                let value = value.trim();
                let quoted = ['"', '\''].into_iter().find_map(|quote| {
                    let rest = value.strip_prefix(quote)?;
                    rest.strip_suffix(quote)
                });
                Ok((name.trim().to_owned(), quoted.unwrap_or(value).to_owned()))
            }
            None => Err(Failure::Usage(format!(
                "{}:{number}: {line:?} is not NAME=VALUE",
                file.display()
            ))),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_version_is_a_warning() {
        assert_eq!(versions("core-runtime 0.0.9").level, Level::Warning);
        let own = concat!("core-runtime ", env!("CARGO_PKG_VERSION"));
        assert_eq!(versions(own).level, Level::Ok);
    }

    #[test]
    fn variables_are_read_as_a_service_manager_does() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("environment");
        fs::write(
            &file,
            "# a comment\n\nA=1\n B = \"two words\"\n;no\nC='x=y'\nD=\n",
        )
        .unwrap();
        let set = read_environment(&file).unwrap();
        let set: Vec<_> = set.iter().map(|(name, value)| (&**name, &**value)).collect();
        assert_eq!(set, [("A", "1"), ("B", "two words"), ("C", "x=y"), ("D", "")]);
        fs::write(&file, "A=1\nnonsense\n").unwrap();
        let Err(Failure::Usage(why)) = read_environment(&file) else {
            panic!("it is refused");
        };
        assert!(why.contains(":2: \"nonsense\""), "{why}");
    }
}
