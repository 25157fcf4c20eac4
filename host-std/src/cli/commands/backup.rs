//! `storage backup`, `check` and `restore`, on the database's file; `export` and `import`, through the runtime.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use kernel_link::{Raw, Reply, Request};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::storage::names;
use crate::cli::connect::{Link, Patience, SOON, done};
use crate::cli::exit::Failure;
use crate::cli::output::{Out, checked};
use crate::escape::escape;
use crate::sqlite::{self, CopyError, OpenError};

pub(crate) const BACKUP_HELP: &str = "\
The runtime may run meanwhile: the copy is of one moment, and complete without files beside it. Copying the database's \
file by hand leaves out what is still in its log.

The database is the one that RUNTIME_DB_PATH names.";

pub(crate) const CHECK_HELP: &str = "\
Reads every page and every value of the database that RUNTIME_DB_PATH names, or of FILE. The exit status is 1 when \
something is wrong.

JSON: {values, faults, named: [text]}";

pub(crate) const RESTORE_HELP: &str = "\
The runtime must not run. The database that was there is kept beside the new one, under a name that is printed.";

pub(crate) const EXPORT_HELP: &str = "\
One line for each value: {\"namespace\", \"key\", \"value\"}. `core-runtime storage import` reads them. A value that cannot be \
read is named on stderr and left out, and the exit status is 1.";

pub(crate) const IMPORT_HELP: &str = "\
Reads what `export` prints; each value is stored, in place of the one that is there. A line that is wrong ends it, named \
by its number: the lines before it are stored.

JSON: {changed}";

#[derive(Debug, Args)]
pub(crate) struct BackupArgs {
    /// The new file
    file: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    /// A database [default: the one that RUNTIME_DB_PATH names]
    file: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct RestoreArgs {
    /// A database: a backup
    file: PathBuf,
    /// Yes, put it in the place of the present one
    #[arg(long)]
    yes: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ExportArgs {
    /// Of this namespace alone
    #[arg(value_parser = crate::cli::check::namespace)]
    namespace: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct ImportArgs {
    /// The file; `-` is stdin
    file: PathBuf,
}

pub(crate) fn backup(args: &BackupArgs, database: &Path, out: &mut Out) -> Result<(), Failure> {
    sqlite::backup(database, &args.file).map_err(failed)?;
    out.line(&format!(
        "{} holds a copy of {}",
        args.file.display(),
        database.display()
    ))?;
    out.flush()
}

pub(crate) fn check(
    args: &CheckArgs,
    database: impl FnOnce() -> Result<PathBuf, Failure>,
    out: &mut Out,
) -> Result<(), Failure> {
    #[derive(Serialize)]
    struct Report<'a> {
        values: u64,
        faults: u64,
        named: &'a [String],
    }
    let path = args.file.clone().map_or_else(database, Ok)?;
    let found = sqlite::check(&path).map_err(|error| failed(error.into()))?;
    if out.is_json() {
        out.document(&Report {
            values: found.values,
            faults: found.faults,
            named: &found.named,
        })?;
    } else {
        found.named.iter().try_for_each(|named| out.line(named))?;
        out.line(&format!(
            "{} values, {} of them with faults",
            found.values, found.faults
        ))?;
    }
    out.flush()?;
    match found.faults {
        0 => Ok(()),
        faults => Err(Failure::No(format!(
            "{faults} values of {} cannot be read",
            path.display()
        ))),
    }
}

pub(crate) fn restore(args: &RestoreArgs, database: &Path, out: &mut Out) -> Result<(), Failure> {
    if !args.yes {
        return Err(Failure::Usage(format!(
            "this puts {} in the place of {}: add --yes to do it",
            args.file.display(),
            database.display()
        )));
    }
    match sqlite::restore(&args.file, database).map_err(failed)? {
        Some(before) => out.line(&format!(
            "restored; what was there before is {}",
            before.display()
        ))?,
        None => out.line("restored")?,
    }
    out.flush()
}

fn failed(error: CopyError) -> Failure {
    let code = match &error {
        CopyError::Database(OpenError::Held { .. }) => "in_use",
        CopyError::Database(OpenError::Damaged { .. }) => "damaged",
        CopyError::Exists { .. } => "exists",
        _ => "storage_failed",
    };
    Failure::Runtime {
        code: code.to_owned(),
        message: error.to_string(),
        hint: None,
    }
}

/// One value.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line<'a> {
    namespace: String,
    key: String,
    #[serde(borrow)]
    value: &'a RawValue,
}

pub(crate) async fn export(args: &ExportArgs, link: &mut Link, out: &mut Out) -> Result<(), Failure> {
    let mut session = link.open().await?;
    let namespaces = match &args.namespace {
        Some(namespace) => vec![namespace.clone()],
        None => names(&mut session, None).await?,
    };
    let mut unreadable = 0u64;
    for namespace in namespaces {
        for key in names(&mut session, Some(&namespace)).await? {
            let request = Request::StorageGet {
                namespace: &namespace,
                key: &key,
            };
            let found = session.ask(request, Patience::For(SOON), |reply| match reply {
                Reply::Json(raw) => Some(Some(raw.0.to_vec())),
                // It was deleted meanwhile.
                Reply::Absent => Some(None),
                _ => None,
            });
            let value = match found.await {
                Ok(Some(value)) => value,
                Ok(None) => continue,
                Err(failure) if matches!(&failure, Failure::Runtime { code, .. } if code == "corrupt") => {
                    unreadable += 1;
                    failure.report();
                    continue;
                }
                Err(failure) => return Err(failure),
            };
            let value = serde_json::from_str(checked(&value)?).map_err(|_| Failure::unexpected())?;
            let namespace = namespace.clone();
            out.document(&Line {
                namespace,
                key,
                value,
            })?;
        }
    }
    out.flush()?;
    match unreadable {
        0 => Ok(()),
        count => Err(Failure::No(format!(
            "{count} values could not be read, and were left out"
        ))),
    }
}

pub(crate) async fn import(args: &ImportArgs, link: &mut Link, out: &mut Out) -> Result<(), Failure> {
    let unreadable =
        |cause: io::Error| Failure::Usage(format!("cannot read {}: {cause}", args.file.display()));
    let mut from: Box<dyn BufRead> = match args.file.as_os_str() == "-" {
        true => Box::new(io::stdin().lock()),
        false => Box::new(BufReader::new(File::open(&args.file).map_err(unreadable)?)),
    };
    let mut session = link.open().await?;
    let (mut text, mut number, mut changed) = (String::new(), 0u64, 0u64);
    loop {
        text.clear();
        if from.read_line(&mut text).map_err(unreadable)? == 0 {
            break;
        }
        number += 1;
        if text.trim().is_empty() {
            continue;
        }
        let line: Line<'_> = serde_json::from_str(&text).map_err(|error| {
            Failure::Usage(format!(
                "line {number} is not {{\"namespace\", \"key\", \"value\"}}: {error}; {changed} values were stored before it"
            ))
        })?;
        let request = Request::StorageSet {
            namespace: &line.namespace,
            key: &line.key,
            value: Raw(line.value.get().as_bytes()),
        };
        let stored = session.ask(request, Patience::For(SOON), done).await;
        if let Err(failure) = stored {
            // Which one it was; the failure itself says why.
            let place = format!("line {number}, {}/{}:", line.namespace, line.key);
            let _ = writeln!(io::stderr(), "{}", escape(&place));
            return Err(failure);
        }
        changed += 1;
    }
    if out.is_json() {
        return out.document(&crate::cli::json::Changed { changed });
    }
    out.line(&format!("stored {changed}"))
}
