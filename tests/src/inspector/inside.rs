//! Filters over 100,000 events, without a terminal.

use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use inspector_tui::facts::{Cause, Event, Item, Update};
use inspector_tui::filter::JqState;
use inspector_tui::model::{Config, Model};
use kernel_link::Slots;

use super::figure::{Figure, Goal, Unit, percentile};

const EVENTS: u64 = 100_000;
/// How often each is done.
const ROUNDS: usize = 20;
/// How long the program works before it looks for keys.
const SLICE: Duration = Duration::from_millis(3);
/// A screen is full.
const SCREEN: usize = 50;

pub(super) fn filters(program: &Path) -> Result<Vec<Figure>, String> {
    let (wake, woken) = channel();
    let config = Config {
        jq_program: Some(program.to_owned()),
        wake: Arc::new(move || {
            // The other end is there as long as the model.
            let _ = wake.send(());
        }),
        ..Config::default()
    };
    let mut model = Model::new(config, Instant::now());
    let topics: Vec<Arc<str>> = (0..64)
        .map(|device| format!("device.room{device}.state").into())
        .collect();
    let source: Arc<str> = "thermo".into();
    let event = |seq: u64| {
        Item::Event(Event {
            seq,
            time: seq * 100,
            source: source.clone(),
            cause: Cause::None,
            receivers: Slots::default(),
            topic: topics.get((seq % 64) as usize).cloned().unwrap_or_default(),
            payload: format!(
                r#"{{"value":{}.{},"unit":"C","state":"{}","battery":{},"note":"{}"}}"#,
                seq % 40,
                seq % 10,
                if seq.is_multiple_of(3) { "on" } else { "off" },
                seq % 100,
                if seq.is_multiple_of(1000) { "Retry" } else { "fine" }
            )
            .into_bytes()
            .into(),
        })
    };
    let mut pushing = Duration::ZERO;
    for batch in 0..EVENTS / 1000 {
        let items = (batch * 1000..(batch + 1) * 1000).map(event).collect();
        let update = Update::Items(items);
        let before = Instant::now();
        model.apply(update, before);
        pushing += before.elapsed();
    }

    let mut figures = vec![Figure::new(
        "taking over 100,000 events",
        millis(pushing),
        Unit::Millis,
        Goal::Told,
    )];
    let mut slices = Vec::new();
    for (name, filter, expected, goal) in [
        (
            "text filter over 100,000 events",
            "retry",
            100,
            Goal::AtMost(10.0),
        ),
        (
            "text filter that all pass",
            "VALUE",
            EVENTS as usize,
            Goal::AtMost(10.0),
        ),
        (
            "topic filter over 100,000 events",
            "topic:device.room7.>",
            1562,
            Goal::Told,
        ),
        (
            "field filter over 100,000 events",
            "value>39",
            2500 - 250,
            Goal::Told,
        ),
    ] {
        let mut times = Vec::new();
        for _ in 0..ROUNDS {
            model.set_filter("");
            let began = Instant::now();
            model.set_filter(filter);
            let mut more = true;
            while more {
                let slice = Instant::now();
                more = model.work(slice + SLICE);
                slices.push(millis(slice.elapsed()));
            }
            times.push(millis(began.elapsed()));
            let found = model.view().len();
            if found.abs_diff(expected) > 250 {
                return Err(format!("`{filter}` found {found} of {expected} events"));
            }
        }
        figures.push(Figure::new(name, percentile(&times, 0.5), Unit::Millis, goal));
    }
    let (first, all) = jq(&mut model, &woken, &mut slices)?;
    figures.push(Figure::new(
        "jq filter: first screen, p95",
        percentile(&first, 0.95),
        Unit::Millis,
        Goal::AtMost(50.0),
    ));
    figures.push(Figure::new(
        "jq filter: all of 100,000 events",
        percentile(&all, 0.5),
        Unit::Millis,
        Goal::Told,
    ));
    figures.push(Figure::new(
        "how long filtering holds up a key, p99",
        percentile(&slices, 0.99),
        Unit::Millis,
        Goal::AtMost(5.0),
    ));
    Ok(figures)
}

/// Milliseconds to the first screen, and to the last event.
fn jq(
    model: &mut Model,
    woken: &Receiver<()>,
    slices: &mut Vec<f64>,
) -> Result<(Vec<f64>, Vec<f64>), String> {
    let (mut first, mut all) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        model.set_filter("");
        let began = Instant::now();
        model.set_filter("| select(.battery >= 50) | .value");
        let mut screen = None;
        loop {
            let slice = Instant::now();
            let more = model.work(slice + SLICE);
            slices.push(millis(slice.elapsed()));
            if let JqState::Stopped(reason) = model.view().jq() {
                return Err(format!("jq stopped: {reason}"));
            }
            let running = *model.view().jq() == JqState::Running;
            if running && model.view().len() >= SCREEN && screen.is_none() {
                screen = Some(millis(began.elapsed()));
            }
            if running && !model.view().is_behind() {
                break;
            }
            // The first screen each time, all events only in some rounds: that takes long.
            if screen.is_some() && round % 5 != 0 {
                break;
            }
            if !more {
                woken
                    .recv_timeout(Duration::from_secs(10))
                    .map_err(|_| "jq said nothing for 10 s".to_owned())?;
            }
        }
        first.extend(screen);
        if round % 5 == 0 {
            all.push(millis(began.elapsed()));
            if model.view().len() as u64 != EVENTS / 2 {
                return Err(format!(
                    "jq found {} of {} events",
                    model.view().len(),
                    EVENTS / 2
                ));
            }
        }
    }
    Ok((first, all))
}

fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}
