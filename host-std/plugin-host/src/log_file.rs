//! Lines on disk, of which the newest are there again after a restart: two files, the older of which is given up when the
//! newer one is full.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// The bytes that a file has before another one is begun.
const LARGEST: u64 = 256 * 1024;

/// See the module's documentation.
#[derive(Debug)]
pub(crate) struct LogFile {
    newer: PathBuf,
    older: PathBuf,
}

impl LogFile {
    /// The files in this folder, which need not be there.
    pub(crate) fn in_folder(folder: &Path) -> Self {
        LogFile {
            newer: folder.join("log.ndjson"),
            older: folder.join("log.1.ndjson"),
        }
    }

    /// Where it is, for people.
    pub(crate) fn path(&self) -> &Path {
        &self.newer
    }

    /// All lines that are there, the oldest first; the last one may be cut off.
    ///
    /// # Errors
    /// When there is a file that cannot be read.
    pub(crate) fn read(&self) -> io::Result<Vec<String>> {
        let mut lines = Vec::new();
        for path in [&self.older, &self.newer] {
            match fs::read(path) {
                Ok(bytes) => lines.extend(String::from_utf8_lossy(&bytes).lines().map(str::to_owned)),
                Err(cause) if cause.kind() == io::ErrorKind::NotFound => {}
                Err(cause) => return Err(cause),
            }
        }
        Ok(lines)
    }

    /// Appends lines, each of which ends with a line feed.
    ///
    /// # Errors
    /// When they could not be written whole: a part of them may be there.
    pub(crate) fn append(&self, lines: &[u8]) -> io::Result<()> {
        let size = self.newer.metadata().map_or(0, |of| of.len());
        if size > 0 && size + lines.len() as u64 > LARGEST {
            fs::rename(&self.newer, &self.older)?;
        }
        let mut file = OpenOptions::new()
            .create(true)
            .read(true)
            .append(true)
            .mode(0o600)
            .open(&self.newer)?;
        // What was cut off stays a line of its own.
        if is_cut_off(&mut file)? {
            file.write_all(b"\n")?;
        }
        file.write_all(lines)
    }
}

fn is_cut_off(file: &mut File) -> io::Result<bool> {
    if file.metadata()?.len() == 0 {
        return Ok(false);
    }
    let mut last = [0];
    file.seek(SeekFrom::End(-1))?;
    file.read_exact(&mut last)?;
    Ok(last != *b"\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_lines_are_there_and_the_files_stay_small() {
        let folder = tempfile::tempdir().unwrap();
        let log = LogFile::in_folder(folder.path());
        assert_eq!(log.read().unwrap(), [""; 0]);
        let text = "x".repeat(1000);
        for number in 0..2000 {
            log.append(format!("{number} {text}\n").as_bytes()).unwrap();
        }
        let lines = log.read().unwrap();
        let number = |line: &String| line.split(' ').next().unwrap().parse::<u32>().unwrap();
        assert_eq!(lines.last().map(number), Some(1999));
        assert!(
            lines.len() > 200
                && lines
                    .windows(2)
                    .all(|pair| number(&pair[0]) + 1 == number(&pair[1]))
        );
        for path in [&log.newer, &log.older] {
            assert!(path.metadata().unwrap().len() <= LARGEST);
        }
    }

    #[test]
    fn a_line_that_was_cut_off_does_not_take_the_next_one_along() {
        let folder = tempfile::tempdir().unwrap();
        let log = LogFile::in_folder(folder.path());
        log.append(b"one\n").unwrap();
        fs::write(&log.newer, b"one\ntw").unwrap();
        log.append(b"three\n").unwrap();
        assert_eq!(log.read().unwrap(), ["one", "tw", "three"]);
        // Where there is no folder, nobody makes one.
        let gone = LogFile::in_folder(&folder.path().join("gone"));
        assert!(gone.append(b"one\n").is_err());
    }
}
