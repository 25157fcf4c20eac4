//! The Storage screen: what is seen is read, and what was read can be edited.

use std::time::Duration;

use super::{said, sent};
use crate::facts::{Answer, Request, Update};
use crate::testing::Bench;

#[test]
fn storage_reads_what_is_seen_and_edits_what_was_read() {
    let mut bench = Bench::full(80, 24);
    let answer = |bench: &mut Bench, answer: Answer| {
        let id = bench.ui.storage.asking.as_ref().unwrap().0;
        bench.update(Update::Answer {
            id,
            answer,
            took: Duration::ZERO,
        })
    };
    let names = |all: &[&str]| Answer::Names {
        names: all.iter().map(|name| (*name).into()).collect(),
        more: false,
    };
    assert_eq!(
        sent(&bench.press("6")),
        Request::StorageNamespaces { after: String::new() }
    );
    assert_eq!(answer(&mut bench, names(&["a", "b"])), []);
    assert_eq!(
        sent(&bench.press("down enter")),
        Request::StorageKeys {
            namespace: "b".into(),
            after: String::new()
        }
    );
    assert_eq!(answer(&mut bench, names(&["k", "l"])), []);
    assert_eq!(
        sent(&bench.press("down")),
        Request::StorageGet {
            namespace: "b".into(),
            key: "k".into()
        }
    );
    bench.press("E");
    assert!(said(&bench).contains("not read yet"));
    answer(&mut bench, Answer::Json("{\"x\":1}".into()));
    bench.press("E");
    bench.press(&"backspace ".repeat(7));
    bench.enter("2");
    let effects = bench.press("enter");
    assert_eq!(
        sent(&effects),
        Request::StorageSet {
            namespace: "b".into(),
            key: "k".into(),
            value: "2".into()
        }
    );
    // What was stored is read anew.
    let id = bench.model.requests().in_flight().last().unwrap().id;
    let effects = bench.update(Update::Answer {
        id,
        answer: Answer::Done,
        took: Duration::ZERO,
    });
    assert_eq!(
        sent(&effects),
        Request::StorageKeys {
            namespace: "b".into(),
            after: String::new()
        }
    );
}
