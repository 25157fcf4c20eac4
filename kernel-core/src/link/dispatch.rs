//! Requests and what the kernel says to them.

use core::future::poll_fn;
use core::task::Poll;
use core::time::Duration;

use heapless::String;

use super::lists;
use super::protocol::{Failure, Reply, Request, ToClient, ToRuntime, VERSION};
use super::raw::Raw;
use super::remote::Remote;
use super::session::{Flight, Job, Kind, Session};
use crate::bus::{EventBus, PUBLISH_TIMEOUT};
use crate::error::Error;
use crate::id::CallId;
use crate::json::Json;
use crate::plugin::ManageError;
use crate::registry::{Service as NewService, ServiceRegistry};
use crate::state;
use crate::storage::{Op, StorageApi, StorageError};
use crate::text::{CopyOut, Name};

impl Session<'_> {
    /// Does what a message says. The session is ready to send.
    pub(crate) async fn dispatch(&self, message: ToRuntime<'_>) {
        match message {
            ToRuntime::Hello {
                version,
                nonce,
                name: _,
                token,
            } => self.hello(version, nonce, token),
            _ if !self.open.get() => {
                let failure = Failure {
                    code: "no_session",
                    message: "the first message is Hello",
                };
                self.send(&ToClient::Refused(failure));
            }
            ToRuntime::Request { id, what } => self.request(id, what).await,
            ToRuntime::Credit(more) => {
                if let Some(watch) = self.watch.borrow_mut().as_mut() {
                    watch.credit = watch.credit.saturating_add(more);
                }
                self.touch();
            }
            ToRuntime::Cancel { id } => {
                for flight in self.flights.borrow_mut().iter_mut() {
                    if flight.as_ref().is_some_and(|flight| flight.id == id) {
                        *flight = None;
                    }
                }
            }
            ToRuntime::StepDone { error } => {
                if let Some(remote) = self.remote.borrow_mut().as_mut()
                    && core::mem::take(&mut remote.stepping)
                    && let Some(failure) = error
                {
                    remote.mailbox.fail(&Error::new(failure.code, failure.message));
                }
                self.touch();
            }
            ToRuntime::Answer { call, result } => self.answer(CallId::from_bits(call), result),
        }
    }

    fn hello(&self, version: u16, nonce: u32, token: &str) {
        self.reset();
        let refusal = if version != VERSION {
            Some(Failure {
                code: "version",
                message: "this runtime speaks version 2 of the link",
            })
        } else if !self
            .identity
            .token
            .is_none_or(|expected| same(expected.as_bytes(), token.as_bytes()))
        {
            Some(Failure {
                code: "denied",
                message: "the token is not the runtime's",
            })
        } else {
            None
        };
        if let Some(refusal) = refusal {
            self.send(&ToClient::Refused(refusal));
            return;
        }
        self.open.set(true);
        self.send(&ToClient::Hello {
            version: VERSION,
            nonce,
            name: self.identity.name,
            max_message: self.max_message as u32,
            now: self.kernel.now().as_micros(),
            epoch: self.identity.epoch,
        });
    }

    async fn request(&self, id: u32, what: Request<'_>) {
        let who = self.who();
        let kernel = self.kernel;
        let storage = StorageApi { kernel, who };
        match what {
            Request::Ping => self.reply(id, Reply::Done),
            Request::Call {
                service,
                args,
                timeout_ms,
                parent,
            } => {
                let Some(args) = self.json(id, args) else { return };
                let limit = (timeout_ms > 0).then(|| Duration::from_millis(timeout_ms as u64));
                let registry = ServiceRegistry { kernel, who };
                match registry.begin_for(parent.map(CallId::from_bits), service, args, limit) {
                    Ok(pending) => self.fly(id, Kind::Call, pending).await,
                    Err(error) => self.fail(id, error.code(), &error),
                }
            }
            Request::Publish {
                topic,
                payload,
                cause,
            } => {
                let Some(payload) = self.json(id, payload) else {
                    return;
                };
                let outcome = EventBus { kernel, who }
                    .publish_because(Some(cause), topic, payload, PUBLISH_TIMEOUT)
                    .await;
                self.until_ready().await;
                match outcome {
                    Ok(count) => self.reply(id, Reply::Count(count as u64)),
                    Err(error) => self.fail(id, error.code(), &error),
                }
            }
            Request::Watch {
                filter,
                since,
                credit,
            } => self.begin_watch(id, filter, since, credit),
            Request::Unwatch => {
                *self.watch.borrow_mut() = None;
                self.reply(id, Reply::Done);
            }
            Request::Plugins => self.list(id, "", lists::plugin).await,
            Request::Services => self.list(id, "", lists::service).await,
            Request::Subscriptions => self.list(id, "", lists::subscription).await,
            Request::Calls => self.list(id, "", lists::call).await,
            Request::States { prefix } => self.list(id, prefix, lists::state).await,
            Request::Health => self.reply(id, Reply::Health(self.runtime().health())),
            Request::Metrics => self.reply(id, Reply::Metrics(self.runtime().metrics())),
            Request::Manage { action, plugin } => {
                let Ok(name) = String::try_from(plugin) else {
                    // Longer than any plugin's name; cut, it might be another's.
                    return self.fail(id, ManageError::NotFound.code(), &ManageError::NotFound);
                };
                poll_fn(|_| {
                    if self.job.borrow().is_none() {
                        Poll::Ready(())
                    } else {
                        Poll::Pending
                    }
                })
                .await;
                *self.job.borrow_mut() = Some(Job {
                    id,
                    action,
                    plugin: name,
                });
                self.touch();
            }
            Request::StateGet { key } => self.state_get(id, key),
            Request::StateSet {
                key,
                value,
                ttl_ms,
                expected,
            } => {
                let Some(value) = self.json(id, value) else { return };
                let set = kernel.with(|core| {
                    let expires = ttl_ms.map_or(0, |ttl| state::expiry(core, ttl.saturating_mul(1000)));
                    core.set_state(who, &[(Name::Copied(key), value)], expires, expected)
                });
                match set {
                    Ok(version) => self.reply(id, Reply::Count(version)),
                    Err(error) => self.fail(id, error.code(), &error),
                }
            }
            Request::StateDelete { key, expected } => {
                match kernel.with(|core| core.delete_state(who, key, expected)) {
                    Ok(was) => self.reply(id, done_or_absent(was)),
                    Err(error) => self.fail(id, error.code(), &error),
                }
            }
            Request::StorageGet { namespace, key } => {
                self.store(id, Kind::Value, storage, namespace, Op::Get, key, &[])
                    .await;
            }
            Request::StorageSet {
                namespace,
                key,
                value,
            } => {
                let Some(value) = self.json(id, value) else { return };
                self.store(
                    id,
                    Kind::Done,
                    storage,
                    namespace,
                    Op::Set,
                    key,
                    &[value.as_bytes()],
                )
                .await;
            }
            Request::StorageDelete { namespace, key } => {
                self.store(id, Kind::Done, storage, namespace, Op::Delete, key, &[])
                    .await;
            }
            Request::StorageClear { namespace } => {
                self.store(id, Kind::Count, storage, namespace, Op::ClearNamespace, "", &[])
                    .await;
            }
            Request::StorageKeys {
                namespace,
                after,
                limit,
            } => {
                let (limit, room) = (limit.to_le_bytes(), self.page_room());
                self.store(
                    id,
                    Kind::Names,
                    storage,
                    namespace,
                    Op::ListKeys,
                    after,
                    &[&limit, &room],
                )
                .await;
            }
            Request::StorageNamespaces { after, limit } => {
                let (limit, room) = (limit.to_le_bytes(), self.page_room());
                self.store(
                    id,
                    Kind::Names,
                    storage,
                    "",
                    Op::Namespaces,
                    after,
                    &[&limit, &room],
                )
                .await;
            }
            Request::Attach {
                name,
                version,
                description,
            } => {
                if self.remote.borrow().is_some() {
                    return self.fail(id, "duplicate", &"this session is a plugin already");
                }
                match Remote::attach(kernel, name, version, description) {
                    Ok(remote) => {
                        *self.remote.borrow_mut() = Some(remote);
                        self.reply(id, Reply::Done);
                    }
                    Err(error) => self.fail(id, error.code(), &error),
                }
            }
            Request::Register {
                service,
                description,
                version,
                deprecated,
            } => {
                let service = NewService {
                    name: Name::Copied(service),
                    description: Name::Copied(description),
                    version: Name::Copied(version),
                    deprecated,
                };
                match (ServiceRegistry { kernel, who }).register(service) {
                    Ok(()) => self.reply(id, Reply::Done),
                    Err(error) => self.fail(id, error.code(), &error),
                }
            }
            Request::Unregister { service } => {
                let was = ServiceRegistry { kernel, who }.unregister(service);
                self.reply(id, done_or_absent(was));
            }
            Request::Subscribe { filter } => match (EventBus { kernel, who }).subscribe(Name::Copied(filter))
            {
                Ok(()) => self.reply(id, Reply::Done),
                Err(error) => self.fail(id, error.code(), &error),
            },
            Request::Unsubscribe { filter } => {
                let was = EventBus { kernel, who }.unsubscribe(filter);
                self.reply(id, done_or_absent(was));
            }
        }
    }

    fn answer(&self, call: CallId, result: Result<Raw<'_>, Failure<'_>>) {
        let remote = self.remote.borrow();
        let Some(remote) = remote.as_ref() else { return };
        match result.map(|raw| Json::new(raw.0)) {
            Ok(Ok(json)) => remote.mailbox.reply(call, Ok(json)),
            Ok(Err(_)) => remote.mailbox.reply(
                call,
                Err(&Error::new("not_json", "the plugin's reply is not JSON")),
            ),
            Err(failure) => remote
                .mailbox
                .reply(call, Err(&Error::new(failure.code, failure.message))),
        };
    }

    /// The JSON of a request; what is not JSON is answered here.
    fn json<'a>(&self, id: u32, raw: Raw<'a>) -> Option<Json<'a>> {
        match Json::new(raw.0) {
            Ok(json) => Some(json),
            Err(error) => {
                self.fail(id, "not_json", &error);
                None
            }
        }
    }

    /// Puts a call among those under way, when there is room.
    async fn fly(&self, id: u32, kind: Kind, pending: crate::registry::PendingCall) {
        let mut flight = Some(Flight { id, kind, pending });
        poll_fn(|_| {
            let mut flights = self.flights.borrow_mut();
            match flights.iter_mut().find(|place| place.is_none()) {
                Some(place) => {
                    *place = flight.take();
                    Poll::Ready(())
                }
                None => Poll::Pending,
            }
        })
        .await;
        self.touch();
    }

    #[allow(clippy::too_many_arguments, reason = "a storage request has that many parts")]
    async fn store(
        &self,
        id: u32,
        kind: Kind,
        storage: StorageApi,
        namespace: &str,
        op: Op,
        key: &str,
        value: &[&[u8]],
    ) {
        match storage.namespace(namespace).begin(op, key, value, None) {
            Ok(pending) => self.fly(id, kind, pending).await,
            Err(error) => self.fail(id, StorageError::code(&error), &error),
        }
    }

    /// How long a page of names may be: what fits into a message beside its head.
    fn page_room(&self) -> [u8; 4] {
        (self.max_message.saturating_sub(16) as u32).to_le_bytes()
    }

    fn state_get(&self, id: u32, key: &str) {
        let mut work = self.work.borrow_mut();
        let found = self.kernel.with(|core| {
            let index = core.find_entry(key)?;
            let mut out = CopyOut::new(&mut work);
            let what = lists::state(core, index, "", &mut out).ok()??;
            self.reply(id, what);
            Some(())
        });
        if found.is_none() {
            self.reply(id, Reply::Absent);
        }
    }
}

fn done_or_absent(was: bool) -> Reply<'static> {
    if was { Reply::Done } else { Reply::Absent }
}

/// Compares in a time that does not tell where they differ.
fn same(one: &[u8], two: &[u8]) -> bool {
    let differ = one.iter().zip(two).fold(0, |differ, (a, b)| differ | (a ^ b));
    differ == 0 && one.len() == two.len()
}
