//! The other runtimes: who is there.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use crate::lock::lock;
use crate::tally::Tally;
use crate::wire::{Hello, Offered};

/// Another runtime.
#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) instance: u64,
    pub(crate) since: Instant,
    pub(crate) heard: Instant,
    pub(crate) tally: Tally,
    /// What it said last.
    pub(crate) hello: Option<Hello>,
    /// What it offers, and which version of that it is.
    pub(crate) services: Vec<Offered>,
    pub(crate) services_version: u64,
    /// Events that were refused here.
    pub(crate) refused: u64,
    /// What was missed when that was last said.
    pub(crate) said: u64,
    /// What it had sent, dropped and connected when its counts were asked for.
    asked: Option<(u64, u32)>,
}

/// What a sign of life led to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    /// It was there.
    Known,
    /// It is there from now on.
    New,
    /// It is there from now on, in the place of another run of it.
    Again,
}

/// See the module's documentation.
#[derive(Debug, Default)]
pub(crate) struct Members(Mutex<BTreeMap<String, Member>>);

impl Members {
    /// Some sign of life of this run of a runtime.
    pub(crate) fn heard(&self, name: &str, instance: u64) -> Heard {
        let mut all = lock(&self.0);
        let now = Instant::now();
        let before = match all.get_mut(name) {
            Some(member) if member.instance == instance => {
                member.heard = now;
                return Heard::Known;
            }
            before => before.is_some(),
        };
        let member = Member {
            instance,
            since: now,
            heard: now,
            tally: Tally::default(),
            hello: None,
            services: Vec::new(),
            services_version: 0,
            refused: 0,
            said: 0,
            asked: None,
        };
        all.insert(name.to_owned(), member);
        if before { Heard::Again } else { Heard::New }
    }

    /// Looks at, or changes, this run of a runtime.
    pub(crate) fn with<R>(
        &self,
        name: &str,
        instance: u64,
        todo: impl FnOnce(&mut Member) -> R,
    ) -> Option<R> {
        let mut all = lock(&self.0);
        let member = all.get_mut(name)?;
        (member.instance == instance).then(|| todo(member))
    }

    /// Looks at all.
    pub(crate) fn each(&self, mut look: impl FnMut(&str, &mut Member)) {
        for (name, member) in lock(&self.0).iter_mut() {
            look(name, member);
        }
    }

    /// The present run of a runtime.
    pub(crate) fn instance(&self, name: &str) -> Option<u64> {
        lock(&self.0).get(name).map(|member| member.instance)
    }

    pub(crate) fn count(&self) -> usize {
        lock(&self.0).len()
    }

    /// Takes a runtime out; false when it was not there.
    pub(crate) fn remove(&self, name: &str) -> bool {
        lock(&self.0).remove(name).is_some()
    }

    /// Those that were not heard for so long.
    pub(crate) fn silent(&self, limit: Duration) -> Vec<String> {
        let all = lock(&self.0);
        let silent = all.iter().filter(|(_, member)| member.heard.elapsed() > limit);
        silent.map(|(name, _)| name.clone()).collect()
    }

    /// The counts of all should be asked for.
    pub(crate) fn forget_asked(&self) {
        self.each(|_, member| member.asked = None);
    }

    /// Those whose counts should be asked for: they are new, or what they said last hints at a loss.
    pub(crate) fn to_ask(&self) -> Vec<String> {
        let mut names = Vec::new();
        for (name, member) in lock(&self.0).iter_mut() {
            let Some(hello) = &member.hello else { continue };
            let now = (hello.dropped, hello.connects);
            if member.asked != Some(now) {
                member.asked = Some(now);
                names.push(name.clone());
            }
        }
        names
    }
}
