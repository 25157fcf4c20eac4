//! The file of bindings: TOML, a table a context, a list of keys an action.

use std::fmt::Write as _;

use super::{ACTIONS, Chord, Context};

/// The keys of each row of the table, as the file has them or else as the table has them.
pub(super) fn read(text: &str) -> Result<Vec<Vec<Chord>>, String> {
    let file: toml::Table = text.parse().map_err(|error| format!("not TOML: {error}"))?;
    let mut keys: Vec<Vec<Chord>> = Vec::with_capacity(ACTIONS.len());
    for spec in ACTIONS {
        keys.push(
            spec.keys
                .iter()
                .map(|key| key.parse())
                .collect::<Result<_, String>>()?,
        );
    }
    for (name, table) in &file {
        let context = Context::ALL
            .into_iter()
            .find(|context| context.name() == name)
            .ok_or_else(|| {
                format!(
                    "[{name}] is no context: there are {}",
                    Context::ALL
                        .map(|context| format!("[{}]", context.name()))
                        .join(", ")
                )
            })?;
        let table = table
            .as_table()
            .ok_or_else(|| format!("{name}: a table of actions is expected, such as [{name}]"))?;
        for (action, bound) in table {
            let row = ACTIONS
                .iter()
                .position(|spec| spec.context == context && spec.name == action)
                .ok_or_else(|| {
                    let known: Vec<&str> = ACTIONS
                        .iter()
                        .filter(|spec| spec.context == context)
                        .map(|spec| spec.name)
                        .collect();
                    format!(
                        "[{name}] {action}: no such action: there are {}",
                        known.join(", ")
                    )
                })?;
            let bound = chords(bound).map_err(|error| format!("[{name}] {action}: {error}"))?;
            if let Some(slot) = keys.get_mut(row) {
                *slot = bound;
            }
        }
    }
    check(&keys)?;
    Ok(keys)
}

/// A key or a list of keys; an empty list leaves the action without one.
fn chords(value: &toml::Value) -> Result<Vec<Chord>, String> {
    let one = |value: &toml::Value| match value {
        toml::Value::String(text) => text.parse(),
        other => Err(format!(
            "{other} is no key: a text such as \"ctrl-x\" is expected"
        )),
    };
    match value {
        toml::Value::Array(list) => list.iter().map(one).collect(),
        other => Ok(vec![one(other)?]),
    }
}

/// Refuses a key that would mean two things at once, and a character as a key where text is typed.
fn check(keys: &[Vec<Chord>]) -> Result<(), String> {
    let rows = || ACTIONS.iter().zip(keys);
    for (at, (spec, chords)) in rows().enumerate() {
        for (nth, chord) in chords.iter().enumerate() {
            if spec.context.typed() && chord.types() {
                return Err(format!(
                    "[{}] {}: {chord:?} types a character here: take a key with ctrl- or alt-, or one with a name",
                    spec.context.name(),
                    spec.name,
                    chord = chord.to_string(),
                ));
            }
            let twice = chords.iter().skip(nth + 1).any(|other| other == chord);
            let other = rows()
                .skip(at + 1)
                .find(|(other, theirs)| other.context.meets(spec.context) && theirs.contains(chord))
                .map(|(other, _)| other);
            if let Some(other) = other.or(twice.then_some(spec)) {
                return Err(format!(
                    "{:?} is bound twice: to [{}] {} and to [{}] {}",
                    chord.to_string(),
                    spec.context.name(),
                    spec.name,
                    other.context.name(),
                    other.name
                ));
            }
        }
    }
    Ok(())
}

/// The table as a file, with what each action does.
pub fn print() -> String {
    let mut text = String::from(
        "# The keys of core-inspector. Keep what you change: what is not in the file stays as it is.\n\
         # An empty list leaves an action without a key; the command palette still has it.\n",
    );
    for context in Context::ALL {
        let rows = || ACTIONS.iter().filter(|spec| spec.context == context);
        let width = rows().map(|spec| spec.name.len()).max().unwrap_or(0);
        let list = |keys: &[&str]| {
            let keys: Vec<String> = keys.iter().map(|key| format!("{key:?}")).collect();
            format!("[{}]", keys.join(", "))
        };
        let lists = rows().map(|spec| list(spec.keys).len()).max().unwrap_or(0);
        let _ = writeln!(text, "\n[{}]", context.name());
        for spec in rows() {
            let _ = writeln!(
                text,
                "{:width$} = {:lists$}  # {}",
                spec.name,
                list(spec.keys),
                spec.help
            );
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::{Action, KeyMap};

    fn error(file: &str) -> String {
        KeyMap::read(file).unwrap_err()
    }

    #[test]
    fn the_table_is_valid_and_printed_as_a_file_that_reads_back() {
        let map = KeyMap::default();
        let again = KeyMap::read(&print()).unwrap();
        assert_eq!(map.keys, again.keys);
        for (at, spec) in ACTIONS.iter().enumerate() {
            let same = |other: &&super::super::Spec| other.context == spec.context && other.name == spec.name;
            assert_eq!(ACTIONS.iter().filter(same).count(), 1, "{at}: {}", spec.name);
        }
    }

    #[test]
    fn a_file_rebinds_and_leaves_the_rest() {
        let map = KeyMap::read("[global]\nquit = \"Q\"\n[list]\nmark = []").unwrap();
        let of = |text: &str| map.action(&[Context::Global, Context::List], text.parse().unwrap());
        assert_eq!(of("Q"), Some((Context::Global, Action::Quit)));
        assert_eq!(of("q"), None);
        assert_eq!(of("m"), None);
        assert_eq!(of("?"), Some((Context::Global, Action::Help)));
    }

    #[test]
    fn mistakes_are_named() {
        assert!(error("[globl]\nquit = \"q\"").contains("[globl] is no context"));
        assert!(error("[global]\nquitt = \"q\"").contains("[global] quitt: no such action"));
        assert!(error("[global]\nquit = \"qq\"").contains("\"qq\" is no key"));
        assert!(error("[global]\nquit = 5").contains("5 is no key"));
        assert!(error("global = 5").contains("a table of actions"));
        assert!(error("[global").contains("not TOML"));
        assert!(error("[form]\nsend = \"x\"").contains("types a character"));
    }

    #[test]
    fn a_key_means_one_thing_at_a_time() {
        let said = error("[global]\nquit = \"?\"");
        assert!(
            said.contains("\"?\" is bound twice") && said.contains("quit") && said.contains("help"),
            "{said}"
        );
        // The Events screen has the keys of the lists too; Plugins and Services are never shown at once.
        assert!(error("[events]\npause = \"j\"").contains("[list] down"));
        assert!(error("[global]\nquit = [\"x\", \"x\"]").contains("bound twice"));
        assert!(KeyMap::read("[plugins]\nstart = \"c\"").is_ok());
    }
}
