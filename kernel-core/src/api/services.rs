//! The registry as its users see it.

use core::time::Duration;

use super::ask::{Ask, Calling, call_op};
use super::context::Context;
use crate::call::Service;
use crate::id::CallId;
use crate::json::Json;
use crate::kernel::Op;

/// Register and call services, on behalf of one plugin or of the operator.
#[derive(Clone, Copy)]
pub struct ServiceRegistry(pub(crate) Context);

impl ServiceRegistry {
    /// Makes this plugin answer calls of `service`. The kernel takes it back when the plugin's
    /// life ends.
    ///
    /// Errors: [`Fault::Name`](crate::Fault::Name), [`Fault::Taken`](crate::Fault::Taken) with the owner,
    /// [`Fault::Full`](crate::Fault::Full) of `services` or `names`, [`Fault::Share`](crate::Fault::Share).
    pub fn register<'a>(&self, service: &'a Service<'a>) -> Ask<'a, 'static, ()> {
        self.0.order(Op::Register(service))
    }

    /// Takes a service back; calls of it that are in flight end at once as gone. Resolves to false when this
    /// plugin has no service of this name.
    pub fn unregister<'a>(&self, name: &'a str) -> Ask<'a, 'static, bool> {
        self.0.whether(Op::Unregister(name))
    }

    /// Resolves to true when some plugin registered this name.
    pub fn has_service<'a>(&self, name: &'a str) -> Ask<'a, 'static, bool> {
        self.0.whether(Op::HasService(name))
    }

    /// Calls a service with the runtime's default deadline and copies the reply into `buf`.
    ///
    /// A call made while the plugin answers another one belongs to that one: it cannot outlive its deadline, nor
    /// close a cycle.
    ///
    /// # Cancellation
    /// See [`Calling`].
    pub fn call<'k, 'b>(&self, service: &'k str, args: Json<'k>, buf: &'b mut [u8]) -> Calling<'k, 'b> {
        self.call_for(None, service, args, None, buf)
    }

    /// [`ServiceRegistry::call`] with a deadline of its own, `limit` from now.
    ///
    /// # Cancellation
    /// See [`Calling`].
    pub fn call_within<'k, 'b>(
        &self,
        service: &'k str,
        args: Json<'k>,
        limit: Duration,
        buf: &'b mut [u8],
    ) -> Calling<'k, 'b> {
        self.call_for(None, service, args, Some(limit), buf)
    }

    /// [`ServiceRegistry::call`] for a plugin that answers several calls at once and knows itself
    /// which one this belongs to.
    ///
    /// # Cancellation
    /// See [`Calling`].
    pub fn call_for<'k, 'b>(
        &self,
        parent: Option<CallId>,
        service: &'k str,
        args: Json<'k>,
        limit: Option<Duration>,
        buf: &'b mut [u8],
    ) -> Calling<'k, 'b> {
        Calling::new(
            self.0
                .ask(call_op(service, (args.as_bytes(), &[]), limit, parent), buf),
        )
    }
}
