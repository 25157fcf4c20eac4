//! What was read of the storage: namespaces, the keys of one, and the value of one key.

use std::time::Instant;

use crate::facts::{Answer, Request};

/// A list that is read page by page.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Listing {
    /// The names so far, in order.
    pub names: Vec<String>,
    /// True when the last page was read.
    pub complete: bool,
    /// True while a page is on its way.
    pub loading: bool,
    /// Why the last page could not be read.
    pub error: Option<String>,
}

impl Listing {
    /// The name to read on from, when there is more and nothing is on its way.
    fn more(&mut self) -> Option<String> {
        if self.complete || self.loading {
            return None;
        }
        self.loading = true;
        self.error = None;
        Some(self.names.last().cloned().unwrap_or_default())
    }

    fn page(&mut self, after: &str, answer: &Answer) {
        if self.names.last().map_or("", String::as_str) != after || !self.loading {
            return;
        }
        self.loading = false;
        match answer {
            Answer::Names { names, more } => {
                self.names.extend(names.iter().cloned());
                self.complete = !more || names.is_empty();
            }
            other => self.error = Some(failure(other)),
        }
    }
}

/// A stored value.
#[derive(Clone, Debug, PartialEq)]
pub struct Stored {
    /// The namespace.
    pub namespace: String,
    /// The key.
    pub key: String,
    /// The value, a JSON text; `None` when there is none; or why it could not be read.
    pub value: Result<Option<String>, String>,
    /// When it was read.
    pub read_at: Instant,
}

/// What was read of the storage.
#[derive(Clone, Debug, Default)]
pub struct Storage {
    namespaces: Listing,
    open: Option<(String, Listing)>,
    value: Option<Stored>,
}

impl Storage {
    /// The namespaces.
    pub fn namespaces(&self) -> &Listing {
        &self.namespaces
    }

    /// The namespace that is open and its keys.
    pub fn keys(&self) -> Option<(&str, &Listing)> {
        self.open
            .as_ref()
            .map(|(namespace, keys)| (namespace.as_str(), keys))
    }

    /// The value that was read last.
    pub fn value(&self) -> Option<&Stored> {
        self.value.as_ref()
    }

    /// Forgets everything and reads the first page of the namespaces.
    pub fn refresh(&mut self) -> Option<Request> {
        *self = Storage::default();
        self.more_namespaces()
    }

    /// The next page of the namespaces; `None` when there is none or it is on its way.
    pub fn more_namespaces(&mut self) -> Option<Request> {
        Some(Request::StorageNamespaces {
            after: self.namespaces.more()?,
        })
    }

    /// Opens a namespace: reads the first page of its keys.
    pub fn open(&mut self, namespace: &str) -> Option<Request> {
        self.open = Some((namespace.to_owned(), Listing::default()));
        self.value = None;
        self.more_keys()
    }

    /// The next page of the open namespace's keys; `None` when there is none or it is on its way.
    pub fn more_keys(&mut self) -> Option<Request> {
        let (namespace, keys) = self.open.as_mut()?;
        Some(Request::StorageKeys {
            after: keys.more()?,
            namespace: namespace.clone(),
        })
    }

    /// Reads a value.
    pub fn read(&mut self, namespace: &str, key: &str) -> Request {
        Request::StorageGet {
            namespace: namespace.to_owned(),
            key: key.to_owned(),
        }
    }

    /// The connection is gone: what was on its way does not come.
    pub(super) fn disconnected(&mut self) {
        self.namespaces.loading = false;
        if let Some((_, keys)) = &mut self.open {
            keys.loading = false;
        }
    }

    pub(super) fn answered(&mut self, request: &Request, answer: &Answer, now: Instant) {
        match request {
            Request::StorageNamespaces { after } => self.namespaces.page(after, answer),
            Request::StorageKeys { namespace, after } => {
                if let Some((open, keys)) = &mut self.open
                    && open == namespace
                {
                    keys.page(after, answer);
                }
            }
            Request::StorageGet { namespace, key } => {
                self.value = Some(Stored {
                    namespace: namespace.clone(),
                    key: key.clone(),
                    value: match answer {
                        Answer::Json(json) => Ok(Some(json.clone())),
                        Answer::Absent => Ok(None),
                        other => Err(failure(other)),
                    },
                    read_at: now,
                });
            }
            Request::StorageSet {
                namespace,
                key,
                value,
            } if *answer == Answer::Done => {
                if let Some((open, keys)) = &mut self.open
                    && open == namespace
                    && let Err(at) = keys.names.binary_search(key)
                    && (at < keys.names.len() || keys.complete)
                {
                    keys.names.insert(at, key.clone());
                }
                self.value = Some(Stored {
                    namespace: namespace.clone(),
                    key: key.clone(),
                    value: Ok(Some(value.clone())),
                    read_at: now,
                });
            }
            Request::StorageDelete { namespace, key } if matches!(answer, Answer::Done | Answer::Absent) => {
                if let Some((open, keys)) = &mut self.open
                    && open == namespace
                {
                    keys.names.retain(|name| name != key);
                }
                if self
                    .value
                    .as_ref()
                    .is_some_and(|value| value.namespace == *namespace && value.key == *key)
                {
                    self.value = None;
                }
            }
            _ => {}
        }
    }
}

/// What a request that failed, or was answered with something else than was asked for, says.
fn failure(answer: &Answer) -> String {
    match answer {
        Answer::Failed(code, message) => format!("{code}: {message}"),
        other => format!("the runtime answered with something else than was asked for: {other:?}"),
    }
}
