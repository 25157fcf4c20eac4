//! The connection to the servers: it comes back by itself.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use async_nats::{Client, ConnectOptions, Event};
use kernel_core::Error;
use plugin_kit::prelude::log;
use tokio::sync::Notify;

use crate::settings::{ClusterSettings, Login};

/// Messages for one subscription that wait here; beyond them the client drops.
const WAITING: usize = 65_536;

/// What is known of the connection.
#[derive(Debug, Default)]
pub(crate) struct LinkState {
    connected: AtomicBool,
    connects: AtomicU32,
    /// Messages that the client dropped because a subscription was not read fast enough.
    dropped: AtomicU64,
    pub(crate) changed: Notify,
}

impl LinkState {
    pub(crate) fn is_connected(&self) -> bool {
        self.connected.load(Ordering::Relaxed)
    }

    pub(crate) fn connects(&self) -> u32 {
        self.connects.load(Ordering::Relaxed)
    }

    pub(crate) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    fn note(&self, event: &Event) {
        match event {
            Event::Connected => {
                self.connects.fetch_add(1, Ordering::Relaxed);
                self.connected.store(true, Ordering::Relaxed);
                log::info!("connected");
            }
            Event::Disconnected => {
                self.connected.store(false, Ordering::Relaxed);
                log::warn!("the connection is lost, and is tried again");
            }
            Event::Closed => self.connected.store(false, Ordering::Relaxed),
            Event::SlowConsumer(_) => {
                self.dropped.fetch_add(1, Ordering::Relaxed);
            }
            Event::LameDuckMode => log::info!("the server is about to stop"),
            Event::ServerError(cause) => log::warn!("the server says: {cause}"),
            Event::ClientError(cause) => log::warn!("{cause}"),
            Event::Draining => {}
        }
        self.changed.notify_one();
    }
}

/// Begins to connect, and tries again with growing pauses, for ever.
///
/// # Errors
/// `invalid_settings` for what cannot be used.
pub(crate) async fn connect(settings: &ClusterSettings, state: Arc<LinkState>) -> Result<Client, Error> {
    let wrong = |what: &str, cause: &dyn std::fmt::Display| {
        Error::format(kernel_core::INVALID_SETTINGS, format_args!("{what}: {cause}"))
    };
    let mut options = ConnectOptions::new()
        .name(format!("core-runtime {}", settings.name))
        .retry_on_initial_connect()
        .max_reconnects(None)
        .subscription_capacity(WAITING)
        .connection_timeout(Duration::from_secs(3))
        .ping_interval(Duration::from_secs(5))
        .reconnect_delay_callback(pause)
        .require_tls(settings.tls)
        .event_callback(move |event| {
            state.note(&event);
            async {}
        });
    if let Some(ca) = &settings.ca {
        options = options.add_root_certificates(ca.clone());
    }
    options = match &settings.login {
        Login::Nobody => options,
        Login::User(user, password) => options.user_and_password(user.clone(), password.to_string()),
        Login::Nkey(seed) => options.nkey(seed.to_string()),
        Login::Credentials(text) => options
            .credentials(text)
            .map_err(|cause| wrong("credentials_file", &cause))?,
    };
    options
        .connect(&settings.servers[..])
        .await
        .map_err(|cause| wrong("servers", &cause))
}

/// 0.1 s, and twice as long after each failure, 6.4 s at the most.
fn pause(attempts: usize) -> Duration {
    Duration::from_millis(100 << attempts.saturating_sub(1).min(6))
}
