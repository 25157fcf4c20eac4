//! Who may do what from outside. The owner of the Unix socket may do everything; a client at the TCP port, or one that
//! comes through a gateway among the plugins, may do what its key allows, and each of its requests is checked here, before
//! anything is done of it. Whoever shows a key at the Unix socket has the rights of the key, and not the owner's.
//!
//! Whose a key is, a plugin knows: whichever registers these services. The host has no opinion on users and keys.
//!
//! | service | arguments | reply |
//! |---|---|---|
//! | `access.check` | `{"key", "peer"}` | `{"subject", "key_id", "scopes", "ask", "expires_in_ms"}`, or an error |
//! | `access.allow` | `{"subject", "key_id", "service", "args"}` | anything, or an error: asked before each call of a service that a filter of `ask` matches |
//!
//! `subject` and `key_id` say who it is, for people and for `access.allow`; `scopes` are those of `scopes.rs`; `ask`
//! and `expires_in_ms` may be left out. A key is looked up again after [`FRESH`] with the next request, and after
//! [`LOOK`] without one: a session whose key was taken back ends. What a key lacks a scope for is an event,
//! [`REFUSED`], with `{"subject", "key_id", "peer", "scope", "request"}`.

mod requests;
mod scopes;

use std::cell::RefCell;
use std::sync::Arc;
use std::time::{Duration, Instant};

use kernel_core::{CoreRuntime, Error, Json, subject};
use kernel_link::{Access, ByToken, Denied, Request};
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::sync::Notify;

use scopes::Wanted;

/// What the services of whoever answers begin with.
const ANSWERS: &str = "access.";
const CHECK: &str = "access.check";
const ALLOW: &str = "access.allow";

/// The topic of what was refused for want of a scope.
const REFUSED: &str = "access.refused";

/// How long what was said of a key counts.
const FRESH: Duration = Duration::from_secs(1);
/// How often the key of a session is looked up that asks for nothing.
const LOOK: Duration = Duration::from_secs(5);
/// After so many looks without an answer a session ends: nobody knows whether its key is still good.
const UNANSWERED: u32 = 6;
/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// The code of the error when no plugin knows keys.
const NOBODY: &str = "not_found";
/// The longest answer, in bytes.
const LONGEST: usize = 64 * 1024;

/// How the clients of a listener come in.
#[derive(Clone)]
pub(crate) enum Entrance {
    /// They could open the socket's file.
    Owner,
    /// They show a key, or the administrator's token where the configuration has one.
    Keys(Option<Arc<str>>),
}

/// Whether a service is known to only read.
pub(crate) type Reads = Arc<dyn Fn(&str) -> bool + Send + Sync>;

/// One client, and what it may do.
pub(crate) struct Client {
    runtime: CoreRuntime,
    reads: Reads,
    entrance: Entrance,
    /// From where it comes.
    peer: String,
    rights: RefCell<Rights>,
    /// It has shown a key.
    has_key: Notify,
}

enum Rights {
    /// It has not been let in.
    None,
    All,
    Of(Holder),
}

/// Whose key it is.
#[derive(Clone)]
struct Holder {
    key: String,
    answer: Answer,
    looked_up: Instant,
}

#[derive(Clone, Deserialize)]
struct Answer {
    subject: String,
    key_id: String,
    scopes: Vec<String>,
    #[serde(default)]
    ask: Vec<String>,
    expires_in_ms: Option<u64>,
}

impl Client {
    pub(crate) fn new(runtime: CoreRuntime, reads: Reads, entrance: Entrance, peer: String) -> Self {
        Client {
            runtime,
            reads,
            entrance,
            peer,
            rights: RefCell::new(Rights::None),
            has_key: Notify::new(),
        }
    }

    /// Returns when the client's key has been taken back or has expired, or nobody has answered for a while.
    pub(crate) async fn revoked(&self) {
        self.has_key.notified().await;
        let mut unanswered = 0;
        while unanswered < UNANSWERED {
            tokio::time::sleep(LOOK).await;
            let Some(holder) = self.holder() else { continue };
            match self.look_up(&holder.key).await {
                Ok(_) => unanswered = 0,
                Err(error) if error.code() == "denied" => return,
                Err(_) => unanswered += 1,
            }
        }
    }

    fn holder(&self) -> Option<Holder> {
        match &*self.rights.borrow() {
            Rights::Of(holder) => Some(holder.clone()),
            _ => None,
        }
    }

    /// Asks whose key it is, and keeps the answer.
    async fn look_up(&self, key: &str) -> Result<Answer, Error> {
        let args = json!({"key": key, "peer": self.peer});
        let answer = self.ask(CHECK, &args).await?;
        let answer: Answer = serde_json::from_str(&answer).map_err(|error| {
            Error::format("denied", format_args!("{CHECK} answers with no holder: {error}"))
        })?;
        *self.rights.borrow_mut() = Rights::Of(Holder {
            key: key.to_owned(),
            answer: answer.clone(),
            looked_up: Instant::now(),
        });
        Ok(answer)
    }

    /// What is known of the client's key now.
    async fn answer(&self, holder: Holder) -> Result<Answer, Error> {
        let age = holder.looked_up.elapsed();
        let expired = holder
            .answer
            .expires_in_ms
            .is_some_and(|left| age >= Duration::from_millis(left));
        match age < FRESH && !expired {
            true => Ok(holder.answer),
            false => self.look_up(&holder.key).await,
        }
    }

    async fn ask(&self, service: &str, args: &impl Serialize) -> Result<String, Error> {
        let args = serde_json::to_string(args).map_err(|error| Error::new("encode", &error.to_string()))?;
        let args = Json::parse(&args).map_err(|error| Error::new("invalid_json", &error.to_string()))?;
        let mut buf = vec![0; LONGEST];
        let services = self.runtime.services();
        let reply = services
            .call_for(None, service, args, Some(PATIENCE), &mut buf)
            .await?;
        Ok(reply.as_str().to_owned())
    }

    /// Says what was refused, to the client and on the bus.
    fn refuse(&self, answer: &Answer, wanted: Wanted<'_>) -> Error {
        let scope = scopes::missing(wanted);
        let event = json!({
            "subject": answer.subject, "key_id": answer.key_id, "peer": self.peer, "scope": scope,
            "request": wanted.to_string(),
        });
        if let Ok(event) = Json::parse(&event.to_string()) {
            // Where nobody has room for it, the client knows all the same.
            let _ = self.runtime.bus().try_publish(REFUSED, event);
        }
        Error::format(
            "denied",
            format_args!("the key {} lacks the scope `{scope}`", answer.key_id),
        )
    }
}

impl Access for Client {
    async fn admit(&self, token: &str) -> Result<(), Denied> {
        *self.rights.borrow_mut() = Rights::None;
        let known = match &self.entrance {
            Entrance::Owner if token.is_empty() => Ok(()),
            Entrance::Owner => Err(Denied::Token),
            Entrance::Keys(Some(master)) => ByToken(Some(master)).admit(token).await,
            Entrance::Keys(None) => Err(Denied::Token),
        };
        match known {
            Ok(()) => *self.rights.borrow_mut() = Rights::All,
            Err(_) if token.is_empty() => return Err(Denied::Token),
            Err(_) => match self.look_up(token).await {
                Ok(_) => self.has_key.notify_one(),
                Err(error) if error.code() == NOBODY => return Err(Denied::Token),
                Err(error) => return Err(Denied::Because(error)),
            },
        }
        Ok(())
    }

    async fn allow(&self, what: &Request<'_>) -> Result<(), Error> {
        let Some(holder) = self.holder() else {
            return match *self.rights.borrow() {
                Rights::All => Ok(()),
                _ => Err(Error::new("denied", "the client was not let in")),
            };
        };
        let answer = self.answer(holder).await?;
        let allowed = |wanted| scopes::allow(&answer.scopes, wanted);
        if let Err(wanted) = requests::check(what, &*self.reads, allowed) {
            return Err(self.refuse(&answer, wanted));
        }
        let Request::Call { service, args, .. } = what else {
            return Ok(());
        };
        let asks = answer.ask.iter().any(|filter| subject::matches(filter, service));
        if asks && !allowed(Wanted::Admin) {
            // Whatever is no JSON is refused by the session itself.
            let Ok(args) = serde_json::from_slice::<&serde_json::value::RawValue>(args.0) else {
                return Ok(());
            };
            let question = json!({
                "subject": answer.subject, "key_id": answer.key_id, "service": service, "args": args,
            });
            self.ask(ALLOW, &question).await?;
        }
        Ok(())
    }
}
