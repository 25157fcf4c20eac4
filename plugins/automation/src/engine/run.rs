//! Runs: each is a state machine that goes on from step to step until it waits.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use core::future::poll_fn;
use core::task::Poll;

use kernel_core::{Context, Error};
use serde_json::{Value, json};

use super::begin::read_states;
use super::effect::{Effect, effect};
use super::{Due, Engine};
use crate::rule::{Facts, Op};
use crate::trace::{Outcome, Trace, keep};

/// The code of the error of an event that is one too many in a chain of causes.
const EVENT_CYCLE: &str = "event_cycle";

/// What a run waits for.
pub(super) enum Wait {
    /// The runs before.
    Queue,
    /// Nothing.
    Ready,
    /// A time.
    Until(u64),
    /// An answer, since a time.
    Answer(Effect, u64),
}

/// A run of a rule.
pub(super) struct Run {
    number: u64,
    pub(super) place: usize,
    began: u64,
    /// The step of the program that is next.
    step: usize,
    event: Value,
    results: BTreeMap<String, Value>,
    pub(super) wait: Wait,
    trace: Trace,
}

/// What came of a step.
enum Next {
    /// Another step.
    Again,
    /// The run waits for a time.
    Wait,
    /// Something is to be done outside.
    Effect(Effect),
    End(End),
}

/// How a run ended, where, and why.
type End = (Outcome, String, String);

impl Run {
    pub(super) fn new(number: u64, place: usize, began: u64, event: Value, trace: Trace, wait: Wait) -> Run {
        Run {
            number,
            place,
            began,
            step: 0,
            event,
            results: BTreeMap::new(),
            wait,
            trace: Trace {
                run: Some(number),
                ..trace
            },
        }
    }

    /// What is to be said of it now.
    pub(super) fn trace_at(&self, now: u64) -> Trace {
        let outcome = match self.wait {
            Wait::Queue => Outcome::Queued,
            _ => Outcome::Running,
        };
        Trace {
            outcome,
            ms: now - self.began,
            ..self.trace.clone()
        }
    }
}

impl Engine {
    /// Lets the runs go on that can, until all wait.
    pub(crate) async fn run_ready(&mut self, cx: &Context) {
        while let Some(number) = self.ready.pop_front() {
            let Some(mut run) = self.runs.remove(&number) else {
                continue;
            };
            match self.go_on(cx, &mut run).await {
                None => {
                    let now = self.clock.ms();
                    match &run.wait {
                        Wait::Until(due) => self.timers.push(*due, Due::Run(number)),
                        // A quarter of the time that it took so far: soon, and not often.
                        Wait::Answer(_, since) => {
                            let pause = ((now - since) / 4).clamp(1, 250);
                            self.timers.push(now + pause, Due::Run(number));
                        }
                        Wait::Queue | Wait::Ready => {}
                    }
                    self.runs.insert(number, run);
                }
                Some(end) => self.end(run, end),
            }
        }
    }

    /// Goes on until the run waits, which is `None`, or ends.
    async fn go_on(&mut self, cx: &Context, run: &mut Run) -> Option<End> {
        loop {
            let now = self.clock.ms();
            let (mut effect, since) = match core::mem::replace(&mut run.wait, Wait::Ready) {
                Wait::Until(due) if due > now => {
                    run.wait = Wait::Until(due);
                    return None;
                }
                Wait::Answer(effect, since) => (effect, since),
                _ => match self.step(cx, run).await {
                    Next::Again => continue,
                    Next::Wait => return None,
                    Next::End(end) => return Some(end),
                    Next::Effect(effect) => (effect, now),
                },
            };
            let Some(result) = poll_once(&mut effect).await else {
                run.wait = Wait::Answer(effect, since);
                return None;
            };
            // While it was asked, time may have gone by.
            let took = self.clock.look(cx.now()) - since;
            if let Some(end) = self.answered(run, result, took) {
                return Some(end);
            }
        }
    }

    /// Carries out the step that is next, as far as it is of the plugin.
    async fn step(&mut self, cx: &Context, run: &mut Run) -> Next {
        let Some(Some(place)) = self.places.get(run.place) else {
            return Next::End((
                Outcome::Cancelled,
                String::new(),
                String::from("the rule is gone"),
            ));
        };
        let Some(step) = place.rule.program.get(run.step) else {
            return Next::End((Outcome::Done, String::new(), String::new()));
        };
        let states = match read_states(cx, step.op.states()).await {
            Ok(states) => states,
            Err(error) => return Next::End(failed(&step.path, &error)),
        };
        let facts = Facts {
            event: &run.event,
            states: &states,
            results: &run.results,
            unix_ms: self.clock.unix_ms(),
            zone: &self.zone,
        };
        match &step.op {
            Op::Jump { to } => run.step = *to,
            Op::Unless { condition, to } => {
                let (next, answer) = match condition.check(&facts) {
                    Ok(()) => (run.step + 1, json!(true)),
                    Err(stopped) => (*to, json!(format!("{}: {}", stopped.path, stopped.why))),
                };
                run.trace.add(&step.path, step.op.what(), &Ok(answer), 0);
                run.step = next;
            }
            Op::Delay { ms } => {
                run.trace.add(&step.path, step.op.what(), &Ok(Value::Null), *ms);
                run.step += 1;
                run.wait = Wait::Until(self.clock.ms() + ms);
                return Next::Wait;
            }
            op => {
                if let Some(effect) = effect(*cx, op, &facts) {
                    return Next::Effect(effect);
                }
            }
        }
        Next::Again
    }

    /// An action was answered; how the run ends, if it does.
    fn answered(&mut self, run: &mut Run, result: Result<Value, Error>, took: u64) -> Option<End> {
        let place = self.places.get_mut(run.place)?.as_mut()?;
        let step = place.rule.program.get(run.step)?;
        run.trace.add(&step.path, step.op.what(), &result, took);
        run.step += 1;
        match (result, &step.op) {
            (Err(error), _) if error.code() == EVENT_CYCLE => {
                // The rule is part of a ring of events.
                place.guard.pause(self.clock.ms());
                let why = format!("{}: the rule rests for a minute", error.message());
                let notice = json!({"id": place.rule.id, "run": run.number, "why": why});
                self.notices.push(("automation.loop", notice));
                Some(failed(&step.path, &error))
            }
            (Err(_), Op::Call { goes_on: true, .. }) => None,
            (Err(error), _) => Some(failed(&step.path, &error)),
            (
                Ok(answer),
                Op::Call {
                    result: Some(name), ..
                },
            ) => {
                run.results.insert(name.clone(), answer);
                None
            }
            (Ok(_), _) => None,
        }
    }

    fn end(&mut self, run: Run, (outcome, path, why): End) {
        let number = run.number;
        let trace = run.trace_at(self.clock.ms()).ended(outcome, &path, &why);
        let Some(Some(place)) = self.places.get_mut(run.place) else {
            return;
        };
        if outcome == Outcome::Failed {
            self.counters.failed += 1;
            let notice = json!({"id": place.rule.id, "run": number, "path": path, "error": why});
            self.notices.push(("automation.failed", notice));
        }
        keep(&mut place.traces, trace, self.settings.traces as usize);
        place.runs.retain(|other| *other != number);
        // The next one in the queue, if there is one.
        if let Some(next) = place.runs.first()
            && let Some(run) = self.runs.get_mut(next)
            && matches!(run.wait, Wait::Queue)
        {
            run.wait = Wait::Ready;
            self.ready.push_back(*next);
        }
    }

    /// The time that a run waited for has come, or its answer may be there.
    pub(super) fn wake(&mut self, number: u64) {
        if self.runs.contains_key(&number) {
            self.ready.push_back(number);
        }
    }
}

fn failed(path: &str, error: &Error) -> End {
    (Outcome::Failed, String::from(path), format!("{error}"))
}

/// What it came to, if it is done.
async fn poll_once(effect: &mut Effect) -> Option<Result<Value, Error>> {
    poll_fn(|task| {
        Poll::Ready(match effect.as_mut().poll(task) {
            Poll::Ready(result) => Some(result),
            Poll::Pending => None,
        })
    })
    .await
}
