//! What the code of [`plugin`](macro@crate::plugin) decodes by.

use kernel_core::{Context, Error, Json};
use serde::de::DeserializeOwned;

/// The code of the error of settings that are wrong: a supervisor does not try again.
const INVALID_SETTINGS: &str = "invalid_settings";

/// Room for the strings of `json` that hold escapes: as much as it needs with the feature `alloc`, else `N` bytes.
#[cfg(feature = "alloc")]
pub fn scratch<const N: usize>(json: Json<'_>) -> impl AsMut<[u8]> + use<N> {
    let text = json.as_bytes();
    // The text with its surrogate pairs written out, and the strings without escapes.
    let len = if text.contains(&b'\\') { text.len() * 2 } else { 0 };
    vec![0; len]
}

/// Room for the strings of `json` that hold escapes: as much as it needs with the feature `alloc`, else `N` bytes.
#[cfg(not(feature = "alloc"))]
pub fn scratch<const N: usize>(_: Json<'_>) -> impl AsMut<[u8]> + use<N> {
    [0u8; N]
}

/// The plugin's settings as a value; those that are not said are serde's defaults. They may have any length with the
/// feature `std`, else `N` bytes.
///
/// # Errors
/// `invalid_settings`, with the field that is wrong: pass it on from `#[load]`, and the plugin is FAILED until
/// somebody starts it. Without `alloc`, `reply_too_large` as well.
///
/// # Cancellation
/// Nothing happened.
///
/// ```
/// # use plugin_kit::prelude::*;
/// #[derive(serde::Deserialize)]
/// #[serde(default)]
/// struct Settings {
///     celsius: f32,
/// }
///
/// impl Default for Settings {
///     fn default() -> Self {
///         Settings { celsius: 21.0 }
///     }
/// }
///
/// async fn on_load(cx: &Context) -> Result<f32, Error> {
///     let settings: Settings = plugin_kit::settings::<_, 128>(cx).await?;
///     Ok(settings.celsius)
/// }
/// ```
pub async fn settings<T: DeserializeOwned, const N: usize>(cx: &Context) -> Result<T, Error> {
    #[cfg(feature = "alloc")]
    let mut buf = vec![0; N];
    #[cfg(not(feature = "alloc"))]
    let mut buf = [0; N];
    #[cfg(feature = "alloc")]
    if let Err(kernel_core::Fault::Buffer { len }) = cx.settings(&mut buf).await {
        buf = vec![0; len as usize];
    }
    let settings = cx.settings(&mut buf).await?;
    let mut room = scratch::<N>(settings);
    settings
        .decode(room.as_mut())
        .map_err(|error| Error::new(INVALID_SETTINGS, message(&Error::from(error))))
}

#[cfg(feature = "alloc")]
fn message(error: &Error) -> &str {
    error.message()
}

#[cfg(not(feature = "alloc"))]
fn message(_: &Error) -> &'static str {
    "the settings do not fit"
}
