//! The key that is shown to a node.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use kernel_core::Error;

/// Reads the key in a file that nobody but its owner may read.
///
/// # Errors
/// `key_file`: what is wrong with it; never what is in it.
pub(super) fn read(file: Option<&Path>) -> Result<String, Error> {
    let Some(file) = file else {
        return Ok(String::new());
    };
    let wrong = |what: &str| Error::new("key_file", &format!("{}: {what}", file.display()));
    let system = |cause: &io::Error| wrong(&cause.to_string());
    let mode = fs::metadata(file)
        .map_err(|cause| system(&cause))?
        .permissions()
        .mode();
    if mode & 0o077 != 0 {
        return Err(wrong("others may read it: chmod 600"));
    }
    let key = fs::read_to_string(file).map_err(|cause| system(&cause))?;
    match key.trim() {
        "" => Err(wrong("it is empty")),
        key => Ok(key.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_read_from_a_file_of_the_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("key");
        let write = |text: &str, mode| {
            fs::write(&file, text).unwrap();
            fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
        };
        assert_eq!(read(None).unwrap(), "");
        assert!(read(Some(&file)).unwrap_err().message().contains("No such file"));
        write("secret\n", 0o600);
        assert_eq!(read(Some(&file)).unwrap(), "secret");
        write("secret\n", 0o640);
        let error = read(Some(&file)).unwrap_err();
        assert!(error.message().contains("chmod 600") && !error.message().contains("secret"));
        write(" \n", 0o600);
        assert!(read(Some(&file)).unwrap_err().message().contains("empty"));
    }
}
