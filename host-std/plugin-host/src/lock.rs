//! Mutexes of data that are whole between any two statements.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks it; a panic of somebody who held it left nothing half done.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
