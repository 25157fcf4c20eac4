//! Clients that send garbage, may not connect, or go away.

use embedded_io_async::Write as _;

use crate::pipe::pipe;
use crate::session::*;

#[test]
fn garbage_gets_an_answer_and_harms_nobody() {
    let (runtime, mut tasks) = start(&ROOM);
    let kernel = runtime.kernel();
    let (server_read, mut client_write) = pipe(64);
    let (client_read, server_write) = pipe(1 << 20);
    tasks.spawn(async move {
        let mut memory = vec![0; 5 * 256];
        let config = Config {
            framing: Framing::Serial,
            ..CONFIG
        };
        serve(kernel, &config, server_read, server_write, &mut memory).await;
    });
    let before = runtime.metrics();
    let sent = tasks.run(kernel, async {
        let mut random = 0x2545_f491_4f6c_dd1du64;
        let mut sent = 0;
        for _ in 0..3_000 {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            let len = (random % 400) as usize;
            let bytes: Vec<u8> = (0..len).map(|i| (random >> (i % 57)) as u8).collect();
            client_write.write_all(&bytes).await.unwrap();
            sent += len;
        }
        sent
    });
    let memory = Box::leak(vec![0; 2 * 2048].into_boxed_slice());
    let mut client = Client::new(Framing::Serial, client_read, client_write, memory).unwrap();
    tasks.run(kernel, async {
        client.hello("test", 5, "").await.unwrap();
        let mut refused = 0;
        loop {
            match client.next().await.unwrap() {
                ToClient::Refused(_) => refused += 1,
                ToClient::Hello { nonce: 5, .. } => break,
                other => panic!("{other:?}"),
            }
        }
        assert!(refused > 1_000, "{refused} refusals for {sent} bytes");
        ask!(client, Request::Ping, Reply::Done);
    });
    let after = runtime.metrics();
    assert_eq!(
        (before.next_seq, before.services, before.calls.used),
        (after.next_seq, after.services, after.calls.used)
    );
}

#[test]
fn a_client_without_the_token_or_a_hello_gets_nothing() {
    let (runtime, mut tasks) = start(&ROOM);
    let kernel = runtime.kernel();
    let identity = Config {
        token: Some("correct horse"),
        ..CONFIG
    };
    let (mut client, _) = connect(&mut tasks, kernel, identity, 1024);
    tasks.run(kernel, async {
        client.request(1, Request::Ping).await.unwrap();
        assert!(matches!(
            client.next().await.unwrap(),
            ToClient::Refused(Failure::Link(Refusal::NoSession))
        ));
        for token in ["", "correct horsf", "correct horse "] {
            client.hello("x", 1, token).await.unwrap();
            assert!(matches!(
                client.next().await.unwrap(),
                ToClient::Refused(Failure::Link(Refusal::Token))
            ));
            client.request(1, Request::Ping).await.unwrap();
            assert!(matches!(
                client.next().await.unwrap(),
                ToClient::Refused(Failure::Link(Refusal::NoSession))
            ));
        }
        client
            .send(&ToRuntime::Hello {
                versions: Versions { oldest: 98, newest: 99 },
                nonce: 1,
                name: "",
                token: "correct horse",
            })
            .await
            .unwrap();
        assert!(matches!(
            client.next().await.unwrap(),
            ToClient::Refused(Failure::Link(Refusal::Version(oldest, newest))) if (Versions { oldest, newest }) == VERSIONS
        ));
        client.hello("x", 2, "correct horse").await.unwrap();
        assert!(matches!(
            client.next().await.unwrap(),
            ToClient::Hello { nonce: 2, .. }
        ));
    });
}

#[test]
fn dropping_the_client_cancels_its_calls() {
    let (runtime, mut tasks) = start(&ROOM);
    let kernel = runtime.kernel();
    let (mut client, ended) = connect(&mut tasks, kernel, CONFIG, 1024);
    tasks.run(kernel, async {
        open(&mut client).await;
        for id in 0..5 {
            let call = Request::Call {
                service: "echo.never",
                timeout_ms: 0,
                parent: None,
                args: Raw(b"1"),
            };
            client.request(id, call).await.unwrap();
        }
        client.send(&ToRuntime::Cancel { id: 0 }).await.unwrap();
        ask!(client, Request::Ping, Reply::Done);
        assert_eq!(runtime.metrics().calls.used, 4, "one was cancelled");
    });
    drop(client);
    tasks.settle();
    assert!(ended.get().is_some());
    assert_eq!(runtime.metrics().calls.used, 0);
}

#[test]
fn what_is_no_message_on_a_stream_is_skipped_or_ends_the_session_and_no_other() {
    let (runtime, mut tasks) = start(&ROOM);
    let kernel = runtime.kernel();
    let (mut other, _) = connect(&mut tasks, kernel, CONFIG, 1024);
    let (server_read, mut client_write) = pipe(64);
    let (mut client_read, server_write) = pipe(1 << 16);
    let ended = std::rc::Rc::new(std::cell::Cell::new(None));
    let flag = ended.clone();
    tasks.spawn(async move {
        let mut memory = vec![0; 5 * 256];
        flag.set(Some(
            serve(kernel, &CONFIG, server_read, server_write, &mut memory).await,
        ));
    });
    tasks.run(kernel, async {
        open(&mut other).await;
        // One that is too large, one of no kind, and one that is well.
        client_write.write_all(&5_000u32.to_le_bytes()).await.unwrap();
        client_write.write_all(&[7; 5_000]).await.unwrap();
        client_write.write_all(&[3, 0, 0, 0, 99, 1, 2]).await.unwrap();
        client_write.write_all(&[0, 0, 0, 0]).await.unwrap();
        let mut memory = vec![0; 2 * 2048];
        let mut client =
            Client::new(Framing::Stream, &mut client_read, &mut client_write, &mut memory).unwrap();
        let mut refusal = async || match client.next().await.unwrap() {
            ToClient::Refused(Failure::Link(refusal)) => refusal,
            other => panic!("{other:?}"),
        };
        assert_eq!(refusal().await, Refusal::TooLarge(252));
        assert_eq!(refusal().await, Refusal::Unknown);
        assert_eq!(refusal().await, Refusal::Unknown);
        client.hello("test", 5, "").await.unwrap();
        assert!(matches!(client.next().await.unwrap(), ToClient::Hello { .. }));
        // A request of no kind is answered as such.
        client_write
            .write_all(&[4, 0, 0, 0, 1, 33, 120, 0])
            .await
            .unwrap();
        let mut client =
            Client::new(Framing::Stream, &mut client_read, &mut client_write, &mut memory).unwrap();
        match client.next().await.unwrap() {
            ToClient::Reply {
                id: 33,
                what: Reply::Failed(Failure::Link(Refusal::Unknown)),
            } => {}
            other => panic!("{other:?}"),
        }
        client_write.write_all(b"GET / HTTP/1.1\r\n").await.unwrap();
    });
    tasks.settle();
    assert_eq!(ended.get(), Some(End::Malformed));
    tasks.run(kernel, async {
        ask!(other, Request::Ping, Reply::Done);
    });
}
