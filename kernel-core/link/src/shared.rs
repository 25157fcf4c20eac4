//! The state of a session, shared by its parts, which are polled in turn: each takes the state while it is polled, and
//! puts it back.

use core::cell::Cell;
use core::future::poll_fn;
use core::task::Poll;

/// The state of a session, shared by what is polled in turn.
pub(crate) struct Shared<'s, S>(Cell<Option<&'s mut S>>);

impl<'s, S> Shared<'s, S> {
    pub(crate) fn new(state: &'s mut S) -> Self {
        Shared(Cell::new(Some(state)))
    }

    /// Uses the state; `None` when it is in use, which does not happen.
    pub(crate) fn with<T>(&self, todo: impl FnOnce(&mut S) -> T) -> Option<T> {
        let state = self.0.take()?;
        let result = todo(state);
        self.0.set(Some(state));
        Some(result)
    }

    /// Waits until the session, polled again, has what is looked for.
    pub(crate) async fn find<T>(&self, mut look: impl FnMut(&mut S) -> Option<T>) -> T {
        poll_fn(|_| match self.with(&mut look).flatten() {
            Some(found) => Poll::Ready(found),
            None => Poll::Pending,
        })
        .await
    }

    pub(crate) async fn until(&self, mut look: impl FnMut(&mut S) -> bool) {
        self.find(|state| look(state).then_some(())).await;
    }
}
