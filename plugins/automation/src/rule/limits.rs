//! How large a rule may be.

use alloc::string::String;

use kernel_core::subject::matches;

use crate::read::{At, Problem};
use crate::time::Zone;

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

/// What a rule may be, and what is left of it while one is read.
pub(crate) struct Limits<'s> {
    /// Where the house is.
    pub(crate) zone: &'s Zone,
    /// Filters of the services that rules do not call.
    forbidden: &'s [String],
    conditions: usize,
    actions: usize,
}

impl<'s> Limits<'s> {
    pub(crate) fn new(zone: &'s Zone, forbidden: &'s [String]) -> Limits<'s> {
        Limits {
            zone,
            forbidden,
            conditions: MAX_CONDITIONS,
            actions: MAX_ACTIONS,
        }
    }

    pub(crate) fn condition(&mut self, at: &At<'_>) -> Result<(), Problem> {
        take(&mut self.conditions, at, "conditions", MAX_CONDITIONS)
    }

    /// Whether a rule may call this service.
    pub(crate) fn service(&self, at: &At<'_>, name: &str) -> Result<(), Problem> {
        if name.starts_with("automation.") {
            return Err(at.wanted("a service of another plugin: the automation does not call itself"));
        }
        match self.forbidden.iter().find(|filter| matches(filter, name)) {
            Some(filter) => Err(at.wanted(format_args!(
                "for rules: the setting forbidden_services has {filter}"
            ))),
            None => Ok(()),
        }
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
