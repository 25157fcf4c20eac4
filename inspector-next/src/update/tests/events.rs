//! The events: following, standing still, the way to the cause, the tree of topics.

use super::{more, said};
use crate::testing::Bench;

#[test]
fn following_pausing_and_scrolling_back() {
    let mut bench = Bench::full(80, 24);
    bench.press("2");
    let newest = |bench: &Bench| bench.model.view().row(bench.model.view().len() - 1);
    assert_eq!(bench.ui.event, newest(&bench));
    more(&mut bench, 2600..2610);
    assert_eq!(bench.ui.event, newest(&bench), "it follows");
    bench.press("space");
    let (held, top) = (bench.ui.event, bench.ui.list().top);
    more(&mut bench, 2610..2620);
    assert_eq!(
        (bench.ui.event, bench.ui.list().top),
        (held, top),
        "it stands still"
    );
    bench.press("up up");
    assert_eq!(bench.ui.event, held.map(|row| row - 2));
    bench.press("G");
    assert!(bench.ui.follow);
    assert_eq!(bench.ui.event, newest(&bench));
    bench.press("up");
    assert!(!bench.ui.follow, "whoever scrolls wants to stay");
}

#[test]
fn the_view_stands_still_while_the_oldest_events_go() {
    let mut bench = Bench::new(80, 24);
    bench.open(false);
    more(&mut bench, 0..3000);
    bench.press("2 up up up");
    let held = bench.ui.event;
    let shown = bench.ui.list().at - bench.ui.list().top;
    let mut seq = 3000;
    while bench.model.ring().evicted() < 1000 {
        more(&mut bench, seq..seq + 500);
        seq += 500;
        assert!(seq < 100_000, "the ring has a bound");
    }
    assert!(bench.model.ring().first() > 900);
    if bench.model.ring().get(held.unwrap()).is_some() {
        assert_eq!(bench.ui.event, held);
        assert_eq!(bench.ui.list().at - bench.ui.list().top, shown);
    }
}

#[test]
fn the_way_to_the_cause() {
    let mut bench = Bench::full(80, 24);
    bench.press("2 end");
    let of = |bench: &Bench| {
        bench
            .ui
            .event
            .and_then(|row| bench.model.ring().get(row))
            .and_then(|row| row.event())
            .map(|event| (event.seq, event.topic.to_owned()))
    };
    while of(&bench).is_some_and(|(_, topic)| topic != "device.lamp.state") {
        bench.press("up");
    }
    let (seq, _) = of(&bench).unwrap();
    bench.press("c");
    assert_eq!(of(&bench).unwrap(), (seq - 1, "heating.switch".to_owned()));
    bench.press("c c");
    assert!(
        said(&bench).contains("nothing the runtime knows of"),
        "{}",
        said(&bench)
    );
}

#[test]
fn the_topic_tree_folds_and_filters() {
    let mut bench = Bench::full(80, 24);
    bench.press("2 t");
    let all = bench.ui.tree_len;
    bench.press("enter");
    assert!(bench.ui.tree_len < all, "the first branch is closed");
    bench.press("enter");
    assert_eq!(bench.ui.tree_len, all);
    bench.press("f");
    assert!(bench.model.filter().ends_with(".>"), "{}", bench.model.filter());
    bench.press("esc");
    assert!(!bench.ui.tree_focus, "up is back to the events");
}
