//! Writing JSON by hand.

use core::fmt;

use super::Json;

/// Builds a JSON text in a buffer, without the formatting machinery of `core`.
///
/// Commas are put where they belong. What does not fit is remembered, not reported: every call
/// can be chained, and [`finish`](Writer::finish) tells. So does it for calls that do not add up to
/// one JSON text, such as a key without a value.
///
/// ```
/// use kernel_core::json::Writer;
///
/// let mut buf = [0; 64];
/// let mut writer = Writer::new(&mut buf);
/// writer.begin_object().key("rooms").begin_array();
/// for room in ["kitchen", "hall"] {
///     writer.string(room);
/// }
/// writer.end_array().key("count").u64(2).end_object();
/// let json = writer.finish().ok_or("too small")?;
/// assert_eq!(json.as_str(), r#"{"rooms":["kitchen","hall"],"count":2}"#);
/// # Ok::<(), &str>(())
/// ```
#[derive(Debug)]
pub struct Writer<'b> {
    buf: &'b mut [u8],
    len: usize,
    /// A value or key that comes now needs a comma before it.
    comma: bool,
    overflowed: bool,
}

impl<'b> Writer<'b> {
    /// An empty text, to be written to `buf` from its start.
    pub const fn new(buf: &'b mut [u8]) -> Self {
        Self {
            buf,
            len: 0,
            comma: false,
            overflowed: false,
        }
    }

    /// The text, or `None` if the buffer was too small or the calls do not make one JSON text.
    ///
    /// It takes one pass over what was written, so that what comes out is valid whatever was
    /// given to [`raw`](Writer::raw).
    pub fn finish(self) -> Option<Json<'b>> {
        if self.overflowed {
            return None;
        }
        let buf: &'b [u8] = self.buf;
        Json::new(buf.get(..self.len)?).ok()
    }

    /// The text, for calls that are known to make one: the kernel's own, which are written once and
    /// tested. It spares a chip that reads no JSON the validator.
    pub(crate) fn finish_trusted(self) -> Option<Json<'b>> {
        let buf: &'b [u8] = self.buf;
        if self.overflowed {
            None
        } else {
            buf.get(..self.len).map(Json::trusted)
        }
    }

    /// Begins an object.
    pub fn begin_object(&mut self) -> &mut Self {
        self.begin(b'{')
    }

    /// Ends an object.
    pub fn end_object(&mut self) -> &mut Self {
        self.end(b'}')
    }

    /// Begins an array.
    pub fn begin_array(&mut self) -> &mut Self {
        self.begin(b'[')
    }

    /// Ends an array.
    pub fn end_array(&mut self) -> &mut Self {
        self.end(b']')
    }

    /// Writes the name of the value that the next call writes, in an object.
    pub fn key(&mut self, name: &str) -> &mut Self {
        self.string(name).colon()
    }

    /// Writes a string, in quotes and with escapes.
    pub fn string(&mut self, text: &str) -> &mut Self {
        self.value();
        self.byte(b'"');
        self.escaped(text);
        self.byte(b'"');
        self
    }

    /// Writes what `text` displays as a string, in quotes and with escapes.
    ///
    /// It brings in the formatting machinery of `core`, for those who use it only.
    ///
    /// ```
    /// use kernel_core::json::Writer;
    ///
    /// let name = "\"Аня\"";
    /// let mut buf = [0; 64];
    /// let mut writer = Writer::new(&mut buf);
    /// writer.string_display(format_args!("Привет, {name}!"));
    /// assert_eq!(writer.finish().unwrap().as_str(), r#""Привет, \"Аня\"!""#);
    /// ```
    pub fn string_display(&mut self, text: impl fmt::Display) -> &mut Self {
        self.value();
        self.byte(b'"');
        self.display(format_args!("{text}"));
        self.byte(b'"');
        self
    }

    /// Writes an unsigned number.
    pub fn u64(&mut self, number: u64) -> &mut Self {
        self.integer(false, number)
    }

    /// Writes a signed number.
    pub fn i64(&mut self, number: i64) -> &mut Self {
        self.integer(number < 0, number.unsigned_abs())
    }

    /// Writes `true` or `false`.
    pub fn bool(&mut self, value: bool) -> &mut Self {
        self.raw(if value { b"true" } else { b"false" })
    }

    /// Writes a value that is JSON already, such as [`Json::as_bytes`] of another text.
    pub fn raw(&mut self, json: &[u8]) -> &mut Self {
        self.value();
        self.bytes(json);
        self
    }

    fn begin(&mut self, bracket: u8) -> &mut Self {
        self.value();
        self.byte(bracket);
        self.comma = false;
        self
    }

    fn end(&mut self, bracket: u8) -> &mut Self {
        self.byte(bracket);
        self.comma = true;
        self
    }

    fn colon(&mut self) -> &mut Self {
        self.byte(b':');
        self.comma = false;
        self
    }

    /// What comes before each value.
    fn value(&mut self) {
        if self.comma {
            self.byte(b',');
        }
        self.comma = true;
    }

    fn integer(&mut self, negative: bool, number: u64) -> &mut Self {
        self.value();
        let mut digits = [0; 20];
        let start = decimal(number, &mut digits);
        if negative {
            self.byte(b'-');
        }
        self.bytes(digits.get(start..).unwrap_or_default());
        self
    }

    fn display(&mut self, text: fmt::Arguments<'_>) {
        struct Pieces<'a, 'b>(&'a mut Writer<'b>);

        impl fmt::Write for Pieces<'_, '_> {
            fn write_str(&mut self, text: &str) -> fmt::Result {
                self.0.escaped(text);
                if self.0.overflowed {
                    Err(fmt::Error)
                } else {
                    Ok(())
                }
            }
        }

        // A `Display` that fails leaves a text cut short: that is no text to send either.
        if fmt::write(&mut Pieces(self), text).is_err() {
            self.overflowed = true;
        }
    }

    fn escaped(&mut self, text: &str) {
        let mut rest = text.as_bytes();
        loop {
            let plain = rest
                .iter()
                .position(|byte| matches!(byte, 0..=0x1f | b'"' | b'\\'))
                .unwrap_or(rest.len());
            let Some((run, after)) = rest.split_at_checked(plain) else {
                return;
            };
            self.bytes(run);
            let [special, after @ ..] = after else {
                return;
            };
            let short = match special {
                b'\n' => b'n',
                b'\r' => b'r',
                b'\t' => b't',
                b'"' | b'\\' => *special,
                _ => {
                    let hex = |digit: u8| digit.wrapping_add(if digit < 10 { b'0' } else { b'a' - 10 });
                    self.bytes(&[b'\\', b'u', b'0', b'0', hex(special >> 4), hex(special & 15)]);
                    rest = after;
                    continue;
                }
            };
            self.bytes(&[b'\\', short]);
            rest = after;
        }
    }

    #[inline(never)]
    fn byte(&mut self, byte: u8) {
        self.bytes(&[byte]);
    }

    // Inlined, it would be most of the flash that a writer costs.
    #[inline(never)]
    fn bytes(&mut self, bytes: &[u8]) {
        let room = self
            .buf
            .get_mut(self.len..)
            .and_then(|free| free.get_mut(..bytes.len()));
        match room {
            // Once something is missing the rest is of no use.
            Some(room) if !self.overflowed => {
                room.copy_from_slice(bytes);
                self.len = self.len.wrapping_add(bytes.len());
            }
            _ => self.overflowed = true,
        }
    }
}

/// Writes the number's digits at the end of `to`: where they begin.
pub(crate) fn decimal(number: u64, to: &mut [u8; 20]) -> usize {
    let mut left = number;
    let mut start = to.len();
    for (at, digit) in to.iter_mut().enumerate().rev() {
        let units = match u32::try_from(left) {
            // A division of 64 bits is a large library function on a chip.
            Ok(small) => {
                left = (small / 10) as u64;
                small % 10
            }
            Err(_) => {
                let (tenth, units) = divide_in_pieces(left);
                left = tenth;
                units
            }
        };
        *digit = b'0'.wrapping_add(units as u8);
        start = at;
        if left == 0 {
            break;
        }
    }
    start
}

/// `number / 10` and `number % 10`, by long division in pieces of 16 bits.
const fn divide_in_pieces(number: u64) -> (u64, u32) {
    let mut quotient = 0;
    let mut remainder: u32 = 0;
    let mut shift = u64::BITS;
    while shift > 0 {
        shift = shift.wrapping_sub(16);
        let piece = remainder << 16 | (number >> shift) as u32 & 0xffff;
        quotient = quotient << 16 | (piece / 10) as u64;
        remainder = piece % 10;
    }
    (quotient, remainder)
}

#[cfg(test)]
mod tests {
    use super::divide_in_pieces;

    #[test]
    fn division_in_pieces_is_division() {
        let mut number: u64 = 1;
        for _ in 0..1000 {
            number = number.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(99);
            for shift in 0..64 {
                let number = number >> shift;
                assert_eq!(divide_in_pieces(number), (number / 10, (number % 10) as u32));
            }
        }
        assert_eq!(divide_in_pieces(u64::MAX), (u64::MAX / 10, 5));
    }
}
