//! What goes between the inspector and the process that evaluates: lengths before texts.

use std::io::{self, Read, Write};

/// Longer texts are taken for nonsense.
const MAX_TEXT: usize = 64 * 1024 * 1024;

pub(super) fn put_number(to: &mut impl Write, number: u64) -> io::Result<()> {
    to.write_all(&number.to_le_bytes())
}

pub(super) fn number(from: &mut impl Read) -> io::Result<u64> {
    let mut bytes = [0; 8];
    from.read_exact(&mut bytes)?;
    Ok(u64::from_le_bytes(bytes))
}

pub(super) fn put_text(to: &mut impl Write, text: &[u8]) -> io::Result<()> {
    put_number(to, text.len() as u64)?;
    to.write_all(text)
}

pub(super) fn text(from: &mut impl Read) -> io::Result<Vec<u8>> {
    let len = number(from)? as usize;
    if len > MAX_TEXT {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            format!("a text of {len} bytes, of at most {MAX_TEXT}"),
        ));
    }
    let mut bytes = vec![0; len];
    from.read_exact(&mut bytes)?;
    Ok(bytes)
}

/// What the expression made of an event; its text follows, but after `NO`.
pub(super) const NO: u64 = 0;
pub(super) const YES: u64 = 1;
pub(super) const FAILED: u64 = 2;

/// Whether the expression compiles: after `NO` follow where it does not, and why.
pub(super) fn put_compiled(
    to: &mut impl Write,
    fault: Option<(std::ops::Range<usize>, &str)>,
) -> io::Result<()> {
    match fault {
        None => put_number(to, YES),
        Some((span, reason)) => {
            put_number(to, NO)?;
            put_number(to, span.start as u64)?;
            put_number(to, span.end as u64)?;
            put_text(to, reason.as_bytes())
        }
    }
}
