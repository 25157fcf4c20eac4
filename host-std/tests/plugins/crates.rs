//! Packages that are built before they are installed: crates, and whatever else a manifest builds by a command.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

use rustix::process::Signal;
use serde_json::json;
use tempfile::TempDir;

use crate::program::{Answer, Runtime, named, program, run, signal, until};

/// Where this project is: the new crates use its libraries.
const CLONE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

const BUILT: &str = "[plugin]\nname = \"lamp\"\nversion = \"1.0.0\"\n[run]\nkind = \"wasm\"\nmodule = \"out/lamp.wasm\"\n\
                     [build]\ncommand = [\"./build\"]\n";

/// The smallest module that is one: it loads, and then it has done.
const MODULE: &str = r#"(module (memory (export "memory") 1) (func (export "run")))"#;

fn edit(file: &Path, from: &str, to: &str) {
    let text = fs::read_to_string(file).unwrap();
    assert!(text.contains(from), "{text}");
    fs::write(file, text.replace(from, to)).unwrap();
}

fn script(file: &Path, text: &str) {
    fs::write(file, format!("#!/bin/sh\n{text}\n")).unwrap();
    fs::set_permissions(file, fs::Permissions::from_mode(0o755)).unwrap();
}

fn new_crate(dir: &Path, name: &str) {
    let mut new = program();
    new.current_dir(dir);
    new.args(["plugin", "new", name, "--lang", "rust", "--kit", CLONE]);
    run(&mut new, b"").ok();
}

fn cli(runtime: &Runtime, dir: &Path, args: &[&str]) -> Answer {
    run(runtime.command().current_dir(dir).args(args), b"")
}

/// A folder that builds a module by a script; `text` is the script, in which `made` makes the module.
fn built(text: &str) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("plugin.toml"), BUILT).unwrap();
    fs::write(dir.path().join("module"), wat::parse_str(MODULE).unwrap()).unwrap();
    let made = "mkdir -p out && cp module out/lamp.wasm";
    script(&dir.path().join("build"), &text.replace("made", made));
    dir
}

#[test]
fn three_commands_lead_from_nothing_to_an_answered_call_of_a_crate() {
    let (runtime, dir) = (Runtime::start(), tempfile::tempdir().unwrap());
    let dir = dir.path();
    new_crate(dir, "my-heating");
    // Nothing is run, and nothing installed, that nobody agreed to.
    let refused = cli(&runtime, dir, &["plugin", "install", "./my-heating"]).fails(2);
    assert!(
        refused.contains("is built: cargo build") && refused.contains("--yes"),
        "{refused}"
    );
    assert!(!dir.join("my-heating/target").exists());

    let installed = cli(&runtime, dir, &["plugin", "install", "./my-heating", "--yes"]);
    assert_eq!(installed.status, 0, "{installed:?}");
    assert!(
        installed
            .out
            .starts_with("my-heating 0.1.0 is installed: STARTED\n"),
        "{installed:?}"
    );
    assert!(installed.err.contains("Finished"), "{installed:?}");
    let set = |target: &str| cli(&runtime, dir, &["call", "my-heating.set", target]);
    assert_eq!(set("{\"target\": 20.5}").ok(), "20.5\n");
    let wrong = set("{\"target\": \"warm\"}").fails(1);
    assert!(
        wrong.starts_with("error[invalid_argument]: /target: expected number, got string"),
        "{wrong}"
    );
    let schema = cli(&runtime, dir, &["services", "my-heating.set"]).ok();
    assert!(
        schema.contains("Sets the temperature") && schema.contains("21.5") && schema.contains("number"),
        "{schema}"
    );
    let stored = ["storage", "get", "my-heating", "target"];
    assert_eq!(cli(&runtime, dir, &stored).ok(), "20.5\n");
    let plugin = named(&runtime.json(&["plugins"]), "my-heating").clone();
    assert_eq!(
        (&plugin["state"], &plugin["placement"]),
        (&json!("STARTED"), &json!("wasm"))
    );
    // Once more, under another name, with a setpoint of its own.
    let second = ["plugin", "install", "./my-heating", "--yes", "--name", "second"];
    let second = cli(&runtime, dir, &second);
    assert!(
        second.status == 0 && second.out.starts_with("second 0.1.0 is installed: STARTED\n"),
        "{second:?}"
    );
    let set_second = |target: &str| cli(&runtime, dir, &["call", "second.set", target]);
    assert_eq!(set_second("{\"target\": 17.5}").ok(), "17.5\n");
    let wrong = set_second("{\"target\": \"warm\"}").fails(1);
    assert!(wrong.contains("/target: expected number, got string"), "{wrong}");
    assert_eq!(
        cli(&runtime, dir, &["storage", "get", "second", "target"]).ok(),
        "17.5\n"
    );
    assert_eq!(cli(&runtime, dir, &stored).ok(), "20.5\n");
    // The module and its manifest are all that the runtime has of it.
    let versions = runtime.path("plugins/my-heating/versions");
    let package = fs::read_dir(versions).unwrap().next().unwrap().unwrap().path();
    let mut files: Vec<_> = fs::read_dir(package)
        .unwrap()
        .map(|file| file.unwrap().file_name())
        .collect();
    files.sort();
    assert_eq!(files, ["plugin.toml", "target"]);

    // One that does not compile is not installed, and the one before goes on.
    edit(
        &dir.join("my-heating/src/lib.rs"),
        "self.target = new.target;",
        "self.target = new;",
    );
    let upgraded = cli(&runtime, dir, &["plugin", "upgrade", "./my-heating", "--yes"]);
    assert_eq!(upgraded.status, 1, "{upgraded:?}");
    assert!(
        upgraded.err.contains("mismatched types") && upgraded.err.contains("my-heating was not built by"),
        "{upgraded:?}"
    );
    assert_eq!(set("{\"target\": 19.5}").ok(), "19.5\n");
    edit(
        &dir.join("my-heating/src/lib.rs"),
        "self.target = new;",
        "log::warn!(\"it was {}\", self.target);\n        self.target = -new.target;",
    );
    edit(
        &dir.join("my-heating/src/lib.rs"),
        "Ok(new.target)",
        "Ok(self.target)",
    );
    for file in ["Cargo.toml", "plugin.toml"] {
        edit(&dir.join("my-heating").join(file), "0.1.0", "0.2.0");
    }
    let upgraded = cli(&runtime, dir, &["plugin", "upgrade", "./my-heating", "--yes"]);
    assert!(
        upgraded.out.starts_with("my-heating 0.2.0 is upgraded: STARTED"),
        "{upgraded:?}"
    );
    assert_eq!(set("{\"target\": 19.5}").ok(), "-19.5\n");
    let logged = cli(&runtime, dir, &["plugin", "logs", "my-heating"]).ok();
    assert!(logged.contains("it was 19.5"), "{logged}");
}

#[test]
fn the_test_of_a_new_crate_passes_and_rustfmt_and_the_compiler_find_nothing() {
    let dir = tempfile::tempdir().unwrap();
    // A name that the template has another use for.
    new_crate(dir.path(), "target");
    let cargo = |args: &[&str]| {
        let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        cargo.current_dir(dir.path().join("target")).args(args);
        run(
            cargo
                .env_remove("CARGO_TARGET_DIR")
                .env("RUSTFLAGS", "-D warnings"),
            b"",
        )
    };
    let tested = cargo(&["test"]);
    assert!(
        tested.status == 0 && tested.out.contains("3 passed"),
        "{tested:?}"
    );
    cargo(&["fmt", "--check"]).ok();
}

#[test]
fn a_crate_says_which_libraries_it_uses() {
    let dir = tempfile::tempdir().unwrap();
    let new = |kit: &str| {
        let mut new = program();
        new.current_dir(dir.path()).env("RUNTIME_KIT", kit);
        run(new.args(["plugin", "new", "lamp", "--lang", "rust"]), b"")
    };
    let refused = new("/nowhere").fails(2);
    assert!(
        refused.contains("--kit is \"/nowhere\"; allowed is the folder of a clone"),
        "{refused}"
    );
    assert!(!dir.path().join("lamp").exists());
    new(CLONE).ok();
    let manifest = fs::read_to_string(dir.path().join("lamp/Cargo.toml")).unwrap();
    let kit = fs::canonicalize(CLONE).unwrap().join("plugins/kit");
    assert!(
        manifest.contains(&format!("path = \"{}\"", kit.display())),
        "{manifest}"
    );
    // Unless it is said, the clone that the program is in.
    let clone = fs::canonicalize(dir.path()).unwrap();
    fs::create_dir_all(clone.join("plugins/kit")).unwrap();
    fs::write(clone.join("plugins/kit/Cargo.toml"), "").unwrap();
    fs::create_dir_all(clone.join("target/debug")).unwrap();
    let built = clone.join("target/debug/core-runtime");
    fs::copy(env!("CARGO_BIN_EXE_core-runtime"), &built).unwrap();
    let mut new = Command::new(built);
    new.current_dir(&clone).env_remove("RUNTIME_KIT");
    run(new.args(["plugin", "new", "other", "--lang", "rust"]), b"").ok();
    let manifest = fs::read_to_string(clone.join("other/Cargo.toml")).unwrap();
    let kit = clone.join("plugins/kit");
    assert!(
        manifest.contains(&format!("path = \"{}\"", kit.display())),
        "{manifest}"
    );
    let code = fs::read_to_string(dir.path().join("lamp/src/lib.rs")).unwrap();
    let lines = code
        .lines()
        .filter(|line| !line.is_empty() && !line.trim().starts_with("//"));
    assert!(lines.count() <= 40, "{code}");
}

#[test]
fn what_is_built_is_what_the_manifest_says() {
    let dir = built("echo building >&2; echo done; made");
    let checked = run(program().args(["plugin", "check"]).arg(dir.path()), b"");
    // What it prints goes where it disturbs no program that reads this one.
    assert!(
        checked.err.contains("lamp is built: ./build\nbuilding\ndone\n"),
        "{checked:?}"
    );
    assert!(
        checked.out.starts_with("ok    manifest: lamp 1.0.0\n"),
        "{checked:?}"
    );
    for (text, why) in [
        (
            "exit 3",
            "lamp was not built by `./build`: exit status: 3; nothing was installed",
        ),
        (
            "true",
            "run.module is \"out/lamp.wasm\", and there is no such file in it",
        ),
    ] {
        let dir = built(text);
        let checked = run(program().args(["plugin", "check"]).arg(dir.path()), b"");
        assert!(checked.status != 0 && checked.err.contains(why), "{checked:?}");
    }
    let dir = built("mkdir -p away && ln -s away out && cp module out/lamp.wasm");
    let checked = run(program().args(["plugin", "check"]).arg(dir.path()), b"");
    assert!(
        checked.status == 2 && checked.err.contains("out: a link: "),
        "{checked:?}"
    );
}

#[test]
fn what_is_missing_is_named_with_what_installs_it() {
    let dir = built("true");
    let manifest = dir.path().join("plugin.toml");
    edit(&manifest, "\"./build\"", "\"cargo\", \"build\"");
    let bin = tempfile::tempdir().unwrap();
    let check = || {
        let mut check = program();
        check.args(["plugin", "check"]).arg(dir.path());
        run(check.env("PATH", bin.path()), b"").fails(1)
    };
    assert!(check().contains("there is no cargo: https://rustup.rs installs it"));
    script(&bin.path().join("cargo"), "exit 101");
    script(&bin.path().join("rustc"), "echo /nowhere/lib");
    let lacks = check();
    assert!(
        lacks.contains("`rustup target add wasm32-unknown-unknown` installs it"),
        "{lacks}"
    );
    script(&bin.path().join("rustc"), "echo /");
    let failed = check();
    assert!(
        failed.contains("exit status: 101; nothing was installed"),
        "{failed}"
    );
    edit(&manifest, "\"cargo\", \"build\"", "\"./nowhere\"");
    assert!(check().contains("was not built by `./nowhere`: it cannot be run: "));
    edit(&manifest, "[\"./nowhere\"]", "[]");
    let told = run(program().args(["plugin", "check"]).arg(dir.path()), b"").fails(2);
    assert!(
        told.contains("line 8, column 11: build.command is []; allowed is the program"),
        "{told}"
    );
}

#[test]
fn an_archive_is_never_built() {
    let dir = built("touch ../ran; made");
    let tar = |files: &[&str]| {
        let made = Command::new("tar")
            .current_dir(dir.path())
            .args(["czf", "lamp.tgz"])
            .args(files)
            .status();
        assert!(made.unwrap().success());
        run(
            program()
                .args(["plugin", "check"])
                .arg(dir.path().join("lamp.tgz")),
            b"",
        )
    };
    let refused = tar(&["plugin.toml", "build", "module"]).fails(2);
    assert!(
        refused.contains("it is built by `./build`, before it is packed"),
        "{refused}"
    );
    fs::create_dir(dir.path().join("out")).unwrap();
    fs::copy(dir.path().join("module"), dir.path().join("out/lamp.wasm")).unwrap();
    let taken = tar(&["plugin.toml", "build", "out/lamp.wasm"]);
    assert!(taken.out.starts_with("ok    manifest: lamp 1.0.0\n"), "{taken:?}");
    assert!(!taken.err.contains("is built") && !dir.path().join("../ran").exists());
}

#[test]
fn in_development_it_is_built_anew_when_a_file_changes() {
    let (runtime, dir) = (Runtime::start(), built("echo >> out.log; made"));
    let mut dev = runtime.command();
    let mut dev = dev
        .args(["plugin", "dev"])
        .arg(dir.path())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let versions = || version_of_lamp(&runtime);
    until("it is there", || versions() == "1.0.0");
    edit(&dir.path().join("plugin.toml"), "1.0.0", "1.0.1");
    until("it is there anew", || versions() == "1.0.1");
    // A build that fails ends nothing: the next change is waited for.
    let builds = || fs::read_to_string(dir.path().join("out.log")).unwrap().len();
    let before = builds();
    script(&dir.path().join("build"), "echo >> out.log; exit 1");
    until("it was built", || builds() > before);
    assert_eq!(versions(), "1.0.1");
    edit(&dir.path().join("plugin.toml"), "1.0.1", "1.0.2");
    script(&dir.path().join("build"), "echo >> out.log");
    until("it is there once more", || versions() == "1.0.2");
    // What a build writes is no reason to build for ever.
    let before = builds();
    std::thread::sleep(std::time::Duration::from_secs(1));
    assert!(
        (4..=8).contains(&before) && builds() <= before + 1,
        "{before}, {}",
        builds()
    );
    signal(&dev, Signal::INT);
    assert!(dev.wait().unwrap().success());
}

/// The version of the plugin `lamp`; empty when it is not there.
fn version_of_lamp(runtime: &Runtime) -> String {
    let plugins = runtime.json(&["plugins"]);
    let mut rows = plugins.as_array().unwrap().iter();
    let lamp = rows.find(|row| row["name"] == "lamp");
    lamp.and_then(|row| row["version"].as_str())
        .unwrap_or("")
        .to_owned()
}
