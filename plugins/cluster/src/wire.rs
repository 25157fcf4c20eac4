//! What runtimes say to one another, in postcard, and on which subjects.

use serde::{Deserialize, Serialize};

/// The subjects of one cluster, as one runtime uses them.
#[derive(Debug)]
pub(crate) struct Subjects {
    prefix: String,
    me: String,
}

impl Subjects {
    pub(crate) fn new(cluster: &str, me: &str) -> Self {
        Subjects {
            prefix: format!("core.{cluster}."),
            me: me.to_owned(),
        }
    }

    /// Who is there.
    pub(crate) fn hello(&self) -> String {
        format!("{}hello", self.prefix)
    }

    /// Calls, and what belongs to them, for one runtime.
    pub(crate) fn to(&self, runtime: &str) -> String {
        format!("{}to.{runtime}", self.prefix)
    }

    /// Questions to one runtime.
    pub(crate) fn ask(&self, runtime: &str) -> String {
        format!("{}ask.{runtime}", self.prefix)
    }

    /// What a runtime has counted, for this one.
    pub(crate) fn counts(&self, to: &str, from: &str) -> String {
        format!("{}counts.{to}.{from}", self.prefix)
    }

    /// An event of this runtime's.
    pub(crate) fn event(&self, topic: &str) -> String {
        let mut subject = String::with_capacity(self.prefix.len() + self.me.len() + topic.len() + 8);
        for piece in [&self.prefix, "event.", &self.me, ".", topic] {
            subject.push_str(piece);
        }
        subject
    }

    /// Events of all runtimes with these topics.
    pub(crate) fn events(&self, filter: &str) -> String {
        format!("{}event.*.{filter}", self.prefix)
    }

    /// The runtime and the topic of an event.
    pub(crate) fn parse_event<'s>(&self, subject: &'s str) -> Option<(&'s str, &'s str)> {
        let rest = subject.strip_prefix(&*self.prefix)?.strip_prefix("event.")?;
        rest.split_once('.')
    }

    /// The runtime that sent counts.
    pub(crate) fn parse_counts<'s>(&self, subject: &'s str) -> Option<&'s str> {
        let rest = subject.strip_prefix(&*self.prefix)?.strip_prefix("counts.")?;
        Some(rest.split_once('.')?.1)
    }
}

/// A runtime says that it is there.
#[derive(Serialize, Deserialize, Clone, Debug)]
pub(crate) struct Hello {
    pub(crate) name: String,
    /// Which run of it this is.
    pub(crate) instance: u64,
    /// Milliseconds since 1970 at its beginning: of two with one name the later gives way.
    pub(crate) started: u64,
    /// It begins: whoever has its name is to say so, and the others that they are there.
    pub(crate) joins: bool,
    /// It ends.
    pub(crate) leaves: bool,
    /// Changes with what it offers.
    pub(crate) services: u64,
    /// Events that it has sent or dropped.
    pub(crate) sent: u64,
    /// Events that it has dropped, for lack of room or of a connection.
    pub(crate) dropped: u64,
    /// Events that its own bus dropped before they could be numbered.
    pub(crate) lagged: u64,
    /// How often it has connected.
    pub(crate) connects: u32,
}

/// Before the payload of an event.
#[derive(Serialize, Deserialize, Debug)]
pub(crate) struct EventHead<'a> {
    pub(crate) instance: u64,
    /// Its place among all events of the runtime.
    pub(crate) at: u64,
    /// Its place among those of its topic, from 1; 0 where they are not counted.
    pub(crate) number: u64,
    pub(crate) source: &'a str,
}

/// How many events of each topic a runtime has numbered.
#[derive(Serialize, Deserialize, Debug)]
pub(crate) struct Counts {
    pub(crate) instance: u64,
    /// Its place among the events.
    pub(crate) at: u64,
    /// Which part of the answer this is.
    pub(crate) page: u64,
    pub(crate) topics: Vec<(String, u64)>,
    /// More follow with the same place.
    pub(crate) more: bool,
}

/// To one runtime. Arguments or a reply, JSON, follow.
#[derive(Serialize, Deserialize, Debug)]
pub(crate) enum Directed<'a> {
    Call {
        from: &'a str,
        instance: u64,
        /// To whom: one that has begun anew is another one.
        to: u64,
        id: u64,
        caller: &'a str,
        service: &'a str,
        /// How long it may take.
        millis: Option<u64>,
        /// Who waits for it, `runtime/plugin`, the latest first.
        #[serde(borrow)]
        chain: Vec<&'a str>,
    },
    Cancel {
        from: &'a str,
        instance: u64,
        id: u64,
    },
    Reply {
        to: u64,
        id: u64,
    },
    Failed {
        to: u64,
        id: u64,
        code: &'a str,
        message: &'a str,
    },
}

/// A question, which is answered on its reply subject.
#[derive(Serialize, Deserialize, Debug)]
pub(crate) enum Question {
    /// What do you offer? Answered by a list of [`Offered`].
    Services,
    /// How many events have you numbered whose topics match these? Answered by [`Counts`] on their subject.
    Counts { from: String, filters: Vec<String> },
}

/// A service that a runtime offers.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Offered {
    pub(crate) name: String,
    pub(crate) description: String,
    pub(crate) version: String,
    pub(crate) deprecated: bool,
}

/// A message with what follows it.
pub(crate) fn encode<T: Serialize>(head: &T, rest: &[u8]) -> Vec<u8> {
    let buf = Vec::with_capacity(64 + rest.len());
    // Texts and numbers always have a form.
    let mut buf = postcard::to_extend(head, buf).unwrap_or_default();
    buf.extend_from_slice(rest);
    buf
}

/// A message and what follows it; `None` for bytes that are none.
pub(crate) fn decode<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Option<(T, &'a [u8])> {
    postcard::take_from_bytes(bytes).ok()
}
