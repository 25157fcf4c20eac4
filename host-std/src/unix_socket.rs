//! A Unix socket that only its owner can reach, at a path that may hold the remains of a crash.
//!
//! The socket is bound inside a new directory of mode 0700 and then renamed to its place, so that there
//! is no moment at which others could connect, and no moment without either the old or the new one.

use std::fmt;
use std::fs::{self, DirBuilder, File, Permissions};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

/// Why the socket could not be bound. What was at the path is untouched.
#[derive(Debug)]
#[non_exhaustive]
pub enum SocketError {
    /// The directory of the socket could not be created.
    Directory {
        /// The directory.
        path: PathBuf,
        /// What the system answered.
        cause: io::Error,
    },
    /// There is something at the path that is not a socket.
    NotASocket {
        /// The path.
        path: PathBuf,
    },
    /// Another program answers on this socket.
    InUse {
        /// The path.
        path: PathBuf,
    },
    /// The socket could not be bound.
    Bind {
        /// The path.
        path: PathBuf,
        /// What the system answered.
        cause: io::Error,
    },
    /// The certificate of the TCP port, or its key, cannot be used.
    Certificate {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// The TCP address could not be bound.
    Tcp {
        /// The address.
        address: std::net::SocketAddr,
        /// What the system answered.
        cause: io::Error,
    },
}

impl fmt::Display for SocketError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Directory { path, cause } => write!(
                f,
                "cannot use directory {path:?} for the socket: {cause}; create it or set RUNTIME_SOCKET"
            ),
            Self::NotASocket { path } => write!(
                f,
                "{path:?} is there and is not a socket; it was left untouched: \
                 move it away or set RUNTIME_SOCKET to another path"
            ),
            Self::InUse { path } => write!(
                f,
                "another program answers on socket {path:?}; stop it or set RUNTIME_SOCKET to another path"
            ),
            Self::Bind { path, cause } => write!(
                f,
                "cannot bind socket {path:?}: {cause}; its directory must be writable and its path short"
            ),
            Self::Certificate { path, why } => write!(
                f,
                "cannot use {path:?} for TLS at the TCP port: {why}; mend it, or remove the certificate and its key to \
                 have them made anew"
            ),
            Self::Tcp { address, cause } => write!(
                f,
                "cannot listen on {address}: {cause}; choose another address for runtime.tcp, or leave it out"
            ),
        }
    }
}

impl std::error::Error for SocketError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Directory { cause, .. } | Self::Bind { cause, .. } | Self::Tcp { cause, .. } => Some(cause),
            Self::NotASocket { .. } | Self::InUse { .. } | Self::Certificate { .. } => None,
        }
    }
}

/// The socket's file; dropping it removes the file, unless another has taken its place.
#[derive(Debug)]
pub(crate) struct SocketFile {
    path: PathBuf,
    identity: Option<(u64, u64)>,
}

impl SocketFile {
    /// False once the file was removed, or another one is in its place.
    pub(crate) fn is_there(&self) -> bool {
        self.identity.is_some() && identity(&self.path) == self.identity
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if self.is_there() {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Binds a socket at `path`, mode 0600, in place of one that nobody answers on.
pub(crate) fn bind(path: &Path) -> Result<(UnixListener, SocketFile), SocketError> {
    let parent = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(parent)
        .map_err(|cause| SocketError::Directory {
            path: parent.to_path_buf(),
            cause,
        })?;
    let failed = |cause| SocketError::Bind {
        path: path.to_path_buf(),
        cause,
    };
    check_vacant(path)?;
    let private = private_directory(parent).map_err(failed)?;
    let inside = private.join("s");
    let listener = bind_in(&private).and_then(|listener| {
        fs::set_permissions(&inside, Permissions::from_mode(0o600))?;
        fs::rename(&inside, path)?;
        Ok(listener)
    });
    if listener.is_err() {
        let _ = fs::remove_file(&inside);
    }
    let _ = fs::remove_dir(&private);
    let file = SocketFile {
        path: path.to_path_buf(),
        identity: identity(path),
    };
    Ok((listener.map_err(failed)?, file))
}

/// Binds the socket `s` in this directory, by a name that is short however long the directory's is: the system takes
/// 107 bytes, and the socket's own path may have that many.
fn bind_in(directory: &Path) -> io::Result<UnixListener> {
    let open = File::open(directory)?;
    match UnixListener::bind(format!("/proc/self/fd/{}/s", open.as_raw_fd())) {
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => UnixListener::bind(directory.join("s")),
        bound => bound,
    }
}

/// Refuses a path where something is that must not be replaced.
fn check_vacant(path: &Path) -> Result<(), SocketError> {
    let at = path.to_path_buf();
    match fs::symlink_metadata(path) {
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(cause) => return Err(SocketError::Bind { path: at, cause }),
        Ok(found) if !found.file_type().is_socket() => return Err(SocketError::NotASocket { path: at }),
        Ok(_) => {}
    }
    match UnixStream::connect(path) {
        Ok(_) => Err(SocketError::InUse { path: at }),
        Err(cause) => match cause.kind() {
            io::ErrorKind::ConnectionRefused | io::ErrorKind::NotFound => Ok(()),
            _ => Err(SocketError::Bind { path: at, cause }),
        },
    }
}

/// A new directory in `parent` that nobody else can enter; its name is as short as the socket's usual one.
fn private_directory(parent: &Path) -> io::Result<PathBuf> {
    let mut tries = 0;
    loop {
        let random = RandomState::new().build_hasher().finish() & 0xff_ffff;
        let path = parent.join(format!(".{random:06x}"));
        match DirBuilder::new().mode(0o700).create(&path) {
            Ok(()) => return Ok(path),
            Err(cause) if cause.kind() == io::ErrorKind::AlreadyExists && tries < 16 => tries += 1,
            Err(cause) => return Err(cause),
        }
    }
}

fn identity(path: &Path) -> Option<(u64, u64)> {
    let found = fs::symlink_metadata(path).ok()?;
    Some((found.dev(), found.ino()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_owner_may_connect_and_the_end_cleans_up() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("deep/er/link.sock");
        let (_listener, file) = bind(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        UnixStream::connect(&path).unwrap();
        let beside = fs::read_dir(path.parent().unwrap()).unwrap().count();
        assert_eq!(beside, 1, "the private directory is gone");
        drop(file);
        assert!(!path.exists());
    }

    #[test]
    fn a_path_may_be_as_long_as_the_system_connects_to() {
        let dir = tempfile::tempdir().unwrap();
        for len in [90, 100, 107] {
            let name = "n".repeat(len - dir.path().as_os_str().len() - "//s".len());
            let path = dir.path().join(name).join("s");
            assert_eq!(path.as_os_str().len(), len);
            let (_listener, file) = bind(&path).unwrap();
            assert!(file.is_there());
            UnixStream::connect(&path).unwrap();
        }
    }

    #[test]
    fn a_live_socket_is_refused_and_a_dead_one_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("s");
        let (listener, first) = bind(&path).unwrap();
        assert!(matches!(bind(&path), Err(SocketError::InUse { .. })));
        drop(listener);
        let (_listener, _second) = bind(&path).unwrap();
        drop(first);
        assert!(path.exists(), "the first one's end leaves the second one's file");
    }

    #[test]
    fn what_is_not_a_socket_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("precious");
        fs::write(&file, "data").unwrap();
        assert!(matches!(bind(&file), Err(SocketError::NotASocket { .. })));
        let link = dir.path().join("link");
        std::os::unix::fs::symlink(&file, &link).unwrap();
        assert!(matches!(bind(&link), Err(SocketError::NotASocket { .. })));
        assert_eq!(fs::read(&file).unwrap(), b"data");
    }
}
