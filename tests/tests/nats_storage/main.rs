//! The storage in a NATS bucket: what every storage has to do, and what is its own.

mod alike;
mod fences;
mod kills;
mod refusals;
mod support;
