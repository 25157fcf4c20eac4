//! How large a rule may be.

use super::read::{At, Problem};

/// The most triggers of a rule.
pub const MAX_TRIGGERS: usize = 16;
/// The most conditions of a rule, wherever they stand, each `and`, `or` and `not` counted.
pub const MAX_CONDITIONS: usize = 64;
/// The most actions of a rule, those in `choose` counted.
pub const MAX_ACTIONS: usize = 64;
/// The deepest nesting of conditions, and of `choose`.
pub const MAX_NESTING: usize = 6;
/// The most bytes of a rule's JSON text.
pub const MAX_RULE: usize = 16 * 1024;

/// What is left of them while a rule is read.
pub(crate) struct Limits {
    conditions: usize,
    actions: usize,
}

impl Limits {
    pub(crate) fn new() -> Limits {
        Limits {
            conditions: MAX_CONDITIONS,
            actions: MAX_ACTIONS,
        }
    }

    pub(crate) fn condition(&mut self, at: &At<'_>) -> Result<(), Problem> {
        take(&mut self.conditions, at, "conditions", MAX_CONDITIONS)
    }

    pub(crate) fn action(&mut self, at: &At<'_>) -> Result<(), Problem> {
        take(&mut self.actions, at, "actions", MAX_ACTIONS)
    }
}

fn take(left: &mut usize, at: &At<'_>, what: &str, most: usize) -> Result<(), Problem> {
    match left.checked_sub(1) {
        Some(rest) => {
            *left = rest;
            Ok(())
        }
        None => Err(at.problem(format_args!("too many: a rule has at most {most} {what}"))),
    }
}
