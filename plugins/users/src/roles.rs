//! The roles: those of the settings, and those that are stored, which go before them.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound::{Excluded, Unbounded};

use kernel_core::{Context, Error};
use plugin_kit::prelude::*;

use crate::model::{Role, RolePage, StoredRole, User};
use crate::{check, rows};

/// The most roles that are stored.
const MAX_ROLES: usize = 1_000;

/// All roles.
#[derive(Debug, Default)]
pub(crate) struct Roles {
    configured: BTreeMap<String, Vec<String>>,
    stored: BTreeMap<String, Vec<String>>,
}

impl Roles {
    pub(crate) async fn load(
        cx: &Context,
        configured: BTreeMap<String, Vec<String>>,
    ) -> Result<Roles, Error> {
        let rows: Vec<(String, StoredRole)> = rows::all(cx, rows::ROLES).await?;
        let stored = rows.into_iter().map(|(name, role)| (name, role.scopes)).collect();
        Ok(Roles { configured, stored })
    }

    fn get(&self, role: &str) -> Option<&Vec<String>> {
        self.stored.get(role).or_else(|| self.configured.get(role))
    }

    pub(crate) fn check(&self, role: &str) -> Result<(), Error> {
        match self.get(role) {
            Some(_) => Ok(()),
            None => Err(unknown(role)),
        }
    }

    /// What the user's roles allow, and what it has besides, each scope once.
    pub(crate) fn union(&self, user: &User) -> Vec<String> {
        let of_roles = user.roles.iter().filter_map(|role| self.get(role)).flatten();
        let all: BTreeSet<&String> = of_roles.chain(&user.scopes).collect();
        all.into_iter().cloned().collect()
    }

    pub(crate) async fn set(&mut self, cx: &Context, role: Role) -> Result<Role, Error> {
        check::role(&role.role)?;
        check::scopes(&role.scopes)?;
        if self.stored.len() >= MAX_ROLES && !self.stored.contains_key(&role.role) {
            let full = format_args!("all {MAX_ROLES} roles are there: delete one");
            return Err(Error::format("full", full));
        }
        let row = StoredRole {
            scopes: role.scopes.clone(),
        };
        cx.storage(rows::ROLES).set_value(&role.role, &row).await?;
        self.stored.insert(role.role.clone(), row.scopes);
        Ok(role)
    }

    pub(crate) fn page(&self, after: &str, limit: usize, most_bytes: usize) -> RolePage {
        let range = (Excluded(after), Unbounded);
        let names: BTreeSet<&String> = self
            .stored
            .range::<str, _>(range)
            .chain(self.configured.range::<str, _>(range))
            .map(|(name, _)| name)
            .collect();
        let (mut roles, mut bytes) = (Vec::new(), 0);
        for name in names {
            if roles.len() == limit || bytes > most_bytes {
                let next = roles.last().map(|role: &Role| role.role.clone());
                return RolePage { roles, next };
            }
            let scopes = self.get(name).cloned().unwrap_or_default();
            bytes += 40 + name.len() + scopes.iter().map(|scope| scope.len() + 3).sum::<usize>();
            roles.push(Role {
                role: name.clone(),
                scopes,
            });
        }
        RolePage { roles, next: None }
    }

    /// `user` has it, unless there is none.
    pub(crate) async fn delete(&mut self, cx: &Context, role: &str, user: Option<&str>) -> Result<(), Error> {
        let configured = self.configured.contains_key(role);
        if !self.stored.contains_key(role) {
            return Err(match configured {
                true => Error::format(
                    "built_in",
                    format_args!("the role {role} comes from the settings of the plugin users"),
                ),
                false => unknown(role),
            });
        }
        if let Some(user) = user.filter(|_| !configured) {
            let used = format_args!("the user {user} has the role {role}");
            return Err(Error::format("in_use", used));
        }
        cx.storage(rows::ROLES).delete(role).await?;
        self.stored.remove(role);
        Ok(())
    }
}

fn unknown(role: &str) -> Error {
    Error::format(
        "no_such_role",
        format_args!("there is no role {}", check::brief(role)),
    )
}
