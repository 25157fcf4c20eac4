//! A password, which is shown nowhere.

use std::fmt;
use std::fs::File;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// The most bytes of one.
const MAX_LEN: u64 = 4_096;

#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Password(String);

impl Password {
    /// That in a file that nobody but its owner may read.
    pub(crate) fn of_file(path: &Path) -> Result<Self, String> {
        let shown = path.display();
        let failed = |error| format!("password_file is {shown}, which cannot be read: {error}");
        let file = File::open(path).map_err(failed)?;
        let mode = file.metadata().map_err(failed)?.mode() & 0o777;
        if mode & 0o077 != 0 {
            return Err(format!(
                "password_file is {shown} with mode {mode:03o}; allowed is one that its owner alone may read: chmod 600"
            ));
        }
        let mut text = String::new();
        file.take(MAX_LEN + 1).read_to_string(&mut text).map_err(failed)?;
        Self::checked(
            text.trim_end_matches(['\r', '\n']),
            &format!("password_file {shown}"),
        )
    }

    /// That in an environment variable.
    pub(crate) fn of_variable(name: &str) -> Result<Self, String> {
        match std::env::var(name) {
            Ok(text) => Self::checked(&text, &format!("password_env {name}")),
            Err(error) => Err(format!("password_env is {name}; {error}")),
        }
    }

    fn checked(text: &str, whence: &str) -> Result<Self, String> {
        match (1..=MAX_LEN).contains(&(text.len() as u64)) {
            true => Ok(Password(text.to_owned())),
            false => Err(format!(
                "{whence} holds {} bytes; allowed is 1 to {MAX_LEN}",
                text.len()
            )),
        }
    }

    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_file_that_others_may_read_is_refused() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "secret\n").unwrap();
        assert_eq!(Password::of_file(file.path()).unwrap().expose(), "secret");
        let open = std::fs::Permissions::from_mode(0o640);
        std::fs::set_permissions(file.path(), open).unwrap();
        let error = Password::of_file(file.path()).unwrap_err();
        assert!(error.contains("mode 640") && !error.contains("secret"), "{error}");
        assert!(Password::of_file(Path::new("/nowhere")).is_err());
        assert!(!format!("{:?}", Password("secret".into())).contains("secret"));
    }
}
