//! A plugin on the other side of the link: its mailbox is read by the session and sent there.

use core::task::Context;

use super::items::Event;
use super::protocol::{LostAt, Step as WireStep, ToClient};
use super::raw::Raw;
use super::session::Session;
use crate::id::PluginId;
use crate::kernel::Kernel;
use crate::lifecycle::{Hook, Meta};
use crate::log::{PluginSet, split};
use crate::plugin::{Mailbox, ManageError, PluginState, Step};
use crate::subject;
use crate::text::{Name, NameError, Text};

/// A session's plugin; dropping it takes it out of the runtime.
pub(crate) struct Remote {
    kernel: Kernel,
    index: usize,
    pub(crate) mailbox: Mailbox,
    /// It was told to take a step and has not said that it did.
    pub(crate) stepping: bool,
}

impl Remote {
    /// Installs a plugin and sets it on its way to STARTED.
    pub(crate) fn attach(
        kernel: Kernel,
        name: &str,
        version: &str,
        description: &str,
    ) -> Result<Remote, ManageError> {
        let index = kernel.with(|core| {
            subject::check_name(name).map_err(ManageError::Name)?;
            if core.shutting_down {
                return Err(ManageError::ShuttingDown);
            }
            if core.find_plugin(name).is_some() {
                return Err(ManageError::Duplicate);
            }
            let full = ManageError::Full {
                capacity: core.plugins.usage().capacity,
            };
            let index = core.plugins.vacant().ok_or(full)?;
            let mut texts = [Text::EMPTY, Text::EMPTY, Text::EMPTY];
            for (text, name) in texts.iter_mut().zip([name, version, description]) {
                let longest = crate::error::cut(name, core.names.block_size());
                match core.names.keep(Name::Copied(longest)) {
                    Ok(kept) => *text = kept,
                    Err(NameError::Full { capacity } | NameError::TooLong { max: capacity }) => {
                        texts.into_iter().for_each(|text| core.names.release(text));
                        return Err(ManageError::Full { capacity });
                    }
                }
            }
            let [name, version, description] = texts;
            core.plugins.install(
                index,
                Meta::Remote {
                    name,
                    version,
                    description,
                },
            );
            let due = core.now().saturating_add(10_000_000);
            core.set_goal(index, PluginState::Started, due);
            Ok(index)
        })?;
        Ok(Remote {
            kernel,
            index,
            mailbox: Mailbox::open(kernel, index, false),
            stepping: false,
        })
    }

    pub(crate) fn id(&self) -> PluginId {
        self.mailbox.context().id()
    }
}

impl Drop for Remote {
    fn drop(&mut self) {
        let index = self.index;
        self.kernel.with(|core| core.detach(index));
    }
}

impl crate::kernel::Core {
    /// Takes a remote plugin out, with all it registered.
    fn detach(&mut self, index: usize) {
        let Some(id) = self.plugins.at(index).map(|slot| slot.id(index)) else {
            return;
        };
        self.reclaim(id);
        self.leave(index);
        if let Some(Meta::Remote {
            name,
            version,
            description,
        }) = self.plugins.uninstall(index)
        {
            [name, version, description]
                .into_iter()
                .for_each(|text| self.names.release(text));
        }
    }
}

impl Session<'_> {
    /// Sends the plugin's next message; true when one was sent.
    pub(crate) fn poll_remote(&self, cx: &mut Context<'_>) -> bool {
        let mut work = self.work.borrow_mut();
        let mut remote = self.remote.borrow_mut();
        let Some(remote) = remote.as_mut() else {
            return false;
        };
        if !self.ready() {
            return false;
        }
        if remote.stepping {
            // Its deadline may end the life before the client says that it took the step.
            let id = remote.id();
            let ended = self.kernel.with(|core| match core.plugins.get_mut(id) {
                Some(slot) => {
                    slot.keep_waker(cx.waker());
                    None
                }
                None => Some(()),
            });
            if ended.is_none() {
                return false;
            }
        }
        let mut step = Step::Ended;
        if remote.mailbox.poll_step(cx, &mut work, &mut step).is_pending() {
            return false;
        }
        let kernel = self.kernel;
        match step {
            Step::Hook(hook) => {
                let step = match hook {
                    Hook::Load => WireStep::Load,
                    Hook::Start => WireStep::Start,
                    Hook::Stop => WireStep::Stop,
                    _ => WireStep::Unload,
                };
                remote.stepping = true;
                self.send(&ToClient::Step(step));
            }
            Step::Ended => {
                remote.stepping = false;
                remote.mailbox = Mailbox::open(kernel, remote.index, false);
                self.send(&ToClient::Step(WireStep::Ended));
            }
            Step::Event { seq, head, lost } => {
                let header = head.header(seq);
                let mut name = heapless::String::<{ subject::MAX_NAME }>::new();
                kernel.with(|core| crate::error::push_cut(&mut name, core.name_of(header.source)));
                let (topic, payload, _) = split(&mut work, header.topic, header.payload);
                let event = Event {
                    seq,
                    time: header.time,
                    source: &name,
                    cause: header.cause,
                    receivers: PluginSet::default(),
                    topic: core::str::from_utf8(topic).unwrap_or(""),
                    payload: Raw(payload),
                };
                if !self.send(&ToClient::Deliver {
                    event,
                    lost: lost as u64,
                }) {
                    self.send(&ToClient::Lost {
                        from: seq,
                        count: 1,
                        at: LostAt::Link,
                    });
                }
            }
            Step::Call { id, service, len, .. } => {
                let (service, args, _) = split(&mut work, service, len);
                let service = core::str::from_utf8(service).unwrap_or("");
                if !self.send(&ToClient::Called {
                    call: id.to_bits(),
                    service,
                    args: Raw(args),
                }) {
                    let error =
                        crate::Error::new("too_large", "the arguments are larger than a message of the link");
                    remote.mailbox.reply(id, Err(&error));
                }
            }
        }
        true
    }
}
