//! The ways around: screens, marks, the palette, bindings, the mouse.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers, MouseButton, MouseEvent, MouseEventKind};

use super::said;
use crate::facts::{Request, Update};
use crate::keys::KeyMap;
use crate::testing::{Bench, snapshot};
use crate::ui::{Mode, Screen};
use crate::update::{Effect, Msg, rows};
use crate::view::{footer, help, layout};

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
fn the_selection_stays_on_its_item_while_the_list_moves() {
    let mut bench = Bench::full(80, 24);
    bench.press("3 down down");
    let mut moved = snapshot(61);
    moved.plugins.reverse();
    bench.update(Update::Snapshot(Box::new(moved)));
    assert_eq!(bench.ui.list().at, 4);
    assert_eq!(
        rows::plugin(&bench.model, &bench.ui).unwrap().name.as_ref(),
        "lights"
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
        rows::plugin(&bench.model, &bench.ui).unwrap().name.as_ref(),
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
    let footer: Vec<String> = footer::keys(&bench.ui).into_iter().map(|(key, _)| key).collect();
    assert!(
        footer.contains(&"z".to_owned()) && footer.contains(&"ctrl-q".to_owned()),
        "{footer:?}"
    );
    assert!(
        help::entries(&bench.ui)
            .iter()
            .any(|entry| format!("{entry:?}").contains("\"z\""))
    );
}

#[test]
fn the_footer_has_no_action_that_is_off() {
    let mut bench = Bench::full(80, 24);
    bench.press("3");
    let has = |bench: &Bench| footer::keys(&bench.ui).iter().any(|(_, label)| label == "stop");
    assert!(has(&bench));
    bench.ui.options.read_only = true;
    assert!(!has(&bench));
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
        rows::plugin(&bench.model, &bench.ui).unwrap().name.as_ref(),
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
