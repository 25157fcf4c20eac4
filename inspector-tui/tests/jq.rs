//! The filter's jq part, evaluated by a real process.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use inspector_tui::facts::{Cause, Event, Item, LostAt, Slots, Update};
use inspector_tui::filter::JqState;
use inspector_tui::model::{Config, Model};

struct Bed {
    model: Model,
    woken: Receiver<()>,
}

impl Bed {
    fn new(program: &str) -> Bed {
        let (wake, woken) = channel();
        let config = Config {
            jq_program: Some(PathBuf::from(program)),
            wake: Arc::new(move || {
                let _ = wake.send(());
            }),
            ..Config::default()
        };
        Bed {
            model: Model::new(config, Instant::now()),
            woken,
        }
    }

    fn real() -> Bed {
        Bed::new(env!("CARGO_BIN_EXE_core-inspector"))
    }

    fn events(&mut self, seqs: std::ops::Range<u64>) {
        let items = seqs.map(|seq| {
            Item::Event(Event {
                seq,
                time: seq * 10,
                source: "thermo".into(),
                cause: Cause::None,
                receivers: Slots::default(),
                topic: "device.kitchen".into(),
                payload: format!(r#"{{"value":{seq}}}"#).into_bytes().into(),
            })
        });
        self.model.apply(Update::Items(items.collect()), Instant::now());
    }

    /// Works until `done`, or until nothing has happened for long.
    fn until(&mut self, done: impl Fn(&Model) -> bool) {
        while !done(&self.model) {
            let more = self.model.work(Instant::now() + Duration::from_millis(5));
            if !more && !done(&self.model) {
                let woken = self.woken.recv_timeout(Duration::from_secs(20));
                assert!(woken.is_ok(), "nothing happens: {:?}", self.model.view().jq());
            }
        }
    }

    fn settle(&mut self) {
        self.until(|model| !model.view().is_behind() && *model.view().jq() != JqState::Starting);
    }

    fn shown(&self) -> Vec<(u64, Option<&str>)> {
        let view = self.model.view();
        (0..view.len())
            .map(|place| (view.row(place).unwrap(), view.value(place)))
            .collect()
    }
}

#[test]
fn the_output_is_shown_and_rows_stay_in_order() {
    let mut bed = Bed::real();
    bed.events(1..4);
    let gap = Item::Lost {
        from: 4,
        count: 2,
        at: LostAt::Bus,
    };
    bed.model.apply(Update::Items(vec![gap]), Instant::now());
    bed.events(6..9);
    bed.model
        .set_filter("src:thermo | select(.value % 2 == 0) | .value * 10");
    bed.settle();
    bed.events(9..13);
    bed.settle();
    assert_eq!(
        bed.shown(),
        [
            (1, Some("20")),
            (3, None),
            (4, Some("60")),
            (6, Some("80")),
            (8, Some("100")),
            (10, Some("120"))
        ]
    );
}

#[test]
fn all_of_many_batches_are_seen() {
    let mut bed = Bed::real();
    bed.events(0..20_000);
    bed.model.set_filter("| select(.value % 1000 == 999) | .value");
    bed.settle();
    bed.events(20_000..30_000);
    bed.settle();
    let rows: Vec<u64> = bed.shown().iter().map(|(row, _)| *row).collect();
    let expected: Vec<u64> = (0..30).map(|thousand| thousand * 1000 + 999).collect();
    assert_eq!(rows, expected);
    assert_eq!(bed.model.view().value(29), Some("29999"));
    assert_eq!(bed.model.view().skipped(), 0);
}

#[test]
fn a_fault_leaves_the_rows_and_has_its_place() {
    let mut bed = Bed::real();
    bed.events(0..10);
    bed.model.set_filter("value>6");
    bed.settle();
    bed.model.set_filter("value>2 | .value | nope");
    bed.until(|model| model.filter_error().is_some());
    let error = bed.model.filter_error().unwrap();
    assert_eq!(error.span, 19..23);
    assert!(error.reason.contains("nope"), "{error}");
    assert_eq!(bed.model.view().len(), 3);
    bed.model.set_filter("value>2 | .value");
    bed.settle();
    assert_eq!(bed.model.filter_error(), None);
    assert_eq!(bed.model.view().len(), 7);
}

#[test]
fn events_at_which_it_fails_are_counted() {
    let mut bed = Bed::real();
    bed.events(0..10);
    bed.model
        .set_filter("| if .value < 4 then error(\"small\") else .value end");
    bed.settle();
    assert_eq!(bed.model.view().len(), 6);
    let (failed, reason) = bed.model.view().failed();
    assert_eq!(failed, 4);
    assert!(reason.unwrap().contains("small"), "{reason:?}");
}

/// An expression that cannot be evaluated takes its process with it and nothing else.
fn is_stopped(expression: &str) {
    let mut bed = Bed::real();
    bed.events(0..10);
    bed.model.set_filter(&format!("| {expression}"));
    bed.until(|model| matches!(model.view().jq(), JqState::Stopped(_)));
    let JqState::Stopped(reason) = bed.model.view().jq() else {
        unreachable!()
    };
    assert!(reason.contains("change the expression"), "{reason}");
    assert!(!bed.model.view().is_behind());
    bed.model.set_filter("| .value");
    bed.settle();
    assert_eq!(bed.model.view().len(), 10);
}

#[test]
fn one_without_end_is_stopped() {
    is_stopped("last(range(1e12))");
}

#[test]
fn one_that_calls_itself_for_ever_is_stopped() {
    is_stopped("def f: f; f");
}

#[test]
fn one_without_bottom_is_stopped() {
    is_stopped("def f: 1 + f; f");
}

#[test]
fn one_that_wants_all_memory_is_stopped() {
    is_stopped("[range(1e12)]");
}

#[test]
fn a_program_that_is_not_there_is_said() {
    let mut bed = Bed::new("/nowhere/core-inspector");
    bed.events(0..3);
    bed.model.set_filter("| .value");
    bed.until(|model| matches!(model.view().jq(), JqState::Stopped(_)));
    let JqState::Stopped(reason) = bed.model.view().jq() else {
        unreachable!()
    };
    assert!(reason.contains("/nowhere/core-inspector"), "{reason}");
    assert_eq!(bed.model.view().len(), 3);
}
