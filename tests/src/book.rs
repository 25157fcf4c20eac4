//! A client that remembers what it wrote, and whether that was acknowledged: to look later at what is there.

use std::collections::BTreeMap;

use crate::deep::Rng;
use crate::session::{Open, Refused};

/// Keys that are written one by one, and keys of the batches.
const KEYS: u64 = 12;

/// What a key may hold: what was acknowledged last, or what was tried since and not acknowledged.
#[derive(Clone, Debug, Default)]
struct Known {
    acknowledged: Option<String>,
    tried: Vec<Option<String>>,
}

impl Known {
    fn done(&mut self, value: Option<String>) {
        self.acknowledged = value;
        self.tried.clear();
    }

    fn allows(&self, found: &Option<String>) -> bool {
        *found == self.acknowledged || self.tried.contains(found)
    }
}

/// One client's namespace. Only it writes there.
#[derive(Clone, Debug)]
pub struct Book {
    namespace: String,
    keys: BTreeMap<String, Known>,
    /// The keys of the batches, all of them with one value.
    batch: Known,
    /// Of four writes so many are batches.
    pub batches: u64,
    /// Writes that were acknowledged.
    pub acknowledged: u64,
    /// Writes that were refused.
    pub refused: u64,
    written: u64,
}

impl Book {
    /// An empty one for this namespace, in which nothing is stored.
    pub fn new(namespace: &str) -> Book {
        Book {
            namespace: namespace.to_owned(),
            keys: BTreeMap::new(),
            batch: Known::default(),
            batches: 1,
            acknowledged: 0,
            refused: 0,
            written: 0,
        }
    }

    /// Writes once: a value, a deletion, or a batch.
    ///
    /// # Errors
    /// When it was not acknowledged.
    pub fn write(&mut self, rng: &mut Rng, ask: &mut Open<'_>) -> Result<(), Refused> {
        self.written += 1;
        let outcome = match rng.below(4) < self.batches {
            true => self.several(ask),
            false => self.single(rng, ask),
        };
        match &outcome {
            Ok(()) => self.acknowledged += 1,
            Err(Refused::Failed(_)) => self.refused += 1,
            Err(Refused::Lost(_)) => {}
        }
        outcome
    }

    fn single(&mut self, rng: &mut Rng, ask: &mut Open<'_>) -> Result<(), Refused> {
        let key = format!("k{}", rng.below(KEYS));
        // Long ones take several pages of the database.
        let long = "x".repeat(if rng.one_in(8) { 9000 } else { 20 });
        let value = (!rng.one_in(6)).then(|| format!("[{},\"{long}\"]", self.written));
        let known = self.keys.entry(key.clone()).or_default();
        known.tried.push(value.clone());
        match &value {
            Some(value) => ask.set(&self.namespace, &key, value)?,
            None => ask.delete(&self.namespace, &key)?,
        }
        known.done(value);
        Ok(())
    }

    fn several(&mut self, ask: &mut Open<'_>) -> Result<(), Refused> {
        let value = format!("[{},\"{}\"]", self.written, "y".repeat(700));
        let keys: Vec<String> = (0..KEYS).map(|n| format!("b{n}")).collect();
        let values: Vec<(&str, &str)> = keys.iter().map(|key| (&**key, &*value)).collect();
        self.batch.tried.push(Some(value.clone()));
        ask.batch(&self.namespace, &values)?;
        self.batch.done(Some(value));
        Ok(())
    }

    /// True when a write may or may not have been made.
    pub fn is_open(&self) -> bool {
        !self.batch.tried.is_empty() || self.keys.values().any(|known| !known.tried.is_empty())
    }

    /// Values to look at.
    pub fn len(&self) -> usize {
        self.keys.len() + KEYS as usize
    }

    /// True before the first write.
    pub fn is_empty(&self) -> bool {
        self.written == 0
    }

    /// Looks at what is there: a line for each thing that may not be so. What was found is what is known then.
    ///
    /// # Errors
    /// When something cannot be read.
    pub fn check(&mut self, ask: &mut Open<'_>) -> Result<Vec<String>, Refused> {
        let (mut wrong, namespace) = (Vec::new(), &self.namespace);
        for (key, known) in &mut self.keys {
            let found = ask.get(namespace, key)?;
            if !known.allows(&found) {
                wrong.push(format!(
                    "{namespace}/{key} holds {found:.60?} and not {known:.60?}"
                ));
            }
            known.done(found);
        }
        let mut whole = Vec::new();
        for n in 0..KEYS {
            whole.push(ask.get(namespace, &format!("b{n}"))?);
        }
        if whole.iter().any(|found| *found != whole[0]) {
            wrong.push(format!("{namespace} has half of a batch: {whole:.60?}"));
        }
        let found = whole.swap_remove(0);
        if !self.batch.allows(&found) {
            wrong.push(format!(
                "{namespace}: the batch is {found:.60?} and not {:.60?}",
                self.batch
            ));
        }
        self.batch.done(found);
        Ok(wrong)
    }
}
