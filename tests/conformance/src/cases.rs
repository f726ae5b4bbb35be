//! The cases, a file for each theme.

mod consent;
mod destination;
mod hostile_origin;
mod notice;
mod origin;
mod retrieval;
mod session;
mod syntax;

use crate::case::Case;

/// Every case, in the order of the protocol.
pub(crate) fn all() -> impl Iterator<Item = &'static Case> {
    [
        session::CASES,
        notice::CASES,
        syntax::CASES,
        origin::CASES,
        retrieval::CASES,
        destination::CASES,
        hostile_origin::CASES,
        consent::CASES,
    ]
    .into_iter()
    .flatten()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::case::Stance;

    #[test]
    fn every_case_has_an_id_of_its_own_a_section_and_a_sentence() {
        let mut ids = BTreeSet::new();
        for case in all() {
            assert!(ids.insert(case.id), "{} is there twice", case.id);
            assert!(case.id.bytes().all(|octet| octet.is_ascii_lowercase() || octet.is_ascii_digit() || octet == b'-'), "{}", case.id);
            assert!(case.section.starts_with(['1', '2', '3', '4', '5', '6', '7']), "{}", case.id);
            assert!(case.title.len() > 20 && case.title.is_ascii(), "{}", case.id);
        }
        assert!(ids.len() >= 55, "{}", ids.len());
        assert!(all().filter(|case| case.stance == Stance::Hostile).count() >= 15);
    }
}
