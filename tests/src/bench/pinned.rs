//! One processor for all threads of a comparison.
//!
//! Where the system puts two threads decides what a message between them costs: to wake a processor that
//! sleeps takes several times as long as to change from one thread to the other. It decides anew all the
//! time, and not for both sides at once; so what threads ask of each other is measured on one processor,
//! and shown for reference on whichever the system takes.

use rustix::io::Errno;
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

use super::harness::Settings;
use super::report::Row;

/// Measures by `measure` on one processor and on any, each with its goal.
///
/// # Errors
/// Those of `measure`, and when the system does not let the thread choose.
pub(super) fn both(
    settings: &Settings,
    name: &str,
    goals: (f64, Option<f64>),
    measure: impl Fn(&Settings, &str, Option<f64>) -> Result<Row, String>,
) -> Result<Vec<Row>, String> {
    let pinned = Pinned::to_one().map_err(|cause| format!("no processor to choose: {cause}"))?;
    let one = measure(settings, &format!("{name}, one processor"), Some(goals.0))?;
    drop(pinned);
    let any = measure(settings, &format!("{name}, any processor"), goals.1)?;
    Ok(vec![one, any])
}

/// This thread, and those it spawns meanwhile, on one processor.
struct Pinned {
    before: CpuSet,
}

impl Pinned {
    fn to_one() -> Result<Pinned, Errno> {
        let before = sched_getaffinity(None)?;
        let mut one = CpuSet::new();
        let first = (0..CpuSet::MAX_CPU).find(|cpu| before.is_set(*cpu));
        one.set(first.unwrap_or(0));
        sched_setaffinity(None, &one)?;
        Ok(Pinned { before })
    }
}

impl Drop for Pinned {
    fn drop(&mut self) {
        // It was allowed before.
        let _ = sched_setaffinity(None, &self.before);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_that_is_spawned_meanwhile_stays_there() {
        let all = sched_getaffinity(None).unwrap();
        let pinned = Pinned::to_one().unwrap();
        let inside = std::thread::spawn(|| sched_getaffinity(None).unwrap().count());
        assert_eq!(inside.join().unwrap(), 1);
        drop(pinned);
        assert_eq!(sched_getaffinity(None).unwrap().count(), all.count());
    }
}
