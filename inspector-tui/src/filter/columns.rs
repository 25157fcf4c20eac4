//! The same language on the rows of a list, whose fields are its columns.

use super::FilterError;
use super::field::field_holds;
use super::parse::{Term, What, parse_columns};

/// What a row has in a column.
#[derive(Clone, Copy, Debug)]
pub enum Cell<'a> {
    /// A text.
    Text(&'a str),
    /// A number.
    Number(u64),
    /// A JSON text: a path leads into it.
    Json(&'a str),
}

/// The columns of a list, by name.
pub type Columns = &'static [&'static str];

/// A filter of a list; the default one passes every row.
#[derive(Clone, Debug, Default)]
pub struct ListFilter {
    terms: Vec<Term>,
}

impl ListFilter {
    /// The filter in `text`, for a list with these columns.
    ///
    /// # Errors
    ///
    /// The first fault, with its place: what the events alone have, and a column that is none, among them.
    pub fn new(text: &str, columns: Columns) -> Result<Self, FilterError> {
        parse_columns(text, columns).map(|terms| ListFilter { terms })
    }

    /// True when a row with these cells passes. A column that it does not have passes nothing.
    pub fn passes(&self, cells: &[(&str, Cell<'_>)]) -> bool {
        self.terms.iter().all(|term| match &term.what {
            What::Text(needle) => {
                let found = cells.iter().any(|(_, cell)| match cell {
                    Cell::Text(text) | Cell::Json(text) => needle.is_in(text.as_bytes()),
                    Cell::Number(_) => false,
                });
                found != term.negated
            }
            What::Column(name, needle) => cells
                .iter()
                .find(|(column, _)| column == name)
                .is_some_and(|(_, cell)| needle.is_in(cell.text().as_bytes()) != term.negated),
            What::Field {
                path,
                operator,
                operand,
            } => {
                let cell = path.split_first().and_then(|(name, rest)| {
                    let cell = cells.iter().find(|(column, _)| column == name)?.1;
                    Some((cell, rest))
                });
                cell.is_some_and(|(cell, rest)| {
                    field_holds(&cell.json(), rest, *operator, operand) != term.negated
                })
            }
            What::Topic(_) | What::Source(_) | What::Receiver(_) | What::Lost(_) => false,
        })
    }
}

impl Cell<'_> {
    fn text(&self) -> String {
        match self {
            Cell::Text(text) | Cell::Json(text) => (*text).to_owned(),
            Cell::Number(number) => number.to_string(),
        }
    }

    fn json(&self) -> Vec<u8> {
        match self {
            Cell::Text(text) => serde_json::Value::from(*text).to_string().into_bytes(),
            Cell::Json(_) | Cell::Number(_) => self.text().into_bytes(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLUMNS: Columns = &["key", "owner", "value", "version"];

    fn passes(text: &str) -> bool {
        let cells = [
            ("key", Cell::Text("door.state")),
            ("owner", Cell::Text("Door")),
            ("value", Cell::Json(r#"{"open":true,"at":[36,"x"]}"#)),
            ("version", Cell::Number(12)),
        ];
        ListFilter::new(text, COLUMNS).unwrap().passes(&cells)
    }

    #[test]
    fn columns_are_fields() {
        for text in [
            "",
            "DOOR open",
            "owner:door",
            "owner=Door",
            "!owner=door",
            "version>=12 version<13",
            "version:2",
            "value.open=true",
            "value.at.0>35",
            "value.at.1=x value!=1",
            "key:\"door.st\" !owner:lamp",
            "\"36\"",
        ] {
            assert!(passes(text), "{text}");
        }
        for text in [
            "door closed",
            "owner:lamp",
            "owner=door",
            "version>12",
            "value.open=false",
            "value>35",
            "!key:door",
            "12",
        ] {
            assert!(!passes(text), "{text}");
        }
        let bare = ListFilter::new("value>35", COLUMNS).unwrap();
        assert!(bare.passes(&[("value", Cell::Json("35.5"))]));
        assert!(!bare.passes(&[("key", Cell::Text("36"))]), "it has no value");
    }

    #[test]
    fn what_a_list_does_not_have_is_refused_with_what_it_has() {
        for (text, at, reason) in [
            (
                "topic:a.>",
                0,
                "`topic:` is of the events: here there are key, owner, value, version",
            ),
            ("a src:x", 2, "`src:` is of the events"),
            ("lost:any", 0, "`lost:` is of the events"),
            (
                "valu>35",
                0,
                "there is no column `valu`: here there are key, owner, value, version",
            ),
            ("states:x", 0, "there is no column `states`"),
            ("owner.x=1", 0, "`owner` is no JSON: it has no `owner.x`"),
            (".=1", 0, "there is no column `.`"),
            ("door | .x", 5, "a jq expression works on events"),
            ("a or b", 2, "there is no `or`"),
            ("/ab+/", 0, "there are no regular expressions"),
            ("owner:", 0, "nothing after `owner:`"),
        ] {
            let error = ListFilter::new(text, COLUMNS).unwrap_err();
            assert!(
                error.span.start == at && error.reason.starts_with(reason),
                "{text}: {error:?}"
            );
        }
    }
}
