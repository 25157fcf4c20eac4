//! Packages and manifests that are refused, and what they leave behind: nothing.

use host_std::Host;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::json;

use crate::program::{Runtime, program, run};
use crate::support::House;

const MANIFEST: &str = "[plugin]\nname = \"lamp\"\nversion = \"1.0.0\"\n[run]\nkind = \"process\"\ncommand = [\"sleep\", \"9\"]\n";

fn sh(dir: &Path, script: &str) {
    let done = Command::new("sh")
        .current_dir(dir)
        .args(["-ec", script])
        .status()
        .unwrap();
    assert!(done.success(), "{script}");
}

/// A zip archive of these names, each with a few bytes; made by Python, whose library takes any name.
fn zip(dir: &Path, names: &[&str]) -> PathBuf {
    let script = "import sys, zipfile\nwith zipfile.ZipFile('lamp.zip', 'w') as z:\n  for n in sys.argv[1:]:\n    z.writestr(n, open('plugin.toml').read())\n";
    let done = Command::new("python3")
        .current_dir(dir)
        .arg("-c")
        .arg(script)
        .args(names)
        .status()
        .unwrap();
    assert!(done.success());
    dir.join("lamp.zip")
}

/// Checks that a package is refused with these words, and that nothing came out beside its place.
fn refused(package: &Path, words: &str) {
    let answer = run(program().args(["plugin", "check"]).arg(package), b"");
    assert_eq!(answer.status, 2, "{answer:?}");
    assert!(answer.err.contains(words), "{words:?} in {}", answer.err);
}

#[test]
fn archives_that_mean_no_good_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    fs::write(dir.join("plugin.toml"), MANIFEST).unwrap();
    for (names, words) in [
        (&["plugin.toml", "../out"][..], "it leaves the folder"),
        (&["plugin.toml", "a/../../out"], "it leaves the folder"),
        (&["plugin.toml", "/tmp/out"], "an absolute path"),
        (&["plugin.toml", "a\\..\\out"], "a character that is not allowed"),
        (&["plugin.toml", "Main.py", "main.py"], "upper and lower case"),
        (&["plugin.toml", "A/x", "a/y"], "upper and lower case"),
        (&["readme"], "neither a plugin.toml nor a plugin.json"),
    ] {
        refused(&zip(dir, names), words);
    }
    for (script, words) in [
        (
            "ln -s /etc/passwd link && tar czf l.tar.gz plugin.toml link",
            "links and devices are not taken",
        ),
        (
            "ln plugin.toml hard && tar czf l.tar.gz plugin.toml hard",
            "links and devices are not taken",
        ),
        (
            "mkfifo pipe && tar czf l.tar.gz plugin.toml pipe",
            "links and devices are not taken",
        ),
        (
            "tar czPf l.tar.gz plugin.toml --transform 's,plugin,../plugin,' plugin.toml",
            "it leaves the folder",
        ),
        (
            "head -c 300M /dev/zero > zero && tar czf l.tar.gz plugin.toml zero && rm zero",
            "more than 256 MiB",
        ),
        (
            "mkdir many && cd many && seq 1 20001 | xargs touch && cd .. && tar czf l.tar.gz plugin.toml many && rm -r many",
            "more than 20000 files",
        ),
        (
            "tar czf w.tar.gz plugin.toml && head -c 100 w.tar.gz > l.tar.gz",
            "damaged",
        ),
        ("echo hello > l.tar.gz", "damaged"),
    ] {
        sh(dir, script);
        refused(&dir.join("l.tar.gz"), words);
    }
    assert!(!dir.parent().unwrap().join("out").exists() && !Path::new("/tmp/out").exists());
    refused(&dir.join("nowhere"), "there is no such folder or file");
    refused(&dir.join("plugin.toml"), ".tar.gz, .tgz or .zip");
    sh(
        dir,
        "mkdir linked && cp plugin.toml linked && ln -s /etc linked/etc",
    );
    refused(&dir.join("linked"), "a link");
}

#[test]
fn an_archive_with_one_folder_is_that_folder() {
    let dir = tempfile::tempdir().unwrap();
    sh(dir.path(), "mkdir lamp-1.0.0");
    fs::write(dir.path().join("lamp-1.0.0/plugin.toml"), MANIFEST).unwrap();
    sh(dir.path(), "tar czf lamp.tgz lamp-1.0.0");
    let answer = run(
        program()
            .args(["plugin", "check"])
            .arg(dir.path().join("lamp.tgz")),
        b"",
    );
    assert!(answer.out.starts_with("ok    manifest: lamp 1.0.0"), "{answer:?}");
}

#[test]
fn a_manifest_says_where_it_is_wrong_and_what_is_allowed() {
    let dir = tempfile::tempdir().unwrap();
    for (from, to, words) in [
        (
            "lamp",
            "Lamp",
            "line 2, column 8: plugin.name is \"Lamp\"; allowed is 1 to 32",
        ),
        ("lamp", "storage", "plugin.name is \"storage\""),
        ("1.0.0", "../1", "line 3, column 11: plugin.version is \"../1\""),
        (
            "version",
            "verison",
            "line 3, column 1: unknown field `verison`, expected one of `name`, `version`",
        ),
        (
            "\"process\"",
            "\"proces\"",
            "line 5, column 8: unknown variant `proces`, expected one of `process`, `wasm`, `http`",
        ),
        ("[\"sleep\", \"9\"]", "[]", "line 6, column 11: run.command is []"),
        (
            "[\"sleep\", \"9\"]",
            "7",
            "invalid type: integer `7`, expected a sequence",
        ),
        (
            "command",
            "module = \"x\"\ncommand",
            "run.module is given; allowed is only where kind is \"wasm\"",
        ),
        (
            "[run]",
            "[needs]\nplugins = [\"a b\"]\n[run]",
            "needs.plugins is \"a b\"",
        ),
        (
            "[run]",
            "[permissions]\npublish = [\"a..b\"]\n[run]",
            "line 5, column 12: permissions.publish is \"a..b\"",
        ),
        ("[run]", "[permissions]\nfly = true\n[run]", "unknown field `fly`"),
        (
            "[run]",
            "[permissions.files]\nread = [\"../x\"]\n[run]",
            "permissions.files.read is \"../x\"; allowed is an absolute path",
        ),
        (
            "[run]",
            "[limits]\nmemory_mb = 0\n[run]",
            "limits.memory_mb is 0; allowed is a whole number from 1",
        ),
        (
            "[run]",
            "[limits]\nhook_seconds = 1e9\n[run]",
            "limits.hook_seconds is 1000000000",
        ),
        (
            "[run]",
            "[settings]\ntype = \"objekt\"\n[run]",
            "line 4, column 1: settings is ",
        ),
        ("[plugin]", "[plugin", "line 1"),
    ] {
        let text = MANIFEST.replacen(from, to, 1);
        assert_ne!(text, MANIFEST);
        fs::write(dir.path().join("plugin.toml"), text).unwrap();
        refused(dir.path(), words);
    }
    fs::remove_file(dir.path().join("plugin.toml")).unwrap();
    for (text, words) in [
        ("{", "plugin.json, line 1"),
        (
            "{\"name\": \"x\", \"class_path\": \"a\"}",
            "class_path is \"a\"; allowed is a module and a class",
        ),
        (
            "{\"name\": \"X\", \"class_path\": \"a.B\"}",
            "line 1, column 2: name is \"X\"",
        ),
        ("{\"class_path\": \"a.B\"}", "missing field `name`"),
    ] {
        fs::write(dir.path().join("plugin.json"), text).unwrap();
        refused(dir.path(), words);
    }
}

#[test]
fn an_installation_that_was_interrupted_leaves_nothing() {
    let runtime = Runtime::start();
    let place = runtime.path("plugins");
    let (_, data) = runtime.stop(rustix::process::Signal::TERM);
    // What a process that is killed half way leaves: a package without a record, and one that is being unpacked.
    fs::create_dir_all(place.join(".incoming/0")).unwrap();
    File::create(place.join(".incoming/0/half"))
        .unwrap()
        .write_all(b"half")
        .unwrap();
    fs::create_dir_all(place.join("half/versions/0001-1.0.0")).unwrap();
    let runtime = Runtime::start_with(data, &[]);
    let plugins = runtime.json(&["plugins"]);
    assert!(!plugins.to_string().contains("half"), "{plugins}");
    assert_eq!(fs::read_dir(place.join(".incoming")).unwrap().count(), 0);
    // A record that is damaged is named, and the others run.
    fs::create_dir_all(place.join("broken")).unwrap();
    fs::write(place.join("broken/record.json"), "{").unwrap();
    let (_, data) = runtime.stop(rustix::process::Signal::TERM);
    let runtime = Runtime::start_with(data, &[]);
    assert_eq!(runtime.json(&["health"])["ok"], json!(true));
}

#[test]
fn more_plugins_than_an_answer_holds_are_listed_page_by_page() {
    let house = House::with(Host::builder());
    let folder = house.dir.path().join("many");
    fs::create_dir_all(&folder).unwrap();
    // Nobody is there: each fails, and says why at length.
    let manifest = format!(
        "[plugin]\nname = \"many-of-one-package-and-name-0\"\nversion = \"1.0.0\"\ndescription = {0:?}\nauthor = {0:?}\n\
         [run]\nkind = \"http\"\nurl = \"http://127.0.0.1:9\"\n",
        "x".repeat(5000)
    );
    fs::write(folder.join("plugin.toml"), manifest).unwrap();
    let mut names: Vec<String> = (0..115)
        .map(|number| format!("many-of-one-package-and-name-{number:03}"))
        .collect();
    for name in &names {
        let row = house
            .call("plugins.install", json!({ "path": folder, "name": name }))
            .unwrap();
        assert_eq!(row["state"], "FAILED", "{row}");
    }
    let (mut listed, mut after, mut pages) = (Vec::new(), String::new(), 0);
    loop {
        let page = house.call("plugins.list", json!({ "after": after })).unwrap();
        let page = page.as_array().unwrap();
        let Some(last) = page.last() else { break };
        after = last["name"].as_str().unwrap().to_owned();
        listed.extend(page.iter().map(|row| row["name"].as_str().unwrap().to_owned()));
        pages += 1;
    }
    assert!(pages > 1, "{pages}");
    listed.retain(|name| name.starts_with("many"));
    names.sort();
    assert_eq!(listed, names);
}
