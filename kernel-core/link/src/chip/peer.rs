//! The session's peer: the runtime on the other side offers services here, in a slot that the firmware has for it, and
//! publishes as that.

use core::task::Context;
use core::time::Duration;

use kernel_core::{
    Answer, Before, CallId, CoreRuntime, Fault, Json, Name, Op, PluginId, PluginMetadata, PluginState,
    RestartPolicy, Service, Span, Step, Ticket,
};

use super::outbox::TEXT;
use super::requests::Why;
use super::session::State;
use super::take::Take;
use crate::{FLIGHTS, Refusal};

/// How often it is looked whether somebody still waits for what was asked.
const LOOK: Span = Span::from_millis(200);

/// How long its way up, or down, may take; nothing is waited for on it.
const LIMIT: Duration = Duration::from_secs(10);

/// Messages of a plugin's life on its way down.
const STEPS: usize = 4;

/// No call.
const NONE: CallId = CallId::from_bits(0);

/// What the runtime on the other side is on a board: to be installed, and given to [`Config::peer`](crate::Config::peer). Nobody
/// but a session leads it; a supervisor is to leave it alone.
pub static PEER: PluginMetadata = PluginMetadata {
    restart: RestartPolicy::NEVER,
    ..PluginMetadata::new("host", "")
};

pub(super) struct Peer {
    /// Who it is in this life; `None` for nobody.
    id: Option<PluginId>,
    asked: [CallId; FLIGHTS],
    look: Ticket,
}

impl Peer {
    pub(super) const NONE: Peer = Peer {
        id: None,
        asked: [NONE; FLIGHTS],
        look: Ticket::NONE,
    };
}

impl State<'_> {
    /// On whose behalf the session publishes.
    pub(super) fn publisher(&self) -> PluginId {
        self.peer.id.unwrap_or(PluginId::OPERATOR)
    }

    #[inline(never)]
    pub(super) fn become_peer(&mut self, id: u32) -> Result<(), Why> {
        let Some(slot) = self.config.peer.filter(|_| self.peer.id.is_none()) else {
            return Err(Why::Link(Refusal::Unknown));
        };
        let who = slot.mailbox().context().id();
        slot.set_goal(PluginState::Started, LIMIT);
        self.peer.id = Some(who);
        let len = self.run(&mut Op::NameOf(who))?;
        let mut put = self.out.reply(id, TEXT);
        put.bytes(self.work.get(..len as usize).unwrap_or(&[]));
        let len = put.end();
        self.out.replied(id, len);
        Ok(())
    }

    /// Registers a service of the peer, or takes it back.
    #[inline(never)]
    pub(super) fn offer(&mut self, service: &str, offered: bool) -> Result<(), Why> {
        let Some(who) = self.peer.id else {
            return Err(Why::Link(Refusal::Unknown));
        };
        let new = Service::new(Name::Copied(service));
        let mut op = match offered {
            true => Op::Register(&new),
            false => Op::Unregister(service),
        };
        self.run_as(who, &mut op, &mut Ticket::NONE.clone())?;
        Ok(())
    }

    /// Takes the peer down, with all it offered: what is in flight ends as gone.
    #[inline(never)]
    pub(super) fn end_peer(&mut self) {
        let peer = core::mem::replace(&mut self.peer, Peer::NONE);
        self.kernel.waist().leave(PluginId::OPERATOR, peer.look);
        let (Some(who), Some(slot)) = (peer.id, self.config.peer) else {
            return;
        };
        slot.set_goal(PluginState::Unloaded, LIMIT);
        for _ in 0..STEPS {
            let mut step = Step::Ended;
            let mut next = Op::Next {
                before: Before::Done,
                step: &mut step,
            };
            let went = self.run_as(who, &mut next, &mut Ticket::NONE.clone());
            if went.is_err() || step == Step::Ended {
                break;
            }
        }
    }

    /// Sends what the peer is asked, when there is room.
    pub(super) fn poll_peer(&mut self, cx: &mut Context<'_>) {
        let Some(who) = self.peer.id else { return };
        self.withdraw(cx);
        let free = self.peer.asked.iter().position(|call| *call == NONE);
        let Some(place) = free.filter(|_| self.out.ready()) else {
            return;
        };
        let (waist, mut ticket, mut step) = (self.kernel.waist(), Ticket::NONE, Step::Ended);
        let mut next = Op::Next {
            before: Before::Done,
            step: &mut step,
        };
        let went = waist.run(who, &mut next, &mut ticket, Some(cx.waker()), self.work);
        if went.is_pending() {
            return;
        }
        self.moved = true;
        match step {
            Step::Call {
                id, service, args, ..
            } => self.ask_peer(who, place, (id, service, args)),
            Step::Ended => {
                // Somebody has stopped it: the other side begins anew.
                self.reset();
                self.out.refuse_message(Refusal::NoSession);
            }
            _ => {}
        }
    }

    #[inline(never)]
    fn ask_peer(&mut self, who: PluginId, place: usize, (id, service, args): (CallId, usize, usize)) {
        let (of, left) = self.origin_of(id);
        let mut put = self.out.message(9);
        put.word(id.to_bits());
        put.option(of);
        put.word(left.as_millis());
        let (service, rest) = self.work.split_at_mut_checked(service).unwrap_or_default();
        put.bytes(service);
        put.bytes(rest.get(..args).unwrap_or(&[]));
        let len = put.end();
        if self.out.sent(len) {
            if let Some(call) = self.peer.asked.get_mut(place) {
                *call = id;
            }
            return;
        }
        let max = self.out.max_message;
        let answer = Answer::Fault(Fault::TooLarge { max });
        let _ = self.run_as(who, &mut Op::Reply(id, answer), &mut Ticket::NONE.clone());
    }

    /// The session's request that a call comes of, and how long the call may still take.
    fn origin_of(&self, id: CallId) -> (Option<u32>, Span) {
        let runtime = CoreRuntime::new(self.kernel);
        let Some(call) = runtime.open_call(id) else {
            return (None, Span::NONE);
        };
        let mut parent = call.parent;
        while let Some(id) = parent {
            let mut calls = self.calls.iter();
            if let Some((request, _)) = calls.find(|(_, ticket)| ticket.call() == Some(id)) {
                return (Some(*request), call.left);
            }
            parent = runtime.open_call(id).and_then(|call| call.parent);
        }
        (None, call.left)
    }

    /// Tells the other side of a call that nobody waits for any more.
    #[inline(never)]
    fn withdraw(&mut self, cx: &mut Context<'_>) {
        if self.peer.asked == [NONE; FLIGHTS] {
            return;
        }
        let (waist, waker) = (self.kernel.waist(), Some(cx.waker()));
        let mut look = Op::Sleep(LOOK);
        if waist
            .run(PluginId::OPERATOR, &mut look, &mut self.peer.look, waker, &mut [])
            .is_pending()
        {
            return;
        }
        self.moved = true;
        let runtime = CoreRuntime::new(self.kernel);
        let is_left = |call: &&mut CallId| **call != NONE && runtime.open_call(**call).is_none();
        if self.out.ready()
            && let Some(call) = self.peer.asked.iter_mut().find(is_left)
        {
            let call = core::mem::replace(call, NONE);
            let mut put = self.out.message(10);
            put.word(call.to_bits());
            let len = put.end();
            self.out.sent(len);
        }
    }

    /// The peer answers a call. A caller that is gone does not matter.
    #[inline(never)]
    pub(super) fn answer(&mut self, from: &mut Take<'_>) {
        let call = CallId::from_bits(from.word());
        let answer = match (from.byte(), from) {
            (0, from) => match Json::new(from.bytes()) {
                Ok(json) => Answer::Bytes(json.as_bytes()),
                Err(error) => Answer::Fault(Fault::NotJson {
                    at: error.offset() as u32,
                }),
            },
            (_, from) => match from.byte() {
                0 => Answer::Fault(Fault::from_parts((from.byte(), from.word(), from.word()))),
                1 => Answer::Failed {
                    code: from.text(),
                    message: from.text(),
                },
                _ => Answer::Fault(Fault::Unavailable),
            },
        };
        if let Some(place) = self.peer.asked.iter_mut().find(|asked| **asked == call) {
            *place = NONE;
        }
        if let Some(who) = self.peer.id {
            let _ = self.run_as(who, &mut Op::Reply(call, answer), &mut Ticket::NONE.clone());
        }
    }
}
