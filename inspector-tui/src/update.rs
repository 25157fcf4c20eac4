//! What happens and what comes of it: a pure function of the model, the screens' state and a message.

mod ask;
mod browse;
mod dialogs;
mod find;
mod lines;
mod mouse;
mod replay;
mod settle;
mod sheets;
mod text;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use crossterm::event::{Event, KeyCode, KeyEvent, KeyEventKind, MouseEvent};
use tui_input::backend::crossterm::EventHandler as _;

use crate::facts::{self, Connection, Request};
use crate::keys::{Action, Chord, Context};
use crate::model::Model;
use crate::theme::Tone;
use crate::ui::described::described;
use crate::ui::form::What;
use crate::ui::sheet::Sheet;
use crate::ui::{FLASH, Mode, NOTICE, Screen, Ui, request, rows};

/// How often a time that counts is written anew.
const WAITING: Duration = Duration::from_millis(100);

/// What happens.
#[derive(Clone, Debug)]
pub enum Msg {
    /// A key was pressed.
    Key(KeyEvent),
    /// The mouse was clicked or its wheel turned.
    Mouse(MouseEvent),
    /// A text was pasted.
    Paste(String),
    /// The terminal has so many columns and rows.
    Resize(u16, u16),
    /// The target said something.
    Update(facts::Update),
    /// It is this late: send one before other messages, after [`Model::work`], and when [`wake_at`] says so.
    Tick(Instant),
    /// An effect came to its end: what the footer should say, or why it failed.
    Done(Result<String, String>),
}

/// What is to be done outside.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Tell the I/O thread.
    Send(facts::Command),
    /// Put a text on the clipboard (OSC 52).
    Copy(String),
    /// Write this to a new file; answer with [`Msg::Done`].
    Export {
        /// The file.
        path: PathBuf,
        /// NDJSON.
        text: String,
    },
    /// Clear the terminal and draw all anew.
    Redraw,
    /// Suspend as Ctrl-Z does.
    Suspend,
    /// End.
    Quit,
}

/// Takes a message in, and gives back what is to be done outside.
pub fn update(model: &mut Model, ui: &mut Ui, msg: Msg) -> Vec<Effect> {
    let mut effects = Vec::new();
    match msg {
        Msg::Key(key) => {
            if key.kind == KeyEventKind::Release {
                return effects;
            }
            press(model, ui, key, &mut effects);
            rows::count_tree(model, ui);
        }
        Msg::Mouse(event) => {
            mouse::mouse(model, ui, event, &mut effects);
            rows::count_tree(model, ui);
        }
        Msg::Paste(pasted) => paste(model, ui, &pasted),
        Msg::Resize(width, height) => ui.size = (width, height),
        Msg::Update(said) => take(model, ui, said),
        Msg::Tick(now) => {
            ui.now = now;
            find::sought(model, ui);
            if model.tick(now) {
                rows::count_tree(model, ui);
                rows::refresh(model, ui, Screen::Warnings);
            }
            if ui
                .notice
                .as_ref()
                .is_some_and(|notice| now.saturating_duration_since(notice.at) >= NOTICE)
            {
                ui.notice = None;
            }
        }
        Msg::Done(Ok(said)) => ui.say(said, Tone::Good),
        Msg::Done(Err(said)) => ui.say(said, Tone::Bad),
    }
    sheets::settle(model, ui);
    settle::settle(model, ui);
    if let Some(request) = settle::wanted(model, ui) {
        let id = send(model, ui, request.clone(), &mut effects);
        ui.storage.asking = Some((id, request));
    }
    effects
}

/// When something on the screen changes though nothing happens, sooner than [`Model::next_tick`]: a waiting
/// dialog, a countdown, a lit row, a notice that goes.
pub fn wake_at(model: &Model, ui: &Ui) -> Option<Instant> {
    let waiting = matches!(&ui.mode, Mode::Outcome(outcome) if outcome.answer.is_none());
    let waiting = waiting.then(|| ui.now + WAITING);
    let down = matches!(model.connection(), Connection::Down { .. }).then(|| ui.now + WAITING);
    let notice = ui.notice.as_ref().map(|notice| notice.at + NOTICE);
    let lit = (ui.screen == Screen::State)
        .then(|| {
            let changed = |state: &facts::State| model.watched().state_changed(&state.key);
            let until = rows::states(model)
                .iter()
                .filter_map(changed)
                .map(|since| since + FLASH);
            until.filter(|until| *until > ui.now).min()
        })
        .flatten();
    [waiting, down, notice, lit].into_iter().flatten().min()
}

/// Takes over what the target said.
fn take(model: &mut Model, ui: &mut Ui, said: facts::Update) {
    let mut refresh: &[Screen] = &[];
    match &said {
        // In a recording the state is as it was, event by event.
        facts::Update::Items(_) if ui.options.replay => refresh = &[Screen::State],
        facts::Update::Items(_) => {}
        facts::Update::Snapshot(_) => {
            refresh = &[
                Screen::Overview,
                Screen::Plugins,
                Screen::Services,
                Screen::State,
                Screen::Warnings,
            ];
        }
        facts::Update::Answer { id, answer, took } => {
            if !ui.storage.answered(*id, answer) {
                changed(model, ui, *id, answer);
            }
            refresh = &[Screen::Storage];
            match &mut ui.mode {
                Mode::Outcome(outcome) if outcome.id == *id => outcome.answer = Some((answer.clone(), *took)),
                _ => {
                    // The dialog was closed before the answer came.
                    let waiting = model
                        .requests()
                        .in_flight()
                        .iter()
                        .find(|waiting| waiting.id == *id);
                    if let (Some(Request::Describe { service, .. }), facts::Answer::Json(json)) =
                        (waiting.map(|waiting| &waiting.request), answer)
                        && let Mode::Form(form) = &mut ui.mode
                        && form.what == What::Call(service.clone())
                        && let Some(described) = described(json, service)
                    {
                        form.describe(described);
                    }
                    if let Some(waiting) = waiting
                        && waiting.request.acts()
                    {
                        let (good, said) = request::answer(&waiting.request, answer);
                        let said = format!("{}: {said}", request::title(&waiting.request));
                        ui.say(said, if good { Tone::Good } else { Tone::Bad });
                    }
                }
            }
        }
        facts::Update::Connection(Connection::Open { restarted, .. }) => {
            refresh = &[Screen::Storage];
            // What could not be read is tried again; what another start of the runtime stored may differ.
            ui.storage.forget();
            if *restarted {
                ui.say("the runtime was started anew", Tone::Warn);
            }
        }
        facts::Update::Connection(said) => {
            if let (Connection::Down { reason, .. }, true) = (said, model.is_open()) {
                ui.say(format!("the target is gone: {reason}"), Tone::Bad);
            }
            // Whatever was asked for does not come any more.
            ui.storage.asking = None;
            refresh = &[Screen::Storage];
        }
        facts::Update::Playing(_) => {}
        facts::Update::Rewound => {
            // The rows have other numbers now.
            (ui.event, ui.chain, ui.tree_len) = (None, None, 0);
            ui.folded.clear();
            ui.marks.retain(|_, mark| mark.screen != Screen::Events);
            if matches!(ui.sheet, Some(Sheet::Trace(_))) {
                ui.sheet = None;
            }
        }
        facts::Update::Notice(notice) => ui.say(notice.clone(), Tone::Good),
        facts::Update::Recording(Ok(Some(path))) => {
            ui.say(format!("recording to {}", path.display()), Tone::Good)
        }
        facts::Update::Recording(Ok(None)) => ui.say("the recording has ended", Tone::Good),
        facts::Update::Recording(Err(why)) => ui.say(format!("no recording: {why}"), Tone::Bad),
    }
    model.apply(said, ui.now);
    for screen in refresh {
        rows::refresh(model, ui, *screen);
    }
}

/// What was stored or deleted from here is read anew.
fn changed(model: &Model, ui: &mut Ui, id: u32, answer: &facts::Answer) {
    let waiting = model
        .requests()
        .in_flight()
        .iter()
        .find(|waiting| waiting.id == id);
    if let Some(Request::StorageSet { namespace, .. } | Request::StorageDelete { namespace, .. }) =
        waiting.map(|waiting| &waiting.request)
        && !matches!(answer, facts::Answer::Failed(..))
    {
        ui.storage.forget_namespace(namespace);
    }
}

/// A key: to whatever has the keys.
fn press(model: &mut Model, ui: &mut Ui, key: KeyEvent, effects: &mut Vec<Effect>) {
    ui.notice = None;
    if let Mode::Letter(letter) = ui.mode {
        ui.mode = Mode::Browse;
        match key.code {
            KeyCode::Char(c) => find::letter(model, ui, letter, c),
            KeyCode::Esc => {}
            _ => ui.say("a letter was waited for", Tone::Warn),
        }
        return;
    }
    let contexts = ui.contexts();
    let found = ui.keys.action(&contexts, Chord::from(key));
    match (found, &mut ui.mode) {
        (Some((_, action)), Mode::Browse) => browse::act(model, ui, action, effects),
        (Some((Context::Line, action)), Mode::Line(_)) => lines::act(model, ui, action, effects),
        (None, Mode::Line(line)) => {
            line.input.handle_event(&Event::Key(key));
            lines::typed(model, ui);
        }
        (Some((_, action)), Mode::Palette(_)) => lines::palette(model, ui, action, effects),
        (None, Mode::Palette(palette)) => {
            palette.input.handle_event(&Event::Key(key));
            palette.at = 0;
        }
        (Some((_, action)), Mode::Help(_)) => lines::help(ui, action),
        (Some((_, action)), Mode::Form(_) | Mode::Question(..) | Mode::Outcome(_)) => {
            dialogs::act(model, ui, action, effects);
        }
        (None, Mode::Form(form)) => {
            form.refused = None;
            if let Some(field) = form.focused() {
                if Chord::from(key).types() {
                    field.begin_typing();
                }
                field.stands_in = false;
                field.input.handle_event(&Event::Key(key));
            }
        }
        _ => {}
    }
    // What ends the program ends it wherever the keys are, as long as no text is typed with it.
    if found.is_none()
        && !matches!(ui.mode, Mode::Browse)
        && !Chord::from(key).types()
        && let Some((_, action @ (Action::Quit | Action::Suspend | Action::Redraw))) =
            ui.keys.action(&[Context::Global], Chord::from(key))
    {
        browse::act(model, ui, action, effects);
    }
}

/// A paste goes where text is typed, as one line, and is no key anywhere else.
fn paste(model: &mut Model, ui: &mut Ui, pasted: &str) {
    let pasted = crate::ui::form::one_line(pasted);
    let insert = |input: &mut tui_input::Input| {
        let (at, value) = (input.cursor(), input.value());
        let cut = value.char_indices().nth(at).map_or(value.len(), |(byte, _)| byte);
        let (before, after) = value.split_at(cut);
        let joined = format!("{before}{pasted}{after}");
        *input = tui_input::Input::new(joined).with_cursor(at + pasted.chars().count());
    };
    match &mut ui.mode {
        Mode::Line(line) => {
            insert(&mut line.input);
            lines::typed(model, ui);
        }
        Mode::Palette(palette) => {
            insert(&mut palette.input);
            palette.at = 0;
        }
        Mode::Form(form) => {
            form.refused = None;
            if let Some(field) = form.focused() {
                field.begin_typing();
                insert(&mut field.input);
            }
        }
        _ => ui.say(
            "there is nothing to paste into: open a filter or a form first",
            Tone::Warn,
        ),
    }
}

/// Gives a request its number and has it sent.
fn send(model: &mut Model, ui: &Ui, request: Request, effects: &mut Vec<Effect>) -> u32 {
    let command = model.begin(request, ui.now);
    let id = match &command {
        facts::Command::Request { id, .. } => *id,
        _ => 0,
    };
    effects.push(Effect::Send(command));
    id
}

#[cfg(test)]
mod tests;
