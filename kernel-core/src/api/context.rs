//! What a plugin's hooks are given: the way to everything outside the plugin.

use core::time::Duration;

use super::ask::{Ask, Base, Calling, call_op, first, nothing, whether};
use super::storage::Namespace;
use crate::call::Service;
#[cfg(feature = "large")]
use crate::error::{Error, INVALID_SETTINGS};
use crate::fault::Fault;
use crate::id::PluginId;
use crate::json::Json;
use crate::kernel::{Op, Waist};
use crate::subject::Name;
use crate::time::{Instant, Span};

use super::bus::{EventBus, PUBLISH_TIMEOUT};
use super::services::ServiceRegistry;
use super::state::StateEngine;

/// A plugin's way to the bus, the services, the state and the storage, in one life of the plugin: a handle on the
/// waist, free to copy.
///
/// Once the life is over, because the plugin was unloaded, failed or hung, everything it asks for
/// is refused as [`Fault::Unloaded`].
#[derive(Clone, Copy)]
pub struct Context {
    pub(crate) waist: &'static dyn Waist,
    pub(crate) who: PluginId,
}

impl Context {
    /// A context on another implementation of the waist than the kernel in memory.
    pub const fn new(waist: &'static dyn Waist, who: PluginId) -> Self {
        Context { waist, who }
    }

    pub(crate) fn ask<'k, 'b>(&self, op: Op<'k>, buf: &'b mut [u8]) -> Base<'k, 'b> {
        Base::new(self.waist, self.who, op, buf)
    }

    /// An operation that resolves to nothing.
    pub(crate) fn order<'k>(&self, op: Op<'k>) -> Ask<'k, 'static, ()> {
        Ask::new(self.ask(op, &mut []), nothing)
    }

    /// An operation that resolves to whether there was something.
    pub(crate) fn whether<'k>(&self, op: Op<'k>) -> Ask<'k, 'static, bool> {
        Ask::new(self.ask(op, &mut []), whether)
    }

    /// Who this plugin is, in this life.
    pub const fn id(&self) -> PluginId {
        self.who
    }

    /// The event bus.
    pub const fn bus(&self) -> EventBus {
        EventBus(*self)
    }

    /// The service registry.
    pub const fn services(&self) -> ServiceRegistry {
        ServiceRegistry(*self)
    }

    /// The coordination state.
    pub const fn state(&self) -> StateEngine {
        StateEngine(*self)
    }

    /// A namespace of the storage: the plugin's own has the plugin's name.
    pub const fn storage<'n>(&self, namespace: &'n str) -> Namespace<'n> {
        Namespace::new(*self, namespace)
    }

    /// See [`EventBus::publish`].
    pub fn publish<'a>(&self, topic: &'a str, payload: Json<'a>) -> Ask<'a, 'static, u32> {
        self.bus().publish_within(topic, payload, PUBLISH_TIMEOUT)
    }

    /// See [`EventBus::try_publish`].
    ///
    /// # Errors
    /// See there.
    pub fn try_publish(&self, topic: &str, payload: Json<'_>) -> Result<u32, Fault> {
        self.bus().try_publish(topic, payload)
    }

    /// See [`EventBus::subscribe`].
    pub fn subscribe<'a>(&self, filter: impl Into<Name<'a>>) -> Ask<'a, 'static, bool> {
        self.bus().subscribe(filter)
    }

    /// See [`EventBus::unsubscribe`].
    pub fn unsubscribe<'a>(&self, filter: &'a str) -> Ask<'a, 'static, bool> {
        self.bus().unsubscribe(filter)
    }

    /// See [`ServiceRegistry::register`].
    pub fn register<'a>(&self, service: &'a Service<'a>) -> Ask<'a, 'static, ()> {
        self.services().register(service)
    }

    /// See [`ServiceRegistry::call`].
    pub fn call<'k, 'b>(&self, service: &'k str, args: Json<'k>, buf: &'b mut [u8]) -> Calling<'k, 'b> {
        Calling::new(self.ask(call_op(service, (args.as_bytes(), &[]), None, None), buf))
    }

    /// See [`ServiceRegistry::call_within`].
    pub fn call_within<'k, 'b>(
        &self,
        service: &'k str,
        args: Json<'k>,
        limit: Duration,
        buf: &'b mut [u8],
    ) -> Calling<'k, 'b> {
        Calling::new(self.ask(call_op(service, (args.as_bytes(), &[]), Some(limit), None), buf))
    }

    /// Calls `on_tick` every `interval`, the first time one interval from now, while the plugin is
    /// started. A tick that comes while another message is handled comes late, and ticks that were
    /// missed do not pile up. Zero ends it.
    pub fn set_interval(&self, interval: Duration) -> Ask<'static, 'static, ()> {
        self.order(Op::Interval(Span::of(interval)))
    }

    /// Waits for `span`. Keep it short: the plugin handles nothing meanwhile. [`Fault::Full`] when the capacity
    /// `waits` is used up.
    pub fn sleep(&self, span: Duration) -> Ask<'static, 'static, ()> {
        self.order(Op::Sleep(Span::of(span)))
    }

    /// The platform's time.
    pub fn now(&self) -> Instant {
        self.waist.now()
    }

    /// The plugin's settings from the platform's configuration: a JSON object, `{}` when it has
    /// none. [`Fault::Buffer`] when it does not fit into `buf`.
    pub fn settings<'b>(&self, buf: &'b mut [u8]) -> Ask<'static, 'b, Json<'b>> {
        Ask::new(self.ask(Op::Settings, buf), |len, buf, _| {
            Ok(Json::trusted(first(buf, len?)))
        })
    }

    /// The plugin's settings as a value of a type of its own. See [`Json::decode`] for the types and `scratch`.
    ///
    /// # Errors
    /// `invalid_settings`, with the field that is wrong: pass it on, and the plugin is FAILED until somebody starts it,
    /// for trying again would be of no use.
    ///
    /// # Cancellation
    /// Nothing happened.
    ///
    /// ```
    /// # use kernel_core::{Context, Error};
    /// #[derive(serde::Deserialize)]
    /// struct Settings {
    ///     celsius: i8,
    /// }
    ///
    /// async fn on_load(cx: &Context) -> Result<i8, Error> {
    ///     let settings: Settings = cx.decode_settings(&mut [0; 256], &mut [0; 64]).await?;
    ///     Ok(settings.celsius)
    /// }
    /// ```
    #[cfg(feature = "large")]
    pub async fn decode_settings<'b, T: serde::Deserialize<'b>>(
        &self,
        buf: &'b mut [u8],
        scratch: &'b mut [u8],
    ) -> Result<T, Error> {
        let settings = self.settings(buf).await?;
        settings
            .decode(scratch)
            .map_err(|error| Error::new(INVALID_SETTINGS, Error::from(error).message()))
    }

    /// The name of `who`, copied into `buf`; empty when that plugin is no longer installed.
    pub fn name_of<'b>(&self, who: PluginId, buf: &'b mut [u8]) -> Ask<'static, 'b, &'b str> {
        Ask::new(self.ask(Op::NameOf(who), buf), |len, buf, _| {
            Ok(core::str::from_utf8(first(buf, len?)).unwrap_or(""))
        })
    }
}

impl From<Fault> for crate::error::Error {
    fn from(fault: Fault) -> Self {
        #[cfg(feature = "messages")]
        return crate::error::Error::format(fault.code(), format_args!("{fault}"));
        #[cfg(not(feature = "messages"))]
        crate::error::Error::new(fault.code(), fault.detail())
    }
}

impl From<super::CallError<'_>> for crate::error::Error {
    fn from(error: super::CallError<'_>) -> Self {
        match error {
            super::CallError::Fault(fault) => fault.into(),
            super::CallError::Failed { code, message } => crate::error::Error::from_callee(code, message),
        }
    }
}
