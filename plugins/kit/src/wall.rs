//! The time of day, for plugins that need more than the runtime's monotonic clock.

use core::time::Duration;

use kernel_core::{Context, Error};

/// The state entry that says what the time of day is: the milliseconds from the Unix epoch to the zero of the runtime's
/// clock, a whole number.
///
/// A host keeps it, also when the system's clock is set. On a chip whoever knows the time sets it, and sets it again
/// at least every 24 days, after which a chip's clock wraps around.
pub const CLOCK_ZERO: &str = "clock.zero_unix_ms";

/// The time since the Unix epoch, with a resolution of a millisecond; `None` where nobody has set the clock.
///
/// # Errors
/// `invalid_value` when [`CLOCK_ZERO`] is not a whole number.
///
/// # Cancellation
/// Nothing happened.
///
/// ```
/// # use plugin_kit::prelude::*;
/// # async fn show(cx: &Context) -> Result<(), Error> {
/// if let Some(time) = plugin_kit::unix_time(cx).await? {
///     let days = time.as_secs() / 86_400;
/// #   let _ = days;
/// }
/// # Ok(())
/// # }
/// ```
pub async fn unix_time(cx: &Context) -> Result<Option<Duration>, Error> {
    let mut buf = [0; 24];
    let Some(zero) = cx.state().get(CLOCK_ZERO, &mut buf).await? else {
        return Ok(None);
    };
    let zero: u64 = zero
        .decode(&mut [])
        .map_err(|_| Error::new("invalid_value", "clock.zero_unix_ms is not a whole number"))?;
    Ok(Some(Duration::from_millis(
        zero.saturating_add(cx.now().as_micros() / 1_000),
    )))
}
