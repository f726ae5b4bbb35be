//! A confirmation of somebody's sign-up says so, and which: `Ownership-Confirmation: v=1; ref=...`.
//!
//! Whoever signs up somewhere expects such a message. Their entry names the reference, or the sender alone; a site that was
//! given a reference gives it back.

use crate::id::NoticeId;
use crate::message::{HeaderSection, text};

/// The field.
pub const FIELD: &str = "Ownership-Confirmation";

/// Which expectation a message answers, if it says so once and in a version that we know. Tags that we do not know are passed over.
///
/// ```abnf
/// ownership-confirmation = "Ownership-Confirmation:" [FWS] "v=1" *( [FWS] ";" [FWS] tag ) [FWS] [";"] CRLF
/// tag                    = "ref=" id / 1*ALPHA "=" *( %d33-58 / %d60-126 )     ; one ref; others are passed over
/// ```
pub fn reference(section: &HeaderSection<'_>) -> Option<NoticeId> {
    let mut all = section.named(FIELD);
    let (Some(only), None) = (all.next(), all.next()) else { return None };
    let value = text::unfold(only.value());
    let mut tags = value.split(';').map(|tag| tag.split_once('=').map(|(name, value)| (name.trim(), value.trim())));
    // What a later version means by its tags is not ours to guess.
    let Some(("v" | "V", "1")) = tags.next().flatten() else { return None };
    let mut references = tags.flatten().filter(|(name, _value)| name.eq_ignore_ascii_case("ref")).map(|(_name, value)| value);
    match (references.next(), references.next()) {
        (Some(reference), None) => reference.parse().ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REFERENCE: &str = "Zm9yIHRoZSBzaG9wIG9ubHk";

    #[test]
    fn a_confirmation_names_what_it_answers_and_says_it_once() {
        for (field, named) in [
            (format!("Ownership-Confirmation: v=1; ref={REFERENCE}"), true),
            (format!("ownership-confirmation:v=1;\r\n\tnew=x; REF = {REFERENCE} ;"), true),
            (format!("Ownership-Confirmation: ref={REFERENCE}; v=1"), false),
            (format!("Ownership-Confirmation: v=2; ref={REFERENCE}"), false),
            (format!("Ownership-Confirmation: v=1; ref={REFERENCE}; ref={REFERENCE}"), false),
            (format!("Ownership-Confirmation: v=1; ref={REFERENCE}\r\nOwnership-Confirmation: v=1; ref={REFERENCE}"), false),
            ("Ownership-Confirmation: v=1; ref=too short".to_owned(), false),
            (format!("Ownership-Confirmation: x; v=1; ref={REFERENCE}"), false),
            ("Ownership-Confirmation: v=1; ref".to_owned(), false),
            ("Ownership-Confirmation: v=1; ref=".to_owned(), false),
            ("Ownership-Confirmation: v=1".to_owned(), false),
            ("Ownership-Confirmation:".to_owned(), false),
            ("Subject: x".to_owned(), false),
        ] {
            let header = format!("From: shop@b.test\r\n{field}\r\n\r\n");
            let found = reference(&HeaderSection::read(header.as_bytes()));
            assert_eq!(found.map(|id| id.to_string()), named.then(|| REFERENCE.to_owned()), "{field}");
        }
    }
}
