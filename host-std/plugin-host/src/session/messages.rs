//! What the kernel's mailbox has for the plugin, and what the plugin answers.

use std::time::Instant;

use kernel_core::{CallId, Error, Json, Message};
use serde_json::value::RawValue;

use super::{Initialized, Session};
use crate::log::Level;
use crate::manifest::API;
use crate::rpc_error::RpcError;
use crate::services::Positional;

/// What the plugin was sent.
pub(super) struct Pending {
    pub(super) what: Handled,
    pub(super) since: Instant,
    /// It was told that nobody waits any more.
    pub(super) cancelled: bool,
}

/// A hook: its method, and what it is.
pub(super) type Hook = (&'static str, Handled);

#[derive(Clone, Copy, PartialEq)]
pub(super) enum Handled {
    Initialize,
    Load,
    Hook,
    Unload,
    Event(u64),
    Tick,
    Call(CallId),
}

impl Handled {
    pub(super) fn name(self) -> &'static str {
        match self {
            Handled::Initialize => "initialize",
            Handled::Load | Handled::Hook | Handled::Unload => "a lifecycle hook",
            Handled::Event(_) => "an event",
            Handled::Tick => "a tick",
            Handled::Call(_) => "a call",
        }
    }

    /// While it runs nothing else is taken from the mailbox.
    pub(super) fn is_hook(self) -> bool {
        matches!(
            self,
            Handled::Initialize | Handled::Load | Handled::Hook | Handled::Unload
        )
    }
}

impl Session<'_> {
    pub(super) fn pend(&mut self, id: u64, what: Handled) {
        let pending = Pending {
            what,
            since: Instant::now(),
            cancelled: false,
        };
        self.pending.insert(id, pending);
    }

    /// Whether the next message is wanted.
    pub(super) fn takes(&self) -> bool {
        let hook = self.held.is_some();
        self.pending.len() < self.window
            && !hook
            && !self.pending.values().any(|pending| pending.what.is_hook())
    }

    /// Sends a message of the mailbox.
    pub(super) fn hand_over(&mut self, message: &Message<'_>) {
        let (id, what) = match message {
            Message::Event(event) => {
                let cx = self.gate.cx;
                let mut buf = [0; kernel_core::subject::MAX_NAME];
                let source = cx.name_of(event.source, &mut buf).now().unwrap_or("");
                let id = self.out.request("event", |params| {
                    params
                        .value("topic", event.topic())
                        .json("payload", event.payload().as_bytes())
                        .value("seq", &event.seq)
                        .value("time_ms", &(event.time.as_micros() / 1000))
                        .value("source", source)
                        .value("lost", &event.lost);
                });
                (id, Handled::Event(event.seq))
            }
            Message::Call(call) => {
                let args = call.args();
                let identity = &self.gate.identity;
                let checked = identity.services.check(
                    &identity.name,
                    call.service(),
                    args.as_bytes(),
                    Positional::ByPlugin,
                );
                if let Err(error) = checked {
                    let _ = self.mailbox.reply(call.id, Err(&error)).now();
                    return;
                }
                let cx = self.gate.cx;
                let mut buf = [0; kernel_core::subject::MAX_NAME];
                let caller = cx.name_of(call.caller, &mut buf).now().unwrap_or("");
                let id = self.out.request("call", |params| {
                    params
                        .value("service", call.service())
                        .json("args", args.as_bytes())
                        .value("caller", caller);
                });
                (id, Handled::Call(call.id))
            }
            Message::Tick => (self.out.request("tick", |_| {}), Handled::Tick),
            Message::Load => return self.begin_hook(("load", Handled::Load)),
            Message::Start => return self.begin_hook(("start", Handled::Hook)),
            Message::Stop => return self.begin_hook(("stop", Handled::Hook)),
            Message::Unload => return self.begin_hook(("unload", Handled::Unload)),
            Message::Ended => return,
        };
        self.pend(id, what);
    }

    /// Sends a hook, or keeps it until all that was sent before is answered.
    fn begin_hook(&mut self, (method, what): Hook) {
        if !self.pending.is_empty() {
            self.held = Some((method, what));
            return;
        }
        let id = self.out.request(method, |_| {});
        self.pend(id, what);
    }

    /// The plugin has handled what it was sent under this number.
    pub(super) fn answered(&mut self, id: u64, outcome: Result<&RawValue, RpcError>) -> Result<(), Error> {
        let Some(pending) = self.pending.remove(&id) else {
            let message = format!("an answer to request {id}, which the runtime does not wait for");
            return Err(Error::new("protocol_error", &message));
        };
        match (pending.what, outcome) {
            (Handled::Initialize, Ok(result)) => self.initialized(result)?,
            (Handled::Initialize | Handled::Load | Handled::Hook | Handled::Unload, Err(error)) => {
                return Err(error.to_kernel());
            }
            (Handled::Call(call), Ok(result)) => {
                let error;
                let answer = match Json::parse(result.get()) {
                    Ok(json) => Ok(json),
                    Err(wrong) => {
                        error = Error::format("not_json", format_args!("the plugin's reply: {wrong}"));
                        Err(&error)
                    }
                };
                // A caller that is gone does not matter.
                let _ = self.mailbox.reply(call, answer).now();
            }
            (Handled::Call(call), Err(error)) => {
                let error = error.to_kernel();
                if !error.is_by_caller() {
                    self.plugin.count_error(self.gate.cx.id(), &error);
                }
                let _ = self.mailbox.reply(call, Err(&error)).now();
            }
            (Handled::Event(_) | Handled::Tick, Err(error)) => self.not_handled(&pending, &error),
            (Handled::Load | Handled::Hook | Handled::Unload | Handled::Event(_) | Handled::Tick, Ok(_)) => {}
        }
        if let Some(hook) = self.held.take_if(|_| self.pending.is_empty()) {
            self.begin_hook(hook);
        }
        Ok(())
    }

    /// One message at a time, the kernel tells the error with its event; of several it cannot know which.
    fn not_handled(&mut self, pending: &Pending, error: &RpcError) {
        if self.concurrent {
            let at = match pending.what {
                Handled::Event(seq) => format!("event {seq}"),
                what => what.name().to_owned(),
            };
            let said = format!("{at} was not handled: {}: {}", error.code, error.message);
            self.gate.identity.log.write(Level::Warn, &said);
            let error = Error::new(&error.code, &format!("{at}: {}", error.message));
            self.plugin.event_failed(self.gate.cx.id(), &error);
        } else {
            let _ = self.mailbox.fail(&error.to_kernel()).now();
        }
    }

    fn initialized(&mut self, result: &RawValue) -> Result<(), Error> {
        let said: Initialized = serde_json::from_str(result.get()).map_err(|cause| {
            let cause = cause.to_string();
            Error::new("protocol_error", &format!("the answer to initialize: {cause}"))
        })?;
        if said.protocol != API {
            let message = format!(
                "the plugin speaks protocol {}, this runtime speaks {API}",
                said.protocol
            );
            return Err(Error::new("unsupported_protocol", &message));
        }
        let promised = &self.version;
        if let Some(version) = said.version.as_ref().filter(|version| *version != promised) {
            let message = format!("the plugin says that it is version {version}, its manifest {promised}");
            return Err(Error::new("wrong_version", &message));
        }
        let limits = &self.gate.identity.limits;
        self.window = said.window.clamp(1, limits.concurrency.max(1) as usize);
        self.concurrent = self.window > 1;
        self.plugin.set_concurrent(self.concurrent);
        if !said.sdk.is_empty() {
            self.gate
                .identity
                .log
                .write(Level::Debug, &format!("speaks by {}", said.sdk));
        }
        let id = self.out.request("load", |_| {});
        self.pend(id, Handled::Load);
        Ok(())
    }

    /// Tells the plugin of calls that nobody waits for any more.
    pub(super) fn cancel_the_abandoned(&mut self) {
        let calls = self
            .pending
            .values()
            .any(|pending| matches!(pending.what, Handled::Call(_)));
        if !calls {
            return;
        }
        let (mut cursor, mut buf, mut alive) = (0, [0; 512], Vec::new());
        while let Some(call) = self.gate.identity.runtime.next_call(&mut cursor, &mut buf) {
            alive.push(call.id);
        }
        for (id, pending) in &mut self.pending {
            if let Handled::Call(call) = pending.what
                && !pending.cancelled
                && !alive.contains(&call)
            {
                pending.cancelled = true;
                self.out.notification("cancel", |params| {
                    params.value("id", id);
                });
            }
        }
    }
}
