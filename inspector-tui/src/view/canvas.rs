//! Writing on the screen. Whatever the target says goes through here: what would move the cursor,
//! turn the direction or hide is shown as what it is and never sent, and wide characters take the
//! columns they need.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::widgets::{Block, Widget};
use unicode_width::UnicodeWidthChar;

use super::characters::{Found, Shown, code, shown};
pub use super::characters::{clean, columns};
use crate::theme::{Theme, Tone};

/// The screen, with what all views need to write on it.
#[derive(Debug)]
pub struct Canvas<'a> {
    /// The cells.
    pub buf: &'a mut Buffer,
    /// Colours and glyphs.
    pub theme: &'a Theme,
    /// The text that is looked for, in lower case; empty when there is none.
    pub search: &'a str,
}

impl<'a> Canvas<'a> {
    /// Writes a text into at most `width` columns from `x` on and returns the columns it took. What
    /// does not fit is cut, and the cut is shown.
    pub fn text(&mut self, x: u16, y: u16, width: u16, text: &str, style: Style) -> u16 {
        let right = x.saturating_add(width).min(self.buf.area.right());
        if x >= right || y < self.buf.area.top() || y >= self.buf.area.bottom() || x < self.buf.area.left() {
            return 0;
        }
        let found = Found::new(text, self.search, usize::from(width).saturating_mul(4));
        let control = style.patch(self.theme.control());
        let mut at = x;
        let mut scratch = String::new();
        let mut bytes = [0; 4];
        let mut cut = false;
        for (offset, c) in text.char_indices() {
            let style = if found.covers(offset) {
                style.patch(self.theme.found())
            } else {
                style
            };
            match shown(c) {
                Shown::Nothing => {}
                Shown::Itself(0) => {
                    // A mark on the character before it; a cell holds a few and no more.
                    if at > x
                        && let Some(cell) = self.buf.cell_mut((at - 1, y))
                        && cell.symbol().len() < 16
                    {
                        let joined = format!("{}{c}", cell.symbol());
                        cell.set_symbol(&joined);
                    }
                }
                Shown::Itself(columns) => {
                    let columns = columns as u16;
                    if columns > right - at {
                        cut = true;
                        break;
                    }
                    if let Some(cell) = self.buf.cell_mut((at, y)) {
                        cell.set_symbol(c.encode_utf8(&mut bytes)).set_style(style);
                    }
                    for next in at + 1..at + columns {
                        if let Some(cell) = self.buf.cell_mut((next, y)) {
                            cell.reset();
                            cell.set_style(style);
                        }
                    }
                    at += columns;
                }
                Shown::Code => {
                    scratch.clear();
                    code(c, &mut scratch);
                    if scratch.len() > usize::from(right - at) {
                        cut = true;
                        break;
                    }
                    for ascii in scratch.chars() {
                        if let Some(cell) = self.buf.cell_mut((at, y)) {
                            cell.set_symbol(ascii.encode_utf8(&mut bytes)).set_style(control);
                        }
                        at += 1;
                    }
                }
            }
        }
        if cut {
            // The sign stands in the last column; a wide character that began before it goes with it.
            let last = right - 1;
            if last > x && at > last && self.wide(last - 1, y) {
                self.put(last - 1, y, " ", style);
            }
            let sign = at.min(last);
            self.put(
                sign,
                y,
                self.theme.glyphs.ellipsis,
                style.patch(self.theme.tone(Tone::Dim)),
            );
            return sign + 1 - x;
        }
        at - x
    }

    /// True when the cell holds a character of two columns.
    fn wide(&self, x: u16, y: u16) -> bool {
        self.buf
            .cell((x, y))
            .and_then(|cell| cell.symbol().chars().next())
            .and_then(char::width)
            == Some(2)
    }

    fn put(&mut self, x: u16, y: u16, symbol: &str, style: Style) {
        if let Some(cell) = self.buf.cell_mut((x, y)) {
            cell.set_symbol(symbol).set_style(style);
        }
    }

    /// Writes a text so that it ends in the column before `x + width`.
    pub fn right(&mut self, x: u16, y: u16, width: u16, text: &str, style: Style) {
        let columns = columns(text).min(usize::from(width)) as u16;
        self.text(x + (width - columns), y, columns, text, style);
    }

    /// Writes a text at a tone.
    pub fn tone(&mut self, x: u16, y: u16, width: u16, text: &str, tone: Tone) -> u16 {
        let style = self.theme.tone(tone);
        match tone {
            Tone::Name => self.name(x, y, width, text, style),
            _ => self.text(x, y, width, text, style),
        }
    }

    /// Writes a topic or a key: what does not fit is cut out of its middle, since the end says what it is.
    fn name(&mut self, x: u16, y: u16, width: u16, text: &str, style: Style) -> u16 {
        let room = usize::from(width);
        // The sign, and characters of two columns.
        if columns(text) <= room || room < 8 {
            return self.text(x, y, width, text, style);
        }
        let head_columns = (room - 1) / 3;
        let head = text
            .char_indices()
            .map(|(at, c)| at + c.len_utf8())
            .take_while(|end| columns(&text[..*end]) <= head_columns)
            .last()
            .unwrap_or(0);
        let tail = text
            .char_indices()
            .map(|(at, _)| at)
            .find(|at| columns(&text[*at..]) < room - head_columns)
            .unwrap_or(text.len());
        let mut used = self.text(x, y, width, &text[..head], style);
        let dim = style.patch(self.theme.tone(Tone::Dim));
        used += self.text(x + used, y, width - used, self.theme.glyphs.ellipsis, dim);
        used + self.text(x + used, y, width - used, &text[tail..], style)
    }

    /// Writes pieces one after the other and returns the columns they took.
    pub fn pieces(&mut self, x: u16, y: u16, width: u16, pieces: &[(&str, Style)]) -> u16 {
        let mut used = 0;
        for (text, style) in pieces {
            if used >= width {
                break;
            }
            used += self.text(x + used, y, width - used, text, *style);
        }
        used
    }

    /// Lays a style over a row.
    pub fn lay(&mut self, area: Rect, style: Style) {
        let area = area.intersection(self.buf.area);
        self.buf.set_style(area, style);
    }

    /// Blanks an area: what was below does not shine through.
    pub fn blank(&mut self, area: Rect) {
        let area = area.intersection(self.buf.area);
        for y in area.top()..area.bottom() {
            for x in area.left()..area.right() {
                if let Some(cell) = self.buf.cell_mut((x, y)) {
                    cell.reset();
                }
            }
            // A wide character that began to the left would be torn.
            if area.left() > self.buf.area.left() && area.width > 0 && self.wide(area.left() - 1, y) {
                self.put(area.left() - 1, y, " ", Style::new());
            }
        }
    }

    /// Draws the frame of a pane, with a title to the left and a note to the right, and returns what is inside.
    pub fn pane(&mut self, area: Rect, title: &str, note: &str, focused: bool) -> Rect {
        if area.width < 4 || area.height < 3 {
            return area;
        }
        let block = Block::bordered()
            .border_set(self.theme.border())
            .border_style(self.theme.line(focused));
        let inner = block.inner(area);
        block.render(area, self.buf);
        let room = area.width - 4;
        let title_style = if focused {
            self.theme.tone(Tone::Accent)
        } else {
            self.theme.key()
        };
        let search = std::mem::take(&mut self.search);
        let mut used = 0;
        if !title.is_empty() {
            self.put(area.x + 1, area.y, " ", Style::new());
            used = self.text(area.x + 2, area.y, room, title, title_style);
            self.put(area.x + 2 + used, area.y, " ", Style::new());
        }
        let wanted = columns(note) as u16;
        if wanted > 0 && wanted + used + 3 < room {
            let x = area.right() - 2 - wanted;
            self.put(x - 1, area.y, " ", Style::new());
            self.tone(x, area.y, wanted, note, Tone::Dim);
            self.put(x + wanted, area.y, " ", Style::new());
        }
        self.search = search;
        inner
    }

    /// Draws where in a list of `len` rows the `height` visible ones from `top` on are, on the frame's right line.
    pub fn scrollbar(&mut self, area: Rect, top: usize, height: usize, len: usize) {
        if len <= height || area.height < 3 || height == 0 {
            return;
        }
        let track = u64::from(area.height - 2);
        let thumb = (track * height as u64 / len as u64).clamp(1, track);
        let room = track - thumb;
        let span = (len - height) as u64;
        let at = (room * (top as u64).min(span) + span / 2) / span.max(1);
        let style = self.theme.tone(Tone::Dim);
        for row in at..at + thumb {
            self.put(
                area.right() - 1,
                area.y + 1 + row as u16,
                self.theme.glyphs.thumb,
                style,
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(text: &str, width: u16) -> (String, u16) {
        let mut buf = Buffer::empty(Rect::new(0, 0, 20, 1));
        let theme = Theme::default();
        let used = Canvas {
            buf: &mut buf,
            theme: &theme,
            search: "",
        }
        .text(0, 0, width, text, Style::new());
        let line: String = buf.content.iter().map(|cell| cell.symbol()).collect();
        (line, used)
    }

    #[test]
    fn nothing_that_a_terminal_obeys_is_sent() {
        let hostile = "a\x1b]0;x\x07\x1b[2Jb\u{9b}31m\u{202e}\u{200d}\r\n\t\0\u{7f}";
        assert_eq!(
            clean(hostile),
            "a\\e]0;x\\x07\\e[2Jb\\x9b31m\\u{202e}\\u{200d}\\r\\n\\t\\x00\\x7f"
        );
        let mut buf = Buffer::empty(Rect::new(0, 0, 80, 1));
        let theme = Theme::default();
        let used = Canvas {
            buf: &mut buf,
            theme: &theme,
            search: "",
        }
        .text(0, 0, 80, hostile, Style::new());
        assert_eq!(usize::from(used), columns(hostile));
        assert!(
            buf.content
                .iter()
                .all(|cell| cell.symbol().chars().all(|c| !c.is_control() && c != '\u{202e}'))
        );
    }

    #[test]
    fn wide_characters_take_two_columns_and_are_never_halved() {
        let (line, used) = write("日本語", 20);
        assert_eq!((line.trim_end(), used), ("日 本 語", 6));
        let (line, used) = write("日本語", 5);
        assert_eq!((line.trim_end(), used), ("日 本 …", 5));
        let (line, used) = write("a日本", 4);
        assert_eq!((line.trim_end(), used), ("a日 …", 4));
    }

    #[test]
    fn a_cut_is_shown() {
        assert_eq!(write("abcdef", 6).0.trim_end(), "abcdef");
        assert_eq!(write("abcdefg", 6).0.trim_end(), "abcde…");
        assert_eq!(write("abc\x1b", 4).0.trim_end(), "abc…");
        assert_eq!(write("x", 0), (" ".repeat(20), 0));
    }

    #[test]
    fn a_name_is_cut_in_its_middle() {
        let write = |text: &str, width| {
            let mut buf = Buffer::empty(Rect::new(0, 0, 30, 1));
            let theme = Theme::default();
            let mut out = Canvas {
                buf: &mut buf,
                theme: &theme,
                search: "",
            };
            let used = out.tone(0, 0, width, text, Tone::Name);
            let line: String = buf.content.iter().map(|cell| cell.symbol()).collect();
            (line.trim_end().to_owned(), used)
        };
        let topic = "home.kitchen.ceiling.lamp.colour";
        assert_eq!(write(topic, 21), ("home.k…ng.lamp.colour".to_owned(), 21));
        assert_eq!(write(topic, 7).0, "home.k…");
        assert_eq!(write("home.lamp", 9).0, "home.lamp");
        // Whatever is cut where, it has the width it was given at the most.
        let hostile = "a日本\u{202e}語.e\u{301}\x1b.日本語日本語日本語";
        for width in 0..30 {
            assert!(write(hostile, width).1 <= width);
        }
    }

    #[test]
    fn marks_stay_on_their_letter() {
        let (line, used) = write("e\u{301}x\u{fe0f}y", 20);
        assert_eq!((line.trim_end(), used), ("e\u{301}xy", 3));
    }

    #[test]
    fn what_is_looked_for_is_highlighted() {
        let mut buf = Buffer::empty(Rect::new(0, 0, 9, 1));
        let theme = Theme::default();
        Canvas {
            buf: &mut buf,
            theme: &theme,
            search: "дом",
        }
        .text(0, 0, 9, "a.Дом.b", Style::new());
        let lit: Vec<bool> = buf
            .content
            .iter()
            .map(|cell| cell.bg == theme.found().bg.unwrap())
            .collect();
        assert_eq!(lit, [false, false, true, true, true, false, false, false, false]);
    }
}
