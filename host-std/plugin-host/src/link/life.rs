//! One life of a node: what comes over the line, and what the kernel's mailbox has.

use std::collections::HashMap;
use std::rc::Rc;
use std::time::{Duration, Instant};

use futures_util::stream::StreamExt;
use kernel_core::{AttachedPlugin, CallId, Error, Fault, Mailbox, Message, Name};
use kernel_link::Request;
use tokio::time::sleep_until;

use super::asked::{Answers, Done};
use super::calls::{Call, Calls};
use super::events::Held;
use super::line::Line;
use super::mirror::Mirror;
use super::offers::Offers;
use super::said::{Answered, Said};
use super::tells::Tells;
use crate::gate::{Gate, over};
use crate::lock::lock;
use crate::log::Level;
use crate::manifest::Node;

/// Events of the node that may be on their way here.
pub(super) const CREDIT: u32 = 64;

/// How often the node's services are listed, in case some came or went in silence.
const LIST: Duration = Duration::from_secs(30);

/// Messages that are taken in a row.
const BURST: usize = 256;

/// A request that the node has not answered.
pub(super) enum Asks {
    Watch,
    Peer,
    Services,
    States,
    Offer(String),
    Withdraw,
    Call(Call),
    /// What was to be published, or set.
    Tell(String),
}

/// See the module's documentation.
pub(super) struct Life<'l> {
    pub(super) node: &'l Node,
    pub(super) plugin: &'l AttachedPlugin,
    pub(super) gate: Rc<Gate>,
    pub(super) line: Line<'l>,
    pub(super) mailbox: Mailbox,
    pub(super) requests: HashMap<u32, Asks>,
    pub(super) calls: Calls,
    pub(super) answers: Answers,
    pub(super) tells: Tells,
    pub(super) offers: Offers,
    pub(super) mirror: Mirror,
    pub(super) held: Held,
    /// When the services are listed again.
    list_at: Instant,
}

enum Next {
    Said(Said),
    Answered(Done),
    Published(Result<u32, Fault>),
    Look,
    List,
}

impl<'l> Life<'l> {
    pub(super) fn new(node: &'l Node, gate: Gate, plugin: &'l AttachedPlugin, line: Line<'l>) -> Self {
        Life {
            node,
            plugin,
            mailbox: Mailbox::new(gate.cx),
            gate: Rc::new(gate),
            line,
            requests: HashMap::new(),
            calls: Calls::default(),
            answers: Answers::default(),
            tells: Tells::default(),
            offers: Offers::default(),
            mirror: Mirror::default(),
            held: Held::default(),
            list_at: Instant::now() + LIST,
        }
    }

    /// Runs it to its end. Once what the node has is here, it is `loaded`.
    pub(super) async fn run(&mut self, buf: &mut [u8], loaded: impl FnOnce()) -> Result<(), Error> {
        let (runtime, cx) = (self.gate.identity.runtime, self.gate.cx);
        self.begin()?;
        while !self.requests.is_empty() || self.lists_are_wanted() {
            tokio::select! {
                next = self.next() => self.handle(next?)?,
                () = over(runtime, cx) => return Ok(()),
            }
        }
        loaded();
        let mailbox = self.mailbox;
        loop {
            let next = tokio::select! {
                next = self.next() => Some(next?),
                message = mailbox.next(buf) => match message {
                    Message::Ended => return Ok(()),
                    message => {
                        self.take(&message);
                        None
                    }
                },
            };
            // Taken to the last one, where they do not come without an end: nothing that is done now comes of a message.
            for _ in 0..BURST {
                let Some(message) = mailbox.try_next(buf) else {
                    break;
                };
                match message {
                    Message::Ended => return Ok(()),
                    message => self.take(&message),
                }
            }
            if let Some(next) = next {
                self.handle(next)?;
            }
            self.offer_what_is_here();
            self.send_calls();
        }
    }

    /// Answers all that is in flight: the node is gone.
    pub(super) fn fail_all(&mut self, error: &Error) {
        let requests = self.requests.drain().filter_map(|(_, asks)| match asks {
            Asks::Call(call) => Some(call.id),
            _ => None,
        });
        let identity = &self.gate.identity;
        let why = format!("the node {}: {}", identity.name, error.message());
        let error = Error::new(error.code(), &why);
        for call in requests.chain(self.calls.take_queue()) {
            // A caller that is gone does not matter.
            let _ = self.mailbox.reply(call, Err(&error)).now();
        }
    }

    fn begin(&mut self) -> Result<(), Error> {
        let identity = self.gate.identity.clone();
        let cx = self.gate.cx;
        let granted = lock(&identity.granted).clone();
        let mut filters = granted.subscribe.clone();
        filters.push(format!("state.changed.{}.>", identity.name));
        if !granted.call.is_empty() {
            filters.push("runtime.plugin.>".to_owned());
        }
        for filter in &filters {
            cx.subscribe(Name::Copied(filter)).now()?;
        }
        if !granted.call.is_empty() || !granted.subscribe.is_empty() {
            let name = &self.node.name_there;
            self.ask(Request::Peer { name }, Asks::Peer);
        }
        let watch = Request::Watch {
            filter: &self.node.watch,
            credit: CREDIT,
            since: None,
        };
        self.ask(watch, Asks::Watch);
        self.want_lists();
        Ok(())
    }

    /// Asks the node for something; false when it takes nothing of that size.
    pub(super) fn ask(&mut self, what: Request<'_>, asks: Asks) -> bool {
        match self.line.request(what) {
            Ok(id) => {
                self.requests.insert(id, asks);
                true
            }
            Err(fault) => {
                self.trouble(fault.code(), &format!("{}: {fault}", asks.what()));
                false
            }
        }
    }

    /// Something is not as it should be, and the rest goes on.
    pub(super) fn trouble(&self, code: &str, what: &str) {
        self.gate
            .identity
            .log
            .write(Level::Warn, &format!("{code}: {what}"));
        self.plugin
            .count_error(self.gate.cx.id(), &Error::new(code, what));
    }

    /// Waits for whatever comes first but the mailbox.
    async fn next(&mut self) -> Result<Next, Error> {
        let cx = self.gate.cx;
        let looks = self.is_called();
        let Life {
            line,
            answers,
            held,
            calls,
            list_at,
            ..
        } = self;
        let is_held = held.is_some();
        Ok(tokio::select! {
            said = line.next() => Next::Said(said?),
            Some(done) = answers.under_way.next(), if !answers.under_way.is_empty() => Next::Answered(done),
            published = held.publish_first(cx), if is_held => Next::Published(published),
            () = &mut calls.look, if looks => Next::Look,
            () = sleep_until((*list_at).into()) => Next::List,
        })
    }

    fn handle(&mut self, next: Next) -> Result<(), Error> {
        match next {
            Next::Said(said) => self.said(said)?,
            Next::Answered(done) => self.answered(done),
            Next::Published(outcome) => self.published(outcome),
            Next::Look => self.look_for_the_abandoned(),
            Next::List => {
                self.list_at = Instant::now() + LIST;
                self.offers.wanted = true;
                self.list_next();
            }
        }
        Ok(())
    }

    fn said(&mut self, said: Said) -> Result<(), Error> {
        match said {
            Said::Reply(id, answered) => self.reply(id, answered),
            Said::Event(event) => self.happened(event),
            Said::Lost { from, count, at } => self.lost(from, count, at),
            Said::Asked(asked) => self.asked(asked),
            Said::Withdrawn(call) => self.answers.withdraw(call),
            Said::Refused(error) => {
                let why = format!("it has ended the session: {}", error.message());
                return Err(Error::new("unreachable", &why));
            }
            Said::Nothing => {}
        }
        Ok(())
    }

    fn reply(&mut self, id: u32, answered: Answered) {
        // A row: more of them follow.
        match (self.requests.get(&id), answered) {
            (Some(Asks::Services), Answered::Service(service)) => return self.offers.listed(service),
            (Some(Asks::States), Answered::State { key, value }) => return self.state_listed(&key, value),
            (None, _) => return,
            (Some(_), answered) => {
                if let Some(asks) = self.requests.remove(&id) {
                    self.replied(asks, answered);
                }
            }
        }
        self.list_next();
        self.offer_what_is_here();
    }

    fn replied(&mut self, asks: Asks, answered: Answered) {
        if let Asks::Tell(_) = asks {
            self.was_told();
            // What it did not take, it has otherwise.
            self.mirror.wanted |= matches!(answered, Answered::Failed(_));
        }
        match (asks, answered) {
            (Asks::Call(call), answered) => self.call_answered(call, answered),
            (Asks::Peer, Answered::Text(name)) => self.offers.name_there = Some(name),
            (Asks::Services, Answered::End) => self.services_listed(),
            (Asks::States, Answered::End) => self.states_listed(),
            (Asks::Services, Answered::Busy) => self.offers.wanted = true,
            (Asks::States, Answered::Busy) => self.mirror.wanted = true,
            (Asks::Offer(service), Answered::Failed(error)) => {
                let what = format!("{service} is not offered there: {}", error.message());
                self.trouble(error.code(), &what);
            }
            // It was gone already.
            (Asks::Withdraw, _) => {}
            (asks, Answered::Failed(error)) if error.code() != Fault::Absent.code() => {
                self.trouble(error.code(), &format!("{}: {}", asks.what(), error.message()));
            }
            _ => {}
        }
    }

    fn take(&mut self, message: &Message<'_>) {
        match message {
            Message::Call(call) => self.called(Call {
                id: call.id,
                service: call.service().to_owned(),
                args: call.args().as_bytes().to_vec(),
            }),
            Message::Event(event) => self.happened_here(event),
            // The node leads its own plugins.
            _ => {}
        }
    }
}

impl Asks {
    /// What was asked for, for people.
    fn what(&self) -> String {
        match self {
            Asks::Watch => "its events are not to be had".to_owned(),
            Asks::Peer => "it takes no services and no name from here".to_owned(),
            Asks::Services => "its services are not to be had".to_owned(),
            Asks::States => "its state is not to be had".to_owned(),
            Asks::Offer(service) => service.clone(),
            Asks::Withdraw => "a service".to_owned(),
            Asks::Call(call) => call.service.clone(),
            Asks::Tell(what) => what.clone(),
        }
    }
}

/// The call that belongs to none.
pub(super) const NO_CALL: CallId = CallId::from_bits(0);
