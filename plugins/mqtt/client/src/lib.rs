//! One connection to one MQTT broker, for plugins: MQTT 5 and 3.1.1, with TLS or without.
//!
//! ```no_run
//! use mqtt_client::{Happened, Message, Options, Qos, connect};
//!
//! # async fn show() -> Result<(), Box<dyn std::error::Error>> {
//! let mut options = Options::new("mqtt://127.0.0.1:1883");
//! options.birth = Some(Message::new("home/status", "online").retained());
//! options.will = Some(Message::new("home/status", "offline").retained());
//! let (client, mut incoming) = connect(options)?;
//! client.subscribe("zigbee/+/temperature", Qos::AtLeastOnce)?;
//! client.publish(Message::new("home/lamp/set", "on").with_qos(Qos::AtLeastOnce))?;
//! while let Some(happened) = incoming.next().await {
//!     if let Happened::Message(message) = happened {
//!         println!("{}: {} bytes", message.topic, message.payload.len());
//!     }
//! }
//! # Ok(())
//! # }
//! ```
//!
//! The connection has a thread of its own, named `mqtt`, whatever the caller runs on; [`serve`] runs a consumer on the same
//! thread. Its futures need no particular executor.
//!
//! # What is guaranteed
//!
//! - Publishing never waits. What waits for the broker is bounded; when it is full the oldest message is dropped and
//!   counted, so that of a state the last value arrives.
//! - A message of QoS 1 or 2 that was sent is kept until the broker acknowledges it, and sent again after a reconnect: with
//!   the same packet id and DUP where the broker kept the session, else as a new message. All of it is in memory, and ends
//!   with the process.
//! - A received message of QoS 1 or 2 is acknowledged when the one after it is asked for, so that a broker which keeps the
//!   session sends what this process did not deal with again.
//! - A lost connection is made anew after pauses that grow from 0.25 s to [`Options::reconnect_max_s`], a random part
//!   of half of each left out. Subscriptions are made again whenever the broker did not keep them.
//!
//! # What it is made of
//!
//! rumqttc's packets, and a session of our own: rumqttc's event loop can stop for ever after a lost session, and reuses
//! packet ids that are in flight (rumqtt issues 1014, 1056, 1057); mqtt-protocol-core's counter of what is in flight
//! underflows after a resumed session; rumqttc-next has a crate of 27,000 lines for each version of the protocol.

mod backoff;
mod client;
mod codec;
mod connection;
mod link;
mod message;
mod options;
mod password;
mod session;
mod shared;
pub mod topic;
mod transport;
mod waiter;

use std::future::Future;
use std::sync::Arc;

pub use client::{Client, Happened, Incoming, PublishError};
pub use message::{Message, Qos};
pub use options::{Options, OptionsError, Version};
pub use shared::Counters;

use connection::Connection;
use shared::Shared;

/// Begins a connection, on a thread of its own. It is there, or not, as [`Incoming`] says; the password and certificates are
/// read whenever it is made.
///
/// # Errors
/// The options, or that there is no thread.
pub fn connect(options: Options) -> Result<(Client, Incoming), OptionsError> {
    let (connection, client, incoming) = prepare(options)?;
    start(connection, async {})?;
    Ok((client, incoming))
}

/// The same, and runs `consume` on the connection's thread: for what takes messages and does not block.
///
/// # Errors
/// As [`connect`].
pub fn serve<F>(
    options: Options,
    consume: impl FnOnce(Incoming) -> F + Send + 'static,
) -> Result<Client, OptionsError>
where
    F: Future<Output = ()> + Send + 'static,
{
    let (connection, client, incoming) = prepare(options)?;
    start(connection, consume(incoming))?;
    Ok(client)
}

fn prepare(options: Options) -> Result<(Connection, Client, Incoming), OptionsError> {
    options.check()?;
    let shared = Arc::new(Shared::new(options.queue));
    let client = Client {
        shared: Arc::clone(&shared),
        max_packet: options.max_packet,
    };
    let incoming = Incoming {
        shared: Arc::clone(&shared),
        last: None,
    };
    let connection = Connection {
        address: options.address()?,
        client_id: options.client_id.clone().unwrap_or_else(random_id),
        options,
        shared,
    };
    Ok((connection, client, incoming))
}

fn random_id() -> String {
    // Without random bytes the broker would take two clients for one, which a system without them has to live with.
    format!("core-runtime-{:016x}", getrandom::u64().unwrap_or_default())
}

fn start(
    connection: Connection,
    consumer: impl Future<Output = ()> + Send + 'static,
) -> Result<(), OptionsError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .enable_time()
        .build();
    let runtime = runtime.map_err(|error| OptionsError::thread(&error))?;
    let work = move || {
        runtime.block_on(async {
            tokio::join!(connection.run(), consumer);
        });
    };
    let spawned = std::thread::Builder::new().name("mqtt".to_owned()).spawn(work);
    spawned.map(drop).map_err(|error| OptionsError::thread(&error))
}
