//! What a plugin's hooks are given: the way to everything outside the plugin.

use core::future::Future;
use core::time::Duration;

use crate::bus::{EventBus, PublishError, SubscribeError};
use crate::id::PluginId;
use crate::json::Json;
use crate::kernel::Kernel;
use crate::registry::{CallError, Calling, PendingCall, RegisterError, Service, ServiceRegistry};
use crate::state::StateEngine;
use crate::storage::{Namespace, StorageApi, StorageError};
use crate::text::{CopyOut, Name};
use crate::time::{Instant, micros};
use crate::timer::WaitError;

/// A plugin's way to the bus, the services, the state and the storage, in one life of the plugin.
///
/// Once the life is over, because the plugin was unloaded, failed or hung, everything it asks for
/// is refused as `unloaded`.
#[derive(Clone, Copy)]
pub struct Context {
    pub(crate) kernel: Kernel,
    pub(crate) id: PluginId,
}

impl Context {
    /// Who this plugin is, in this life.
    pub fn id(&self) -> PluginId {
        self.id
    }

    /// The event bus.
    pub fn bus(&self) -> EventBus {
        EventBus {
            kernel: self.kernel,
            who: self.id,
        }
    }

    /// The service registry.
    pub fn services(&self) -> ServiceRegistry {
        ServiceRegistry {
            kernel: self.kernel,
            who: self.id,
        }
    }

    /// The coordination state.
    pub fn state(&self) -> StateEngine {
        StateEngine {
            kernel: self.kernel,
            who: self.id,
        }
    }

    /// A namespace of the storage: the plugin's own has the plugin's name.
    pub fn storage<'n>(&self, namespace: &'n str) -> Namespace<'n> {
        StorageApi {
            kernel: self.kernel,
            who: self.id,
        }
        .namespace(namespace)
    }

    /// See [`EventBus::publish`].
    ///
    /// # Errors
    /// See [`PublishError`].
    ///
    /// # Cancellation
    /// Dropped before it is done, the event is not published.
    pub fn publish<'p>(
        &self,
        topic: &'p str,
        payload: Json<'p>,
    ) -> impl Future<Output = Result<usize, PublishError>> + use<'p> {
        self.bus().publish(topic, payload)
    }

    /// See [`EventBus::try_publish`].
    ///
    /// # Errors
    /// See [`PublishError`].
    pub fn try_publish(&self, topic: &str, payload: Json<'_>) -> Result<usize, PublishError> {
        self.bus().try_publish(topic, payload)
    }

    /// See [`EventBus::subscribe`].
    ///
    /// # Errors
    /// See [`SubscribeError`].
    pub fn subscribe<'n>(&self, filter: impl Into<Name<'n>>) -> Result<(), SubscribeError> {
        self.bus().subscribe(filter)
    }

    /// See [`EventBus::unsubscribe`].
    pub fn unsubscribe(&self, filter: &str) -> bool {
        self.bus().unsubscribe(filter)
    }

    /// See [`ServiceRegistry::register`].
    ///
    /// # Errors
    /// See [`RegisterError`].
    pub fn register(&self, service: Service<'_>) -> Result<(), RegisterError> {
        self.services().register(service)
    }

    /// See [`ServiceRegistry::call`].
    ///
    /// # Errors
    /// See [`CallError`].
    ///
    /// # Cancellation
    /// Dropping it cancels the call.
    pub fn call<'s, 'b>(
        &self,
        service: &'s str,
        args: Json<'s>,
        buf: &'b mut [u8],
    ) -> impl Future<Output = Result<Json<'b>, CallError>> + use<'s, 'b> {
        Calling::new(self.services(), service, args, None, buf)
    }

    /// See [`ServiceRegistry::begin`].
    ///
    /// # Errors
    /// See [`CallError`].
    pub fn begin_call(
        &self,
        service: &str,
        args: Json<'_>,
        limit: Option<Duration>,
    ) -> Result<PendingCall, CallError> {
        self.services().begin(service, args, limit)
    }

    /// Calls `on_tick` every `interval`, the first time one interval from now, while the plugin is
    /// started. A tick that comes while another message is handled comes late, and ticks that were
    /// missed do not pile up. Zero ends it.
    pub fn set_interval(&self, interval: Duration) {
        self.kernel.with(|core| {
            let next = core.now().saturating_add(micros(interval));
            if let Some(slot) = core.plugins.get_mut(self.id) {
                slot.interval = micros(interval);
                slot.next_tick = next;
                core.arm(next);
            }
        });
    }

    /// Waits for `span`. Keep it short: the plugin handles nothing meanwhile.
    ///
    /// # Errors
    /// [`WaitError::Full`] when the capacity `waits` is used up.
    ///
    /// # Cancellation
    /// Nothing happened.
    pub async fn sleep(&self, span: Duration) -> Result<(), WaitError> {
        self.kernel.sleep(span).await
    }

    /// The platform's time.
    pub fn now(&self) -> Instant {
        self.kernel.now()
    }

    /// The plugin's settings from the platform's configuration: a JSON object, `{}` when it has
    /// none.
    pub fn settings(&self) -> Json<'static> {
        let settings = self
            .kernel
            .with(|core| core.plugins.get(self.id).and_then(|slot| slot.settings));
        settings.unwrap_or(Json::trusted(b"{}"))
    }

    /// The name of `who`, copied into `buf`; empty when that plugin is no longer installed.
    pub fn name_of<'b>(&self, who: PluginId, buf: &'b mut [u8]) -> &'b str {
        let mut out = CopyOut::new(buf);
        self.kernel
            .with(|core| Some(out.text(core.name_of(who))))
            .unwrap_or("")
    }
}

/// Makes a plugin's error of each of the kernel's, with its stable code.
macro_rules! into_error {
    ($($kind:ty => $code:expr),* $(,)?) => {$(
        impl From<$kind> for crate::Error {
            fn from(error: $kind) -> Self {
                let code: fn(&$kind) -> &str = $code;
                #[cfg(feature = "messages")]
                return crate::Error::format(code(&error), format_args!("{error}"));
                #[cfg(not(feature = "messages"))]
                crate::Error::new(code(&error), "")
            }
        }
    )*};
}

into_error! {
    PublishError => |error| error.code(),
    SubscribeError => |error| error.code(),
    RegisterError => |error| error.code(),
    crate::state::StateError => |error| error.code(),
    StorageError => |error| error.code(),
    WaitError => |error| error.code(),
    crate::json::JsonError => |_| "not_json",
    crate::json::EncodeError => |_| "encode",
    crate::json::DecodeError => |_| "invalid_argument",
}

impl From<CallError> for crate::Error {
    fn from(error: CallError) -> Self {
        match error {
            CallError::Failed(error) => error,
            #[cfg(feature = "messages")]
            other => crate::Error::format(other.code(), format_args!("{other}")),
            #[cfg(not(feature = "messages"))]
            other => crate::Error::new(other.code(), ""),
        }
    }
}
