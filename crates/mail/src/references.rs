//! Message-IDs and what refers to them (RFC 5256 section 3: REFERENCES; RFC 5322 section 3.6.4).

use crate::message::{HeaderSection, text};

/// References of one message that are kept: the first, which began the thread, and the last ones.
const REFERENCES_MAX: usize = 100;

/// Octets of one Message-ID: what does not fit on a line is none.
const ID_OCTETS_MAX: usize = 998;

/// Octets of a field that are looked at: so many ids no program writes.
const FIELD_OCTETS_MAX: usize = 65_536;

/// The message's own id, without angle brackets; `None` if there is no valid one.
pub fn message_id(header: &HeaderSection<'_>) -> Option<String> {
    field(header, "Message-ID").into_iter().next()
}

/// The ids it refers to, the oldest first: those of References, or else the first of In-Reply-To.
pub fn references(header: &HeaderSection<'_>) -> Vec<String> {
    let mut ids = field(header, "References");
    if ids.is_empty() {
        ids = field(header, "In-Reply-To");
        ids.truncate(1);
    }
    if ids.len() > REFERENCES_MAX {
        ids.drain(1..=ids.len() - REFERENCES_MAX);
    }
    ids
}

fn field(header: &HeaderSection<'_>, name: &str) -> Vec<String> {
    header.named(name).next().map(|field| ids(&text::unfold(field.value()))).unwrap_or_default()
}

/// ```abnf
/// msg-id  = "<" id-left "@" id-right ">"
/// id-left = dot-atom-text / quoted-string          ; RFC 5256 section 2.1: compared without the quotes
/// ```
fn ids(value: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = value.get(..value.floor_char_boundary(FIELD_OCTETS_MAX)).unwrap_or(value);
    while let Some((_, behind)) = rest.split_once('<') {
        match id(behind) {
            Some((id, after)) => {
                found.push(id);
                rest = after;
            }
            None => rest = behind,
        }
    }
    found
}

/// Reads an id behind its `<`, and what follows its `>`.
fn id(text: &str) -> Option<(String, &str)> {
    let mut id = String::new();
    let mut in_quotes = false;
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match character {
            '"' => in_quotes = !in_quotes,
            '\\' if in_quotes => id.push(characters.next()?),
            '>' if !in_quotes => {
                let (left, right) = id.rsplit_once('@')?;
                let is_valid = !left.is_empty() && !right.is_empty();
                return is_valid.then_some(()).map(|()| (id, characters.as_str()));
            }
            '<' if !in_quotes => return None,
            space if space.is_whitespace() && !in_quotes => return None,
            control if control.is_control() => return None,
            other => id.push(other),
        }
        if id.len() > ID_OCTETS_MAX {
            return None;
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(header: &str) -> (Option<String>, Vec<String>) {
        let section = HeaderSection::read(header.as_bytes());
        (message_id(&section), references(&section))
    }

    #[test]
    fn ids_are_read_and_what_is_none_is_passed_over() {
        for (value, expected) in [
            ("<a@b>", vec!["a@b"]),
            ("<a@b> <c@d>", vec!["a@b", "c@d"]),
            ("<a@b><c@d>", vec!["a@b", "c@d"]),
            ("\"x\" <a@b> (comment) <c@d>", vec!["a@b", "c@d"]),
            ("<\"a\"@b>", vec!["a@b"]),
            ("<\"a\\\"b c>\"@b>", vec!["a\"b c>@b"]),
            ("a@b", vec![]),
            ("<a>", vec![]),
            ("<@b>", vec![]),
            ("<a@>", vec![]),
            ("<a b@c>", vec![]),
            ("<a@b", vec![]),
            ("<<a@b>>", vec!["a@b"]),
            ("<a@b@c>", vec!["a@b@c"]),
            ("Your message of Monday <a@b>", vec!["a@b"]),
            ("", vec![]),
        ] {
            assert_eq!(ids(value), expected, "{value}");
        }
    }

    #[test]
    fn in_reply_to_counts_where_there_are_no_references() {
        assert_eq!(read("Message-Id: <1@x>\r\nReferences: <2@x>\r\n <3@x>\r\nIn-Reply-To: <4@x>\r\n"), {
            (Some("1@x".to_owned()), vec!["2@x".to_owned(), "3@x".to_owned()])
        });
        assert_eq!(read("In-Reply-To: <4@x> <5@x>\r\nReferences: none\r\n"), (None, vec!["4@x".to_owned()]));
        assert_eq!(read("Subject: x\r\n"), (None, vec![]));
    }

    #[test]
    fn of_many_references_the_first_and_the_last_are_kept() {
        let many: String = (0..5000).map(|number| format!(" <{number}@x>\r\n")).collect::<Vec<_>>().concat();
        let (_, references) = read(&format!("References:{many}"));
        assert_eq!(references.len(), REFERENCES_MAX);
        assert_eq!((references[0].as_str(), references[1].as_str(), references[99].as_str()), ("0@x", "4901@x", "4999@x"));
        let half = "<".repeat(1_000_000);
        assert_eq!(ids(&half), Vec::<String>::new());
        assert_eq!(ids(&format!("<{}@x>", "a".repeat(2000))), Vec::<String>::new());
    }
}
