//! Namespaces and keys as the subjects of a bucket.
//!
//! A row is `$KV.<bucket>.<namespace>.<key>`, each name one token: ASCII letters, digits, `-` and `_` stand for
//! themselves, every other byte is `=` and two hexadecimal digits.

/// The subjects of one bucket.
#[derive(Debug, Clone)]
pub(crate) struct Subjects {
    prefix: String,
}

impl Subjects {
    pub(crate) fn new(bucket: &str) -> Self {
        Subjects {
            prefix: format!("$KV.{bucket}."),
        }
    }

    /// All of the bucket.
    pub(crate) fn all(&self) -> String {
        format!("{}>", self.prefix)
    }

    /// All rows.
    pub(crate) fn rows(&self) -> String {
        format!("{}*.*", self.prefix)
    }

    /// Who writes in the bucket. Like [`batch`](Self::batch) it has one token more than the prefix, and a row has two.
    pub(crate) fn owner(&self) -> String {
        format!("{}owner", self.prefix)
    }

    /// The batch that is being carried out.
    pub(crate) fn batch(&self) -> String {
        format!("{}batch", self.prefix)
    }

    pub(crate) fn row(&self, namespace: &str, key: &str) -> String {
        let mut subject = self.prefix.clone();
        push_encoded(&mut subject, namespace);
        subject.push('.');
        push_encoded(&mut subject, key);
        subject
    }

    /// Namespace and key of a row; `None` for a subject that is no row of ours.
    pub(crate) fn names(&self, subject: &str) -> Option<(String, String)> {
        let (namespace, key) = subject.strip_prefix(&self.prefix)?.split_once('.')?;
        Some((decoded(namespace)?, decoded(key)?))
    }
}

fn stays(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_'
}

fn push_encoded(to: &mut String, name: &str) {
    for byte in name.bytes() {
        match stays(byte) {
            true => to.push(byte.into()),
            false => to.push_str(&format!("={byte:02X}")),
        }
    }
}

fn decoded(token: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(token.len());
    let mut rest = token.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        rest = after;
        bytes.push(match first {
            b'=' => {
                let (digits, after) = rest.split_first_chunk::<2>()?;
                rest = after;
                u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?
            }
            byte if stays(byte) => byte,
            _ => return None,
        });
    }
    let name = String::from_utf8(bytes).ok()?;
    (!name.is_empty()).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_comes_back_and_is_one_token() {
        let subjects = Subjects::new("home");
        let names = [
            "a",
            "A.b",
            "=41",
            "ключ",
            "a b*>",
            "=",
            "..",
            "\u{1F321}",
            "_-9",
            "$KV.home.x",
        ];
        for namespace in names {
            for key in names {
                let subject = subjects.row(namespace, key);
                assert_eq!(subject.matches('.').count(), 3, "{subject}");
                assert!(
                    subject[4..]
                        .bytes()
                        .all(|byte| stays(byte) || byte == b'.' || byte == b'='),
                    "{subject}"
                );
                let found = subjects.names(&subject);
                assert_eq!(found, Some((namespace.to_owned(), key.to_owned())));
            }
        }
        assert_ne!(subjects.row("a", "=41"), subjects.row("a", "A"));
        assert_eq!(subjects.row("lights", "lamp_1"), "$KV.home.lights.lamp_1");
    }

    #[test]
    fn what_others_wrote_is_no_row() {
        let subjects = Subjects::new("home");
        for subject in [
            "$KV.home.owner",
            "$KV.home.batch",
            "$KV.other.a.b",
            "$KV.home.a.",
            "$KV.home..b",
            "$KV.home.a.b.c",
            "$KV.home.a.=4",
            "$KV.home.a.=ZZ",
            "$KV.home.a.=FF",
            "$KV.home.a.b/c",
        ] {
            assert_eq!(subjects.names(subject), None, "{subject}");
        }
    }
}
