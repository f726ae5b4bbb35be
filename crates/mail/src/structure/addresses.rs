//! Address lists as they are written, well or badly (RFC 5322 section 3.4, RFC 9051 section 7.5.2): nothing is decoded, and
//! nothing decides by them.

use super::field::unquote;

/// One element of an address list, as ENVELOPE tells of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EnvelopeAddress {
    /// A mailbox.
    Mailbox {
        /// The display name, or else the comment beside the address.
        name: Option<String>,
        /// The hosts by which it was to go, as RFC 822 had them: `@one,@two`.
        route: Option<String>,
        /// What stands before the `@`.
        local: String,
        /// What stands behind it; empty if there is none.
        domain: String,
    },
    /// The beginning of a group, and its name.
    GroupStart(String),
    /// Its end.
    GroupEnd,
}

/// What was read since the last comma.
#[derive(Default)]
struct Pending {
    words: Vec<String>,
    comment: Option<String>,
    angle: Option<String>,
}

/// Reads a list; every text is one.
pub(crate) fn read(value: &str) -> Vec<EnvelopeAddress> {
    let mut list = Vec::new();
    let mut pending = Pending::default();
    let mut in_group = false;
    let mut rest = value;
    while let Some(first) = rest.chars().next() {
        let behind = rest.strip_prefix(first).unwrap_or_default();
        rest = match first {
            '"' => {
                let (said, behind) = unquote(behind);
                pending.words.push(said);
                behind
            }
            '(' => {
                let (said, behind) = comment(behind);
                pending.comment = Some(said.to_owned());
                behind
            }
            '<' => {
                let (address, behind) = behind.split_once('>').unwrap_or((behind, ""));
                pending.angle = Some(without_comments(address));
                behind
            }
            ',' => {
                pending.end(&mut list);
                behind
            }
            ':' if !in_group => {
                list.push(EnvelopeAddress::GroupStart(std::mem::take(&mut pending).words.join(" ")));
                in_group = true;
                behind
            }
            ';' if in_group => {
                pending.end(&mut list);
                list.push(EnvelopeAddress::GroupEnd);
                in_group = false;
                behind
            }
            space if space.is_whitespace() => behind,
            _ => {
                let stops = |next: char| next.is_whitespace() || matches!(next, '"' | '(' | '<' | ',' | ':' | ';');
                // Of a `:` or `;` that begins nothing, one is a word.
                let length = behind.find(stops).unwrap_or(behind.len());
                let (tail, after) = behind.split_at_checked(length).unwrap_or((behind, ""));
                pending.words.push(format!("{first}{tail}"));
                after
            }
        };
    }
    pending.end(&mut list);
    if in_group {
        list.push(EnvelopeAddress::GroupEnd);
    }
    list
}

/// What a comment says, comments inside it included, and what follows it.
fn comment(text: &str) -> (&str, &str) {
    let mut depth = 1_usize;
    for (at, character) in text.char_indices() {
        match character {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            let (said, behind) = text.split_at_checked(at).unwrap_or((text, ""));
            return (said, behind.strip_prefix(')').unwrap_or(behind));
        }
    }
    (text, "")
}

/// What stands in angle brackets without its comments, and the white space beside them.
fn without_comments(address: &str) -> String {
    let mut plain = String::with_capacity(address.len());
    let mut rest = address;
    while let Some((before, behind)) = rest.split_once('(') {
        // In a quoted local part it is no comment.
        if before.contains('"') {
            break;
        }
        plain.push_str(before.trim_end());
        rest = comment(behind).1.trim_start();
    }
    plain.push_str(rest);
    plain
}

impl Pending {
    /// Ends an address, if there is one.
    fn end(&mut self, list: &mut Vec<EnvelopeAddress>) {
        let Self { words, comment, angle } = std::mem::take(self);
        let (name, address) = match angle {
            Some(address) => (words.join(" "), address),
            // White space around `@` and dots was allowed once.
            None => (String::new(), words.concat()),
        };
        if address.is_empty() && name.is_empty() {
            return;
        }
        let name = if name.is_empty() { comment } else { Some(name) };
        let address = address.trim();
        let (route, address) = match address.split_once(':').filter(|_| address.starts_with('@')) {
            Some((route, address)) => (Some(route.to_owned()), address),
            None => (None, address),
        };
        let (local, domain) = address.rsplit_once('@').unwrap_or((address, ""));
        let local = local.strip_prefix('"').map_or_else(|| local.to_owned(), |quoted| unquote(quoted).0);
        list.push(EnvelopeAddress::Mailbox { name, route, local, domain: domain.to_owned() });
    }
}
