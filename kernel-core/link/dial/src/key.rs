//! The key that a client shows: from a file or the environment, never from the command line, which everybody on the
//! machine can read.

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;

/// The variable of the environment that has a key.
pub const KEY_VARIABLE: &str = "RUNTIME_TCP_TOKEN";

/// The longest key, in bytes.
const LONGEST: u64 = 4096;

/// The key in this file, without the white space around it: a parser for a command line's option.
///
/// # Errors
/// When the file cannot be read, others than its owner may read it, or it holds no key of one line.
pub fn key_in_file(file: &str) -> Result<String, String> {
    let mut open = File::open(file).map_err(|cause| cause.to_string())?;
    let about = open.metadata().map_err(|cause| cause.to_string())?;
    let mode = about.permissions().mode() & 0o777;
    if about.is_file() && mode & 0o077 != 0 {
        return Err(format!(
            "others may read or change it (mode {mode:03o}): do `chmod 600 {file}`"
        ));
    }
    let mut text = String::new();
    let read = (&mut open).take(LONGEST + 1).read_to_string(&mut text);
    read.map_err(|cause| cause.to_string())?;
    match text.trim() {
        "" => Err("it is empty: the key is wanted, on one line".to_owned()),
        key if key.contains(char::is_control) || text.len() as u64 > LONGEST => Err(format!(
            "it holds no key: one line of at most {LONGEST} bytes is wanted"
        )),
        key => Ok(key.to_owned()),
    }
}

/// The key to show: the one that was read from a file, or that of [`KEY_VARIABLE`]; empty where there is neither.
pub fn key(of_file: Option<&str>) -> String {
    match of_file {
        Some(key) => key.to_owned(),
        None => std::env::var(KEY_VARIABLE).unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn a_key_is_one_line_that_nobody_else_reads() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("key");
        let path = file.to_str().unwrap();
        let given = |text: &str, mode: u32| {
            fs::write(&file, text).unwrap();
            fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
            key_in_file(path)
        };
        assert_eq!(given(" crk_1_2\n", 0o600).unwrap(), "crk_1_2");
        assert!(given("crk_1_2", 0o640).unwrap_err().contains("mode 640"));
        assert!(given(" \n", 0o600).unwrap_err().contains("empty"));
        assert!(given("two\nlines", 0o400).unwrap_err().contains("one line"));
        assert!(given(&"k".repeat(5000), 0o600).unwrap_err().contains("4096"));
        fs::write(&file, b"\xff").unwrap();
        assert!(key_in_file(path).is_err());
        assert!(key_in_file(folder.path().to_str().unwrap()).is_err());
        assert!(key_in_file("/nowhere/key").is_err());
    }
}
