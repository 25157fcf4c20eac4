//! The stream of events: credit, and what is lost.

use kernel_core::Capacities;

use crate::session::*;

#[test]
fn a_watch_sends_what_there_is_credit_for_and_counts_what_it_missed() {
    let (runtime, mut tasks) = start(&ROOM);
    let kernel = runtime.kernel();
    let (mut client, _) = connect(&mut tasks, kernel, CONFIG, 1024);
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
        assert_eq!(runtime.metrics().taps.used, 0);
        refused!(client, Request::Watch { filter: "a.>.b", since: None, credit: 1 }, "invalid_name");
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
    let (runtime, mut tasks) = start(&ROOM);
    let kernel = runtime.kernel();
    let (mut client, _) = connect(&mut tasks, kernel, CONFIG, 256);
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

#[test]
fn whatever_credit_and_room_there_is_each_record_of_a_watch_comes_once_or_is_told_as_lost() {
    for seed in 0..60u64 {
        let mut random = seed;
        let mut below = move |most: u64| {
            random = random
                .wrapping_mul(6364136223846793005)
                .wrapping_add(1442695040888963407);
            (random >> 33) % most
        };
        let (runtime, mut tasks) = start(&Capacities {
            log_bytes: [1024, 16 * 1024][seed as usize % 2],
            ..ROOM
        });
        let kernel = runtime.kernel();
        let part = 250 + below(700) as usize;
        let (mut client, _) = connect(&mut tasks, kernel, CONFIG, part);
        tasks.run(kernel, async {
            open(&mut client).await;
            let mut credit = 1 + below(6) as u32;
            let first = ask!(client, Request::Watch { filter: "tick.>", since: None, credit }, Reply::Count(seq) => seq);
            // Of each record that was published, whether it is for the watch.
            let (mut ours, mut next) = (Vec::new(), first);
            while next < first + 300 {
                for _ in 0..below(9) {
                    let len = [8, 60, part as u64 + 40][below(12).min(2) as usize];
                    let text = format!("\"{}{}\"", ours.len(), "x".repeat(below(len) as usize));
                    let is_ours = below(4) > 0;
                    let topic = if is_ours { "tick.on" } else { "tock" };
                    let payload = kernel_core::Json::parse(&text).unwrap();
                    runtime.bus().try_publish(topic, payload).unwrap();
                    ours.push(is_ours);
                }
                let left = |next: u64| ours.iter().skip((next - first) as usize);
                if !left(next).any(|ours| *ours) {
                    continue;
                }
                let passed = |next: u64, to: u64| left(next).take((to - next) as usize).all(|ours| !ours);
                match client.next().await.unwrap() {
                    ToClient::Event(event) => {
                        assert!(event.seq >= next && passed(next, event.seq), "{seed}: {event:?} at {next}");
                        let number = format!("\"{}", event.seq - first);
                        assert!(event.payload.0.starts_with(number.as_bytes()));
                        assert_eq!((event.topic, event.source), ("tick.on", "operator"));
                        next = event.seq + 1;
                        credit -= 1;
                    }
                    ToClient::Lost { from, count, .. } => {
                        assert!(from >= next && passed(next, from), "{seed}: {from} {count} at {next}");
                        next = from + count;
                    }
                    other => panic!("{other:?}"),
                }
                if credit == 0 {
                    credit = 1 + below(9) as u32;
                    client.send(&ToRuntime::Credit(credit)).await.unwrap();
                }
            }
        });
    }
}
