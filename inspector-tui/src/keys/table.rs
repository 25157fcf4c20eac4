//! The one table of actions: what the keys do, what the footer, the help and the palette say of them.

use super::{Action, Context, Spec};

/// Builds a row of the table.
const fn row(
    action: Action,
    context: Context,
    name: &'static str,
    keys: &'static [&'static str],
    label: &'static str,
    help: &'static str,
) -> Spec {
    Spec {
        action,
        context,
        name,
        keys,
        label,
        help,
        acts: false,
    }
}

/// A row of an action that changes something at the target.
const fn acting(spec: Spec) -> Spec {
    Spec { acts: true, ..spec }
}

/// Every action, by context, in the order in which they are shown.
#[rustfmt::skip]
pub const ACTIONS: &[Spec] = &[
    row(Action::Overview, Context::Global, "overview", &["1"], "", "Screen: Overview"),
    row(Action::Events, Context::Global, "events", &["2"], "", "Screen: Events"),
    row(Action::Plugins, Context::Global, "plugins", &["3"], "", "Screen: Plugins"),
    row(Action::Services, Context::Global, "services", &["4"], "", "Screen: Services"),
    row(Action::State, Context::Global, "state", &["5"], "", "Screen: State"),
    row(Action::Storage, Context::Global, "storage", &["6"], "", "Screen: Storage"),
    row(Action::Warnings, Context::Global, "warnings", &["7"], "", "Screen: Warnings"),
    row(Action::NextScreen, Context::Global, "next-screen", &["tab"], "", "Next screen"),
    row(Action::PreviousScreen, Context::Global, "previous-screen", &["shift-tab"], "", "Previous screen"),
    row(Action::Help, Context::Global, "help", &["?"], "help", "All keys that are valid here"),
    row(Action::Palette, Context::Global, "palette", &[":"], "commands", "Find a command by its name"),
    row(Action::Back, Context::Global, "back", &["esc"], "", "Up: close what is open, take the filter back, then to the Overview"),
    row(Action::Chart, Context::Global, "chart", &["v"], "", "Chart the selected number, or `chart FILTER PATH`; without PATH the rates"),
    row(Action::Rates, Context::Global, "rates", &[], "", "Chart the events a second of each topic"),
    row(Action::Capacities, Context::Global, "capacities", &[], "", "Chart the use of the capacities"),
    row(Action::Latency, Context::Global, "latency", &[], "", "Chart how long calls took, as a heat map"),
    row(Action::Trace, Context::Global, "trace", &["T"], "", "All that led to the selected event and all that followed, or `trace SEQ`"),
    row(Action::Graph, Context::Global, "graph", &["W"], "", "Who talks to whom: plugins, topics and services, with loops and what nobody hears"),
    row(Action::Remember, Context::Global, "remember", &["b"], "", "Remember the state of everything as it is now, to compare with"),
    row(Action::Compare, Context::Global, "compare", &["B"], "", "What differs from what was remembered: state, plugins, services, subscriptions"),
    row(Action::Publish, Context::Global, "publish", &["P"], "", "Publish an event"),
    row(Action::Record, Context::Global, "record", &["w"], "", "Record the stream to a file, or end the recording"),
    row(Action::Reconnect, Context::Global, "reconnect", &["ctrl-r"], "", "Try to connect now"),
    row(Action::Redraw, Context::Global, "redraw", &["ctrl-l"], "", "Draw the screen anew"),
    row(Action::Suspend, Context::Global, "suspend", &["ctrl-z"], "", "Suspend; `fg` brings the inspector back"),
    row(Action::Quit, Context::Global, "quit", &["q", "ctrl-c"], "quit", "Quit"),

    row(Action::Up, Context::List, "up", &["up", "k"], "", "One row up"),
    row(Action::Down, Context::List, "down", &["down", "j"], "", "One row down"),
    row(Action::PageUp, Context::List, "page-up", &["pgup", "ctrl-b"], "", "One page up"),
    row(Action::PageDown, Context::List, "page-down", &["pgdn", "ctrl-f"], "", "One page down"),
    row(Action::Home, Context::List, "home", &["home", "g"], "", "To the first row"),
    row(Action::End, Context::List, "end", &["end", "G"], "", "To the last row; follows the events"),
    row(Action::Enter, Context::List, "open", &["enter"], "detail", "Open or close the detail of the selection; in Storage, what it holds"),
    row(Action::DetailUp, Context::List, "detail-up", &["K", "shift-up"], "", "Scroll the detail up"),
    row(Action::DetailDown, Context::List, "detail-down", &["J", "shift-down"], "", "Scroll the detail down"),
    row(Action::Filter, Context::List, "filter", &["/"], "filter", "Filter as you type; Esc takes it back"),
    row(Action::FilterFrom, Context::List, "filter-from", &["f"], "", "Filter by the selection"),
    row(Action::Search, Context::List, "search", &["s"], "", "Search: highlights without hiding"),
    row(Action::SearchNext, Context::List, "search-next", &["n"], "", "Next match of the search"),
    row(Action::SearchPrevious, Context::List, "search-previous", &["N"], "", "Previous match of the search"),
    row(Action::Mark, Context::List, "mark", &["m"], "", "Mark the selection with a letter"),
    row(Action::Jump, Context::List, "jump", &["'"], "", "Jump to a mark"),
    row(Action::Copy, Context::List, "copy", &["y"], "copy", "Copy the selection to the clipboard, as JSON"),
    row(Action::Export, Context::List, "export", &["e"], "", "Export the selection and all that the filter shows, as NDJSON"),

    row(Action::Pause, Context::Events, "pause", &["space"], "pause", "Pause or follow the stream"),
    row(Action::Tree, Context::Events, "topics", &["t"], "topics", "Show or hide the topic tree"),
    row(Action::Cause, Context::Events, "cause", &["c"], "cause", "Go to the event that led to this one"),
    row(Action::Focus, Context::Events, "focus", &["left", "right"], "", "Between the topic tree and the events"),

    row(Action::Sort, Context::Plugins, "sort", &["o"], "sort", "Order by the next column"),
    acting(row(Action::Start, Context::Plugins, "start", &["S"], "start", "Start the plugin")),
    acting(row(Action::Stop, Context::Plugins, "stop", &["X"], "stop", "Stop the plugin")),
    acting(row(Action::Reload, Context::Plugins, "reload", &["R"], "reload", "Reload the plugin: unload it and bring it back")),

    row(Action::Sort, Context::Services, "sort", &["o"], "sort", "Order by the next column"),
    acting(row(Action::Call, Context::Services, "call", &["c"], "call", "Call the service from a form")),

    acting(row(Action::Edit, Context::State, "edit", &["E"], "edit", "Set the value, if it is still the version seen")),
    acting(row(Action::Delete, Context::State, "delete", &["D"], "delete", "Delete the key, if it is still the version seen")),
    acting(row(Action::New, Context::State, "new", &["A"], "", "Set a new key")),

    row(Action::Refresh, Context::Storage, "refresh", &["r"], "refresh", "Read anew")    ,
    acting(row(Action::Edit, Context::Storage, "edit", &["E"], "edit", "Store another value")),
    acting(row(Action::Delete, Context::Storage, "delete", &["D"], "delete", "Delete the value")),
    acting(row(Action::New, Context::Storage, "new", &["A"], "", "Store a new key")),

    row(Action::Pause, Context::Chart, "pause", &["space"], "pause", "Pause or follow what comes"),
    row(Action::ZoomIn, Context::Chart, "zoom-in", &["+", "="], "zoom", "Show less time"),
    row(Action::ZoomOut, Context::Chart, "zoom-out", &["-"], "", "Show more time"),
    row(Action::Earlier, Context::Chart, "earlier", &["left"], "earlier", "Go back by a quarter of the time shown"),
    row(Action::Later, Context::Chart, "later", &["right"], "", "Go forward by a quarter of the time shown"),
    row(Action::End, Context::Chart, "now", &["end", "G"], "", "Follow what comes"),
    row(Action::NextNumber, Context::Chart, "next-number", &["n"], "next number", "Chart the next number of the same payloads"),
    row(Action::PreviousNumber, Context::Chart, "previous-number", &["N"], "", "Chart the number before"),
    row(Action::Export, Context::Chart, "export-svg", &["e"], "svg", "Write the chart to a file, as SVG"),

    row(Action::Up, Context::Walk, "walk-up", &["up", "k"], "", "One row up"),
    row(Action::Down, Context::Walk, "walk-down", &["down", "j"], "", "One row down"),
    row(Action::PageUp, Context::Walk, "walk-page-up", &["pgup", "ctrl-b"], "", "One page up"),
    row(Action::PageDown, Context::Walk, "walk-page-down", &["pgdn", "ctrl-f"], "", "One page down"),
    row(Action::Home, Context::Walk, "walk-home", &["home", "g"], "", "To the first row"),
    row(Action::End, Context::Walk, "walk-end", &["end", "G"], "", "To the last row"),
    row(Action::Enter, Context::Walk, "walk-open", &["enter"], "open", "In the graph, open or close what is below; in a trace, show the event"),
    row(Action::Later, Context::Walk, "walk-in", &["right"], "", "Open what is below"),
    row(Action::Earlier, Context::Walk, "walk-out", &["left"], "", "Close what is below, or go to what is above"),
    row(Action::Export, Context::Walk, "export-walk", &["e"], "export", "Write the graph as DOT, Mermaid (.mmd) or JSON (.json), or the trace as OTLP (.otlp.json) or for Chrome"),

    row(Action::PlayPause, Context::Replay, "play", &["p"], "play", "Pause the recording, or go on"),
    row(Action::Slower, Context::Replay, "slower", &["<"], "", "Half the speed"),
    row(Action::Faster, Context::Replay, "faster", &[">"], "speed", "Twice the speed"),
    row(Action::SeekBack, Context::Replay, "seek-back", &["["], "", "Ten seconds back"),
    row(Action::SeekForward, Context::Replay, "seek-forward", &["]"], "seek", "Ten seconds forward"),
    row(Action::StepBack, Context::Replay, "step-back", &[","], "", "One event back, and pause"),
    row(Action::StepForward, Context::Replay, "step", &["."], "step", "One event forward, and pause"),
    row(Action::Seek, Context::Replay, "seek", &["@"], "", "Go to a time since the beginning, such as 1h20m, or to an event, such as #1234"),

    row(Action::Send, Context::Form, "send", &["enter"], "send", "Send the request as it is shown"),
    row(Action::NextField, Context::Form, "next-field", &["tab", "down"], "next field", "Next field"),
    row(Action::PreviousField, Context::Form, "previous-field", &["shift-tab", "up"], "", "Previous field"),
    row(Action::Cancel, Context::Form, "cancel", &["esc"], "cancel", "Close without sending"),

    row(Action::Send, Context::Question, "yes", &["y", "enter"], "yes, send", "Send the request as it is shown"),
    row(Action::Cancel, Context::Question, "no", &["n", "esc"], "no", "Close without sending"),

    row(Action::Cancel, Context::Result, "close", &["esc", "enter", "q"], "close", "Close"),
    row(Action::Again, Context::Result, "again", &["a"], "again", "Back to the form, to send once more"),
    row(Action::Copy, Context::Result, "copy-reply", &["y"], "copy", "Copy the reply"),
    row(Action::Up, Context::Result, "scroll-up", &["up", "k"], "", "Scroll up"),
    row(Action::Down, Context::Result, "scroll-down", &["down", "j"], "scroll", "Scroll down"),

    row(Action::Accept, Context::Line, "accept", &["enter"], "accept", "Accept the line"),
    row(Action::Cancel, Context::Line, "abandon", &["esc"], "abandon", "Abandon the line"),
    row(Action::Up, Context::Line, "line-up", &["up"], "", "Previous choice, or an older line"),
    row(Action::Down, Context::Line, "line-down", &["down"], "", "Next choice, or a newer line"),

    row(Action::Cancel, Context::Pages, "leave", &["esc", "q", "?"], "close", "Close the help"),
    row(Action::Up, Context::Pages, "help-up", &["up", "k"], "", "Scroll up"),
    row(Action::Down, Context::Pages, "help-down", &["down", "j"], "scroll", "Scroll down"),
    row(Action::PageUp, Context::Pages, "help-page-up", &["pgup"], "", "One page up"),
    row(Action::PageDown, Context::Pages, "help-page-down", &["pgdn", "space"], "page", "One page down"),
];
