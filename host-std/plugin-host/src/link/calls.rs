//! Calls of the node's services: as many at a time as it takes, each until its deadline or until nobody waits for it.

use std::collections::VecDeque;
use std::pin::Pin;
use std::time::Duration;

use kernel_core::{CallId, Error, Json};
use kernel_link::{Raw, Request, ToRuntime};
use tokio::time::{Instant, Sleep, sleep};

use super::life::{Asks, Life};
use super::said::Answered;

/// Calls that may wait for their turn.
const QUEUED: usize = 256;

/// How often it is looked whether somebody still waits.
const LOOK: Duration = Duration::from_millis(100);

/// A call of a service of the node.
pub(super) struct Call {
    pub(super) id: CallId,
    pub(super) service: String,
    pub(super) args: Vec<u8>,
}

/// Those that wait for their turn, and how many have it.
pub(super) struct Calls {
    queue: VecDeque<Call>,
    sent: usize,
    /// How many the node takes at a time, as far as is known.
    window: usize,
    /// None is sent before something else is done.
    paused: bool,
    /// One for all of the life: each new one would wake the reactor.
    pub(super) look: Pin<Box<Sleep>>,
}

impl Default for Calls {
    fn default() -> Self {
        Calls {
            queue: VecDeque::new(),
            sent: 0,
            window: usize::MAX,
            paused: false,
            look: Box::pin(sleep(LOOK)),
        }
    }
}

impl Calls {
    pub(super) fn take_queue(&mut self) -> impl Iterator<Item = CallId> + '_ {
        self.queue.drain(..).map(|call| call.id)
    }
}

impl Life<'_> {
    pub(super) fn is_called(&self) -> bool {
        self.calls.sent > 0 || !self.calls.queue.is_empty()
    }

    /// Somebody calls a service of the node.
    pub(super) fn called(&mut self, call: Call) {
        if self.calls.queue.len() == QUEUED {
            let why = format!("{QUEUED} calls wait for the node already");
            let _ = self.mailbox.reply(call.id, Err(&Error::new("busy", &why))).now();
            return;
        }
        self.calls.queue.push_back(call);
        self.send_calls();
    }

    pub(super) fn send_calls(&mut self) {
        while !self.calls.paused
            && self.calls.sent < self.calls.window
            && let Some(call) = self.calls.queue.pop_front()
        {
            let Some(open) = self.gate.identity.runtime.open_call(call.id) else {
                continue;
            };
            let request = Request::Call {
                service: &call.service,
                timeout_ms: match open.left.is_none() {
                    true => 0,
                    false => open.left.as_millis().max(1),
                },
                parent: None,
                args: Raw(&call.args),
            };
            match self.line.request(request) {
                Ok(id) => {
                    self.calls.sent += 1;
                    self.requests.insert(id, Asks::Call(call));
                }
                Err(fault) => drop(self.mailbox.reply(call.id, Err(&fault.into())).now()),
            }
        }
    }

    pub(super) fn call_answered(&mut self, call: Call, answered: Answered) {
        self.calls.sent -= 1;
        self.calls.paused = false;
        let outcome = match answered {
            Answered::Busy => {
                self.calls.window = self.calls.sent.max(1);
                self.calls.paused = true;
                self.calls.queue.push_front(call);
                return;
            }
            Answered::Json(json) => Ok(json),
            Answered::Failed(error) => Err(error),
            _ => Err(Error::new(
                "protocol_error",
                "the node's answer is none to a call",
            )),
        };
        let outcome = outcome.and_then(|json| match Json::new(&json) {
            Ok(_) => Ok(json),
            Err(wrong) => Err(Error::format(
                "not_json",
                format_args!("the node's reply: {wrong}"),
            )),
        });
        if let Err(error) = &outcome
            && !error.is_by_caller()
        {
            self.plugin.count_error(self.gate.cx.id(), error);
        }
        let json = outcome.as_ref().map(|json| Json::new(json).unwrap_or(Json::NULL));
        // A caller that is gone does not matter.
        let _ = self.mailbox.reply(call.id, json).now();
        self.send_calls();
    }

    /// Takes back the calls that nobody waits for any more.
    pub(super) fn look_for_the_abandoned(&mut self) {
        self.calls.look.as_mut().reset(Instant::now() + LOOK);
        self.calls.paused = false;
        let runtime = self.gate.identity.runtime;
        let is_left = |call: &Call| runtime.open_call(call.id).is_none();
        self.calls.queue.retain(|call| !is_left(call));
        let left: Vec<u32> = self
            .requests
            .iter()
            .filter(|(_, asks)| matches!(asks, Asks::Call(call) if is_left(call)))
            .map(|(id, _)| *id)
            .collect();
        for id in left {
            self.requests.remove(&id);
            self.calls.sent -= 1;
            // As small as a ping.
            let _ = self.line.send(&ToRuntime::Cancel { id });
        }
        self.send_calls();
    }
}
