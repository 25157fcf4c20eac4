//! Several real runtimes, over real NATS servers. Each process that is started ends with the value that stands for it.

mod calls;
mod events;
mod singletons;
mod support;
