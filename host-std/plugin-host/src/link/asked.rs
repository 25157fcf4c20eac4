//! What the node calls here: what it was granted, and nothing else.

use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use futures_util::future::{AbortHandle, Abortable};
use futures_util::stream::FuturesUnordered;
use kernel_core::storage::STORAGE;
use kernel_core::{CallError, Error, Fault, Json};
use kernel_link::{Failure, Raw, ToRuntime};

use super::life::{Asks, Life, NO_CALL};
use super::said::Asked;
use crate::permissions::Use;
use crate::session::MAX_VALUE;

/// A call of the node, and what came of it.
pub(super) struct Done {
    call: u32,
    outcome: Result<Vec<u8>, Wrong>,
}

enum Wrong {
    Fault(Fault),
    Error(Error),
}

/// Calls of the node that are under way.
#[derive(Default)]
pub(super) struct Answers {
    pub(super) under_way: FuturesUnordered<Pin<Box<dyn Future<Output = Done>>>>,
    handles: HashMap<u32, AbortHandle>,
}

impl Answers {
    /// Nobody waits for this one any more.
    pub(super) fn withdraw(&mut self, call: u32) {
        if let Some(handle) = self.handles.remove(&call) {
            handle.abort();
        }
    }
}

impl Life<'_> {
    /// The node calls a service here.
    pub(super) fn asked(&mut self, asked: Asked) {
        let Asked {
            call,
            of,
            left_ms,
            service,
            args,
        } = asked;
        if let Err(error) = self.may_call(&service) {
            let outcome = Err(Wrong::Error(error));
            return self.answered(Done { call, outcome });
        }
        // A call that comes of one from here belongs to it: the kernel knows then what would wait for itself.
        let parent = of.and_then(|id| match self.requests.get(&id)? {
            Asks::Call(call) => Some(call.id),
            _ => None,
        });
        let (cx, parent) = (self.gate.cx, parent.unwrap_or(NO_CALL));
        let limit = (left_ms > 0).then(|| Duration::from_millis(left_ms.into()));
        let work = async move {
            let services = cx.services();
            let mut buf = vec![0; MAX_VALUE + 1024];
            let json = Json::new(&args).map_err(|wrong| {
                Wrong::Fault(Fault::NotJson {
                    at: wrong.offset() as u32,
                })
            })?;
            let reply = services
                .call_for(Some(parent), &service, json, limit, &mut buf)
                .await;
            match reply {
                Ok(json) => Ok(json.as_bytes().to_vec()),
                Err(CallError::Fault(fault)) => Err(Wrong::Fault(fault)),
                Err(CallError::Failed { code, message }) => Err(Wrong::Error(Error::new(code, message))),
            }
        };
        let (handle, registration) = AbortHandle::new_pair();
        self.answers.handles.insert(call, handle);
        let work = Abortable::new(work, registration);
        self.answers.under_way.push(Box::pin(async move {
            let outcome = work.await.unwrap_or(Err(Wrong::Fault(Fault::Gone)));
            Done { call, outcome }
        }));
    }

    fn may_call(&self, service: &str) -> Result<(), Error> {
        if service == STORAGE {
            return Err(Error::new("denied", "no node reaches the storage"));
        }
        let allowed = self
            .gate
            .check(Use::Call(service))
            .and_then(|()| self.gate.count_call());
        allowed.map_err(|refused| refused.to_kernel())
    }

    /// What a call of the node came to.
    pub(super) fn answered(&mut self, Done { call, outcome }: Done) {
        self.answers.handles.remove(&call);
        let result = match &outcome {
            Ok(json) => Ok(Raw(json)),
            Err(Wrong::Fault(fault)) => Err(Failure::of(*fault)),
            Err(Wrong::Error(error)) => Err(Failure::Error {
                code: error.code(),
                message: error.message(),
            }),
        };
        if let Err(fault) = self.line.send(&ToRuntime::Answer { call, result }) {
            let result = Err(Failure::of(fault));
            // It has no texts.
            let _ = self.line.send(&ToRuntime::Answer { call, result });
        }
    }
}
