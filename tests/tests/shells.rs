//! What the command line makes for shells and for `man`, in the real ones.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use tests::binary;
use tests::inspector::{Start, Terminal};

/// `PATH` with the program's folder in front.
fn path() -> String {
    let program = binary("host-std", "dev").unwrap();
    let folder = program.parent().unwrap().display();
    format!("{folder}:{}", std::env::var("PATH").unwrap())
}

/// What is typed, and what it becomes by a tab.
const COMPLETED: [(&str, &str); 6] = [
    ("core-runtime servi", "core-runtime services"),
    ("core-runtime plugin rel", "core-runtime plugin reload"),
    ("core-runtime storage names", "core-runtime storage namespaces"),
    (
        "core-runtime storage set --soc",
        "core-runtime storage set --socket",
    ),
    ("core-runtime help storage cl", "core-runtime help storage clear"),
    ("core-runtime --ser", "core-runtime --serial"),
];

/// Types in an interactive shell, which has read the script.
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
    for (typed, whole) in COMPLETED {
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
        "source <(core-runtime completions bash)",
    );
}

#[test]
#[ignore = "needs zsh: tests/run.sh host"]
fn zsh_completes_commands_options_and_subcommands() {
    let load = "autoload -Uz compinit; compinit -u -D; source <(core-runtime completions zsh)";
    completes("zsh", &["-f", "-i"], load);
}

#[test]
#[ignore = "needs fish: tests/run.sh host"]
fn fish_completes_commands_options_and_subcommands() {
    for (typed, whole) in COMPLETED {
        let script = format!("core-runtime completions fish | source; complete -C '{typed}'");
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
