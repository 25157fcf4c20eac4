//! Filters and search.

use super::{said, sent};
use crate::facts::{Action, Request};
use crate::testing::Bench;
use crate::ui::Screen;
use crate::update::rows;

#[test]
fn the_filter_is_applied_as_it_is_typed_and_taken_back() {
    let mut bench = Bench::full(80, 24);
    let all = bench.model.view().len();
    bench.press("2 /");
    bench.enter("topic:heating.switch !lost:any");
    let some = bench.model.view().len();
    assert!(some > 0 && some < all, "{some} of {all}");
    bench.press("enter");
    bench.press("/");
    bench.enter(" value>");
    assert!(bench.model.filter_error().is_some());
    bench.press("esc");
    bench.work();
    assert_eq!(
        (bench.model.filter_error(), bench.model.view().len()),
        (None, some),
        "the one before is back"
    );
    bench.press("esc");
    bench.work();
    assert_eq!(bench.model.view().len(), all);
    // An older one comes back by a key.
    bench.press("/ up");
    assert_eq!(bench.ui.list().filter, "topic:heating.switch !lost:any");
}

#[test]
fn lists_are_filtered_too() {
    let mut bench = Bench::full(80, 24);
    bench.press("3 /");
    bench.enter("FAILED");
    assert_eq!(rows::len(&bench.model, &bench.ui, Screen::Plugins), 1);
    bench.press("enter S");
    assert_eq!(
        sent(&bench.press("y")),
        Request::Manage {
            action: Action::Start,
            plugin: "door".into()
        }
    );
}

#[test]
fn each_list_knows_its_columns_and_says_what_it_does_not_know() {
    for (screen, keys, filter, wrong) in [
        (Screen::Overview, "1 /", "state:failed", "topic:a"),
        (Screen::Plugins, "3 /", "state:failed calls>=0", "status:failed"),
        (Screen::Services, "4 /", "owner:thermo name!=x", "src:thermo"),
        (Screen::State, "5 /", "value.name=evening", "valu>35"),
        (Screen::Storage, "6 /", "namespace!=x", "value>1 | .x"),
        (Screen::Warnings, "7 /", "level=error", "door or lamp"),
    ] {
        let mut bench = Bench::full(100, 30);
        bench.press(keys);
        let all = rows::len(&bench.model, &bench.ui, screen);
        bench.enter(filter);
        let some = rows::len(&bench.model, &bench.ui, screen);
        assert!(bench.ui.list().fault.is_none() && some > 0, "{filter}");
        assert!(
            some < all || screen == Screen::Storage,
            "{filter}: {some} of {all}"
        );
        bench.enter(" ");
        bench.enter(wrong);
        let fault = bench.ui.list().fault.clone();
        assert_eq!(fault.map(|fault| fault.reason.is_empty()), Some(false), "{wrong}");
        bench.press("esc");
        assert!(bench.ui.list().fault.is_none());
        assert_eq!(rows::len(&bench.model, &bench.ui, screen), all);
    }
}

#[test]
fn a_filter_from_the_selection() {
    let mut bench = Bench::full(80, 24);
    bench.press("2 end up up");
    let row = bench.ui.event.unwrap();
    let topic = bench
        .model
        .ring()
        .get(row)
        .unwrap()
        .event()
        .unwrap()
        .topic
        .to_owned();
    bench.press("f t");
    assert_eq!(bench.model.filter(), format!("topic:{topic}"));
    bench.press("f S");
    assert!(
        bench.model.filter().contains(" !src:"),
        "{}",
        bench.model.filter()
    );
    assert_eq!(bench.model.filter_error(), None, "{}", bench.model.filter());
    bench.press("3 down f");
    assert_eq!(
        (bench.ui.screen, bench.model.filter()),
        (Screen::Events, "src:thermostat")
    );
}

#[test]
fn a_hostile_topic_makes_a_filter_that_parses() {
    let mut bench = Bench::full(80, 24);
    bench.press("2");
    let hostile = (0..10).any(|_| {
        bench.press("up");
        let row = bench.ui.event.unwrap();
        bench
            .model
            .ring()
            .get(row)
            .unwrap()
            .event()
            .is_some_and(|event| event.topic.contains('\u{1b}'))
    });
    assert!(hostile);
    for letter in ["s", "S"] {
        bench.press("f");
        bench.press(letter);
        assert_eq!(bench.model.filter_error(), None, "{}", bench.model.filter());
    }
}

#[test]
fn search_goes_on_and_back() {
    let mut bench = Bench::full(80, 24);
    bench.press("2 home s");
    bench.enter("ПОЧТАЛЬОН");
    bench.press("enter");
    bench.work();
    let first = bench.ui.event.unwrap();
    assert!(bench.model.search().has(&bench.model.ring().get(first).unwrap()));
    bench.press("n");
    bench.work();
    let second = bench.ui.event.unwrap();
    // The first second has eight events, the numbers of the next one begin at 40.
    assert_eq!((first, second), (3, 11));
    bench.press("N");
    bench.work();
    assert_eq!(bench.ui.event, Some(first));
    bench.press("N");
    bench.work();
    assert!(said(&bench).contains("no event that way"), "{}", said(&bench));
    // On the lists as well.
    bench.press("3 s");
    bench.enter("vac");
    bench.press("enter");
    assert_eq!(
        rows::plugin(&bench.model, &bench.ui).unwrap().name.as_ref(),
        "vacation"
    );
}
