//! Text that is typed: its cursor, and the place where it is wrong.

use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};

use super::canvas::{Canvas, columns};
use crate::theme::Tone;

/// The style of a character of a typed text.
fn style(out: &Canvas<'_>, cursor: bool, fault: bool) -> Style {
    let mut style = if fault {
        out.theme.tone(Tone::Bad).add_modifier(Modifier::UNDERLINED)
    } else {
        Style::new()
    };
    if cursor {
        style = style.add_modifier(Modifier::REVERSED);
    }
    style
}

/// Draws a text in one row, scrolled by so many columns. The cursor is a number of characters, the fault
/// a number of bytes.
pub fn one(
    out: &mut Canvas<'_>,
    (x, y, width): (u16, u16, u16),
    text: &str,
    scroll: usize,
    cursor: Option<usize>,
    fault: Option<usize>,
) {
    let mut column = 0usize;
    let mut scratch = [0; 4];
    let put = |out: &mut Canvas<'_>, column: usize, piece: &str, style| {
        let wide = columns(piece);
        if column >= scroll && column + wide <= scroll + usize::from(width) {
            out.text(x + (column - scroll) as u16, y, wide as u16, piece, style);
        }
        wide
    };
    for (nth, (at, c)) in text.char_indices().enumerate() {
        let style = style(out, cursor == Some(nth), fault == Some(at));
        column += put(out, column, c.encode_utf8(&mut scratch), style);
    }
    let end = style(
        out,
        cursor == Some(text.chars().count()),
        fault.is_some_and(|at| at >= text.len()),
    );
    if end != Style::new() {
        put(out, column, " ", end);
    }
}

/// Where each character of a wrapped text is: the row and the column; the last one is the end's place.
fn wrap(text: &str, width: u16) -> Vec<(usize, u16)> {
    let mut scratch = [0; 4];
    let (mut row, mut column) = (0, 0u16);
    let mut places = Vec::with_capacity(text.len() + 1);
    for c in text.chars() {
        let wide = columns(c.encode_utf8(&mut scratch)) as u16;
        if column + wide > width && column > 0 {
            row += 1;
            column = 0;
        }
        places.push((row, column));
        column += wide;
    }
    if column >= width.max(1) {
        row += 1;
        column = 0;
    }
    places.push((row, column));
    places
}

/// The rows a text takes at this width, its end included.
pub fn rows(text: &str, width: u16) -> usize {
    wrap(text, width).last().map_or(1, |(row, _)| row + 1)
}

/// Draws a text in several rows, scrolled so that the cursor is seen.
pub fn many(out: &mut Canvas<'_>, area: Rect, text: &str, cursor: Option<usize>, fault: Option<usize>) {
    if area.width == 0 || area.height == 0 {
        return;
    }
    let places = wrap(text, area.width);
    let cursor_row = cursor.and_then(|at| places.get(at)).map_or(0, |(row, _)| *row);
    let top = (cursor_row + 1).saturating_sub(usize::from(area.height));
    let mut scratch = [0; 4];
    let bytes = text
        .char_indices()
        .map(|(at, c)| (at, Some(c)))
        .chain([(text.len(), None)]);
    for ((nth, (at, c)), (row, column)) in bytes.enumerate().zip(places) {
        let Some(y) = row.checked_sub(top).filter(|y| *y < usize::from(area.height)) else {
            continue;
        };
        let wrong = fault == Some(at) || (c.is_none() && fault.is_some_and(|fault| fault >= at));
        let style = style(out, cursor == Some(nth), wrong);
        let room = area.width.saturating_sub(column);
        match c {
            Some(c) => {
                out.text(
                    area.x + column,
                    area.y + y as u16,
                    room,
                    c.encode_utf8(&mut scratch),
                    style,
                );
            }
            None if style != Style::new() => {
                out.text(area.x + column, area.y + y as u16, room, " ", style);
            }
            None => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrapped_text_has_a_place_for_every_character_and_the_cursor() {
        assert_eq!(wrap("abcd", 3), [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1)]);
        assert_eq!(wrap("abc", 3), [(0, 0), (0, 1), (0, 2), (1, 0)]);
        assert_eq!(wrap("日本", 3), [(0, 0), (1, 0), (1, 2)]);
        assert_eq!(wrap("", 0), [(0, 0)]);
        assert_eq!((rows("abc", 3), rows("ab", 3), rows("", 3)), (2, 1, 1));
    }
}
