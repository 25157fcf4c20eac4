//! What is taken along: copies, exports and recordings; and what is pasted.

use super::said;
use crate::facts::{Command, Update};
use crate::testing::Bench;
use crate::ui::Mode;
use crate::update::{Effect, Msg};

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
