//! Times.

use std::time::Duration;

/// Since the machine was started, its sleep included, which the clock of timers leaves out.
pub(crate) fn since_boot() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    Duration::new(
        u64::try_from(time.tv_sec).unwrap_or(0),
        u32::try_from(time.tv_nsec).unwrap_or(0),
    )
}

/// Milliseconds since 1970.
pub(crate) fn unix_millis() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    now.map_or(0, |now| now.as_millis() as u64)
}

/// A number that no other run of a runtime has.
pub(crate) fn random() -> Result<u64, kernel_core::Error> {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes).map_err(|cause| {
        kernel_core::Error::format("random", format_args!("the system has no random bytes: {cause}"))
    })?;
    Ok(u64::from_le_bytes(bytes))
}
