//! A file that is renamed when it is long enough.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::PathBuf;

use crate::settings::FileSettings;

/// See the module's documentation.
#[derive(Debug)]
pub(crate) struct RotatingFile {
    settings: FileSettings,
    open: Option<(File, u64)>,
}

impl RotatingFile {
    pub(crate) fn new(settings: FileSettings) -> Self {
        RotatingFile { settings, open: None }
    }

    /// Appends whole lines; another file is begun where this one would be too long. After an error the file is opened
    /// anew the next time.
    pub(crate) fn append(&mut self, lines: &[u8]) -> io::Result<()> {
        let result = self.try_append(lines);
        if result.is_err() {
            self.open = None;
        }
        result
    }

    fn try_append(&mut self, lines: &[u8]) -> io::Result<()> {
        let (_, len) = self.opened()?;
        if *len > 0 && *len + lines.len() as u64 > self.settings.max_bytes {
            self.open = None;
            self.rotate()?;
        }
        let (file, len) = self.opened()?;
        file.write_all(lines)?;
        *len += lines.len() as u64;
        Ok(())
    }

    fn opened(&mut self) -> io::Result<&mut (File, u64)> {
        let open = match self.open.take() {
            Some(open) => open,
            None => self.open_end()?,
        };
        Ok(self.open.insert(open))
    }

    fn open_end(&self) -> io::Result<(File, u64)> {
        let path = &self.settings.path;
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            fs::create_dir_all(folder)?;
        }
        let mut options = OpenOptions::new();
        options.create(true).append(true).read(true);
        // What plugins say is nobody else's business.
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(path)?;
        let mut len = file.seek(SeekFrom::End(0))?;
        if len > 0 {
            file.seek(SeekFrom::End(-1))?;
            let mut last = [0];
            file.read_exact(&mut last)?;
            if last != *b"\n" {
                // A line that was not written to its end.
                file.write_all(b"\n")?;
                len += 1;
            }
        }
        Ok((file, len))
    }

    /// `FILE` becomes `FILE.1`, that `FILE.2`, and the last one is gone.
    fn rotate(&self) -> io::Result<()> {
        let there = |result: io::Result<()>| match result {
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => Ok(()),
            other => other,
        };
        let keep = self.settings.keep;
        there(fs::remove_file(self.numbered(keep)))?;
        for number in (0..keep).rev() {
            there(fs::rename(self.numbered(number), self.numbered(number + 1)))?;
        }
        Ok(())
    }

    fn numbered(&self, number: u64) -> PathBuf {
        let mut name = OsString::from(&self.settings.path);
        if number > 0 {
            name.push(format!(".{number}"));
        }
        name.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(dir: &tempfile::TempDir, max_bytes: u64, keep: u64) -> RotatingFile {
        RotatingFile::new(FileSettings {
            path: dir.path().join("a/log"),
            max_bytes,
            keep,
        })
    }

    fn text(dir: &tempfile::TempDir, name: &str) -> Option<String> {
        fs::read_to_string(dir.path().join("a").join(name)).ok()
    }

    #[test]
    fn so_many_files_of_such_a_length_are_kept() {
        let dir = tempfile::tempdir().unwrap();
        for round in 0..2 {
            // Each round opens the file anew.
            let mut file = file(&dir, 10, 2);
            for number in 0..6 {
                file.append(format!("{round}{number}3\n").as_bytes()).unwrap();
            }
        }
        assert_eq!(text(&dir, "log").unwrap(), "143\n153\n");
        assert_eq!(text(&dir, "log.1").unwrap(), "123\n133\n");
        assert_eq!(text(&dir, "log.2").unwrap(), "103\n113\n");
        assert_eq!(text(&dir, "log.3"), None);
    }

    #[test]
    fn without_files_to_keep_it_begins_anew() {
        let dir = tempfile::tempdir().unwrap();
        let mut file = file(&dir, 10, 0);
        for number in 0..5 {
            file.append(format!("{number}23\n").as_bytes()).unwrap();
        }
        assert_eq!(text(&dir, "log").unwrap(), "423\n");
        assert_eq!(fs::read_dir(dir.path().join("a")).unwrap().count(), 1);
    }

    #[test]
    fn a_line_without_an_end_is_ended() {
        let dir = tempfile::tempdir().unwrap();
        let mut half = file(&dir, 100, 1);
        half.append(b"{\"half").unwrap();
        drop(half);
        file(&dir, 100, 1).append(b"{}\n").unwrap();
        assert_eq!(text(&dir, "log").unwrap(), "{\"half\n{}\n");
    }
}
