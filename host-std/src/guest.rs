//! A read by the thread that asks for it.
//!
//! A thread that runs nothing but the one who asks would only sleep until the storage's own thread has
//! answered: two changes of thread, which cost more than the read. It takes the storage's turn instead:
//!
//! ```text
//! asks, and the storage is idle ──▶ a guest: reads the one value it asked for, and is answered
//!                                   anything else, or more: left to the storage's own thread
//! asks, and the storage is busy ──▶ sleeps until it is answered
//! ```
//!
//! A guest never writes: that waits for the disk, or for another program that has the file, and meanwhile
//! whoever asked must hear of its deadline. Threads that several plugins share are never guests, so that
//! none of them waits for the disk on another's behalf.

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};

use crate::{memory, panics};

thread_local! {
    static PLACE: Cell<Place> = const { Cell::new(Place::Apart) };
}

/// What this thread is to the storage.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Nothing, or its own thread.
    Apart,
    /// It may be a guest: it polls a future that has the thread to itself.
    Alone,
    /// It has the storage's turn, for one read.
    Guest,
    /// It has had it.
    Leaving,
}

/// A place that ends when it is dropped.
struct Placed(Place);

fn placed(place: Place) -> Placed {
    Placed(PLACE.replace(place))
}

impl Drop for Placed {
    fn drop(&mut self) {
        PLACE.set(self.0);
    }
}

/// Polls a future that has the thread to itself, so that its reads may be done here.
pub(crate) fn alone<R>(poll: impl FnOnce() -> R) -> R {
    let _placed = placed(Place::Alone);
    poll()
}

/// To be awaited before one value is read: at once, unless this thread is a guest that has read one.
pub(crate) async fn reads() {
    here(|place| match place {
        Place::Guest => Some(Place::Leaving),
        Place::Leaving => None,
        other => Some(other),
    })
    .await;
}

/// To be awaited before anything that takes longer: never goes on where the thread is a guest.
pub(crate) async fn works() {
    here(|place| (!matches!(place, Place::Guest | Place::Leaving)).then_some(place)).await;
}

/// Goes on here in the place that `next` gives, or else on the storage's own thread.
async fn here(next: impl Fn(Place) -> Option<Place>) {
    poll_fn(|cx| match next(PLACE.get()) {
        Some(place) => {
            PLACE.set(place);
            Poll::Ready(())
        }
        None => {
            cx.waker().wake_by_ref();
            Poll::Pending
        }
    })
    .await;
}

/// There is something to do.
const WORK: u8 = 1;
/// A thread does it.
const HELD: u8 = 2;

type Work = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A future that its own thread runs, and guests. It is its own waker.
///
/// Who wakes it while there is no work sees to it that it is run; who has run it, that it is run again
/// when it was woken meanwhile.
pub(crate) struct Turns {
    word: AtomicU8,
    work: Mutex<Option<Work>>,
    owner: Thread,
}

impl Turns {
    /// For `work` on the present thread, which is to [`run`](Turns::run) it.
    pub(crate) fn new(work: impl Future<Output = ()> + Send + 'static) -> Arc<Turns> {
        Arc::new(Turns {
            word: AtomicU8::new(WORK),
            work: Mutex::new(Some(Box::pin(work))),
            owner: thread::current(),
        })
    }

    /// Runs the work to its end, sleeping while there is nothing to do or a guest does it. Tells by `idle`
    /// when it is about to sleep.
    pub(crate) fn run(self: &Arc<Self>, mut idle: impl FnMut()) {
        while self.turn().is_pending() {
            idle();
            // A wake that came first makes this return at once.
            thread::park();
        }
    }

    /// One poll, if there is something to do and nobody does it.
    fn turn(self: &Arc<Self>) -> Poll<()> {
        let taken = self
            .word
            .compare_exchange(WORK, HELD, Ordering::AcqRel, Ordering::Relaxed);
        if taken.is_err() {
            return Poll::Pending;
        }
        let _held = Held(self);
        let waker = Waker::from(self.clone());
        let mut work = self.work.lock().unwrap_or_else(PoisonError::into_inner);
        // Taken, so that what panics is dropped and not polled again.
        let Some(mut future) = work.take() else {
            return Poll::Ready(());
        };
        let turn = future.as_mut().poll(&mut Context::from_waker(&waker));
        if turn.is_pending() {
            *work = Some(future);
        }
        turn
    }
}

impl Wake for Turns {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if self.word.fetch_or(WORK, Ordering::AcqRel) != 0 {
            return;
        }
        // A turn enters the kernel, which wakes outside its lock, but for a few at once.
        if PLACE.get() == Place::Alone && !memory::inside() {
            let _placed = placed(Place::Guest);
            let _panics = panics::of_the_host();
            // Its end, and what it was woken for meanwhile, are its owner's.
            let _ = self.turn();
        } else {
            self.owner.unpark();
        }
    }
}

/// The turn, until it is dropped.
struct Held<'a>(&'a Turns);

impl Drop for Held<'_> {
    fn drop(&mut self) {
        if self.0.word.fetch_and(!HELD, Ordering::AcqRel) & WORK != 0 {
            self.0.owner.unpark();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::panic;
    use std::sync::atomic::AtomicBool;
    use std::sync::mpsc::channel;
    use std::thread::ThreadId;

    /// What the work below is asked for.
    #[derive(Clone, Copy, PartialEq, Eq)]
    enum Ask {
        Read,
        Write,
        End,
    }

    struct Asked {
        ask: Ask,
        by: Option<ThreadId>,
    }

    /// A storage in small: a queue, its waker, and who answered.
    #[derive(Default)]
    struct Queue {
        asked: Vec<Arc<Mutex<Asked>>>,
        waker: Option<Waker>,
    }

    type Shared = Arc<Mutex<Queue>>;

    async fn serve(queue: Shared, together: Arc<AtomicBool>) {
        loop {
            let next = poll_fn(|cx| {
                let mut queue = queue.lock().unwrap();
                if queue.asked.is_empty() {
                    queue.waker = Some(cx.waker().clone());
                    return Poll::Pending;
                }
                Poll::Ready(queue.asked.remove(0))
            })
            .await;
            let ask = next.lock().unwrap().ask;
            match ask {
                Ask::Read => reads().await,
                Ask::Write | Ask::End => works().await,
            }
            assert!(
                !together.swap(true, Ordering::SeqCst),
                "two threads have the turn at once"
            );
            thread::yield_now();
            together.store(false, Ordering::SeqCst);
            next.lock().unwrap().by = Some(thread::current().id());
            if ask == Ask::End {
                return;
            }
        }
    }

    fn ask(queue: &Shared, ask: Ask) -> Arc<Mutex<Asked>> {
        let asked = Arc::new(Mutex::new(Asked { ask, by: None }));
        let waker = {
            let mut queue = queue.lock().unwrap();
            queue.asked.push(asked.clone());
            queue.waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
        asked
    }

    fn answered(asked: &Arc<Mutex<Asked>>) -> ThreadId {
        let begun = std::time::Instant::now();
        loop {
            if let Some(by) = asked.lock().unwrap().by {
                return by;
            }
            assert!(begun.elapsed().as_secs() < 20, "a wake was lost");
            thread::yield_now();
        }
    }

    /// The queue, and the thread that owns its work.
    fn start() -> (Shared, thread::JoinHandle<()>) {
        let queue = Shared::default();
        let (idle, waits) = channel();
        let work = serve(queue.clone(), Arc::default());
        let owner = thread::spawn(move || {
            Turns::new(work).run(|| {
                let _ = idle.send(());
            });
        });
        waits.recv().unwrap();
        (queue, owner)
    }

    #[test]
    fn only_a_thread_that_is_alone_reads_itself_and_it_never_writes() {
        let (queue, owner) = start();
        let (here, there) = (thread::current().id(), owner.thread().id());
        assert_eq!(answered(&ask(&queue, Ask::Read)), there);
        for _ in 0..100 {
            assert_eq!(answered(&alone(|| ask(&queue, Ask::Write))), there);
            assert_eq!(answered(&ask(&queue, Ask::Read)), there);
        }
        // The owner may be about to sleep, and has the turn still.
        let mut reads = (0..10_000).map(|_| answered(&alone(|| ask(&queue, Ask::Read))));
        assert!(reads.any(|by| by == here), "its own thread does everything");
        assert_eq!(answered(&alone(|| ask(&queue, Ask::End))), there);
        owner.join().unwrap();
        let late = alone(|| ask(&queue, Ask::Read));
        assert_eq!(
            late.lock().unwrap().by,
            None,
            "nobody is there, and nothing panics"
        );
    }

    #[test]
    fn one_at_a_time_has_the_turn_and_no_wake_is_lost() {
        let (queue, owner) = start();
        let threads: Vec<_> = (0..8)
            .map(|thread| {
                let queue = queue.clone();
                thread::spawn(move || {
                    for n in 0..2_000 {
                        let what = if n % 8 == thread { Ask::Write } else { Ask::Read };
                        answered(&match thread % 4 {
                            0 => ask(&queue, what),
                            _ => alone(|| ask(&queue, what)),
                        });
                    }
                })
            })
            .collect();
        for thread in threads {
            thread.join().unwrap();
        }
        answered(&ask(&queue, Ask::End));
        owner.join().unwrap();
    }

    #[test]
    fn a_panic_at_a_guest_is_the_end_of_the_work() {
        let (tell, told) = channel();
        let owner = thread::spawn(move || {
            let turns = Turns::new(poll_fn(|_| match PLACE.get() {
                Place::Guest => panic::resume_unwind(Box::new(())),
                _ => Poll::Pending,
            }));
            let _ = tell.send(turns.clone());
            turns.run(|| ());
        });
        let turns = told.recv().unwrap();
        while turns.word.load(Ordering::SeqCst) != 0 {
            thread::yield_now();
        }
        let guest = panic::catch_unwind(|| alone(|| turns.wake_by_ref()));
        assert!(guest.is_err() && PLACE.get() == Place::Apart);
        turns.wake_by_ref();
        owner.join().unwrap();
    }
}
