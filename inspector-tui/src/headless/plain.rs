//! Lines in place of screens, for screen readers and for terminals that cannot be drawn on: what happens is said as it
//! happens, and what is typed is answered.

use std::collections::HashSet;
use std::io::{self, Write};
use std::time::{Duration, Instant};

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

use super::{Failure, ended};
use crate::facts::{Connection, LostAt, Update};
use crate::io::{Io, Source};
use crate::model::{Config, Model};
use crate::ring::{Row, RowId};
use crate::view::canvas::clean;
use crate::view::format;

/// The most rows that are said of what came together: nobody can listen to more.
const ROWS: usize = 20;

const HELP: &str = "\
plugins, services, state, warnings: what there is
filter FILTER: only these events from now on, in the language of the screens' filter; without FILTER all
pause: no events until it is typed again
help: this; quit: end, as Ctrl-C does";

/// Says what a source says until its end, a signal, or `quit`.
///
/// # Errors
/// See [`Failure`].
pub fn plain(source: impl Source + 'static, config: Config, out: impl Write) -> Result<(), Failure> {
    let reactor = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let mut plain = Plain {
        model: Model::new(config, Instant::now()),
        out,
        next: 0,
        paused: false,
        warned: HashSet::new(),
        down: String::new(),
        early: Vec::new(),
    };
    reactor.block_on(async {
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        let mut io = Io::spawn(source)?;
        let mut typed = read_lines()?;
        loop {
            tokio::select! {
                update = io.updates.recv() => {
                    let update = update.ok_or_else(ended)?;
                    let over = update == Update::Connection(Connection::Ended);
                    plain.take(update)?;
                    if over {
                        return Ok(());
                    }
                }
                Some(line) = typed.recv() => match line.trim() {
                    "quit" => return Ok(()),
                    line => plain.answer(line)?,
                },
                _ = interrupt.recv() => return Ok(()),
                _ = terminate.recv() => return Ok(()),
            }
        }
    })
}

/// Reads what is typed on a thread of its own, for ever: it ends with the program.
fn read_lines() -> io::Result<mpsc::Receiver<String>> {
    let (to_plain, typed) = mpsc::channel(16);
    std::thread::Builder::new()
        .name("typed".to_owned())
        .spawn(move || {
            for line in io::stdin().lines().map_while(Result::ok) {
                if to_plain.blocking_send(line).is_err() {
                    break;
                }
            }
        })?;
    Ok(typed)
}

struct Plain<W> {
    model: Model,
    out: W,
    /// The first row that was not said.
    next: RowId,
    paused: bool,
    /// The warnings that were said.
    warned: HashSet<String>,
    /// Why the connection is down, once.
    down: String,
    /// What was typed before anything was read: it is answered then.
    early: Vec<String>,
}

impl<W: Write> Plain<W> {
    fn line(&mut self, text: &str) -> io::Result<()> {
        writeln!(self.out, "{}", clean(text))
    }

    fn take(&mut self, update: Update) -> io::Result<()> {
        match &update {
            Update::Connection(Connection::Open { name, restarted, .. }) => {
                self.down.clear();
                let again = if *restarted {
                    ", which was started anew"
                } else {
                    ""
                };
                self.line(&format!("connected to {name}{again}"))?;
            }
            Update::Connection(Connection::Down { reason, .. }) if *reason != self.down => {
                self.down.clone_from(reason);
                self.line(&format!("not connected: {reason}; it is tried again"))?;
            }
            Update::Connection(Connection::Ended) => self.line("the recording has ended")?,
            Update::Notice(said) | Update::Recording(Err(said)) => self.line(said)?,
            _ => {}
        }
        let now = Instant::now();
        self.model.apply(update, now);
        while self.model.work(now + Duration::from_secs(1)) {}
        self.rows()?;
        self.warnings(false)?;
        if self.model.snapshot().is_some() {
            for typed in std::mem::take(&mut self.early) {
                self.answer(&typed)?;
            }
        }
        self.out.flush()
    }

    /// Says the rows that are new, and no more of them than can be listened to.
    fn rows(&mut self) -> io::Result<()> {
        let view = self.model.view();
        let from = view.place(self.next);
        let new: Vec<RowId> = (from..view.len()).filter_map(|place| view.row(place)).collect();
        self.next = new.last().map_or(self.next, |row| row + 1);
        if self.paused {
            return Ok(());
        }
        for row in new.iter().take(ROWS) {
            if let Some(text) = self.row(*row) {
                self.line(&text)?;
            }
        }
        match new.len().saturating_sub(ROWS) {
            0 => Ok(()),
            more => self.line(&format!("and {more} more events")),
        }
    }

    fn row(&self, row: RowId) -> Option<String> {
        Some(match self.model.ring().get(row)? {
            Row::Event(event) => {
                let names = event
                    .receivers
                    .iter()
                    .map(|slot| match self.model.plugin_name(slot) {
                        Some(name) => name.to_string(),
                        None => format!("slot {slot}"),
                    });
                let names: Vec<String> = names.collect();
                let to = if names.is_empty() {
                    "nobody".to_owned()
                } else {
                    names.join(", ")
                };
                format!(
                    "{} {} from {} to {to}: {}",
                    format::clock(event.time, self.model.epoch()),
                    event.topic,
                    event.source,
                    String::from_utf8_lossy(event.payload)
                )
            }
            Row::Lost { count, at, .. } => {
                let at = if at == LostAt::Bus { "bus" } else { "link" };
                format!("{count} events were lost on the {at}")
            }
            Row::Restarted => "the runtime was started anew".to_owned(),
        })
    }

    /// Says the warnings that are new, or all that go on.
    fn warnings(&mut self, all: bool) -> io::Result<()> {
        let going_on = self
            .model
            .warnings()
            .iter()
            .filter(|warning| warning.over.is_none());
        let found: Vec<(String, String)> = going_on
            .map(|warning| {
                let id = format!("{:?} {} {}", warning.kind, warning.plugin, warning.about);
                let of = if warning.plugin.is_empty() {
                    String::new()
                } else {
                    format!("{}: ", warning.plugin)
                };
                (id, format!("warning: {of}{}. {}", warning.what, warning.advice))
            })
            .collect();
        if all && found.is_empty() {
            return self.line("nothing is wrong");
        }
        for (id, text) in &found {
            if self.warned.insert(id.clone()) || all {
                self.line(text)?;
            }
        }
        self.warned
            .retain(|id| found.iter().any(|(known, _)| known == id));
        Ok(())
    }

    fn answer(&mut self, typed: &str) -> io::Result<()> {
        let (word, rest) = typed.split_once(' ').unwrap_or((typed, ""));
        let Some(snapshot) = self.model.snapshot().cloned() else {
            self.early.push(typed.to_owned());
            return Ok(());
        };
        let lines: Vec<String> = match word {
            "" => Vec::new(),
            "plugins" => snapshot
                .plugins
                .iter()
                .map(|plugin| {
                    let (code, why) = &plugin.error;
                    let error = if code.is_empty() {
                        String::new()
                    } else {
                        format!(", {code}: {why}")
                    };
                    let of = &plugin.counters;
                    format!(
                        "{}: {}, {} events, {} unread, {} lost, {} calls, {} errors{error}",
                        plugin.name,
                        plugin.state.as_str(),
                        of.events,
                        of.lag,
                        of.dropped,
                        of.calls_in,
                        of.errors
                    )
                })
                .collect(),
            "services" => snapshot
                .services
                .iter()
                .map(|of| {
                    format!(
                        "{} of {}: {} calls, {} errors. {}",
                        of.name, of.owner, of.calls, of.errors, of.description
                    )
                })
                .collect(),
            "state" => snapshot
                .states
                .iter()
                .map(|of| {
                    format!(
                        "{}: {}",
                        of.key,
                        of.value.as_deref().unwrap_or("too long for the link")
                    )
                })
                .collect(),
            "warnings" => return self.warnings(true).and_then(|()| self.out.flush()),
            "filter" => {
                self.next = self.model.ring().end();
                self.model.set_filter(rest.trim());
                while self.model.work(Instant::now() + Duration::from_secs(1)) {}
                vec![match self.model.filter_error() {
                    Some(why) => format!("not understood: {}", why.reason),
                    None if rest.trim().is_empty() => "all events from now on".to_owned(),
                    None => format!("from now on {}", rest.trim()),
                }]
            }
            "pause" => {
                self.paused = !self.paused;
                vec![
                    if self.paused {
                        "paused"
                    } else {
                        "events from now on"
                    }
                    .to_owned(),
                ]
            }
            "help" => HELP.lines().map(str::to_owned).collect(),
            _ => vec![format!("there is no command {word:?}: help says which there are")],
        };
        for line in &lines {
            self.line(line)?;
        }
        self.out.flush()
    }
}
