//! What a reply says of the operation that it answers.

use core::time::Duration;

use kernel_core::{Capacity, EntryInfo, Fault, Op, PluginId, Span, Ticket};

use crate::{Failure, Raw, Refusal, Reply};

/// What comes of the operation: bytes in the buffer, a version in the ticket.
pub(super) fn finish(
    op: &mut Op<'_>,
    ticket: &mut Ticket,
    reply: Reply<'_>,
    buf: &mut [u8],
) -> Result<u32, Fault> {
    match (reply, op) {
        (Reply::Done | Reply::PluginState(_), _) => Ok(0),
        (Reply::Absent, _) => Err(Fault::Absent),
        (Reply::Failed(failure), _) => Err(fault_of(failure, buf)),
        (Reply::Count(version), Op::Set { .. }) => {
            ticket.set_version(version);
            Ok(0)
        }
        (Reply::Count(count), Op::Call { .. }) => copy(&[&(count as u32).to_le_bytes()], buf),
        (Reply::Count(count), _) => Ok(count as u32),
        (Reply::Json(Raw(bytes)) | Reply::Names(Raw(bytes)), _) => copy(&[bytes], buf),
        (Reply::Text(text), _) => copy(&[text.as_bytes()], buf),
        (Reply::State(state), Op::Get(_)) => {
            ticket.set_version(state.version);
            copy(&[state.value.ok_or(Fault::Buffer { len: 0 })?.0], buf)
        }
        (Reply::Entry { cursor, owner, entry }, Op::Entry(_, info)) => {
            let value = entry.value.map_or(&[][..], |value| value.0);
            let key = entry.key.as_bytes();
            // A value that has no room is left out, as the kernel does.
            let fits = copy(&[key, value], buf).is_ok();
            let value = entry.value.filter(|_| fits).map(|value| value.0.len());
            **info = EntryInfo {
                cursor,
                key: key.len(),
                value,
                version: entry.version,
                ttl: entry
                    .ttl_ms
                    .map_or(Span::NONE, |ms| Span::of(Duration::from_millis(ms))),
                owner: PluginId::from_bits(owner),
            };
            if fits { Ok(1) } else { copy(&[key], buf).map(|_| 1) }
        }
        _ => Err(Fault::Unavailable),
    }
}

/// Copies pieces into the caller's buffer, one behind the other; their length.
fn copy(pieces: &[&[u8]], buf: &mut [u8]) -> Result<u32, Fault> {
    let len = pieces
        .iter()
        .fold(0usize, |sum, piece| sum.saturating_add(piece.len()));
    let mut rest = buf.get_mut(..len).ok_or(Fault::Buffer { len: len as u32 })?;
    for piece in pieces {
        let (to, behind) = rest.split_at_mut_checked(piece.len()).unwrap_or_default();
        to.copy_from_slice(piece);
        rest = behind;
    }
    Ok(len as u32)
}

/// A failure as a fault; a callee's own error goes into the caller's buffer, cut where it does not fit.
fn fault_of(failure: Failure<'_>, buf: &mut [u8]) -> Fault {
    match failure {
        Failure::Fault(number, a, b) => Fault::from_parts((number, a, b)),
        Failure::Error { code, message } => {
            let mut len = 0usize;
            for (to, byte) in buf.iter_mut().zip(code.bytes().chain(message.bytes())) {
                *to = byte;
                len = len.wrapping_add(1);
            }
            Fault::Failed {
                code: code.len().min(len) as u8,
                len: len as u32,
            }
        }
        Failure::Link(Refusal::InFlight(size)) => Fault::Full {
            capacity: Capacity::Calls,
            size,
        },
        Failure::Link(Refusal::TooLarge(max)) => Fault::TooLarge { max },
        Failure::Link(_) => Fault::Unavailable,
    }
}
