//! The two times.

use kernel_core::{Context, Error, Instant};

/// Now.
#[derive(Clone, Copy)]
pub(crate) struct Clock {
    /// On the runtime's clock, which only goes forward.
    pub(crate) now: Instant,
    /// Milliseconds since the Unix epoch; `None` where nobody has set the clock.
    pub(crate) unix: Option<u64>,
}

impl Clock {
    pub(crate) async fn of(cx: &Context) -> Result<Clock, Error> {
        let unix = plugin_kit::unix_time(cx).await?;
        Ok(Clock {
            now: cx.now(),
            unix: unix.map(|time| time.as_millis() as u64),
        })
    }
}
