//! What the screens remember between two key presses: all that the target did not say.

mod cells;
pub mod described;
pub mod form;
pub mod fuzzy;
pub mod list;
pub mod request;
pub mod rows;
pub mod sheet;
pub mod storage;

use std::collections::{BTreeMap, HashSet};
use std::time::{Duration, Instant};

use tui_input::Input;

use crate::chain::Chain;
use crate::facts::{Answer, Request, Snapshot};
use crate::keys::{Context, KeyMap};
use crate::ring::RowId;
use crate::theme::{Theme, Tone};
use crate::topics::NodeId;
use form::Form;
use list::List;
use sheet::Sheet;

/// A screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Screen {
    Overview,
    Events,
    Plugins,
    Services,
    State,
    Storage,
    Warnings,
}

impl Screen {
    /// All of them, in the order of their keys.
    pub const ALL: [Screen; 7] = [
        Screen::Overview,
        Screen::Events,
        Screen::Plugins,
        Screen::Services,
        Screen::State,
        Screen::Storage,
        Screen::Warnings,
    ];

    /// Its title.
    pub const fn title(self) -> &'static str {
        match self {
            Screen::Overview => "Overview",
            Screen::Events => "Events",
            Screen::Plugins => "Plugins",
            Screen::Services => "Services",
            Screen::State => "State",
            Screen::Storage => "Storage",
            Screen::Warnings => "Warnings",
        }
    }

    /// The context of its own keys.
    pub const fn context(self) -> Option<Context> {
        match self {
            Screen::Events => Some(Context::Events),
            Screen::Plugins => Some(Context::Plugins),
            Screen::Services => Some(Context::Services),
            Screen::State => Some(Context::State),
            Screen::Storage => Some(Context::Storage),
            Screen::Overview | Screen::Warnings => None,
        }
    }
}

/// What was decided when the program started.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The target, as it was written.
    pub target: String,
    /// Nothing at the target may be changed.
    pub read_only: bool,
    /// The target is a recording: there is nobody to ask.
    pub replay: bool,
}

/// What a line is typed for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LineFor {
    /// The filter of the screen: it is applied as it is typed.
    Filter,
    /// The search: it highlights as it is typed.
    Search,
    /// The file to record to.
    Record,
    /// The file to export to.
    Export,
    /// What to chart: a topic filter, and the path of a number.
    Chart,
    /// Where to go in a recording.
    Seek,
}

/// A line that is typed at the bottom.
#[derive(Clone, Debug)]
pub struct Line {
    /// What for.
    pub what: LineFor,
    /// What is typed.
    pub input: Input,
    /// What there was before, for when it is abandoned.
    pub before: String,
    /// The place in the lines typed before.
    pub older: usize,
}

/// What a letter is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Letter {
    /// The mark to set.
    Mark,
    /// The mark to jump to.
    Jump,
    /// What of the selected event the filter is made of.
    Filter,
}

/// A request that was sent from a dialog, and what came back.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The request.
    pub request: Request,
    /// Its number.
    pub id: u32,
    /// When it was sent.
    pub sent: Instant,
    /// The answer, and the time it took.
    pub answer: Option<(Answer, Duration)>,
    /// The form it came from.
    pub form: Option<Box<Form>>,
    /// How far the answer is scrolled.
    pub scroll: usize,
}

/// The palette: commands by their names.
#[derive(Clone, Debug, Default)]
pub struct Palette {
    /// What is typed.
    pub input: Input,
    /// The choice.
    pub at: usize,
}

/// What has the keys.
#[derive(Clone, Debug, Default)]
pub enum Mode {
    /// The screen.
    #[default]
    Browse,
    /// A line.
    Line(Line),
    /// A letter that is waited for.
    Letter(Letter),
    /// The palette.
    Palette(Palette),
    /// The help, scrolled so far.
    Help(usize),
    /// A form.
    Form(Form),
    /// A request, and whether it should be sent; why not, when it was refused.
    Question(Request, Option<String>),
    /// A request that was sent.
    Outcome(Outcome),
}

/// A place to come back to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    /// On which screen.
    pub screen: Screen,
    /// What: a name, or an event's sequence number.
    pub id: String,
}

/// Something said in the footer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// What.
    pub text: String,
    /// How it is meant.
    pub tone: Tone,
    /// When it was said.
    pub at: Instant,
}

/// How long a notice stays.
pub const NOTICE: Duration = Duration::from_secs(6);
/// How long a row that changed is lit.
pub const FLASH: Duration = Duration::from_millis(1_200);

/// All that the screens remember.
#[derive(Debug)]
pub struct Ui {
    /// What was decided when the program started.
    pub options: Options,
    /// The keys.
    pub keys: KeyMap,
    /// Colours and glyphs.
    pub theme: Theme,
    /// The time as of the last `Msg::Tick`.
    pub now: Instant,
    /// Columns and rows of the terminal.
    pub size: (u16, u16),
    /// The screen that is shown.
    pub screen: Screen,
    /// What lies over the screen.
    pub sheet: Option<Sheet>,
    /// The list of each screen.
    pub lists: [List; 7],
    /// What has the keys.
    pub mode: Mode,
    /// True while the Events screen shows the newest events.
    pub follow: bool,
    /// The topic tree: shown, and its list.
    pub tree: Option<List>,
    /// True when the topic tree has the keys.
    pub tree_focus: bool,
    /// The branches of the topic tree that are closed.
    pub folded: HashSet<NodeId>,
    /// How many lines the topic tree has.
    pub tree_len: usize,
    /// The event that is selected.
    pub event: Option<RowId>,
    /// What led to the selected event and what it led to: of which row, and as of when.
    pub chain: Option<(RowId, Instant, Chain)>,
    /// What is known of the storage.
    pub storage: storage::Browser,
    /// True while the model looks for the next row that has it.
    pub seeking: bool,
    /// What is looked for.
    pub search: String,
    /// The marks.
    pub marks: BTreeMap<char, Mark>,
    /// The filters that were typed before, oldest first.
    pub history: Vec<String>,
    /// The state of everything that the present one is compared with.
    pub remembered: Option<Box<Snapshot>>,
    /// What the footer says.
    pub notice: Option<Notice>,
}

impl Ui {
    /// The state of the screens when the program starts.
    pub fn new(options: Options, keys: KeyMap, theme: Theme, now: Instant) -> Self {
        Ui {
            options,
            keys,
            theme,
            now,
            size: (80, 24),
            screen: Screen::Overview,
            sheet: None,
            lists: Default::default(),
            mode: Mode::Browse,
            follow: true,
            tree: None,
            tree_focus: false,
            folded: HashSet::new(),
            tree_len: 0,
            event: None,
            chain: None,
            storage: storage::Browser::default(),
            seeking: false,
            search: String::new(),
            marks: BTreeMap::new(),
            history: Vec::new(),
            remembered: None,
            notice: None,
        }
    }

    /// The list of the screen that is shown.
    pub fn list(&self) -> &List {
        &self.lists[self.screen as usize]
    }

    /// The list of the screen that is shown.
    pub fn list_mut(&mut self) -> &mut List {
        &mut self.lists[self.screen as usize]
    }

    /// The contexts whose keys are valid, the first one first.
    pub fn contexts(&self) -> Vec<Context> {
        match &self.mode {
            Mode::Browse => self.of_screen(),
            Mode::Line(_) | Mode::Palette(_) => vec![Context::Line],
            Mode::Letter(_) => Vec::new(),
            Mode::Help(_) => vec![Context::Pages],
            Mode::Form(_) => vec![Context::Form],
            Mode::Question(..) => vec![Context::Question],
            Mode::Outcome(_) => vec![Context::Result],
        }
    }

    /// The contexts of the screen, or of what lies over it.
    pub fn of_screen(&self) -> Vec<Context> {
        let (own, list) = match &self.sheet {
            Some(sheet) => (Some(sheet.context()), None),
            None => (self.screen.context(), Some(Context::List)),
        };
        let replay = self.options.replay.then_some(Context::Replay);
        [own, replay, list, Some(Context::Global)]
            .into_iter()
            .flatten()
            .collect()
    }

    /// Says something in the footer.
    pub fn say(&mut self, text: impl Into<String>, tone: Tone) {
        self.notice = Some(Notice {
            text: text.into(),
            tone,
            at: self.now,
        });
    }

    /// Why nothing may be changed at the target, where that is so.
    pub fn forbidden(&self) -> Option<&'static str> {
        if self.options.replay {
            Some("this is a recording: there is nobody to ask")
        } else if self.options.read_only {
            Some("started with --read-only: nothing at the target is changed")
        } else {
            None
        }
    }
}
