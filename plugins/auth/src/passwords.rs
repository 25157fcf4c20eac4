//! Passwords: which are too weak, and those that are stored.

use std::collections::HashMap;

use kernel_core::{Context, Error};
use plugin_kit::prelude::*;
use serde::{Deserialize, Serialize};

use crate::hashing::Hashed;
use crate::rows::{self, NAMESPACE, Write};
use crate::secret::Secret;

/// What the keys of rows begin with.
const PREFIX: &str = "password:";
/// The fewest and the most characters.
const LENGTH: std::ops::RangeInclusive<usize> = 10..=256;

/// The commonest of those that are long enough, without what is at their ends that is no letter.
const COMMON: [&str; 24] = [
    "password",
    "passwort",
    "passw0rd",
    "p@ssword",
    "p@ssw0rd",
    "passwordpassword",
    "qwertyuiop",
    "qwertyuiopasdfghjkl",
    "qwerty",
    "qwertyqwerty",
    "asdfghjkl",
    "zxcvbnm",
    "iloveyou",
    "administrator",
    "adminadmin",
    "admin",
    "welcome",
    "letmein",
    "changeme",
    "superman",
    "football",
    "homeassistant",
    "q1w2e3r4t5y",
    "1q2w3e4r5t6y",
];
/// Rows of keys, along which no password goes.
const ROWS: [&str; 4] = [
    "12345678901234567890",
    "09876543210987654321",
    "qwertyuiopasdfghjklzxcvbnm",
    "abcdefghijklmnopqrstuvwxyz",
];

/// Checks that it is not one of the first that are tried.
///
/// # Errors
/// `weak_password`, with what is wrong, and never the password.
pub(crate) fn check(password: &Secret, user: &str, name: &str) -> Result<(), Error> {
    let weak = |why: std::fmt::Arguments<'_>| Err(Error::format("weak_password", why));
    let password = password.expose();
    let length = password.chars().count();
    if !LENGTH.contains(&length) {
        return weak(format_args!(
            "{length} characters: {} to {} are wanted",
            LENGTH.start(),
            LENGTH.end()
        ));
    }
    let plain = password.to_lowercase();
    let word = plain.trim_matches(|char: char| !char.is_alphabetic());
    if plain.chars().all(|char| plain.starts_with(char)) {
        return weak(format_args!("it is one character, again and again"));
    }
    if [user, name]
        .into_iter()
        .any(|name| plain == name.to_lowercase() || word == name.to_lowercase())
    {
        return weak(format_args!(
            "it is the user's name, with or without something around it"
        ));
    }
    if COMMON.iter().any(|common| plain == *common || word == *common)
        || ROWS.iter().any(|row| row.contains(&*plain))
    {
        return weak(format_args!("it is one of the commonest passwords"));
    }
    Ok(())
}

#[derive(Clone, Serialize, Deserialize)]
struct Row {
    hashed: Hashed,
    /// When the user was created.
    user_since: Option<u64>,
    set_at: Option<u64>,
}

/// The passwords of all users.
#[derive(Default)]
pub(crate) struct Passwords(HashMap<String, Row>);

impl Passwords {
    pub(crate) async fn load(cx: &Context) -> Result<Passwords, Error> {
        let mut all = HashMap::new();
        for (user, row) in rows::all::<Row>(cx, PREFIX).await? {
            match row.hashed.is_sound() {
                true => drop(all.insert(user, row)),
                false => log::error!("\"{PREFIX}{user}\" in {NAMESPACE} does not work: hashed: out of range"),
            }
        }
        Ok(Passwords(all))
    }

    /// What a user's password is compared with, and when that user was created.
    pub(crate) fn get(&self, user: &str) -> Option<(Hashed, Option<u64>)> {
        let row = self.0.get(user)?;
        Some((row.hashed.clone(), row.user_since))
    }

    pub(crate) async fn set(
        &mut self,
        cx: &Context,
        user: &str,
        hashed: Hashed,
        user_since: Option<u64>,
        now: Option<u64>,
    ) -> Result<(), Error> {
        let row = Row {
            hashed,
            user_since,
            set_at: now,
        };
        rows::write(cx, NAMESPACE, &[Write::new(format!("{PREFIX}{user}"), &row)?]).await?;
        self.0.insert(user.to_owned(), row);
        Ok(())
    }

    /// Deletes that of a user that is no more.
    pub(crate) async fn forget(&mut self, cx: &Context, user: &str) -> Result<(), Error> {
        if self.0.contains_key(user) {
            cx.storage(NAMESPACE).delete(&format!("{PREFIX}{user}")).await?;
            self.0.remove(user);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::secret::Secret;

    #[test]
    fn what_is_tried_first_is_too_weak() {
        for weak in [
            "",
            "short",
            "ninechars",
            "aaaaaaaaaaaa",
            "1111111111",
            "1234567890",
            "0987654321",
            "qwertyuiop",
            "Password123!",
            "ann-margret",
            "ANN-MARGRET",
            "Ann Margret",
            "ann margret 1965",
            "passwordpassword",
            "abcdefghijkl",
        ] {
            let error = check(&Secret::from(weak.to_owned()), "ann-margret", "Ann Margret").unwrap_err();
            assert_eq!(error.code(), "weak_password");
            assert!(weak.is_empty() || !error.message().contains(weak), "{error}");
        }
        for good in [
            "correct horse battery",
            "хорошийпароль",
            "k3-9f!xQ2z",
            "annie likes tea",
        ] {
            assert_eq!(
                check(&Secret::from(good.to_owned()), "ann-margret", "Ann Margret"),
                Ok(()),
                "{good}"
            );
        }
    }
}
