//! Work on other threads, for which a runtime waits whose plugins began it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

/// How long a runtime waits for such work.
const LONGEST: Duration = Duration::from_secs(60);

std::thread_local! {
    /// How much of it this thread's plugins began.
    static COUNT: Arc<AtomicUsize> = Arc::default();
}

/// A piece of work, until it is dropped.
pub(crate) struct UnderWay {
    count: Arc<AtomicUsize>,
    whose: Thread,
}

impl UnderWay {
    pub(crate) fn begin() -> UnderWay {
        let count = COUNT.with(Arc::clone);
        count.fetch_add(1, Ordering::AcqRel);
        UnderWay {
            count,
            whose: thread::current(),
        }
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.count.fetch_sub(1, Ordering::AcqRel);
        self.whose.unpark();
    }
}

/// Waits until one more piece of work is done; false when there is none.
pub(super) fn wait() -> bool {
    let count = COUNT.with(|count| count.load(Ordering::Acquire));
    let begin = Instant::now();
    while count > 0 && COUNT.with(|now| now.load(Ordering::Acquire)) == count {
        assert!(
            begin.elapsed() < LONGEST,
            "a thread of a plugin is not done after a minute"
        );
        thread::park_timeout(LONGEST);
    }
    count > 0
}
