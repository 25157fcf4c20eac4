//! The commands for installed plugins, on a running runtime, with a plugin as its author makes it.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::program::{Answer, Runtime, named, program, run, signal, until};
use crate::support::{processes_with, runs};
use rustix::process::Signal;

/// A new plugin in this folder.
fn new(dir: &Path, name: &str) {
    run(
        program()
            .current_dir(dir)
            .args(["plugin", "new", name, "--lang", "python"]),
        b"",
    )
    .ok();
}

fn edit(file: &Path, from: &str, to: &str) {
    let text = fs::read_to_string(file).unwrap();
    assert!(text.contains(from), "{text}");
    fs::write(file, text.replace(from, to)).unwrap();
}

struct Author {
    runtime: Runtime,
    dir: TempDir,
}

impl Author {
    fn new() -> Author {
        let dir = tempfile::tempdir().unwrap();
        new(dir.path(), "thermostat");
        Author {
            runtime: Runtime::start(),
            dir,
        }
    }

    fn cli(&self, args: &[&str]) -> Answer {
        run(
            self.runtime.command().current_dir(self.dir.path()).args(args),
            b"",
        )
    }

    fn file(&self, name: &str) -> std::path::PathBuf {
        self.dir.path().join("thermostat").join(name)
    }

    fn plugin(&self) -> Value {
        named(&self.runtime.json(&["plugins"]), "thermostat").clone()
    }
}

#[test]
fn three_commands_lead_from_nothing_to_an_answered_call() {
    let author = Author::new();
    let said = author.cli(&["plugin", "install", "./thermostat", "--yes"]).ok();
    assert!(
        said.starts_with("thermostat 0.1.0 is installed: STARTED\n"),
        "{said}"
    );
    assert_eq!(
        author.cli(&["call", "thermostat.set", "{\"target\": 20.5}"]).ok(),
        "20.5\n"
    );

    let plugin = author.plugin();
    assert_eq!(
        (&plugin["state"], &plugin["placement"]),
        (&json!("STARTED"), &json!("process"))
    );
    let open = plugin["not_enforced"].as_array().unwrap();
    assert!(open.contains(&json!("processor time")), "{plugin}");
    let table = author.cli(&["plugins"]).ok();
    let line = "\nnot restricted on this system (thermostat): ";
    assert!(table.contains(line), "{table}");
    // The list is there also where nobody knows more.
    author.cli(&["plugin", "unload", "plugins"]).ok();
    let table = author.cli(&["plugins"]).ok();
    assert!(
        table.contains("\nwhat is not restricted is not known: "),
        "{table}"
    );
    assert_eq!(author.plugin().get("not_enforced"), None);
    author.cli(&["plugin", "start", "plugins"]).ok();
    let wrong = author
        .cli(&["call", "thermostat.set", "{\"target\": \"warm\"}"])
        .fails(1);
    assert!(wrong.starts_with("error[invalid_argument]: /target: "), "{wrong}");
    let stored = author.cli(&["storage", "get", "thermostat", "target"]).ok();
    assert_eq!(stored, "20.5\n");
    // As the original's plugins call.
    let both = author.cli(&["call", "thermostat.set", "{\"args\": [19.5], \"kwargs\": {}}"]);
    assert_eq!(both.ok(), "19.5\n");
    let schema = author.cli(&["services", "thermostat.set"]).ok();
    assert!(
        schema.contains("\"target\"") && schema.contains("number"),
        "{schema}"
    );
}

#[test]
fn nothing_is_granted_that_nobody_agreed_to() {
    let author = Author::new();
    let refused = author.cli(&["plugin", "install", "./thermostat"]).fails(2);
    assert!(
        refused.contains("subscribe sensor.*.temperature") && refused.contains("--yes"),
        "{refused}"
    );
    // It is said before somebody would be asked what this system will not keep it from.
    let asks = refused.find("It asks for:").unwrap();
    let open = refused.find("\nNot restricted on this system: ").unwrap();
    let question = refused.find("nobody is there to agree").unwrap();
    assert!(asks < open && open < question, "{refused}");
    assert!(refused.contains("processor time"), "{refused}");
    author.cli(&["plugin", "install", "./thermostat", "--yes"]).ok();
    author
        .cli(&[
            "plugin",
            "permissions",
            "thermostat",
            "revoke",
            "publish",
            "heating.switch",
        ])
        .ok();
    author
        .cli(&["publish", "sensor.hall.temperature", "{\"celsius\": 3}"])
        .ok();
    until("it is refused", || {
        let log = author.cli(&["plugin", "logs", "thermostat"]).ok();
        log.contains("core-runtime plugin permissions thermostat grant publish heating.switch")
    });
    author
        .cli(&[
            "plugin",
            "permissions",
            "thermostat",
            "grant",
            "publish",
            "heating.switch",
        ])
        .ok();
    let table = author.cli(&["plugin", "permissions", "thermostat"]).ok();
    assert!(table.contains("publish heating.switch"), "{table}");
    for wrong in [
        ["grant", "fly", "x"],
        ["grant", "publish", "a..b"],
        ["revoke", "publish", "never.granted"],
    ] {
        let mut args = vec!["plugin", "permissions", "thermostat"];
        args.extend(wrong);
        author.cli(&args).fails(1);
    }
}

#[test]
fn settings_are_checked_kept_and_have_defaults() {
    let author = Author::new();
    author
        .cli(&["plugin", "install", "./thermostat", "--yes", "--set", "target=18"])
        .ok();
    assert_eq!(
        author
            .cli(&["plugin", "settings", "thermostat", "get", "target"])
            .ok(),
        "18\n"
    );
    let wrong = author
        .cli(&["plugin", "settings", "thermostat", "set", "target", "\"warm\""])
        .fails(1);
    assert!(wrong.starts_with("error[invalid_settings]: /target: "), "{wrong}");
    author
        .cli(&["plugin", "settings", "thermostat", "set", "taget", "1"])
        .fails(1);
    author
        .cli(&["plugin", "settings", "thermostat", "set", "target", "-3.5"])
        .ok();
    assert_eq!(
        author.cli(&["plugin", "settings", "thermostat"]).ok(),
        "{\"target\":-3.5}\n"
    );
    author
        .cli(&["plugin", "settings", "thermostat", "unset", "target"])
        .ok();
    assert_eq!(
        author.cli(&["plugin", "settings", "thermostat"]).ok(),
        "{\"target\":21.0}\n"
    );
    assert_eq!(author.plugin()["state"], "STARTED");
}

#[test]
fn an_upgrade_that_does_not_start_goes_back_and_data_stays() {
    let author = Author::new();
    author.cli(&["plugin", "install", "./thermostat", "--yes"]).ok();
    author.cli(&["call", "thermostat.set", "{\"target\": 17.5}"]).ok();
    edit(&author.file("plugin.toml"), "0.1.0", "0.2.0");
    let said = author.cli(&["plugin", "upgrade", "./thermostat"]).ok();
    assert!(
        said.starts_with("thermostat 0.2.0 is upgraded: STARTED"),
        "{said}"
    );

    edit(&author.file("plugin.toml"), "0.2.0", "0.3.0");
    edit(
        &author.file("main.py"),
        "if __name__",
        "this is no Python\nif __name__",
    );
    let told = author.cli(&["plugin", "upgrade", "./thermostat"]).fails(1);
    assert!(
        told.contains("error[rolled_back]") && told.contains("STARTED"),
        "{told}"
    );
    let plugin = author.plugin();
    assert_eq!(
        (&plugin["version"], &plugin["state"]),
        (&json!("0.2.0"), &json!("STARTED"))
    );
    // What the version said that did not start is what its author wants to see.
    let log = author.cli(&["plugin", "logs", "thermostat"]).ok();
    assert!(log.contains("SyntaxError"), "{log}");
    assert_eq!(
        author.cli(&["storage", "get", "thermostat", "target"]).ok(),
        "17.5\n"
    );
    assert_eq!(
        named(&author.runtime.json(&["plugins"]), "example")["counters"]["failures"],
        0
    );
}

#[test]
fn one_package_may_be_installed_under_several_names_and_removed() {
    let author = Author::new();
    author.cli(&["plugin", "install", "./thermostat", "--yes"]).ok();
    let taken = author
        .cli(&["plugin", "install", "./thermostat", "--yes"])
        .fails(1);
    assert!(
        taken.contains("error[taken]") && taken.contains("--name"),
        "{taken}"
    );
    author
        .cli(&["plugin", "install", "./thermostat", "--yes", "--name", "second"])
        .ok();
    author.cli(&["call", "second.set", "{\"target\": 15.5}"]).ok();
    assert_eq!(author.cli(&["storage", "get", "second", "target"]).ok(), "15.5\n");
    assert_eq!(
        author.cli(&["plugin", "remove", "second"]).ok(),
        "second is removed\n"
    );
    author.cli(&["call", "second.set", "{\"target\": 15.5}"]).fails(1);
    assert_eq!(
        author.cli(&["call", "thermostat.set", "{\"target\": 14.5}"]).ok(),
        "14.5\n"
    );
    assert_eq!(author.cli(&["storage", "get", "second", "target"]).ok(), "15.5\n");
    for name in ["example", "plugins", "storage", "nobody"] {
        author.cli(&["plugin", "remove", name]).fails(1);
    }
}

#[test]
fn what_is_installed_is_there_again_and_what_is_disabled_is_not_started() {
    let author = Author::new();
    author.cli(&["plugin", "install", "./thermostat", "--yes"]).ok();
    let Author { runtime, dir } = author;
    let (_, data) = runtime.stop(Signal::TERM);
    let author = Author {
        runtime: Runtime::start_with(data, &[]),
        dir,
    };
    until("it is started", || author.plugin()["state"] == "STARTED");
    author.cli(&["plugin", "disable", "thermostat"]).ok();
    let Author { runtime, dir } = author;
    let (_, data) = runtime.stop(Signal::TERM);
    let author = Author {
        runtime: Runtime::start_with(data, &[]),
        dir,
    };
    until("the others are started", || {
        named(&author.runtime.json(&["plugins"]), "example")["state"] == "STARTED"
    });
    assert_eq!(author.plugin()["state"], "UNLOADED");
    author.cli(&["plugin", "enable", "thermostat"]).ok();
    assert_eq!(author.plugin()["state"], "STARTED");
}

#[test]
fn what_a_plugin_has_logged_is_there_after_a_restart() {
    let mut author = Author::new();
    edit(
        &author.file("main.py"),
        "self.target = await",
        "self.log.warning('hello again')\n        self.target = await",
    );
    author.cli(&["plugin", "install", "./thermostat", "--yes"]).ok();
    let lines = |author: &Author| {
        let text = author.cli(&["plugin", "logs", "thermostat", "--json"]).ok();
        let lines = text
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap());
        lines
            .filter(|line| line["text"] == "hello again")
            .map(|line| line["seq"].as_u64().unwrap())
            .collect::<Vec<_>>()
    };
    let mut before = lines(&author);
    assert_eq!(before.len(), 1);
    // Asked to end, and killed: that once what was logged is saved.
    for signal in [Signal::TERM, Signal::KILL] {
        if signal == Signal::KILL {
            let file = author.runtime.path("plugins").join("thermostat/log.ndjson");
            until("it is saved", || {
                let text = fs::read_to_string(&file).unwrap_or_default();
                text.matches("hello again").count() == before.len()
            });
        }
        let Author { runtime, dir } = author;
        let (_, data) = runtime.stop(signal);
        author = Author {
            runtime: Runtime::start_with(data, &[]),
            dir,
        };
        until("it has started and said so", || {
            lines(&author).len() > before.len()
        });
        let now = lines(&author);
        assert_eq!(now[..before.len()], before);
        assert!(now.windows(2).all(|pair| pair[0] < pair[1]), "{now:?}");
        before = now;
    }
    // It goes with the plugin.
    author.cli(&["plugin", "remove", "thermostat"]).ok();
    author.cli(&["plugin", "install", "./thermostat", "--yes"]).ok();
    assert_eq!(lines(&author).len(), 1);
}

#[test]
fn a_runtime_that_is_killed_leaves_no_process_behind() {
    let author = Author::new();
    // A child of the plugin outlives its parent, if nobody ends it.
    edit(
        &author.file("main.py"),
        "from dataclasses",
        "import subprocess\nsubprocess.Popen(['sleep', '4321'])\nfrom dataclasses",
    );
    author.cli(&["plugin", "install", "./thermostat", "--yes"]).ok();
    let place = author.runtime.path("plugins").display().to_string();
    let of_this = |command: &str| {
        let all = processes_with(command);
        let here = |pid: &i64| {
            let place_of = fs::read_link(format!("/proc/{pid}/cwd"));
            place_of.is_ok_and(|there| there.display().to_string().starts_with(&place))
        };
        all.into_iter().filter(here).collect::<Vec<_>>()
    };
    let all = [of_this("main.py"), of_this("sleep 4321")].concat();
    assert_eq!(all.len(), 2);
    signal(&author.runtime.child, Signal::KILL);
    until("all are gone", || !all.iter().any(|pid| runs(*pid)));
}

#[test]
fn a_check_runs_the_plugin_and_says_what_is_wrong() {
    let dir = tempfile::tempdir().unwrap();
    new(dir.path(), "my-lamp");
    let check = || {
        run(
            program()
                .current_dir(dir.path())
                .args(["plugin", "check", "my-lamp"]),
            b"",
        )
    };
    let said = check().ok();
    assert!(
        said.contains("ok    it starts") && said.contains("my-lamp.set") && said.contains("ok    it stops"),
        "{said}"
    );
    edit(
        &dir.path().join("my-lamp/main.py"),
        "heating = False",
        "heating = Fals",
    );
    let answer = check();
    assert_eq!(answer.status, 1);
    assert!(
        answer.out.contains("NameError: name 'Fals'")
            && answer.err.contains("FAIL  it does not start: exited"),
        "{answer:?}"
    );
    edit(&dir.path().join("my-lamp/plugin.toml"), "api = 1", "api = 7");
    let told = check().fails(2);
    assert!(
        told.contains("my-lamp/plugin.toml, line 5, column 7: plugin.api is 7; allowed is 1"),
        "{told}"
    );
}

#[test]
fn a_plugin_in_development_is_started_anew_when_a_file_changes() {
    let author = Author::new();
    let mut dev = author.runtime.command();
    let mut dev = dev
        .current_dir(author.dir.path())
        .args(["plugin", "dev", "thermostat"])
        .stdin(std::process::Stdio::null())
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let sets = |target: &str, answer: &str| author.cli(&["call", "thermostat.set", target]).out == answer;
    until("it answers", || sets("{\"target\": 10.5}", "10.5\n"));
    edit(&author.file("main.py"), "return target", "return -target");
    until("it answers anew", || sets("{\"target\": 10.5}", "-10.5\n"));
    signal(&dev, Signal::INT);
    assert!(dev.wait().unwrap().success());
    author
        .cli(&["call", "thermostat.set", "{\"target\": 10.5}"])
        .fails(1);
}
