//! What goes to stdout: tables for people, JSON for programs, and nothing that drives a terminal.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::io::{self, IsTerminal, Write};

use serde::Serialize;
use serde_json::value::RawValue;
use unicode_width::UnicodeWidthStr;

use super::exit::Failure;
use crate::escape::{drives, escape};

/// The narrowest that a table's last column is cut to.
const NARROWEST: usize = 10;

/// Stdout, and how to write to it.
pub(crate) struct Out {
    to: io::BufWriter<io::Stdout>,
    json: bool,
    terminal: bool,
}

impl Out {
    /// With `json`, everything is JSON on one line.
    pub(crate) fn new(json: bool) -> Self {
        Out {
            to: io::BufWriter::new(io::stdout()),
            json,
            terminal: io::stdout().is_terminal(),
        }
    }

    /// True when the output is for programs.
    pub(crate) fn is_json(&self) -> bool {
        self.json
    }

    /// Bytes as they are.
    pub(crate) fn raw(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        Ok(self.to.write_all(bytes)?)
    }

    /// A line for people.
    pub(crate) fn line(&mut self, text: &str) -> Result<(), Failure> {
        Ok(writeln!(self.to, "{}", escape(text))?)
    }

    /// A JSON document of this program's own, on one line.
    pub(crate) fn document<T: Serialize>(&mut self, value: &T) -> Result<(), Failure> {
        self.raw(document(value)?.as_bytes())
    }

    /// Somebody's JSON value: laid out on a terminal, else on one line.
    pub(crate) fn value(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        let json = checked(bytes)?;
        let text = reformat(json, self.terminal && !self.json);
        Ok(writeln!(self.to, "{text}")?)
    }

    /// A table for people.
    pub(crate) fn table(&mut self, table: &Table) -> Result<(), Failure> {
        let width = match self.terminal {
            true => rustix::termios::tcgetwinsize(io::stdout()).map_or(0, |size| size.ws_col.into()),
            false => 0,
        };
        Ok(self.to.write_all(table.render(width).as_bytes())?)
    }

    /// Sends what was written on its way.
    pub(crate) fn flush(&mut self) -> Result<(), Failure> {
        Ok(self.to.flush()?)
    }
}

/// A JSON document of this program's own: a line.
pub(crate) fn document<T: Serialize>(value: &T) -> Result<String, Failure> {
    let text = serde_json::to_string(value).map_err(|cause| Failure::Output(cause.into()))?;
    Ok(reformat(&text, false) + "\n")
}

/// The bytes of a JSON text that came from the runtime. It may nest deeper than what the runtime takes in:
/// the event of a state's change goes around its value, and a database may be another program's.
pub(crate) fn checked(bytes: &[u8]) -> Result<&str, Failure> {
    match serde_json::from_slice::<&RawValue>(bytes) {
        Ok(json) => Ok(json.get()),
        Err(_) => Err(Failure::unexpected()),
    }
}

/// Where a column's text stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Align {
    Left,
    Right,
}

/// Rows of text under a heading; the last column is cut where the terminal ends.
#[derive(Debug)]
pub(crate) struct Table {
    columns: &'static [(&'static str, Align)],
    rows: Vec<Vec<String>>,
}

impl Table {
    /// An empty table; with empty headings it has none.
    pub(crate) fn new(columns: &'static [(&'static str, Align)]) -> Self {
        Table {
            columns,
            rows: Vec::new(),
        }
    }

    /// Adds a row; its texts may be anybody's.
    pub(crate) fn row<const N: usize>(&mut self, cells: [String; N]) {
        let cells = cells.map(|cell| match escape(&cell) {
            Cow::Borrowed(_) => cell,
            Cow::Owned(escaped) => escaped,
        });
        self.rows.push(cells.into());
    }

    /// The table's lines; a `width` of 0 is without end.
    fn render(&self, width: usize) -> String {
        let mut widths: Vec<usize> = self.columns.iter().map(|(head, _)| head.len()).collect();
        for row in &self.rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(cell.width());
            }
        }
        let before: usize = widths.iter().rev().skip(1).map(|width| width + 2).sum();
        let room = match width {
            0 => usize::MAX,
            width => width.saturating_sub(before).max(NARROWEST),
        };
        let mut text = String::new();
        let head: Vec<String> = self.columns.iter().map(|(head, _)| (*head).to_owned()).collect();
        if head.iter().any(|head| !head.is_empty()) {
            self.line(&mut text, &head, &widths, room);
        }
        for row in &self.rows {
            self.line(&mut text, row, &widths, room);
        }
        text
    }

    fn line(&self, text: &mut String, cells: &[String], widths: &[usize], room: usize) {
        let last = widths.len().saturating_sub(1);
        for (at, ((cell, &width), (_, align))) in cells.iter().zip(widths).zip(self.columns).enumerate() {
            let width = width.min(if at == last { room } else { width });
            let cell = cut(cell, width);
            let room = std::iter::repeat_n(' ', width.saturating_sub(cell.width()));
            match align {
                Align::Left => {
                    text.push_str(&cell);
                    text.extend(room);
                }
                Align::Right => {
                    text.extend(room);
                    text.push_str(&cell);
                }
            }
            if at < last {
                text.push_str("  ");
            }
        }
        text.truncate(text.trim_end_matches(' ').len());
        text.push('\n');
    }
}

/// The text, or its beginning and an ellipsis, in at most so many columns of a terminal.
fn cut(text: &str, width: usize) -> Cow<'_, str> {
    if text.width() <= width {
        return Cow::Borrowed(text);
    }
    let mut end = 0;
    for (at, c) in text.char_indices() {
        let next = at + c.len_utf8();
        if text[..next].width() >= width {
            break;
        }
        end = next;
    }
    Cow::Owned(format!("{}…", &text[..end]))
}

/// A valid JSON text with other white space, laid out or on one line: every number and name stays as
/// it was written, and what drives a terminal is escaped.
pub(crate) fn reformat(json: &str, laid_out: bool) -> String {
    let mut text = String::with_capacity(json.len());
    let mut depth = 0usize;
    let mut chars = json.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            ' ' | '\t' | '\n' | '\r' => {}
            '"' => string(&mut text, &mut chars),
            '{' | '[' => {
                text.push(c);
                while chars.next_if(|c| c.is_ascii_whitespace()).is_some() {}
                if let Some(close) = chars.next_if(|next| matches!(next, '}' | ']')) {
                    text.push(close);
                } else {
                    depth += 1;
                    new_line(&mut text, depth, laid_out);
                }
            }
            '}' | ']' => {
                depth = depth.saturating_sub(1);
                new_line(&mut text, depth, laid_out);
                text.push(c);
            }
            ',' => {
                text.push(c);
                new_line(&mut text, depth, laid_out);
            }
            ':' => text.push_str(if laid_out { ": " } else { ":" }),
            other => text.push(other),
        }
    }
    text
}

fn new_line(text: &mut String, depth: usize, laid_out: bool) {
    if laid_out {
        text.push('\n');
        text.extend(std::iter::repeat_n("  ", depth));
    }
}

/// Copies a string whose first quote was read.
fn string(text: &mut String, chars: &mut impl Iterator<Item = char>) {
    text.push('"');
    while let Some(c) = chars.next() {
        match c {
            '\\' => {
                text.push(c);
                text.extend(chars.next());
            }
            '"' => break,
            c if drives(c) => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    let _ = write!(text, "\\u{unit:04x}");
                }
            }
            c => text.push(c),
        }
    }
    text.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_lines_up() {
        const COLUMNS: &[(&str, Align)] =
            &[("NAME", Align::Left), ("N", Align::Right), ("TEXT", Align::Left)];
        let mut table = Table::new(COLUMNS);
        table.row(["лампа".into(), "1".into(), "short".into()]);
        table.row(["a".into(), "1000".into(), "a text that is longer".into()]);
        assert_eq!(
            table.render(0),
            "NAME      N  TEXT\nлампа     1  short\na      1000  a text that is longer\n"
        );
        assert_eq!(
            table.render(23),
            "NAME      N  TEXT\nлампа     1  short\na      1000  a text th…\n"
        );
    }

    #[test]
    fn columns_are_as_wide_as_a_terminal_shows_them() {
        const COLUMNS: &[(&str, Align)] = &[("NAME", Align::Left), ("TEXT", Align::Left)];
        let mut table = Table::new(COLUMNS);
        for name in ["電灯", "e\u{301}te\u{301}", "👨‍👩‍👧", "plain"] {
            table.row([name.into(), "x".into()]);
        }
        let text = table.render(0);
        for line in text.lines() {
            let (before, _) = line.rsplit_once(['x', 'T']).unwrap_or((line, ""));
            let before = before.strip_suffix("TEX").unwrap_or(before);
            assert_eq!(before.width(), 7, "{text}");
        }
        table.row(["short".into(), "電電電電電電電電電電".into()]);
        let cut = table.render(20);
        assert!(cut.lines().all(|line| line.width() <= 20), "{cut}");
    }

    #[test]
    fn what_drives_a_terminal_is_escaped_in_a_table() {
        let mut table = Table::new(&[("X", Align::Left)]);
        table.row(["\u{1b}[31m\u{7}".into()]);
        assert!(!table.render(0).contains('\u{1b}'));
    }

    #[test]
    fn json_keeps_its_tokens() {
        let odd = "{ \"b\" : [ 1.50 , 1e999, -0 ,{ } , [ ] ],\n\"a\\\"\":\"x y\\\\\" , \"a\": 123456789012345678901 }";
        assert_eq!(
            reformat(odd, false),
            r#"{"b":[1.50,1e999,-0,{},[]],"a\"":"x y\\","a":123456789012345678901}"#
        );
        assert_eq!(
            reformat("{\"a\":[1,{}],\"b\":{\"c\":null}}", true),
            "{\n  \"a\": [\n    1,\n    {}\n  ],\n  \"b\": {\n    \"c\": null\n  }\n}"
        );
        assert_eq!(
            reformat(" \"a\u{7f}\u{9b}\u{202e}\" ", false),
            "\"a\\u007f\\u009b\\u202e\""
        );
        assert_eq!(reformat("[ \"[ ] { }\" ]", false), "[\"[ ] { }\"]");
    }

    #[test]
    fn a_new_layout_is_the_same_value() {
        let text = r#"{"a":[1,2,{"x":"\u0000\n\"}"}],"z":[[[]]],"":true}"#;
        let value: serde_json::Value = serde_json::from_str(text).unwrap();
        for laid_out in [false, true] {
            let again: serde_json::Value = serde_json::from_str(&reformat(text, laid_out)).unwrap();
            assert_eq!(again, value);
        }
    }
}
