//! Values of any size in place of JSON text: published, called with, stored, shared.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::future::Future;
use core::time::Duration;

use kernel_core::json::{EncodeError, to_json};
use kernel_core::storage::STORAGE;
use kernel_core::subject::MAX_NAME;
use kernel_core::{Context, Error, Fault, Json, Name, Namespace, StateEngine};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::scratch;

/// The most bytes of a reply, and of a stored value, that are read: with the feature `std` what a host's kernel has room
/// for, 4 KiB on a chip.
pub const MAX_REPLY: usize = if cfg!(feature = "std") {
    64 * 1024 + 512
} else {
    4 * 1024
};

/// The bytes that are tried first for a value.
const FIRST: usize = 256;

/// The most bytes of a value; the kernel takes fewer.
const MOST: usize = 64 << 20;

/// What a plugin publishes and calls, as values.
pub trait ContextValues {
    /// Publishes a value; resolves to the number of plugins that get it. See
    /// [`EventBus::publish`](kernel_core::EventBus::publish).
    ///
    /// # Errors
    /// Those of `publish`; `encode` for a value that is not JSON.
    ///
    /// # Cancellation
    /// Dropped before it is done, the event is not published.
    ///
    /// ```
    /// # use plugin_kit::prelude::*;
    /// # async fn show(cx: &Context) -> Result<(), Error> {
    /// cx.publish_value("heating.switch", &true).await?;
    /// # Ok(())
    /// # }
    /// ```
    fn publish_value<T: Serialize + Sync + ?Sized>(
        &self,
        topic: &str,
        payload: &T,
    ) -> impl Future<Output = Result<u32, Error>> + Send;

    /// Calls a service with a value and decodes the reply, of at most [`MAX_REPLY`] bytes. `timeout` is a
    /// `Duration`, or `None` for the runtime's own. See
    /// [`ServiceRegistry::call`](kernel_core::ServiceRegistry::call).
    ///
    /// # Errors
    /// Those of the call, and what the service answers with; `encode` for arguments that are not JSON,
    /// `invalid_reply` for a reply of another type.
    ///
    /// # Cancellation
    /// Dropping it cancels the call.
    ///
    /// ```
    /// # use plugin_kit::prelude::*;
    /// # use std::time::Duration;
    /// # async fn show(cx: &Context) -> Result<(), Error> {
    /// let celsius: f32 = cx.call_value("weather.now", "Oslo", Duration::from_secs(2)).await?;
    /// # let _ = celsius;
    /// # Ok(())
    /// # }
    /// ```
    fn call_value<Args: Serialize + Sync + ?Sized, Reply: DeserializeOwned>(
        &self,
        service: &str,
        args: &Args,
        timeout: impl Into<Option<Duration>> + Send,
    ) -> impl Future<Output = Result<Reply, Error>> + Send;
}

impl ContextValues for Context {
    async fn publish_value<T: Serialize + Sync + ?Sized>(
        &self,
        topic: &str,
        payload: &T,
    ) -> Result<u32, Error> {
        let text = Text::of(payload)?;
        Ok(self.publish(topic, text.json()).await?)
    }

    async fn call_value<Args: Serialize + Sync + ?Sized, Reply: DeserializeOwned>(
        &self,
        service: &str,
        args: &Args,
        timeout: impl Into<Option<Duration>> + Send,
    ) -> Result<Reply, Error> {
        let timeout = timeout.into();
        let args = Text::of(args)?;
        let mut buf = vec![0; MAX_REPLY];
        let reply = self
            .services()
            .call_for(None, service, args.json(), timeout, &mut buf)
            .await?;
        decode(reply, "invalid_reply", service)
    }
}

/// What is stored, as values.
pub trait StorageValues {
    /// The stored value; `None` when there is none. At most [`MAX_REPLY`] bytes.
    ///
    /// # Errors
    /// Those of [`Namespace`]; `invalid_value` for a value of another type.
    ///
    /// # Cancellation
    /// See [`Namespace`].
    fn get_value<T: DeserializeOwned>(
        &self,
        key: &str,
    ) -> impl Future<Output = Result<Option<T>, Error>> + Send;

    /// Stores a value; once it resolves, the value is durable.
    ///
    /// # Errors
    /// Those of [`Namespace`]; `encode` for a value that is not JSON.
    ///
    /// # Cancellation
    /// See [`Namespace`].
    ///
    /// ```
    /// # use plugin_kit::prelude::*;
    /// # async fn show(cx: &Context) -> Result<(), Error> {
    /// let storage = cx.storage("thermostat");
    /// storage.set_value("target", &21.5).await?;
    /// let target: Option<f32> = storage.get_value("target").await?;
    /// # let _ = target;
    /// # Ok(())
    /// # }
    /// ```
    fn set_value<T: Serialize + Sync + ?Sized>(
        &self,
        key: &str,
        value: &T,
    ) -> impl Future<Output = Result<(), Error>> + Send;
}

/// Of the namespace of the plugin's own name, whatever that is: a plugin with `instances` may be installed under several.
///
/// ```
/// # use plugin_kit::prelude::*;
/// # async fn show(cx: &Context) -> Result<(), Error> {
/// cx.set_value("target", &21.5).await?;
/// let target: Option<f32> = cx.get_value("target").await?;
/// # let _ = target;
/// # Ok(())
/// # }
/// ```
impl StorageValues for Context {
    async fn get_value<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>, Error> {
        let own = own_name(self).await?;
        self.storage(&own).get_value(key).await
    }

    async fn set_value<T: Serialize + Sync + ?Sized>(&self, key: &str, value: &T) -> Result<(), Error> {
        let own = own_name(self).await?;
        self.storage(&own).set_value(key, value).await
    }
}

async fn own_name(cx: &Context) -> Result<String, Error> {
    Ok(String::from(cx.name_of(cx.id(), &mut [0; MAX_NAME]).await?))
}

impl StorageValues for Namespace<'_> {
    async fn get_value<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>, Error> {
        let mut buf = vec![0; MAX_REPLY];
        let found = self.get(key, &mut buf).await?;
        found
            .map(|json| decode(json, "invalid_value", &format!("{key} in {STORAGE}")))
            .transpose()
    }

    async fn set_value<T: Serialize + Sync + ?Sized>(&self, key: &str, value: &T) -> Result<(), Error> {
        let text = Text::of(value)?;
        self.set(key, text.json()).await
    }
}

/// The coordination state, as values.
pub trait StateValues {
    /// The value, of any length; `None` when there is none.
    ///
    /// # Errors
    /// Those of [`StateEngine`]; `invalid_value` for a value of another type.
    ///
    /// # Cancellation
    /// Nothing happened.
    fn get_value<T: DeserializeOwned>(
        &self,
        key: &str,
    ) -> impl Future<Output = Result<Option<T>, Error>> + Send;

    /// Sets a value that stays until it is deleted or its owner goes; resolves to its version.
    ///
    /// # Errors
    /// Those of [`StateEngine`]; `encode` for a value that is not JSON.
    ///
    /// # Cancellation
    /// Nothing happened.
    ///
    /// ```
    /// # use plugin_kit::prelude::*;
    /// # async fn show(cx: &Context) -> Result<(), Error> {
    /// cx.state().set_value(name!("thermostat.heating"), &true).await?;
    /// let heating: Option<bool> = cx.state().get_value("thermostat.heating").await?;
    /// # let _ = heating;
    /// # Ok(())
    /// # }
    /// ```
    fn set_value<'k, T: Serialize + Sync + ?Sized>(
        &self,
        key: impl Into<Name<'k>> + Send,
        value: &T,
    ) -> impl Future<Output = Result<u64, Error>> + Send;

    /// Sets a value that is gone after `ttl`; resolves to its version.
    ///
    /// # Errors
    /// See [`StateValues::set_value`].
    ///
    /// # Cancellation
    /// Nothing happened.
    fn set_value_with_ttl<'k, T: Serialize + Sync + ?Sized>(
        &self,
        key: impl Into<Name<'k>> + Send,
        value: &T,
        ttl: Duration,
    ) -> impl Future<Output = Result<u64, Error>> + Send;
}

impl StateValues for StateEngine {
    async fn get_value<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>, Error> {
        let mut buf = vec![0; FIRST];
        loop {
            let len = match self.get(key, &mut buf).await {
                Ok(found) => return found.map(|json| decode(json, "invalid_value", key)).transpose(),
                Err(Fault::Buffer { len }) => len as usize,
                Err(fault) => return Err(fault.into()),
            };
            // It may be a longer one by the next look.
            buf = vec![0; len];
        }
    }

    async fn set_value<'k, T: Serialize + Sync + ?Sized>(
        &self,
        key: impl Into<Name<'k>> + Send,
        value: &T,
    ) -> Result<u64, Error> {
        let (key, text) = (key.into(), Text::of(value)?);
        Ok(self.write(key, text.json(), None, None).await?)
    }

    async fn set_value_with_ttl<'k, T: Serialize + Sync + ?Sized>(
        &self,
        key: impl Into<Name<'k>> + Send,
        value: &T,
        ttl: Duration,
    ) -> Result<u64, Error> {
        let (key, text) = (key.into(), Text::of(value)?);
        let ttl = kernel_core::Span::of(ttl);
        Ok(self.write(key, text.json(), Some(ttl), None).await?)
    }
}

/// A value's JSON text.
pub(crate) struct Text {
    buf: Vec<u8>,
    len: usize,
}

impl Text {
    pub(crate) fn of<T: Serialize + ?Sized>(value: &T) -> Result<Text, Error> {
        let mut size = FIRST;
        loop {
            let mut buf = vec![0; size];
            let len = match to_json(value, &mut buf) {
                Ok(json) => json.len(),
                Err(EncodeError::TooSmall) if size < MOST => {
                    size *= 4;
                    continue;
                }
                Err(error) => return Err(error.into()),
            };
            return Ok(Text { buf, len });
        }
    }

    pub(crate) fn json(&self) -> Json<'_> {
        Json::new(&self.buf[..self.len]).unwrap_or(Json::NULL)
    }
}

/// A value that came from elsewhere: that it does not fit is not the mistake of whoever called this plugin.
fn decode<T: DeserializeOwned>(json: Json<'_>, code: &str, what: &str) -> Result<T, Error> {
    let mut room = scratch::<0>(json);
    json.decode(room.as_mut())
        .map_err(|error| Error::format(code, format_args!("{what}: {error}")))
}
