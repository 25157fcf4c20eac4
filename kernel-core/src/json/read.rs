//! Reading JSON by hand: for those who want a member or two, without serde.

use super::Json;
use super::escape::resolve;

/// The members of an object, in order.
#[derive(Clone, Copy, Debug)]
pub struct Members<'a>(&'a [u8]);

/// The items of an array, in order.
#[derive(Clone, Copy, Debug)]
pub struct Items<'a>(&'a [u8]);

impl<'a> Json<'a> {
    /// The text of a string, its escapes resolved, in `buf`; `None` for another value, or when `buf` is too small.
    ///
    /// ```
    /// use kernel_core::json_literal;
    /// let mut buf = [0; 16];
    /// assert_eq!(json_literal!(r#""\u042f \ud83d\ude00""#).str_value(&mut buf), Some("Я 😀"));
    /// assert_eq!(json_literal!("1").str_value(&mut buf), None);
    /// ```
    pub fn str_value<'b>(&self, buf: &'b mut [u8]) -> Option<&'b str> {
        let [b'"', text @ .., b'"'] = self.trimmed() else {
            return None;
        };
        let mut len = 0usize;
        let mut rest = text;
        while !rest.is_empty() {
            let mut utf8 = [0; 4];
            let (piece, after) = resolve(rest, &mut utf8)?;
            let end = len.wrapping_add(piece.len());
            buf.get_mut(len..end)?.copy_from_slice(piece);
            len = end;
            rest = after;
        }
        core::str::from_utf8(buf.get(..len)?).ok()
    }

    /// A whole number; `None` for another value, or one out of range.
    pub fn as_i64(&self) -> Option<i64> {
        let (negative, digits) = match self.trimmed() {
            [b'-', digits @ ..] => (true, digits),
            digits => (false, digits),
        };
        let number = digits_of(digits)?;
        match negative {
            true => 0i64.checked_sub_unsigned(number),
            false => i64::try_from(number).ok(),
        }
    }

    /// A whole number that is not negative; `None` for another value, or one out of range.
    pub fn as_u64(&self) -> Option<u64> {
        digits_of(self.trimmed())
    }

    /// `true` or `false`; `None` for another value.
    pub fn as_bool(&self) -> Option<bool> {
        match self.trimmed() {
            b"true" => Some(true),
            b"false" => Some(false),
            _ => None,
        }
    }

    /// True for `null`.
    pub fn is_null(&self) -> bool {
        self.trimmed() == b"null"
    }

    /// The member of this name, however its escapes are written; the last one, where there are several.
    ///
    /// ```
    /// use kernel_core::json_literal;
    /// let light = json_literal!(r#"{"on": true, "level": 80}"#);
    /// assert_eq!(light.get("level").and_then(|level| level.as_u64()), Some(80));
    /// ```
    pub fn get(&self, name: &str) -> Option<Json<'a>> {
        self.members()
            .filter(|(key, _)| is_name(key.0, name) == Some(true))
            .map(|(_, value)| value)
            .last()
    }

    /// The members of an object; none for another value.
    pub fn members(&self) -> Members<'a> {
        match self.trimmed() {
            [b'{', inside @ .., b'}'] => Members(inside),
            _ => Members(&[]),
        }
    }

    /// The items of an array; none for another value.
    pub fn items(&self) -> Items<'a> {
        match self.trimmed() {
            [b'[', inside @ .., b']'] => Items(inside),
            _ => Items(&[]),
        }
    }

    fn trimmed(&self) -> &'a [u8] {
        self.0.trim_ascii()
    }
}

impl<'a> Iterator for Members<'a> {
    type Item = (Json<'a>, Json<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        let (key, rest) = value(self.0)?;
        let (value, rest) = value(rest)?;
        self.0 = rest;
        Some((key, value))
    }
}

impl<'a> Iterator for Items<'a> {
    type Item = Json<'a>;

    fn next(&mut self) -> Option<Json<'a>> {
        let (item, rest) = value(self.0)?;
        self.0 = rest;
        Some(item)
    }
}

/// The value that begins here, behind commas, colons and white space, and what follows it. Does not recurse.
fn value(text: &[u8]) -> Option<(Json<'_>, &[u8])> {
    let start = text
        .iter()
        .position(|byte| !matches!(byte, b',' | b':' | b' ' | b'\t' | b'\r' | b'\n'))?;
    let (_, text) = text.split_at_checked(start)?;
    let mut depth = 0usize;
    let mut rest = text;
    loop {
        match rest {
            [b'"', after @ ..] => {
                rest = after;
                while let [byte, after @ ..] = rest {
                    rest = match (byte, after) {
                        (b'\\', [_, after @ ..]) => after,
                        _ => after,
                    };
                    if *byte == b'"' {
                        break;
                    }
                }
            }
            [b'{' | b'[', after @ ..] => {
                depth = depth.wrapping_add(1);
                rest = after;
                continue;
            }
            [b'}' | b']', after @ ..] if depth > 0 => {
                depth = depth.wrapping_sub(1);
                rest = after;
            }
            [byte, after @ ..]
                if depth > 0 || !matches!(byte, b',' | b':' | b'}' | b']' | b' ' | b'\t' | b'\r' | b'\n') =>
            {
                rest = after;
                let ends = matches!(
                    after,
                    [] | [b',' | b':' | b'}' | b']' | b' ' | b'\t' | b'\r' | b'\n', ..]
                );
                if depth > 0 || !ends {
                    continue;
                }
            }
            _ => {}
        }
        if depth == 0 {
            let len = text.len().wrapping_sub(rest.len());
            let (value, rest) = text.split_at_checked(len)?;
            return (!value.is_empty()).then_some((Json(value), rest));
        }
        if rest.is_empty() {
            return None;
        }
    }
}

/// Whether a member's key, in its quotes, is this name.
fn is_name(key: &[u8], name: &str) -> Option<bool> {
    let mut rest = key.strip_prefix(b"\"")?.strip_suffix(b"\"")?;
    let mut name = name.as_bytes();
    while !rest.is_empty() {
        let mut utf8 = [0; 4];
        let (piece, after) = resolve(rest, &mut utf8)?;
        name = name.strip_prefix(piece)?;
        rest = after;
    }
    Some(name.is_empty())
}

fn digits_of(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0u64, |number, digit| match digit {
        b'0'..=b'9' => number
            .checked_mul(10)?
            .checked_add(digit.wrapping_sub(b'0') as u64),
        _ => None,
    })
}
