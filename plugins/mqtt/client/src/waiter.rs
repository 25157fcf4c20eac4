//! Who waits for what comes of a message.

use crate::client::PublishError;

type Then = Box<dyn FnOnce(Result<(), PublishError>) + Send>;

/// Is answered once; where it is dropped without an answer, the connection was closed.
pub(crate) struct Waiter(Option<Then>);

impl Waiter {
    pub(crate) fn new(then: impl FnOnce(Result<(), PublishError>) + Send + 'static) -> Self {
        Waiter(Some(Box::new(then)))
    }

    pub(crate) fn answer(mut self, result: Result<(), PublishError>) {
        if let Some(then) = self.0.take() {
            then(result);
        }
    }

    /// Nobody is answered.
    pub(crate) fn forget(mut self) {
        self.0 = None;
    }
}

impl Drop for Waiter {
    fn drop(&mut self) {
        if let Some(then) = self.0.take() {
            then(Err(PublishError::Closed));
        }
    }
}
