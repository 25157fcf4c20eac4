//! The filter's text, taken apart.

use std::ops::Range;

use kernel_core::{Fault, NameFault, subject};

use super::FilterError;
use super::columns::Columns;
use super::field::{Operand, Operator};
use super::text::Needle;
use crate::facts::LostAt;

/// The column whose cells are JSON.
const JSON_COLUMN: &str = "value";

/// The most terms of a filter.
pub const MAX_TERMS: usize = 32;

/// A filter, taken apart.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// All must hold.
    pub terms: Vec<Term>,
    /// The jq expression, and where it begins in the text.
    pub jq: Option<(String, usize)>,
}

/// A term.
#[derive(Clone, Debug)]
pub struct Term {
    /// True when it must not hold.
    pub negated: bool,
    /// What it says.
    pub what: What,
}

/// What a term says.
#[derive(Clone, Debug)]
pub enum What {
    /// The topic matches this subject filter.
    Topic(String),
    /// The source contains this.
    Source(Needle),
    /// A plugin got it whose name contains this.
    Receiver(Needle),
    /// It is a gap made there, or anywhere.
    Lost(Option<LostAt>),
    /// The payload has such a field.
    Field {
        /// The names on the way to it; none for the payload itself.
        path: Vec<String>,
        /// How it is compared.
        operator: Operator,
        /// With what.
        operand: Operand,
    },
    /// This column of a list contains this.
    Column(&'static str, Needle),
    /// The topic or the payload contains this; or some text of a list's row.
    Text(Needle),
}

/// Takes a filter's text apart.
///
/// # Errors
///
/// The first fault, with its place.
pub fn parse(text: &str) -> Result<Filter, FilterError> {
    parse_all(text, None)
}

/// Takes the text of a list's filter apart, whose fields are these columns.
pub(super) fn parse_columns(text: &str, columns: Columns) -> Result<Vec<Term>, FilterError> {
    let filter = parse_all(text, Some(columns))?;
    match filter.jq {
        None => Ok(filter.terms),
        Some((_, at)) => {
            let bar = text.get(..at).and_then(|before| before.rfind('|')).unwrap_or(at);
            Err(fault(
                bar..text.len(),
                "a jq expression works on events: see the Events screen".into(),
            ))
        }
    }
}

fn parse_all(text: &str, columns: Option<Columns>) -> Result<Filter, FilterError> {
    let mut parser = Parser { text, at: 0, columns };
    let mut filter = Filter::default();
    loop {
        parser.skip_white();
        match parser.peek() {
            None => return Ok(filter),
            Some('|') => {
                parser.at += 1;
                parser.skip_white();
                if parser.rest().is_empty() {
                    // Just typed: the expression is still to come.
                    return Ok(filter);
                }
                filter.jq = Some((parser.rest().trim_end().to_owned(), parser.at));
                return Ok(filter);
            }
            Some(_) if filter.terms.len() == MAX_TERMS => {
                return Err(fault(
                    parser.at..text.len(),
                    format!("more than {MAX_TERMS} terms: leave some out"),
                ));
            }
            Some(_) => filter.terms.push(parser.term()?),
        }
    }
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
    /// Those of the list; `None` for events.
    columns: Option<Columns>,
}

impl<'a> Parser<'a> {
    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or("")
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn skip_white(&mut self) {
        self.at = self.text.len() - self.rest().trim_start().len();
    }

    /// Passes over characters until `stop` says so; what they were.
    fn until(&mut self, stop: impl Fn(char) -> bool) -> &'a str {
        let rest = self.rest();
        let word = rest.find(stop).and_then(|end| rest.get(..end)).unwrap_or(rest);
        self.at += word.len();
        word
    }

    fn term(&mut self) -> Result<Term, FilterError> {
        let start = self.at;
        let mut negated = false;
        while self.peek() == Some('!') && !self.rest().starts_with("!=") {
            negated = !negated;
            self.at += 1;
        }
        let what = match self.peek() {
            None | Some('|') => None,
            Some(next) if next.is_whitespace() => None,
            Some('"') => Some(What::Text(Needle::new(&self.quoted()?))),
            Some(_) => Some(self.named()?),
        };
        let Some(what) = what else {
            return Err(fault(
                start..self.at,
                "`!` stands alone: put it directly before the term it turns around".into(),
            ));
        };
        if let Some(next) = self.peek().filter(|next| !next.is_whitespace() && *next != '|') {
            return Err(fault(
                self.at..self.at + next.len_utf8(),
                format!("`{next}` directly after a term: put white space between them"),
            ));
        }
        Ok(Term { negated, what })
    }

    fn named(&mut self) -> Result<What, FilterError> {
        let start = self.at;
        let mut name = String::new();
        loop {
            name.push_str(self.until(|char| {
                char.is_whitespace() || matches!(char, '"' | '|' | '=' | '!' | '<' | '>' | ':')
            }));
            if self.peek() == Some('!') && !self.rest().starts_with("!=") {
                name.push('!');
                self.at += 1;
            } else {
                break;
            }
        }
        if self.peek() == Some(':') {
            return self.keyed(&name, start);
        }
        let Some(operator) = self.operator() else {
            no_operator(&name, start..self.at)?;
            return Ok(What::Text(Needle::new(&name)));
        };
        let path = path(&name, start)?;
        if let Some(columns) = self.columns {
            let span = start..start + name.len();
            let (column, rest) = path
                .split_first()
                .map_or((".", &[][..]), |(column, rest)| (column.as_str(), rest));
            if !columns.contains(&column) {
                return Err(no_column(columns, column, span));
            }
            if !rest.is_empty() && column != JSON_COLUMN {
                return Err(fault(span, format!("`{column}` is no JSON: it has no `{name}`")));
            }
        }
        let value_at = self.at;
        let operand = match self.peek() {
            Some('"') => Operand::Text(self.quoted()?),
            _ => {
                let word = self.until(|char| char.is_whitespace() || matches!(char, '|' | '"'));
                if word.is_empty() {
                    return Err(fault(
                        start..value_at,
                        format!("no value after `{operator}`: give a number, a word or a \"text\""),
                    ));
                }
                Operand::word(word)
            }
        };
        if operator.orders() && !operand.has_order() {
            return Err(fault(
                value_at..self.at,
                format!(
                    "`{operator}` needs a number or a text, not `{}`",
                    &self.text[value_at..self.at]
                ),
            ));
        }
        Ok(What::Field {
            path,
            operator,
            operand,
        })
    }

    fn keyed(&mut self, key: &str, start: usize) -> Result<What, FilterError> {
        self.at += 1;
        let value_at = self.at;
        let value = match self.peek() {
            Some('"') => self.quoted()?,
            _ => self
                .until(|char| char.is_whitespace() || matches!(char, '|' | '"'))
                .to_owned(),
        };
        let span = value_at..self.at;
        let needle = || {
            if value.is_empty() {
                Err(fault(
                    start..value_at,
                    format!("nothing after `{key}:`: give a part of what is there"),
                ))
            } else {
                Ok(Needle::new(&value))
            }
        };
        if let Some(columns) = self.columns {
            return match columns.iter().find(|column| **column == key) {
                Some(column) => needle().map(|needle| What::Column(column, needle)),
                None => Err(match key {
                    "topic" | "src" | "recv" | "lost" => fault(
                        start..value_at,
                        format!("`{key}:` is of the events: here there are {}", columns.join(", ")),
                    ),
                    _ => no_column(columns, key, start..value_at),
                }),
            };
        }
        match key {
            "topic" => match subject::check_filter(&value) {
                Ok(()) => Ok(What::Topic(value)),
                Err(Fault::Name {
                    why: NameFault::Empty,
                    ..
                }) => Err(fault(
                    start..value_at,
                    "nothing after `topic:`: give a filter such as `device.>` or `device.*.state`".into(),
                )),
                Err(error) => Err(fault(span, format!("not a topic filter: {error}"))),
            },
            "src" => needle().map(What::Source),
            "recv" => needle().map(What::Receiver),
            "lost" => match value.as_str() {
                "bus" => Ok(What::Lost(Some(LostAt::Bus))),
                "link" => Ok(What::Lost(Some(LostAt::Link))),
                "any" => Ok(What::Lost(None)),
                _ => Err(fault(
                    start..self.at,
                    "write `lost:bus`, `lost:link` or `lost:any`".into(),
                )),
            },
            _ => Err(fault(
                start..value_at,
                format!(
                    "`{key}:` is not known: there are topic:, src:, recv: and lost:; put a text with a colon into quotes"
                ),
            )),
        }
    }

    fn operator(&mut self) -> Option<Operator> {
        const OPERATORS: [(&str, Operator); 7] = [
            ("==", Operator::Equal),
            ("!=", Operator::NotEqual),
            ("<=", Operator::AtMost),
            (">=", Operator::AtLeast),
            ("=", Operator::Equal),
            ("<", Operator::Less),
            (">", Operator::Greater),
        ];
        let rest = self.rest();
        let (text, operator) = OPERATORS.iter().find(|(text, _)| rest.starts_with(text))?;
        self.at += text.len();
        Some(*operator)
    }

    /// A text in quotes, with JSON's escapes.
    fn quoted(&mut self) -> Result<String, FilterError> {
        let start = self.at;
        let mut escaped = false;
        let end = self.rest().char_indices().skip(1).find(|(_, char)| {
            let ends = *char == '"' && !escaped;
            escaped = *char == '\\' && !escaped;
            ends
        });
        let Some((end, _)) = end else {
            self.at = self.text.len();
            return Err(fault(
                start..self.at,
                "the quote is not closed: put a `\"` at its end".into(),
            ));
        };
        self.at = start + end + 1;
        serde_json::from_str(&self.text[start..self.at]).map_err(|error| {
            fault(
                start..self.at,
                format!("not a text as JSON writes it ({error}): write `\\\\` for a backslash"),
            )
        })
    }
}

/// Refuses what other languages have and this one does not: it would be looked for as a text, and nothing found.
fn no_operator(word: &str, span: Range<usize>) -> Result<(), FilterError> {
    let reason = match word {
        "or" | "OR" => {
            format!("there is no `{word}`: all terms hold; put the word into quotes to look for it")
        }
        "and" | "AND" | "&&" => {
            format!("leave `{word}` out: all terms hold; or put it into quotes to look for it")
        }
        _ if word.len() > 2 && word.starts_with('/') && word.ends_with('/') => {
            "there are no regular expressions: put the text into quotes, or use jq's `test` on events"
                .to_owned()
        }
        _ => return Ok(()),
    };
    Err(fault(span, reason))
}

fn no_column(columns: Columns, name: &str, span: Range<usize>) -> FilterError {
    let columns = columns.join(", ");
    fault(
        span,
        format!("there is no column `{name}`: here there are {columns}"),
    )
}

/// The names on the way to a field; none for `.`, which is the payload itself.
///
/// # Errors
///
/// An empty name.
pub fn field_path(text: &str) -> Result<Vec<String>, FilterError> {
    path(text, 0)
}

/// Whether a text is a filter of topics.
///
/// # Errors
///
/// Why it is none.
pub fn topic_filter(text: &str) -> Result<(), FilterError> {
    subject::check_filter(text).map_err(|error| {
        fault(
            0..text.len(),
            format!(
                "`{text}` is no topic filter: {error}; write one such as `device.>` or `sensor.*.temperature`"
            ),
        )
    })
}

fn path(name: &str, start: usize) -> Result<Vec<String>, FilterError> {
    let span = start..start + name.len().max(1);
    if name == "." {
        return Ok(Vec::new());
    }
    if name.is_empty() {
        return Err(fault(
            span,
            "no field before the comparison: write `name=value`, or `.=value` for the payload itself".into(),
        ));
    }
    let names = name.strip_prefix('.').unwrap_or(name).split('.');
    let path: Vec<String> = names.map(str::to_owned).collect();
    if path.iter().any(String::is_empty) {
        return Err(fault(
            span,
            format!("`{name}` has an empty name between its dots"),
        ));
    }
    Ok(path)
}

fn fault(span: Range<usize>, reason: String) -> FilterError {
    FilterError { span, reason }
}
