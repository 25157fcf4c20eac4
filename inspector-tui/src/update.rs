//! What happens and what comes of it: a pure function of the model, the screens' state and a message.

use std::path::PathBuf;
use std::time::Instant;

use crossterm::event::{KeyEvent, MouseEvent};

use crate::facts;

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
    /// It is this late. Send one before any other message whose time matters, and when [`wake_at`] says so.
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
    /// Write these bytes to a new file; answer with [`Msg::Done`].
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
