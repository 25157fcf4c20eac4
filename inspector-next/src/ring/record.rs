//! How a row lies in the arena.

/// Bytes of a row's head.
pub(super) const HEAD: usize = 48;

/// What a row is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// An event of which no cause is known.
    Event,
    /// An event that came of another.
    EventOfEvent,
    /// An event that came of a call.
    EventOfCall,
    /// A gap made on the bus.
    LostBus,
    /// A gap made on the link.
    LostLink,
    /// A new start of the runtime.
    Restart,
}

impl Kind {
    pub(super) fn is_event(self) -> bool {
        matches!(self, Kind::Event | Kind::EventOfEvent | Kind::EventOfCall)
    }

    const ALL: [Kind; 6] = [
        Kind::Event,
        Kind::EventOfEvent,
        Kind::EventOfCall,
        Kind::LostBus,
        Kind::LostLink,
        Kind::Restart,
    ];
}

/// A row's head; in a gap, `seq` is the first one missing and `time` is how many are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) seq: u64,
    pub(super) time: u64,
    pub(super) cause: u64,
    /// Bytes of the payload, and how many of them are kept.
    pub(super) len: u32,
    pub(super) kept: u32,
    pub(super) topic: u32,
    pub(super) source: u32,
    pub(super) receivers: u32,
    pub(super) kind: Kind,
}

impl Head {
    pub(super) fn mark(kind: Kind, seq: u64, time: u64) -> Head {
        Head {
            seq,
            time,
            cause: 0,
            len: 0,
            kept: 0,
            topic: 0,
            source: 0,
            receivers: 0,
            kind,
        }
    }

    pub(super) fn write(&self, to: &mut [u8]) {
        let mut room = to;
        let mut put = |bytes: &[u8]| {
            if let Some((front, rest)) = std::mem::take(&mut room).split_at_mut_checked(bytes.len()) {
                front.copy_from_slice(bytes);
                room = rest;
            }
        };
        put(&self.seq.to_le_bytes());
        put(&self.time.to_le_bytes());
        put(&self.cause.to_le_bytes());
        put(&self.len.to_le_bytes());
        put(&self.kept.to_le_bytes());
        put(&self.topic.to_le_bytes());
        put(&self.source.to_le_bytes());
        put(&self.receivers.to_le_bytes());
        put(&(self.kind as u32).to_le_bytes());
    }

    pub(super) fn read(from: &[u8]) -> Option<Head> {
        let (long, short) = from.split_at_checked(24)?;
        let (long, _) = long.as_chunks::<8>();
        let (short, _) = short.as_chunks::<4>();
        let &[seq, time, cause] = long else { return None };
        let &[len, kept, topic, source, receivers, kind, ..] = short else {
            return None;
        };
        Some(Head {
            seq: u64::from_le_bytes(seq),
            time: u64::from_le_bytes(time),
            cause: u64::from_le_bytes(cause),
            len: u32::from_le_bytes(len),
            kept: u32::from_le_bytes(kept),
            topic: u32::from_le_bytes(topic),
            source: u32::from_le_bytes(source),
            receivers: u32::from_le_bytes(receivers),
            kind: *Kind::ALL.get(u32::from_le_bytes(kind) as usize)?,
        })
    }
}
