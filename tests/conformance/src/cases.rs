//! The cases, a file for each theme.

mod consent;
mod consent_order;
mod consent_terms;
mod contact_caps;
mod destination;
mod hostile_origin;
mod notice;
mod origin;
mod pushed;
mod records;
mod retrieval;
mod session;
mod smtp_content;
mod smtp_order;
mod smtp_paths;
mod smuggling;
mod submission;
mod syntax;
mod two_way_only;

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
        consent_order::CASES,
        consent_terms::CASES,
        contact_caps::CASES,
        submission::CASES,
        pushed::CASES,
        records::CASES,
        two_way_only::CASES,
        smtp_order::CASES,
        smtp_paths::CASES,
        smtp_content::CASES,
        smuggling::CASES,
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
            let of_a_text = case.section.starts_with(|first: char| first.is_ascii_digit()) || case.section.starts_with("RFC ");
            assert!(of_a_text, "{}", case.id);
            assert!(case.title.len() > 20 && case.title.is_ascii(), "{}", case.id);
        }
        assert!(ids.len() >= 280, "{}", ids.len());
        assert!(all().filter(|case| case.stance == Stance::Hostile).count() >= 15);
    }
    #[test]
    fn every_threat_is_mapped_to_cases_and_tests_that_exist() {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
        let text = std::fs::read_to_string(root.join("README.md")).unwrap();
        let (_, section) = text.split_once("## The threats").unwrap();
        let rows = section.lines().filter(|line| line.starts_with("| ")).skip(1).collect::<Vec<_>>();
        assert!(rows.len() >= 18, "{}", rows.len());
        for name in rows.iter().flat_map(|row| row.split('`').skip(1).step_by(2)) {
            let exists = match name {
                path if path.contains('/') => root.join("../..").join(path).exists(),
                prefix if prefix.ends_with('-') => all().any(|case| case.id.starts_with(prefix)),
                id => all().any(|case| case.id == id),
            };
            assert!(exists, "{name}");
        }
    }
}
