//! The registry as its users see it.

use core::future::Future;
use core::time::Duration;

use super::{CallError, Calling, PendingCall, RegisterError, Service};
use crate::calls::Parent;
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
    /// Microseconds from begin to end of all of them together. One that is replied to ends with its
    /// handler, or earlier where its reply is taken earlier.
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
    pub fn call<'s, 'b>(
        &self,
        service: &'s str,
        args: Json<'s>,
        buf: &'b mut [u8],
    ) -> impl Future<Output = Result<Json<'b>, CallError>> + use<'s, 'b> {
        Calling::new(*self, service, args, None, buf)
    }

    /// [`ServiceRegistry::call`] with a deadline of its own, `limit` from now.
    ///
    /// # Errors
    /// See [`CallError`].
    ///
    /// # Cancellation
    /// As for [`ServiceRegistry::call`].
    pub fn call_within<'s, 'b>(
        &self,
        service: &'s str,
        args: Json<'s>,
        limit: Duration,
        buf: &'b mut [u8],
    ) -> impl Future<Output = Result<Json<'b>, CallError>> + use<'s, 'b> {
        Calling::new(*self, service, args, Some(limit), buf)
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
        self.begin_in(Parent::Answering, service, args, limit)
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
        self.begin_in(Parent::Is(parent), service, args, limit)
    }

    fn begin_in(
        &self,
        parent: Parent,
        service: &str,
        args: Json<'_>,
        limit: Option<Duration>,
    ) -> Result<PendingCall, CallError> {
        let begun = self.kernel.with(|core| {
            core.call_service(
                self.who,
                parent,
                service,
                args.as_bytes(),
                limit.map(micros),
                None,
            )
        });
        match begun {
            Ok(id) => Ok(PendingCall::new(self.kernel, id)),
            Err(fault) => Err(fault.into()),
        }
    }
}
