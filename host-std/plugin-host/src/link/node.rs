//! A node as its manifest says that it is, and one life after another of it.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::sync::Mutex;

use kernel_core::{AttachedPlugin, Error};
use link_dial::{Target, key_in_file};
use tokio::time::sleep;

use super::life::Life;
use super::line::{Line, memory};
use crate::gate::{Gate, over};
use crate::lock::lock;
use crate::log::Level;
use crate::manifest::Node;

/// A node.
#[derive(Debug)]
pub(crate) struct Remote {
    node: Node,
    /// It was not there when it was looked for last, or has gone.
    gone: Cell<bool>,
}

impl Remote {
    pub(crate) fn new(node: Node) -> Self {
        Remote {
            node,
            gone: Cell::new(false),
        }
    }

    /// Runs one life, whose first message is that it is to load.
    ///
    /// # Errors
    /// Why it ended before it was told to. All that was in flight was answered so.
    ///
    /// # Cancellation
    /// The session ends.
    pub(crate) async fn live(
        &self,
        gate: Gate,
        plugin: &AttachedPlugin,
        buf: &mut [u8],
    ) -> Result<(), Error> {
        // Until it was there, whatever ends this.
        self.gone.set(true);
        let outcome = self.session(gate, plugin, buf).await;
        self.gone.set(outcome.is_err() || self.gone.get());
        outcome
    }

    async fn session(&self, gate: Gate, plugin: &AttachedPlugin, buf: &mut [u8]) -> Result<(), Error> {
        let mut memory = memory();
        let key = self.key()?;
        let line = tokio::select! {
            line = Line::open(&self.node, &key, &mut memory) => line?,
            () = over(gate.identity.runtime, gate.cx) => return Ok(()),
        };
        let log = &gate.identity.log;
        if let Some(note) = &line.note {
            log.write(Level::Info, note);
        }
        log.write(Level::Info, &format!("{} is {}", self.node.target, line.name));
        let mut life = Life::new(&self.node, gate, plugin, line);
        let outcome = life.run(buf, || self.gone.set(false)).await;
        if let Err(error) = &outcome {
            life.fail_all(error);
        }
        outcome
    }

    /// The key that it is shown; none where there is no file.
    fn key(&self) -> Result<String, Error> {
        let Some(file) = &self.node.key_file else {
            return Ok(String::new());
        };
        let file = file.display().to_string();
        key_in_file(&file).map_err(|why| Error::new("key_file", &format!("{file}: {why}")))
    }

    /// Waits until a node that was gone is there, which is looked for while it `is_wanted`; of one that was not gone,
    /// for ever.
    ///
    /// # Cancellation
    /// Nothing happens.
    pub(crate) async fn returns(&self, is_wanted: impl Fn() -> bool) {
        if !self.gone.get() {
            std::future::pending().await
        }
        let mut memory = memory();
        loop {
            sleep(self.node.check).await;
            if !is_wanted() {
                continue;
            }
            let Ok(key) = self.key() else {
                continue;
            };
            if Line::open(&self.node, &key, &mut memory).await.is_ok() {
                return;
            }
        }
    }
}

/// Where it runs, for people. What was said once is kept for ever: the same for as many plugins, and as often, as it is
/// said.
pub(crate) fn placement(target: &Target) -> &'static str {
    static SAID: Mutex<BTreeSet<&'static str>> = Mutex::new(BTreeSet::new());
    let (mut said, text) = (lock(&SAID), target.to_string());
    if let Some(known) = said.get(text.as_str()) {
        return known;
    }
    let kept: &'static str = text.leak();
    said.insert(kept);
    kept
}
