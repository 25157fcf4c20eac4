//! Threads and the lock of the kernel, by the names under which the same sources are run by a scheduler that tries
//! orders at random, in place of the system's: `tests/tests/orders`.

pub(crate) use std::sync::Mutex;
pub(crate) use std::thread;
