//! A chip's writer of messages: the same bytes as postcard's, put field by field. What has no room is noticed once,
//! at the end.

use crate::frame::Sink;
use crate::items::{Slots, State};
use crate::{Failure, FrameError, Framing, Raw, Refusal, Reply, ToClient};

/// A message that is being written.
struct Put<'s, 'a> {
    sink: &'s mut Sink<'a>,
    bad: bool,
}

impl<'s, 'a> Put<'s, 'a> {
    fn new(sink: &'s mut Sink<'a>) -> Self {
        Put { sink, bad: false }
    }

    #[inline(never)]
    fn raw(&mut self, bytes: &[u8]) {
        self.bad |= self.sink.put(bytes).is_err();
    }

    #[inline(never)]
    fn byte(&mut self, byte: u8) {
        self.raw(&[byte]);
    }

    /// A number, seven bits to a byte.
    #[inline(never)]
    fn long(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.byte(number as u8 | 0x80);
            number = number.wrapping_shr(7);
        }
        self.byte(number as u8);
    }

    #[inline(never)]
    fn word(&mut self, number: u32) {
        self.long(number as u64);
    }

    #[inline(never)]
    fn bytes(&mut self, bytes: &[u8]) {
        self.word(bytes.len() as u32);
        self.raw(bytes);
    }

    fn text(&mut self, text: &str) {
        self.bytes(text.as_bytes());
    }

    #[inline(never)]
    fn option(&mut self, number: Option<u64>) {
        self.byte(number.is_some() as u8);
        if let Some(number) = number {
            self.long(number);
        }
    }

    fn words(&mut self, words: &[u32]) {
        for word in words {
            self.word(*word);
        }
    }

    fn slots(&mut self, slots: Slots) {
        self.words(&slots.0);
    }

    #[cfg(any(test, feature = "watch"))]
    fn cause(&mut self, cause: kernel_next::Cause) {
        use kernel_next::Cause;
        match cause {
            Cause::None => self.byte(0),
            Cause::Event(seq) => {
                self.byte(1);
                self.long(seq);
            }
            Cause::Call(id) => {
                self.byte(2);
                self.word(id.to_bits());
            }
        }
    }

    #[inline(never)]
    fn failure(&mut self, failure: &Failure<'_>) {
        match *failure {
            Failure::Fault(number, a, b) => {
                self.raw(&[0, number]);
                self.words(&[a, b]);
            }
            Failure::Error { code, message } => {
                self.byte(1);
                self.text(code);
                self.text(message);
            }
            Failure::Link(refusal) => {
                self.byte(2);
                self.refusal(refusal);
            }
        }
    }

    fn refusal(&mut self, refusal: Refusal) {
        let (number, words): (u8, &[u32]) = match refusal {
            Refusal::NoSession => (0, &[]),
            Refusal::Version(oldest, newest) => (1, &[oldest as u32, newest as u32]),
            Refusal::Token => (2, &[]),
            Refusal::Malformed => (3, &[]),
            Refusal::Damaged => (4, &[]),
            Refusal::TooLarge(max) => (5, &[max]),
            Refusal::Unknown => (6, &[]),
            Refusal::InFlight(most) => (7, &[most]),
            Refusal::NotAttached => (8, &[]),
            Refusal::Attached => (9, &[]),
            Refusal::Clients(most) => (10, &[most]),
            Refusal::Silent(period) => (11, &[period]),
            Refusal::ShuttingDown => (12, &[]),
        };
        self.byte(number);
        self.words(words);
    }

    #[cfg(any(test, feature = "lists"))]
    fn plugin(&mut self, row: &crate::Plugin<'_>) {
        self.byte(row.index);
        for text in [row.name, row.version, row.description, row.author] {
            self.text(text);
        }
        self.slots(row.dependencies);
        self.text(row.placement);
        self.byte(row.state as u8);
        self.text(row.hook);
        self.failure(&row.error);
        let c = &row.counters;
        self.words(&[
            c.events,
            c.calls,
            c.published,
            c.dropped,
            c.lag,
            c.lag_high_water,
            c.errors,
            c.failures,
            c.handled,
        ]);
        self.long(c.busy_micros);
        self.words(&[c.worst_micros, c.slow]);
    }

    #[cfg(any(test, feature = "lists"))]
    fn service(&mut self, row: &crate::Service<'_>) {
        for text in [row.name, row.owner, row.description, row.version] {
            self.text(text);
        }
        self.byte(row.deprecated as u8);
        let c = &row.counters;
        self.words(&[c.calls, c.errors]);
        self.long(c.busy_micros);
        self.word(c.worst_micros);
        self.words(&row.latency);
    }

    #[cfg(any(test, feature = "lists"))]
    fn call(&mut self, row: &crate::Call<'_>) {
        self.word(row.call);
        for text in [row.service, row.caller, row.callee] {
            self.text(text);
        }
        self.byte(row.running as u8);
        self.word(row.age_ms);
        self.option(row.parent.map(u64::from));
    }

    fn state(&mut self, row: &State<'_>) {
        self.text(row.key);
        self.byte(row.value.is_some() as u8);
        if let Some(Raw(value)) = row.value {
            self.bytes(value);
        }
        self.long(row.version);
        self.option(row.ttl_ms);
        self.text(row.owner);
    }

    fn reply(&mut self, reply: &Reply<'_>) {
        match reply {
            Reply::Done => self.byte(0),
            Reply::Absent => self.byte(1),
            Reply::Failed(failure) => {
                self.byte(2);
                self.failure(failure);
            }
            Reply::Count(count) => {
                self.byte(3);
                self.long(*count);
            }
            Reply::Json(Raw(bytes)) => {
                self.byte(4);
                self.bytes(bytes);
            }
            #[cfg(any(test, feature = "lists"))]
            Reply::Plugin(row) => {
                self.byte(5);
                self.plugin(row);
            }
            #[cfg(any(test, feature = "lists"))]
            Reply::Service(row) => {
                self.byte(6);
                self.service(row);
            }
            #[cfg(any(test, feature = "lists"))]
            Reply::Subscription { plugin, filter } => {
                self.byte(7);
                self.text(plugin);
                self.text(filter);
            }
            #[cfg(any(test, feature = "lists"))]
            Reply::Call(row) => {
                self.byte(8);
                self.call(row);
            }
            Reply::State(row) => {
                self.byte(9);
                self.state(row);
            }
            #[cfg(any(test, feature = "lists"))]
            Reply::End => self.byte(10),
            Reply::Health(health) => {
                self.byte(11);
                self.words(&[health.plugins, health.started]);
                self.slots(health.failed);
                self.byte(health.storage as u8);
            }
            #[cfg(any(test, feature = "manage"))]
            Reply::PluginState(state) => {
                self.byte(12);
                self.byte(*state as u8);
            }
            #[allow(unreachable_patterns, reason = "a chip with all of them")]
            _ => self.bad = true,
        }
    }

    #[cfg(any(test, feature = "watch"))]
    fn event(&mut self, event: &crate::Event<'_>) {
        self.long(event.seq);
        self.long(event.time);
        self.text(event.source);
        self.cause(event.cause);
        self.slots(event.receivers);
        self.text(event.topic);
        self.bytes(event.payload.0);
    }

    fn message(&mut self, message: &ToClient<'_>) {
        match message {
            ToClient::Hello {
                version,
                nonce,
                name,
                max_message,
                keep_alive_ms,
                now,
                epoch,
            } => {
                self.byte(0);
                self.words(&[*version as u32, *nonce]);
                self.text(name);
                self.words(&[*max_message, *keep_alive_ms]);
                self.long(*now);
                self.option(*epoch);
            }
            ToClient::Refused(failure) => {
                self.byte(1);
                self.failure(failure);
            }
            #[cfg(any(test, feature = "watch"))]
            ToClient::Event(event) => {
                self.byte(3);
                self.event(event);
            }
            #[cfg(any(test, feature = "watch"))]
            ToClient::Lost { from, count, at } => {
                self.byte(4);
                self.long(*from);
                self.long(*count);
                self.byte(*at as u8);
            }
            ToClient::KeepAlive => self.byte(5),
            _ => self.bad = true,
        }
    }

    fn done(self) -> Result<(), FrameError> {
        if self.bad {
            Err(FrameError::TooLarge)
        } else {
            Ok(())
        }
    }
}

/// Writes a message as a frame, but not an answer; its length.
#[inline(never)]
pub(crate) fn encode(framing: Framing, message: &ToClient<'_>, to: &mut [u8]) -> Result<usize, FrameError> {
    Sink::frame(framing, to, |sink| {
        let mut put = Put::new(sink);
        put.message(message);
        put.done()
    })
}

/// Writes an answer as a frame; its length.
#[inline(never)]
pub(crate) fn encode_reply(
    framing: Framing,
    id: u32,
    reply: &Reply<'_>,
    to: &mut [u8],
) -> Result<usize, FrameError> {
    Sink::frame(framing, to, |sink| {
        let mut put = Put::new(sink);
        put.byte(2);
        put.word(id);
        put.reply(reply);
        put.done()
    })
}
