//! The operations of a module: unpacked, what it says is JSON judged, and carried out by the guard.

use std::mem;
use std::task::Poll;

use kernel_core::storage::STORAGE;
use kernel_core::{
    Answer, Before, CallId, Capacity, EntryInfo, Error, Fault, Json, Name, Op, PluginId, Service, Step,
    Ticket, Waist,
};
use plugin_wasm::packed::{
    Asked, Blob, Outcome, PackedBefore, PackedOp, PackedOutcome, PackedReply, WAITS, span,
};

use super::life::Life;

/// What waits is asked for again as what it is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Publish,
    Call,
    Other,
}

/// The kernel's tickets of what waits, by the numbers that the module knows, from 1.
#[derive(Default)]
pub(super) struct Tickets(Vec<Option<(Kind, Ticket)>>);

impl Tickets {
    pub(super) fn take(&mut self, number: u32) -> Option<Ticket> {
        self.place(number)?.take().map(|(_, ticket)| ticket)
    }

    /// All that are held.
    pub(super) fn all(&mut self) -> impl Iterator<Item = Ticket> + '_ {
        self.0.drain(..).flatten().map(|(_, ticket)| ticket)
    }

    fn place(&mut self, number: u32) -> Option<&mut Option<(Kind, Ticket)>> {
        self.0.get_mut((number as usize).checked_sub(1)?)
    }

    fn take_of(&mut self, number: u32, kind: Kind) -> Option<Ticket> {
        let place = self.place(number)?;
        place.take_if(|(of, _)| *of == kind).map(|(_, ticket)| ticket)
    }

    /// Keeps it, under the number that it had before, where it had one; `None` when there are too many.
    fn keep(&mut self, number: u32, kind: Kind, ticket: Ticket) -> Option<u32> {
        let number = match number {
            0 => match self.0.iter().position(Option::is_none) {
                Some(free) => free as u32 + 1,
                None if self.0.len() < WAITS => {
                    self.0.push(None);
                    self.0.len() as u32
                }
                None => return None,
            },
            number => number,
        };
        *self.place(number)? = Some((kind, ticket));
        Some(number)
    }
}

/// How an operation is asked for.
#[derive(Clone, Copy)]
struct How {
    number: u32,
    kind: Kind,
    waits: bool,
}

impl Life {
    /// Carries out one operation.
    pub(super) fn perform(&mut self, asked: Asked<'_>, buf: &mut [u8]) -> Outcome {
        let how = How {
            number: asked.ticket,
            kind: Kind::of(&asked.op),
            waits: asked.waits,
        };
        self.unpack(how, asked.op, buf).unwrap_or_else(refused)
    }

    fn unpack(&mut self, how: How, op: PackedOp<'_>, buf: &mut [u8]) -> Result<Outcome, Fault> {
        let mut op = match op {
            PackedOp::Next(before) => return self.next(how, before, buf),
            PackedOp::Fail(error) => return self.ask(how, &mut Op::Fail(&error.into()), buf),
            PackedOp::Alive => Op::Alive,
            PackedOp::Publish {
                topic,
                payload,
                limit,
            } => Op::Publish {
                topic,
                payload: judged(payload)?,
                limit: span(limit),
            },
            PackedOp::Subscribe(filter) => Op::Subscribe(Name::Copied(filter)),
            PackedOp::Unsubscribe(filter) => Op::Unsubscribe(filter),
            PackedOp::Register([name, description, version], deprecated) => {
                let text = |text| {
                    if str::is_empty(text) {
                        Name::Fixed("")
                    } else {
                        Name::Copied(text)
                    }
                };
                let mut service = Service::new(Name::Copied(name))
                    .describe(text(description))
                    .version(text(version));
                if deprecated {
                    service = service.deprecated();
                }
                return self.ask(how, &mut Op::Register(&service), buf);
            }
            PackedOp::Unregister(service) => Op::Unregister(service),
            PackedOp::HasService(service) => Op::HasService(service),
            PackedOp::Call {
                service,
                args,
                limit,
                parent,
            } => {
                let pieces: Vec<&[u8]> = args.iter().map(|piece| piece.0).collect();
                let whole;
                let args = match service {
                    // It checks by itself what it gets.
                    STORAGE => (&[][..], &pieces[..]),
                    _ => {
                        whole = pieces.concat();
                        (judged(Blob(&whole))?.as_bytes(), &[][..])
                    }
                };
                let mut op = Op::Call {
                    service,
                    args,
                    limit: limit.map(span),
                    parent: parent.map(CallId::from_bits),
                };
                return self.ask(how, &mut op, buf);
            }
            PackedOp::Reply(call, reply) => return self.reply(how, CallId::from_bits(call), reply, buf),
            PackedOp::Get(key) => Op::Get(key),
            PackedOp::Set {
                key,
                value,
                ttl,
                expected,
            } => Op::Set {
                key: Name::Copied(key),
                value: judged(value)?,
                ttl: ttl.map(span),
                expected,
            },
            PackedOp::Update(writes) => {
                let writes = writes
                    .iter()
                    .map(|(key, value)| Ok((Name::Copied(key), judged(*value)?)));
                let writes: Vec<_> = writes.collect::<Result<_, Fault>>()?;
                return self.ask(how, &mut Op::Update(&writes), buf);
            }
            PackedOp::Delete(key, expected) => Op::Delete(key, expected),
            PackedOp::Clear => Op::Clear,
            PackedOp::Entry { prefix, cursor } => {
                let mut info = EntryInfo {
                    cursor,
                    ..EntryInfo::START
                };
                let came = self.ask(how, &mut Op::Entry(prefix, &mut info), buf)?;
                let what = (&info).into();
                return Ok(match came.what {
                    PackedOutcome::Done(_) => Outcome { what, ..came },
                    _ => came,
                });
            }
            PackedOp::Interval(interval) => Op::Interval(span(interval)),
            PackedOp::Sleep(time) => Op::Sleep(span(time)),
            PackedOp::NameOf(id) => Op::NameOf(PluginId::from_bits(id)),
            PackedOp::Settings => Op::Settings,
        };
        self.ask(how, &mut op, buf)
    }

    fn next(&mut self, how: How, before: PackedBefore<'_>, buf: &mut [u8]) -> Result<Outcome, Fault> {
        let mut step = Step::Load;
        if mem::take(&mut self.is_to_load) {
            return Ok(done(PackedOutcome::Step((&step).into())));
        }
        let error;
        let before = match before {
            PackedBefore::Done => Before::Done,
            PackedBefore::Replied { call, start, len } => {
                let replied = Before::Replied {
                    call: CallId::from_bits(call),
                    start: start as usize,
                    len: len as usize,
                };
                match replied.reply(buf).map(|(call, reply)| (call, Json::new(reply))) {
                    Some((call, Err(wrong))) => {
                        error = not_json(&wrong);
                        Before::Failed {
                            call: Some(call),
                            error: &error,
                        }
                    }
                    _ => replied,
                }
            }
            PackedBefore::Failed { call, error: said } => {
                error = said.into();
                Before::Failed {
                    call: call.map(CallId::from_bits),
                    error: &error,
                }
            }
        };
        let mut op = Op::Next {
            before,
            step: &mut step,
        };
        let came = self.ask(how, &mut op, buf)?;
        Ok(match came.what {
            PackedOutcome::Done(_) => done(PackedOutcome::Step((&step).into())),
            _ => came,
        })
    }

    fn reply(
        &mut self,
        how: How,
        call: CallId,
        reply: PackedReply<'_>,
        buf: &mut [u8],
    ) -> Result<Outcome, Fault> {
        let error;
        let answer = match reply {
            PackedReply::Json(Blob(bytes)) => match Json::new(bytes) {
                Ok(json) => Answer::Bytes(json.as_bytes()),
                Err(wrong) => {
                    error = not_json(&wrong);
                    Answer::Error(&error)
                }
            },
            PackedReply::Error(said) => {
                error = said.into();
                Answer::Error(&error)
            }
        };
        self.ask(how, &mut Op::Reply(call, answer), buf)
    }

    /// Asks the guard, with the ticket that the module knows by a number.
    fn ask(&mut self, how: How, op: &mut Op<'_>, buf: &mut [u8]) -> Result<Outcome, Fault> {
        let mut ticket = match how.number {
            0 => Ticket::NONE,
            number => self.tickets.take_of(number, how.kind).ok_or(Fault::Gone)?,
        };
        let waker = how.waits.then_some(&self.waker);
        match self.guard.run(self.who, op, &mut ticket, waker, buf) {
            Poll::Ready(Ok(count)) => Ok(Outcome {
                version: ticket.version(),
                ..done(PackedOutcome::Done(count))
            }),
            Poll::Ready(Err(fault)) => {
                if ticket.is_held() {
                    self.guard.leave(self.who, ticket);
                }
                Err(fault)
            }
            Poll::Pending if !ticket.is_held() => Ok(done(PackedOutcome::Pending)),
            Poll::Pending => match self.tickets.keep(how.number, how.kind, ticket) {
                Some(ticket) => Ok(Outcome {
                    ticket,
                    ..done(PackedOutcome::Pending)
                }),
                None => {
                    self.guard.leave(self.who, ticket);
                    let (capacity, size) = (Capacity::Calls, WAITS as u32);
                    Err(Fault::Full { capacity, size })
                }
            },
        }
    }
}

fn done(what: PackedOutcome) -> Outcome {
    Outcome {
        what,
        ticket: 0,
        version: 0,
    }
}

fn refused(fault: Fault) -> Outcome {
    done(fault.into())
}

fn judged<'a>(value: Blob<'a>) -> Result<Json<'a>, Fault> {
    Json::new(value.0).map_err(|wrong| Fault::NotJson {
        at: wrong.offset() as u32,
    })
}

fn not_json(wrong: &kernel_core::json::JsonError) -> Error {
    Error::format("not_json", format_args!("the plugin's reply: {wrong}"))
}

impl Kind {
    fn of(op: &PackedOp<'_>) -> Kind {
        match op {
            PackedOp::Publish { .. } => Kind::Publish,
            PackedOp::Call { .. } => Kind::Call,
            _ => Kind::Other,
        }
    }
}
