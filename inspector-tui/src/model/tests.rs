use std::time::{Duration, Instant};

use super::*;
use crate::facts::{
    Answer, Call, Cause, Event, Health, Item, LostAt, Metrics, Plugin, PluginCounters, PluginState, Service,
    Slots,
};
use crate::ring::{MIN_BYTES, Row};
use crate::series::Measure;

fn model(now: Instant) -> Model {
    Model::new(
        Config {
            ring_bytes: MIN_BYTES,
            ..Config::default()
        },
        now,
    )
}

fn open(restarted: bool) -> Update {
    Update::Connection(Connection::Open {
        name: "home".into(),
        epoch: Some(5),
        restarted,
    })
}

fn event(seq: u64) -> Item {
    Item::Event(Event {
        seq,
        time: 0,
        source: "thermo".into(),
        cause: Cause::None,
        receivers: serde_json::from_str("[1,0,0,0]").unwrap(),
        topic: "device.kitchen".into(),
        payload: b"21".to_vec().into(),
    })
}

fn snapshot(seconds: u64) -> Snapshot {
    Snapshot {
        health: Health {
            plugins: 1,
            started: 1,
            failed: Slots::default(),
            storage: true,
            running: true,
        },
        metrics: Metrics {
            now: seconds * 1_000_000,
            next_seq: 1 + 50 * seconds,
            ..Metrics::default()
        },
        plugins: vec![Plugin {
            index: 0,
            name: "thermo".into(),
            version: "1".into(),
            description: String::new(),
            author: String::new(),
            dependencies: Slots::default(),
            placement: "shared".into(),
            state: PluginState::Started,
            hook: "idle".into(),
            error: (String::new(), String::new()),
            counters: PluginCounters {
                events: 20 * seconds as usize,
                handled: 10 * seconds as usize,
                busy_micros: 250_000 * seconds,
                ..PluginCounters::default()
            },
        }],
        services: vec![Service {
            name: "light.set".into(),
            owner: "light".into(),
            description: String::new(),
            version: "1".into(),
            deprecated: false,
            calls: 4 * seconds,
            errors: seconds,
            busy_micros: 400 * seconds,
            worst_micros: 0,
            latency: Vec::new(),
        }],
        calls: vec![Call {
            call: seconds as u32,
            service: "light.set".into(),
            caller: "scene".into(),
            callee: "light".into(),
            running: true,
            age_micros: 1,
            parent: None,
        }],
        states: vec![State {
            key: "mode".into(),
            value: Some("\"on\"".into()),
            version: 1 + seconds / 2,
            ttl_ms: Some(5000),
            owner: "scene".into(),
        }],
        subscriptions: Vec::new(),
    }
}

fn take(model: &mut Model, snapshot: Snapshot, at: Instant) {
    model.apply(Update::Snapshot(Box::new(snapshot)), at);
}

#[test]
fn published_is_received_and_lost() {
    let now = Instant::now();
    let mut model = model(now);
    model.apply(open(false), now);
    model.apply(Update::Items(vec![event(7), event(8)]), now);
    for (from, count, at) in [(9, 4, LostAt::Bus), (13, 2, LostAt::Link)] {
        model.apply(Update::Items(vec![Item::Lost { from, count, at }]), now);
    }
    model.apply(Update::Items(vec![event(15)]), now);
    let totals = model.totals();
    assert_eq!((totals.received, totals.lost_bus, totals.lost_link), (3, 4, 2));
    assert_eq!(totals.told(), 9);
    assert!(totals.add_up());
    assert_eq!(model.topics().total(), 3);
    assert_eq!(
        model.warnings().active(),
        2,
        "one for the bus and one for the link"
    );
    // One that was passed over without a word would show.
    model.apply(Update::Items(vec![event(17)]), now);
    assert!(!model.totals().add_up());
}

#[test]
fn a_new_run_is_marked_and_counts_from_nothing() {
    let now = Instant::now();
    let mut model = model(now);
    model.apply(open(false), now);
    take(&mut model, snapshot(100), now);
    model.apply(Update::Items(vec![event(500)]), now);
    model.apply(open(true), now);
    take(&mut model, snapshot(1), now + Duration::from_secs(1));
    model.apply(Update::Items(vec![event(1)]), now);
    assert_eq!(model.restarts(), 1);
    let rows: Vec<_> = (0..3).map(|row| model.ring().get(row).unwrap()).collect();
    assert!(
        matches!(rows[0], Row::Event(row) if row.seq == 500),
        "the old rows stay"
    );
    assert!(matches!(rows[1], Row::Restarted));
    assert_eq!(model.ring().find(2, 1), Some(2));
    assert_eq!(model.totals().told(), 1);
    assert!(model.totals().add_up());
    assert!(
        model.watched().plugin("thermo").is_none(),
        "the runs are not compared"
    );
    model.tick(now + Duration::from_secs(2));
    assert_eq!(model.series().history(Measure::Published), [0; 60]);
}

#[test]
fn rates_are_what_changed_from_snapshot_to_snapshot() {
    let now = Instant::now();
    let mut model = model(now);
    take(&mut model, snapshot(10), now);
    assert!(model.watched().plugin("thermo").is_none());
    // By the runtime's clock two seconds, though they came with a pause of three.
    take(&mut model, snapshot(12), now + Duration::from_secs(3));
    let plugin = model.watched().plugin("thermo").unwrap();
    assert_eq!(
        (plugin.events, plugin.busy, plugin.mean_micros),
        (20.0, 0.25, Some(25_000.0))
    );
    let service = model.watched().service("light.set").unwrap();
    assert_eq!(
        (service.calls, service.errors, service.mean_micros),
        (4.0, 1.0, Some(100.0))
    );
    model.tick(now + Duration::from_secs(4));
    assert_eq!(model.series().rate(Measure::Published), 100);
    assert_eq!(model.series().rate(Measure::Calls), 8);
    assert_eq!(model.series().rate(Measure::CallErrors), 2);
}

#[test]
fn a_state_flashes_when_its_version_changes_and_lives_by_our_clock() {
    let now = Instant::now();
    let at = |seconds| now + Duration::from_secs(seconds);
    let mut model = model(now);
    take(&mut model, snapshot(0), at(0));
    assert_eq!(
        model.watched().state_changed("mode"),
        None,
        "in the first snapshot nothing is new"
    );
    take(&mut model, snapshot(1), at(1));
    assert_eq!(model.watched().state_changed("mode"), None);
    take(&mut model, snapshot(2), at(2));
    take(&mut model, snapshot(3), at(3));
    assert_eq!(model.watched().state_changed("mode"), Some(at(2)));
    let mut more = snapshot(4);
    let mut new = more.states[0].clone();
    new.key = "new".into();
    more.states.push(new);
    take(&mut model, more, at(4));
    assert_eq!(model.watched().state_changed("new"), Some(at(4)));
    let state = &model.snapshot().unwrap().states[0];
    assert_eq!(model.ttl_left(state, at(4)), Some(Duration::from_secs(5)));
    assert_eq!(model.ttl_left(state, at(6)), Some(Duration::from_secs(3)));
    assert_eq!(model.ttl_left(state, at(60)), Some(Duration::ZERO));
}

#[test]
fn a_call_seen_in_flight_is_known_in_the_chain_later() {
    let now = Instant::now();
    let mut model = model(now);
    take(&mut model, snapshot(3), now);
    take(&mut model, snapshot(4), now + Duration::from_secs(1));
    let mut caused = event(1);
    if let Item::Event(event) = &mut caused {
        event.cause = Cause::Call(3);
    }
    model.apply(Update::Items(vec![caused]), now);
    let chain = model.chain(0);
    let [
        chain::Step::Call {
            call: 3,
            known: Some(known),
        },
    ] = &chain.causes[..]
    else {
        panic!("{chain:?}");
    };
    assert_eq!(&*known.caller, "scene");
}

#[test]
fn answers_find_their_requests() {
    let now = Instant::now();
    let mut model = model(now);
    let request = |key: &str| Request::StateDelete {
        key: key.into(),
        expected: None,
    };
    let ids: Vec<u32> = ["a", "b"]
        .iter()
        .map(|key| match model.begin(request(key), now) {
            Command::Request { id, request: sent } if sent == request(key) => id,
            other => panic!("{other:?}"),
        })
        .collect();
    let answer = |id| Update::Answer {
        id,
        answer: Answer::Done,
        took: Duration::from_millis(3),
    };
    model.apply(answer(ids[1]), now);
    model.apply(answer(99), now);
    assert_eq!(model.requests().in_flight().len(), 1);
    let finished = model.requests().answer(ids[1]).unwrap();
    assert_eq!(
        (&finished.request, finished.took),
        (&request("b"), Duration::from_millis(3))
    );
    assert!(model.requests().answer(ids[0]).is_none());
    assert!(model.requests().answer(99).is_none());
}

#[test]
fn a_filter_on_receivers_follows_the_plugins() {
    let now = Instant::now();
    let mut model = model(now);
    take(&mut model, snapshot(1), now);
    model.apply(Update::Items(vec![event(1)]), now);
    model.set_filter("recv:light");
    let far = || Instant::now() + Duration::from_secs(60);
    model.work(far());
    assert_eq!(model.view().len(), 0);
    let mut renamed = snapshot(2);
    renamed.plugins[0].name = "light".into();
    take(&mut model, renamed, now);
    model.work(far());
    assert_eq!(model.view().len(), 1);
}

#[test]
fn a_filter_that_does_not_parse_leaves_the_rows() {
    let now = Instant::now();
    let mut model = model(now);
    model.apply(Update::Items((1..9).map(event).collect()), now);
    model.set_filter("nowhere");
    model.work(now + Duration::from_secs(60));
    assert_eq!(model.view().len(), 0);
    model.set_filter("value>");
    assert!(model.filter_error().is_some());
    assert_eq!((model.filter(), model.view().len()), ("value>", 0));
    model.set_filter("");
    assert!(model.filter_error().is_none());
    assert_eq!(model.view().len(), 8);
}
