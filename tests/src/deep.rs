//! How long the tests that try to break things go on, and what they choose at random.
//!
//! `CORE_RUNTIME_DEEP=1` asks for the long forms, as `tests/run.sh --deep` does; `CORE_RUNTIME_SEED=N` repeats what
//! a run chose that printed this number.

use std::time::{SystemTime, UNIX_EPOCH};

/// True when the long forms are asked for.
pub fn is_deep() -> bool {
    std::env::var("CORE_RUNTIME_DEEP").is_ok_and(|value| value == "1")
}

/// How often something is done, in the short form and in the long one.
pub fn rounds(short: u64, deep: u64) -> u64 {
    if is_deep() { deep } else { short }
}

/// The seed that is asked for, if any.
///
/// # Panics
/// When it is no number.
pub fn asked_seed() -> Option<u64> {
    let text = std::env::var("CORE_RUNTIME_SEED").ok()?;
    Some(text.parse().expect("CORE_RUNTIME_SEED is a whole number"))
}

/// The seed of a run: the one that is asked for, or a new one.
pub fn seed() -> u64 {
    asked_seed().unwrap_or_else(|| {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        // Short, so that it is easily typed again.
        u64::from(since.subsec_nanos() ^ (since.as_secs() as u32))
    })
}

/// Numbers that depend on the seed alone (SplitMix64).
#[derive(Debug, Clone)]
pub struct Rng(u64);

impl Rng {
    /// The sequence of this seed.
    pub fn new(seed: u64) -> Rng {
        Rng(seed)
    }

    /// The next number.
    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`; zero when that is zero.
    pub fn below(&mut self, end: u64) -> u64 {
        self.number().checked_rem(end).unwrap_or(0)
    }

    /// True in one of `n` cases.
    pub fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    /// One of these.
    ///
    /// # Panics
    /// When there are none.
    pub fn pick<'t, T>(&mut self, from: &'t [T]) -> &'t T {
        &from[self.below(from.len() as u64) as usize]
    }

    /// A sequence of its own, for a thread for instance.
    pub fn split(&mut self) -> Rng {
        Rng::new(self.number())
    }
}
