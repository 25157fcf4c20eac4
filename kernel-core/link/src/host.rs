//! What only a host's side answers: metrics, several state values at a time, storage requests, and the operations
//! of a session's plugin.

use core::task::{Poll, Waker};

use heapless::Vec;
use kernel_core::storage::{MAX_BATCH, STORAGE, StorageOp, request_head};
use kernel_core::{EntryInfo, Fault, Json, Name, Op, PluginId, Service, Span, Ticket};

use crate::entries;
use crate::session::State;
use crate::session::attached::Attached;
use crate::session::flights::{Flight, Kind, Shape};
use crate::{Failure, Raw, Refusal, Reply, Request};

impl State<'_> {
    pub(crate) fn request_of_host(&mut self, id: u32, what: Request<'_>) {
        match what {
            Request::Metrics => {
                let metrics = self.runtime().metrics();
                self.reply(id, &Reply::Metrics(metrics));
            }
            Request::StateUpdate { entries } => self.update(id, entries),
            Request::StateClear => {
                let outcome = self.run(&mut Op::Clear);
                self.outcome(id, outcome.map(|count| Reply::Count(count as u64)));
            }
            Request::StateEntry { prefix, cursor } => self.entry(id, prefix, cursor),
            Request::StorageGet { namespace, key } => {
                self.store(id, StorageOp::Get, namespace, key, 0, &[], Shape::Json);
            }
            Request::StorageSet {
                namespace,
                key,
                value,
            } => {
                self.store(id, StorageOp::Set, namespace, key, 0, value.0, Shape::Done);
            }
            Request::StorageDelete { namespace, key } => {
                self.store(id, StorageOp::Delete, namespace, key, 0, &[], Shape::Done);
            }
            Request::StorageClear { namespace } => {
                self.store(id, StorageOp::ClearNamespace, namespace, "", 0, &[], Shape::Count);
            }
            Request::StorageKeys {
                namespace,
                after,
                limit,
            } => {
                self.store(
                    id,
                    StorageOp::ListKeys,
                    namespace,
                    after,
                    limit,
                    &[],
                    Shape::Names,
                );
            }
            Request::StorageNamespaces { after, limit } => {
                self.store(id, StorageOp::Namespaces, "", after, limit, &[], Shape::Names);
            }
            Request::StorageBatch { namespace, ops } => {
                self.store(id, StorageOp::Batch, namespace, "", 0, ops.0, Shape::Done);
            }
            Request::Attach {
                name,
                version,
                description,
                dependencies,
                blocks,
                restarts,
            } => {
                if self.attached.is_some() {
                    return self.refuse(id, Refusal::Attached);
                }
                let attached = Attached::new(
                    self.kernel,
                    name,
                    version,
                    description,
                    dependencies,
                    blocks,
                    restarts,
                );
                let outcome = attached.map(|attached| {
                    // What was in flight was the operator's.
                    let id = attached.id.to_bits();
                    self.attached = Some(attached);
                    Reply::Attached { id }
                });
                self.outcome(id, outcome);
            }
            Request::Sleep { ms } => {
                if let Some(place) = self.place(id) {
                    let kind = Kind::Sleep(Span::from_millis(ms));
                    self.fly(
                        place,
                        Flight {
                            id,
                            kind,
                            ticket: Ticket::NONE,
                        },
                    );
                }
            }
            Request::NameOf { id: who } => {
                let len = self.run(&mut Op::NameOf(PluginId::from_bits(who)));
                self.texts(id, len, |bytes| {
                    Reply::Text(core::str::from_utf8(bytes).unwrap_or(""))
                });
            }
            Request::WatchPosition => {
                let position = self.watch_position();
                self.reply(id, &position.map_or(Reply::Absent, Reply::Count));
            }
            Request::HasService { service } => self.order(id, &mut Op::HasService(service)),
            Request::Peer { name } => self.become_peer(id, name),
            Request::Offer { service } => {
                self.offer(id, &mut Op::Register(&Service::new(Name::Copied(service))))
            }
            Request::Withdraw { service } => self.offer(id, &mut Op::Unregister(service)),
            _ if self.attached.is_none() => self.refuse(id, Refusal::NotAttached),
            Request::Register {
                service,
                description,
                version,
                deprecated,
            } => {
                let [description, version] = [description, version].map(kept);
                let service = Service::new(service).describe(description).version(version);
                let service = if deprecated { service.deprecated() } else { service };
                self.order(id, &mut Op::Register(&service));
            }
            Request::Unregister { service } => self.order(id, &mut Op::Unregister(service)),
            Request::Subscribe { filter } => self.order(id, &mut Op::Subscribe(Name::Copied(filter))),
            Request::Unsubscribe { filter } => self.order(id, &mut Op::Unsubscribe(filter)),
            Request::Interval { ms } => self.order(id, &mut Op::Interval(Span::from_millis(ms))),
            Request::Settings => {
                let len = self.run(&mut Op::Settings);
                self.texts(id, len, |bytes| Reply::Json(Raw(bytes)));
            }
            _ => self.refuse(id, Refusal::Unknown),
        }
    }

    /// Publishes, or keeps the event until the subscribers that make publishers wait have room.
    pub(crate) fn publish_or_park(&mut self, id: u32, topic: &str, payload: Json<'_>, limit: Span) {
        let (who, waist, mut ticket) = (self.publisher(), self.kernel.waist(), Ticket::NONE);
        // The session's own waker takes the place of this one in the same turn.
        let waker = Some(Waker::noop());
        match waist.run(
            who,
            &mut Op::Publish {
                topic,
                payload,
                limit,
            },
            &mut ticket,
            waker,
            &mut [],
        ) {
            Poll::Ready(outcome) => self.outcome(id, outcome.map(|count| Reply::Count(count as u64))),
            Poll::Pending => match self.place(id) {
                Some(place) if self.parked.keep(topic, payload.as_bytes(), limit) => {
                    self.fly(
                        place,
                        Flight {
                            id,
                            kind: Kind::Publish,
                            ticket,
                        },
                    );
                }
                place => {
                    waist.leave(who, ticket);
                    if place.is_some() {
                        self.refuse(id, Refusal::InFlight(1));
                    }
                }
            },
        }
    }

    /// Answers with bytes of the work buffer.
    fn texts(&mut self, id: u32, len: Result<u32, Fault>, reply: impl FnOnce(&[u8]) -> Reply<'_>) {
        match len {
            Ok(len) => {
                self.out
                    .reply(id, &reply(self.work.get(..len as usize).unwrap_or(&[])));
                self.said();
            }
            Err(fault) => self.outcome(id, Err(fault)),
        }
    }

    #[allow(clippy::too_many_arguments, reason = "a storage request has that many parts")]
    fn store(
        &mut self,
        id: u32,
        op: StorageOp,
        namespace: &str,
        key: &str,
        limit: u16,
        value: &[u8],
        shape: Shape,
    ) {
        match request_head(op, namespace, key, limit) {
            Ok(head) => {
                let pieces = [namespace.as_bytes(), key.as_bytes(), value];
                self.begin_call(id, STORAGE, (&head, &pieces), 0, None, shape);
            }
            Err(fault) => self.outcome(id, Err(fault)),
        }
    }

    fn update(&mut self, id: u32, entries: Raw<'_>) {
        let mut writes = Vec::<(Name<'_>, Json<'_>), MAX_BATCH>::new();
        let mut rest = entries.0;
        while !rest.is_empty() {
            let Some((key, value, behind)) = split(rest) else {
                return self.refuse(id, Refusal::Malformed);
            };
            rest = behind;
            let Some(value) = self.json(id, Raw(value)) else {
                return;
            };
            if writes.push((Name::Copied(key), value)).is_err() {
                return self.outcome(
                    id,
                    Err(Fault::TooLarge {
                        max: MAX_BATCH as u32,
                    }),
                );
            }
        }
        self.order(id, &mut Op::Update(&writes));
    }

    fn entry(&mut self, id: u32, prefix: &str, cursor: u32) {
        let mut info = EntryInfo {
            cursor,
            ..EntryInfo::START
        };
        let what = match entries::entry(self.kernel, self.who(), prefix, &mut info, self.work) {
            Ok(entry) => Reply::Entry {
                cursor: info.cursor,
                owner: info.owner.to_bits(),
                entry,
            },
            Err(Fault::Absent) => Reply::Absent,
            Err(fault) => Reply::Failed(Failure::of(fault)),
        };
        self.out.reply(id, &what);
        self.said();
    }
}

/// A text that the kernel keeps; an empty one takes no place.
fn kept(text: &str) -> Name<'_> {
    if text.is_empty() {
        Name::Fixed("")
    } else {
        Name::Copied(text)
    }
}

/// The first entry of a [`Request::StateUpdate`], and the others.
fn split(bytes: &[u8]) -> Option<(&str, &[u8], &[u8])> {
    let ([a, b, c, d, e, f], rest) = bytes.split_first_chunk::<6>()?;
    let (key, rest) = rest.split_at_checked(u16::from_le_bytes([*a, *b]) as usize)?;
    let (value, rest) = rest.split_at_checked(u32::from_le_bytes([*c, *d, *e, *f]) as usize)?;
    Some((core::str::from_utf8(key).ok()?, value, rest))
}
