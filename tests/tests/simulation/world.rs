//! One run: who is there, and what comes next.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use kernel_core::*;
use kernel_link::{Client, Config, Framing, Request as Ask, ToClient, ToRuntime};
use kernel_supervisor::Supervisor;
use tests::deep::Rng;

use crate::checks::{Deliveries, Seen, Witness, all_is_back};
use crate::pipe::pipe;
use crate::plugins::{Actor, KEYS, NAMES, SERVICES, TOPICS, given_up, metadata};
use crate::scheduler::Scheduler;
use crate::support::{advance, json, now, runtime, set_now};

const STEPS: u64 = 600;

const CONFIG: Config<'static> = Config {
    keep_alive_ms: 2_000,
    handshake_ms: 500,
    ..Config::new("simulated", Framing::Stream)
};

/// A call of an operator: its task, and when it is to end.
struct Open {
    task: u64,
    due: Rc<Cell<u64>>,
}

struct World {
    rng: Rng,
    runtime: CoreRuntime,
    supervisor: &'static Supervisor<8>,
    scheduler: Scheduler,
    installed: Vec<Installed>,
    deliveries: Deliveries,
    witness: Witness,
    calls: Vec<Open>,
    session: u64,
}

/// Runs one seed; what was in it.
pub(crate) fn simulate(seed: u64) -> Seen {
    let mut world = World::new(seed);
    for _ in 0..STEPS {
        world.step();
    }
    world.end();
    world.witness.seen
}

impl World {
    fn new(seed: u64) -> World {
        let mut rng = Rng::new(seed);
        // From anywhere: no clock begins at nothing.
        set_now(1_000_000 + rng.below(1_000_000_000));
        let runtime = runtime(&Capacities {
            plugins: 4,
            filters: 6 + rng.below(8) as usize,
            services: 4,
            calls: 2 + rng.below(8) as usize,
            call_bytes: 64,
            state_entries: 2 + rng.below(4) as usize,
            state_bytes: 128,
            state_block: 16,
            log_bytes: *rng.pick(&[1024, 2048, 8192]),
            names: 2,
            name_bytes: 40,
            waits: 3 + rng.below(8) as usize,
            taps: 2,
        });
        let supervisor: &'static Supervisor<8> = Box::leak(Box::new(Supervisor::new()));
        let mut world = World {
            witness: Witness::new(runtime),
            rng,
            runtime,
            supervisor,
            scheduler: Scheduler::default(),
            installed: Vec::new(),
            deliveries: Deliveries::default(),
            calls: Vec::new(),
            session: 0,
        };
        for index in 0..NAMES.len() {
            let meta = Box::leak(Box::new(metadata(index, &mut world.rng)));
            let installed = runtime.plugins().install(meta).unwrap();
            world.installed.push(installed);
            let actor = Actor::new(index, world.rng.split(), world.deliveries.clone());
            world.scheduler.spawn(false, actor.live(installed));
        }
        world.scheduler.spawn(false, supervisor.run(runtime));
        world.scheduler.spawn(false, async move {
            supervisor.start_all(runtime).await;
        });
        world
    }

    /// Something happens.
    fn step(&mut self) {
        match self.rng.below(100) {
            0..16 => self.operate(),
            16..18 => self.scheduler.drop_one(&mut self.rng),
            18..20 => self.scheduler.disturb(&mut self.rng),
            20..23 => advance(Duration::from_micros(self.rng.below(50_000))),
            23..25 if !self.scheduler.is_there(self.session) => self.connect(),
            _ => self.go_on(),
        }
        self.look();
    }

    /// Whoever is woken runs; when nobody is, time passes until something is due.
    fn go_on(&mut self) {
        if self.scheduler.run_one(&mut self.rng) {
            return;
        }
        if let Some(next) = self.runtime.kernel().expire().map(Instant::as_micros)
            && next > now()
        {
            set_now(next);
        }
    }

    fn look(&mut self) {
        self.runtime.kernel().expire();
        self.witness.look(self.runtime, &self.deliveries, &self.installed);
        self.witness.seen.steps += 1;
        let scheduler = &self.scheduler;
        self.calls.retain(|call| scheduler.is_there(call.task));
        for call in &self.calls {
            assert!(
                call.due.get() >= now() || scheduler.is_woken(call.task),
                "a call is over time and nobody tells its caller"
            );
        }
    }

    /// An operator wants something, and may give it up.
    fn operate(&mut self) {
        let (runtime, supervisor) = (self.runtime, self.supervisor);
        let (name, key) = (*self.rng.pick(&NAMES), *self.rng.pick(&KEYS));
        let (topic, service) = (*self.rng.pick(&TOPICS), *self.rng.pick(&SERVICES));
        let (polls, millis) = (self.rng.below(6), 1 + self.rng.below(500));
        let span = Duration::from_millis(millis);
        match self.rng.below(12) {
            0..3 => {
                // Long ones, so that the log soon moves on under those that are slow.
                for _ in 0..1 + self.rng.below(6) {
                    let text = "\"a long word that says nothing at all, again and again\"";
                    let _ = runtime.bus().try_publish(topic, json(text));
                }
            }
            3 => {
                self.scheduler.spawn(true, async move {
                    let _ = runtime.bus().publish(topic, json("[9]")).await;
                });
            }
            4..8 => {
                let due = Rc::new(Cell::new(u64::MAX));
                let ends = due.clone();
                let task = self.scheduler.spawn(true, async move {
                    let mut buf = [0; 64];
                    ends.set(now() + millis * 1000);
                    let _ = runtime
                        .services()
                        .call_within(service, json("7"), span, &mut buf)
                        .await;
                });
                self.calls.push(Open { task, due });
                self.witness.seen.calls += 1;
            }
            8 => {
                self.scheduler.spawn(true, async move {
                    let mut buf = [0; 64];
                    let call = runtime.services().call_within(service, json("8"), span, &mut buf);
                    let _ = given_up(polls, call).await;
                });
            }
            9 => {
                self.scheduler.spawn(true, async move {
                    let _ = runtime.state().set_with_ttl(key, json("1"), span).await;
                });
            }
            10 => {
                self.scheduler.spawn(true, async move {
                    let _ = given_up(polls, runtime.context().sleep(span)).await;
                });
            }
            _ => {
                let what = self.rng.below(5);
                self.scheduler.spawn(true, async move {
                    let _ = match what {
                        0 => supervisor.start(runtime, name).await,
                        1 => supervisor.stop(runtime, name).await,
                        2 => supervisor.unload(runtime, name).await,
                        3 => supervisor.reload(runtime, name).await,
                        // Past the supervisor.
                        _ => runtime.plugins().stop(name).await,
                    };
                });
            }
        }
    }

    /// A client that watches everything, on a line that breaks when its task goes.
    fn connect(&mut self) {
        let (server_read, client_write) = pipe(16 + self.rng.below(100) as usize);
        let (client_read, server_write) = pipe(16 + self.rng.below(100) as usize);
        let kernel = self.runtime.kernel();
        self.scheduler.spawn(false, async move {
            let mut memory = vec![0; 5 * 512];
            let _ = kernel_link::serve(kernel, &CONFIG, server_read, server_write, &mut memory).await;
        });
        let mut rng = self.rng.split();
        let ended = Rc::new(Cell::new(false));
        self.session = self.scheduler.spawn(true, async move {
            let mut memory = vec![0; 2 * 2048];
            let mut client = Client::new(Framing::Stream, client_read, client_write, &mut memory).unwrap();
            client.hello("simulated", 1, "").await.unwrap();
            let credit = 1 + rng.below(8) as u32;
            let watch = Ask::Watch {
                filter: ">",
                credit,
                since: None,
            };
            let mut next = None;
            if client.request(1, watch).await.is_err() {
                return;
            }
            while let Ok(message) = client.next().await {
                match message {
                    ToClient::Reply {
                        id: 1,
                        what: kernel_link::Reply::Count(first),
                    } => next = Some(first),
                    ToClient::Event(event) => {
                        assert_eq!(Some(event.seq), next, "a watch leaves nothing out");
                        next = Some(event.seq + 1);
                        if rng.one_in(2)
                            && client
                                .send(&ToRuntime::Credit(1 + rng.below(3) as u32))
                                .await
                                .is_err()
                        {
                            break;
                        }
                    }
                    ToClient::Lost { from, count, .. } => {
                        assert_eq!(Some(from), next, "what is lost is where it is missing");
                        next = Some(from + count);
                    }
                    // One that is silent is sent away.
                    ToClient::KeepAlive if rng.one_in(2) => drop(client.send(&ToRuntime::KeepAlive).await),
                    _ => {}
                }
            }
            ended.set(true);
        });
        self.witness.seen.sessions += 1;
    }

    /// Everybody leaves; all that was taken is back.
    fn end(&mut self) {
        self.scheduler.drop_all();
        let (runtime, supervisor) = (self.runtime, self.supervisor);
        let task = self.scheduler.spawn(false, async move {
            supervisor.stop_all(runtime, Duration::from_secs(20)).await;
            for name in NAMES {
                let _ = runtime.plugins().unload(name).await;
            }
        });
        for _ in 0..20_000 {
            if !self.scheduler.is_there(task) {
                break;
            }
            self.go_on();
            self.look();
        }
        assert!(!self.scheduler.is_there(task), "all plugins stop");
        // What the line still has to hear, and times to live.
        for _ in 0..200 {
            self.go_on();
            self.look();
        }
        assert!(self.calls.is_empty(), "each call ends");
        self.witness.seen.timed_out = self.runtime.metrics().timed_out.into();
        all_is_back(runtime);
    }
}
