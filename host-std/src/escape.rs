//! Text from outside on its way to a terminal or a log: what would drive the terminal, forge a line or turn the
//! direction of the text is written out.

use std::borrow::Cow;

/// The text with what drives a terminal as `\u{..}`.
pub(crate) fn escape(text: &str) -> Cow<'_, str> {
    if !text.contains(drives) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if drives(c) {
            safe.extend(c.escape_default());
        } else {
            safe.push(c);
        }
    }
    Cow::Owned(safe)
}

/// True for a control character, and for one of Unicode's category Cf, which is not seen and changes how others are
/// shown. (Not for the joiners, without which emoji and some scripts fall apart.)
pub(crate) fn drives(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{600}'..='\u{605}' | '\u{61c}' | '\u{6dd}' | '\u{70f}' | '\u{180e}' | '\u{200b}'
            | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}' | '\u{e0001}' | '\u{e0020}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_drives_a_terminal_is_escaped() {
        assert_eq!(escape("привет, \"x\" 👨‍👩‍👧"), "привет, \"x\" 👨‍👩‍👧");
        assert_eq!(
            escape("a\u{1b}[2Jb\n\u{9b}\u{202e}\u{200b}\u{feff}\u{e0041}"),
            "a\\u{1b}[2Jb\\n\\u{9b}\\u{202e}\\u{200b}\\u{feff}\\u{e0041}"
        );
    }
}
