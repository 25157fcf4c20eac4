//! The registry as its users see it.

use core::future::poll_fn;
use core::task::{Context, Poll};
use core::time::Duration;

use super::{CallError, RegisterError, Service};
use crate::calls::{NewCall, What};
use crate::id::{CallId, PluginId};
use crate::json::Json;
use crate::kernel::Kernel;
use crate::text::CopyOut;
use crate::time::micros;

/// What is known of a service.
#[derive(Clone, Copy, Debug)]
pub struct ServiceInfo<'a> {
    /// The name it is called by.
    pub name: &'a str,
    /// The plugin that answers it.
    pub owner: &'a str,
    /// One sentence for people.
    pub description: &'a str,
    /// Its version.
    pub version: &'a str,
    /// True when callers should look for another one.
    pub deprecated: bool,
    /// Calls that ended.
    pub calls: usize,
    /// Those that ended without a reply.
    pub errors: usize,
    /// Microseconds from begin to end of all of them together.
    pub busy_micros: u64,
    /// Microseconds of the slowest one.
    pub worst_micros: u32,
}

impl ServiceInfo<'_> {
    /// The same without its texts.
    fn numbers<'b>(&self) -> ServiceInfo<'b> {
        ServiceInfo {
            name: "",
            owner: "",
            description: "",
            version: "",
            ..*self
        }
    }
}

/// Register and call services, on behalf of one plugin or of the operator.
#[derive(Clone, Copy)]
pub struct ServiceRegistry {
    pub(crate) kernel: Kernel,
    pub(crate) who: PluginId,
}

impl ServiceRegistry {
    /// Makes this plugin answer calls of `service`. The kernel takes it back when the plugin's
    /// life ends.
    ///
    /// # Errors
    /// See [`RegisterError`]; a taken name is refused with its owner.
    pub fn register(&self, service: Service<'_>) -> Result<(), RegisterError> {
        self.kernel.with(|core| core.register(self.who, service))
    }

    /// Takes a service back; calls of it that are in flight end at once as gone. False when this
    /// plugin has no service of this name.
    pub fn unregister(&self, name: &str) -> bool {
        self.kernel
            .with(|core| Some(core.unregister(self.who, name)))
            .unwrap_or(false)
    }

    /// True when some plugin registered this name.
    pub fn has_service(&self, name: &str) -> bool {
        self.kernel.with(|core| core.find_service(name)).is_some()
    }

    /// The next service, its texts copied into `buf` (cut where they do not fit). Start with a
    /// `cursor` of 0; services that come or go meanwhile may be missed.
    ///
    /// ```
    /// # fn names(registry: kernel_core::ServiceRegistry) {
    /// let (mut cursor, mut buf) = (0, [0; 256]);
    /// while let Some(service) = registry.list_services(&mut cursor, &mut buf) {
    ///     println!("{} of {}", service.name, service.owner);
    /// }
    /// # }
    /// ```
    pub fn list_services<'b>(&self, cursor: &mut usize, buf: &'b mut [u8]) -> Option<ServiceInfo<'b>> {
        let mut out = CopyOut::new(buf);
        self.kernel.with(|core| {
            while *cursor < core.services.extent() {
                let index = *cursor;
                *cursor = index.wrapping_add(1);
                if let Some(info) = core.service_info(index) {
                    return Some(ServiceInfo {
                        name: out.text(info.name),
                        owner: out.text(info.owner),
                        version: out.text(info.version),
                        description: out.text(info.description),
                        ..info.numbers()
                    });
                }
            }
            None
        })
    }

    /// Calls a service with the runtime's default deadline and copies the reply into `buf`.
    ///
    /// # Errors
    /// See [`CallError`].
    ///
    /// # Cancellation
    /// Dropping it cancels the call: one that waits in the callee's mailbox is never seen there;
    /// one that is being handled runs on, and its reply is refused.
    pub async fn call<'b>(
        &self,
        service: &str,
        args: Json<'_>,
        buf: &'b mut [u8],
    ) -> Result<Json<'b>, CallError> {
        self.begin(service, args, None)?.reply(buf).await
    }

    /// [`ServiceRegistry::call`] with a deadline of its own, `limit` from now.
    ///
    /// # Errors
    /// See [`CallError`].
    ///
    /// # Cancellation
    /// As for [`ServiceRegistry::call`].
    pub async fn call_within<'b>(
        &self,
        service: &str,
        args: Json<'_>,
        limit: Duration,
        buf: &'b mut [u8],
    ) -> Result<Json<'b>, CallError> {
        self.begin(service, args, Some(limit))?.reply(buf).await
    }

    /// Begins a call whose reply is awaited later. A call made while the plugin answers another
    /// one belongs to that one: it cannot outlive its deadline, nor close a cycle.
    ///
    /// # Errors
    /// See [`CallError`].
    pub fn begin(
        &self,
        service: &str,
        args: Json<'_>,
        limit: Option<Duration>,
    ) -> Result<PendingCall, CallError> {
        self.kernel.with(|core| {
            let parent = core.plugins.answering(self.who);
            self.start(core, parent, service, args, limit)
        })
    }

    /// [`ServiceRegistry::begin`] for a plugin that answers several calls at once and knows itself
    /// which one this belongs to.
    ///
    /// # Errors
    /// See [`CallError`].
    pub fn begin_for(
        &self,
        parent: Option<CallId>,
        service: &str,
        args: Json<'_>,
        limit: Option<Duration>,
    ) -> Result<PendingCall, CallError> {
        self.kernel
            .with(|core| self.start(core, parent, service, args, limit))
    }

    fn start(
        &self,
        core: &mut crate::kernel::Core,
        parent: Option<CallId>,
        service: &str,
        args: Json<'_>,
        limit: Option<Duration>,
    ) -> Result<PendingCall, CallError> {
        if !core.is_live(self.who) {
            return Err(CallError::Unloaded);
        }
        let index = core.find_service(service).ok_or(CallError::NotFound)?;
        let callee = core.callee(index)?;
        let call = NewCall {
            caller: self.who,
            callee: Some(callee),
            what: What::Service(index as u16),
            parent,
            limit: limit.map(micros),
        };
        let id = core.begin_call(call, &[args.as_bytes()])?;
        Ok(PendingCall {
            kernel: self.kernel,
            id,
        })
    }
}

/// A call in flight. Dropping it cancels the call.
pub struct PendingCall {
    pub(crate) kernel: Kernel,
    pub(crate) id: CallId,
}

impl PendingCall {
    /// The call's identity: its correlation id on the link.
    pub fn id(&self) -> CallId {
        self.id
    }

    /// Waits for the reply and copies it into `buf`.
    ///
    /// # Errors
    /// See [`CallError`].
    ///
    /// # Cancellation
    /// Dropping it cancels the call.
    pub async fn reply<'b>(mut self, buf: &'b mut [u8]) -> Result<Json<'b>, CallError> {
        let len = poll_fn(|cx| self.poll_reply(cx, buf)).await?;
        Ok(Json::trusted(buf.get(..len).unwrap_or(&[])))
    }

    /// The reply's length once it is in `buf`. Must not be polled again after `Ready`.
    ///
    /// # Errors
    /// See [`CallError`].
    pub fn poll_reply(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<Result<usize, CallError>> {
        let id = self.id;
        self.kernel
            .with(|core| core.poll_call(id, cx.waker(), buf))
            .map(|outcome| outcome.map(|len| len.unwrap_or(0)))
    }

    /// [`PendingCall::poll_reply`] with "not there" told apart.
    #[cfg(feature = "link")]
    pub(crate) fn poll_answer(
        &mut self,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<Result<Option<usize>, CallError>> {
        let id = self.id;
        self.kernel.with(|core| core.poll_call(id, cx.waker(), buf))
    }

    /// [`PendingCall::poll_reply`] for requests that may be answered with "not there".
    pub(crate) async fn answer(self, buf: &mut [u8]) -> Result<Option<usize>, CallError> {
        let id = self.id;
        poll_fn(|cx| self.kernel.with(|core| core.poll_call(id, cx.waker(), buf))).await
    }
}

impl Drop for PendingCall {
    fn drop(&mut self) {
        let id = self.id;
        self.kernel.with(|core| core.free_call(id));
    }
}
