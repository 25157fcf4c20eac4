//! What the map answers, as the storage's answers.

use sequential_storage::Error as MapError;
use sequential_storage::map::SerializationError;

use super::StorageError;

pub(super) fn lost_value() -> StorageError {
    StorageError::corrupt("a value in flash was lost or damaged since the storage was opened")
}

pub(super) fn small_buffer() -> StorageError {
    StorageError::failed("the storage's buffer is smaller than twice what the flash holds")
}

pub(super) fn broken_flash() -> StorageError {
    StorageError::failed("the flash failed; a write that was under way may have been carried out")
}

pub(super) fn failure<E>(error: MapError<E>) -> StorageError {
    match error {
        MapError::Storage { .. } => broken_flash(),
        MapError::FullStorage => StorageError::full("the flash has no room left: delete some values"),
        MapError::ItemTooBig | MapError::SerializationError(SerializationError::BufferTooSmall) => {
            StorageError::full(
                "the value is larger than a page of this flash, or than half of the storage's buffer",
            )
        }
        MapError::Corrupted { .. } => StorageError::corrupt("the pages of the flash are damaged: format it"),
        MapError::SerializationError(_) => StorageError::corrupt(
            "the flash holds what another program, or another version, wrote: format it",
        ),
        MapError::BufferTooSmall(_) | MapError::BufferTooBig => small_buffer(),
        _ => StorageError::failed("sequential-storage found a fault in itself"),
    }
}
