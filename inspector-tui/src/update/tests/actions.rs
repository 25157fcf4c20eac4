//! Actions: asked for, refused, sent and answered.

use std::time::Duration;

use super::{said, sent};
use crate::facts::{Action, Answer, Command, Request, Update};
use crate::testing::{Bench, snapshot};
use crate::ui::Mode;
use crate::ui::form::What;
use crate::update::{Effect, Msg};

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
fn every_action_asks_first_and_no_means_nothing() {
    for keys in ["3 S", "3 X", "3 R", "5 D", "5 E", "5 A", "4 c", "P"] {
        let mut bench = Bench::full(80, 24);
        let acts = |effect: &Effect| !matches!(effect, Effect::Send(Command::Request { request, .. }) if !request.acts());
        assert!(
            !bench.press(keys).iter().any(acts),
            "{keys}: nothing that acts is sent before it is asked"
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
fn a_form_shows_what_the_service_takes_and_begins_with_what_fits() {
    let mut bench = Bench::full(80, 24);
    let effects = bench.press("4 end c");
    let Request::Describe { service, question } = sent(&effects) else {
        panic!("{effects:?}")
    };
    assert_eq!(question, format!("{{\"name\":\"{service}\"}}"));
    let [Effect::Send(Command::Request { id, .. })] = effects[..] else {
        panic!()
    };
    let schema =
        r#"{"type":"object","required":["celsius"],"properties":{"celsius":{"type":"number","minimum":5}}}"#;
    let answer = format!(r#"[{{"name":"{service}","schema":{schema}}}]"#);
    bench.update(Update::Answer {
        id,
        answer: Answer::Json(answer.clone()),
        took: Duration::ZERO,
    });
    let Mode::Form(form) = &bench.ui.mode else {
        panic!("{:?}", bench.ui.mode)
    };
    assert_eq!(form.takes, ["celsius: number"]);
    assert_eq!(form.fields[0].input.value(), r#"{"celsius":5}"#);

    // What somebody has typed stays.
    bench.press("esc");
    let effects = bench.press("c");
    let [Effect::Send(Command::Request { id, .. })] = effects[..] else {
        panic!()
    };
    bench.enter("7");
    bench.update(Update::Answer {
        id,
        answer: Answer::Json(answer),
        took: Duration::ZERO,
    });
    let Mode::Form(form) = &bench.ui.mode else {
        panic!("{:?}", bench.ui.mode)
    };
    assert_eq!(form.fields[0].input.value(), "7");
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
    assert_eq!(
        said(&bench),
        "Stop plugin thermometer goes on: what comes of it is shown here"
    );
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
