//! Pictures without a terminal: of what a runtime says for a while, or of a recording.

use std::fs::OpenOptions;
use std::io::{IsTerminal, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use tokio::signal::unix::{SignalKind, signal};

use super::{Failure, ended, say, sleep_until};
use crate::chart::{Picture, svg};
use crate::facts::{Connection, Update};
use crate::io::{Io, Source};
use crate::model::{Config, Model};
use crate::theme::Theme;
use crate::view::chart;

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
    mut out: impl Write,
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
        let size = if std::io::stdout().is_terminal() {
            crossterm::terminal::size().unwrap_or(SIZE)
        } else {
            SIZE
        };
        let size = (size.0.clamp(40, 300), size.1.clamp(12, 60) - 2);
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
