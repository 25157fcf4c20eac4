//! Pictures without a terminal: of what a runtime says for a while, or of a recording.

use std::fs::OpenOptions;
use std::io::{self, IsTerminal, Write as _};
use std::path::Path;
use std::time::{Duration, Instant};

use tokio::signal::unix::{SignalKind, signal};

use super::{Failure, ended, say, sleep_until};
use crate::chart::{Picture, svg};
use crate::facts::{Connection, Update};
use crate::graph::export::{self, Format};
use crate::graph::tree;
use crate::io::{Io, Source};
use crate::model::{Config, Model};
use crate::theme::Theme;
use crate::trace::Trace;
use crate::trace::export::Of;
use crate::view::{self, chart};

/// Columns and rows of a picture that does not go to a terminal.
const SIZE: (u16, u16) = (100, 26);

/// A model of what a source says until its end, for so long at the most, or until a signal comes. `wants` says
/// what is to be seen.
///
/// # Errors
/// See [`Failure`]; also when there was no runtime all the while.
pub fn look(
    source: impl Source + 'static,
    ring_bytes: usize,
    span: Option<Duration>,
    wants: impl FnOnce(&mut Model),
) -> Result<Model, Failure> {
    let reactor = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let until = span.map(|span| Instant::now() + span);
    let config = Config {
        ring_bytes,
        jq_program: None,
        ..Config::default()
    };
    let mut model = Model::new(config, Instant::now());
    wants(&mut model);
    reactor.block_on(async {
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        let mut io = Io::spawn(source)?;
        let mut absent = Some("the runtime said nothing yet".to_owned());
        loop {
            let update = tokio::select! {
                update = io.updates.recv() => update.ok_or_else(ended)?,
                _ = interrupt.recv() => break,
                _ = terminate.recv() => break,
                () = sleep_until(until) => break,
            };
            match &update {
                Update::Connection(Connection::Open { .. }) => absent = None,
                Update::Connection(Connection::Down { reason, .. }) => match absent {
                    // What was seen of one that went away is drawn; of one that is not there, nothing comes.
                    Some(_) => return Err(Failure::Unreachable(reason.clone())),
                    None => say(reason),
                },
                Update::Connection(Connection::Ended) => {
                    absent = None;
                    break;
                }
                Update::Recording(Err(why)) => say(why),
                Update::Notice(notice) => say(notice),
                _ => {}
            }
            let now = Instant::now();
            model.apply(update, now);
            while model.work(now + Duration::from_secs(1)) {}
        }
        match absent {
            Some(reason) => Err(Failure::Unreachable(reason)),
            None => Ok(model),
        }
    })
}

/// Prints the model's chart: all of its time, as text, or for programs; or writes an SVG file.
///
/// # Errors
/// See [`Failure`]; also when there is nothing to be drawn.
pub fn chart(
    model: &Model,
    theme: &Theme,
    json: bool,
    file: Option<&Path>,
    mut out: impl io::Write,
) -> Result<(), Failure> {
    let Some(of) = model.chart() else { return Ok(()) };
    let picture = Picture::whole(of, model.history(), model.epoch());
    if picture.lines.is_empty() && picture.heat.is_empty() {
        return Err(Failure::Failed(format!(
            "nothing was seen of {}: try a longer --for, or another filter or path",
            picture.title
        )));
    }
    if json {
        return super::print(&picture, out);
    }
    let Some(file) = file else {
        let size = size();
        out.write_all(chart::text(&picture, theme, size).as_bytes())?;
        return Ok(out.flush()?);
    };
    let mut to = OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(file)
        .map_err(|cause| Failure::Failed(format!("cannot write {}: {cause}", file.display())))?;
    let text = svg::svg(&picture, |at| chart::clock(at, picture.epoch));
    Ok(to.write_all(text.as_bytes())?)
}

/// Columns and rows of what is drawn.
fn size() -> (u16, u16) {
    let (width, height) = match io::stdout().is_terminal() {
        true => crossterm::terminal::size().unwrap_or(SIZE),
        false => SIZE,
    };
    (width.clamp(40, 300), height.clamp(12, 60) - 2)
}

/// Prints who talks to whom: as a tree, for programs that draw, or as JSON.
///
/// # Errors
/// See [`Failure`].
pub fn graph(
    model: &Model,
    theme: &Theme,
    json: bool,
    format: Option<Format>,
    mut out: impl io::Write,
) -> Result<(), Failure> {
    let text = model.with_graph(|whole| match format {
        _ if json => format!("{}\n", export::json(&whole)),
        Some(format) => export::text(&whole, format),
        None => {
            // As deep as what its receivers sent because of it.
            let open = |id: &str| id.matches(' ').count() < 3;
            view::graph::text(&tree::lines(whole, open), theme, size().0)
        }
    });
    out.write_all(text.unwrap_or_default().as_bytes())?;
    Ok(out.flush()?)
}

/// Writes a trace for a program that shows traces.
pub type Writer = fn(&Trace, Of<'_>) -> serde_json::Value;

/// Prints the trace of an event: as a waterfall, or as `write` does.
///
/// # Errors
/// See [`Failure`]; also when there is no such event.
pub fn trace(
    model: &Model,
    seq: u64,
    theme: &Theme,
    write: Option<Writer>,
    mut out: impl io::Write,
) -> Result<(), Failure> {
    let ring = model.ring();
    let row = ring.newest(seq);
    let trace = row.and_then(|row| model.trace(row)).ok_or_else(|| {
        let seqs = |row| Some(ring.get(row)?.event()?.seq);
        let (first, last) = ((ring.first()..ring.end()).find_map(seqs), (ring.first()..ring.end()).rev().find_map(seqs));
        Failure::Failed(match (first, last) {
            (Some(first), Some(last)) => format!("event {seq} is not here: there are {first} to {last}; try a longer --for, or a recording with --from"),
            _ => format!("event {seq} is not here: there was no event at all; try a longer --for, or a recording with --from"),
        })
    })?;
    if let Some(write) = write {
        let of = Of {
            ring,
            epoch: model.epoch(),
            runtime: model.name(),
        };
        return super::print(&write(&trace, of), out);
    }
    out.write_all(view::trace::text(model, &trace, theme, size().0).as_bytes())?;
    Ok(out.flush()?)
}
