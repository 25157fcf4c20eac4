//! The plugin `auth` beside the real `users`, in a runtime in memory.

mod attacks;
mod audit;
mod bad;
mod home;
mod keys;
mod passwords;
mod rules;
mod storage;
