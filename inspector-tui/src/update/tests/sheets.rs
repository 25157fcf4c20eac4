//! What lies over a screen.

use super::take_said;
use crate::chart::Spec;
use crate::facts::Update;
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
    assert!(take_said(&mut bench).contains("no number"));
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
    assert!(take_said(&mut bench).contains("no topic filter"));
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

fn lines(bench: &Bench) -> Vec<(usize, String)> {
    match &bench.ui.sheet {
        Some(Sheet::Graph(sheet)) => sheet
            .lines
            .iter()
            .map(|line| (line.depth, line.name.clone()))
            .collect(),
        other => panic!("{other:?}"),
    }
}

fn selected(bench: &Bench) -> usize {
    match &bench.ui.sheet {
        Some(Sheet::Graph(sheet)) => sheet.list.at,
        Some(Sheet::Trace(sheet)) => sheet.list.at,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_graph_is_walked_and_exported() {
    let mut bench = Bench::full(80, 24);
    bench.press("W");
    bench.work();
    bench.at(61_500);
    assert!(lines(&bench).iter().all(|(depth, _)| *depth == 0));
    bench.press("enter down");
    let open = lines(&bench);
    assert_eq!(open[1], (1, "sensor.kitchen.temperature".into()), "{open:?}");
    assert_eq!(selected(&bench), 1);
    bench.press("left");
    assert_eq!(selected(&bench), 0, "to what is above");
    bench.press("left");
    assert!(lines(&bench).iter().all(|(depth, _)| *depth == 0));
    bench.press("end");
    assert_eq!(selected(&bench), lines(&bench).len() - 1);
    for (name, begins) in [
        ("graph.dot", "digraph"),
        ("g.mmd", "flowchart LR"),
        ("g.json", "{\"calls\""),
    ] {
        bench.press("e ctrl-u");
        bench.enter(name);
        match &bench.press("enter")[..] {
            [Effect::Export { path, text }] => {
                assert_eq!(path.to_str(), Some(name));
                assert!(text.starts_with(begins), "{text}");
            }
            other => panic!("{other:?}"),
        }
    }
    bench.press("esc");
    assert!(
        bench.ui.sheet.is_none() && bench.model.graph().is_none(),
        "nothing is kept"
    );
}

#[test]
fn a_trace_leads_to_its_events() {
    let mut bench = Bench::full(80, 24);
    bench.press("T");
    assert!(take_said(&mut bench).contains("no event is selected"));
    // The third event came of the second, and that of the first.
    bench.press("2 home down down T");
    assert_eq!(selected(&bench), 2, "itself");
    bench.press("home enter");
    assert!(bench.ui.sheet.is_none());
    assert_eq!((bench.ui.screen, bench.ui.list().at), (Screen::Events, 0));
    bench.press(":");
    bench.enter("trace 2");
    bench.press("enter");
    assert_eq!(selected(&bench), 2);
    bench.press("e");
    match &bench.press("enter")[..] {
        [Effect::Export { text, .. }] => assert!(text.starts_with("{\"resourceSpans\""), "{text}"),
        other => panic!("{other:?}"),
    }
    for (typed, said) in [("trace 99999", "not kept"), ("trace x", "no sequence number")] {
        bench.press("esc :");
        bench.enter(typed);
        bench.press("enter");
        let notice = take_said(&mut bench);
        assert!(notice.contains(said), "{notice}");
    }
}

#[test]
fn what_differs_from_what_was_remembered_is_seen_and_exported() {
    let mut bench = Bench::full(80, 24);
    bench.press("B");
    assert!(take_said(&mut bench).contains("nothing is remembered"));
    bench.press("b");
    assert!(take_said(&mut bench).contains("remembered"));
    let mut home = crate::testing::snapshot(61);
    home.states[0].value = Some("\"night\"".into());
    bench.update(Update::Snapshot(Box::new(home)));
    bench.press("B");
    let differences = |bench: &Bench| match &bench.ui.sheet {
        Some(Sheet::Difference(sheet)) => sheet.all.iter().map(|one| one.what.clone()).collect::<Vec<_>>(),
        other => panic!("{other:?}"),
    };
    assert_eq!(differences(&bench), ["state lights.scene"]);
    bench.press("e");
    match &bench.press("enter")[..] {
        [Effect::Export { text, .. }] => assert!(text.contains(r#""after":"\"night\"""#), "{text}"),
        other => panic!("{other:?}"),
    }
    bench.update(Update::Snapshot(Box::new(crate::testing::snapshot(59))));
    bench.at(62_500);
    assert!(differences(&bench).is_empty(), "it is as it was");
}
