//! Call slots against a model: begun, taken, answered, dropped and expired in any order.
mod support;

use std::collections::VecDeque;
use std::time::Duration;

use kernel_core::*;
use proptest::prelude::*;
use support::{AtOnce, ByHand, Failure, Pending, Seen, advance, at_once, counters, json, now, runtime};

const SLOTS: usize = 4;
const NAMES: [&str; 2] = ["one", "two"];
const SERVICES: [&str; 2] = ["one.x", "two.x"];

#[derive(Clone, Debug)]
enum Step {
    Begin { service: usize, millis: u64 },
    Take { callee: usize },
    Reply { call: usize, ok: bool },
    Poll { call: usize },
    Drop { call: usize },
    Pass { millis: u64 },
    Crash { callee: usize },
    Register { service: usize },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0..2usize, 1..40u64).prop_map(|(service, millis)| Step::Begin { service, millis }),
        5 => (0..2usize).prop_map(|callee| Step::Take { callee }),
        5 => (0..40usize, any::<bool>()).prop_map(|(call, ok)| Step::Reply { call, ok }),
        5 => (0..8usize).prop_map(|call| Step::Poll { call }),
        2 => (0..8usize).prop_map(|call| Step::Drop { call }),
        3 => (1..20u64).prop_map(|millis| Step::Pass { millis }),
        1 => (0..2usize).prop_map(|callee| Step::Crash { callee }),
        1 => (0..2usize).prop_map(|service| Step::Register { service }),
    ]
}

#[derive(Clone, PartialEq, Debug)]
enum Phase {
    Queued,
    Running,
    Done(Result<String, Failure>),
}

struct Call {
    handle: Pending,
    number: usize,
    callee: usize,
    due: u64,
    phase: Phase,
}

/// Calls of a service that ended, and those of them without a reply, as the registry counts them.
fn counted(runtime: &CoreRuntime, service: &str) -> (usize, usize) {
    let (mut cursor, mut texts) = (0, [0; 64]);
    while let Some(info) = runtime.next_service(&mut cursor, &mut texts) {
        if info.name == service {
            return (info.counters.calls as usize, info.counters.errors as usize);
        }
    }
    panic!("{service} is registered");
}

fn check(steps: &[Step]) {
    let runtime = runtime(&Capacities {
        calls: SLOTS,
        ..Capacities::DEFAULT
    });
    let policy = PluginMetadata {
        restart: RestartPolicy::NEVER,
        ..PluginMetadata::new("", "1.0.0")
    };
    let mut callees = [0, 1].map(|who| {
        let callee = ByHand::started(
            &runtime,
            PluginMetadata {
                name: NAMES[who],
                ..policy
            },
        );
        callee.cx().register(&Service::new(SERVICES[who])).unwrap();
        callee
    });
    let mut calls: Vec<Call> = Vec::new();
    let mut queues: [VecDeque<usize>; 2] = Default::default();
    // Every call that was ever handed to a callee: who may reply to it, again and again.
    let mut taken: Vec<(CallId, usize, usize)> = Vec::new();
    let (mut begun, mut timed_out, mut seen) = (0, 0, [0, 0]);
    // Of each service since it was registered: calls that ended, and those of them without a reply.
    let mut ended = [(0, 0); 2];
    for step in steps {
        match *step {
            Step::Begin { service, millis } => {
                let limit = Duration::from_millis(millis);
                let text = begun.to_string();
                match Pending::begin(runtime.context(), SERVICES[service], json(&text), Some(limit)) {
                    Ok(handle) => {
                        assert!(calls.len() < SLOTS);
                        calls.push(Call {
                            handle,
                            number: begun,
                            callee: service,
                            due: now() + millis * 1000,
                            phase: Phase::Queued,
                        });
                        queues[service].push_back(begun);
                        begun += 1;
                    }
                    Err(error) => {
                        assert_eq!(
                            error,
                            Fault::Full {
                                capacity: Capacity::Calls,
                                size: SLOTS as u32
                            }
                        );
                        assert_eq!(calls.len(), SLOTS);
                    }
                }
            }
            Step::Take { callee } => match (callees[callee].next(), queues[callee].pop_front()) {
                (None, None) => {}
                (Some(Seen::Call { id, args, .. }), Some(number)) => {
                    assert_eq!(args, number.to_string());
                    let call = calls.iter_mut().find(|call| call.number == number).unwrap();
                    assert_eq!(call.handle.id(), id);
                    call.phase = Phase::Running;
                    taken.push((id, number, callee));
                    seen[callee] += 1;
                }
                other => panic!("{other:?}"),
            },
            Step::Reply { call, ok } => {
                let Some((id, number, callee)) = taken.get(call % taken.len().max(1)).copied() else {
                    continue;
                };
                let text = number.to_string();
                let error = Error::new("no", &text);
                let answer = if ok { Ok(json(&text)) } else { Err(&error) };
                let stranger = 1 - callee;
                assert!(!callees[stranger].reply(id, answer), "not its call");
                let open = calls
                    .iter_mut()
                    .find(|call| call.number == number && call.phase == Phase::Running);
                let expected = open.is_some();
                if let Some(call) = open {
                    ended[callee].0 += 1;
                    ended[callee].1 += usize::from(!ok);
                    call.phase = Phase::Done(if ok {
                        Ok(text.clone())
                    } else {
                        Err(Failure::Failed(error.clone()))
                    });
                }
                assert_eq!(callees[callee].reply(id, answer), expected);
            }
            Step::Poll { call } => {
                if calls.is_empty() {
                    continue;
                }
                let at = call % calls.len();
                let handle = &mut calls[at].handle;
                let got = handle.outcome();
                match (got, calls[at].phase.clone()) {
                    (Some(got), Phase::Done(expected)) => {
                        assert_eq!(got, expected);
                        calls.remove(at);
                    }
                    (None, Phase::Queued | Phase::Running) => {}
                    other => panic!("{other:?}"),
                }
            }
            Step::Drop { call } => {
                if !calls.is_empty() {
                    let call = calls.remove(call % calls.len());
                    queues[call.callee].retain(|number| *number != call.number);
                }
            }
            Step::Pass { millis } => {
                advance(Duration::from_millis(millis));
                runtime.kernel().expire();
                for call in &mut calls {
                    if call.due <= now() && !matches!(call.phase, Phase::Done(_)) {
                        call.phase = Phase::Done(Err(Failure::Fault(Fault::Timeout)));
                        queues[call.callee].retain(|number| *number != call.number);
                        timed_out += 1;
                        ended[call.callee].0 += 1;
                        ended[call.callee].1 += 1;
                    }
                }
            }
            Step::Crash { callee } => {
                callees[callee].installed.crashed(&Error::new("panic", "boom"));
                for call in calls.iter_mut().filter(|call| call.callee == callee) {
                    if !matches!(call.phase, Phase::Done(_)) {
                        call.phase = Phase::Done(Err(Failure::Fault(Fault::Gone)));
                    }
                }
                queues[callee].clear();
                callees[callee].mailbox = callees[callee].installed.mailbox();
                callees[callee].start(&runtime, NAMES[callee]);
                callees[callee]
                    .cx()
                    .register(&Service::new(SERVICES[callee]))
                    .unwrap();
                ended[callee] = (0, 0);
            }
            Step::Register { service } => {
                let services = callees[service].cx().services();
                assert!(at_once(services.unregister(SERVICES[service])).unwrap());
                for call in calls.iter_mut().filter(|call| call.callee == service) {
                    if !matches!(call.phase, Phase::Done(_)) {
                        call.phase = Phase::Done(Err(Failure::Fault(Fault::Gone)));
                    }
                }
                queues[service].clear();
                callees[service]
                    .cx()
                    .register(&Service::new(SERVICES[service]))
                    .unwrap();
                ended[service] = (0, 0);
            }
        }
        let metrics = runtime.metrics();
        assert_eq!(metrics.calls.used as usize, calls.len());
        assert_eq!(metrics.timed_out, timed_out);
        for who in 0..2 {
            assert_eq!(counters(&runtime, NAMES[who]).calls, seen[who]);
            // The one that its handler answered, and has not left, may still be to be counted.
            let (calls, errors) = counted(&runtime, SERVICES[who]);
            assert!(
                calls == ended[who].0 || calls + 1 == ended[who].0,
                "{calls} {:?}",
                ended[who]
            );
            assert_eq!(errors, ended[who].1);
        }
    }
    calls.clear();
    for who in 0..2 {
        assert_eq!(
            counted(&runtime, SERVICES[who]),
            ended[who],
            "each call that ended is counted once"
        );
    }
    assert_eq!(runtime.metrics().calls.used, 0);
    let again: Vec<_> = (0..SLOTS)
        .map(|_| Pending::begin(runtime.context(), SERVICES[0], json("1"), None).unwrap())
        .collect();
    assert_eq!(again.len(), SLOTS, "every slot can be used again");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: if cfg!(miri) { 2 } else { 128 }, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_to_calls_no_slot_is_lost_and_no_reply_goes_astray(
        steps in prop::collection::vec(step(), 1..150),
    ) {
        check(&steps);
    }
}
