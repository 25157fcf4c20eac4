//! The bridge to MQTT, with a real broker and the real program: both directions, what is kept, credentials, TLS, several
//! brokers, and a broker that is killed again and again.

mod access;
mod bridged;
mod client;
mod killed;
mod rate;
mod support;
