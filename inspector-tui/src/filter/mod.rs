//! The filter of the events, and of the lists: its language, and what passes.
//!
//! ```text
//! topic:device.> src:thermo state="on" value>25 !retry "two words" | .value * 2
//! ```
//!
//! An event passes when all terms hold. `!` turns the term after it around.
//!
//! | term | holds for an event |
//! |---|---|
//! | `topic:device.>` | whose topic the subject filter matches |
//! | `src:thermo` | whose source contains the text |
//! | `recv:light` | that a plugin got whose name contains the text |
//! | `lost:bus`, `lost:link`, `lost:any` | none, but for gaps that were made there |
//! | `state="on"`, `a.b!=1`, `value>25` | whose payload has the field (a dotted path; `.` is the payload itself) with such a value |
//! | `word`, `"two words"` | whose topic or payload contains the text, in upper or lower case |
//!
//! What follows ` | ` is a [jq](https://jqlang.org) expression on the payload, with `$topic`,
//! `$source`, `$seq` and `$time`: an event passes when its first output is neither `null` nor
//! `false`, and that output is shown as its value.
//!
//! On a list the columns are the fields: `state:failed` for one that contains the text, `calls>100`, `value.open=true`; and
//! a word is looked for in all of its texts. What only events have is refused there.
//!
//! Gaps pass every filter, since nobody knows what was in them; `!lost:any` hides them.

mod columns;
mod field;
pub mod jq;
mod matcher;
mod parse;
mod text;
mod view;

pub use columns::{Cell, Columns, ListFilter};
pub use field::{Number, Operand, Operator, number, text as text_at};
pub use matcher::Matcher;
pub use parse::{Filter, MAX_TERMS, Term, What, field_path, parse, topic_filter};
pub use text::Needle;
pub use view::{JqState, View};

use std::fmt;
use std::sync::Arc;

/// Called, from any thread, when a jq worker has answered: there is more to take over then.
pub type Wake = Arc<dyn Fn() + Send + Sync>;

/// Why a filter does not parse, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilterError {
    /// The bytes of the text that are wrong.
    pub span: std::ops::Range<usize>,
    /// Why, and what to do.
    pub reason: String,
}

impl fmt::Display for FilterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "at {}: {}", self.span.start, self.reason)
    }
}

impl std::error::Error for FilterError {}

#[cfg(test)]
mod tests;
