//! Argon2, on threads: a password takes tens of milliseconds and 19 MiB, and meanwhile keys are checked.
//!
//! Two are at work at once and eight wait; whoever comes then is refused as `busy`. A thread that is done leaves what
//! came of it in a list and publishes `auth.hashed`, so that the plugin hears of it as of everything else, and stays
//! the only one that changes its data. The event says nothing; one from somebody else finds an empty list.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use argon2::{Algorithm, Argon2, Params, Version};
use kernel_core::{CallId, Context, Error, Json};
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;

use crate::limits;
use crate::secret::{Secret, hex, unhex};

/// How many at once.
const AT_ONCE: usize = 2;
/// How many wait for that.
const WAITING: usize = 8;
/// The event that says that one is done.
const DONE: &str = "auth.hashed";

/// A password as it is stored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Hashed {
    salt: String,
    hash: String,
    memory_kib: u32,
    passes: u32,
}

impl Hashed {
    /// Of no password: it takes as long as another one.
    pub(crate) fn of_nothing() -> Hashed {
        Hashed {
            salt: hex(&[0; 16]),
            hash: hex(&[0; 32]),
            memory_kib: 19 * 1024,
            passes: 2,
        }
    }

    fn of(password: &Secret) -> Result<Hashed, Error> {
        let mut salt = [0; 16];
        getrandom::fill(&mut salt).map_err(|error| {
            Error::format("random", format_args!("the system has no random bytes: {error}"))
        })?;
        let mut made = Hashed::of_nothing();
        made.hash = hex(&made.compute(password, &salt)?);
        made.salt = hex(&salt);
        Ok(made)
    }

    /// Whether it is one that this program makes, for a row may say anything.
    pub(crate) fn is_sound(&self) -> bool {
        (8..=1024 * 1024).contains(&self.memory_kib)
            && (1..=64).contains(&self.passes)
            && unhex(&self.salt, &mut [0; 16])
            && unhex(&self.hash, &mut [0; 32])
    }

    fn is_of(&self, password: &Secret) -> Result<bool, Error> {
        let (mut salt, mut hash) = ([0; 16], [0; 32]);
        let is_sound = unhex(&self.salt, &mut salt) && unhex(&self.hash, &mut hash);
        let computed = self.compute(password, &salt)?;
        Ok(is_sound && bool::from(computed.ct_eq(&hash)))
    }

    fn compute(&self, password: &Secret, salt: &[u8]) -> Result<[u8; 32], Error> {
        let mut hash = [0; 32];
        let failed = |error| Error::format("hashing", format_args!("the password cannot be hashed: {error}"));
        let params = Params::new(self.memory_kib, self.passes, 1, Some(hash.len())).map_err(failed)?;
        Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
            .hash_password_into(password.expose().as_bytes(), salt, &mut hash)
            .map_err(failed)?;
        Ok(hash)
    }
}

/// What is to be done, for a call that is answered later.
pub(crate) struct Job {
    pub(crate) call: CallId,
    pub(crate) user: String,
    pub(crate) password: Secret,
    pub(crate) task: Task,
}

pub(crate) enum Task {
    /// Hash it, for a user that was created then.
    Hash { user_since: Option<u64> },
    /// Compare it.
    Compare { with: Hashed, peer: String },
}

/// What came of it.
pub(crate) struct Done {
    pub(crate) call: CallId,
    pub(crate) user: String,
    pub(crate) result: Outcome,
}

pub(crate) enum Outcome {
    Hashed {
        user_since: Option<u64>,
        hashed: Result<Hashed, Error>,
    },
    Compared {
        peer: String,
        is_it: Result<bool, Error>,
    },
}

impl Job {
    fn run(self) -> Done {
        let result = match self.task {
            Task::Hash { user_since } => Outcome::Hashed {
                user_since,
                hashed: Hashed::of(&self.password),
            },
            Task::Compare { with, peer } => Outcome::Compared {
                peer,
                is_it: with.is_of(&self.password),
            },
        };
        Done {
            call: self.call,
            user: self.user,
            result,
        }
    }
}

/// The jobs under way.
#[derive(Default)]
pub(crate) struct Hashing {
    done: Arc<Mutex<Vec<Done>>>,
    at_work: usize,
    waiting: VecDeque<Job>,
}

impl Hashing {
    /// Begins, or waits for those before.
    ///
    /// # Errors
    /// `busy` when too many wait, `thread` when there is none.
    pub(crate) fn begin(&mut self, cx: &Context, job: Job) -> Result<(), Error> {
        if self.at_work < AT_ONCE {
            return self.start(cx, job);
        }
        if self.waiting.len() >= WAITING {
            return Err(limits::busy());
        }
        self.waiting.push_back(job);
        Ok(())
    }

    fn start(&mut self, cx: &Context, job: Job) -> Result<(), Error> {
        let (done, cx) = (Arc::clone(&self.done), *cx);
        plugin_kit::on_thread("password", move || {
            let outcome = job.run();
            done.lock().unwrap_or_else(PoisonError::into_inner).push(outcome);
            // Where it cannot be published, the next tick finds it.
            let _ = cx.try_publish(DONE, Json::NULL);
        })?;
        self.at_work += 1;
        Ok(())
    }

    /// What is done, and those that cannot be begun; begins others.
    pub(crate) fn take(&mut self, cx: &Context) -> (Vec<Done>, Vec<(CallId, Error)>) {
        let done = std::mem::take(&mut *self.done.lock().unwrap_or_else(PoisonError::into_inner));
        self.at_work = self.at_work.saturating_sub(done.len());
        let mut failed = Vec::new();
        while self.at_work < AT_ONCE {
            let Some(job) = self.waiting.pop_front() else {
                break;
            };
            let call = job.call;
            if let Err(error) = self.start(cx, job) {
                failed.push((call, error));
            }
        }
        (done, failed)
    }
}
