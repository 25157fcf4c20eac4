//! Characters as they are shown: what would move the cursor, turn the direction or hide is shown as its code.

use unicode_width::UnicodeWidthChar;

/// What is shown for a character that is not shown as itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shown {
    /// Itself, in so many columns.
    Itself(usize),
    /// Its code.
    Code,
    /// Nothing: it would only choose how wide the one before it looks.
    Nothing,
}

pub(super) fn shown(c: char) -> Shown {
    match c {
        ' '..='~' => Shown::Itself(1),
        '\u{fe00}'..='\u{fe0f}' => Shown::Nothing,
        // Joiners, directions, separators, tags and what else takes no column of its own.
        '\u{200b}'..='\u{200f}'
        | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}'
        | '\u{feff}'
        | '\u{ad}'
        | '\u{61c}'
        | '\u{115f}'
        | '\u{1160}'
        | '\u{180e}'
        | '\u{3164}'
        | '\u{ffa0}'
        | '\u{fff9}'..='\u{fffb}'
        | '\u{e0000}'..='\u{e0fff}' => Shown::Code,
        c => c.width().map_or(Shown::Code, Shown::Itself),
    }
}

/// A character's code, as it is shown.
pub(super) fn code(c: char, out: &mut String) {
    use std::fmt::Write as _;
    let _ = match c {
        '\n' => write!(out, "\\n"),
        '\r' => write!(out, "\\r"),
        '\t' => write!(out, "\\t"),
        '\u{1b}' => write!(out, "\\e"),
        c if u32::from(c) < 0x100 => write!(out, "\\x{:02x}", u32::from(c)),
        c => write!(out, "\\u{{{:x}}}", u32::from(c)),
    };
}

/// A text as it can be sent to a terminal, for where nothing is drawn.
pub fn clean(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match shown(c) {
            Shown::Itself(_) => out.push(c),
            Shown::Code => code(c, &mut out),
            Shown::Nothing => {}
        }
    }
    out
}

/// The columns a text takes when it is drawn.
pub fn columns(text: &str) -> usize {
    let mut scratch = String::new();
    text.chars()
        .map(|c| match shown(c) {
            Shown::Itself(width) => width,
            Shown::Nothing => 0,
            Shown::Code => {
                scratch.clear();
                code(c, &mut scratch);
                scratch.len()
            }
        })
        .sum()
}

/// Where the text that is looked for is found, case aside.
pub(super) struct Found {
    ranges: Vec<(usize, usize)>,
}

impl Found {
    pub(super) fn new(text: &str, search: &str, most: usize) -> Self {
        let mut ranges = Vec::new();
        if !search.is_empty() {
            // Only what can be seen is looked at, and a text whose lower case has other lengths is compared as it is.
            let end = text.char_indices().nth(most).map_or(text.len(), |(at, _)| at);
            let text = text.get(..end).unwrap_or(text);
            let lower = text.to_lowercase();
            let hay = if lower.len() == text.len() {
                lower.as_str()
            } else {
                text
            };
            ranges.extend(
                hay.match_indices(search)
                    .map(|(at, found)| (at, at + found.len())),
            );
        }
        Found { ranges }
    }

    pub(super) fn covers(&self, offset: usize) -> bool {
        self.ranges
            .iter()
            .any(|(from, to)| (*from..*to).contains(&offset))
    }
}
