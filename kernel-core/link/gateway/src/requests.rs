//! What several gateways ask for.

use std::collections::VecDeque;
use std::time::Duration;

use kernel_link::{Raw, Request};
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::answer::Answer;
use crate::failure::Failure;
use crate::ring::Seen;
use crate::session::Session;

/// How long nothing comes before it is asked how far one is.
const PAUSE: Duration = Duration::from_millis(20);

impl Session {
    /// Calls a service with these arguments, JSON; its reply. `timeout_ms` is 0 for the runtime's own deadline.
    ///
    /// # Errors
    /// See [`Session::ask`].
    ///
    /// # Cancellation
    /// The call is cancelled.
    pub async fn call(&self, service: &str, args: &[u8], timeout_ms: u32) -> Result<Vec<u8>, Failure> {
        let request = Request::Call {
            service,
            timeout_ms,
            parent: None,
            args: Raw(args),
        };
        match self.ask(request).await? {
            Answer::Json(reply) => Ok(reply),
            _ => Err(Failure::unexpected()),
        }
    }

    /// All services with what their plugins say of them: `{"name", "plugin", "description", "schema"?, ...}`, by name.
    ///
    /// # Errors
    /// See [`Session::ask`].
    ///
    /// # Cancellation
    /// Nothing happened.
    pub async fn described_services(&self) -> Result<Vec<Value>, Failure> {
        let mut all: Vec<Value> = Vec::new();
        loop {
            let after = all.last().and_then(|row| row["name"].as_str()).unwrap_or("");
            let page = self.described(&json!({ "after": after })).await?;
            if page.is_empty() {
                return Ok(all);
            }
            all.extend(page);
        }
    }

    /// One service, with what its plugin says of it.
    ///
    /// # Errors
    /// See [`Session::ask`].
    ///
    /// # Cancellation
    /// Nothing happened.
    pub async fn described_service(&self, name: &str) -> Result<Option<Value>, Failure> {
        Ok(self.described(&json!({ "name": name })).await?.pop())
    }

    async fn described(&self, which: &Value) -> Result<Vec<Value>, Failure> {
        let page = self
            .call("plugins.services", which.to_string().as_bytes(), 0)
            .await?;
        serde_json::from_slice(&page).map_err(|_| Failure::unexpected())
    }

    /// The newest events that match, `most` of them and `most_bytes`, as far back as the runtime's log reaches. The
    /// session watches nothing else meanwhile.
    ///
    /// # Errors
    /// See [`Session::ask`].
    ///
    /// # Cancellation
    /// The session watches on without a result.
    pub async fn recent(&self, filter: &str, most: usize, most_bytes: usize) -> Result<Vec<Seen>, Failure> {
        let _one = self.looking().await;
        let end = self.watch(filter, None).await?.from();
        let mut watch = self.watch(filter, Some(1)).await?;
        let (mut recent, mut bytes) = (VecDeque::new(), 0);
        loop {
            let seen = match timeout(PAUSE, watch.next()).await {
                Ok(seen) => Some(seen?),
                Err(_) => {
                    let position = watch.position().await?;
                    match watch.next_now() {
                        None if position >= end => break,
                        seen => seen,
                    }
                }
            };
            let Some(seen) = seen else { continue };
            if seen.end() > end {
                break;
            }
            bytes += seen.bytes();
            recent.push_back(seen);
            while recent.len() > most || bytes > most_bytes {
                bytes -= recent.pop_front().map_or(0, |oldest| oldest.bytes());
            }
        }
        self.ask(Request::Unwatch).await?;
        Ok(recent.into())
    }
}
