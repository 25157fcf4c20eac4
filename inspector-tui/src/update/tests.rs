//! Keys in, effects out.

use std::time::Duration;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers, MouseButton, MouseEvent, MouseEventKind};

use super::{Effect, Msg};
use crate::facts::{Action, Answer, Command, Item, Request, Update};
use crate::keys::KeyMap;
use crate::testing::{Bench, event, snapshot};
use crate::ui::form::What;
use crate::ui::{Mode, Screen};
use crate::view::layout;

/// The one request that was sent.
fn sent(effects: &[Effect]) -> Request {
    match effects {
        [Effect::Send(Command::Request { request, .. })] => request.clone(),
        other => panic!("one request was expected: {other:?}"),
    }
}

fn said(bench: &Bench) -> &str {
    bench.ui.notice.as_ref().map_or("", |notice| &notice.text)
}

/// More events than before.
fn more(bench: &mut Bench, seqs: std::ops::Range<u64>) {
    let items = seqs.map(|seq| Item::Event(event(seq, seq / 40))).collect();
    bench.update(Update::Items(items));
    bench.work();
}

#[test]
fn screens_by_number_and_around() {
    let mut bench = Bench::full(80, 24);
    for (key, screen) in ["1", "2", "3", "4", "5", "6", "7"].iter().zip(Screen::ALL) {
        bench.press(key);
        assert_eq!(bench.ui.screen, screen);
    }
    bench.press("tab");
    assert_eq!(bench.ui.screen, Screen::Overview);
    bench.press("shift-tab");
    assert_eq!(bench.ui.screen, Screen::Warnings);
    // Most terminals have a key of its own for it.
    let back_tab = KeyEvent::new(KeyCode::BackTab, KeyModifiers::SHIFT);
    bench.send(Msg::Key(back_tab));
    assert_eq!(bench.ui.screen, Screen::Storage);
    bench.press("esc");
    assert_eq!(bench.ui.screen, Screen::Overview);
    assert_eq!(bench.press("q"), [Effect::Quit]);
    assert_eq!(bench.press("ctrl-c"), [Effect::Quit]);
    assert_eq!(bench.press("ctrl-z"), [Effect::Suspend]);
}

#[test]
fn what_ends_the_program_ends_it_in_a_dialog_too() {
    let mut bench = Bench::full(80, 24);
    bench.press("P");
    assert_eq!(bench.press("q"), [], "it is typed");
    assert_eq!(bench.press("ctrl-c"), [Effect::Quit]);
}

#[test]
fn a_question_is_fixed_to_its_plugin_while_the_list_moves() {
    let mut bench = Bench::full(80, 24);
    bench.press("3 down down S");
    assert!(
        matches!(&bench.ui.mode, Mode::Question(Request::Manage { plugin, .. }, None) if plugin == "lights")
    );
    let mut moved = snapshot(61);
    moved.plugins.reverse();
    moved.plugins.remove(0);
    bench.update(Update::Snapshot(Box::new(moved)));
    let request = sent(&bench.press("y"));
    assert_eq!(
        request,
        Request::Manage {
            action: Action::Start,
            plugin: "lights".into()
        }
    );
}

#[test]
fn the_selection_stays_on_its_item_while_the_list_moves() {
    let mut bench = Bench::full(80, 24);
    bench.press("3 down down");
    let mut moved = snapshot(61);
    moved.plugins.reverse();
    bench.update(Update::Snapshot(Box::new(moved)));
    assert_eq!(bench.ui.list().at, 4);
    assert_eq!(
        super::rows::plugin(&bench.model, &bench.ui)
            .unwrap()
            .name
            .as_ref(),
        "lights"
    );
}

#[test]
fn every_action_asks_first_and_no_means_nothing() {
    for keys in ["3 S", "3 X", "3 R", "5 D", "5 E", "5 A", "4 c", "P"] {
        let mut bench = Bench::full(80, 24);
        assert_eq!(
            bench.press(keys),
            [],
            "{keys}: nothing is sent before it is asked"
        );
        assert!(
            matches!(bench.ui.mode, Mode::Form(_) | Mode::Question(..)),
            "{keys}"
        );
        assert_eq!(bench.press("esc"), [], "{keys}");
        assert!(matches!(bench.ui.mode, Mode::Browse), "{keys}");
    }
}

#[test]
fn read_only_refuses_every_action_with_the_reason() {
    for keys in ["3 S", "3 X", "3 R", "5 D", "5 E", "4 c"] {
        let mut bench = Bench::full(80, 24);
        bench.ui.options.read_only = true;
        bench.press(keys);
        assert_eq!(bench.press("enter"), [], "{keys}");
        let refused = match &bench.ui.mode {
            Mode::Form(form) => form.refused.clone(),
            Mode::Question(_, refused) => refused.clone(),
            other => panic!("{keys}: {other:?}"),
        };
        assert!(refused.is_some_and(|why| why.contains("--read-only")), "{keys}");
    }
}

#[test]
fn nothing_is_sent_to_a_target_that_is_not_there() {
    let mut bench = Bench::full(80, 24);
    bench.down();
    bench.press("3 X");
    assert_eq!(bench.press("y"), []);
    assert!(matches!(&bench.ui.mode, Mode::Question(_, Some(why)) if why.contains("not connected")));
    assert_eq!(bench.press("esc ctrl-r"), [Effect::Send(Command::Reconnect)]);
}

#[test]
fn a_call_from_a_form() {
    let mut bench = Bench::full(80, 24);
    bench.press("4 end c");
    bench.enter("nullx");
    assert!(
        matches!(&bench.ui.mode, Mode::Form(form) if form.fields[0].input.value() == "nullx"),
        "what only stood in is gone"
    );
    assert_eq!(bench.press("enter"), [], "nullx is no JSON");
    let Mode::Form(form) = &bench.ui.mode else {
        panic!("{:?}", bench.ui.mode)
    };
    assert_eq!(form.what, What::Call("thermostat.target".into()));
    assert!(
        form.refused
            .as_ref()
            .is_some_and(|why| why.contains("arguments: column 5")),
        "{form:?}"
    );
    bench.press(&"backspace ".repeat(5));
    bench.send(Msg::Paste("{\n\"a\":\t1\n}".into()));
    bench.press("down");
    bench.enter("5s");
    let effects = bench.press("enter");
    assert_eq!(
        sent(&effects),
        Request::Call {
            service: "thermostat.target".into(),
            args: "{ \"a\": 1 }".into(),
            timeout: Some(Duration::from_secs(5)),
        }
    );
    let [Effect::Send(Command::Request { id, .. })] = effects[..] else {
        panic!()
    };
    let took = Duration::from_micros(812);
    bench.update(Update::Answer {
        id: id + 1,
        answer: Answer::Done,
        took,
    });
    assert!(
        matches!(&bench.ui.mode, Mode::Outcome(outcome) if outcome.answer.is_none()),
        "another one's answer"
    );
    bench.update(Update::Answer {
        id,
        answer: Answer::Json("7".into()),
        took,
    });
    assert!(
        matches!(&bench.ui.mode, Mode::Outcome(outcome) if outcome.answer == Some((Answer::Json("7".into()), took)))
    );
    assert_eq!(bench.press("y"), [Effect::Copy("7".into())]);
    bench.press("a");
    assert!(matches!(&bench.ui.mode, Mode::Form(form) if form.fields[0].input.value() == "{ \"a\": 1 }"));
}

#[test]
fn an_answer_to_a_closed_dialog_is_said() {
    let mut bench = Bench::full(80, 24);
    bench.press("3 X y");
    let id = bench.model.requests().in_flight()[0].id;
    bench.press("esc");
    bench.update(Update::Answer {
        id,
        answer: Answer::Failed("busy".into(), "later".into()),
        took: Duration::ZERO,
    });
    assert_eq!(said(&bench), "Stop plugin thermometer: busy: later");
}

#[test]
fn state_is_edited_and_deleted_on_the_version_seen_when_the_dialog_opened() {
    let mut bench = Bench::full(80, 24);
    bench.press("5 end E");
    let mut later = snapshot(61);
    later.states[2].version = 999;
    bench.update(Update::Snapshot(Box::new(later)));
    let request = sent(&bench.press("enter"));
    let Request::StateSet {
        key, value, expected, ..
    } = request
    else {
        panic!("{request:?}")
    };
    assert_eq!(
        (key.as_str(), value.as_str(), expected),
        ("thermostat.heating", "false", Some(359))
    );
    bench.press("esc D");
    assert_eq!(
        sent(&bench.press("y")),
        Request::StateDelete {
            key: "thermostat.heating".into(),
            expected: Some(999)
        }
    );
    // A value that is not known cannot be edited.
    bench.press("esc home down down E");
    assert!(said(&bench).contains("too long for the link"), "{}", said(&bench));
}

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
    assert_eq!(super::rows::len(&bench.model, &bench.ui, Screen::Plugins), 1);
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
        super::rows::plugin(&bench.model, &bench.ui)
            .unwrap()
            .name
            .as_ref(),
        "vacation"
    );
}

#[test]
fn marks_lead_back() {
    let mut bench = Bench::full(80, 24);
    bench.press("2 end up up up m a");
    let marked = bench.ui.event;
    bench.press("3 down down m b 1 ' a");
    assert_eq!((bench.ui.screen, bench.ui.event), (Screen::Events, marked));
    bench.press("' b");
    assert_eq!(bench.ui.screen, Screen::Plugins);
    assert_eq!(
        super::rows::plugin(&bench.model, &bench.ui)
            .unwrap()
            .name
            .as_ref(),
        "lights"
    );
    bench.press("' z");
    assert_eq!(said(&bench), "there is no mark z");
}

#[test]
fn the_palette_finds_and_does() {
    let mut bench = Bench::full(80, 24);
    bench.press("3 down :");
    bench.enter("stpl");
    bench.press("enter");
    assert!(
        matches!(&bench.ui.mode, Mode::Question(Request::Manage { plugin, .. }, _) if plugin == "thermostat")
    );
    bench.press("esc :");
    bench.enter("zzz");
    bench.press("enter");
    assert!(said(&bench).contains("zzz"));
    bench.press(":");
    bench.enter("warnings");
    bench.press("enter");
    assert_eq!(bench.ui.screen, Screen::Warnings);
}

#[test]
fn keys_that_were_rebound_do_what_the_file_says() {
    let mut bench = Bench::full(80, 24);
    bench.ui.keys = KeyMap::read("[global]\nquit = \"ctrl-q\"\n[plugins]\nstop = \"z\"").unwrap();
    assert_eq!(bench.press("3 q"), []);
    bench.press("X");
    assert!(matches!(bench.ui.mode, Mode::Browse));
    bench.press("z");
    assert!(matches!(bench.ui.mode, Mode::Question(..)));
    bench.press("esc");
    assert_eq!(bench.press("ctrl-q"), [Effect::Quit]);
    let footer: Vec<String> = crate::view::footer::keys(&bench.ui)
        .into_iter()
        .map(|(key, _)| key)
        .collect();
    assert!(
        footer.contains(&"z".to_owned()) && footer.contains(&"ctrl-q".to_owned()),
        "{footer:?}"
    );
    assert!(
        crate::view::help::entries(&bench.ui)
            .iter()
            .any(|entry| format!("{entry:?}").contains("\"z\""))
    );
}

#[test]
fn the_footer_has_no_action_that_is_off() {
    let mut bench = Bench::full(80, 24);
    bench.press("3");
    let has = |bench: &Bench| {
        crate::view::footer::keys(&bench.ui)
            .iter()
            .any(|(_, label)| label == "stop")
    };
    assert!(has(&bench));
    bench.ui.options.read_only = true;
    assert!(!has(&bench));
}

#[test]
fn copy_and_export() {
    let mut bench = Bench::full(80, 24);
    let effects = bench.press("2 end up y");
    let [Effect::Copy(text)] = &effects[..] else {
        panic!("{effects:?}")
    };
    let value: serde_json::Value = serde_json::from_str(text).unwrap();
    assert!(value["seq"].is_u64() && value["receivers"].is_array(), "{value}");
    bench.press("/");
    bench.enter("topic:heating.switch !lost:any");
    bench.press("enter e");
    let effects = bench.press("enter");
    let [Effect::Export { path, text }] = &effects[..] else {
        panic!("{effects:?}")
    };
    assert_eq!(path.to_str(), Some("events.ndjson"));
    assert_eq!(text.lines().count(), bench.model.view().len());
    for line in text.lines() {
        let value: serde_json::Value = serde_json::from_str(line).unwrap();
        assert_eq!(value["topic"], "heating.switch");
    }
}

#[test]
fn a_recording_begins_with_a_name_and_ends_with_the_key() {
    let mut bench = Bench::full(80, 24);
    bench.press("w");
    let effects = bench.press("enter");
    assert_eq!(
        effects,
        [Effect::Send(Command::Record(Some("recording.ndjson".into())))]
    );
    bench.update(Update::Recording(Ok(Some("recording.ndjson".into()))));
    assert_eq!(bench.press("w"), [Effect::Send(Command::Record(None))]);
}

#[test]
fn a_paste_is_no_key() {
    let mut bench = Bench::full(80, 24);
    assert_eq!(bench.send(Msg::Paste("q".into())), []);
    assert!(said(&bench).contains("nothing to paste into"));
    bench.press("3 X");
    assert_eq!(bench.send(Msg::Paste("y\n".into())), [], "a paste never says yes");
    assert!(matches!(bench.ui.mode, Mode::Question(..)));
    bench.press("esc 2 /");
    bench.send(Msg::Paste("src:door".into()));
    bench.work();
    assert_eq!(bench.model.filter(), "src:door");
}

fn click(bench: &mut Bench, x: u16, y: u16) {
    bench.send(Msg::Mouse(MouseEvent {
        kind: MouseEventKind::Down(MouseButton::Left),
        column: x,
        row: y,
        modifiers: KeyModifiers::NONE,
    }));
}

#[test]
fn the_mouse_chooses_tabs_and_rows() {
    let mut bench = Bench::full(80, 24);
    let tabs = layout::tabs(&bench.ui, crate::view::notes(&bench.model));
    for (screen, (x, width)) in Screen::ALL.into_iter().zip(tabs) {
        click(&mut bench, x + width / 2, 1);
        assert_eq!(bench.ui.screen, screen);
    }
    bench.press("3");
    let rows = layout::rows(layout::panes(&bench.ui).list);
    click(&mut bench, 5, rows.y + 3);
    assert_eq!(
        super::rows::plugin(&bench.model, &bench.ui)
            .unwrap()
            .name
            .as_ref(),
        "door"
    );
    assert_eq!(layout::panes(&bench.ui).detail, None);
    click(&mut bench, 5, rows.y + 3);
    assert!(
        layout::panes(&bench.ui).detail.is_some(),
        "a second click opens it"
    );
    click(&mut bench, 5, rows.y + 19);
    bench.press("2");
    bench.send(Msg::Mouse(MouseEvent {
        kind: MouseEventKind::ScrollUp,
        column: 5,
        row: rows.y + 2,
        modifiers: KeyModifiers::NONE,
    }));
    assert!(!bench.ui.follow, "the wheel scrolls back");
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
