//! What a cluster costs: events and calls between two runtimes in this process, beside two bare `async-nats` clients
//! that do the same work in turns: the same payloads, encoding, check of JSON, and amount under way.
//!
//! ```text
//! cluster-bench [--quick]
//! ```

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use async_nats::Client;
use futures_util::StreamExt as _;
use futures_util::future::join_all;
use host_std::config::PluginConfig;
use host_std::plugins::PluginType;
use host_std::{Config, Host, HostBuilder};
use kernel_core::{Json, Replied, Reply, Request};
use plugin_kit::plugin;
use serde::{Deserialize, Serialize};
use tests::nats::NatsServer;

type Failure = Box<dyn Error + Send + Sync>;

const TOPIC: &str = "sensor.kitchen.temperature";
const PAYLOAD: &str = r#"{"value":20.4,"unit":"C","battery":87,"at":"2026-11-30T21:53:20.676Z"}"#;

/// Events that are sent ahead of those that came.
const AHEAD: u64 = 1_000;

/// What the receiving plugin has had.
static HAD: AtomicU64 = AtomicU64::new(0);

#[derive(Default)]
struct Counter;

#[plugin(name = "counter")]
impl Counter {
    #[on("sensor.>")]
    fn count(&mut self) -> Result<(), kernel_core::Error> {
        HAD.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }
}

#[derive(Default)]
struct Echo;

#[plugin(name = "echo")]
impl Echo {
    #[service("echo.back")]
    fn back(&mut self, call: Request<'_>, reply: Reply<'_>) -> Result<Replied, kernel_core::Error> {
        reply.raw(call.args())
    }
}

/// As the cluster has it before the payload of an event.
#[derive(Serialize, Deserialize)]
struct EventHead<'a> {
    instance: u64,
    at: u64,
    number: u64,
    source: &'a str,
}

/// As the cluster has it before the arguments of a call.
#[derive(Serialize, Deserialize)]
struct CallHead<'a> {
    from: &'a str,
    instance: u64,
    to: u64,
    id: u64,
    caller: &'a str,
    service: &'a str,
    millis: Option<u64>,
    #[serde(borrow)]
    chain: Vec<&'a str>,
}

fn host(name: &str, url: &str, builder: HostBuilder, folder: &std::path::Path) -> Result<Host, Failure> {
    let path = folder.join(name).join("runtime.db").into_os_string();
    let mut config = Config::from_vars(|variable| (variable == "RUNTIME_DB_PATH").then(|| path.clone()))?;
    let settings = serde_json::json!({
        "servers": [url], "name": name, "share": ["sensor.>"], "receive": ["sensor.>"], "services": true,
    });
    let cluster = PluginConfig {
        settings: settings.to_string(),
        ..PluginConfig::default()
    };
    config.plugins.insert("cluster".to_owned(), cluster);
    let cluster = PluginType::with_own_loop(&cluster::METADATA, cluster::live);
    Ok(builder.plugin_type(cluster).start(config)?)
}

/// Sends so many, never more than [`AHEAD`] ahead of `had`, by `send`; how many a second.
fn rate(count: u64, had: &AtomicU64, mut send: impl FnMut() -> Result<(), Failure>) -> Result<f64, Failure> {
    had.store(0, Ordering::Relaxed);
    let begun = Instant::now();
    for number in 0..count {
        while number - had.load(Ordering::Relaxed).min(number) >= AHEAD {
            std::thread::yield_now();
        }
        send()?;
    }
    while had.load(Ordering::Relaxed) < count {
        if begun.elapsed() > Duration::from_secs(60) {
            return Err(format!("of {count} events {} came", had.load(Ordering::Relaxed)).into());
        }
        std::thread::yield_now();
    }
    Ok(count as f64 / begun.elapsed().as_secs_f64())
}

fn our_events(from: &Host, count: u64) -> Result<f64, Failure> {
    let bus = from.runtime().bus();
    let payload = Json::parse(PAYLOAD)?;
    rate(count, &HAD, || {
        bus.try_publish(TOPIC, payload)?;
        Ok(())
    })
}

async fn bare_events(client: Client, receiver: Client, count: u64) -> Result<f64, Failure> {
    let had = Arc::new(AtomicU64::new(0));
    let mut subscription = receiver.subscribe("bare.event.*.sensor.>").await?;
    receiver.flush().await?;
    let counted = had.clone();
    let task = tokio::spawn(async move {
        while let Some(message) = subscription.next().await {
            if let Ok((head, payload)) = postcard::take_from_bytes::<EventHead<'_>>(&message.payload)
                && head.instance == 7
                && Json::new(payload).is_ok()
            {
                counted.fetch_add(1, Ordering::Relaxed);
            }
        }
    });
    let reactor = tokio::runtime::Handle::current();
    let rate = tokio::task::spawn_blocking(move || {
        let mut at = 0;
        rate(count, &had, || {
            at += 1;
            let head = EventHead {
                instance: 7,
                at,
                number: at,
                source: "operator",
            };
            let mut message = postcard::to_extend(&head, Vec::with_capacity(128))?;
            message.extend_from_slice(PAYLOAD.as_bytes());
            let subject = ["bare.event.kitchen.", TOPIC].concat();
            reactor.block_on(client.publish(subject, message.into()))?;
            Ok(())
        })
    });
    let rate = rate.await?;
    task.abort();
    rate
}

/// Makes so many calls, so many at a time; how many a second.
async fn calls<F: Future<Output = Result<(), Failure>>>(
    count: u64,
    at_once: u64,
    call: impl Fn() -> F,
) -> Result<f64, Failure> {
    let begun = Instant::now();
    let lanes = (0..at_once).map(|_| async {
        for _ in 0..count / at_once {
            call().await?;
        }
        Ok::<(), Failure>(())
    });
    for lane in join_all(lanes).await {
        lane?;
    }
    Ok((count / at_once * at_once) as f64 / begun.elapsed().as_secs_f64())
}

async fn our_calls(from: &Host, count: u64, at_once: u64) -> Result<f64, Failure> {
    let services = from.runtime().services();
    calls(count, at_once, || async move {
        let mut buf = vec![0; 256];
        let reply = services.call("echo.back", Json::parse(PAYLOAD)?, &mut buf).await;
        let reply = reply.map_err(|error| Failure::from(error.to_string()))?;
        (reply.as_str() == PAYLOAD)
            .then_some(())
            .ok_or_else(|| "another reply".into())
    })
    .await
}

async fn bare_calls(client: Client, server: Client, count: u64, at_once: u64) -> Result<f64, Failure> {
    let mut subscription = server.subscribe("bare.to.kitchen").await?;
    server.flush().await?;
    let task = tokio::spawn(async move {
        while let Some(message) = subscription.next().await {
            if let Some(reply) = message.reply
                && let Ok((head, args)) = postcard::take_from_bytes::<CallHead<'_>>(&message.payload)
                && Json::new(args).is_ok()
                && let Ok(mut answer) =
                    postcard::to_extend(&(2u8, head.instance, head.id), Vec::with_capacity(128))
            {
                answer.extend_from_slice(args);
                let _ = server.publish(reply, answer.into()).await;
            }
        }
    });
    let id = AtomicU64::new(0);
    let rate = calls(count, at_once, || async {
        let head = CallHead {
            from: "hall",
            instance: 7,
            to: 8,
            id: id.fetch_add(1, Ordering::Relaxed),
            caller: "operator",
            service: "echo.back",
            millis: Some(30_000),
            chain: vec!["hall/operator"],
        };
        let mut message = postcard::to_extend(&head, Vec::with_capacity(160))?;
        message.extend_from_slice(PAYLOAD.as_bytes());
        let reply = client.request("bare.to.kitchen", message.into()).await?;
        let (_, rest) = postcard::take_from_bytes::<(u8, u64, u64)>(&reply.payload)?;
        Json::new(rest)?;
        (rest == PAYLOAD.as_bytes())
            .then_some(())
            .ok_or_else(|| "another reply".into())
    })
    .await;
    task.abort();
    rate
}

fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    numbers[numbers.len() / 2]
}

fn main() -> Result<(), Failure> {
    let quick = std::env::args().any(|argument| argument == "--quick");
    let (rounds, scale) = if quick { (3, 1) } else { (7, 10) };
    let server = NatsServer::alone("")?;
    let folder = tempfile::tempdir()?;
    let hall = host(
        "hall",
        &server.url(),
        Host::builder().plugin::<Counter>(),
        folder.path(),
    )?;
    let kitchen = host(
        "kitchen",
        &server.url(),
        Host::builder().plugin::<Echo>(),
        folder.path(),
    )?;
    let reactor = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    let begun = Instant::now();
    while hall.runtime().services().has_service("echo.back").now() != Ok(true) {
        if begun.elapsed() > Duration::from_secs(20) {
            return Err("the runtimes do not find each other".into());
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    let client = || reactor.block_on(async_nats::connect(server.url()));
    let (one, two) = (client()?, client()?);
    println!(
        "work                    ours          bare async-nats   ratio   (median of {rounds} rounds in turns)"
    );
    let report = |what: &str, both: Vec<(f64, f64)>| {
        let (ours, bare): (Vec<_>, Vec<_>) = both.into_iter().unzip();
        let (ours, bare) = (median(ours), median(bare));
        println!("{what:<20}{ours:>9.0}/s {bare:>18.0}/s {:>9.2}", ours / bare);
    };
    let mut both = Vec::new();
    for _ in 0..rounds {
        let ours = our_events(&kitchen, 5_000 * scale)?;
        both.push((
            ours,
            reactor.block_on(bare_events(one.clone(), two.clone(), 5_000 * scale))?,
        ));
    }
    report("events", both);
    for (what, at_once, count) in [("calls, 1 at a time", 1, 200), ("calls, 64 at a time", 64, 1_280)] {
        let mut both = Vec::new();
        for _ in 0..rounds {
            let ours = reactor.block_on(our_calls(&hall, count * scale, at_once))?;
            let bare = bare_calls(one.clone(), two.clone(), count * scale, at_once);
            both.push((ours, reactor.block_on(bare)?));
        }
        report(what, both);
    }
    let status = |host: &Host| {
        let mut buf = vec![0; 16 * 1024];
        let reply = host
            .runtime()
            .services()
            .call("cluster.status", Json::NULL, &mut buf);
        reactor.block_on(async {
            reply
                .await
                .map(|json| json.as_str().to_owned())
                .unwrap_or_default()
        })
    };
    println!("hall: {}\nkitchen: {}", status(&hall), status(&kitchen));
    Ok(())
}
