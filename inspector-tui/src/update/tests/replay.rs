//! A recording that is played.

use super::take_said;
use crate::facts::{Command, Item, Place, Play, Playing, Update};
use crate::testing::Bench;
use crate::update::Effect;

fn played(effects: &[Effect]) -> Play {
    match effects {
        [Effect::Send(Command::Play(play))] => *play,
        other => panic!("{other:?}"),
    }
}

fn replaying() -> Bench {
    let mut bench = Bench::full(80, 24);
    bench.ui.options.replay = true;
    bench.update(Update::Playing(Playing {
        at: 5_000_000,
        length: 60_000_000,
        events: 40,
        speed: 2.0,
        paused: false,
    }));
    bench
}

#[test]
fn keys_play_on_every_screen_and_on_what_lies_over_it() {
    let mut bench = replaying();
    for before in ["1", "2", "W"] {
        bench.press(before);
        assert_eq!(played(&bench.press("p")), Play::Pause);
        assert_eq!(played(&bench.press(">")), Play::Faster(2.0));
        assert_eq!(played(&bench.press("<")), Play::Faster(0.5));
        assert_eq!(played(&bench.press("[")), Play::By(-10_000_000));
        assert_eq!(played(&bench.press(".")), Play::Step(1));
        assert_eq!(played(&bench.press(",")), Play::Step(-1));
    }
    bench.press(":");
    bench.enter("seek 1m5s");
    assert_eq!(played(&bench.press("enter")), Play::To(Place::Time(65_000_000)));
    bench.press("@");
    bench.enter("#12");
    assert_eq!(played(&bench.press("enter")), Play::To(Place::Event(12)));
    bench.press("@");
    bench.enter("soon");
    assert_eq!(bench.press("enter"), []);
    assert!(take_said(&mut bench).contains("no place"));
    assert_eq!(Bench::full(80, 24).press("p"), [], "there is no recording");
}

#[test]
fn what_was_seen_is_forgotten_when_it_begins_anew_and_what_is_asked_for_is_not() {
    let mut bench = replaying();
    bench.press("2 /");
    bench.enter("topic:device.>");
    bench.press("enter home m a :");
    bench.enter("chart device.> level");
    bench.press("enter");
    bench.work();
    let shown = bench.model.view().len();
    assert!(shown > 0);
    bench.update(Update::Rewound);
    assert_eq!((bench.model.ring().len(), bench.model.view().len()), (0, 0));
    assert!(bench.ui.marks.is_empty());
    assert_eq!(bench.model.filter(), "topic:device.>");
    assert_eq!(bench.model.chart().unwrap().spec().title(), "device.> level");
    assert!(bench.model.playing().is_some());
}

#[test]
fn in_a_recording_the_state_is_as_it_was_event_by_event() {
    let mut bench = replaying();
    bench.press("5");
    let mut change = crate::testing::event(99_999, 60);
    change.topic = "state.changed.lights.scene".into();
    change.payload = br#"{"value":"night","version":9000}"#.as_slice().into();
    let of = |bench: &Bench| {
        let states = &bench.model.snapshot().unwrap().states;
        states
            .iter()
            .find(|state| &*state.key == "lights.scene")
            .unwrap()
            .value
            .clone()
    };
    let items = vec![Item::Event(change)];
    bench.update(Update::Items(items.clone()));
    assert_eq!(of(&bench).as_deref(), Some("\"night\""));
    let mut bench = Bench::full(80, 24);
    bench.update(Update::Items(items));
    assert_ne!(
        of(&bench).as_deref(),
        Some("\"night\""),
        "a runtime says itself how it is"
    );
}
