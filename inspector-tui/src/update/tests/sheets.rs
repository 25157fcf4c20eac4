//! What lies over a screen.

use crate::chart::Spec;
use crate::testing::Bench;
use crate::ui::sheet::Sheet;
use crate::ui::{Mode, Screen};
use crate::update::Effect;

fn charted(bench: &Bench) -> String {
    bench
        .model
        .chart()
        .map_or_else(String::new, |chart| chart.spec().title())
}

fn window(bench: &Bench) -> (u64, bool) {
    match &bench.ui.sheet {
        Some(Sheet::Chart(sheet)) => (sheet.span() / 1_000_000, sheet.end.is_none()),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_number_of_the_selected_event_is_charted_and_esc_closes_it() {
    let mut bench = Bench::full(80, 24);
    bench.press("2 home down down v");
    assert_eq!(charted(&bench), "device.lamp.state level");
    bench.work();
    assert!(!bench.model.chart().unwrap().of(bench.model.history()).is_empty());
    bench.press("n");
    assert_eq!(
        charted(&bench),
        "device.lamp.state level",
        "it has no other number"
    );
    bench.press("esc");
    assert!(
        bench.ui.sheet.is_none() && bench.model.chart().is_none(),
        "nothing is kept"
    );
    assert_eq!(bench.ui.screen, Screen::Events);
    bench.press("5 home v");
    assert!(bench.ui.notice.take().unwrap().text.contains("no number"));
}

#[test]
fn a_chart_is_zoomed_moved_and_paused() {
    let mut bench = Bench::full(80, 24);
    bench.press("v");
    assert!(
        matches!(bench.ui.mode, Mode::Line(_)),
        "nothing is selected: it is asked for"
    );
    bench.enter("sensor.> .");
    bench.press("enter");
    assert_eq!(
        (charted(&bench), window(&bench)),
        ("sensor.> .".into(), (60, true))
    );
    bench.press("+ +");
    assert_eq!(window(&bench), (10, true));
    bench.press("- left");
    assert_eq!(window(&bench), (30, false));
    bench.press("right");
    assert_eq!(window(&bench), (30, true), "at the newest it follows");
    bench.press("space");
    assert!(!window(&bench).1);
    bench.press("end");
    assert!(window(&bench).1);
    bench.press("3");
    assert!(bench.ui.sheet.is_none(), "another screen closes it");
    bench.press(":");
    bench.enter("chart a..b value");
    bench.press("enter");
    assert!(bench.ui.notice.take().unwrap().text.contains("no topic filter"));
    assert!(bench.model.chart().is_none());
}

#[test]
fn a_chart_is_exported_as_svg() {
    let mut bench = Bench::full(80, 24);
    bench.press(": ");
    bench.enter("rates");
    bench.press("enter");
    assert_eq!(bench.model.chart().unwrap().spec(), &Spec::Rate(">".into()));
    bench.work();
    bench.press("e");
    let effects = bench.press("enter");
    match &effects[..] {
        [Effect::Export { path, text }] => {
            assert_eq!(path.to_str(), Some("chart.svg"));
            assert!(
                text.starts_with("<svg") && text.contains("heating.switch: last "),
                "{text}"
            );
        }
        other => panic!("{other:?}"),
    }
}
