//! One connection at a time, over a stream in memory.

use kernel_core::Capacities;
use kernel_link::{Client, ClientError, Reply, Request, ToClient};

use std::sync::Arc;

use super::*;

const CALL_BYTES: usize = 256;

type Half = FromTokio<tokio::io::ReadHalf<tokio::io::DuplexStream>>;
type OtherHalf = FromTokio<tokio::io::WriteHalf<tokio::io::DuplexStream>>;

fn halves(stream: tokio::io::DuplexStream) -> (Half, OtherHalf) {
    let (read, write) = tokio::io::split(stream);
    (FromTokio::new(read), FromTokio::new(write))
}

fn manager() -> Manager {
    Manager {
        runtime: CoreRuntime::new(crate::memory::kernel(&Capacities::DEFAULT)),
        supervisor: Box::leak(Box::new(Supervisor::new())),
        config: None,
    }
}

fn caller(manager: Manager, entrance: Entrance) -> crate::access::Client {
    crate::access::Client::new(
        manager.runtime,
        Arc::new(|_: &str| false),
        entrance,
        "test".to_owned(),
    )
}

async fn sleep_until(at: kernel_core::Instant) {
    tokio::time::sleep_until(clock::instant(at).unwrap().into()).await;
}

/// One connection whose client does this; what came of it.
fn connected<T>(
    entrance: Entrance,
    handshake_ms: u32,
    client: impl AsyncFnOnce(Client<'_, Half, OtherHalf>) -> T,
) -> T {
    let reactor = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let manager = manager();
    reactor.block_on(async {
        let (ours, theirs) = tokio::io::duplex(1024);
        let (read, write) = halves(theirs);
        let mut memory = [0; 3 * 1024];
        let client = client(Client::new(Framing::Stream, read, write, &mut memory).unwrap());
        let caller = caller(manager, entrance);
        let session = async {
            tokio::join!(
                serve_connection(manager, CALL_BYTES, halves(ours), caller, handshake_ms),
                client
            )
            .1
        };
        tokio::select! {
            done = session => done,
            () = manager.runtime.kernel().run_timers(sleep_until) => unreachable!("for ever"),
        }
    })
}

#[test]
fn a_client_that_says_nothing_is_told_and_sent_away() {
    connected(Entrance::Owner, 20, async |mut client| {
        let answer = client.next().await.unwrap();
        assert_eq!(answer, ToClient::Refused(Failure::Link(Refusal::Silent(20))));
        assert!(matches!(client.next().await, Err(ClientError::Closed)));
    });
}

#[test]
fn a_client_that_opened_its_session_in_time_stays() {
    connected(Entrance::Owner, 200, async |mut client| {
        client.hello("test", 9, "").await.unwrap();
        let answer = client.next().await;
        assert!(
            matches!(
                answer,
                Ok(ToClient::Hello {
                    nonce: 9,
                    epoch: Some(_),
                    ..
                })
            ),
            "{answer:?}"
        );
        sleep(Duration::from_millis(400)).await;
        client.request(1, Request::Health).await.unwrap();
        let answer = client.next().await.unwrap();
        let health = matches!(
            answer,
            ToClient::Reply {
                id: 1,
                what: Reply::Health(_)
            }
        );
        assert!(health, "{answer:?}");
    });
}

#[test]
fn a_client_with_a_wrong_token_has_not_opened_its_session() {
    let access = Entrance::Keys(Some("a token of some length".into()));
    connected(access, 200, async |mut client| {
        client.hello("test", 9, "another").await.unwrap();
        let answer = client.next().await.unwrap();
        assert_eq!(answer, ToClient::Refused(Failure::Link(Refusal::Token)));
        let answer = client.next().await.unwrap();
        assert_eq!(answer, ToClient::Refused(Failure::Link(Refusal::Silent(200))));
    });
}

#[test]
fn a_client_that_does_not_read_what_it_is_sent_is_not_waited_for() {
    let reactor = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let manager = manager();
    reactor.block_on(async {
        let (ours, _theirs) = tokio::io::duplex(8);
        let session = serve_connection(
            manager,
            CALL_BYTES,
            halves(ours),
            caller(manager, Entrance::Owner),
            20,
        );
        tokio::select! {
            () = session => {}
            () = manager.runtime.kernel().run_timers(sleep_until) => unreachable!("for ever"),
        }
    });
}
