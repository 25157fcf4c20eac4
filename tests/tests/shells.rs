//! What the command line makes for shells and for `man`, in the real ones.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use tests::binary;
use tests::inspector::{Start, Terminal};

/// `PATH` with the programs' folders in front.
fn path() -> String {
    let folder = |package| {
        let program = binary(package, "dev").unwrap();
        program.parent().unwrap().display().to_string()
    };
    let (host, inspector) = (folder("host-std"), folder("inspector-tui"));
    format!("{host}:{inspector}:{}", std::env::var("PATH").unwrap())
}

/// What is typed, and what it becomes by a tab.
const COMPLETED: [(&str, &str); 6] = [
    ("core-runtime subs", "core-runtime subscriptions"),
    ("core-runtime plugin rel", "core-runtime plugin reload"),
    ("core-runtime storage names", "core-runtime storage namespaces"),
    (
        "core-runtime storage set --soc",
        "core-runtime storage set --socket",
    ),
    ("core-runtime help storage cl", "core-runtime help storage clear"),
    ("core-runtime --ser", "core-runtime --serial"),
];

/// The same of the inspector.
const COMPLETED_BY_INSPECTOR: [(&str, &str); 3] = [
    ("core-inspector repl", "core-inspector replay"),
    ("core-inspector replay --spe", "core-inspector replay --speed"),
    ("core-inspector --read", "core-inspector --read-only"),
];

/// Types in an interactive shell, which has read the scripts.
fn completes(shell: &str, arguments: &[&str], load: &str) {
    let folder = tempfile::tempdir().unwrap();
    let (path, home) = (path(), folder.path().to_str().unwrap().to_owned());
    let program = which(shell);
    let mut start = Start::new(Path::new(&program), arguments);
    let variables = [("PATH", &*path), ("HOME", &*home), ("PS1", "> ")];
    start.variables = &variables;
    start.folder = Some(folder.path());
    let terminal = Terminal::start(start).unwrap();
    terminal.see(">").unwrap();
    terminal.press(&format!("{load}; clear; echo rea''dy\r")).unwrap();
    terminal.see("ready").unwrap();
    for (typed, whole) in COMPLETED.into_iter().chain(COMPLETED_BY_INSPECTOR) {
        terminal.press(typed).unwrap();
        terminal.see(typed).unwrap();
        terminal.press("\t").unwrap();
        terminal.see(whole).unwrap();
        terminal.press("\x15clear\r").unwrap();
        terminal.see_no(whole).unwrap();
    }
}

fn which(program: &str) -> String {
    let found = Command::new("which").arg(program).output().unwrap();
    assert!(found.status.success(), "{program} is not here: install it");
    String::from_utf8(found.stdout).unwrap().trim().to_owned()
}

#[test]
#[ignore = "needs bash: tests/run.sh host"]
fn bash_completes_commands_options_and_subcommands() {
    completes(
        "bash",
        &["--norc", "-i"],
        "source <(core-runtime completions bash); source <(core-inspector completions bash)",
    );
}

#[test]
#[ignore = "needs zsh: tests/run.sh host"]
fn zsh_completes_commands_options_and_subcommands() {
    let load = "autoload -Uz compinit; compinit -u -D; source <(core-runtime completions zsh); \
        source <(core-inspector completions zsh)";
    completes("zsh", &["-f", "-i"], load);
}

#[test]
#[ignore = "needs fish: tests/run.sh host"]
fn fish_completes_commands_options_and_subcommands() {
    for (typed, whole) in COMPLETED.into_iter().chain(COMPLETED_BY_INSPECTOR) {
        let script = format!(
            "core-runtime completions fish | source; core-inspector completions fish | source; complete -C '{typed}'"
        );
        let answer = Command::new(which("fish"))
            .args(["--no-config", "-c", &script])
            .env("PATH", path())
            .output()
            .unwrap();
        let found = String::from_utf8(answer.stdout).unwrap();
        let word = whole.rsplit_once(' ').unwrap().1;
        assert!(
            found.lines().any(|line| line.split('\t').next() == Some(word)),
            "{typed}: {found}"
        );
    }
}

#[test]
#[ignore = "needs man: tests/run.sh host"]
fn man_shows_every_page_without_a_warning() {
    let program = binary("host-std", "dev").unwrap();
    let help = |command: &[&str]| {
        let shown = Command::new(&program).arg("man").args(command).output().unwrap();
        assert!(shown.status.success(), "{command:?}");
        shown.stdout
    };
    for command in [
        "",
        "run",
        "call",
        "publish",
        "watch",
        "plugins",
        "services",
        "subscriptions",
        "calls",
        "health",
        "metrics",
        "plugin",
        "plugin reload",
        "state",
        "state set",
        "storage",
        "storage set",
        "storage backup",
        "storage check",
        "storage restore",
        "storage export",
        "storage import",
        "doctor",
        "service",
        "service install",
        "completions",
        "man",
    ] {
        let words: Vec<&str> = command.split_whitespace().collect();
        let mut man = Command::new(which("man"))
            .args(["--warnings", "-E", "UTF-8", "-l", "-"])
            .env("MANPAGER", "cat")
            .env("MANWIDTH", "100")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        man.stdin.take().unwrap().write_all(&help(&words)).unwrap();
        let shown = man.wait_with_output().unwrap();
        let (page, told) = (
            String::from_utf8(shown.stdout).unwrap(),
            String::from_utf8(shown.stderr).unwrap(),
        );
        assert!(shown.status.success() && told.is_empty(), "{command}: {told}");
        let name = ["core-runtime", command]
            .join("-")
            .trim_end_matches('-')
            .replace(' ', "-");
        assert!(page.contains("NAME") && page.contains(&name), "{command}: {page}");
    }
}

#[test]
fn every_command_and_the_inspector_have_pages() {
    let folder = tempfile::tempdir().unwrap();
    let written = Command::new(binary("host-std", "dev").unwrap())
        .args(["man", "--all"])
        .arg(folder.path())
        .status()
        .unwrap();
    assert!(written.success());
    for page in [
        "core-runtime",
        "core-runtime-run",
        "core-runtime-plugin-settings-set",
        "core-runtime-doctor",
    ] {
        let text = std::fs::read_to_string(folder.path().join(format!("{page}.1"))).unwrap();
        assert!(text.contains(&format!(".TH {page} 1")), "{page}: {text}");
    }
    let shown = Command::new(binary("inspector-tui", "dev").unwrap())
        .arg("man")
        .output()
        .unwrap();
    let text = String::from_utf8(shown.stdout).unwrap();
    assert!(
        text.contains(".TH core-inspector 1") && text.contains("read\\-only"),
        "{text}"
    );
}
