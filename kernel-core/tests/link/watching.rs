//! The stream of events: credit, and what is lost.

use kernel_core::Capacities;

use crate::session::*;

#[test]
fn a_watch_sends_what_there_is_credit_for_and_counts_what_it_missed() {
    let (runtime, mut tasks) = start(&Capacities::DEFAULT);
    let kernel = runtime.kernel();
    let (mut client, _) = connect(&mut tasks, kernel, IDENTITY, 1024);
    let published = 200u64;
    tasks.run(kernel, async {
        open(&mut client).await;
        let first = ask!(client, Request::Watch { filter: "tick.>", since: None, credit: 3 }, Reply::Count(seq) => seq);
        for n in 0..published {
            let text = n.to_string();
            let payload = kernel_core::Json::parse(&text).unwrap();
            runtime.bus().try_publish(if n % 2 == 0 { "tick.even" } else { "tick.odd" }, payload).unwrap();
        }
        let (mut next, mut received, mut lost) = (first, 0, 0);
        let mut credit = 3;
        while next < first + published {
            match client.next().await.unwrap() {
                ToClient::Event(event) => {
                    assert_eq!(event.seq, next, "the order is total");
                    assert_eq!(event.payload.0, (next - first).to_string().as_bytes());
                    assert_eq!(event.source, "operator");
                    next += 1;
                    received += 1;
                    credit -= 1;
                    if credit == 0 {
                        credit = 5;
                        client.send(&ToRuntime::Credit(5)).await.unwrap();
                    }
                }
                ToClient::Lost {
                    from,
                    count,
                    at: LostAt::Bus,
                } => {
                    assert_eq!(from, next);
                    next += count;
                    lost += count;
                }
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(received + lost, published);
        assert!(lost > 0 && received > 3, "the log is small: {lost} lost, {received} received");
        ask!(client, Request::Unwatch, Reply::Done);
        assert_eq!(runtime.metrics().taps, 0);
        ask!(client, Request::Watch { filter: "a.>.b", since: None, credit: 1 }, Reply::Failed(Failure { code: "invalid_filter", .. }));
        // From the past: the last two are still there.
        let since = Some(first + published - 2);
        ask!(client, Request::Watch { filter: "tick.odd", since, credit: 1 }, Reply::Count(_));
        match client.next().await.unwrap() {
            ToClient::Event(event) => assert_eq!((event.seq, event.topic), (first + published - 1, "tick.odd")),
            other => panic!("{other:?}"),
        }
    });
}

#[test]
fn a_record_larger_than_a_message_is_lost_on_the_link() {
    let (runtime, mut tasks) = start(&Capacities::DEFAULT);
    let kernel = runtime.kernel();
    let (mut client, _) = connect(&mut tasks, kernel, IDENTITY, 256);
    tasks.run(kernel, async {
        open(&mut client).await;
        let first =
            ask!(client, Request::Watch { filter: ">", since: None, credit: 9 }, Reply::Count(seq) => seq);
        let publish = |bytes: usize| {
            let text = format!("\"{}\"", "x".repeat(bytes));
            runtime
                .bus()
                .try_publish("big", kernel_core::Json::parse(&text).unwrap())
                .unwrap();
        };
        // Larger than the session's buffer, larger than a message, and one that fits.
        publish(280);
        publish(246);
        publish(9);
        for seq in [first, first + 1] {
            match client.next().await.unwrap() {
                ToClient::Lost {
                    from,
                    count: 1,
                    at: LostAt::Link,
                } => assert_eq!(from, seq),
                other => panic!("{other:?}"),
            }
        }
        assert!(matches!(client.next().await.unwrap(), ToClient::Event(event) if event.seq == first + 2));
    });
}
