//! A session's peer: the runtime on the other side offers services here, and publishes as somebody of its own. What
//! else it asks for, it asks for as the operator, so that its calls belong to nobody here but to those that they are
//! made for there.

use core::task::{Context, Poll};

use heapless::Vec;
use kernel_core::{
    Answer, AttachedPlugin, Attachment, Before, CallId, CoreRuntime, Fault, Kernel, Op, PluginId, Span,
    Step as KernelStep, Ticket,
};

use crate::session::State;
use crate::{FLIGHTS, Failure, Raw, Refusal, Reply, ToClient};

/// How often it is looked whether somebody still waits for what was asked, in milliseconds.
const LOOK: u32 = 200;

/// See the module's documentation; dropping it takes it out of the runtime.
pub(crate) struct Peer {
    _plugin: AttachedPlugin,
    /// Who it is in the only life that it has.
    id: PluginId,
    kernel: Kernel,
    asked: Vec<CallId, FLIGHTS>,
    look: Ticket,
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.kernel.waist().leave(PluginId::OPERATOR, self.look);
    }
}

impl State<'_> {
    /// On whose behalf the session publishes.
    pub(crate) fn publisher(&self) -> PluginId {
        self.peer.as_ref().map_or_else(|| self.who(), |peer| peer.id)
    }

    /// Who was asked this call; forgets that it was.
    pub(crate) fn callee_of(&mut self, call: CallId) -> PluginId {
        let who = self.who();
        let Some(peer) = &mut self.peer else { return who };
        let Some(place) = peer.asked.iter().position(|asked| *asked == call) else {
            return who;
        };
        peer.asked.swap_remove(place);
        peer.id
    }

    pub(crate) fn become_peer(&mut self, id: u32, name: &str) {
        if self.peer.is_some() || self.attached.is_some() {
            return self.refuse(id, Refusal::Attached);
        }
        let attachment = Attachment {
            name,
            description: "another runtime, on the other side of a link",
            placement: "peer",
            ..Attachment::default()
        };
        let plugin = match AttachedPlugin::attach(self.kernel, &attachment) {
            Ok(plugin) => plugin,
            Err(fault) => return self.outcome(id, Err(fault)),
        };
        plugin.set_concurrent(true);
        self.peer = Some(Peer {
            id: plugin.context().id(),
            _plugin: plugin,
            kernel: self.kernel,
            asked: Vec::new(),
            look: Ticket::NONE,
        });
        self.reply(id, &Reply::Text(name));
    }

    /// Registers a service of the peer, or takes it back.
    pub(crate) fn offer(&mut self, id: u32, op: &mut Op<'_>) {
        let Some(who) = self.peer.as_ref().map(|peer| peer.id) else {
            return self.refuse(id, Refusal::NotAttached);
        };
        let outcome = self.run_as(who, op);
        self.outcome(id, outcome.map(|_| Reply::Done));
    }

    /// Sends what the peer is asked, as long as there is room.
    pub(crate) fn poll_peer(&mut self, cx: &mut Context<'_>) {
        self.withdraw(cx);
        let waist = self.kernel.waist();
        while let Some(peer) = &self.peer
            && !peer.asked.is_full()
            && self.out.ready()
        {
            let (who, mut ticket, mut step) = (peer.id, Ticket::NONE, KernelStep::Ended);
            let mut next = Op::Next {
                before: Before::Done,
                step: &mut step,
            };
            match waist.run(who, &mut next, &mut ticket, Some(cx.waker()), self.work) {
                Poll::Pending => return,
                Poll::Ready(Ok(_)) => {}
                Poll::Ready(Err(_)) => step = KernelStep::Ended,
            }
            match step {
                KernelStep::Call {
                    id, service, args, ..
                } => self.ask_peer(who, id, service, args),
                KernelStep::Ended => {
                    // Somebody has stopped it.
                    self.peer = None;
                    self.send(&ToClient::Refused(Failure::Link(Refusal::NotAttached)));
                }
                _ => {}
            }
        }
    }

    fn ask_peer(&mut self, who: PluginId, id: CallId, service: usize, args: usize) {
        let (of, left) = self.origin_of(id);
        let (service, rest) = self.work.split_at_mut_checked(service).unwrap_or_default();
        let asked = ToClient::Asked {
            call: id.to_bits(),
            of,
            left_ms: left.as_millis(),
            service: core::str::from_utf8(service).unwrap_or(""),
            args: Raw(rest.get(..args).unwrap_or(&[])),
        };
        if self.out.send(&asked) {
            if let Some(peer) = &mut self.peer {
                // It has room.
                let _ = peer.asked.push(id);
            }
        } else {
            let max = self.out.max_message() as u32;
            let answer = Answer::Fault(Fault::TooLarge { max });
            let _ = self.run_as(who, &mut Op::Reply(id, answer));
        }
        self.said();
    }

    /// The session's request that a call comes of, and how long the call may still take.
    fn origin_of(&self, id: CallId) -> (Option<u32>, Span) {
        let runtime = CoreRuntime::new(self.kernel);
        let Some(call) = runtime.open_call(id) else {
            return (None, Span::NONE);
        };
        let mut parent = call.parent;
        while let Some(id) = parent {
            let mut flights = self.flights.iter().flatten();
            if let Some(flight) = flights.find(|flight| flight.ticket.call() == Some(id)) {
                return (Some(flight.id), call.left);
            }
            parent = runtime.open_call(id).and_then(|call| call.parent);
        }
        (None, call.left)
    }

    /// Tells the other side of calls that nobody waits for any more.
    fn withdraw(&mut self, cx: &mut Context<'_>) {
        let Some(peer) = &mut self.peer else { return };
        if peer.asked.is_empty() {
            return;
        }
        let waist = self.kernel.waist();
        let mut look = Op::Sleep(Span::from_millis(LOOK));
        let waker = Some(cx.waker());
        if waist
            .run(PluginId::OPERATOR, &mut look, &mut peer.look, waker, &mut [])
            .is_pending()
        {
            return;
        }
        self.moved = true;
        let runtime = CoreRuntime::new(self.kernel);
        let is_left = |call: &CallId| runtime.open_call(*call).is_none();
        while let Some(peer) = &mut self.peer
            && let Some(place) = peer.asked.iter().position(is_left)
            && self.out.ready()
        {
            let call = peer.asked.swap_remove(place).to_bits();
            self.send(&ToClient::Withdrawn { call });
        }
    }
}
