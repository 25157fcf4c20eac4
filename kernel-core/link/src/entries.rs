//! State entries on their way out: copied under the kernel's lock, encoded outside it.

use core::task::Poll;

use kernel_core::{EntryInfo, Fault, Kernel, Op, PluginId, Ticket};

use crate::{Raw, State};

/// The next state entry, its key, value and owner in the buffer.
pub(crate) fn entry<'b>(
    kernel: Kernel,
    who: PluginId,
    prefix: &str,
    info: &mut EntryInfo,
    buf: &'b mut [u8],
) -> Result<State<'b>, Fault> {
    let waist = kernel.waist();
    let run = |op: &mut Op<'_>, buf: &mut [u8]| match waist.run(who, op, &mut Ticket::NONE.clone(), None, buf)
    {
        Poll::Ready(outcome) => outcome,
        Poll::Pending => Err(Fault::Unavailable),
    };
    run(&mut Op::Entry(prefix, info), &mut *buf)?;
    let (key, rest) = buf.split_at_mut_checked(info.key).unwrap_or_default();
    let (value, rest) = rest
        .split_at_mut_checked(info.value.unwrap_or(0))
        .unwrap_or_default();
    let owner = run(&mut Op::NameOf(info.owner), &mut *rest).unwrap_or(0);
    let ttl = (!info.ttl.is_none()).then(|| {
        let ttl = info.ttl.as_duration();
        ttl.as_secs()
            .wrapping_mul(1_000)
            .wrapping_add(ttl.subsec_millis() as u64)
    });
    Ok(State {
        key: text(key),
        value: info.value.map(|_| Raw(value)),
        version: info.version,
        ttl_ms: ttl,
        owner: text(rest.get(..owner as usize).unwrap_or(&[])),
    })
}

fn text(bytes: &[u8]) -> &str {
    core::str::from_utf8(bytes).unwrap_or("")
}
