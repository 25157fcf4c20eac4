//! The program in its terminal, attached.

use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use super::Extent;
use super::feeder::Feeder;
use super::figure::{Figure, Goal, Unit, percentile};
use super::process::{Meter, resident};
use super::terminal::{Start, Terminal};

/// What the help shows and nothing else.
const HELP: &str = "Screen: Overview";
/// Between two keys: not in step with the frames.
const BETWEEN_KEYS: Duration = Duration::from_millis(37);

/// The first frame when nobody is at the socket.
pub(super) fn target_down(program: &Path, extent: Extent) -> Result<Vec<Figure>, String> {
    let dir = tempfile::tempdir().map_err(|error| format!("no folder: {error}"))?;
    let mut times = Vec::new();
    for _ in 0..extent.keys.min(40) {
        let terminal = start(program, &dir.path().join("nobody"))?;
        let shown = terminal.until("the first frame", |text| text.contains("Overview"))?;
        times.push(millis(shown - terminal.started));
    }
    Ok(vec![Figure::new(
        "first paint with the target down, p95",
        percentile(&times, 0.95),
        Unit::Millis,
        Goal::AtMost(30.0),
    )])
}

/// A target that does nothing.
pub(super) fn idle(program: &Path, extent: Extent) -> Result<Vec<Figure>, String> {
    let feeder = Feeder::start()?;
    let terminal = attach(program, &feeder)?;
    thread::sleep(Duration::from_secs(2));
    let meter = Meter::start(terminal.pid()?)?;
    thread::sleep(Duration::from_secs(extent.idle));
    Ok(vec![Figure::new(
        "CPU with nothing happening",
        meter.percent()?,
        Unit::Percent,
        Goal::AtMost(0.3),
    )])
}

/// What is on the screen while a stream is watched.
pub(super) struct Shown {
    /// Its name in the figures; empty for the Events screen.
    name: &'static str,
    /// The keys that show it.
    keys: &'static str,
    /// What is seen then.
    seen: &'static str,
    /// What is seen when there are events.
    event: &'static str,
}

pub(super) const EVENTS: Shown = Shown {
    name: "",
    keys: "",
    seen: "topic",
    event: "device.",
};

/// Of 32 topics.
pub(super) const CHART: Shown = Shown {
    name: ", a chart",
    keys: ":chart device.> value\r",
    seen: "device.> value",
    event: "SAMPLES",
};

pub(super) const GRAPH: Shown = Shown {
    name: ", the graph",
    keys: "W",
    seen: "Who talks to whom",
    event: "operator",
};

/// A stream of so many events a second.
pub(super) fn stream(
    program: &Path,
    rate: u64,
    shown: &Shown,
    extent: Extent,
) -> Result<Vec<Figure>, String> {
    let feeder = Feeder::start()?;
    let terminal = attach(program, &feeder)?;
    terminal.press("2")?;
    terminal.until("the Events screen", |text| text.contains("topic"))?;
    terminal.press(shown.keys)?;
    terminal.until(shown.seen, |text| text.contains(shown.seen))?;
    feeder.publish(rate);
    terminal.until("an event", |text| text.contains(shown.event))?;
    thread::sleep(Duration::from_secs(2));

    // CPU, frames and memory first, with nobody at the keys.
    let pid = terminal.pid()?;
    let meter = Meter::start(pid)?;
    let (frames, bytes) = terminal.drawn();
    let published = feeder.published();
    let mut memory = Vec::new();
    for _ in 0..extent.seconds {
        thread::sleep(Duration::from_secs(1));
        memory.push(resident(pid)?);
    }
    let seconds = meter.elapsed().as_secs_f64();
    let cpu = meter.percent()?;
    let per_second = |now: u64, before: u64| (now - before) as f64 / seconds;
    let (frames_now, bytes_now) = terminal.drawn();
    let (frames, bytes) = (per_second(frames_now, frames), per_second(bytes_now, bytes));
    let published = per_second(feeder.published(), published);
    if published < rate as f64 * 0.9 {
        return Err(format!(
            "only {published:.0} of {rate} events a second were published: the machine is too busy"
        ));
    }

    let lost = terminal.read(lost)?;

    let mut paints = Vec::new();
    for _ in 0..extent.keys / 2 {
        for (keys, shown) in [("?", true), ("?", false)] {
            thread::sleep(BETWEEN_KEYS);
            let pressed = Instant::now();
            terminal.press(keys)?;
            let seen = terminal.until("the help", |text| text.contains(HELP) == shown)?;
            paints.push(millis(seen - pressed));
        }
    }
    let third = memory.len() - memory.len() / 3;
    let last = memory.get(third..).unwrap_or_default();
    let growth =
        last.iter().copied().fold(f64::MIN, f64::max) - last.iter().copied().fold(f64::MAX, f64::min);
    let at = |what: &str| format!("{rate} events/s{}: {what}", shown.name);
    let most = if rate > 10_000 { 15.0 } else { 8.0 };
    let key = if rate > 10_000 {
        Goal::Told
    } else {
        Goal::AtMost(5.0)
    };
    // The slower stream needs most of a minute to fill the ring.
    let flat = if rate > 10_000 {
        Goal::AtMost(1.0)
    } else {
        Goal::Told
    };
    Ok(vec![
        Figure::new(at("published"), published, Unit::PerSecond, Goal::Told),
        Figure::new(
            at("lost on bus and link until the end"),
            lost,
            Unit::Count,
            Goal::Told,
        ),
        Figure::new(at("CPU"), cpu, Unit::Percent, Goal::AtMost(most)),
        Figure::new(
            at("key to paint, p50"),
            percentile(&paints, 0.5),
            Unit::Millis,
            Goal::Told,
        ),
        Figure::new(
            at("key to paint, p95"),
            percentile(&paints, 0.95),
            Unit::Millis,
            key,
        ),
        Figure::new(at("frames"), frames, Unit::PerSecond, Goal::AtMost(31.0)),
        Figure::new(
            at("KiB written to the terminal"),
            bytes / 1024.0,
            Unit::PerSecond,
            Goal::Told,
        ),
        Figure::new(
            at("memory at the end"),
            memory.last().copied().unwrap_or(f64::NAN),
            Unit::Mebibytes,
            Goal::Told,
        ),
        Figure::new(
            at("memory, growth in the last third"),
            growth,
            Unit::Mebibytes,
            flat,
        ),
    ])
}

/// What the header says was lost: on the bus and on the link.
fn lost(text: &str) -> Option<f64> {
    let (_, after) = text.lines().next()?.split_once(" lost ")?;
    let (bus, after) = after.split_once(" bus")?;
    let link = after.split_once(" link")?.0;
    let number = |text: &str| {
        let times = match text.chars().last()? {
            'k' => 1e3,
            'M' => 1e6,
            _ => 1.0,
        };
        let digits: String = text
            .chars()
            .filter(|char| char.is_ascii_digit() || *char == '.')
            .collect();
        digits.parse::<f64>().ok().map(|number| number * times)
    };
    Some(number(bus)? + number(link)?)
}

/// In the size that the figures are for.
fn start(program: &Path, target: &Path) -> Result<Terminal, String> {
    let target = target.to_str().ok_or("the folder's name is no text")?;
    Terminal::start(Start {
        size: (160, 50),
        ..Start::new(program, &[target])
    })
}

fn attach(program: &Path, feeder: &Feeder) -> Result<Terminal, String> {
    let terminal = start(program, &feeder.socket())?;
    terminal.until("the connection", |text| text.contains("core-runtime"))?;
    Ok(terminal)
}

fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}
