//! What must not be shown: keys, tokens, passwords.

use std::collections::BTreeSet;

/// In place of a secret.
const HIDDEN: &str = "[secret]";

/// How a key of an API begins.
const KEY: &str = "crk_";

/// Secret texts that were read.
#[derive(Debug, Default)]
pub(crate) struct Secrets(BTreeSet<String>);

impl Secrets {
    /// Takes a secret, to hide it wherever it is.
    pub(crate) fn add(&mut self, secret: &str) {
        // A shorter one would hide half of every line.
        if secret.len() >= 4 {
            self.0.insert(secret.to_owned());
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Takes what a configuration has under names such as `token` or `password`.
    pub(super) fn add_all(&mut self, table: &toml::Table) {
        for (name, value) in table {
            self.add_value(name, value);
        }
    }

    fn add_value(&mut self, name: &str, value: &toml::Value) {
        match value {
            toml::Value::Table(table) => self.add_all(table),
            toml::Value::Array(items) => items.iter().for_each(|item| self.add_value(name, item)),
            toml::Value::String(text) if is_secret(name) => self.add(text),
            toml::Value::Integer(_) | toml::Value::Float(_) if is_secret(name) => {
                self.add(&value.to_string())
            }
            _ => {}
        }
    }

    /// The text without them, without keys, and without what stands before the `@` of a URL.
    pub(crate) fn hide(&self, text: &str) -> String {
        let mut text = text.to_owned();
        // The longest first, of which another may be a part.
        let mut all: Vec<_> = self.0.iter().collect();
        all.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        for secret in all {
            text = text.replace(secret.as_str(), HIDDEN);
        }
        hide_keys(&hide_users(&text))
    }
}

/// Whether something of this name is secret.
pub(super) fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let words = ["token", "password", "passwd", "secret", "credential", "pin"];
    let mut parts = name.split(['_', '-', '.']);
    // The name of a file is none.
    let file = ["file", "path", "certificate"];
    !file.iter().any(|end| name.ends_with(end))
        && (parts.any(|part| words.contains(&part) || part == "apikey") || name.ends_with("api_key"))
}

/// Hides the user and password of URLs.
fn hide_users(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("://") {
        shown.push_str(before);
        shown.push_str("://");
        let end = after
            .find(|c: char| c.is_whitespace() || matches!(c, '/' | '"' | '\''))
            .unwrap_or(after.len());
        rest = match after[..end].rfind('@') {
            Some(at) => {
                shown.push_str(HIDDEN);
                &after[at..]
            }
            None => after,
        };
    }
    shown + rest
}

/// Hides keys of the API.
fn hide_keys(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(KEY) {
        shown.push_str(before);
        shown.push_str(HIDDEN);
        rest = after.trim_start_matches(|c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'));
    }
    shown + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_hidden_wherever_they_are() {
        let mut secrets = Secrets::default();
        secrets.add("sesame");
        secrets.add("sesame street");
        assert_eq!(secrets.hide("a sesame street, sesame."), "a [secret], [secret].");
        let text = "mqtt://ann:p@ss@10.0.0.1:1883/x and crk_ab-C_1, 'nats://h/b?c=f'";
        assert_eq!(
            Secrets::default().hide(text),
            "mqtt://[secret]@10.0.0.1:1883/x and [secret], 'nats://h/b?c=f'"
        );
    }

    #[test]
    fn what_a_configuration_calls_secret_is() {
        let table: toml::Table = "[runtime]\ntcp_token = \"open sesame\"\ntcp_key = \"tls/key.pem\"\n\
            [plugins.mqtt.settings]\nbrokers = [{ password = \"hunter22\", user = \"ann\" }]\npin = 12345\n\
            password_file = \"/etc/pw\""
            .parse()
            .unwrap();
        let mut secrets = Secrets::default();
        secrets.add_all(&table);
        assert_eq!(
            secrets.hide("open sesame hunter22 12345 ann tls/key.pem /etc/pw"),
            "[secret] [secret] [secret] ann tls/key.pem /etc/pw"
        );
    }
}
