//! Messages from the client: read and acted upon field by field.

use kernel_core::{CallId, CoreRuntime, EntryInfo, Fault, Json, Name, Op, PluginId, Span, Ticket};

use super::outbox::{DONE, HEALTH, STATE};
use super::session::State;
use super::take::Take;
use crate::frame::FrameError;
use crate::{Refusal, VERSIONS, Versions};

/// Why a request is not carried out.
pub(super) enum Why {
    Fault(Fault),
    Link(Refusal),
}

impl From<Fault> for Why {
    fn from(fault: Fault) -> Why {
        Why::Fault(fault)
    }
}

impl From<Refusal> for Why {
    fn from(refusal: Refusal) -> Why {
        Why::Link(refusal)
    }
}

/// What of an answer is still to be sent.
pub(super) enum Answer {
    Done,
    Count(u64),
    /// Nothing: it was sent, or comes later.
    Sent,
}

impl State<'_> {
    /// True for a message that is answered, and so needs room in the outbox: all but credit, cancel, keep-alive
    /// and the peer's answers, which are acted upon however much waits to be sent.
    pub(super) fn needs_room(message: Result<&[u8], FrameError>) -> bool {
        !matches!(message, Ok([2..=4 | 6, ..]))
    }

    /// Does what a message says.
    #[inline(never)]
    pub(super) fn receive(&mut self, message: Result<&[u8], FrameError>) {
        self.silent = 0;
        self.moved = true;
        let bytes = match message {
            Ok(bytes) => bytes,
            Err(error) => {
                let refusal = error.refusal(self.out.max_message as usize);
                return self.out.refuse_message(refusal);
            }
        };
        let mut from = Take::new(bytes);
        match from.byte() {
            0 => self.hello(&mut from),
            _ if !self.open => self.unread(Refusal::NoSession),
            1 => {
                let id = from.word();
                if let Err(refusal) = from.check() {
                    return self.out.refuse_message(refusal);
                }
                let kind = from.byte();
                match self.request(id, kind, &mut from) {
                    Ok(Answer::Done) => self.out.done(id, DONE),
                    Ok(Answer::Count(count)) => self.out.count(id, count),
                    Ok(Answer::Sent) => {}
                    Err(Why::Fault(fault)) => self.out.fault(id, fault),
                    Err(Why::Link(refusal)) => self.out.refuse(id, refusal),
                }
            }
            2 => {
                let _credit = from.word();
                #[cfg(feature = "watch")]
                self.add_credit(_credit);
            }
            3 => self.cancel(from.word()),
            4 => {}
            #[cfg(feature = "peer")]
            6 => self.answer(&mut from),
            _ => self.unread(Refusal::Unknown),
        }
    }

    /// Answers what is no request, when there is room.
    fn unread(&mut self, refusal: Refusal) {
        if self.out.ready() {
            self.out.refuse_message(refusal);
        }
    }

    #[inline(never)]
    fn hello(&mut self, from: &mut Take<'_>) {
        let versions = Versions {
            oldest: from.short(),
            newest: from.short(),
        };
        let (nonce, _name, token) = (from.word(), from.text(), from.text());
        if let Err(refusal) = from.check() {
            return self.out.refuse_message(refusal);
        }
        self.reset();
        let Some(version) = VERSIONS.common(versions) else {
            let refusal = Refusal::Version(VERSIONS.oldest, VERSIONS.newest);
            return self.out.refuse_message(refusal);
        };
        let config = self.config;
        if config
            .token
            .is_some_and(|expected| !crate::config::same(expected, token))
        {
            return self.out.refuse_message(Refusal::Token);
        }
        self.open = true;
        let max_message = self.out.max_message;
        let mut put = self.out.message(0);
        put.words(&[version as u32, nonce]);
        put.texts(&[config.name]);
        put.words(&[max_message, config.keep_alive_ms]);
        put.long(self.kernel.now().as_micros());
        put.byte(config.epoch.is_some() as u8);
        if let Some(epoch) = config.epoch {
            put.long(epoch);
        }
        let len = put.end();
        self.out.sent(len);
    }

    #[inline(never)]
    fn request(&mut self, id: u32, kind: u8, from: &mut Take<'_>) -> Result<Answer, Why> {
        let has = match kind {
            #[cfg(feature = "peer")]
            PEER..=WITHDRAW => T,
            kind => *REQUESTS.get(kind as usize).ok_or(Refusal::Unknown)?,
        };
        let fields = Fields::take(from, has);
        from.check()?;
        let (text, word, first) = (fields.text, fields.word, fields.options.0);
        Ok(Answer::Count(match kind {
            0 => return Ok(Answer::Done),
            1 => {
                // The storage judges what it is asked to store.
                if text != kernel_core::storage::STORAGE {
                    json(fields.bytes)?;
                }
                let mut op = Op::Call {
                    service: text,
                    args: (fields.bytes, &[]),
                    limit: (word > 0).then(|| Span::from_millis(word)),
                    parent: first.map(|id| CallId::from_bits(id as u32)),
                };
                self.begin_call(id, &mut op)?;
                return Ok(Answer::Sent);
            }
            2 => {
                let mut op = Op::Publish {
                    topic: text,
                    payload: json(fields.bytes)?,
                    limit: Span::NONE,
                };
                #[cfg(feature = "peer")]
                let who = self.publisher();
                #[cfg(not(feature = "peer"))]
                let who = PluginId::OPERATOR;
                self.run_as(who, &mut op, &mut Ticket::NONE.clone())? as u64
            }
            #[cfg(feature = "watch")]
            3 => self.begin_watch(text, first, word)?,
            #[cfg(feature = "watch")]
            4 => {
                self.watch = None;
                return Ok(Answer::Done);
            }
            #[cfg(feature = "lists")]
            5..=9 => {
                self.begin_list(id, kind, text)?;
                return Ok(Answer::Sent);
            }
            10 => {
                self.health(id);
                return Ok(Answer::Sent);
            }
            #[cfg(feature = "manage")]
            11 => {
                self.begin_job(id, word, text)?;
                return Ok(Answer::Sent);
            }
            12 => {
                let mut info = EntryInfo {
                    cursor: EntryInfo::EXACT,
                    ..EntryInfo::START
                };
                self.entry(id, text, &mut info)?;
                return Ok(Answer::Sent);
            }
            13 => {
                let mut op = Op::Set {
                    key: Name::Copied(text),
                    value: json(fields.bytes)?,
                    ttl: first.map(|ms| Span::from_millis(u32::try_from(ms).unwrap_or(u32::MAX))),
                    expected: fields.options.1,
                };
                let mut ticket = Ticket::NONE;
                self.run_with(&mut op, &mut ticket)?;
                ticket.version()
            }
            14 => {
                self.run(&mut Op::Delete(text, first))?;
                return Ok(Answer::Done);
            }
            #[cfg(feature = "peer")]
            PEER => {
                self.become_peer(id)?;
                return Ok(Answer::Sent);
            }
            #[cfg(feature = "peer")]
            OFFER | WITHDRAW => {
                self.offer(text, kind == OFFER)?;
                return Ok(Answer::Done);
            }
            _ => return Err(Why::Link(Refusal::Unknown)),
        }))
    }

    #[inline(never)]
    fn health(&mut self, id: u32) {
        let health = crate::Health::from(CoreRuntime::new(self.kernel).health());
        let mut put = self.out.reply(id, HEALTH);
        put.words(&[health.plugins, health.started]);
        put.slots(health.failed);
        put.byte(health.storage as u8);
        put.long(health.next_seq);
        let len = put.end();
        self.out.replied(id, len);
    }

    /// Answers with the next state entry whose key begins so: key, value and owner by way of the work buffer.
    #[inline(never)]
    pub(super) fn entry(&mut self, id: u32, prefix: &str, info: &mut EntryInfo) -> Result<(), Fault> {
        self.run(&mut Op::Entry(prefix, info))?;
        let (text, rest) = self.work.split_at_mut_checked(info.key).unwrap_or_default();
        let (value, rest) = rest
            .split_at_mut_checked(info.value.unwrap_or(0))
            .unwrap_or_default();
        let (waist, mut ticket) = (self.kernel.waist(), Ticket::NONE);
        let mut op = Op::NameOf(info.owner);
        let owner = match waist.run(PluginId::OPERATOR, &mut op, &mut ticket, None, &mut *rest) {
            core::task::Poll::Ready(Ok(len)) => rest.get(..len as usize).unwrap_or(&[]),
            _ => &[],
        };
        let mut put = self.out.reply(id, STATE);
        put.bytes(text);
        put.byte(info.value.is_some() as u8);
        if info.value.is_some() {
            put.bytes(value);
        }
        put.long(info.version);
        put.option((!info.ttl.is_none()).then(|| info.ttl.as_millis()));
        put.bytes(owner);
        let len = put.end();
        self.out.replied(id, len);
        Ok(())
    }
}

/// The fields that a request may have, in the order in which they come: a text, a word, two optional numbers, bytes.
const T: u8 = 1;
const W: u8 = 2;
const O: u8 = 4;
const P: u8 = 8;
const B: u8 = 16;

/// Those that each [`Request`](crate::Request) has, in the order of their numbers.
const REQUESTS: [u8; 15] = [
    0,
    T | W | O | B,
    T | W | B,
    T | W | O,
    0,
    0,
    0,
    0,
    0,
    T,
    0,
    T | W,
    T,
    T | O | P | B,
    T | O,
];

/// The peer's requests: a text each.
#[cfg(feature = "peer")]
const PEER: u8 = 36;
#[cfg(feature = "peer")]
const OFFER: u8 = 37;
#[cfg(feature = "peer")]
const WITHDRAW: u8 = 38;

/// What a request has of these.
struct Fields<'a> {
    text: &'a str,
    word: u32,
    options: (Option<u64>, Option<u64>),
    bytes: &'a [u8],
}

impl<'a> Fields<'a> {
    fn take(from: &mut Take<'a>, has: u8) -> Self {
        Fields {
            text: if has & T != 0 { from.text() } else { "" },
            word: if has & W != 0 { from.word() } else { 0 },
            options: (
                if has & O != 0 { from.option() } else { None },
                if has & P != 0 { from.option() } else { None },
            ),
            bytes: if has & B != 0 { from.bytes() } else { &[] },
        }
    }
}

#[inline(never)]
fn json(bytes: &[u8]) -> Result<Json<'_>, Fault> {
    Json::new(bytes).map_err(|error| Fault::NotJson {
        at: error.offset() as u32,
    })
}
