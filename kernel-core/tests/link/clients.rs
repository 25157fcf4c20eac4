//! Clients that send garbage, may not connect, or go away.

use embedded_io_async::Write as _;
use kernel_core::Capacities;

use crate::pipe::pipe;
use crate::session::*;

#[test]
fn garbage_gets_an_answer_and_harms_nobody() {
    let (runtime, mut tasks) = start(&Capacities::DEFAULT);
    let kernel = runtime.kernel();
    let (server_read, mut client_write) = pipe(64);
    let (client_read, server_write) = pipe(1 << 20);
    tasks.spawn(async move {
        let mut memory = vec![0; 5 * 256];
        serve(kernel, &IDENTITY, server_read, server_write, &mut memory).await;
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
    let memory = Box::leak(vec![0; 3 * 2048].into_boxed_slice());
    let mut client = Client::new(client_read, client_write, memory).unwrap();
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
        (before.published, before.services, before.calls.used),
        (after.published, after.services, after.calls.used)
    );
}

#[test]
fn a_client_without_the_token_or_a_hello_gets_nothing() {
    let (runtime, mut tasks) = start(&Capacities::DEFAULT);
    let kernel = runtime.kernel();
    let identity = Identity {
        token: Some("correct horse"),
        ..IDENTITY
    };
    let (mut client, _) = connect(&mut tasks, kernel, identity, 1024);
    tasks.run(kernel, async {
        client.request(1, Request::Ping).await.unwrap();
        assert!(matches!(
            client.next().await.unwrap(),
            ToClient::Refused(Failure {
                code: "no_session",
                ..
            })
        ));
        for token in ["", "correct horsf", "correct horse "] {
            client.hello("x", 1, token).await.unwrap();
            assert!(matches!(
                client.next().await.unwrap(),
                ToClient::Refused(Failure { code: "denied", .. })
            ));
            client.request(1, Request::Ping).await.unwrap();
            assert!(matches!(
                client.next().await.unwrap(),
                ToClient::Refused(Failure {
                    code: "no_session",
                    ..
                })
            ));
        }
        client
            .send(&ToRuntime::Hello {
                version: 99,
                nonce: 1,
                name: "",
                token: "correct horse",
            })
            .await
            .unwrap();
        assert!(matches!(
            client.next().await.unwrap(),
            ToClient::Refused(Failure { code: "version", .. })
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
    let (runtime, mut tasks) = start(&Capacities::DEFAULT);
    let kernel = runtime.kernel();
    let (mut client, ended) = connect(&mut tasks, kernel, IDENTITY, 1024);
    tasks.run(kernel, async {
        open(&mut client).await;
        for id in 0..5 {
            let call = Request::Call {
                service: "echo.never",
                args: Raw(b"1"),
                timeout_ms: 0,
                parent: None,
            };
            client.request(id, call).await.unwrap();
        }
        client.send(&ToRuntime::Cancel { id: 0 }).await.unwrap();
        ask!(client, Request::Ping, Reply::Done);
        assert_eq!(runtime.metrics().calls.used, 4, "one was cancelled");
    });
    drop(client);
    tasks.settle();
    assert!(ended.get());
    assert_eq!(runtime.metrics().calls.used, 0);
}
