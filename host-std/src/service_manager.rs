//! What the service manager that started this program hears of it (sd_notify); nothing where none did.

use std::convert::Infallible;
use std::time::Duration;

use sd_notify::NotifyState;
use tokio::time::sleep;

use crate::host::Host;

/// How often, while the storage is opened, more time is asked for, and how much.
const EXTEND_EVERY: Duration = Duration::from_secs(10);
const EXTENSION: Duration = Duration::from_secs(30);

/// What stopping takes beside the time that the configuration has for it.
const STOP_SLACK: Duration = Duration::from_secs(5);

/// Says that it starts, and while this is polled that it still does: checking a large database takes its time.
pub(crate) async fn starting() -> Infallible {
    say(&[NotifyState::Status("opening the storage")]);
    loop {
        sleep(EXTEND_EVERY).await;
        say(&[extension(EXTENSION)]);
    }
}

/// Says that the storage is open, the socket listens, and each plugin is started or has failed.
pub(crate) fn ready(failed: &[&str]) {
    let status = match failed {
        [] => "running".to_owned(),
        failed => format!("running; plugins that failed: {}", failed.join(", ")),
    };
    say(&[NotifyState::Ready, NotifyState::Status(&status)]);
}

/// Where the manager has a watchdog, says that the host is alive, for as long as it is.
pub(crate) async fn keep_alive(host: &Host) -> Infallible {
    let Some(limit) = sd_notify::watchdog_enabled() else {
        return std::future::pending().await;
    };
    loop {
        host.beat().await;
        say(&[NotifyState::Watchdog]);
        sleep(limit / 3).await;
    }
}

/// Says that it ends, which takes this long at the most.
pub(crate) fn stopping(at_most: Duration) {
    say(&[
        NotifyState::Stopping,
        NotifyState::Status("shutting down"),
        extension(at_most + STOP_SLACK),
    ]);
}

fn extension(by: Duration) -> NotifyState<'static> {
    NotifyState::ExtendTimeoutUsec(u32::try_from(by.as_micros()).unwrap_or(u32::MAX))
}

/// A manager that does not listen misses it.
fn say(what: &[NotifyState<'_>]) {
    let _ = sd_notify::notify(what);
}
