//! Modules that mean harm, each with an honest plugin beside it whose calls go on.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use kernel_core::CoreRuntime;
use serde_json::{Value, json};
use tests::wasm::{House, call};

use super::{ask, house, with_probe};

/// What each of them imports and has; the operation at 0 asks for the next message.
fn hostile(run: &str) -> Vec<u8> {
    let text = format!(
        r#"(module
            (import "core-runtime/1" "run" (func $run (param i32 i32 i32 i32 i32) (result i32)))
            (import "core-runtime/1" "wait" (func $wait))
            (import "core-runtime/1" "log" (func $log (param i32 i32 i32)))
            (memory (export "memory") 2)
            (table 10 funcref)
            (data (i32.const 0) "\00\01\00\00")
            (func $next (drop (call $run (i32.const 0) (i32.const 4) (i32.const 1024) (i32.const 60000) (i32.const 70000))))
            (func $deep (param i32) (call $deep (i32.add (local.get 0) (i32.const 1))) (call $next))
            (func (export "run") (local $i i32) {run}))"#
    );
    wat::parse_str(&text).unwrap()
}

/// The same, with a function that says where the list of its services lies, and this text at 100.
fn saying(list: &str, place: u64) -> Vec<u8> {
    let list = list.replace('"', "\\22");
    let text = format!(
        r#"(module
            (import "core-runtime/1" "wait" (func $wait))
            (memory (export "memory") 2)
            (data (i32.const 100) "{list}")
            (func (export "services") (result i64) (i64.const {place}))
            (func (export "run") (loop $again (call $wait) (br $again))))"#
    );
    wat::parse_str(&text).unwrap()
}

/// Short deadlines, and little memory.
const SHORT: &str = "[limits]\nmemory_mb = 8\nhook_seconds = 2.0\nhandler_seconds = 2.0\n";

/// How often it is tried whether the honest plugin is held up.
const TRIES: u32 = 4;

/// One test that measures at a time.
fn alone() -> MutexGuard<'static, ()> {
    static ONE: Mutex<()> = Mutex::new(());
    ONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How long calls of the honest plugin take until it is over, but at least 300: the median, and what 99 of 100 take at most.
fn calls(runtime: CoreRuntime, over: &AtomicBool) -> (Duration, Duration) {
    let mut times = Vec::new();
    while !over.load(Ordering::Relaxed) || times.len() < 300 {
        let begun = Instant::now();
        assert_eq!(
            call(runtime, "example.hello", &json!("я")).unwrap(),
            json!("Привет, я!")
        );
        times.push(begun.elapsed());
        thread::sleep(Duration::from_micros(500));
    }
    times.sort();
    (times[times.len() / 2], times[times.len() * 99 / 100])
}

/// Calls of the honest plugin while something happens: 99 of 100 are answered within 10 ms, or within three times what they
/// take without it. Where the machine has much else to do, it is tried again: what holds up a plugin does so each time.
fn beside<T>(house: &House, what: &str, mut todo: impl FnMut() -> T) -> T {
    let runtime = house.runtime();
    for left in (0..TRIES).rev() {
        let before = calls(runtime, &AtomicBool::new(true)).1;
        let over = AtomicBool::new(false);
        let (done, median, p99) = thread::scope(|scope| {
            let calling = scope.spawn(|| calls(runtime, &over));
            let done = todo();
            over.store(true, Ordering::Relaxed);
            let (median, p99) = calling.join().unwrap();
            (done, median, p99)
        });
        let quiet = before.max(calls(runtime, &AtomicBool::new(true)).1);
        eprintln!("{what}: median {median:?}, p99 {p99:?}; without it {quiet:?}");
        if p99 < (quiet * 3).max(Duration::from_millis(10)) {
            return done;
        }
        assert!(left > 0, "{what}: {p99:?}");
    }
    unreachable!("the last one returns or panics")
}

/// Installs it and gives the error of its row.
fn error_of(house: &House, name: &str, module: &[u8]) -> (String, String) {
    let package = house.package(name, "1.0.0", module, SHORT).unwrap();
    let row = beside(house, name, || {
        let row = house.install(&package).unwrap();
        house.call("plugins.remove", &json!({ "name": name })).unwrap();
        row
    });
    let text = |key: &str| row["error"][key].as_str().unwrap_or_default().to_owned();
    (text("code"), text("message"))
}

#[test]
fn a_module_that_misbehaves_fails_alone() {
    let (_alone, house) = (alone(), house());
    let wild = "i32.const 0xfffffff0";
    for (name, run, code, message) in [
        ("traps", "unreachable".to_owned(), "trap", "unreachable"),
        (
            "divides",
            "(drop (i32.div_u (i32.const 1) (local.get $i)))".to_owned(),
            "trap",
            "zero",
        ),
        (
            "recurses",
            "(call $deep (i32.const 0))".to_owned(),
            "trap",
            "stack",
        ),
        ("loops", "(loop $l (br $l))".to_owned(), "hook_timeout", ""),
        (
            "asks-on",
            "(loop $l (call $log (i32.const 3) (i32.const 0) (i32.const 4)) (br $l))".to_owned(),
            "hook_timeout",
            "",
        ),
        (
            "waits",
            "(loop $l (call $wait) (br $l))".to_owned(),
            "hook_timeout",
            "",
        ),
        (
            "grows",
            "(loop $l (drop (memory.grow (i32.const 1))) (br $l))".to_owned(),
            "out_of_memory",
            "limits.memory_mb = 8",
        ),
        (
            "grows-at-once",
            "(drop (memory.grow (i32.const 60000)))".to_owned(),
            "out_of_memory",
            "limits.memory_mb = 8",
        ),
        (
            "grows-a-table",
            "(loop $l (drop (table.grow (ref.null func) (i32.const 10000))) (br $l))".to_owned(),
            "out_of_memory",
            "",
        ),
        ("returns", String::new(), "exited", "returned"),
        (
            "reads-wild",
            format!("(drop (call $run ({wild}) (i32.const 100) (i32.const 0) (i32.const 0) (i32.const 0)))"),
            "protocol_error",
            "memory",
        ),
        (
            "reads-far",
            format!("(drop (call $run (i32.const 0) ({wild}) (i32.const 0) (i32.const 0) (i32.const 0)))"),
            "protocol_error",
            "the most",
        ),
        (
            "writes-wild",
            format!("(drop (call $run (i32.const 0) (i32.const 4) ({wild}) ({wild}) (i32.const 0)))"),
            "protocol_error",
            "memory",
        ),
        (
            "ends-wild",
            format!("(drop (call $run (i32.const 0) (i32.const 4) (i32.const 0) (i32.const 0) ({wild})))"),
            "protocol_error",
            "memory",
        ),
        (
            "says-wild",
            format!("(call $log (i32.const 1) ({wild}) ({wild}))"),
            "protocol_error",
            "memory",
        ),
        (
            "asks-nonsense",
            "(drop (call $run (i32.const 3) (i32.const 1) (i32.const 0) (i32.const 0) (i32.const 0)))"
                .to_owned(),
            "protocol_error",
            "operation",
        ),
    ] {
        let (found, said) = error_of(&house, name, &hostile(&run));
        assert_eq!(found, code, "{name}: {said}");
        assert!(said.contains(message), "{name}: {said}");
    }
}

#[test]
fn one_that_spins_between_messages_holds_up_nobody_and_is_ended() {
    let (_alone, house) = (alone(), house());
    let spins = "(loop $l (call $next) (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 20))))
                 (loop $l (br $l))";
    for name in ["spins", "spins-too", "spins-as-well"] {
        let package = house.package(name, "1.0.0", &hostile(spins), SHORT).unwrap();
        let row = house.install(&package).unwrap();
        assert_eq!(row["state"], "STARTED", "{row}");
    }
    beside(&house, "three that spin", || {
        thread::sleep(Duration::from_secs(2))
    });
    for name in ["spins", "spins-too", "spins-as-well"] {
        let begun = Instant::now();
        house.call("plugins.remove", &json!({ "name": name })).unwrap();
        assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    }
}

#[test]
fn a_plugin_of_rust_that_spins_or_grows_fails_and_comes_back() {
    let (_alone, house) = (alone(), with_probe(SHORT));
    for (what, code) in [("spin", "hook_timeout"), ("grow", "out_of_memory")] {
        let (answer, row) = beside(&house, what, || {
            house.call("plugins.start", &json!({ "name": "probe" })).unwrap();
            (ask(&house, what, ""), house.row("probe"))
        });
        let (error, row) = (answer.unwrap_err(), row.unwrap());
        assert!(error.starts_with("gone"), "{what}: {error}");
        assert_eq!(row["error"]["code"], code, "{row}");
    }
}

#[test]
fn a_module_that_cannot_be_run_is_not_installed() {
    let (_alone, house) = (alone(), house());
    let whole = hostile("nop");
    let text = |text: &str| wat::parse_str(text).unwrap();
    let run = "(func (export \"run\"))";
    let memory = "(memory (export \"memory\") 1)";
    for (name, module, why) in [
        ("truncated", whole[..whole.len() / 2].to_vec(), "not a module"),
        ("empty", Vec::new(), "not a module"),
        ("text", b"(module)".to_vec(), "not a module"),
        (
            "imports",
            text(&format!(
                "(module (import \"wasi\" \"fd_write\" (func)) {memory} {run})"
            )),
            "\"wasi\" \"fd_write\"",
        ),
        (
            "imports-new",
            text(&format!(
                "(module (import \"core-runtime/1\" \"fly\" (func)) {memory} {run})"
            )),
            "\"fly\"",
        ),
        (
            "no-run",
            text(&format!("(module {memory})")),
            "exports no function",
        ),
        (
            "other-run",
            text(&format!("(module {memory} (func (export \"run\") (param i32)))")),
            "exports no function",
        ),
        ("no-memory", text(&format!("(module {run})")), "exports no memory"),
        (
            "starts",
            text(&format!("(module {memory} {run} (func $s) (start $s))")),
            "start",
        ),
        (
            "memories",
            text(&format!("(module {memory} {run} (memory 1))")),
            "memories",
        ),
        (
            "many-functions",
            text(&format!("(module {memory} {run} {})", "(func)".repeat(20_000))),
            "functions",
        ),
    ] {
        let package = house.package(name, "1.0.0", &module, SHORT).unwrap();
        let error = beside(&house, name, || house.install(&package)).unwrap_err();
        assert!(error.starts_with("invalid_module: "), "{name}: {error}");
        assert!(
            error.contains("plugin.wasm: ") && error.contains(why),
            "{name}: {error}"
        );
        assert_eq!(house.row(name).unwrap(), Value::Null);
    }
}

#[test]
fn one_that_wants_too_much_from_the_beginning_does_not_start() {
    let (_alone, house) = (alone(), house());
    for (name, has) in [
        ("memory", "(memory (export \"memory\") 65536)"),
        ("table", "(memory (export \"memory\") 1) (table 10000000 funcref)"),
        (
            "import-type",
            "(import \"core-runtime/1\" \"wait\" (func (param f64))) (memory (export \"memory\") 1)",
        ),
    ] {
        let module = wat::parse_str(format!("(module {has} (func (export \"run\")))")).unwrap();
        let (code, message) = error_of(&house, name, &module);
        assert_eq!(code, "invalid_module", "{name}: {message}");
    }
}

#[test]
fn a_list_of_services_that_is_none_fails_it() {
    let house = house();
    let at = |len: usize| (100 << 32) | len as u64;
    let bad_schema = r#"[{"name":"liar.do","schema":{"type":"nmber"}}]"#;
    for (number, (list, place, said)) in [
        ("nonsense", at(8), "its services: expected"),
        ("[]", (u64::from(u32::MAX) << 32) | 2, "are not within its memory"),
        ("[]", at(1 << 21), "1048576 are the most"),
        (r#"[{"name":7}]"#, at(12), "expected a string"),
        (bad_schema, at(bad_schema.len()), "schema of liar.do"),
    ]
    .into_iter()
    .enumerate()
    {
        let name = format!("liar{number}");
        let package = house
            .package(&name, "1.0.0", &saying(list, place), SHORT)
            .unwrap();
        let row = house.install(&package).unwrap();
        assert_eq!(row["state"], "FAILED", "{row}");
        assert_eq!(row["error"]["code"], "invalid_module", "{row}");
        let message = row["error"]["message"].as_str().unwrap();
        assert!(message.contains(said), "{list}: {message}");
    }
    assert_eq!(
        house.call("example.hello", &json!("я")).unwrap(),
        json!("Привет, я!")
    );
    // Of another type, it is seen before it is installed.
    let other = wat::parse_str(
        r#"(module (memory (export "memory") 1) (func (export "services")) (func (export "run")))"#,
    );
    let package = house.package("other", "1.0.0", &other.unwrap(), SHORT).unwrap();
    let refused = house.install(&package).unwrap_err();
    assert!(
        refused.starts_with("invalid_module") && refused.contains("services"),
        "{refused}"
    );
}
