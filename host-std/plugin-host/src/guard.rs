//! The waist of a plugin that was granted so much and no more: each operation is checked, and then the kernel's; so are
//! the arguments of calls.

use std::sync::Arc;
use std::task::{Poll, Waker};

use kernel_core::storage::{MAX_NAMESPACE, STORAGE, request_namespace};
use kernel_core::{EntryInfo, Fault, Instant, Op, PluginId, Ticket, Waist};

use crate::checked::Checked;
use crate::gate::{Identity, Rate, is_over, too_fast};
use crate::lock::lock;
use crate::log::Level;
use crate::permissions::Use;

/// See the module's documentation. It serves one life of the plugin.
pub(crate) struct Guard {
    identity: Arc<Identity>,
    kernel: Checked,
    /// JSON; `None` for those that the kernel has.
    settings: Option<String>,
    events: Rate,
    calls: Rate,
}

impl Guard {
    pub(crate) fn new(identity: Arc<Identity>, settings: Option<String>) -> Self {
        Guard {
            kernel: Checked::new(
                identity.services.clone(),
                &identity.name,
                identity.runtime.kernel().waist(),
            ),
            settings,
            events: Rate::new(identity.limits.events_per_second),
            calls: Rate::new(identity.limits.calls_per_second),
            identity,
        }
    }

    pub(crate) fn identity(&self) -> &Identity {
        &self.identity
    }

    fn may(&self, wanted: Use<'_>) -> Result<(), Fault> {
        self.identity.check(wanted).map_err(|_| Fault::Denied)
    }

    /// Checks an operation; returns on whose behalf it is carried out.
    ///
    /// It is checked whenever it is asked for: what waits could be asked for again with another name.
    fn check(&self, who: PluginId, op: &Op<'_>) -> Result<PluginId, Fault> {
        match op {
            Op::Publish { topic, .. } => self.may(Use::Publish(topic))?,
            Op::Subscribe(filter) => self.may(Use::Subscribe(filter.as_str()))?,
            Op::Register(service) => {
                let [name, ..] = service.texts();
                self.may(Use::Register(name))?;
            }
            Op::Call {
                service: STORAGE,
                args,
                ..
            } => return self.check_storage(who, *args),
            Op::Call { service, .. } => self.may(Use::Call(service))?,
            Op::Get(key) | Op::Delete(key, _) => self.may(Use::State(key))?,
            Op::Set { key, .. } => self.may(Use::State(key.as_str()))?,
            Op::Update(writes) => {
                for (key, _) in *writes {
                    self.may(Use::State(key.as_str()))?;
                }
            }
            Op::Entry(key, info) if info.cursor == EntryInfo::EXACT => self.may(Use::State(key))?,
            // Its own, or nothing that is kept from anybody.
            Op::Next { .. }
            | Op::Fail(_)
            | Op::Alive
            | Op::Unsubscribe(_)
            | Op::Unregister(_)
            | Op::HasService(_)
            | Op::Reply(..)
            | Op::Clear
            | Op::Entry(..)
            | Op::Interval(_)
            | Op::Sleep(_)
            | Op::NameOf(_)
            | Op::Settings => {}
            _ => return Err(Fault::Denied),
        }
        Ok(who)
    }

    /// The kernel lets a plugin only into its own namespace: what was granted beyond is done as the operator's.
    fn check_storage(&self, who: PluginId, args: (&[u8], &[&[u8]])) -> Result<PluginId, Fault> {
        let mut buf = [0; MAX_NAMESPACE];
        match request_namespace(args, &mut buf) {
            Some(namespace) if namespace != self.identity.name => {
                self.may(Use::Storage(namespace))?;
                // The operator has no life that would be checked.
                match is_over(&self.kernel, who, None) {
                    false => Ok(PluginId::OPERATOR),
                    true => Err(Fault::Unloaded),
                }
            }
            // The storage refuses what is no request.
            _ => Ok(who),
        }
    }

    /// Counts what begins.
    fn count(&self, op: &Op<'_>) -> Result<(), Fault> {
        let (rate, what) = match op {
            Op::Publish { .. } => (&self.events, "events"),
            Op::Call { .. } => (&self.calls, "calls"),
            _ => return Ok(()),
        };
        rate.take().map_err(|limit| {
            self.identity
                .log
                .write(Level::Warn, &format!("refused: {}", too_fast(what, limit)));
            Fault::Unavailable
        })
    }

    /// Whether the state entry that was found is one that the plugin may see.
    fn may_see(&self, op: &Op<'_>, buf: &[u8]) -> bool {
        let Op::Entry(_, info) = op else { return true };
        let key = buf.get(..info.key).and_then(|key| std::str::from_utf8(key).ok());
        let granted = lock(&self.identity.granted);
        key.is_some_and(|key| granted.check(&self.identity.name, Use::State(key)).is_ok())
    }
}

impl Waist for Guard {
    fn run(
        &self,
        who: PluginId,
        op: &mut Op<'_>,
        ticket: &mut Ticket,
        waker: Option<&Waker>,
        buf: &mut [u8],
    ) -> Poll<Result<u32, Fault>> {
        if let (Op::Settings, Some(settings)) = (&*op, &self.settings) {
            let len = settings.len() as u32;
            let to = buf.get_mut(..settings.len()).ok_or(Fault::Buffer { len })?;
            to.copy_from_slice(settings.as_bytes());
            return Poll::Ready(Ok(len));
        }
        let on_behalf_of = self.check(who, op)?;
        if !ticket.is_held() {
            self.count(op)?;
        }
        loop {
            let outcome = self.kernel.run(on_behalf_of, op, ticket, waker, buf);
            if !matches!(outcome, Poll::Ready(Ok(_))) || self.may_see(op, buf) {
                return outcome;
            }
        }
    }

    fn leave(&self, who: PluginId, ticket: Ticket) {
        self.kernel.leave(who, ticket);
    }

    fn now(&self) -> Instant {
        self.kernel.now()
    }
}
