//! What is known of the storage: pages of names that were asked for, and the values that were looked at.
//! Nothing is read that nobody looks at, and one thing at a time.

use std::collections::{BTreeMap, HashMap};

use crate::facts::{Answer, Request};
use crate::filter::{Cell, Columns, ListFilter};

/// The columns that the screen's filter knows.
pub const COLUMNS: Columns = &["namespace", "key", "value"];

/// A row of the Storage screen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Row {
    /// A namespace, and whether its keys are shown.
    Namespace(String, bool),
    /// A key of a namespace.
    Key(String, String),
    /// There may be more names: of a namespace, or namespaces. They are asked for when this row is seen.
    More(Option<String>),
    /// Names could not be read: of a namespace, or namespaces, and why.
    Failed(Option<String>, String),
    /// A namespace, or the storage, has nothing in it.
    Empty(Option<String>),
}

impl Row {
    /// What a selection keeps of it.
    pub fn id(&self) -> String {
        match self {
            Row::Namespace(name, _) => name.clone(),
            Row::Key(namespace, key) => format!("{namespace}\u{0}{key}"),
            Row::More(of) | Row::Failed(of, _) | Row::Empty(of) => {
                format!("{}\u{0}\u{0}", of.as_deref().unwrap_or("\u{0}"))
            }
        }
    }

    /// The namespace it belongs to.
    pub fn namespace(&self) -> Option<&str> {
        match self {
            Row::Namespace(name, _) | Row::Key(name, _) => Some(name),
            Row::More(of) | Row::Failed(of, _) | Row::Empty(of) => of.as_deref(),
        }
    }
}

/// Names, as far as they were read.
#[derive(Clone, Debug, Default)]
pub struct Names {
    /// In order.
    pub names: Vec<String>,
    /// True once a page was empty.
    pub whole: bool,
    /// Why the last page could not be read.
    pub failed: Option<String>,
}

/// A value, as far as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// It is this JSON text.
    Json(String),
    /// There is none any more.
    Absent,
    /// It could not be read.
    Failed(String),
}

/// What is known of the storage.
#[derive(Clone, Debug, Default)]
pub struct Browser {
    /// The namespaces.
    pub namespaces: Names,
    /// The keys of those that were opened.
    pub keys: BTreeMap<String, Names>,
    /// The namespaces whose keys are shown.
    pub open: Vec<String>,
    /// The values that were looked at.
    pub values: HashMap<(String, String), Value>,
    /// The request under way.
    pub asking: Option<(u32, Request)>,
    /// The rows, as they are shown.
    pub rows: Vec<Row>,
}

impl Browser {
    /// Forgets all that was read, but not what was opened.
    pub fn forget(&mut self) {
        let open = std::mem::take(&mut self.open);
        *self = Browser {
            open,
            ..Browser::default()
        };
        self.lay_out(&ListFilter::default());
    }

    /// Forgets what was read of one namespace.
    pub fn forget_namespace(&mut self, namespace: &str) {
        self.keys.remove(namespace);
        self.values.retain(|(of, _), _| of != namespace);
        if !self.namespaces.names.iter().any(|name| name == namespace) {
            self.namespaces = Names::default();
        }
    }

    /// Opens or closes a namespace.
    pub fn toggle(&mut self, namespace: &str) {
        match self.open.iter().position(|name| name == namespace) {
            Some(at) => {
                self.open.remove(at);
            }
            None => self.open.push(namespace.to_owned()),
        }
    }

    /// What should be asked for next, when the selected row and the rows in sight are these.
    pub fn wanted(&self, selected: Option<&Row>, seen: &[Row]) -> Option<Request> {
        if self.asking.is_some() {
            return None;
        }
        if let Some(Row::Key(namespace, key)) = selected
            && !self.values.contains_key(&(namespace.clone(), key.clone()))
        {
            return Some(Request::StorageGet {
                namespace: namespace.clone(),
                key: key.clone(),
            });
        }
        let after = |names: &Names| names.names.last().cloned().unwrap_or_default();
        seen.iter().find_map(|row| match row {
            Row::More(None) => Some(Request::StorageNamespaces {
                after: after(&self.namespaces),
            }),
            Row::More(Some(namespace)) => Some(Request::StorageKeys {
                namespace: namespace.clone(),
                after: self.keys.get(namespace).map(after).unwrap_or_default(),
            }),
            _ => None,
        })
    }

    /// Takes an answer; false when it is not one to the request under way.
    pub fn answered(&mut self, id: u32, answer: &Answer) -> bool {
        let Some((_, request)) = self.asking.take_if(|(asked, _)| *asked == id) else {
            return false;
        };
        let page = |names: &mut Names| match answer {
            Answer::Names { names: page, more } => {
                names.names.extend(page.iter().cloned());
                names.whole = !more || page.is_empty();
            }
            Answer::Absent => names.whole = true,
            other => names.failed = Some(super::request::answer(&request, other).1),
        };
        match &request {
            Request::StorageNamespaces { .. } => page(&mut self.namespaces),
            Request::StorageKeys { namespace, .. } => page(self.keys.entry(namespace.clone()).or_default()),
            Request::StorageGet { namespace, key } => {
                let value = match answer {
                    Answer::Json(json) => Value::Json(json.clone()),
                    Answer::Absent => Value::Absent,
                    other => Value::Failed(super::request::answer(&request, other).1),
                };
                self.values.insert((namespace.clone(), key.clone()), value);
            }
            _ => {}
        }
        true
    }

    /// Lays out the rows anew: those that pass the filter, and the namespaces that they are in.
    pub fn lay_out(&mut self, filter: &ListFilter) {
        let values = &self.values;
        let key_shows = |namespace: &str, key: &str| {
            let mut cells = vec![("namespace", Cell::Text(namespace)), ("key", Cell::Text(key))];
            if let Some(Value::Json(value)) = values.get(&(namespace.to_owned(), key.to_owned())) {
                cells.push(("value", Cell::Json(value)));
            }
            filter.passes(&cells)
        };
        let tail = |rows: &mut Vec<Row>, names: &Names, of: Option<String>| match &names.failed {
            Some(why) => rows.push(Row::Failed(of, why.clone())),
            None if !names.whole => rows.push(Row::More(of)),
            None if names.names.is_empty() => rows.push(Row::Empty(of)),
            None => {}
        };
        let mut rows = Vec::new();
        for namespace in &self.namespaces.names {
            let open = self.open.contains(namespace);
            let unread = Names::default();
            let keys = self.keys.get(namespace).unwrap_or(&unread);
            let itself = filter.passes(&[("namespace", Cell::Text(namespace))]);
            let mut shown = keys
                .names
                .iter()
                .filter(|key| key_shows(namespace, key))
                .peekable();
            if !itself && (!open || shown.peek().is_none()) {
                continue;
            }
            rows.push(Row::Namespace(namespace.clone(), open));
            if open {
                rows.extend(shown.map(|key| Row::Key(namespace.clone(), key.clone())));
                tail(&mut rows, keys, Some(namespace.clone()));
            }
        }
        tail(&mut rows, &self.namespaces, None);
        self.rows = rows;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(browser: &mut Browser, id: u32, selected: usize) -> Option<Request> {
        browser.lay_out(&ListFilter::default());
        let rows = browser.rows.clone();
        let request = browser.wanted(rows.get(selected), &rows)?;
        browser.asking = Some((id, request.clone()));
        Some(request)
    }

    fn names(names: &[&str]) -> Answer {
        Answer::Names {
            names: names.iter().map(|name| (*name).to_owned()).collect(),
            more: !names.is_empty(),
        }
    }

    #[test]
    fn pages_are_read_one_after_the_other_until_one_is_empty() {
        let mut browser = Browser::default();
        assert_eq!(
            ask(&mut browser, 1, 0),
            Some(Request::StorageNamespaces { after: String::new() })
        );
        assert_eq!(ask(&mut browser, 2, 0), None, "one at a time");
        assert!(!browser.answered(2, &names(&["x"])), "somebody else's answer");
        assert!(browser.answered(1, &names(&["a", "b"])));
        assert_eq!(
            ask(&mut browser, 3, 0),
            Some(Request::StorageNamespaces { after: "b".into() })
        );
        assert!(browser.answered(3, &names(&[])));
        assert_eq!(ask(&mut browser, 4, 0), None);
        assert_eq!(
            browser.rows,
            [
                Row::Namespace("a".into(), false),
                Row::Namespace("b".into(), false)
            ]
        );
        browser.toggle("b");
        assert_eq!(
            ask(&mut browser, 5, 0),
            Some(Request::StorageKeys {
                namespace: "b".into(),
                after: String::new()
            })
        );
        assert!(browser.answered(5, &names(&["k"])));
        // The value under the cursor comes before the next page.
        assert_eq!(
            ask(&mut browser, 6, 2),
            Some(Request::StorageGet {
                namespace: "b".into(),
                key: "k".into()
            })
        );
        assert!(browser.answered(6, &Answer::Json("5".into())));
        assert_eq!(
            ask(&mut browser, 7, 2),
            Some(Request::StorageKeys {
                namespace: "b".into(),
                after: "k".into()
            })
        );
        assert_eq!(browser.values[&("b".into(), "k".into())], Value::Json("5".into()));
    }

    #[test]
    fn a_failure_is_a_row_and_is_not_asked_again() {
        let mut browser = Browser::default();
        ask(&mut browser, 1, 0);
        assert!(browser.answered(1, &Answer::Failed("storage".into(), "closed".into())));
        assert_eq!(ask(&mut browser, 2, 0), None);
        assert_eq!(browser.rows, [Row::Failed(None, "storage: closed".into())]);
        browser.forget();
        assert!(ask(&mut browser, 3, 0).is_some());
    }

    #[test]
    fn the_filter_hides_names() {
        let mut browser = Browser {
            namespaces: Names {
                names: vec!["lamp".into(), "Clock".into()],
                whole: true,
                failed: None,
            },
            ..Browser::default()
        };
        browser.keys.insert(
            "lamp".into(),
            Names {
                names: vec!["on".into(), "clock".into()],
                whole: true,
                failed: None,
            },
        );
        browser.open = vec!["lamp".into()];
        browser.lay_out(&ListFilter::new("clo", COLUMNS).unwrap());
        assert_eq!(
            browser.rows,
            [
                Row::Namespace("lamp".into(), true),
                Row::Key("lamp".into(), "clock".into()),
                Row::Namespace("Clock".into(), false)
            ]
        );
    }
}
