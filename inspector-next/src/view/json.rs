//! JSON for people: indented and coloured, in the order and with the numbers it came with.

use crate::theme::Tone;

/// The most lines of a text that are laid out.
const MOST: usize = 10_000;

/// A line: how far it is indented, and its pieces.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Line {
    /// Columns.
    pub indent: usize,
    /// Texts and their tones.
    pub pieces: Vec<(String, Tone)>,
}

/// Lays out a JSON text; what is none is one line as it is.
pub fn pretty(text: &str) -> Vec<Line> {
    if serde_json::from_str::<serde::de::IgnoredAny>(text).is_err() {
        return text
            .split('\n')
            .take(MOST)
            .map(|line| Line {
                indent: 0,
                pieces: vec![(line.to_owned(), Tone::Plain)],
            })
            .collect();
    }
    let mut lines = vec![Line::default()];
    let mut indent = 0usize;
    let mut rest = text.trim();
    let push = |lines: &mut Vec<Line>, piece: &str, tone| {
        if let Some(line) = lines.last_mut() {
            line.pieces.push((piece.to_owned(), tone));
        }
    };
    let fresh = |lines: &mut Vec<Line>, indent| {
        lines.push(Line {
            indent,
            pieces: Vec::new(),
        });
    };
    while let Some(c) = rest.chars().next() {
        if lines.len() >= MOST {
            break;
        }
        let token = match c {
            '"' => string(rest),
            '{' | '}' | '[' | ']' | ',' | ':' => 1,
            c if c.is_whitespace() => c.len_utf8(),
            _ => rest
                .find(|c: char| matches!(c, ',' | '}' | ']' | ':') || c.is_whitespace())
                .unwrap_or(rest.len()),
        };
        let (piece, after) = rest.split_at(token);
        match c {
            '{' | '[' => {
                let close = if c == '{' { '}' } else { ']' };
                let inner = after.trim_start();
                if let Some(after) = inner.strip_prefix(close) {
                    push(&mut lines, if c == '{' { "{}" } else { "[]" }, Tone::Dim);
                    rest = after;
                    continue;
                }
                push(&mut lines, piece, Tone::Dim);
                indent += 2;
                fresh(&mut lines, indent);
            }
            '}' | ']' => {
                indent = indent.saturating_sub(2);
                fresh(&mut lines, indent);
                push(&mut lines, piece, Tone::Dim);
            }
            ',' => {
                push(&mut lines, piece, Tone::Dim);
                fresh(&mut lines, indent);
            }
            ':' => push(&mut lines, ": ", Tone::Dim),
            '"' if after.trim_start().starts_with(':') => push(&mut lines, piece, Tone::Name),
            '"' => push(&mut lines, piece, Tone::Text),
            c if c.is_whitespace() => {}
            't' | 'f' | 'n' => push(&mut lines, piece, Tone::Word),
            _ => push(&mut lines, piece, Tone::Number),
        }
        rest = after;
    }
    lines
}

/// The bytes of the string that a text begins with, quotes included.
fn string(text: &str) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flat(text: &str) -> Vec<String> {
        pretty(text)
            .iter()
            .map(|line| {
                let pieces: String = line.pieces.iter().map(|(piece, _)| piece.as_str()).collect();
                format!("{}{pieces}", " ".repeat(line.indent))
            })
            .collect()
    }

    #[test]
    fn order_and_numbers_stay() {
        assert_eq!(
            flat(r#"{"b":1.50,"a":[1e3,{}, [] ,"x,\"y"],"c":{"d":null}}"#),
            [
                "{",
                "  \"b\": 1.50,",
                "  \"a\": [",
                "    1e3,",
                "    {},",
                "    [],",
                "    \"x,\\\"y\"",
                "  ],",
                "  \"c\": {",
                "    \"d\": null",
                "  }",
                "}"
            ]
        );
        assert_eq!(flat(" 5 "), ["5"]);
    }

    #[test]
    fn what_is_no_json_is_shown_as_it_is() {
        assert_eq!(flat("{a\nb"), ["{a", "b"]);
        assert_eq!(flat(""), [""]);
    }

    #[test]
    fn tones_tell_names_from_texts() {
        let lines = pretty(r#"{"k": "v"}"#);
        assert_eq!(lines[1].pieces[0], ("\"k\"".into(), Tone::Name));
        assert_eq!(lines[1].pieces[2], ("\"v\"".into(), Tone::Text));
    }
}
