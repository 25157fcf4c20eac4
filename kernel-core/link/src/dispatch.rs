//! Messages from the client, and what is done at once.

use core::task::Poll;

use heapless::String;
use kernel_core::{CallId, Context, Fault, Json, Name, Op, PluginId, Span, Ticket};

use crate::Action;
use crate::entries;
use crate::frame::FrameError;
use crate::session::State;
use crate::session::flights::{Flight, Kind, Shape};
use crate::session::flights::{Job, failure};
use crate::session::lists::List;
use crate::{Denied, Failure, Raw, Refusal, Reply, Request, ToClient, ToRuntime, VERSIONS, Versions};

impl State<'_> {
    /// True for a message that is answered, and so needs room in the outbox: all but credit, cancel, keep-alive, and
    /// the words of a session's plugin, which are acted upon however much waits to be sent.
    pub(crate) fn needs_room(message: &Result<ToRuntime<'_>, FrameError>) -> bool {
        !matches!(
            message,
            Ok(ToRuntime::Credit(_)
                | ToRuntime::Cancel { .. }
                | ToRuntime::KeepAlive
                | ToRuntime::StepDone { .. }
                | ToRuntime::Answer { .. })
        )
    }

    /// Does what a message says, unless whoever decides has refused it; `frame` is what it was decoded from. For a
    /// request, there is room for an answer.
    pub(crate) fn receive(
        &mut self,
        message: Result<ToRuntime<'_>, FrameError>,
        frame: &[u8],
        verdict: Result<(), Denied>,
    ) {
        match message {
            Ok(decoded) => self.dispatch(decoded, verdict),
            Err(error) => self.malformed(error, frame),
        }
    }

    #[inline(never)]
    fn dispatch(&mut self, message: ToRuntime<'_>, verdict: Result<(), Denied>) {
        self.heard();
        self.moved = true;
        match message {
            ToRuntime::Hello { versions, nonce, .. } => self.hello(versions, nonce, verdict),
            _ if !self.open => {
                self.send(&ToClient::Refused(Failure::Link(Refusal::NoSession)));
            }
            ToRuntime::Request { id, what } => match verdict {
                Ok(()) => self.request(id, what),
                Err(denied) => self.reply(id, &Reply::Failed(denied.failure())),
            },
            ToRuntime::Credit(more) => {
                if let Some(watch) = self.watch.as_mut() {
                    watch.credit = watch.credit.saturating_add(more);
                }
            }
            ToRuntime::Cancel { id } => self.cancel(id),
            ToRuntime::KeepAlive => {}
            ToRuntime::StepDone { error } => self.step_done(error),
            ToRuntime::Answer { call, result } => self.answer(CallId::from_bits(call), result),
        }
    }

    /// Answers a frame that could not be read: to the request in it where that much can be read.
    #[inline(never)]
    fn malformed(&mut self, error: FrameError, frame: &[u8]) {
        self.heard();
        let refusal = error.refusal(self.out.max_message());
        let id = match postcard::take_from_bytes::<(u8, u32)>(frame) {
            Ok(((1, id), _)) => Some(id),
            _ => None,
        };
        match id {
            Some(id) if self.open => self.refuse(id, refusal),
            _ => {
                self.send(&ToClient::Refused(Failure::Link(refusal)));
            }
        }
    }

    #[inline(never)]
    fn hello(&mut self, versions: Versions, nonce: u32, verdict: Result<(), Denied>) {
        self.reset();
        let Some(version) = VERSIONS.common(versions) else {
            let refusal = Refusal::Version(VERSIONS.oldest, VERSIONS.newest);
            self.send(&ToClient::Refused(Failure::Link(refusal)));
            return;
        };
        if let Err(denied) = verdict {
            self.send(&ToClient::Refused(denied.failure()));
            return;
        }
        self.open = true;
        let hello = ToClient::Hello {
            version,
            nonce,
            name: self.config.name,
            max_message: self.out.max_message() as u32,
            keep_alive_ms: self.config.keep_alive_ms,
            now: self.kernel.now().as_micros(),
            epoch: self.config.epoch,
        };
        self.send(&hello);
    }

    #[inline(never)]
    fn request(&mut self, id: u32, what: Request<'_>) {
        match what {
            Request::Ping => self.reply(id, &Reply::Done),
            Request::Call {
                service,
                timeout_ms,
                parent,
                args,
            } => {
                let parent = parent.map(CallId::from_bits);
                // The storage judges what it is asked to store.
                if service != kernel_core::storage::STORAGE && self.json(id, args).is_none() {
                    return;
                }
                self.begin_call(id, service, (args.0, &[]), timeout_ms, parent, Shape::Json);
            }
            Request::Publish {
                topic,
                timeout_ms,
                payload,
            } => {
                if let Some(payload) = self.json(id, payload) {
                    self.publish(id, topic, payload, Span::from_millis(timeout_ms));
                }
            }
            Request::Watch {
                filter,
                since,
                credit,
            } => self.begin_watch(id, filter, since, credit),
            Request::Unwatch => {
                self.watch = None;
                self.reply(id, &Reply::Done);
            }
            Request::Plugins => self.list(id, List::Plugins),
            Request::Services => self.list(id, List::Services),
            Request::Subscriptions => self.list(id, List::Subscriptions),
            Request::Calls => self.list(id, List::Calls),
            Request::States { prefix } => self.list_states(id, prefix),
            Request::Health => {
                let health = self.runtime().health();
                self.reply(id, &Reply::Health(health.into()));
            }
            Request::Manage { action, plugin } => self.command(id, action, plugin),
            Request::StateGet { key } => {
                let mut info = kernel_core::EntryInfo {
                    cursor: kernel_core::EntryInfo::EXACT,
                    ..kernel_core::EntryInfo::START
                };
                let found = entries::entry(self.kernel, PluginId::OPERATOR, key, &mut info, self.work);
                let what = match found {
                    Ok(entry) => Reply::State(entry),
                    Err(Fault::Absent) => Reply::Absent,
                    Err(fault) => Reply::Failed(Failure::of(fault)),
                };
                self.out.reply(id, &what);
                self.said();
            }
            Request::StateSet {
                key,
                ttl_ms,
                expected,
                value,
            } => {
                let Some(value) = self.json(id, value) else { return };
                let ttl = ttl_ms.map(|ms| Span::from_millis(u32::try_from(ms).unwrap_or(u32::MAX)));
                let state = Context::new(self.kernel.waist(), self.who()).state();
                let version = state.write(Name::Copied(key), value, ttl, expected).now();
                self.outcome(id, version.map(Reply::Count));
            }
            Request::StateDelete { key, expected } => self.order(id, &mut Op::Delete(key, expected)),
            what => self.request_of_host(id, what),
        }
    }

    /// Carries out an operation and answers whether there was something.
    pub(crate) fn order(&mut self, id: u32, op: &mut Op<'_>) {
        let outcome = self.run(op);
        self.outcome(id, outcome.map(|_| Reply::Done));
    }

    /// The JSON of a request; what is not JSON is answered here.
    #[inline(never)]
    pub(crate) fn json<'a>(&mut self, id: u32, raw: Raw<'a>) -> Option<Json<'a>> {
        match Json::new(raw.0) {
            Ok(json) => Some(json),
            Err(error) => {
                self.outcome(
                    id,
                    Err(Fault::NotJson {
                        at: error.offset() as u32,
                    }),
                );
                None
            }
        }
    }

    /// Begins a call; its answer comes when it is done.
    #[inline(never)]
    pub(crate) fn begin_call(
        &mut self,
        id: u32,
        service: &str,
        args: (&[u8], &[&[u8]]),
        timeout_ms: u32,
        parent: Option<CallId>,
        shape: Shape,
    ) {
        let Some(place) = self.place(id) else { return };
        let limit = (timeout_ms > 0).then(|| Span::from_millis(timeout_ms));
        let mut op = Op::Call {
            service,
            args,
            limit,
            parent,
        };
        let (who, mut ticket) = (self.who(), Ticket::NONE);
        match self
            .kernel
            .waist()
            .run(who, &mut op, &mut ticket, None, self.work)
        {
            Poll::Pending => self.fly(
                place,
                Flight {
                    id,
                    kind: Kind::Call(shape),
                    ticket,
                },
            ),
            Poll::Ready(Ok(len)) => {
                self.out.reply(
                    id,
                    &Reply::Json(Raw(self.work.get(..len as usize).unwrap_or(&[]))),
                );
                self.said();
            }
            Poll::Ready(Err(fault)) => self.outcome(id, Err(fault)),
        }
    }

    #[inline(never)]
    fn publish(&mut self, id: u32, topic: &str, payload: Json<'_>, limit: Span) {
        if !limit.is_none() {
            return self.publish_or_park(id, topic, payload, limit);
        }
        let mut op = Op::Publish {
            topic,
            payload,
            limit: Span::NONE,
        };
        let outcome = self.run_as(self.publisher(), &mut op);
        self.outcome(id, outcome.map(|count| Reply::Count(count as u64)));
    }

    fn list(&mut self, id: u32, list: List) {
        if let Some(place) = self.place(id) {
            self.fly(
                place,
                Flight {
                    id,
                    kind: Kind::List(list, 0),
                    ticket: Ticket::NONE,
                },
            );
        }
    }

    #[inline(never)]
    fn list_states(&mut self, id: u32, prefix: &str) {
        let listing = |flight: &Option<Flight>| {
            matches!(
                flight,
                Some(Flight {
                    kind: Kind::List(List::States, _),
                    ..
                })
            )
        };
        if self.flights.iter().any(listing) {
            return self.refuse(id, Refusal::InFlight(1));
        }
        match String::try_from(prefix) {
            Ok(prefix) => {
                self.prefix = prefix;
                self.list(id, List::States);
            }
            Err(_) => self.outcome(
                id,
                Err(Fault::TooLarge {
                    max: crate::session::TEXT as u32,
                }),
            ),
        }
    }

    #[inline(never)]
    fn command(&mut self, id: u32, action: Action, plugin: &str) {
        let Ok(plugin) = String::try_from(plugin) else {
            // Longer than any plugin's name; cut, it might be another's.
            return self.outcome(id, Err(Fault::NotFound));
        };
        if self.jobs.push_back(Job { id, action, plugin }).is_err() {
            self.refuse(id, Refusal::InFlight(self.jobs.capacity() as u32));
        }
    }

    /// Answers a lifecycle command.
    #[inline(never)]
    pub(crate) fn commanded(
        &mut self,
        job: &Job,
        outcome: Result<kernel_core::PluginState, crate::ManageError>,
    ) {
        let what = match outcome {
            Ok(state) => Reply::PluginState(state),
            Err(crate::ManageError::Fault(Fault::Failed { .. })) => {
                let (runtime, mut cursor) = (self.runtime(), 0);
                loop {
                    match runtime.next_plugin(&mut cursor, self.work) {
                        Some(row) if row.name == job.plugin.as_str() => {
                            let (code, message) = (row.error_code, row.error);
                            let failure = Failure::Error { code, message };
                            self.out.reply(job.id, &Reply::Failed(failure));
                            return self.said();
                        }
                        Some(_) => {}
                        None => break Reply::Failed(Failure::of(Fault::NotFound)),
                    }
                }
            }
            Err(crate::ManageError::Fault(fault)) => Reply::Failed(failure(fault, &[])),
            #[cfg(feature = "host")]
            Err(crate::ManageError::Refused(error)) => {
                let (code, message) = (error.code(), error.message());
                self.reply(job.id, &Reply::Failed(Failure::Error { code, message }));
                return;
            }
        };
        self.reply(job.id, &what);
    }
}
