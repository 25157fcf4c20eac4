//! A NOR flash that breaks off at any byte, and what the storage on it should hold.
#![allow(dead_code, unreachable_pub, reason = "each test file uses its part")]

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use embedded_storage::nor_flash::{ErrorType, NorFlash, NorFlashError, NorFlashErrorKind, ReadNorFlash};
use kernel_core::Error;
use kernel_core::storage::{Page, Storage, StorageOp, StorageRequest, Stored};
use kernel_flash::FlashStorage;

/// The order in which a write or erase that is cut has got through its words.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Order {
    Upwards,
    Downwards,
    /// Half of the words, all over the place, then the others.
    Scattered,
}

impl Order {
    fn nth(self, n: usize, count: usize) -> usize {
        match self {
            Order::Upwards => n,
            Order::Downwards => count - 1 - n,
            Order::Scattered if n < count / 2 => n * 2 + 1,
            Order::Scattered => (n - count / 2) * 2,
        }
    }
}

/// A flash of `PAGES` pages of `PAGE` bytes. Order sets all bits; writing clears some, a whole
/// word at a time, and each word once between two erasings; except that zeros may be written over
/// anything, as chips with checksums over their words allow too.
#[derive(Clone, Debug)]
pub struct Nor<const WORD: usize, const PAGE: usize, const PAGES: usize> {
    pub bytes: Vec<u8>,
    written: Vec<bool>,
    /// Bytes written and words erased so far.
    pub steps: u64,
    /// The power fails before this step.
    pub cut_at: Option<u64>,
    off: bool,
    pub order: Order,
    /// How often each page was erased.
    pub erased: Vec<u32>,
    /// Any word may be written at any time.
    pub lawless: bool,
}

/// The power is off.
#[derive(Debug)]
pub struct Off;

impl NorFlashError for Off {
    fn kind(&self) -> NorFlashErrorKind {
        NorFlashErrorKind::Other
    }
}

impl<const WORD: usize, const PAGE: usize, const PAGES: usize> Nor<WORD, PAGE, PAGES> {
    pub const END: u32 = (PAGE * PAGES) as u32;

    pub fn new() -> Self {
        Nor {
            bytes: vec![0xff; PAGE * PAGES],
            written: vec![false; PAGE * PAGES / WORD],
            steps: 0,
            cut_at: None,
            off: false,
            order: Order::Upwards,
            erased: vec![0; PAGES],
            lawless: false,
        }
    }

    /// The same flash after a power cut, with the power on.
    pub fn restarted(&self) -> Self {
        Nor {
            steps: 0,
            cut_at: None,
            off: false,
            ..self.clone()
        }
    }

    fn step(&mut self) -> Result<(), Off> {
        if self.off || self.cut_at == Some(self.steps) {
            self.off = true;
            return Err(Off);
        }
        self.steps += 1;
        Ok(())
    }
}

impl<const WORD: usize, const PAGE: usize, const PAGES: usize> ErrorType for Nor<WORD, PAGE, PAGES> {
    type Error = Off;
}

impl<const WORD: usize, const PAGE: usize, const PAGES: usize> ReadNorFlash for Nor<WORD, PAGE, PAGES> {
    const READ_SIZE: usize = if WORD < 8 { 1 } else { 8 };

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), Off> {
        if self.off {
            return Err(Off);
        }
        assert!(
            (offset as usize).is_multiple_of(Self::READ_SIZE) && bytes.len().is_multiple_of(Self::READ_SIZE)
        );
        bytes.copy_from_slice(&self.bytes[offset as usize..][..bytes.len()]);
        Ok(())
    }

    fn capacity(&self) -> usize {
        PAGE * PAGES
    }
}

impl<const WORD: usize, const PAGE: usize, const PAGES: usize> NorFlash for Nor<WORD, PAGE, PAGES> {
    const WRITE_SIZE: usize = WORD;
    const ERASE_SIZE: usize = PAGE;

    fn erase(&mut self, from: u32, to: u32) -> Result<(), Off> {
        let (from, to) = (from as usize, to as usize);
        assert!(from < to && from % PAGE == 0 && to % PAGE == 0);
        for page in (from..to).step_by(PAGE) {
            self.erased[page / PAGE] += 1;
            for word in 0..PAGE / WORD {
                self.step()?;
                let word = self.order.nth(word, PAGE / WORD);
                self.bytes[page + word * WORD..][..WORD].fill(0xff);
                self.written[page / WORD + word] = false;
            }
        }
        Ok(())
    }

    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), Off> {
        let offset = offset as usize;
        assert!(offset.is_multiple_of(WORD) && bytes.len().is_multiple_of(WORD) && !bytes.is_empty());
        let count = bytes.len() / WORD;
        let order = self.order;
        for word in (0..count).map(|n| order.nth(n, count)) {
            let at = offset + word * WORD;
            let word = &bytes[word * WORD..][..WORD];
            for (n, byte) in word.iter().enumerate() {
                self.step()?;
                if n == 0 && std::mem::replace(&mut self.written[at / WORD], true) {
                    assert!(self.lawless, "the word at {at} is written twice");
                }
                self.bytes[at + n] &= byte;
            }
        }
        Ok(())
    }
}

/// A flash that a test looks at, or changes, while a storage is on it.
#[derive(Clone)]
pub struct Shared(pub Rc<RefCell<Flash>>);

impl Shared {
    pub fn new(flash: Flash) -> Self {
        Shared(Rc::new(RefCell::new(flash)))
    }
}

impl ErrorType for Shared {
    type Error = Off;
}

impl ReadNorFlash for Shared {
    const READ_SIZE: usize = Flash::READ_SIZE;

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), Off> {
        self.0.borrow_mut().read(offset, bytes)
    }

    fn capacity(&self) -> usize {
        self.0.borrow().capacity()
    }
}

impl NorFlash for Shared {
    const WRITE_SIZE: usize = Flash::WRITE_SIZE;
    const ERASE_SIZE: usize = Flash::ERASE_SIZE;

    fn erase(&mut self, from: u32, to: u32) -> Result<(), Off> {
        self.0.borrow_mut().erase(from, to)
    }

    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), Off> {
        self.0.borrow_mut().write(offset, bytes)
    }
}

/// One request to the storage, and what was read.
pub fn ask<F: NorFlash>(
    storage: &mut FlashStorage<F>,
    op: StorageOp,
    (namespace, key): (&str, &str),
    value: &[u8],
) -> Result<(Stored, Vec<u8>), Error> {
    ask_for(storage, op, (namespace, key), value, 3, 600)
}

/// Likewise, with a limit of a page and the room for what is read.
pub fn ask_for<F: NorFlash>(
    storage: &mut FlashStorage<F>,
    op: StorageOp,
    (namespace, key): (&str, &str),
    value: &[u8],
    limit: u16,
    room: usize,
) -> Result<(Stored, Vec<u8>), Error> {
    let mut out = vec![0; room];
    let mut group = [StorageRequest {
        op,
        namespace,
        key,
        value,
        limit,
        out: &mut out,
        result: Err(Error::new("not_carried_out", "")),
    }];
    let applied = pin!(storage.apply(&mut group)).poll(&mut Context::from_waker(Waker::noop()));
    assert_eq!(applied, Poll::Ready(()), "nothing in it waits");
    let [request] = group;
    let stored = request.result?;
    if let Stored::Bytes(len) = stored {
        out.truncate(len);
    }
    Ok((stored, out))
}

/// What a storage holds, by namespace and key.
pub type Content = BTreeMap<(String, String), String>;

/// A request, for the storage and for the model.
#[derive(Clone, Debug)]
pub enum Write {
    Set(String, String, String),
    Delete(String, String),
    Clear(String),
    Batch(String, Vec<(String, Option<String>)>),
}

/// The JSON string of so many letters.
pub fn text(letter: char, len: usize) -> String {
    format!("\"{}\"", letter.to_string().repeat(len))
}

pub fn set(namespace: &str, key: &str, value: &str) -> Write {
    Write::Set(namespace.into(), key.into(), value.into())
}

pub fn delete(namespace: &str, key: &str) -> Write {
    Write::Delete(namespace.into(), key.into())
}

pub fn batch(namespace: &str, ops: &[(&str, Option<&str>)]) -> Write {
    let ops = ops
        .iter()
        .map(|(key, value)| ((*key).into(), value.map(Into::into)));
    Write::Batch(namespace.into(), ops.collect())
}

impl Write {
    /// Carries it out, and checks what it answers.
    pub fn carry_out<F: NorFlash>(
        &self,
        storage: &mut FlashStorage<F>,
        before: &Content,
    ) -> Result<(), Error> {
        let (expected, stored) = match self {
            Write::Set(namespace, key, value) => (
                Stored::Done,
                ask(storage, StorageOp::Set, (namespace, key), value.as_bytes())?.0,
            ),
            Write::Delete(namespace, key) => (
                match before.contains_key(&(namespace.clone(), key.clone())) {
                    true => Stored::Done,
                    false => Stored::Absent,
                },
                ask(storage, StorageOp::Delete, (namespace, key), &[])?.0,
            ),
            Write::Clear(namespace) => (
                Stored::Count(before.keys().filter(|(its, _)| its == namespace).count() as u32),
                ask(storage, StorageOp::ClearNamespace, (namespace, ""), &[])?.0,
            ),
            Write::Batch(namespace, ops) => (
                Stored::Done,
                ask(storage, StorageOp::Batch, (namespace, ""), &operations(ops))?.0,
            ),
        };
        assert_eq!(stored, expected, "{self:?}");
        Ok(())
    }

    /// What should be there afterwards.
    pub fn expect(&self, content: &mut Content) {
        match self {
            Write::Set(namespace, key, value) => {
                content.insert((namespace.clone(), key.clone()), value.clone());
            }
            Write::Delete(namespace, key) => {
                content.remove(&(namespace.clone(), key.clone()));
            }
            Write::Clear(namespace) => content.retain(|(its, _), _| its != namespace),
            Write::Batch(namespace, ops) => {
                for (key, value) in ops {
                    match value {
                        Some(value) => set(namespace, key, value).expect(content),
                        None => delete(namespace, key).expect(content),
                    }
                }
            }
        }
    }
}

/// The operations of a batch as they travel.
pub fn operations(ops: &[(String, Option<String>)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (key, value) in ops {
        let (op, value) = match value {
            Some(value) => (1, value.as_str()),
            None => (2, ""),
        };
        bytes.extend([op, key.len() as u8]);
        bytes.extend((value.len() as u32).to_le_bytes());
        bytes.extend(key.bytes().chain(value.bytes()));
    }
    bytes
}

/// True when the storage holds this, whatever else.
pub fn holds<F: NorFlash>(storage: &mut FlashStorage<F>, content: &Content) -> Result<bool, Error> {
    let mut same = true;
    for ((namespace, key), value) in content {
        let (stored, found) = ask(storage, StorageOp::Get, (namespace, key), &[])?;
        same &= stored == Stored::Bytes(value.len()) && found == value.as_bytes();
    }
    Ok(same)
}

/// All that the storage holds, asked for in pages of three names.
pub fn content<F: NorFlash>(storage: &mut FlashStorage<F>) -> Result<Content, Error> {
    let mut all = Content::new();
    for namespace in names(storage, None)? {
        for key in names(storage, Some(&namespace))? {
            let (stored, value) = ask(storage, StorageOp::Get, (&namespace, &key), &[])?;
            assert_eq!(stored, Stored::Bytes(value.len()), "it was listed");
            all.insert((namespace.clone(), key), String::from_utf8(value).unwrap());
        }
    }
    Ok(all)
}

/// All namespaces, or all keys of one, checked to come in order.
pub fn names<F: NorFlash>(
    storage: &mut FlashStorage<F>,
    namespace: Option<&str>,
) -> Result<Vec<String>, Error> {
    let mut all: Vec<String> = Vec::new();
    loop {
        let after = all.last().map_or("", String::as_str).to_owned();
        let op = match namespace {
            Some(_) => StorageOp::ListKeys,
            None => StorageOp::Namespaces,
        };
        let (_, page) = ask(storage, op, (namespace.unwrap_or_default(), &after), &[])?;
        let page = Page::new(&page);
        all.extend(page.map(str::to_owned));
        assert!(all.is_sorted_by(|a, b| a < b), "{all:?}");
        if !page.more() {
            return Ok(all);
        }
    }
}

/// The flash of most tests: four pages of 512 bytes, written by words of four.
pub type Flash = Nor<4, 512, 4>;
/// A storage on it.
pub type Small<'f> = FlashStorage<&'f mut Flash>;

/// Opens the flash, and lets `work` use the storage.
pub fn opened<T>(flash: &mut Flash, work: impl FnOnce(&mut Small<'_>) -> T) -> T {
    work(&mut FlashStorage::open(flash, 0..Flash::END).unwrap())
}

/// A value of the namespace `n`.
pub fn get(storage: &mut Small<'_>, key: &str) -> Result<Option<String>, Error> {
    let (stored, value) = ask(storage, StorageOp::Get, ("n", key), &[])?;
    Ok(match stored {
        Stored::Absent => None,
        _ => Some(String::from_utf8(value).unwrap()),
    })
}

/// Stores a value in the namespace `n`.
pub fn put(storage: &mut Small<'_>, key: &str, value: &str) -> Result<(), Error> {
    assert_eq!(
        ask(storage, StorageOp::Set, ("n", key), value.as_bytes())?.0,
        Stored::Done
    );
    Ok(())
}

/// Deletes a value of the namespace `n`.
pub fn remove(storage: &mut Small<'_>, key: &str) -> Result<bool, Error> {
    Ok(ask(storage, StorageOp::Delete, ("n", key), &[])?.0 == Stored::Done)
}

/// Clears a namespace.
pub fn clear(storage: &mut Small<'_>, namespace: &str) -> Result<u32, Error> {
    match ask(storage, StorageOp::ClearNamespace, (namespace, ""), &[])?.0 {
        Stored::Count(count) => Ok(count),
        other => panic!("{other:?}"),
    }
}

/// A batch in the namespace `n`.
pub fn all_or_none(storage: &mut Small<'_>, ops: &[(&str, Option<&str>)]) -> Result<(), Error> {
    let Write::Batch(_, ops) = batch("n", ops) else {
        unreachable!()
    };
    ask(storage, StorageOp::Batch, ("n", ""), &operations(&ops)).map(drop)
}

/// The error's code.
pub fn code<T>(outcome: Result<T, Error>) -> String {
    outcome
        .err()
        .map_or_else(String::new, |error| error.code().to_owned())
}
