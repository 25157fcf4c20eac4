//! A NOR flash that breaks off at any byte, and what the storage on it should hold.
#![allow(dead_code, unreachable_pub, reason = "each test file uses its part")]

use std::collections::BTreeMap;
use std::future::Future;
use std::task::{Context, Poll, Waker};

use embedded_storage_async::nor_flash::{
    ErrorType, NorFlash, NorFlashError, NorFlashErrorKind, ReadNorFlash,
};
use kernel_core::Json;
use kernel_core::storage::{BatchOp, FlashStorage, Names, Ops, Page, Storage, StorageError};

/// The order in which an erasing that is cut has got through the words of its page.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Erasing {
    Upwards,
    Downwards,
    /// Half of the words, all over the page, then the others.
    Scattered,
}

/// A flash of `PAGES` pages of `PAGE` bytes. Erasing sets all bits; writing clears some, a whole
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
    pub erasing: Erasing,
    /// How often each page was erased.
    pub erased: Vec<u32>,
    /// How many words were written with zeros after they had been written.
    pub rewritten: usize,
    /// Every operation is pending once.
    pub slow: bool,
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
            erasing: Erasing::Upwards,
            erased: vec![0; PAGES],
            rewritten: 0,
            slow: false,
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

    async fn wait(&self) {
        let mut waited = !self.slow;
        std::future::poll_fn(|_| match std::mem::replace(&mut waited, true) {
            true => Poll::Ready(()),
            false => Poll::Pending,
        })
        .await;
    }
}

impl<const WORD: usize, const PAGE: usize, const PAGES: usize> ErrorType for Nor<WORD, PAGE, PAGES> {
    type Error = Off;
}

impl<const WORD: usize, const PAGE: usize, const PAGES: usize> ReadNorFlash for Nor<WORD, PAGE, PAGES> {
    const READ_SIZE: usize = 1;

    async fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), Off> {
        self.wait().await;
        if self.off {
            return Err(Off);
        }
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

    async fn erase(&mut self, from: u32, to: u32) -> Result<(), Off> {
        self.wait().await;
        let (from, to) = (from as usize, to as usize);
        assert!(from < to && from % PAGE == 0 && to % PAGE == 0);
        for page in (from..to).step_by(PAGE) {
            self.erased[page / PAGE] += 1;
            for word in 0..PAGE / WORD {
                self.step()?;
                let word = match self.erasing {
                    Erasing::Upwards => word,
                    Erasing::Downwards => PAGE / WORD - 1 - word,
                    Erasing::Scattered => (word * 2 + 1) % (PAGE / WORD + 1),
                };
                self.bytes[page + word * WORD..][..WORD].fill(0xff);
                self.written[page / WORD + word] = false;
            }
        }
        Ok(())
    }

    async fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), Off> {
        self.wait().await;
        let offset = offset as usize;
        assert!(offset.is_multiple_of(WORD) && bytes.len().is_multiple_of(WORD) && !bytes.is_empty());
        for (at, word) in (offset..).step_by(WORD).zip(bytes.chunks(WORD)) {
            let zeros = word.iter().all(|byte| *byte == 0);
            for (at, byte) in (at..).zip(word) {
                self.step()?;
                let written = &mut self.written[at / WORD];
                if at.is_multiple_of(WORD) && std::mem::replace(written, true) {
                    assert!(zeros || self.lawless, "the word at {at} is written twice");
                    self.rewritten += 1;
                }
                self.bytes[at] &= byte;
            }
        }
        Ok(())
    }
}

/// Runs what never waits for anybody else.
pub fn run<T>(future: impl Future<Output = T>) -> T {
    run_for(usize::MAX, future).expect("it waits for ever")
}

/// Likewise, but drops it after so many polls.
pub fn run_for<T>(polls: usize, future: impl Future<Output = T>) -> Option<T> {
    let mut future = std::pin::pin!(future);
    for _ in 0..polls.min(10_000_000) {
        if let Poll::Ready(value) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            return Some(value);
        }
    }
    None
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
    pub async fn carry_out<F: NorFlash, const KEYS: usize>(
        &self,
        storage: &mut FlashStorage<'_, F, KEYS>,
        before: &Content,
    ) -> Result<(), StorageError> {
        match self {
            Write::Set(namespace, key, value) => storage.set(namespace, key, json(value)).await,
            Write::Delete(namespace, key) => {
                let was = storage.delete(namespace, key).await?;
                assert_eq!(was, before.contains_key(&(namespace.clone(), key.clone())));
                Ok(())
            }
            Write::Clear(namespace) => {
                let count = storage.clear_namespace(namespace).await?;
                assert_eq!(
                    count as usize,
                    before.keys().filter(|(its, _)| its == namespace).count()
                );
                Ok(())
            }
            Write::Batch(namespace, ops) => {
                let ops: Vec<_> = ops.iter().map(|(key, value)| operation(key, value)).collect();
                let mut buf = [0; 2048];
                storage.batch(namespace, Ops::new(&ops, &mut buf).unwrap()).await
            }
        }
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

fn operation<'a>(key: &'a str, value: &'a Option<String>) -> BatchOp<'a> {
    match value {
        Some(value) => BatchOp::Set(key, json(value)),
        None => BatchOp::Delete(key),
    }
}

pub fn json(text: &str) -> Json<'_> {
    Json::parse(text).unwrap()
}

/// True when the storage holds exactly this.
pub async fn holds<F: NorFlash, const KEYS: usize>(
    storage: &mut FlashStorage<'_, F, KEYS>,
    content: &Content,
) -> Result<bool, StorageError> {
    let mut same = storage.len() == content.len();
    for ((namespace, key), value) in content {
        let mut buf = [0; 1024];
        let found = storage.get(namespace, key, &mut buf).await?;
        same &= found.and_then(|len| buf.get(..len)) == Some(value.as_bytes());
    }
    Ok(same)
}

/// All that the storage holds, asked for in pages of three names.
pub async fn content<F: NorFlash, const KEYS: usize>(
    storage: &mut FlashStorage<'_, F, KEYS>,
) -> Result<Content, StorageError> {
    let mut all = Content::new();
    for namespace in names(storage, None).await? {
        for key in names(storage, Some(&namespace)).await? {
            let mut buf = [0; 1024];
            let len = storage
                .get(&namespace, &key, &mut buf)
                .await?
                .expect("it was listed");
            let value = String::from_utf8(buf[..len].to_vec()).unwrap();
            all.insert((namespace.clone(), key), value);
        }
    }
    assert_eq!(all.len(), storage.len());
    Ok(all)
}

/// All namespaces, or all keys of one, checked to come in order.
pub async fn names<F: NorFlash, const KEYS: usize>(
    storage: &mut FlashStorage<'_, F, KEYS>,
    namespace: Option<&str>,
) -> Result<Vec<String>, StorageError> {
    let mut all: Vec<String> = Vec::new();
    loop {
        let mut buf = [0; 1024];
        let mut page = Names::new(&mut buf, 3);
        let after = all.last().map_or("", String::as_str).to_owned();
        match namespace {
            Some(namespace) => storage.list_keys(namespace, &after, &mut page).await?,
            None => storage.namespaces(&after, &mut page).await?,
        }
        let page = Page::new(page.as_bytes());
        all.extend(page.map(str::to_owned));
        assert!(all.is_sorted_by(|a, b| a < b), "{all:?}");
        if !page.more() {
            return Ok(all);
        }
    }
}

/// The flash of most tests: four pages of 512 bytes, written by words of four.
pub type Flash = Nor<4, 512, 4>;
/// A storage of few keys on it.
pub type Small<'b> = FlashStorage<'b, &'b mut Flash, 16>;

/// Opens the flash, and lets `work` use the storage.
pub fn opened<T>(flash: &mut Flash, work: impl AsyncFnOnce(&mut Small<'_>) -> T) -> T {
    let mut buffer = [0; 512];
    run(async {
        let mut storage = FlashStorage::open(flash, 0..Flash::END, &mut buffer)
            .await
            .unwrap();
        work(&mut storage).await
    })
}

/// A value of the namespace `n`.
pub async fn get(storage: &mut Small<'_>, key: &str) -> Result<Option<String>, StorageError> {
    let mut buf = [0; 600];
    let len = storage.get("n", key, &mut buf).await?;
    Ok(len.map(|len| String::from_utf8(buf[..len].to_vec()).unwrap()))
}
