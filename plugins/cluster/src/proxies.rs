//! Services of other runtimes, registered here as long as they offer them, and giving way to this runtime's own.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use async_nats::Subscriber;
use futures_util::StreamExt;
use futures_util::future::join_all;
use kernel_core::Service;
use kernel_core::subject::check_plugin_name;
use plugin_kit::prelude::log;
use tokio::time::timeout;

use crate::far::OWNER;
use crate::node::Node;
use crate::wire::{Offered, Question, decode, encode};

/// How long a runtime has to say what it offers, before it is asked again.
const ANSWER: Duration = Duration::from_secs(2);

/// Asks others for what they offer and have counted whenever that may have changed, for ever.
pub(crate) async fn follow(node: Arc<Node>) {
    let mut dropped = (0, 0);
    let mut refused = BTreeSet::new();
    loop {
        node.news.notified().await;
        // What was lost here, or on the way here while there was no connection.
        let now = (node.link.dropped(), node.link.connects());
        if std::mem::replace(&mut dropped, now) != now {
            node.members.forget_asked();
        }
        if !node.settings.receive.is_empty() && node.link.is_connected() {
            for name in node.members.to_ask() {
                let question = Question::Counts {
                    from: node.settings.name.clone(),
                    filters: node.settings.receive.clone(),
                };
                ask_without_reply(&node, &name, &question).await;
            }
        }
        fetch(&node).await;
        reconcile(&node, &mut refused);
    }
}

async fn ask_without_reply(node: &Node, name: &str, question: &Question) {
    let subject = node.subjects.ask(name);
    // It is asked again when there is a connection again.
    let _ = node.client.publish(subject, encode(question, &[]).into()).await;
}

/// Asks those for their services who have others than are known.
async fn fetch(node: &Node) {
    let mut wanted = Vec::new();
    node.members.each(|name, member| {
        if let Some(hello) = &member.hello
            && hello.services != member.services_version
        {
            wanted.push((name.to_owned(), member.instance, hello.services));
        }
    });
    let fetches = wanted.iter().map(|(name, instance, version)| async move {
        let services = match version {
            0 => Vec::new(),
            _ => {
                let question = encode(&Question::Services, &[]);
                let asked = node.client.request(node.subjects.ask(name), question.into());
                let answer = timeout(ANSWER, asked).await.ok()?.ok()?;
                decode::<Vec<Offered>>(&answer.payload)?.0
            }
        };
        node.members.with(name, *instance, |member| {
            member.services = services;
            member.services_version = *version;
        })
    });
    join_all(fetches).await;
}

/// Registers what is offered and not had here, and takes back what no longer is.
fn reconcile(node: &Node, refused: &mut BTreeSet<String>) {
    // By service: who offers it, the first by name.
    let mut offered: BTreeMap<String, Vec<(String, Offered)>> = BTreeMap::new();
    node.members.each(|runtime, member| {
        for service in &member.services {
            let all = offered.entry(service.name.clone()).or_default();
            all.push((runtime.to_owned(), service.clone()));
        }
    });
    let owners = owners(node);
    for (name, owner) in &owners {
        let Some(runtime) = owner.strip_suffix(OWNER).and_then(|rest| rest.strip_suffix('/')) else {
            continue;
        };
        let still = offered
            .get(name)
            .is_some_and(|all| all.iter().any(|(other, _)| other == runtime));
        if !still && let Ok(cx) = node.far.context(runtime, OWNER) {
            let _ = cx.services().unregister(name).now();
        }
    }
    refused.retain(|name| offered.contains_key(name));
    for (name, all) in &offered {
        let still = |owner: &String| {
            all.iter()
                .any(|(runtime, _)| *owner == format!("{runtime}/{OWNER}"))
        };
        let had = owners
            .get(name)
            .is_some_and(|owner| !owner.contains('/') || still(owner));
        let Some((runtime, service)) = all.first().filter(|_| !had) else {
            continue;
        };
        let registered = node.far.context(runtime, OWNER).and_then(|cx| {
            let mut new = Service::new(&service.name)
                .describe(&service.description)
                .version(&service.version)
                .yielding();
            if service.deprecated {
                new = new.deprecated();
            }
            cx.register(&new).now()
        });
        match registered {
            Ok(()) => {
                refused.remove(name);
            }
            // Once, and not every time that it is tried again.
            Err(fault) if refused.insert(name.clone()) => {
                log::warn!("the service {name} of {runtime} cannot be had here: {fault}");
            }
            Err(_) => {}
        }
    }
}

/// Who has which service here.
fn owners(node: &Node) -> BTreeMap<String, String> {
    let mut owners = BTreeMap::new();
    let (mut cursor, mut buf) = (0, [0; 2048]);
    while let Some(info) = node.runtime.next_service(&mut cursor, &mut buf) {
        owners.insert(info.name.to_owned(), info.owner.to_owned());
    }
    owners
}

/// Answers the questions of others, for ever.
pub(crate) async fn answer(node: Arc<Node>, mut questions: Subscriber) {
    while let Some(message) = questions.next().await {
        match decode::<Question>(&message.payload) {
            Some((Question::Services, _)) => {
                let Some(reply) = message.reply else { continue };
                let mut list = node.offers.list();
                let mut text = encode(&list, &[]);
                while text.len() > node.client.max_payload() {
                    log::warn!("{} services are too many for one message", list.len());
                    list.truncate(list.len() / 2);
                    text = encode(&list, &[]);
                }
                // Whoever asked asks again.
                let _ = node.client.publish(reply, text.into()).await;
            }
            Some((Question::Counts { from, filters }, _)) if check_plugin_name(&from).is_ok() => {
                let subject = node.subjects.counts(&from, &node.settings.name);
                node.outbox.counts(&subject, &filters);
            }
            _ => log::warn!("a question that is none came on {}", message.subject),
        }
    }
}
