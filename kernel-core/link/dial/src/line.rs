//! Serial lines.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rustix::fs::{FlockOperation, OFlags, flock};
use rustix::io::Errno;
use rustix::termios::{OptionalActions, isatty, tcgetattr, tcsetattr};

/// Opens a serial line: every byte as it is, at this speed.
pub(crate) fn open(device: &Path, baud: u32) -> io::Result<File> {
    let flags = OFlags::NONBLOCK | OFlags::NOCTTY;
    let line = OpenOptions::new()
        .read(true)
        .write(true)
        .custom_flags(flags.bits() as i32)
        .open(device)?;
    if !isatty(&line) {
        return Err(io::Error::other("it is not a serial line"));
    }
    // Two clients would take each other's answers.
    if let Err(Errno::WOULDBLOCK) = flock(&line, FlockOperation::NonBlockingLockExclusive) {
        return Err(io::ErrorKind::ResourceBusy.into());
    }
    let mut settings = tcgetattr(&line)?;
    settings.make_raw();
    settings.set_speed(baud)?;
    tcsetattr(&line, OptionalActions::Flush, &settings)?;
    Ok(line)
}
