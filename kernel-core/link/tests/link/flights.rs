//! What is in flight, and whoever is silent.

use std::cell::Cell;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use kernel_link::{Access, Denied};

use crate::session::*;

const NEVER: Request<'static> = Request::Call {
    service: "echo.never",
    timeout_ms: 0,
    parent: None,
    args: Raw(b"1"),
};

#[test]
fn more_than_fit_in_flight_are_refused_and_the_rest_goes_on() {
    let (runtime, mut tasks) = start(&kernel_core::Capacities { calls: 32, ..ROOM });
    let kernel = runtime.kernel();
    let (mut client, _) = connect(&mut tasks, kernel, CONFIG, 1024);
    tasks.run(kernel, async {
        open(&mut client).await;
        for id in 0..FLIGHTS as u32 {
            client.request(id, NEVER).await.unwrap();
        }
        for what in [NEVER, Request::Plugins, Request::Sleep { ms: 1 }] {
            ask!(client, what, Reply::Failed(Failure::Link(Refusal::InFlight(most))) => {
                assert_eq!(most as usize, FLIGHTS);
            });
        }
        ask!(client, Request::Ping, Reply::Done);
        client.send(&ToRuntime::Cancel { id: 3 }).await.unwrap();
        ask!(client, Request::Sleep { ms: 1 }, Reply::Done);
    });
    assert_eq!(runtime.metrics().calls.used as usize, FLIGHTS - 1);
}

#[test]
fn a_hello_begins_anew() {
    let (runtime, mut tasks) = start(&ROOM);
    let kernel = runtime.kernel();
    let (mut client, _) = connect(&mut tasks, kernel, CONFIG, 1024);
    tasks.run(kernel, async {
        open(&mut client).await;
        ask!(
            client,
            Request::Watch {
                filter: ">",
                since: None,
                credit: 1
            },
            Reply::Count(_)
        );
        client.request(1, NEVER).await.unwrap();
        open(&mut client).await;
        ask!(client, Request::Ping, Reply::Done);
    });
    let metrics = runtime.metrics();
    assert_eq!((metrics.calls.used, metrics.taps.used), (0, 0));
}

#[test]
fn lifecycle_commands_are_carried_out_while_the_session_goes_on_and_are_bounded() {
    let (runtime, mut tasks) = start(&ROOM);
    let kernel = runtime.kernel();
    let (mut client, _) = connect(&mut tasks, kernel, CONFIG, 1024);
    let manage = |action| Request::Manage {
        action,
        plugin: "echo",
    };
    tasks.run(kernel, async {
        open(&mut client).await;
        // The plugin hangs, so that a stop of it waits for its deadline.
        client.request(1, NEVER).await.unwrap();
        ask!(client, Request::Sleep { ms: 1 }, Reply::Done);
        client.request(2, manage(Action::Stop)).await.unwrap();
        ask!(client, Request::Ping, Reply::Done);
        for id in 3..11 {
            client.request(id, manage(Action::Start)).await.unwrap();
        }
        refused!(client, manage(Action::Start), "in_flight");
        for id in 4..11 {
            client.send(&ToRuntime::Cancel { id }).await.unwrap();
        }
        let mut answers = Vec::new();
        for _ in 0..3 {
            match client.next().await.unwrap() {
                ToClient::Reply { id, what } => answers.push((id, format!("{what:?}"))),
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(
            answers.iter().map(|(id, _)| *id).collect::<Vec<_>>(),
            [2, 1, 3],
            "{answers:?}"
        );
        assert!(answers[2].1.contains("Started"), "{answers:?}");
    });
}

#[test]
fn a_client_that_does_not_open_its_session_or_falls_silent_is_ended() {
    let (runtime, mut tasks) = start(&ROOM);
    let kernel = runtime.kernel();
    let config = Config {
        handshake_ms: 500,
        keep_alive_ms: 4_000,
        ..CONFIG
    };
    let (client, ended) = connect(&mut tasks, kernel, config, 1024);
    tasks.pass(kernel, Duration::from_millis(490));
    assert_eq!(ended.get(), None);
    tasks.pass(kernel, Duration::from_millis(20));
    assert_eq!(ended.get(), Some(End::Silent));
    drop(client);

    let (mut client, ended) = connect(&mut tasks, kernel, config, 1024);
    tasks.run(kernel, async {
        open(&mut client).await;
        client.request(1, NEVER).await.unwrap();
        // The runtime says that it is there, as does the client.
        for _ in 0..20 {
            match client.next().await.unwrap() {
                ToClient::KeepAlive => client.send(&ToRuntime::KeepAlive).await.unwrap(),
                other => panic!("{other:?}"),
            }
        }
    });
    tasks.pass(kernel, Duration::from_millis(3_900));
    assert_eq!((ended.get(), runtime.metrics().calls.used), (None, 1));
    tasks.pass(kernel, Duration::from_millis(1_200));
    assert_eq!(
        (ended.get(), runtime.metrics().calls.used),
        (Some(End::Silent), 0)
    );
    assert_eq!(runtime.metrics().waits.used, 0);
}

#[test]
fn credit_and_cancel_get_through_while_answers_wait_for_room() {
    let (runtime, mut tasks) = start(&ROOM);
    let kernel = runtime.kernel();
    let (mut client, _) = connect(&mut tasks, kernel, CONFIG, 256);
    tasks.run(kernel, async {
        open(&mut client).await;
        ask!(
            client,
            Request::Watch {
                filter: "tick",
                since: None,
                credit: u32::MAX
            },
            Reply::Count(_)
        );
        client.request(1, NEVER).await.unwrap();
    });
    tasks.settle();
    assert_eq!(runtime.metrics().calls.used, 1);
    // More than the line and the session's buffers hold, and the client does not read.
    for _ in 0..12 {
        let text = format!("\"{}\"", "x".repeat(60));
        runtime
            .bus()
            .try_publish("tick", crate::support::json(&text))
            .unwrap();
    }
    tasks.settle();
    tasks.run(kernel, async {
        client.send(&ToRuntime::Cancel { id: 1 }).await.unwrap();
    });
    tasks.settle();
    assert_eq!(runtime.metrics().calls.used, 0);
}

/// Takes its time to allow a ping.
struct Slow(Rc<Cell<bool>>);

impl Access for Slow {
    async fn admit(&self, _: &str) -> Result<(), Denied> {
        Ok(())
    }

    async fn allow(&self, what: &Request<'_>) -> Result<(), kernel_core::Error> {
        poll_fn(|_| match matches!(what, Request::Ping) && !self.0.get() {
            true => Poll::Pending,
            false => Poll::Ready(Ok(())),
        })
        .await
    }
}

#[test]
fn an_answer_is_not_lost_to_what_was_sent_while_it_was_decided_upon() {
    let (runtime, mut tasks) = start(&ROOM);
    let kernel = runtime.kernel();
    let decided = Rc::new(Cell::new(false));
    let (mut client, _) = connect_with(&mut tasks, kernel, CONFIG, 256, Slow(decided.clone()));
    tasks.run(kernel, async {
        open(&mut client).await;
        ask!(
            client,
            Request::Watch {
                filter: "tick",
                since: None,
                credit: u32::MAX
            },
            Reply::Count(_)
        );
        client.request(7, Request::Ping).await.unwrap();
    });
    let publish = |count: usize| {
        for _ in 0..count {
            let text = format!("\"{}\"", "x".repeat(60));
            runtime
                .bus()
                .try_publish("tick", crate::support::json(&text))
                .unwrap();
        }
    };
    tasks.settle();
    publish(12);
    tasks.settle();
    decided.set(true);
    publish(1);
    tasks.settle();
    tasks.run(kernel, async {
        loop {
            if let ToClient::Reply { id: 7, what } = client.next().await.unwrap() {
                assert_eq!(what, Reply::Done);
                return;
            }
        }
    });
}
