//! A session that is another runtime's: it offers services here, and calls as the operator.

use std::time::Duration;

use kernel_core::Fault;

use crate::session::*;
use crate::support::{self, Pending, json};

const PEER: Request<'static> = Request::Peer { name: "house" };

#[test]
fn the_numbers_of_the_peers_messages_are_those_that_a_chip_knows() {
    let first = |what: Request<'static>| {
        let mut buf = [0; 64];
        postcard::to_slice(&what, &mut buf).unwrap()[0]
    };
    let service = "a";
    let numbers = [PEER, Request::Offer { service }, Request::Withdraw { service }].map(first);
    assert_eq!(numbers, [36, 37, 38]);
    let mut buf = [0; 64];
    let answer = ToRuntime::Answer {
        call: 1,
        result: Ok(Raw(b"")),
    };
    assert_eq!(postcard::to_slice(&answer, &mut buf).unwrap()[0], 6);
    let asked = ToClient::Asked {
        call: 1,
        of: None,
        left_ms: 0,
        service,
        args: Raw(b""),
    };
    assert_eq!(postcard::to_slice(&asked, &mut buf).unwrap()[0], 9);
    assert_eq!(
        postcard::to_slice(&ToClient::Withdrawn { call: 1 }, &mut buf).unwrap()[0],
        10
    );
    let text = Reply::Text("");
    assert_eq!(postcard::to_slice(&text, &mut buf).unwrap()[0], 16);
}

#[test]
fn a_peer_offers_services_until_it_disconnects() {
    let (runtime, mut tasks) = start(&ROOM);
    let kernel = runtime.kernel();
    let (mut client, _) = connect(&mut tasks, kernel, CONFIG, 1024);
    let offer = |service| Request::Offer { service };
    tasks.run(kernel, async {
        open(&mut client).await;
        refused!(client, offer("house.lamp"), "not_attached");
        ask!(client, PEER, Reply::Text("house"));
        refused!(client, PEER, "attached");
        ask!(client, offer("house.lamp"), Reply::Done);
        refused!(client, offer("echo.back"), "taken");
        ask!(
            client,
            Request::Withdraw {
                service: "house.none"
            },
            Reply::Absent
        );
        let publish = Request::Publish {
            topic: "note",
            timeout_ms: 0,
            payload: Raw(b"1"),
        };
        ask!(
            client,
            Request::Watch {
                filter: "note",
                since: None,
                credit: 9
            },
            Reply::Count(_)
        );
        client.request(1, publish).await.unwrap();
        for _ in 0..2 {
            match client.next().await.unwrap() {
                ToClient::Event(event) => assert_eq!(event.source, "house"),
                ToClient::Reply {
                    id: 1,
                    what: Reply::Count(_),
                } => {}
                other => panic!("{other:?}"),
            }
        }
    });
    // Somebody here calls it: it is asked, with what is left of the time, and answers.
    let limit = Some(Duration::from_secs(9));
    let begin = || Pending::begin(runtime.context(), "house.lamp", json("[1]"), limit).unwrap();
    let mut calling = begin();
    tasks.run(kernel, async {
        match client.next().await.unwrap() {
            ToClient::Asked {
                call,
                of: None,
                left_ms: 1..=9_000,
                service: "house.lamp",
                args: Raw(b"[1]"),
            } => client
                .send(&ToRuntime::Answer {
                    call,
                    result: Ok(Raw(b"\"on\"")),
                })
                .await
                .unwrap(),
            other => panic!("{other:?}"),
        }
        ask!(client, Request::Ping, Reply::Done);
    });
    assert_eq!(calling.outcome(), Some(Ok("\"on\"".to_owned())));
    // One that is given up is taken back.
    let calling = begin();
    let asked = tasks.run(kernel, async {
        match client.next().await.unwrap() {
            ToClient::Asked { call, .. } => call,
            other => panic!("{other:?}"),
        }
    });
    drop(calling);
    tasks.run(kernel, async {
        match client.next().await.unwrap() {
            ToClient::Withdrawn { call } => assert_eq!(call, asked),
            other => panic!("{other:?}"),
        }
    });
    let mut calling = begin();
    drop(client);
    tasks.settle();
    assert_eq!(calling.outcome(), Some(Err(support::Failure::Fault(Fault::Gone))));
    assert_eq!(runtime.plugins().state("house"), None);
}

#[test]
fn a_call_that_comes_of_a_request_says_so() {
    let (runtime, mut tasks) = start(&ROOM);
    let kernel = runtime.kernel();
    let (mut client, _) = connect(&mut tasks, kernel, CONFIG, 1024);
    tasks.run(kernel, async {
        open(&mut client).await;
        ask!(client, PEER, Reply::Text("house"));
        ask!(
            client,
            Request::Offer {
                service: "house.lamp"
            },
            Reply::Done
        );
        let never = Request::Call {
            service: "echo.never",
            timeout_ms: 0,
            parent: None,
            args: Raw(b"5"),
        };
        client.request(41, never).await.unwrap();
        ask!(client, Request::Ping, Reply::Done);
    });
    // Whoever answers it calls on, and so does one for whom that is done.
    let mut buf = [0; 256];
    let never = runtime.next_call(&mut 0, &mut buf).unwrap().id;
    let call = |parent| {
        let parent = Some(parent);
        Pending::begin_for(runtime.context(), parent, "house.lamp", json("1"), None).unwrap()
    };
    let first = call(never);
    let _second = call(first.id());
    tasks.run(kernel, async {
        for _ in 0..2 {
            match client.next().await.unwrap() {
                ToClient::Asked { of: Some(41), .. } => {}
                other => panic!("{other:?}"),
            }
        }
    });
}
