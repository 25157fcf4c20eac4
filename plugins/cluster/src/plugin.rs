//! The plugin: its life, and what it answers.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};

use kernel_core::{
    CallId, Context, CoreRuntime, Error, Event, Installed, Json, Mailbox, Message, PluginMetadata, Request,
    Service,
};
use plugin_kit::StateValues as _;
use plugin_kit::prelude::log;
use serde_json::{Value, json};
use tokio::sync::Notify;
use tokio::sync::mpsc::unbounded_channel;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::far::FarPlugins;
use crate::lease::{self, Lease, is_key};
use crate::link::{self, LinkState};
use crate::lock::lock;
use crate::members::Members;
use crate::node::Node;
use crate::offers::Offers;
use crate::outbox::Outbox;
use crate::pending::{Pending, Serving};
use crate::settings::{ClusterSettings, is_reserved};
use crate::time::{random, unix_millis};
use crate::wire::{Hello, Subjects};
use crate::{calls, events, presence, proxies};

/// What the plugin says of itself.
pub const METADATA: PluginMetadata = PluginMetadata {
    description: "Several runtimes as one: events, services, singletons",
    ..PluginMetadata::new("cluster", env!("CARGO_PKG_VERSION"))
};

/// The state key by which the host says which plugins are singletons.
const SINGLETONS: &str = "runtime.singletons";

/// How long a farewell may take.
const FAREWELL: std::time::Duration = std::time::Duration::from_millis(500);

const SERVICES: [(&str, &str); 4] = [
    (
        "cluster.status",
        "Shows the connection, what was sent, received and missed, and the singletons",
    ),
    ("cluster.members", "Lists the other runtimes that are there"),
    (
        "cluster.put",
        "Writes to the store of a singleton's lease; the caller's token must be the holder's",
    ),
    ("cluster.get", "Reads from the store of a singleton's lease"),
];

/// Runs one life of the plugin: see [`kernel_core::Mailbox`].
pub fn live(installed: Installed, buf: &mut [u8]) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
    Box::pin(run(installed, buf))
}

async fn run(installed: Installed, buf: &mut [u8]) {
    let mailbox = installed.mailbox();
    let cx = mailbox.context();
    let (mut settings, mut running): (Option<ClusterSettings>, Option<Running>) = (None, None);
    loop {
        match mailbox.next(buf).await {
            Message::Load => match load(&cx).await {
                Ok(read) => settings = read,
                Err(error) => drop(mailbox.fail(&error).await),
            },
            Message::Start => {
                if let Some(settings) = settings.take() {
                    match Running::begin(installed, cx, settings).await {
                        Ok(begun) => running = Some(begun),
                        Err(error) => drop(mailbox.fail(&error).await),
                    }
                }
            }
            Message::Event(event) => {
                if let Some(running) = &mut running {
                    running.event(&event);
                }
            }
            Message::Call(call) => Running::call(running.as_ref(), &cx, mailbox, &call),
            Message::Stop | Message::Unload => {
                if let Some(running) = running.take() {
                    running.end().await;
                }
            }
            Message::Ended => return,
            Message::Tick => {}
        }
    }
}

async fn load(cx: &Context) -> Result<Option<ClusterSettings>, Error> {
    let settings = ClusterSettings::read(cx).await?;
    for (name, description) in SERVICES {
        let service =
            Service::new(kernel_core::Name::Fixed(name)).describe(kernel_core::Name::Fixed(description));
        cx.register(&service).await?;
    }
    let Some(settings) = settings else {
        let singletons: Option<Vec<String>> = cx.state().get_value(SINGLETONS).await?;
        if let Some(first) = singletons.unwrap_or_default().first() {
            return Err(Error::format(
                kernel_core::INVALID_SETTINGS,
                format_args!(
                    "servers is not set, and plugin {first} is a singleton: it is started with a lease alone"
                ),
            ));
        }
        log::debug!("nothing is set: this runtime is in no cluster");
        return Ok(None);
    };
    for filter in &settings.share {
        cx.subscribe(filter).await?;
    }
    Ok(Some(settings))
}

/// This runtime in its cluster.
struct Running {
    node: Arc<Node>,
    leases: Arc<Mutex<BTreeMap<String, Arc<Lease>>>>,
    tasks: JoinSet<()>,
    /// The names of sources, by their identity.
    sources: BTreeMap<u32, String>,
}

impl Running {
    async fn begin(installed: Installed, cx: Context, settings: ClusterSettings) -> Result<Running, Error> {
        let (send, calls) = unbounded_channel();
        let link = Arc::new(LinkState::default());
        let client = link::connect(&settings, link.clone()).await?;
        let instance = random()?;
        let singletons: Option<Vec<String>> = cx.state().get_value(SINGLETONS).await?;
        let leases = singletons.unwrap_or_default().into_iter();
        let leases: BTreeMap<_, _> = leases
            .map(|name| (name.clone(), Arc::new(Lease::new(&name))))
            .collect();
        let node = Arc::new(Node {
            runtime: CoreRuntime::new(installed.kernel()),
            installed,
            cx,
            subjects: Subjects::new(&settings.cluster, &settings.name),
            instance,
            started: unix_millis(),
            client,
            link,
            outbox: Outbox::new(instance, settings.queue),
            members: Members::default(),
            far: FarPlugins::new(installed.kernel(), send),
            offers: Offers::default(),
            offered: 0.into(),
            pending: Pending::default(),
            serving: Serving::default(),
            news: Notify::new(),
            joined: false.into(),
            leases: Mutex::default(),
            settings,
        });
        let mut tasks = JoinSet::new();
        let all: Vec<_> = leases.values().cloned().collect();
        lease::watch(&all, node.runtime.plugins(), node.settings.lease)?;
        tasks.spawn(work(node.clone(), calls, all));
        Ok(Running {
            node,
            leases: Arc::new(Mutex::new(leases)),
            tasks,
            sources: BTreeMap::new(),
        })
    }

    /// An event of this runtime is sent, unless it is of the cluster.
    fn event(&mut self, event: &Event<'_>) {
        let node = &self.node;
        node.outbox.lagged(event.lost);
        let own = event.source == node.cx.id();
        if own || node.far.is_far(event.source) || is_reserved(event.topic()) {
            return;
        }
        let source = self.sources.entry(event.source.to_bits()).or_insert_with(|| {
            let mut buf = [0; 64];
            let name = node.cx.name_of(event.source, &mut buf).now();
            name.unwrap_or("").to_owned()
        });
        // Nothing is sent before nobody else has this runtime's name.
        let ready = node.joined.load(Ordering::Relaxed) && node.link.is_connected();
        let client = ready.then_some(&node.client);
        let payload = event.payload().as_bytes();
        node.outbox
            .event(client, &node.subjects, source, event.topic(), payload);
    }

    /// Answers a call, on a task of its own.
    fn call(running: Option<&Running>, cx: &Context, mailbox: Mailbox, call: &Request<'_>) {
        let (id, cx, service) = (call.id, *cx, call.service().to_owned());
        let (args, caller) = (call.args().as_str().to_owned(), call.caller);
        let shared = running.map(|running| (running.node.clone(), running.leases.clone()));
        tokio::spawn(async move {
            let mut buf = [0; 64];
            let caller = cx.name_of(caller, &mut buf).await.unwrap_or("");
            let outcome = match shared {
                Some((node, leases)) => answer(&node, &leases, &service, &args, caller).await,
                None if service == "cluster.status" => Ok(json!({"configured": false})),
                None => Err(Error::new(
                    "not_configured",
                    "this runtime is in no cluster: set [plugins.cluster.settings]",
                )),
            };
            reply(mailbox, id, outcome);
        });
    }

    /// Gives back what it has, and says farewell.
    async fn end(mut self) {
        let node = self.node.clone();
        let leases: Vec<_> = lock(&self.leases).values().cloned().collect();
        self.tasks.shutdown().await;
        for lease in leases {
            lease.end(&node).await;
        }
        let farewell = async {
            presence::send(
                &node,
                Hello {
                    leaves: true,
                    ..node.hello()
                },
            )
            .await;
            let _ = node.client.flush().await;
        };
        if node.joined.load(Ordering::Relaxed) {
            let _ = timeout(FAREWELL, farewell).await;
        }
        let mut names = Vec::new();
        node.members.each(|name, _| names.push(name.to_owned()));
        for name in names {
            node.gone(&name, "this runtime has left the cluster");
        }
    }
}

/// All that goes on beside the mailbox, once nobody else has this runtime's name.
async fn work(
    node: Arc<Node>,
    calls: tokio::sync::mpsc::UnboundedReceiver<crate::far::FarCall>,
    leases: Vec<Arc<Lease>>,
) {
    let hellos = match presence::claim(&node).await {
        Ok(hellos) => hellos,
        Err(error) => return node.fail(&error),
    };
    let mut tasks = JoinSet::new();
    let directed = presence::subscribe(&node, node.subjects.to(&node.settings.name)).await;
    let questions = presence::subscribe(&node, node.subjects.ask(&node.settings.name)).await;
    tasks.spawn(calls::receive(node.clone(), directed));
    tasks.spawn(calls::send(node.clone(), calls));
    tasks.spawn(calls::cancel(node.clone()));
    tasks.spawn(proxies::answer(node.clone(), questions));
    if !node.settings.receive.is_empty() {
        let mut subscriptions = Vec::new();
        for filter in &node.settings.receive {
            subscriptions.push(presence::subscribe(&node, node.subjects.events(filter)).await);
        }
        let counts = node.subjects.counts(&node.settings.name, "*");
        subscriptions.push(presence::subscribe(&node, counts).await);
        tasks.spawn(events::receive(node.clone(), subscriptions));
    }
    tasks.spawn(proxies::follow(node.clone()));
    tasks.spawn(presence::hear(node.clone(), hellos));
    tasks.spawn(presence::look(node.clone()));
    tasks.spawn(presence::beat(node.clone()));
    tasks.spawn(presence::compare(node.clone()));
    for lease in leases {
        tasks.spawn(lease.run(node.clone()));
    }
    let sender = node.clone();
    tasks.spawn(async move { sender.outbox.run(&sender.client, &sender.link).await });
    // They end with this one; one that ends before has said why.
    while let Some(ended) = tasks.join_next().await {
        if let Err(cause) = ended
            && cause.is_panic()
        {
            node.fail(&Error::new("panic", &cause.to_string()));
        }
    }
}

fn reply(mailbox: Mailbox, id: CallId, outcome: Result<Value, Error>) {
    let text = outcome.map(|value| value.to_string());
    let answer = match &text {
        Ok(text) => Json::parse(text).map_err(|_| Error::new("not_json", "")),
        Err(error) => Err(error.clone()),
    };
    // A caller that is gone does not matter.
    let _ = mailbox.reply(id, answer.as_ref().map(|json| *json)).now();
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Put {
    key: String,
    value: Value,
    token: u64,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Get {
    key: String,
    singleton: Option<String>,
}

async fn answer(
    node: &Node,
    leases: &Mutex<BTreeMap<String, Arc<Lease>>>,
    service: &str,
    args: &str,
    caller: &str,
) -> Result<Value, Error> {
    let lease_of = |singleton: &str| {
        let found = lock(leases).get(singleton).cloned();
        found.ok_or_else(|| {
            Error::format(
                "not_found",
                format_args!("{singleton} is no singleton of this runtime"),
            )
        })
    };
    match service {
        "cluster.status" => Ok(status(node)),
        "cluster.members" => Ok(members(node)),
        "cluster.put" => {
            let put: Put = arguments(args)?;
            check_key(&put.key)?;
            lease_of(caller)?
                .put(node, &put.key, &put.value, put.token)
                .await
                .map(Value::from)
        }
        "cluster.get" => {
            let get: Get = arguments(args)?;
            check_key(&get.key)?;
            let lease = lease_of(get.singleton.as_deref().unwrap_or(caller))?;
            Ok(lease.get(node, &get.key).await?.unwrap_or(Value::Null))
        }
        _ => Err(Error::new("not_found", "there is no such service")),
    }
}

fn arguments<T: serde::de::DeserializeOwned>(args: &str) -> Result<T, Error> {
    serde_json::from_str(args).map_err(|cause| Error::new("invalid_argument", &cause.to_string()))
}

fn check_key(key: &str) -> Result<(), Error> {
    match is_key(key) {
        true => Ok(()),
        false => Err(Error::format(
            "invalid_argument",
            format_args!(
                "key is {key:?}; allowed are 1 to 200 of a-z, A-Z, 0-9, - _ = / and single dots between them"
            ),
        )),
    }
}

fn status(node: &Node) -> Value {
    let figures = node.outbox.figures();
    let (mut received, mut missed) = node.members.of_absent();
    let (mut refused, mut lagged) = (0, 0);
    node.members.each(|_, member| {
        received += member.tally.received;
        missed += member.tally.missed;
        refused += member.refused;
        lagged += member.hello.as_ref().map_or(0, |hello| hello.lagged);
    });
    json!({
        "configured": true,
        "cluster": node.settings.cluster,
        "name": node.settings.name,
        "connected": node.link.is_connected(),
        "joined": node.joined.load(Ordering::Relaxed),
        "connects": node.link.connects(),
        "server": node.client.server_info().server_name,
        "members": node.members.count(),
        "attached": node.far.count(),
        "events": {
            "numbered": figures.at, "queued": figures.queued, "dropped": figures.dropped, "lagged": figures.lagged,
            "unnumbered": figures.unnumbered, "received": received, "missed": missed, "refused": refused,
            "lagged_elsewhere": lagged, "dropped_by_client": node.link.dropped(),
        },
        "calls": {
            "made": node.pending.made.load(Ordering::Relaxed), "waiting": node.pending.count(),
            "served": node.serving.served.load(Ordering::Relaxed), "serving": node.serving.count(),
        },
        "singletons": *lock(&node.leases),
    })
}

fn members(node: &Node) -> Value {
    let mut all = Vec::new();
    node.members.each(|name, member| {
        all.push(json!({
            "name": name,
            "since_ms": member.since.elapsed().as_millis() as u64,
            "heard_ms": member.heard.elapsed().as_millis() as u64,
            "services": member.services.len(),
            "received": member.tally.received, "missed": member.tally.missed, "refused": member.refused,
        }));
    });
    Value::Array(all)
}
