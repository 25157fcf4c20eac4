//! Keys: one table of actions, the bindings in force, and their file.

mod chord;
mod file;
mod table;

use std::collections::HashMap;

pub use chord::Chord;
pub use file::print;
pub use table::ACTIONS;

/// What a key can do. One action may mean something else in another context.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the table says what each does")]
pub enum Action {
    Overview,
    Events,
    Plugins,
    Services,
    State,
    Storage,
    Warnings,
    NextScreen,
    PreviousScreen,
    Help,
    Palette,
    Back,
    Publish,
    Record,
    Reconnect,
    Redraw,
    Suspend,
    Quit,
    Up,
    Down,
    PageUp,
    PageDown,
    Home,
    End,
    Enter,
    DetailUp,
    DetailDown,
    Filter,
    FilterFrom,
    Search,
    SearchNext,
    SearchPrevious,
    Mark,
    Jump,
    Copy,
    Export,
    Pause,
    Tree,
    Cause,
    Focus,
    Chart,
    Rates,
    Capacities,
    Latency,
    Graph,
    Trace,
    Remember,
    Compare,
    ZoomIn,
    ZoomOut,
    Earlier,
    Later,
    PlayPause,
    Slower,
    Faster,
    SeekBack,
    SeekForward,
    StepBack,
    StepForward,
    Seek,
    NextNumber,
    PreviousNumber,
    Sort,
    Start,
    Stop,
    Reload,
    Call,
    Edit,
    Delete,
    New,
    Refresh,
    Send,
    NextField,
    PreviousField,
    Cancel,
    Again,
    Accept,
}

/// Where a binding is valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Context {
    /// On every screen.
    Global,
    /// On every screen with a list: all.
    List,
    /// On the Events screen.
    Events,
    /// On the Plugins screen.
    Plugins,
    /// On the Services screen.
    Services,
    /// On the State screen.
    State,
    /// On the Storage screen.
    Storage,
    /// In a chart.
    Chart,
    /// In the graph and in a trace.
    Walk,
    /// Where a recording is played, on every screen.
    Replay,
    /// In a form.
    Form,
    /// In a question.
    Question,
    /// Where an answer is shown.
    Result,
    /// In a line that is typed: filter, search, palette, file name.
    Line,
    /// In the help.
    Pages,
}

impl Context {
    /// All of them, in the order in which they are shown.
    pub const ALL: [Context; 15] = [
        Context::Global,
        Context::List,
        Context::Events,
        Context::Plugins,
        Context::Services,
        Context::State,
        Context::Storage,
        Context::Chart,
        Context::Walk,
        Context::Replay,
        Context::Form,
        Context::Question,
        Context::Result,
        Context::Line,
        Context::Pages,
    ];

    /// Its name in the file.
    pub const fn name(self) -> &'static str {
        match self {
            Context::Global => "global",
            Context::List => "list",
            Context::Events => "events",
            Context::Plugins => "plugins",
            Context::Services => "services",
            Context::State => "state",
            Context::Storage => "storage",
            Context::Chart => "chart",
            Context::Walk => "walk",
            Context::Replay => "replay",
            Context::Form => "form",
            Context::Question => "question",
            Context::Result => "result",
            Context::Line => "line",
            Context::Pages => "help",
        }
    }

    /// Its title in the help.
    pub const fn title(self) -> &'static str {
        match self {
            Context::Global => "Everywhere",
            Context::List => "Lists",
            Context::Events => "Events",
            Context::Plugins => "Plugins",
            Context::Services => "Services",
            Context::State => "State",
            Context::Storage => "Storage",
            Context::Chart => "Charts",
            Context::Walk => "Who talks to whom, and traces",
            Context::Replay => "A recording",
            Context::Form => "Forms",
            Context::Question => "Questions",
            Context::Result => "Answers",
            Context::Line => "Lines (filter, search, commands)",
            Context::Pages => "Help",
        }
    }

    /// True where text is typed, so that no plain character can be a key.
    pub const fn typed(self) -> bool {
        matches!(self, Context::Form | Context::Line)
    }

    /// True when both can be valid at the same time.
    fn meets(self, other: Context) -> bool {
        /// How near to the screen: what is everywhere, what lists have, the screen's or a sheet's own.
        fn layer(context: Context) -> Option<u8> {
            match context {
                Context::Global | Context::Replay => Some(0),
                Context::List => Some(1),
                Context::Events
                | Context::Plugins
                | Context::Services
                | Context::State
                | Context::Storage => Some(2),
                // There is no list of a screen below these.
                Context::Chart | Context::Walk => Some(3),
                _ => None,
            }
        }
        match (layer(self), layer(other)) {
            _ if self == other => true,
            (Some(0), Some(_)) | (Some(_), Some(0)) => true,
            (Some(one), Some(two)) => one + two == 3 && one.min(two) == 1,
            _ => false,
        }
    }
}

/// A row of the table.
#[derive(Clone, Copy, Debug)]
pub struct Spec {
    /// The action.
    pub action: Action,
    /// Where it is valid.
    pub context: Context,
    /// Its name in the file and in the palette.
    pub name: &'static str,
    /// The keys it has unless the file says otherwise.
    pub keys: &'static [&'static str],
    /// A word for the footer; empty when it is not shown there.
    pub label: &'static str,
    /// A sentence for the help.
    pub help: &'static str,
    /// True when it changes something at the target, so that it is off with `--read-only`.
    pub acts: bool,
}

/// The bindings in force.
#[derive(Clone, Debug)]
pub struct KeyMap {
    /// The keys of each row of [`ACTIONS`].
    keys: Vec<Vec<Chord>>,
    index: HashMap<(Context, Chord), Action>,
}

impl Default for KeyMap {
    fn default() -> Self {
        KeyMap::read("").expect("the table's own keys are valid: there is a test")
    }
}

impl KeyMap {
    /// The bindings of a file: the table's own where it says nothing.
    pub fn read(file: &str) -> Result<Self, String> {
        let keys = file::read(file)?;
        let mut index = HashMap::new();
        for (spec, chords) in ACTIONS.iter().zip(&keys) {
            for chord in chords {
                index.insert((spec.context, *chord), spec.action);
            }
        }
        Ok(KeyMap { keys, index })
    }

    /// What the key does where these contexts are valid, the first one first.
    pub fn action(&self, contexts: &[Context], chord: Chord) -> Option<(Context, Action)> {
        contexts.iter().find_map(|context| {
            self.index
                .get(&(*context, chord))
                .map(|action| (*context, *action))
        })
    }

    /// The rows that are valid in a context, with their keys.
    pub fn rows(&self, context: Context) -> impl Iterator<Item = (&'static Spec, &[Chord])> {
        ACTIONS
            .iter()
            .zip(&self.keys)
            .filter(move |(spec, _)| spec.context == context)
            .map(|(spec, keys)| (spec, keys.as_slice()))
    }

    /// The first key of an action, where one is bound.
    pub fn key(&self, context: Context, action: Action) -> Option<Chord> {
        self.rows(context)
            .find(|(spec, _)| spec.action == action)
            .and_then(|(_, keys)| keys.first().copied())
    }
}
