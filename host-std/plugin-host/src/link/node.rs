//! A node as its manifest says that it is, and one life after another of it.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::sync::Mutex;

use kernel_core::{AttachedPlugin, Error};
use link_dial::Target;
use tokio::time::sleep;

use super::key;
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
        let outcome = self.session(gate, plugin, buf).await;
        self.gone.set(outcome.is_err());
        outcome
    }

    async fn session(&self, gate: Gate, plugin: &AttachedPlugin, buf: &mut [u8]) -> Result<(), Error> {
        let mut memory = memory();
        let key = key::read(self.node.key_file.as_deref())?;
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
        let outcome = life.run(buf).await;
        if let Err(error) = &outcome {
            life.fail_all(error);
        }
        outcome
    }

    /// Waits until a node that was gone is there; of one that was not, for ever.
    ///
    /// # Cancellation
    /// Nothing happens.
    pub(crate) async fn returns(&self) {
        if !self.gone.get() {
            std::future::pending().await
        }
        let mut memory = memory();
        loop {
            sleep(self.node.check).await;
            let Ok(key) = key::read(self.node.key_file.as_deref()) else {
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
