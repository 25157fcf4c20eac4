//! The name of a person.

use kernel_core::Error;
use kernel_core::subject::check_topic;

/// The most bytes of a person's name.
pub const MAX_NAME: usize = 64;

/// The last token of the state key that says whether anybody is present.
pub(crate) const ANYONE: &str = "anyone";

/// Checks that this can be a person's name.
pub(crate) fn check(name: &str) -> Result<(), Error> {
    let refuse = |why: core::fmt::Arguments<'_>| Err(Error::format("invalid_argument", why));
    if name.len() > MAX_NAME {
        return refuse(format_args!(
            "person: a name has 1 to {MAX_NAME} bytes, this one has {}",
            name.len()
        ));
    }
    if name == ANYONE {
        return refuse(format_args!("person: {ANYONE} is the name of everybody together"));
    }
    if name.contains('.') {
        return refuse(format_args!("person: {name}: a name has no dots"));
    }
    match check_topic(name) {
        Ok(()) => Ok(()),
        Err(fault) => refuse(format_args!("person: {name:?}: {fault}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_token() {
        for good in ["anna", "Анна", "anna-maria_2", &"a".repeat(MAX_NAME)] {
            assert_eq!(check(good), Ok(()));
        }
        for bad in [
            "",
            "anna maria",
            "a.b",
            "*",
            ">",
            "a*",
            "anyone",
            "a\n",
            &"a".repeat(65),
        ] {
            let error = check(bad).unwrap_err();
            assert_eq!(error.code(), "invalid_argument", "{bad:?}");
            assert!(error.message().starts_with("person: "), "{error}");
        }
    }
}
