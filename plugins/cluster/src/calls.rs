//! Calls between runtimes: sent, answered, cancelled.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::Poll;
use std::time::Duration;

use async_nats::Subscriber;
use futures_util::StreamExt;
use futures_util::future::{AbortHandle, Abortable};
use kernel_core::subject::{MAX_NAME, check_plugin_name};
use kernel_core::{CallError, Error, Fault, Json, Span};
use plugin_kit::prelude::log;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::interval;

use crate::far::{CALL_BYTES, FarCall};
use crate::node::Node;
use crate::pending::Waiting;
use crate::wire::{Directed, decode, encode};

/// How often it is looked whose caller has given up.
const GIVEN_UP: Duration = Duration::from_millis(50);

/// Who may wait for one call.
const LONGEST_CHAIN: usize = 64;

/// How long a call may take whose caller set no limit.
const LONGEST: Duration = Duration::from_secs(24 * 3600);

/// Sends the calls of services of others, for ever.
pub(crate) async fn send(node: Arc<Node>, mut calls: UnboundedReceiver<FarCall>) {
    while let Some(call) = calls.recv().await {
        let waiting = Waiting {
            to: call.runtime.to_string(),
            mailbox: call.mailbox,
            call: call.id,
        };
        if let Err(error) = send_one(&node, &call, &waiting).await {
            waiting.answer(Err(&error));
        }
    }
}

async fn send_one(node: &Node, call: &FarCall, waiting: &Waiting) -> Result<(), Error> {
    let Some((chain, left)) = chain_of(node, call) else {
        // Its caller is gone.
        return Ok(());
    };
    let to = node.members.instance(&call.runtime);
    let to = to.ok_or_else(|| {
        Error::format(
            "runtime_gone",
            format_args!("the runtime {} is gone", call.runtime),
        )
    })?;
    if !node.link.is_connected() {
        return Err(Error::new(
            "disconnected",
            "this runtime has no connection to the cluster: try again later",
        ));
    }
    if chain.len() > LONGEST_CHAIN {
        return Err(Fault::Cycle.into());
    }
    let id = node.pending.add(waiting.clone());
    let head = Directed::Call {
        from: &node.settings.name,
        instance: node.instance,
        to,
        id,
        caller: chain
            .first()
            .and_then(|name| name.split_once('/'))
            .map_or("", |(_, plugin)| plugin),
        service: &call.service,
        millis: (!left.is_none()).then(|| u64::from(left.as_millis())),
        chain: chain.iter().map(String::as_str).collect(),
    };
    let message = encode(&head, &call.args);
    let subject = node.subjects.to(&call.runtime);
    node.client
        .publish(subject, message.into())
        .await
        .map_err(|cause| {
            node.pending.take(id);
            Error::format("not_sent", format_args!("the call was not sent: {cause}"))
        })
}

/// Who waits for this call, `runtime/plugin`, the latest first, and for how long; `None` when nobody does.
fn chain_of(node: &Node, call: &FarCall) -> Option<(Vec<String>, Span)> {
    let mut open = node.runtime.open_call(call.id)?;
    let left = open.left;
    let mut chain = Vec::new();
    loop {
        let mut buf = [0; MAX_NAME];
        let caller = node.runtime.context().name_of(open.caller, &mut buf).now();
        let caller = caller.unwrap_or_default();
        chain.push(match caller.contains('/') {
            true => caller.to_owned(),
            false => format!("{}/{caller}", node.settings.name),
        });
        let Some(id) = open.parent else { break };
        if let Some(others) = node.serving.chain(id) {
            chain.extend(others);
            break;
        }
        let Some(parent) = node.runtime.open_call(id) else {
            break;
        };
        open = parent;
    }
    Some((chain, left))
}

/// Cancels the calls whose callers have given up, for ever.
pub(crate) async fn cancel(node: Arc<Node>) {
    let mut ticks = interval(GIVEN_UP);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        if node.pending.count() == 0 {
            continue;
        }
        let gone = |waiting: &Waiting| node.runtime.open_call(waiting.call).is_none();
        for (id, waiting) in node.pending.take_where(gone) {
            let head = Directed::Cancel {
                from: &node.settings.name,
                instance: node.instance,
                id,
            };
            let subject = node.subjects.to(&waiting.to);
            // Where it cannot be sent, the other side ends the call by its deadline, or when this runtime is silent.
            let _ = node.client.publish(subject, encode(&head, &[]).into()).await;
        }
    }
}

/// Takes in what is for this runtime alone, for ever.
pub(crate) async fn receive(node: Arc<Node>, mut directed: Subscriber) {
    while let Some(message) = directed.next().await {
        let Some((head, rest)) = decode::<Directed<'_>>(&message.payload) else {
            log::warn!("a message that is none came on {}", message.subject);
            continue;
        };
        match head {
            Directed::Call {
                from,
                instance,
                to,
                id,
                caller,
                service,
                millis,
                chain,
            } => {
                if to != node.instance || check_plugin_name(from).is_err() {
                    continue;
                }
                node.heard(from, instance);
                let call = Incoming {
                    from: from.to_owned(),
                    id,
                    caller: caller.to_owned(),
                    service: service.to_owned(),
                    args: rest.to_vec(),
                    limit: millis.map_or(LONGEST, Duration::from_millis),
                    chain: chain.into_iter().map(str::to_owned).collect(),
                    instance,
                };
                let (abort, registered) = AbortHandle::new_pair();
                node.serving.begin(from, id, abort);
                let node = node.clone();
                let served = async move { serve(&node, call).await };
                tokio::spawn(Abortable::new(served, registered));
            }
            Directed::Cancel { from, instance, id } => {
                if node.members.instance(from) == Some(instance) {
                    node.serving.cancel(from, id);
                }
            }
            Directed::Reply { to, id } => {
                if to == node.instance
                    && let Some(waiting) = node.pending.take(id)
                {
                    match Json::new(rest) {
                        Ok(reply) => waiting.answer(Ok(reply)),
                        Err(_) => waiting.answer(Err(&Error::new("not_json", "the reply is no JSON"))),
                    }
                }
            }
            Directed::Failed {
                to,
                id,
                code,
                message,
            } => {
                if to == node.instance
                    && let Some(waiting) = node.pending.take(id)
                {
                    waiting.answer(Err(&Error::new(code, message)));
                }
            }
        }
    }
}

/// A call of another runtime's.
struct Incoming {
    from: String,
    instance: u64,
    id: u64,
    caller: String,
    service: String,
    args: Vec<u8>,
    limit: Duration,
    chain: Vec<String>,
}

/// Answers a call of another runtime's.
async fn serve(node: &Node, call: Incoming) {
    let mut buf = node.serving.buffer(CALL_BYTES);
    let outcome = answer(node, &call, &mut buf).await;
    let message = match &outcome {
        Ok(reply) => encode(
            &Directed::Reply {
                to: call.instance,
                id: call.id,
            },
            reply.as_bytes(),
        ),
        Err(error) => {
            let head = Directed::Failed {
                to: call.instance,
                id: call.id,
                code: error.code(),
                message: error.message(),
            };
            encode(&head, &[])
        }
    };
    let subject = node.subjects.to(&call.from);
    if let Err(cause) = node.client.publish(subject, message.into()).await {
        log::warn!(
            "the reply to {} of {} was not sent: {cause}",
            call.service,
            call.from
        );
    }
    node.serving.give_back(buf);
    node.serving.end(&call.from, call.id);
}

async fn answer<'b>(node: &Node, call: &Incoming, buf: &'b mut [u8]) -> Result<Json<'b>, Error> {
    let args = Json::new(&call.args).map_err(|_| Error::invalid_argument("the arguments are no JSON"))?;
    let version = || node.offers.look(&node.runtime, &node.settings.services);
    let owner = node.offers.owner(&call.service).or_else(|| {
        // It may have come a moment ago.
        node.offered.store(version(), Ordering::Relaxed);
        node.offers.owner(&call.service)
    });
    let owner = owner.ok_or_else(|| {
        let me = &node.settings.name;
        Error::format(
            "not_found",
            format_args!("the runtime {me} offers no service {}", call.service),
        )
    })?;
    let owner = format!("{}/{owner}", node.settings.name);
    if call.chain.contains(&owner) {
        return Err(Fault::Cycle.into());
    }
    let cx = node.far.context(&call.from, &call.caller)?;
    let mut calling = pin!(cx.call_within(&call.service, args, call.limit, buf));
    // Its chain is known before its callee can make another call for it.
    let (id, first) = std::future::poll_fn(|task| {
        Poll::Ready(node.serving.begin_for(&call.chain, || {
            let polled = calling.as_mut().poll(task);
            (calling.id(), polled)
        }))
    })
    .await;
    let _forget = id.map(|id| Forget { node, id });
    let outcome = match first {
        Poll::Ready(outcome) => outcome,
        Poll::Pending => calling.await,
    };
    outcome.map_err(|error| match error {
        CallError::Fault(fault) => fault.into(),
        CallError::Failed { code, message } => Error::new(code, message),
    })
}

/// Forgets whom a call is for, also when it is cancelled.
struct Forget<'n> {
    node: &'n Node,
    id: kernel_core::CallId,
}

impl Drop for Forget<'_> {
    fn drop(&mut self) {
        self.node.serving.forget(self.id);
    }
}
