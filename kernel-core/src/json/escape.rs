//! The escapes in a string.

/// The first character of a string's `text`, which is not empty, with its escape resolved: all its bytes or the first
/// one of them, and what follows.
pub(super) fn resolve<'t: 'u, 'u>(text: &'t [u8], utf8: &'u mut [u8; 4]) -> Option<(&'u [u8], &'t [u8])> {
    match text {
        [b'\\', ..] => unescape(text).map(|(char, after)| (char.encode_utf8(utf8).as_bytes(), after)),
        _ => text.split_at_checked(1),
    }
}

/// Reads the escape that `text` begins with: the character, and what follows.
pub(super) const fn unescape(text: &[u8]) -> Option<(char, &[u8])> {
    let [b'\\', kind, after @ ..] = text else {
        return None;
    };
    let char = match kind {
        b'"' | b'\\' | b'/' => *kind as char,
        b'b' => '\x08',
        b'f' => '\x0c',
        b'n' => '\n',
        b'r' => '\r',
        b't' => '\t',
        b'u' => return unescape_code(after),
        _ => return None,
    };
    Some((char, after))
}

/// Reads the digits of a `\u` escape, and the second escape of a surrogate pair.
const fn unescape_code(text: &[u8]) -> Option<(char, &[u8])> {
    let [a, b, c, d, after @ ..] = text else {
        return None;
    };
    let first = hex([*a, *b, *c, *d]);
    let (code, after) = match (first, after) {
        (0xd800..=0xdbff, [b'\\', b'u', a, b, c, d, after @ ..]) => {
            let second = hex([*a, *b, *c, *d]);
            if second & !0x3ff != 0xdc00 {
                return None;
            }
            (0x1_0000 + ((first & 0x3ff) << 10 | second & 0x3ff), after)
        }
        (..=0xffff, after) => (first, after),
        _ => return None,
    };
    match char::from_u32(code) {
        Some(char) => Some((char, after)),
        None => None,
    }
}

/// The value of four hexadecimal digits; more than 0xffff if one of them is not.
const fn hex(digits: [u8; 4]) -> u32 {
    let mut rest: &[u8] = &digits;
    let mut code = 0;
    while let [digit, after @ ..] = rest {
        let value = match *digit {
            digit @ b'0'..=b'9' => digit.wrapping_sub(b'0') as u32,
            digit @ (b'a'..=b'f' | b'A'..=b'F') => (digit as u32 & 0x0f).wrapping_add(9),
            _ => 0x1_0000,
        };
        code = code << 4 | value;
        rest = after;
    }
    code
}
