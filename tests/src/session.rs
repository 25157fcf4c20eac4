//! A session with a runtime: one question after another, each with its answer.

use std::path::Path;

use host_std::block_on;
use kernel_link::{Client, Raw, Reply, Request, ToClient, ToRuntime};

use crate::client::{self, Blocking};

/// What is sent and received at once is no longer than half of it.
const MEMORY: usize = 2 * 80 * 1024;

/// A client that waits for each answer.
#[derive(Debug)]
pub struct Session {
    socket: std::path::PathBuf,
    memory: Vec<u8>,
}

/// An open session.
#[allow(missing_debug_implementations, reason = "a client has buffers only")]
pub struct Open<'b> {
    client: Client<'b, Blocking, Blocking>,
    id: u32,
}

impl Session {
    /// One at this socket, not open yet.
    pub fn at(socket: &Path) -> Session {
        Session {
            socket: socket.to_owned(),
            memory: vec![0; MEMORY],
        }
    }

    /// Opens it.
    ///
    /// # Errors
    /// When the runtime does not answer as it should.
    pub fn open(&mut self) -> Result<Open<'_>, String> {
        let client = client::connect(&self.socket, &mut self.memory, None)?;
        Ok(Open { client, id: 0 })
    }
}

impl Open<'_> {
    /// Asks, and what `look` makes of the answer.
    ///
    /// # Errors
    /// When there is no answer, or one that says why not: the connection's error, or code and message.
    pub fn ask<T>(&mut self, what: Request<'_>, look: impl FnOnce(Reply<'_>) -> T) -> Result<T, Refused> {
        self.id = self.id.wrapping_add(1);
        let Open { client, id } = self;
        let lost = |cause: &dyn std::fmt::Display| Refused::Lost(cause.to_string());
        block_on(async {
            client.request(*id, what).await.map_err(|cause| lost(&cause))?;
            loop {
                match client.next().await.map_err(|cause| lost(&cause))? {
                    ToClient::Reply {
                        what: Reply::Failed(why),
                        ..
                    } => return Err(Refused::Failed(format!("{}: {why}", why.code()))),
                    ToClient::Reply { id: answered, what } if answered == *id => return Ok(look(what)),
                    ToClient::KeepAlive => {}
                    other => return Err(Refused::Lost(format!("another answer: {other:?}"))),
                }
            }
        })
    }

    /// Stores a value.
    ///
    /// # Errors
    /// As for [`Open::ask`].
    pub fn set(&mut self, namespace: &str, key: &str, value: &str) -> Result<(), Refused> {
        let value = Raw(value.as_bytes());
        let what = Request::StorageSet {
            namespace,
            key,
            value,
        };
        self.ask(what, |_| ())
    }

    /// Reads a value.
    ///
    /// # Errors
    /// As for [`Open::ask`].
    pub fn get(&mut self, namespace: &str, key: &str) -> Result<Option<String>, Refused> {
        self.ask(Request::StorageGet { namespace, key }, |reply| match reply {
            Reply::Json(json) => Some(String::from_utf8_lossy(json.0).into_owned()),
            _ => None,
        })
    }

    /// Deletes a value.
    ///
    /// # Errors
    /// As for [`Open::ask`].
    pub fn delete(&mut self, namespace: &str, key: &str) -> Result<(), Refused> {
        self.ask(Request::StorageDelete { namespace, key }, |_| ())
    }

    /// Stores several values, all or none.
    ///
    /// # Errors
    /// As for [`Open::ask`].
    pub fn batch(&mut self, namespace: &str, values: &[(&str, &str)]) -> Result<(), Refused> {
        let mut ops = Vec::new();
        for (key, value) in values {
            ops.extend([1, u8::try_from(key.len()).unwrap_or(u8::MAX)]);
            ops.extend(u32::try_from(value.len()).unwrap_or(u32::MAX).to_le_bytes());
            ops.extend(key.as_bytes());
            ops.extend(value.as_bytes());
        }
        let ops = Raw(&ops);
        self.ask(Request::StorageBatch { namespace, ops }, |_| ())
    }

    /// Calls a service; its reply.
    ///
    /// # Errors
    /// As for [`Open::ask`].
    pub fn call(&mut self, service: &str, args: &str) -> Result<String, Refused> {
        let what = Request::Call {
            service,
            timeout_ms: 0,
            parent: None,
            args: Raw(args.as_bytes()),
        };
        self.ask(what, |reply| match reply {
            Reply::Json(json) => String::from_utf8_lossy(json.0).into_owned(),
            other => format!("{other:?}"),
        })
    }
}

impl Open<'_> {
    /// Begins a call and a watch, and hangs up.
    ///
    /// # Errors
    /// When they could not be sent.
    pub fn leave_in_the_middle(mut self) -> Result<(), String> {
        let call = Request::Call {
            service: "example.hello",
            timeout_ms: 0,
            parent: None,
            args: Raw(b"\"nobody\""),
        };
        let watch = Request::Watch {
            filter: ">",
            credit: 10,
            since: None,
        };
        block_on(async {
            self.client.request(1_000_000, call).await?;
            self.client.request(1_000_001, watch).await
        })
        .map_err(|cause| cause.to_string())
    }

    /// Watches everything until `enough` says so, at an event; how many events came or were told as lost, none of
    /// which is missing.
    ///
    /// # Errors
    /// When the connection fails, or an event is missing.
    pub fn watch(mut self, enough: impl Fn() -> bool) -> Result<u64, String> {
        let watch = Request::Watch {
            filter: ">",
            credit: 1000,
            since: None,
        };
        let first = self.ask(watch, |reply| match reply {
            Reply::Count(first) => first,
            _ => 0,
        });
        let first = first.map_err(|why| why.to_string())?;
        let (mut next, mut credit) = (first, 1000_u32);
        block_on(async {
            while !enough() {
                match self.client.next().await.map_err(|cause| cause.to_string())? {
                    ToClient::Event(event) if event.seq == next => next += 1,
                    ToClient::Lost { from, count, .. } if from == next => next += count,
                    ToClient::KeepAlive => continue,
                    other => return Err(format!("{next} is next, and not {other:?}")),
                }
                credit -= 1;
                if credit < 500 {
                    let more = self.client.send(&ToRuntime::Credit(500)).await;
                    more.map_err(|cause| cause.to_string())?;
                    credit += 500;
                }
            }
            Ok(next - first)
        })
    }
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refused {
    /// The runtime says why not.
    Failed(String),
    /// It did not answer: it may have done what was asked.
    Lost(String),
}

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Refused::Failed(why) | Refused::Lost(why) => f.write_str(why),
        }
    }
}
