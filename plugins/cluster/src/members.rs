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
    /// It said farewell.
    pub(crate) ends: bool,
    /// What it had dropped and connected when its counts were asked for, and when that was.
    asked: Option<((u64, u32), Instant)>,
    /// It has answered.
    pub(crate) answered: bool,
}

/// Runtimes that are gone whose numbers are kept, in case the same run of one comes back.
const MOST_ABSENT: usize = 1_024;

/// How long a runtime has to answer before it is asked again.
const ANSWER: Duration = Duration::from_secs(2);

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
pub(crate) struct Members {
    present: Mutex<BTreeMap<String, Member>>,
    /// What had come of those that are gone, by their run.
    absent: Mutex<BTreeMap<u64, Tally>>,
}

impl Members {
    /// Some sign of life of this run of a runtime.
    pub(crate) fn heard(&self, name: &str, instance: u64) -> Heard {
        let mut all = lock(&self.present);
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
            tally: lock(&self.absent).remove(&instance).unwrap_or_default(),
            hello: None,
            services: Vec::new(),
            services_version: 0,
            refused: 0,
            said: 0,
            ends: false,
            asked: None,
            answered: false,
        };
        if let Some(gone) = all.insert(name.to_owned(), member) {
            self.keep(gone);
        }
        if before { Heard::Again } else { Heard::New }
    }

    /// Looks at, or changes, this run of a runtime.
    pub(crate) fn with<R>(
        &self,
        name: &str,
        instance: u64,
        todo: impl FnOnce(&mut Member) -> R,
    ) -> Option<R> {
        let mut all = lock(&self.present);
        let member = all.get_mut(name)?;
        (member.instance == instance).then(|| todo(member))
    }

    /// Looks at all.
    pub(crate) fn each(&self, mut look: impl FnMut(&str, &mut Member)) {
        for (name, member) in lock(&self.present).iter_mut() {
            look(name, member);
        }
    }

    /// The present run of a runtime.
    pub(crate) fn instance(&self, name: &str) -> Option<u64> {
        lock(&self.present).get(name).map(|member| member.instance)
    }

    pub(crate) fn count(&self) -> usize {
        lock(&self.present).len()
    }

    /// Takes a runtime out; false when it was not there.
    pub(crate) fn remove(&self, name: &str) -> bool {
        let gone = lock(&self.present).remove(name);
        gone.map(|member| self.keep(member)).is_some()
    }

    /// Keeps the numbers of a run that is gone.
    fn keep(&self, gone: Member) {
        let mut absent = lock(&self.absent);
        while absent.len() >= MOST_ABSENT {
            absent.pop_first();
        }
        absent.insert(gone.instance, gone.tally);
    }

    /// Events received and missed of those that are gone.
    pub(crate) fn of_absent(&self) -> (u64, u64) {
        let absent = lock(&self.absent);
        let sum = |(received, missed), tally: &Tally| (received + tally.received, missed + tally.missed);
        absent.values().fold((0, 0), sum)
    }

    /// Those that said farewell.
    pub(crate) fn ending(&self) -> Vec<String> {
        let all = lock(&self.present);
        all.iter()
            .filter(|(_, member)| member.ends)
            .map(|(name, _)| name.clone())
            .collect()
    }

    /// Those that were not heard for so long.
    pub(crate) fn silent(&self, limit: Duration) -> Vec<String> {
        let all = lock(&self.present);
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
        for (name, member) in lock(&self.present).iter_mut() {
            let Some(hello) = &member.hello else { continue };
            let now = (hello.dropped, hello.connects);
            let asked = member
                .asked
                .is_some_and(|(then, at)| then == now && (member.answered || at.elapsed() < ANSWER));
            if !asked {
                member.asked = Some((now, Instant::now()));
                member.answered = false;
                names.push(name.clone());
            }
        }
        names
    }
}
