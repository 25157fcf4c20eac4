//! The loop: what happens goes to the update function, what comes of it is drawn. Keys are drawn at once,
//! data at most 30 times a second, and nothing when nothing changed.

use std::fs::OpenOptions;
use std::future::ready;
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crossterm::event::{self, Event, KeyEventKind};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{Notify, mpsc};

use crate::facts::{Answer, Command, Update};
use crate::io::{Io, Source};
use crate::model::{Config, Model};
use crate::terminal::{self, Screen};
use crate::ui::Ui;
use crate::update::{self, Effect, Msg};
use crate::view;

/// Between two frames that are drawn because of data.
const FRAME: Duration = Duration::from_nanos(1_000_000_000 / 30);

/// How long work that can wait may hold up a key.
const SLICE: Duration = Duration::from_millis(3);

/// Keys and mouse movements that wait to be handled.
const EVENTS: usize = 256;

/// How the screens ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// The user wanted so.
    Quit,
    /// By a signal of this number.
    Signal(i32),
}

/// Shows the screens until somebody ends them. The first frame is drawn before the source is started.
///
/// # Errors
/// When the terminal, or the I/O thread, is gone.
pub fn run(source: impl Source + 'static, ring_bytes: usize, ui: Ui) -> io::Result<Ended> {
    let reactor = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    // Before the terminal is taken: from here on no signal ends the program with the terminal in pieces.
    let signals = {
        let _inside = reactor.enter();
        Signals::listen()?
    };
    let woken = Arc::new(Notify::new());
    let wake = woken.clone();
    let config = Config {
        ring_bytes,
        wake: Arc::new(move || wake.notify_one()),
        ..Config::default()
    };
    let mut screen = Screen::take()?;
    let now = Instant::now();
    let mut model = Model::new(config, now);
    let mut ui = ui;
    let (width, height) = screen.redraw()?;
    // Nothing can come of it yet.
    let _ = update::update(&mut model, &mut ui, Msg::Resize(width, height));
    screen.draw(|frame| view::draw(&model, &ui, frame))?;
    let io = Io::spawn(source)?;
    let (done, finished) = mpsc::channel(8);
    let mut app = App {
        model,
        ui,
        screen,
        io,
        done,
        drawn: Instant::now(),
        fresh: false,
        urgent: false,
        ended: None,
    };
    let ended = reactor.block_on(app.serve(read_terminal()?, finished, signals, &woken));
    let App { io, screen, .. } = app;
    drop(screen);
    let whole = io.close();
    match ended {
        Ok(_) if !whole => Err(io::Error::other(
            "the I/O thread did not end in time: a recording may not be whole",
        )),
        ended => ended,
    }
}

/// Reads the terminal on a thread of its own, for ever: it ends with the program.
fn read_terminal() -> io::Result<mpsc::Receiver<io::Result<Event>>> {
    let (to_app, events) = mpsc::channel(EVENTS);
    std::thread::Builder::new()
        .name("terminal".to_owned())
        .spawn(move || {
            loop {
                let event = event::read();
                let over = event.is_err();
                if to_app.blocking_send(event).is_err() || over {
                    break;
                }
            }
        })?;
    Ok(events)
}

/// The signals that concern a program with a terminal.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hang_up: Signal,
    go_on: Signal,
    resized: Signal,
}

/// What a signal means.
enum Told {
    End(SignalKind),
    GoOn,
    Resized,
}

impl Signals {
    fn listen() -> io::Result<Signals> {
        Ok(Signals {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hang_up: signal(SignalKind::hangup())?,
            go_on: signal(SignalKind::from_raw(rustix::process::Signal::CONT.as_raw()))?,
            resized: signal(SignalKind::window_change())?,
        })
    }

    async fn next(&mut self) -> Told {
        tokio::select! {
            _ = self.terminate.recv() => Told::End(SignalKind::terminate()),
            _ = self.interrupt.recv() => Told::End(SignalKind::interrupt()),
            _ = self.hang_up.recv() => Told::End(SignalKind::hangup()),
            _ = self.go_on.recv() => Told::GoOn,
            _ = self.resized.recv() => Told::Resized,
        }
    }
}

struct App {
    model: Model,
    ui: Ui,
    screen: Screen,
    io: Io,
    /// Where effects that take long say how they ended.
    done: mpsc::Sender<Result<String, String>>,
    /// When the last frame was drawn.
    drawn: Instant,
    /// Something changed that is to be drawn with the next frame,
    fresh: bool,
    /// or at once.
    urgent: bool,
    ended: Option<Ended>,
}

impl App {
    async fn serve(
        &mut self,
        mut events: mpsc::Receiver<io::Result<Event>>,
        mut finished: mpsc::Receiver<Result<String, String>>,
        mut signals: Signals,
        woken: &Notify,
    ) -> io::Result<Ended> {
        let mut working = false;
        loop {
            if let Some(ended) = self.ended {
                return Ok(ended);
            }
            self.draw_if_due()?;
            let wake_at = self.wake_at();
            tokio::select! {
                biased;
                event = events.recv() => {
                    let Some(event) = event else {
                        return Err(io::Error::other("the terminal is gone"));
                    };
                    self.terminal_event(event?)?;
                    // A paste, or a key held down: one frame for what is there already.
                    while let Ok(event) = events.try_recv() {
                        self.terminal_event(event?)?;
                    }
                    self.urgent = true;
                    // A key may have set a filter or begun a search.
                    working = true;
                }
                told = signals.next() => match told {
                    Told::End(kind) => return Ok(Ended::Signal(kind.as_raw_value())),
                    Told::GoOn => {
                        let (width, height) = self.screen.resume()?;
                        self.message(Msg::Resize(width, height))?;
                        self.urgent = true;
                    }
                    Told::Resized => self.carry_out(Effect::Redraw)?,
                },
                result = finished.recv() => {
                    if let Some(result) = result {
                        self.message(Msg::Done(result))?;
                        self.urgent = true;
                    }
                }
                update = self.io.updates.recv() => {
                    let Some(update) = update else {
                        return Err(io::Error::other("the I/O thread ended: please report what it said"));
                    };
                    // What was asked for is shown as soon as it is there.
                    self.urgent |= matches!(update, Update::Answer { .. } | Update::Connection(_));
                    self.fresh = true;
                    self.message(Msg::Tick(Instant::now()))?;
                    self.message(Msg::Update(update))?;
                    working = true;
                }
                () = woken.notified() => working = true,
                () = ready(()), if working => {
                    let begun = Instant::now();
                    working = self.model.work(begun + SLICE);
                    // The selection stays where it is while rows are found before it.
                    self.message(Msg::Tick(Instant::now()))?;
                    self.fresh = true;
                }
                () = tokio::time::sleep_until(wake_at.into()) => {
                    self.message(Msg::Tick(Instant::now()))?;
                    self.fresh = true;
                }
            }
        }
    }

    fn draw_if_due(&mut self) -> io::Result<()> {
        if !(self.urgent || self.fresh && self.drawn.elapsed() >= FRAME) || !terminal::is_taken() {
            return Ok(());
        }
        let App {
            screen, model, ui, ..
        } = self;
        screen.draw(|frame| view::draw(model, ui, frame))?;
        self.drawn = Instant::now();
        self.fresh = false;
        self.urgent = false;
        Ok(())
    }

    /// When there is something to do though nothing happens.
    fn wake_at(&self) -> Instant {
        let tick = self.model.next_tick();
        let tick = update::wake_at(&self.model, &self.ui).map_or(tick, |at| at.min(tick));
        if self.fresh {
            tick.min(self.drawn + FRAME)
        } else {
            tick
        }
    }

    fn terminal_event(&mut self, event: Event) -> io::Result<()> {
        self.message(Msg::Tick(Instant::now()))?;
        match event {
            Event::Key(key) if key.kind != KeyEventKind::Release => self.message(Msg::Key(key)),
            Event::Mouse(mouse) => self.message(Msg::Mouse(mouse)),
            Event::Paste(text) => self.message(Msg::Paste(text)),
            // The signal tells of a new size: this event is lost when a key comes at the same time.
            Event::Resize(..) => Ok(()),
            Event::Key(_) | Event::FocusGained | Event::FocusLost => Ok(()),
        }
    }

    fn message(&mut self, msg: Msg) -> io::Result<()> {
        for effect in update::update(&mut self.model, &mut self.ui, msg) {
            self.carry_out(effect)?;
        }
        Ok(())
    }

    fn carry_out(&mut self, effect: Effect) -> io::Result<()> {
        match effect {
            Effect::Send(command) => {
                if let Err(command) = self.io.send(command) {
                    self.refuse(command)?;
                }
                Ok(())
            }
            Effect::Copy(text) => self.screen.copy(&text),
            Effect::Export { path, text } => self.export(path, text),
            Effect::Redraw => {
                let (width, height) = self.screen.redraw()?;
                self.urgent = true;
                self.message(Msg::Resize(width, height))
            }
            Effect::Suspend => {
                let (width, height) = self.screen.suspend()?;
                self.urgent = true;
                self.message(Msg::Resize(width, height))
            }
            Effect::Quit => {
                self.ended = Some(Ended::Quit);
                Ok(())
            }
        }
    }

    /// The I/O thread has too much to do to take a command.
    fn refuse(&mut self, command: Command) -> io::Result<()> {
        let why = "the connection is busy: nothing was sent, try again".to_owned();
        match command {
            Command::Request { id, .. } => self.message(Msg::Update(Update::Answer {
                id,
                answer: Answer::Failed("busy".to_owned(), why),
                took: Duration::ZERO,
            })),
            Command::Record(_) | Command::Reconnect | Command::Limit(_) | Command::Play(_) => {
                self.message(Msg::Done(Err(why)))
            }
        }
    }

    /// Writes a file on a thread of its own: a disk may be slow.
    fn export(&mut self, path: PathBuf, text: String) -> io::Result<()> {
        let done = self.done.clone();
        std::thread::Builder::new()
            .name("export".to_owned())
            .spawn(move || {
                let written = OpenOptions::new()
                    .write(true)
                    .create_new(true)
                    .open(&path)
                    .and_then(|mut file| file.write_all(text.as_bytes()));
                let path = path.display();
                let result = match written {
                    Ok(()) => Ok(format!("exported {} lines to {path}", text.lines().count())),
                    Err(cause) if cause.kind() == io::ErrorKind::AlreadyExists => {
                        Err(format!("{path} is there already: say another name"))
                    }
                    Err(cause) => Err(format!("cannot write {path}: {cause}")),
                };
                // Nobody is left to hear it when the program has ended meanwhile.
                let _ = done.blocking_send(result);
            })?;
        Ok(())
    }
}
