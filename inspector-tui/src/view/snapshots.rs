//! What the screens look like: drawn for a home that is always the same.

use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::{characters as text, draw};
use crate::facts::{Answer, Update};
use crate::testing::Bench;
use crate::theme::{Palette, Theme};
use crate::ui::Screen;

fn screen(bench: &Bench) -> Buffer {
    let (width, height) = bench.ui.size;
    let mut terminal = Terminal::new(TestBackend::new(width, height)).expect("a buffer");
    terminal
        .draw(|frame| draw(&bench.model, &bench.ui, frame))
        .expect("a buffer");
    terminal.backend().buffer().clone()
}

/// The characters, and after each row where which style begins.
fn styled(buf: &Buffer) -> String {
    let mut out = String::new();
    for (y, line) in text(buf).lines().enumerate() {
        out.push_str(line);
        out.push('\n');
        let mut last = None;
        for x in 0..buf.area.width {
            let cell = &buf[(x, y as u16)];
            let style = (cell.fg, cell.bg, cell.modifier);
            if last != Some(style) {
                let modifier = if style.2.is_empty() {
                    String::new()
                } else {
                    format!(" {:?}", style.2)
                };
                out.push_str(&format!("  {x}: {} on {}{modifier}\n", style.0, style.1));
                last = Some(style);
            }
        }
    }
    out
}

fn show(bench: &mut Bench, screen: Screen) {
    bench.press(&(screen as usize + 1).to_string());
}

fn name(screen: Screen) -> String {
    screen.title().to_lowercase()
}

/// The storage answers what it is asked.
fn stored(bench: &mut Bench) {
    let names = |names: &[&str]| Answer::Names {
        names: names.iter().map(|name| (*name).to_owned()).collect(),
        more: false,
    };
    let mut answers = vec![
        names(&["door", "lights", "recorder", "thermostat"]),
        names(&["scene.evening", "scene.morning", "дом"]),
        Answer::Json(r#"{"level":40,"rooms":["kitchen","hall"],"fade":1.50}"#.into()),
    ];
    let answer = |bench: &mut Bench, answer| {
        let id = bench
            .ui
            .storage
            .asking
            .as_ref()
            .expect("something is asked for")
            .0;
        bench.update(Update::Answer {
            id,
            answer,
            took: std::time::Duration::from_micros(900),
        });
    };
    answer(bench, answers.remove(0));
    bench.press("down enter");
    answer(bench, answers.remove(0));
    bench.press("down");
    answer(bench, answers.remove(0));
}

#[test]
fn every_screen_full() {
    for (width, height) in [(80, 24), (160, 50)] {
        for screen_of in Screen::ALL {
            let mut bench = Bench::full(width, height);
            show(&mut bench, screen_of);
            if screen_of == Screen::Storage {
                stored(&mut bench);
            }
            if screen_of == Screen::Events && width > 100 {
                bench.press("t esc");
            }
            insta::assert_snapshot!(
                format!("{}_{width}x{height}", name(screen_of)),
                text(&screen(&bench))
            );
        }
    }
}

#[test]
fn every_screen_empty() {
    for screen_of in Screen::ALL {
        let mut bench = Bench::new(80, 24);
        show(&mut bench, screen_of);
        insta::assert_snapshot!(format!("{}_empty", name(screen_of)), text(&screen(&bench)));
    }
}

#[test]
fn every_screen_while_the_target_is_down() {
    for screen_of in Screen::ALL {
        let mut bench = Bench::full(80, 24);
        show(&mut bench, screen_of);
        if screen_of == Screen::Storage {
            stored(&mut bench);
        }
        bench.down();
        bench.at(61_700);
        insta::assert_snapshot!(format!("{}_down", name(screen_of)), text(&screen(&bench)));
    }
}

#[test]
fn every_theme_with_its_styles() {
    for (palette, of) in [
        (Palette::Dark, "dark"),
        (Palette::Light, "light"),
        (Palette::ColourBlind, "colour_blind"),
        (Palette::None, "no_color"),
    ] {
        let mut bench = Bench::full(80, 24);
        bench.ui.theme = Theme::new(palette, false);
        show(&mut bench, Screen::Plugins);
        insta::assert_snapshot!(format!("theme_{of}"), styled(&screen(&bench)));
    }
}

#[test]
fn ascii() {
    for screen_of in [Screen::Overview, Screen::Events, Screen::Services] {
        let mut bench = Bench::full(80, 24);
        bench.ui.theme = Theme::new(Palette::Dark, true);
        show(&mut bench, screen_of);
        bench.press("m a");
        let shown = text(&screen(&bench));
        let glyphs: String = shown
            .chars()
            .filter(|c| !c.is_ascii() && !c.is_alphabetic())
            .collect();
        assert_eq!(glyphs, "", "only the target's own letters may be others");
        insta::assert_snapshot!(format!("{}_ascii", name(screen_of)), shown);
    }
}

#[test]
fn an_event_in_detail() {
    let mut bench = Bench::full(100, 30);
    show(&mut bench, Screen::Events);
    // To a lamp's event just after the gap, which is in sight then.
    bench.press("enter");
    bench.press(&"up ".repeat(34));
    bench.press(&"down ".repeat(6));
    insta::assert_snapshot!("event_detail", text(&screen(&bench)));
    let mut bench = Bench::full(80, 24);
    show(&mut bench, Screen::Events);
    bench.press("t");
    insta::assert_snapshot!("event_topics", text(&screen(&bench)));
}

#[test]
fn charts() {
    for (width, height) in [(80, 24), (160, 50)] {
        let mut bench = Bench::full(width, height);
        bench.press(":");
        bench.enter("chart sensor.*.temperature .");
        bench.press("enter");
        bench.work();
        insta::assert_snapshot!(format!("chart_{width}x{height}"), text(&screen(&bench)));
    }
    let mut bench = Bench::full(80, 24);
    // Calls that become slower.
    let mut latency = [0; 8];
    for second in 60..90 {
        let mut home = crate::testing::snapshot(second);
        latency[(second as usize - 60) / 5] += 1 + second as u32 % 7;
        latency[1] += 20;
        home.services[0].latency = latency.to_vec();
        bench.update(Update::Snapshot(Box::new(home)));
    }
    bench.ui.theme = Theme::new(Palette::None, true);
    for (keys, name) in [
        ("rates", "rates_ascii"),
        ("capacities", "capacities_ascii"),
        ("latency", "latency_ascii"),
    ] {
        bench.press(":");
        bench.enter(keys);
        bench.press("enter");
        bench.work();
        insta::assert_snapshot!(name, text(&screen(&bench)));
    }
    bench.ui.theme = Theme::new(Palette::Dark, false);
    insta::assert_snapshot!("latency", styled(&screen(&bench)));
}

#[test]
fn what_lies_over_a_screen() {
    let mut bench = Bench::full(100, 30);
    bench.press("W");
    bench.work();
    bench.at(61_500);
    bench.press("right");
    bench.press("down right");
    bench.press("down right down");
    insta::assert_snapshot!("graph", text(&screen(&bench)));
    bench.press("2 home down down T");
    insta::assert_snapshot!("trace", text(&screen(&bench)));
    bench.press("b");
    let mut home = crate::testing::snapshot(61);
    home.states.remove(0);
    home.plugins[2].state = crate::facts::PluginState::Stopped;
    bench.update(Update::Snapshot(Box::new(home)));
    bench.press("B");
    insta::assert_snapshot!("difference", text(&screen(&bench)));
    let mut bench = Bench::full(80, 24);
    bench.ui.theme = Theme::new(Palette::None, true);
    bench.press("W");
    bench.work();
    bench.at(61_500);
    insta::assert_snapshot!("graph_ascii", text(&screen(&bench)));
}

#[test]
fn where_a_recording_is() {
    let mut bench = Bench::full(100, 30);
    bench.ui.options.replay = true;
    let playing = crate::facts::Playing {
        at: 754_250_000,
        length: 3_600_000_000,
        events: 12_345,
        speed: 8.0,
        paused: true,
    };
    bench.update(Update::Playing(playing));
    show(&mut bench, Screen::Events);
    insta::assert_snapshot!("replay_position", text(&screen(&bench)));
}

#[test]
fn dialogs() {
    let mut bench = Bench::full(100, 30);
    show(&mut bench, Screen::Services);
    bench.press("end c");
    bench.enter("{\"level\": }");
    insta::assert_snapshot!("form_fault", text(&screen(&bench)));
    bench.press("backspace");
    bench.enter("210}");
    insta::assert_snapshot!("form_call", text(&screen(&bench)));
    bench.press("enter");
    bench.at(61_250);
    insta::assert_snapshot!("outcome_waiting", text(&screen(&bench)));
    let answered = |bench: &mut Bench, answer| {
        let id = bench.model.requests().in_flight().last().expect("it was sent").id;
        let took = std::time::Duration::from_micros(1_340);
        bench.update(Update::Answer { id, answer, took });
    };
    answered(
        &mut bench,
        Answer::Json(r#"{"target":210,"was":[200,195]}"#.into()),
    );
    insta::assert_snapshot!("outcome_answered", text(&screen(&bench)));
    bench.press("a enter");
    answered(
        &mut bench,
        Answer::Failed("invalid_argument".into(), "a whole number".into()),
    );
    insta::assert_snapshot!("outcome_failed", text(&screen(&bench)));
    let mut bench = Bench::full(80, 24);
    show(&mut bench, Screen::Plugins);
    bench.press("X");
    insta::assert_snapshot!("question", text(&screen(&bench)));
    bench.ui.options.read_only = true;
    bench.press("y");
    insta::assert_snapshot!("question_read_only", text(&screen(&bench)));
    let mut bench = Bench::full(80, 24);
    show(&mut bench, Screen::State);
    bench.press("E");
    insta::assert_snapshot!("form_state", text(&screen(&bench)));
}

#[test]
fn help_palette_and_lines() {
    let mut bench = Bench::full(80, 24);
    show(&mut bench, Screen::Plugins);
    bench.press("?");
    insta::assert_snapshot!("help", text(&screen(&bench)));
    bench.press("esc :");
    bench.enter("stop");
    insta::assert_snapshot!("palette", text(&screen(&bench)));
    bench.press("esc 2 /");
    bench.enter("topic:device.> value>");
    insta::assert_snapshot!("filter_fault", text(&screen(&bench)));
    bench.press("esc /");
    bench.enter("topic:device.>");
    bench.press("enter s");
    bench.enter("lamp");
    insta::assert_snapshot!("filter_and_search", styled(&screen(&bench)));
}

#[test]
fn no_size_is_too_small_or_too_large() {
    for mode in [
        "", "?", ":", "/", "s", "m", "f", "P", "c", "X", "E", "D", "A", "t", "enter", "w", "e", "v", "W",
        "T", "b B",
    ] {
        for screen_of in Screen::ALL {
            let mut bench = Bench::full(80, 24);
            show(&mut bench, screen_of);
            bench.press(mode);
            if mode == "P" {
                bench.enter("x".repeat(300).as_str());
            }
            let (across, down) = if mode.is_empty() { (11, 5) } else { (41, 13) };
            for width in (1..250).step_by(across).chain([250]) {
                for height in (1..80).step_by(down).chain([80]) {
                    bench.resize(width, height);
                    let mut buf = Buffer::empty(Rect::new(0, 0, width, height));
                    super::paint(&bench.model, &bench.ui, &mut buf);
                }
            }
        }
    }
}

#[test]
fn a_terminal_smaller_than_it_said_it_is() {
    // Between a resize and the message that tells of it, the buffer has another size than is known.
    for screen_of in Screen::ALL {
        for mode in ["", "?", ":", "P"] {
            let mut bench = Bench::full(160, 50);
            show(&mut bench, screen_of);
            bench.press(mode);
            for (width, height) in [(1, 1), (20, 5), (80, 24), (159, 49)] {
                let mut buf = Buffer::empty(Rect::new(0, 0, width, height));
                super::paint(&bench.model, &bench.ui, &mut buf);
            }
        }
    }
}

#[test]
fn nothing_hostile_reaches_the_terminal() {
    let mut bench = Bench::full(160, 50);
    for keys in ["2", "t", "enter", "1", "3", "4", "5", "6", "7"] {
        bench.press(keys);
        let buf = screen(&bench);
        for cell in buf.content() {
            let bad = |c: char| c.is_control() || ('\u{202a}'..='\u{202e}').contains(&c) || c == '\u{200b}';
            assert!(!cell.symbol().chars().any(bad), "{:?}", cell.symbol());
        }
    }
}
