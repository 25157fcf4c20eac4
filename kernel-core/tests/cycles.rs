//! Calls that lead back to where they came from are answered at once, not by a deadline.
mod support;

use std::time::Duration;

use kernel_core::*;
use support::{
    AtOnce, ByHand, Failure, Notes, Pending, ROOMY, Seen, Tasks, actor, advance, json, now, runtime,
};

/// Notes how the call of `service` ended, and passes on what it gave.
async fn ask(cx: Context, service: &str, notes: &Notes) -> Result<String, Error> {
    let mut buf = [0; 256];
    match cx.call(service, json("1"), &mut buf).await {
        Ok(reply) => Ok(reply.as_str().to_owned()),
        Err(error) => {
            notes.push(format!("{service}: {}", error.code()));
            Err(error.into())
        }
    }
}

/// A plugin `name` that answers `<name>.go` by asking `next`, or with `"end"`.
fn link(runtime: &CoreRuntime, tasks: &mut Tasks, name: &'static str, next: &'static str, notes: &Notes) {
    let notes = notes.clone();
    actor(
        runtime,
        tasks,
        PluginMetadata::new(name, "1.0.0"),
        move |cx, seen| {
            let notes = notes.clone();
            async move {
                match seen {
                    Seen::Load => {
                        cx.register(&Service::new(Name::Copied(&format!("{name}.go"))))
                            .await?
                    }
                    Seen::Call { .. } if !next.is_empty() => return ask(cx, next, &notes).await,
                    Seen::Call { .. } => return Ok("\"end\"".into()),
                    _ => {}
                }
                Ok("null".into())
            }
        },
    );
}

/// Calls `a.go` among plugins that each ask the next one: how it ended, what was noted, and how
/// long it took.
fn run(links: &[(&'static str, &'static str)]) -> (Result<String, Failure>, Vec<String>, u64) {
    let runtime = runtime(&ROOMY);
    let mut tasks = Tasks::default();
    let notes = Notes::default();
    for (name, next) in links {
        link(&runtime, &mut tasks, name, next, &notes);
    }
    support::start_all(&runtime, &mut tasks);
    let mut buf = [0; 256];
    let services = runtime.services();
    let begun = now();
    let got = tasks
        .run(runtime.kernel(), services.call("a.go", json("1"), &mut buf))
        .map(|reply| reply.as_str().to_owned());
    tasks.settle();
    assert_eq!(runtime.metrics().calls.used, 0);
    (got.map_err(Failure::from), notes.take(), now() - begun)
}

fn is_cycle(got: Result<String, Failure>) -> bool {
    matches!(got, Err(Failure::Failed(error)) if error.code() == "cycle")
}

#[test]
fn a_chain_without_a_circle_is_answered() {
    let (got, notes, _) = run(&[("a", "b.go"), ("b", "c.go"), ("c", "")]);
    assert_eq!(got, Ok("\"end\"".into()));
    assert!(notes.is_empty());
}

#[test]
fn two_ways_to_the_same_plugin_are_no_circle() {
    let (got, _, _) = run(&[("a", "b.go"), ("b", ""), ("c", "b.go")]);
    assert_eq!(got, Ok("\"end\"".into()));
}

#[test]
fn a_plugin_that_calls_itself_is_answered_at_once() {
    let (got, notes, took) = run(&[("a", "a.go")]);
    assert!(is_cycle(got));
    assert_eq!(notes, ["a.go: cycle"]);
    assert_eq!(took, 0);
}

#[test]
fn a_call_back_is_answered_at_once() {
    let (got, notes, took) = run(&[("a", "b.go"), ("b", "a.go")]);
    assert!(is_cycle(got));
    assert_eq!(notes, ["a.go: cycle", "b.go: cycle"]);
    assert_eq!(took, 0);
}

#[test]
fn a_circle_of_three_is_answered_at_once() {
    let (got, notes, took) = run(&[("a", "b.go"), ("b", "c.go"), ("c", "a.go")]);
    assert!(is_cycle(got));
    assert_eq!(notes, ["a.go: cycle", "c.go: cycle", "b.go: cycle"]);
    assert_eq!(took, 0);
}

/// Plugins `names` that, on the event `go`, all call the next one of them.
fn wait_for_each_other(names: &'static [&'static str]) -> Vec<String> {
    let runtime = runtime(&ROOMY);
    let mut tasks = Tasks::default();
    let notes = Notes::default();
    for (at, name) in names.iter().enumerate() {
        let next = format!("{}.go", names[(at + 1) % names.len()]);
        let all = notes.clone();
        actor(
            &runtime,
            &mut tasks,
            PluginMetadata::new(name, "1.0.0"),
            move |cx, seen| {
                let (notes, next) = (all.clone(), next.clone());
                async move {
                    match seen {
                        Seen::Load => {
                            cx.subscribe("go").await?;
                            cx.register(&Service::new(Name::Copied(&format!("{name}.go"))))
                                .await?;
                        }
                        Seen::Event { .. } => {
                            let reply = ask(cx, &next, &notes).await?;
                            notes.push(format!("{name} got {reply}"));
                        }
                        Seen::Call { .. } => return Ok(format!("\"{name}\"")),
                        _ => {}
                    }
                    Ok("null".into())
                }
            },
        );
    }
    support::start_all(&runtime, &mut tasks);
    let begun = now();
    runtime.bus().try_publish("go", json("1")).unwrap();
    tasks.settle();
    assert_eq!(now(), begun);
    assert_eq!(runtime.metrics().calls.used, 0, "all of them are answered");
    notes.take()
}

#[test]
fn two_plugins_that_call_each_other_from_handlers_do_not_wait_for_ever() {
    let notes = wait_for_each_other(&["a", "b"]);
    assert_eq!(notes, ["a.go: cycle", "a got \"b\""]);
}

#[test]
fn three_plugins_that_call_each_other_from_handlers_do_not_wait_for_ever() {
    let notes = wait_for_each_other(&["a", "b", "c"]);
    assert_eq!(notes, ["a.go: cycle", "b got \"c\"", "a got \"b\""]);
}

#[test]
fn a_plugin_with_a_loop_of_its_own_may_be_called_while_it_waits() {
    let runtime = runtime(&ROOMY);
    let mut a = ByHand::started(&runtime, PluginMetadata::new("a", "1.0.0"));
    let mut b = ByHand::started(&runtime, PluginMetadata::new("b", "1.0.0"));
    a.cx().register(&Service::new("a.go")).unwrap();
    b.cx().register(&Service::new("b.go")).unwrap();
    let _out = Pending::begin(a.cx(), "b.go", json("1"), None).unwrap();
    let _back = Pending::begin(b.cx(), "a.go", json("1"), None).unwrap();
    assert!(matches!(a.next(), Some(Seen::Call { .. })));
    assert!(matches!(b.next(), Some(Seen::Call { .. })));
}

#[test]
fn a_nested_call_does_not_outlive_the_call_it_belongs_to() {
    let runtime = runtime(&ROOMY);
    let mut a = ByHand::started(&runtime, PluginMetadata::new("a", "1.0.0"));
    let mut b = ByHand::started(&runtime, PluginMetadata::new("b", "1.0.0"));
    a.cx().register(&Service::new("a.go")).unwrap();
    b.cx().register(&Service::new("b.go")).unwrap();
    let second = Duration::from_secs(1);
    let _outer = Pending::begin(runtime.context(), "a.go", json("1"), Some(second)).unwrap();
    assert!(matches!(a.next(), Some(Seen::Call { .. })));
    let mut nested = Pending::begin(a.cx(), "b.go", json("1"), Some(second * 60)).unwrap();
    advance(second - Duration::from_micros(1));
    runtime.kernel().expire();
    assert!(nested.outcome().is_none());
    advance(Duration::from_micros(1));
    runtime.kernel().expire();
    assert_eq!(nested.outcome(), Some(Err(Failure::Fault(Fault::Timeout))));
    assert_eq!(b.next(), None);
}

#[test]
fn a_shorter_deadline_of_a_nested_call_is_kept() {
    let runtime = runtime(&ROOMY);
    let mut a = ByHand::started(&runtime, PluginMetadata::new("a", "1.0.0"));
    let b = ByHand::started(&runtime, PluginMetadata::new("b", "1.0.0"));
    a.cx().register(&Service::new("a.go")).unwrap();
    b.cx().register(&Service::new("b.go")).unwrap();
    let second = Duration::from_secs(1);
    let mut outer = Pending::begin(runtime.context(), "a.go", json("1"), Some(second * 60)).unwrap();
    assert!(matches!(a.next(), Some(Seen::Call { .. })));
    let mut nested = Pending::begin(a.cx(), "b.go", json("1"), Some(second)).unwrap();
    advance(second);
    runtime.kernel().expire();
    assert_eq!(nested.outcome(), Some(Err(Failure::Fault(Fault::Timeout))));
    assert!(outer.outcome().is_none());
}
