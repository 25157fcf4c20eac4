//! Plugins whose every step is a throw of the dice.

use std::cell::RefCell;
use std::future::{Future, pending, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use kernel_core::*;
use tests::deep::Rng;

use crate::checks::Deliveries;
use crate::support::json;

pub(crate) const NAMES: [&str; 4] = ["ant", "bee", "cow", "dog"];
pub(crate) const SERVICES: [&str; 4] = ["ant.do", "bee.do", "cow.do", "dog.do"];
pub(crate) const TOPICS: [&str; 4] = ["a.x", "a.y", "b.x", "b.c.d"];
const FILTERS: [&str; 5] = ["a.>", "b.*", "*.x", "b.c.d", "state.changed.k.>"];
pub(crate) const KEYS: [&str; 3] = ["k.one", "k.two", "k.three"];

/// What a panic is made of here: it says nothing on stderr.
struct Simulated;

/// How a plugin is, which does not change from life to life.
pub(crate) fn metadata(index: usize, rng: &mut Rng) -> PluginMetadata {
    const DEPENDS: [&[&str]; 4] = [&[], &["ant"], &["ant"], &["bee", "cow"]];
    PluginMetadata {
        dependencies: if rng.one_in(2) { DEPENDS[index] } else { &[] },
        overflow: if rng.one_in(3) {
            Overflow::Block
        } else {
            Overflow::DropOldest
        },
        restart: RestartPolicy {
            first_pause: Duration::from_millis(10 + rng.below(100)),
            longest_pause: Duration::from_millis(500),
            restarts: rng.below(6) as u8,
            window: Duration::from_secs(5),
        },
        hook_timeout: Duration::from_millis(100 + rng.below(900)),
        handler_timeout: Duration::from_millis(100 + rng.below(900)),
        ..PluginMetadata::new(NAMES[index], "1.0.0")
    }
}

/// A plugin. All its lives draw from one sequence.
#[derive(Clone)]
pub(crate) struct Actor {
    index: usize,
    rng: Rc<RefCell<Rng>>,
    deliveries: Deliveries,
    /// One in so many steps goes wrong.
    faulty: u64,
}

impl Actor {
    pub(crate) fn new(index: usize, mut rng: Rng, deliveries: Deliveries) -> Actor {
        let faulty = *rng.pick(&[8, 40, 1_000_000]);
        Actor {
            index,
            rng: Rc::new(RefCell::new(rng)),
            deliveries,
            faulty,
        }
    }

    /// Lives for ever, also through panics, as a host lets it.
    pub(crate) async fn live(self, installed: Installed) {
        let mut buf = [0; 1024];
        loop {
            let mut actor = self.clone();
            let mut life = Box::pin(drive(&mut actor, installed.context(), &mut buf));
            let ended = poll_fn(
                |task| match catch_unwind(AssertUnwindSafe(|| life.as_mut().poll(task))) {
                    Ok(Poll::Ready(_)) => Poll::Ready(true),
                    Ok(Poll::Pending) => Poll::Pending,
                    Err(what) if what.is::<Simulated>() => Poll::Ready(false),
                    Err(what) => resume_unwind(what),
                },
            );
            if !ended.await {
                drop(life);
                installed.crashed(&Error::new("panic", "simulated"));
            }
        }
    }

    fn below(&self, end: u64) -> u64 {
        self.rng.borrow_mut().below(end)
    }

    fn millis(&self, end: u64) -> Duration {
        Duration::from_millis(self.below(end))
    }

    fn pick(&self, from: &[&'static str]) -> &'static str {
        from[self.below(from.len() as u64) as usize]
    }

    /// What may go wrong anywhere.
    async fn dare(&self) -> Result<(), Error> {
        if self.below(self.faulty) > 0 {
            return Ok(());
        }
        match self.below(3) {
            0 => Err(Error::new("unlucky", "it was not to be")),
            1 => resume_unwind(Box::new(Simulated)),
            _ => pending().await,
        }
    }

    /// What a plugin may do anywhere. What is refused is no matter.
    async fn act(&self, cx: &Context) -> Result<(), Error> {
        self.dare().await?;
        match self.below(9) {
            0 => _ = cx.publish(self.pick(&TOPICS), json("[1]")).await,
            1 => _ = cx.state().set(self.pick(&KEYS), json("2")).await,
            2 => {
                let span = self.millis(300);
                let _ = cx.state().set_with_ttl(self.pick(&KEYS), json("3"), span).await;
            }
            3 => _ = cx.state().delete(self.pick(&KEYS)).await,
            4 => _ = cx.sleep(self.millis(200)).await,
            5 | 6 => {
                let (service, limit, mut buf) = (self.pick(&SERVICES), self.millis(400), [0; 64]);
                let _ = cx.call_within(service, json("5"), limit, &mut buf).await;
            }
            _ => {}
        }
        self.dare().await
    }
}

impl LocalPlugin for Actor {
    const METADATA: PluginMetadata = PluginMetadata::new("actor", "1.0.0");

    async fn on_load(&mut self, cx: &Context) -> Result<(), Error> {
        self.deliveries.begin(self.index);
        for _ in 0..self.below(4) {
            let _ = cx.subscribe(self.pick(&FILTERS)).await;
        }
        let _ = cx.register(&Service::new(SERVICES[self.index])).await;
        if self.below(3) == 0 {
            let _ = cx.set_interval(Duration::from_millis(20 + self.below(200))).await;
        }
        self.dare().await
    }

    async fn on_start(&mut self, cx: &Context) -> Result<(), Error> {
        self.act(cx).await
    }

    async fn on_event(&mut self, cx: &Context, event: Event<'_>) -> Result<(), Error> {
        self.deliveries
            .took(self.index, event.seq, event.lost, event.topic());
        self.act(cx).await
    }

    async fn on_call(&mut self, cx: &Context, call: Request<'_>, reply: Reply<'_>) -> Result<Replied, Error> {
        self.act(cx).await?;
        reply.raw(call.args())
    }

    async fn on_tick(&mut self, cx: &Context) -> Result<(), Error> {
        self.act(cx).await
    }

    async fn on_stop(&mut self, cx: &Context) -> Result<(), Error> {
        self.act(cx).await
    }

    async fn on_unload(&mut self, _: &Context) -> Result<(), Error> {
        self.dare().await
    }
}

/// A future that is polled so often at the most, and then given up.
pub(crate) async fn given_up<T>(polls: u64, future: impl Future<Output = T>) -> Option<T> {
    let (mut future, mut left): (Pin<Box<_>>, _) = (Box::pin(future), polls);
    poll_fn(|task| match future.as_mut().poll(task) {
        Poll::Ready(value) => Poll::Ready(Some(value)),
        Poll::Pending if left == 0 => Poll::Ready(None),
        Poll::Pending => {
            left -= 1;
            Poll::Pending
        }
    })
    .await
}
