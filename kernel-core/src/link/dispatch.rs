//! Requests and what the kernel says to them.

use core::future::poll_fn;
use core::task::Poll;
use core::time::Duration;

use heapless::String;

use super::protocol::{Call, Failure, Plugin, Reply, Request, Service, State, ToClient, ToRuntime, VERSION};
use super::raw::Raw;
use super::remote::Remote;
use super::session::{Flight, Job, Kind, Session};
use super::watch::Watch;
use crate::bus::{EventBus, PUBLISH_TIMEOUT, Tap};
use crate::calls::{Phase, What};
use crate::error::{Error, push_cut};
use crate::id::CallId;
use crate::json::Json;
use crate::kernel::Core;
use crate::log::PluginSet;
use crate::plugin::ManageError;
use crate::registry::{Service as NewService, ServiceRegistry};
use crate::state;
use crate::storage::{Op, StorageApi, StorageError};
use crate::subject;
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
            Request::Plugins => self.list(id, "", plugin).await,
            Request::Services => self.list(id, "", service).await,
            Request::Subscriptions => self.list(id, "", subscription).await,
            Request::Calls => self.list(id, "", call).await,
            Request::States { prefix } => self.list(id, prefix, state).await,
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

    fn begin_watch(&self, id: u32, filter: &str, since: Option<u64>, credit: u32) {
        if let Err(error) = subject::check_filter(filter) {
            return self.fail(id, "invalid_filter", &error);
        }
        // The place of the watch before goes back first: there may be no other.
        *self.watch.borrow_mut() = None;
        let Some(tap) = Tap::open(self.kernel, since) else {
            return self.fail(
                id,
                "full",
                &"all readers of the log are taken: raise the capacity `taps`",
            );
        };
        let mut text = String::new();
        push_cut(&mut text, filter);
        let from = tap.position();
        *self.watch.borrow_mut() = Some(Watch {
            tap,
            filter: text,
            credit,
        });
        self.reply(id, Reply::Count(from));
    }

    fn state_get(&self, id: u32, key: &str) {
        let mut work = self.work.borrow_mut();
        let found = self.kernel.with(|core| {
            let index = core.find_entry(key)?;
            let mut out = CopyOut::new(&mut work);
            let what = state(core, index, "", &mut out).ok()??;
            self.reply(id, what);
            Some(())
        });
        if found.is_none() {
            self.reply(id, Reply::Absent);
        }
    }

    /// Sends what `item` finds, slot by slot, then the end.
    ///
    /// The item is encoded under the lock, straight from the kernel: it is bounded in size, and no
    /// code but the kernel's own runs there.
    async fn list(&self, id: u32, prefix: &str, item: Item) {
        let mut at = 0usize;
        loop {
            self.until_ready().await;
            let more = {
                let mut work = self.work.borrow_mut();
                self.kernel.with(|core| {
                    let mut out = CopyOut::new(&mut work);
                    if let Some(what) = item(core, at, prefix, &mut out).ok()? {
                        self.reply(id, what);
                    }
                    Some(())
                })
            };
            if more.is_none() {
                break;
            }
            at = at.wrapping_add(1);
        }
        self.reply(id, Reply::End);
    }
}

/// What is in a slot: `Ok(None)` for an unused one, an error behind the last one.
type Item = for<'c> fn(&'c Core, usize, &str, &mut CopyOut<'c>) -> Result<Option<Reply<'c>>, ()>;

fn within(at: usize, extent: usize) -> Result<(), ()> {
    if at < extent { Ok(()) } else { Err(()) }
}

fn plugin<'c>(core: &'c Core, at: usize, _: &str, _: &mut CopyOut<'c>) -> Result<Option<Reply<'c>>, ()> {
    within(at, core.plugins.usage().capacity)?;
    let Some(info) = core.plugin_info(at) else {
        return Ok(None);
    };
    let mut dependencies = PluginSet::default();
    for provider in info.dependencies.iter().filter_map(|name| core.find_plugin(name)) {
        dependencies.insert(provider);
    }
    Ok(Some(Reply::Plugin(Plugin {
        index: info.index as u8,
        name: info.name,
        version: info.version,
        description: info.description,
        author: info.author,
        dependencies,
        placement: info.placement,
        state: info.state,
        hook: info.hook,
        error: Failure {
            code: info.error_code,
            message: info.error,
        },
        counters: info.counters,
    })))
}

fn service<'c>(core: &'c Core, at: usize, _: &str, _: &mut CopyOut<'c>) -> Result<Option<Reply<'c>>, ()> {
    within(at, core.services.extent())?;
    Ok(core.service_info(at).map(|info| {
        Reply::Service(Service {
            name: info.name,
            owner: info.owner,
            description: info.description,
            version: info.version,
            deprecated: info.deprecated,
            calls: info.calls as u64,
            errors: info.errors as u64,
            busy_micros: info.busy_micros,
            worst_micros: info.worst_micros,
            latency: Raw(core.latency.row(at)),
        })
    }))
}

fn subscription<'c>(
    core: &'c Core,
    at: usize,
    _: &str,
    _: &mut CopyOut<'c>,
) -> Result<Option<Reply<'c>>, ()> {
    within(at, core.bus.filters.extent())?;
    let found = core.filter_at(at);
    Ok(found.map(|(owner, filter)| Reply::Subscription {
        plugin: core.plugin_name(owner),
        filter,
    }))
}

fn call<'c>(core: &'c Core, at: usize, _: &str, _: &mut CopyOut<'c>) -> Result<Option<Reply<'c>>, ()> {
    within(at, core.calls.extent())?;
    let Some((id, slot)) = core.calls.at(at) else {
        return Ok(None);
    };
    if matches!(slot.phase, Phase::Done) {
        return Ok(None);
    }
    let service = match slot.what {
        What::Service(index) => core.service_name(index as usize),
        _ => "",
    };
    Ok(Some(Reply::Call(Call {
        call: id.to_bits(),
        service,
        caller: core.name_of(slot.caller),
        callee: slot.callee().map_or("storage", |callee| core.name_of(callee)),
        running: slot.phase == Phase::Running,
        age_micros: core.now().saturating_sub(slot.started),
        parent: slot.parent().map(CallId::to_bits),
    })))
}

fn state<'c>(
    core: &'c Core,
    at: usize,
    prefix: &str,
    out: &mut CopyOut<'c>,
) -> Result<Option<Reply<'c>>, ()> {
    within(at, core.state.table.extent())?;
    let now = core.now();
    let Some((slot, key)) = core.entry_at(at, now).filter(|(_, key)| key.starts_with(prefix)) else {
        return Ok(None);
    };
    let room = out.bytes(slot.value.len());
    let value = room.and_then(|to| core.state.pool.copy(slot.value, to)).map(Raw);
    Ok(Some(Reply::State(State {
        key,
        value,
        version: slot.version,
        ttl_ms: slot.expires().map(|at| at.saturating_sub(now) / 1000),
        owner: core.name_of(slot.owner),
    })))
}

fn done_or_absent(was: bool) -> Reply<'static> {
    if was { Reply::Done } else { Reply::Absent }
}

/// Compares in a time that does not tell where they differ.
fn same(one: &[u8], two: &[u8]) -> bool {
    let differ = one.iter().zip(two).fold(0, |differ, (a, b)| differ | (a ^ b));
    differ == 0 && one.len() == two.len()
}
