//! A runtime as the tests see it: a home with a few plugins, always the same.

mod home;

use std::time::{Duration, Instant};

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use crate::facts::{Connection, Item, LostAt, Update};
use crate::keys::KeyMap;
use crate::model::{Config, Model};
use crate::theme::Theme;
use crate::ui::{Options, Ui};
use crate::update::{Effect, Msg, update};
use home::wave;

pub(crate) use home::{event, snapshot};

/// The unix time of the clock's zero: 2026-11-22 06:00 UTC.
pub(crate) const EPOCH: u64 = 1_795_327_200_000_000;

/// Model and screens together, with the time in the tests' hands.
pub(crate) struct Bench {
    pub(crate) model: Model,
    pub(crate) ui: Ui,
    pub(crate) begun: Instant,
}

impl Bench {
    /// Nothing has happened yet.
    pub(crate) fn new(width: u16, height: u16) -> Self {
        let begun = Instant::now();
        let config = Config {
            ring_bytes: 1 << 20,
            jq_program: None,
            ..Config::default()
        };
        let options = Options {
            target: "data/runtime.sock".into(),
            ..Options::default()
        };
        let mut bench = Bench {
            model: Model::new(config, begun),
            ui: Ui::new(options, KeyMap::default(), Theme::default(), begun),
            begun,
        };
        bench.resize(width, height);
        bench
    }

    /// The terminal has another size.
    pub(crate) fn resize(&mut self, width: u16, height: u16) {
        self.send(Msg::Resize(width, height));
    }

    /// A home that ran for a while.
    pub(crate) fn full(width: u16, height: u16) -> Self {
        let mut bench = Bench::new(width, height);
        bench.open(false);
        for second in 0..60u64 {
            bench.at(second * 1000);
            bench.update(Update::Snapshot(Box::new(snapshot(second))));
            let items = (0..wave(second)).map(|n| Item::Event(event(second * 40 + n, second)));
            bench.update(Update::Items(items.collect()));
            if second == 58 {
                let from = 58 * 40 + wave(58);
                bench.update(Update::Items(vec![Item::Lost {
                    from,
                    count: 128,
                    at: LostAt::Bus,
                }]));
            }
        }
        bench.at(60_000);
        bench.work();
        bench
    }

    /// The connection is made.
    pub(crate) fn open(&mut self, restarted: bool) {
        self.update(Update::Connection(Connection::Open {
            name: "core-runtime 0.1.0".into(),
            epoch: Some(EPOCH),
            restarted,
        }));
    }

    /// It is this many milliseconds after the beginning.
    pub(crate) fn at(&mut self, millis: u64) {
        let now = self.begun + Duration::from_millis(millis);
        self.send(Msg::Tick(now));
    }

    /// The connection is gone, and tried again in 3 s.
    pub(crate) fn down(&mut self) {
        let retry_at = self.ui.now + Duration::from_secs(3);
        self.update(Update::Connection(Connection::Down {
            reason: "connection refused".into(),
            retry_at,
        }));
    }

    /// What takes longer is done to its end.
    pub(crate) fn work(&mut self) {
        while self.model.work(Instant::now() + Duration::from_secs(1)) {}
        self.send(Msg::Tick(self.ui.now));
    }

    pub(crate) fn update(&mut self, said: Update) -> Vec<Effect> {
        self.send(Msg::Update(said))
    }

    pub(crate) fn send(&mut self, msg: Msg) -> Vec<Effect> {
        update(&mut self.model, &mut self.ui, msg)
    }

    /// Presses keys, written as in the file of bindings and apart by spaces.
    pub(crate) fn press(&mut self, keys: &str) -> Vec<Effect> {
        let mut effects = Vec::new();
        for key in keys.split_whitespace() {
            effects.extend(self.send(Msg::Key(key_event(key))));
        }
        effects
    }

    /// Types a text, character by character.
    pub(crate) fn enter(&mut self, text: &str) {
        for c in text.chars() {
            self.send(Msg::Key(KeyEvent::new(KeyCode::Char(c), KeyModifiers::NONE)));
        }
        self.work();
    }
}

fn key_event(key: &str) -> KeyEvent {
    let (modifiers, name) = match key.split_once('-') {
        Some(("ctrl", name)) => (KeyModifiers::CONTROL, name),
        Some(("shift", name)) => (KeyModifiers::SHIFT, name),
        _ => (KeyModifiers::NONE, key),
    };
    let code = match name {
        "enter" => KeyCode::Enter,
        "esc" => KeyCode::Esc,
        "tab" => KeyCode::Tab,
        "space" => KeyCode::Char(' '),
        "up" => KeyCode::Up,
        "down" => KeyCode::Down,
        "left" => KeyCode::Left,
        "right" => KeyCode::Right,
        "home" => KeyCode::Home,
        "end" => KeyCode::End,
        "pgup" => KeyCode::PageUp,
        "pgdn" => KeyCode::PageDown,
        "backspace" => KeyCode::Backspace,
        name => KeyCode::Char(name.chars().next().unwrap_or(' ')),
    };
    KeyEvent::new(code, modifiers)
}
