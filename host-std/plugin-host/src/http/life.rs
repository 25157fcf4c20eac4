//! One life of a server as a plugin: it is asked what it is, led through its hooks, and called.

use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::time::{Duration, Instant};

use futures_util::stream::{FuturesUnordered, StreamExt};
use hyper::Method;
use kernel_core::{AttachedPlugin, CallId, Error, Json, Mailbox, Message, Name, Request, Service};
use tokio::time::{sleep, sleep_until};

use super::client::{Client, Failure};
use super::contract::{Endpoint, Metadata};
use crate::gate::{Gate, over};
use crate::log::Level;
use crate::manifest::Url;
use crate::permissions::Use;
use crate::services::{Known, Positional};
use crate::text::{DESCRIPTION, cut};

/// A server, and how it is treated.
#[derive(Debug)]
pub(crate) struct Server {
    client: Client,
    /// How often it is looked whether it is there.
    check: Duration,
    /// What the manifest says that it is.
    name: String,
    version: String,
}

impl Server {
    pub(crate) fn new(url: Url, timeout: Duration, check: Duration, name: &str, version: &str) -> Self {
        Server {
            client: Client::new(url, timeout),
            check,
            name: name.to_owned(),
            version: version.to_owned(),
        }
    }

    /// Runs one life, whose first message is that it is to load. Calls overlap.
    ///
    /// # Errors
    /// Why it ended before it was told to.
    ///
    /// # Cancellation
    /// The server is not told.
    pub(crate) async fn live(
        &self,
        gate: Gate,
        plugin: &AttachedPlugin,
        buf: &mut [u8],
    ) -> Result<(), Error> {
        let ended = over(gate.identity.runtime, gate.cx);
        let mut life = Life {
            server: self,
            plugin,
            mailbox: Mailbox::new(gate.cx),
            gate,
            endpoints: HashMap::new(),
            under_way: FuturesUnordered::new(),
            checking: false,
            check_at: None,
            is_loaded: false,
            is_started: false,
        };
        let loaded = tokio::select! {
            loaded = life.load() => loaded.map(|()| true),
            () = ended => Ok(false),
        };
        let outcome = match loaded {
            Ok(true) => life.run(buf).await,
            Ok(false) => Ok(()),
            Err(error) => Err(error),
        };
        life.leave().await;
        outcome
    }

    /// Waits until a server that was not there is; of one that was, for ever.
    ///
    /// # Cancellation
    /// Nothing happens.
    pub(crate) async fn returns(&self) {
        if !self.client.is_gone() {
            std::future::pending().await
        }
        loop {
            sleep(self.check).await;
            if self.metadata().await.is_ok() {
                return;
            }
        }
    }

    async fn metadata(&self) -> Result<Metadata, Error> {
        let said = self.client.ask(Method::GET, "/plugin/metadata", None).await;
        Metadata::parse(&said.map_err(|failure| failure.error)?, &self.name, &self.version)
    }

    /// Leads it through one of its hooks.
    async fn hook(&self, name: &str) -> Result<(), Failure> {
        let path = format!("/plugin/{name}");
        self.client.ask(Method::POST, &path, None).await.map(drop)
    }
}

/// What has come of something that was under way.
enum Done {
    Call(CallId, Result<String, Failure>),
    Check(Result<(), Error>),
}

struct Life<'s> {
    server: &'s Server,
    plugin: &'s AttachedPlugin,
    gate: Gate,
    mailbox: Mailbox,
    endpoints: HashMap<String, Endpoint>,
    under_way: FuturesUnordered<Pin<Box<dyn Future<Output = Done> + 's>>>,
    checking: bool,
    /// When it is looked whether the server is there, while it is started.
    check_at: Option<Instant>,
    /// What the server may be, for all that it has answered.
    is_loaded: bool,
    is_started: bool,
}

impl Life<'_> {
    /// Takes in what the server offers, and loads it.
    async fn load(&mut self) -> Result<(), Error> {
        let metadata = self.server.metadata().await?;
        let identity = self.gate.identity.clone();
        for offered in metadata.services {
            let endpoint = offered.endpoint()?;
            let denied = self.gate.check(Use::Register(&offered.name));
            denied.map_err(|denied| denied.to_kernel())?;
            let known = Known::compile(&offered.name, offered.about.clone())
                .map_err(|wrong| Error::new("protocol_error", &wrong))?;
            let description = match cut(&offered.about.description, DESCRIPTION) {
                "" => Name::Fixed(""),
                text => Name::Copied(text),
            };
            let service = Service::new(Name::Copied(&offered.name)).describe(description);
            self.gate.cx.register(&service).await.map_err(|fault| {
                let why = format!("service {}: {fault}", offered.name);
                Error::new(fault.code(), &why)
            })?;
            identity.services.keep(&identity.name, &offered.name, known);
            self.endpoints.insert(offered.name, endpoint);
        }
        self.is_loaded = true;
        self.server.hook("load").await.map_err(|failure| {
            self.is_loaded = failure.is_gone;
            failure.error
        })
    }

    async fn run(&mut self, buf: &mut [u8]) -> Result<(), Error> {
        loop {
            let takes = self.under_way.len() < self.gate.identity.limits.concurrency as usize;
            let (runtime, cx) = (self.gate.identity.runtime, self.gate.cx);
            let check_at = self.check_at.filter(|_| !self.checking);
            let look = async {
                match check_at {
                    Some(at) => sleep_until(at.into()).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                Some(done) = self.under_way.next(), if !self.under_way.is_empty() => self.done(done)?,
                message = self.mailbox.next(buf), if takes => match message {
                    Message::Call(call) => self.call(&call),
                    Message::Start => {
                        self.is_started = true;
                        self.hook("start").await?;
                        self.check_at = Some(Instant::now() + self.server.check);
                    }
                    Message::Stop => {
                        self.check_at = None;
                        self.hook("stop").await?;
                        self.is_started = false;
                    }
                    Message::Unload => {
                        self.hook("unload").await?;
                        self.is_loaded = false;
                    }
                    Message::Ended => return Ok(()),
                    _ => {}
                },
                () = over(runtime, cx), if !takes => return Ok(()),
                () = look => self.check(),
            }
        }
    }

    /// Begins a call.
    fn call(&mut self, call: &Request<'_>) {
        let identity = &self.gate.identity;
        let (service, args) = (call.service(), call.args());
        let checked = identity
            .services
            .check(&identity.name, service, args.as_bytes(), Positional::ByPlugin);
        let endpoint = self.endpoints.get(service).cloned();
        let endpoint = endpoint.ok_or_else(|| Error::new("not_found", "the server does not offer it"));
        let ready = checked.and(endpoint).and_then(|endpoint| {
            let body = endpoint.body(args.as_str())?;
            Ok((endpoint, body))
        });
        let (id, client) = (call.id, &self.server.client);
        match ready {
            Ok((endpoint, body)) => self.under_way.push(Box::pin(async move {
                Done::Call(id, client.ask(endpoint.method, &endpoint.path, body).await)
            })),
            Err(error) => {
                // A caller that is gone does not matter.
                let _ = self.mailbox.reply(id, Err(&error)).now();
            }
        }
    }

    /// Begins to look whether the server is there, and still the same.
    fn check(&mut self) {
        let server = self.server;
        self.checking = true;
        self.under_way.push(Box::pin(
            async move { Done::Check(server.metadata().await.map(drop)) },
        ));
    }

    fn done(&mut self, done: Done) -> Result<(), Error> {
        match done {
            Done::Call(call, outcome) => {
                // What it answered was judged when it came in.
                if let Err(Failure { error, .. }) = &outcome
                    && !error.is_by_caller()
                {
                    self.plugin.count_error(self.gate.cx.id(), error);
                }
                let answer = outcome
                    .as_ref()
                    .map(|text| Json::parse(text).unwrap_or(Json::NULL));
                let _ = self
                    .mailbox
                    .reply(call, answer.map_err(|failure| &failure.error))
                    .now();
                if outcome.is_err_and(|failure| failure.is_gone) && !self.checking {
                    self.check();
                }
                Ok(())
            }
            Done::Check(outcome) => {
                self.checking = false;
                self.check_at = self.check_at.map(|_| Instant::now() + self.server.check);
                outcome
            }
        }
    }

    /// Leads the server through a hook, once all that was sent before is answered.
    async fn hook(&mut self, name: &str) -> Result<(), Error> {
        let (server, ended) = (self.server, over(self.gate.identity.runtime, self.gate.cx));
        let hook = async {
            while let Some(done) = self.under_way.next().await {
                self.done(done)?;
            }
            server.hook(name).await.map_err(|failure| failure.error)
        };
        tokio::select! {
            outcome = hook => outcome,
            // The mailbox says so, next.
            () = ended => Ok(()),
        }
    }

    /// Leaves a server whose life has failed as it was found, so that it can be loaded anew.
    async fn leave(&mut self) {
        self.under_way.clear();
        for (name, was_done) in [("stop", self.is_started), ("unload", self.is_loaded)] {
            if !was_done {
                continue;
            }
            if let Err(failure) = self.server.hook(name).await {
                let log = &self.gate.identity.log;
                log.write(
                    Level::Debug,
                    &format!("on its way out: {}", failure.error.message()),
                );
                if failure.is_gone {
                    return;
                }
            }
        }
    }
}
