//! Calls whose replies are values of any kind.

use kernel_core::{Context, Error, Json};
use plugin_kit::{MAX_REPLY, log};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Calls a service.
pub(crate) async fn call<T: DeserializeOwned>(
    cx: &Context,
    service: &str,
    args: &(impl Serialize + Sync + ?Sized),
) -> Result<T, Error> {
    let unfit = |error: &dyn std::fmt::Display| Error::format("encode", format_args!("{service}: {error}"));
    let text = serde_json::to_vec(args).map_err(|error| unfit(&error))?;
    let args = Json::new(&text).map_err(|error| unfit(&error))?;
    let mut room = vec![0; MAX_REPLY];
    let reply = cx.call(service, args, &mut room).await?;
    let wrong = |error| Error::format("invalid_reply", format_args!("{service}: {error}"));
    serde_json::from_slice(reply.as_bytes()).map_err(wrong)
}

/// Says that a call is tried again. That nobody has the service is nobody's mistake.
pub(crate) fn later(error: &Error) {
    match error.code() {
        "not_found" => log::debug!("tried again in a while: {error}"),
        _ => log::warn!("tried again in a while: {error}"),
    }
}
