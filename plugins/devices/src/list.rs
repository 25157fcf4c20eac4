//! Lists, whole or in pages.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use kernel_core::{Context, Error};
use plugin_kit::log;
use serde::Serialize;

use crate::device::Row;
use crate::house::{House, is_key};
use crate::limits::invalid;
use crate::replies::{Listed, Page};
use crate::rows::{Keys, is_of_the_row};

/// The most items of a page.
const MAX_LIMIT: u16 = 1_000;
/// Rows that are looked at for one page.
const MAX_LOOKED_AT: u16 = 1_000;
/// Those of a page whose limit is not said.
const LIMIT: u16 = 100;
/// Errors that a page names.
const MOST_ERRORS: usize = 8;
/// Bytes of a page around its items, and of one of its errors.
const ENVELOPE: usize = 400;
const ERROR: usize = 260;

/// How much of a list is wanted.
pub(crate) struct Wanted {
    pub(crate) limit: Option<u16>,
    pub(crate) after: Option<String>,
}

impl Wanted {
    fn check(&self) -> Result<(), Error> {
        match (self.limit, &self.after) {
            (Some(limit), _) if !(1..=MAX_LIMIT).contains(&limit) => Err(invalid(format_args!(
                "limit: {limit}, 1 to {MAX_LIMIT} is allowed"
            ))),
            (_, Some(after)) if !is_key(after) => {
                let len = after.len();
                Err(invalid(format_args!(
                    "after: its {len} bytes are no key of a page"
                )))
            }
            _ => Ok(()),
        }
    }

    /// Whether it is a page that is wanted, and not all.
    fn is_page(&self) -> bool {
        self.limit.is_some() || self.after.is_some()
    }
}

impl House {
    /// The rows that `keep` lets pass, in the order of their keys. All of them are wanted where neither a limit nor an
    /// end of the page before is said.
    pub(crate) async fn list<R: Row + Serialize>(
        &mut self,
        cx: &Context,
        wanted: Wanted,
        mut keep: impl FnMut(&House, R) -> Option<R>,
    ) -> Result<Listed<R>, Error> {
        wanted.check()?;
        let limit = wanted.limit.unwrap_or(LIMIT).into();
        let mut sheet = Sheet::new(self.settings.reply_bytes);
        let mut after = wanted.after.clone().unwrap_or_default();
        let (mut keys, mut looked_at) = (Keys::after(&after), 0);
        while let Some(key) = self.rows.next_key::<R>(cx, &mut keys).await? {
            if wanted.is_page() && (sheet.page.items.len() >= limit || looked_at == MAX_LOOKED_AT) {
                return Ok(sheet.until(after));
            }
            looked_at += 1;
            let found = self.rows.get::<R>(cx, &key).await;
            match found.map(|row| keep(self, row?)) {
                Ok(Some(row)) => match sheet.add(row) {
                    Ok(()) => {}
                    Err(_) if !wanted.is_page() => return Err(all_too_large()),
                    Err(_) if !sheet.page.items.is_empty() => return Ok(sheet.until(after)),
                    Err(error) => sheet.skip(&error),
                },
                Ok(None) => {}
                Err(error) if is_of_the_row(&error) => sheet.skip(&error),
                Err(error) => return Err(error),
            }
            after = key;
        }
        if wanted.is_page() {
            return Ok(Listed::Page(sheet.page));
        }
        if let Some(first) = sheet.page.errors.first() {
            log::warn!("{} rows are left out of a list; {first}", sheet.page.skipped);
        }
        Ok(Listed::All(sheet.page.items))
    }
}

/// The error of a whole list that has no room; a page of it has.
fn all_too_large() -> Error {
    Error::new(
        "too_large",
        "they do not fit into one reply: say limit, and after, for a page of them",
    )
}

/// A page that is being filled.
struct Sheet<R> {
    page: Page<R>,
    /// Bytes that are left.
    room: usize,
}

impl<R: Row + Serialize> Sheet<R> {
    fn new(bytes: usize) -> Self {
        Sheet {
            page: Page {
                items: Vec::new(),
                next: None,
                skipped: 0,
                errors: Vec::new(),
            },
            room: bytes.saturating_sub(ENVELOPE),
        }
    }

    /// Adds a row; the error of one that has no room.
    fn add(&mut self, row: R) -> Result<(), Error> {
        let size = serde_json::to_vec(&row).map_or(usize::MAX, |text| text.len().saturating_add(1));
        if size > self.room {
            let namespace = R::NAMESPACE;
            return Err(Error::format(
                "too_large",
                format_args!("{namespace}: the {size} bytes of a row do not fit into a reply"),
            ));
        }
        self.room -= size;
        self.page.items.push(row);
        Ok(())
    }

    /// Leaves a row out.
    fn skip(&mut self, error: &Error) {
        self.page.skipped += 1;
        if self.page.errors.len() < MOST_ERRORS && self.room >= ERROR {
            self.room -= ERROR;
            self.page.errors.push(error.to_string());
        }
    }

    /// It ends at this key, and there is more.
    fn until(mut self, last: String) -> Listed<R> {
        self.page.next = Some(last);
        Listed::Page(self.page)
    }
}
