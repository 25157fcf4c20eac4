//! Who may use a runtime's link, and for what.

use core::future::Future;

use kernel_core::Error;

use crate::config::same;
use crate::{Failure, Refusal, Request};

/// Why a client, or what it asks for, is refused.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Denied {
    /// It did not show what is asked for.
    Token,
    /// A reason of whoever decides.
    Because(Error),
}

impl Denied {
    /// As it travels.
    pub(crate) fn failure(&self) -> Failure<'_> {
        match self {
            Denied::Token => Failure::Link(Refusal::Token),
            Denied::Because(error) => Failure::Error {
                code: error.code(),
                message: error.message(),
            },
        }
    }
}

/// Who decides which clients are let in, and what each may ask for.
pub trait Access {
    /// Whether a client that shows `token` is let in; asked for each Hello.
    ///
    /// # Errors
    /// Why not.
    ///
    /// # Cancellation
    /// The client has gone.
    fn admit(&self, token: &str) -> impl Future<Output = Result<(), Denied>>;

    /// Whether the client that was let in may ask for this; asked before anything is done of it.
    ///
    /// # Errors
    /// Why not.
    ///
    /// # Cancellation
    /// The client has gone.
    fn allow(&self, what: &Request<'_>) -> impl Future<Output = Result<(), Error>>;
}

/// Lets in whoever knows the token of the configuration, where there is one, and allows everything.
#[derive(Clone, Copy)]
pub struct ByToken<'a>(pub Option<&'a str>);

impl Access for ByToken<'_> {
    async fn admit(&self, token: &str) -> Result<(), Denied> {
        match self.0 {
            Some(expected) if !same(expected, token) => Err(Denied::Token),
            _ => Ok(()),
        }
    }

    async fn allow(&self, _: &Request<'_>) -> Result<(), Error> {
        Ok(())
    }
}
