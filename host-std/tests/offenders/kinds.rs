//! What plugins can do to others, each kind a plugin of its own.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;
use std::thread;
use std::time::Duration;

use host_std::plugins::{Life, PluginType};
use kernel_core::*;

/// What it does, as numbers: a plugin's type says which.
macro_rules! kinds {
    ($($name:ident),* $(,)?) => {
        /// One after the other.
        pub(crate) const KINDS: &[Kind] = &[$(Kind::$name),*];

        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        pub(crate) enum Kind { $($name),* }

        /// The plugin of a kind.
        pub(crate) fn plugin(kind: Kind) -> PluginType {
            if kind == Kind::AnswersTwice {
                return PluginType::with_own_loop(&METADATA, answer_twice);
            }
            match kind {
                $(Kind::$name => PluginType::of::<Offender<{ Kind::$name as u8 }>>()),*
            }
        }
    };
}

kinds! {
    PanicsInLoad, PanicsInStart, PanicsInEvent, PanicsInCall, PanicsInTick, PanicsInStop, PanicsInUnload,
    Blocks, Spins, FloodsTheBus, FloodsCalls, AnswersLate, AnswersTwice, NeverAnswers, FillsFilters, FillsServices,
    FillsState, FillsStateBytes, FillsCalls, FillsWaits, TakesNames, PublishesLarge, CallsInACycle, FeedsAnother,
    FeedsItself,
}

impl Kind {
    /// Whether it needs a thread of its own, since it does not give its thread back.
    pub(crate) fn blocks(self) -> bool {
        matches!(self, Kind::Blocks | Kind::Spins)
    }
}

/// Set when those that block or spin for ever may end, so that their threads do.
pub(crate) static RELEASED: AtomicBool = AtomicBool::new(false);

const METADATA: PluginMetadata = PluginMetadata {
    handler_timeout: Duration::from_millis(300),
    hook_timeout: Duration::from_millis(300),
    restart: RestartPolicy {
        first_pause: Duration::from_millis(50),
        restarts: 100,
        ..RestartPolicy::DEFAULT
    },
    ..PluginMetadata::new("offender", "1.0.0")
};

#[derive(Default)]
pub(crate) struct Offender<const KIND: u8>;

impl<const KIND: u8> Offender<KIND> {
    fn is(kind: Kind) -> bool {
        kind as u8 == KIND
    }

    fn panics(kind: Kind) {
        assert!(!Self::is(kind), "as it was meant to");
    }
}

impl<const KIND: u8> Plugin for Offender<KIND> {
    const METADATA: PluginMetadata = METADATA;

    async fn on_load(&mut self, cx: &Context) -> Result<(), Error> {
        Self::panics(Kind::PanicsInLoad);
        cx.subscribe(name!("go")).await?;
        cx.register(&Service::new(name!("offender.ask"))).await?;
        cx.set_interval(Duration::from_millis(20)).await?;
        Ok(())
    }

    async fn on_start(&mut self, _: &Context) -> Result<(), Error> {
        Self::panics(Kind::PanicsInStart);
        Ok(())
    }

    async fn on_event(&mut self, cx: &Context, event: Event<'_>) -> Result<(), Error> {
        Self::panics(Kind::PanicsInEvent);
        match KINDS[usize::from(KIND)] {
            Kind::Blocks => {
                while !RELEASED.load(Ordering::Relaxed) {
                    thread::park_timeout(Duration::from_millis(50));
                }
            }
            Kind::Spins => {
                while !RELEASED.load(Ordering::Relaxed) {
                    std::hint::spin_loop();
                }
            }
            Kind::FloodsTheBus => {
                for _ in 0..5000 {
                    cx.publish("flood.x", json_literal!("[1,2,3]")).await?;
                }
            }
            Kind::FloodsCalls => many(cx, "honest.ask", 1000).await?,
            Kind::FillsCalls => many(cx, "mute.ask", 1000).await?,
            Kind::FillsFilters => {
                for n in 0.. {
                    cx.subscribe(Name::Copied(&format!("offender.n{n}"))).await?;
                }
            }
            Kind::FillsServices => {
                for n in 0.. {
                    let name = format!("offender.n{n}");
                    cx.register(&Service::new(Name::Copied(&name))).await?;
                }
            }
            Kind::FillsState => {
                for n in 0.. {
                    cx.state()
                        .set(Name::Copied(&format!("offender.n{n}")), Json::NULL)
                        .await?;
                }
            }
            Kind::FillsStateBytes => {
                let large = format!("\"{}\"", "s".repeat(30_000));
                for n in 0.. {
                    let value = Json::parse(&large).map_err(|_| Error::new("json", ""))?;
                    cx.state()
                        .set(Name::Copied(&format!("offender.n{n}")), value)
                        .await?;
                }
            }
            Kind::FillsWaits => {
                let mut naps: Vec<_> = (0..5000)
                    .map(|_| Box::pin(cx.sleep(Duration::from_secs(60))))
                    .collect();
                let refused = poll_fn(|task| {
                    let mut ended = naps.iter_mut().filter_map(|nap| match nap.as_mut().poll(task) {
                        Poll::Ready(ended) => Some(ended),
                        Poll::Pending => None,
                    });
                    Poll::Ready(ended.next())
                });
                if let Some(refused) = refused.await {
                    refused?;
                }
                cx.sleep(Duration::from_millis(100)).await?;
            }
            Kind::TakesNames => {
                for name in ["honest.ask", "storage", "mute.ask"] {
                    cx.register(&Service::new(Name::Copied(name))).await?;
                }
            }
            Kind::PublishesLarge => {
                for len in [60_000, 5_000_000] {
                    let large = format!("\"{}\"", "l".repeat(len));
                    let large = Json::parse(&large).map_err(|_| Error::new("json", ""))?;
                    for _ in 0..50 {
                        cx.publish("large.x", large).await?;
                    }
                }
            }
            Kind::CallsInACycle => {
                let mut buf = [0; 256];
                cx.call("accomplice.ask", Json::NULL, &mut buf).await?;
            }
            Kind::FeedsAnother | Kind::FeedsItself => {
                if event.topic() == "go" {
                    cx.subscribe(name!("ping")).await?;
                }
                let topic = if Self::is(Kind::FeedsItself) {
                    "ping"
                } else {
                    "pong"
                };
                cx.publish(topic, Json::NULL).await?;
            }
            _ => {}
        }
        Ok(())
    }

    async fn on_call(&mut self, cx: &Context, call: Request<'_>, reply: Reply<'_>) -> Result<Replied, Error> {
        Self::panics(Kind::PanicsInCall);
        if Self::is(Kind::AnswersLate) {
            cx.sleep(Duration::from_millis(100)).await?;
        }
        if Self::is(Kind::NeverAnswers) {
            std::future::pending::<()>().await;
        }
        reply.raw(call.args())
    }

    async fn on_tick(&mut self, _: &Context) -> Result<(), Error> {
        Self::panics(Kind::PanicsInTick);
        Ok(())
    }

    async fn on_stop(&mut self, _: &Context) -> Result<(), Error> {
        Self::panics(Kind::PanicsInStop);
        Ok(())
    }

    async fn on_unload(&mut self, _: &Context) -> Result<(), Error> {
        Self::panics(Kind::PanicsInUnload);
        Ok(())
    }
}

/// Calls a service so often at once, and waits for all answers; the first error.
async fn many(cx: &Context, service: &str, count: usize) -> Result<(), Error> {
    let mut buffers = vec![[0; 64]; count];
    let mut calls: Vec<Option<Pin<Box<_>>>> = buffers
        .iter_mut()
        .map(|buf| {
            Some(Box::pin(cx.call_within(
                service,
                Json::NULL,
                Duration::from_millis(200),
                buf,
            )))
        })
        .collect();
    let mut outcome = Ok(());
    poll_fn(|task| {
        let mut waits = false;
        for place in &mut calls {
            let Some(call) = place else { continue };
            match call.as_mut().poll(task) {
                Poll::Pending => waits = true,
                Poll::Ready(ended) => {
                    if let (Err(error), Ok(())) = (ended, &outcome) {
                        outcome = Err(Error::from(error));
                    }
                    *place = None;
                }
            }
        }
        if waits { Poll::Pending } else { Poll::Ready(()) }
    })
    .await;
    outcome
}

/// Answers each call twice, and calls that it never got.
fn answer_twice(installed: Installed, buf: &mut [u8]) -> Life<'_> {
    Box::pin(async move {
        let mailbox = installed.mailbox();
        loop {
            match mailbox.next(buf).await {
                Message::Load => {
                    let service = Service::new(name!("offender.ask"));
                    if let Err(fault) = mailbox.context().register(&service).await {
                        let _ = mailbox.fail(&fault.into()).await;
                    }
                }
                Message::Call(call) => {
                    let id = call.id;
                    let first = mailbox.reply(id, Ok(json_literal!("1"))).await;
                    let second = mailbox.reply(id, Ok(json_literal!("2"))).await;
                    if first == Ok(true) && second == Ok(true) {
                        let _ = mailbox
                            .fail(&Error::new("twice", "both answers were taken"))
                            .await;
                    }
                }
                Message::Ended => return,
                _ => {}
            }
        }
    })
}

/// Answers what the offender publishes, and calls it when it is called.
#[derive(Default)]
pub(crate) struct Accomplice;

impl Plugin for Accomplice {
    const METADATA: PluginMetadata = PluginMetadata::new("accomplice", "1.0.0");

    async fn on_load(&mut self, cx: &Context) -> Result<(), Error> {
        cx.subscribe(name!("pong")).await?;
        cx.register(&Service::new(name!("accomplice.ask"))).await?;
        Ok(())
    }

    async fn on_event(&mut self, cx: &Context, _: Event<'_>) -> Result<(), Error> {
        cx.publish("ping", Json::NULL).await?;
        Ok(())
    }

    async fn on_call(&mut self, cx: &Context, call: Request<'_>, reply: Reply<'_>) -> Result<Replied, Error> {
        let mut buf = [0; 256];
        let answer = cx.call("offender.ask", call.args(), &mut buf).await?;
        reply.raw(answer)
    }
}

/// Has a service that waits for ever, to be called by others.
#[derive(Default)]
pub(crate) struct Mute;

impl Plugin for Mute {
    const METADATA: PluginMetadata = PluginMetadata::new("mute", "1.0.0");

    async fn on_load(&mut self, cx: &Context) -> Result<(), Error> {
        cx.register(&Service::new(name!("mute.ask"))).await?;
        Ok(())
    }

    async fn on_call(&mut self, cx: &Context, _: Request<'_>, reply: Reply<'_>) -> Result<Replied, Error> {
        cx.sleep(Duration::from_secs(1)).await?;
        reply.raw(Json::NULL)
    }
}
