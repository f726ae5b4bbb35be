//! Whom a message says it is from, read as widely as anybody might read it: for mail that nobody has vouched for.

use std::collections::BTreeSet;

use super::address_list::{self, Address, NamedMailbox};
use super::{HeaderSection, text};
use crate::address::{Domain, Mailbox};

/// What the From fields of a message claim.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Claim {
    /// The first mailbox they name: the one, if the message is as RFC 5322 wants it.
    pub mailbox: Option<Mailbox>,
    /// Every domain they speak in the name of.
    pub domains: BTreeSet<Domain>,
}

/// Reads every From field there is. One that can't be read claims every domain that stands in it behind an `@`.
pub(super) fn read(section: &HeaderSection<'_>) -> Claim {
    let mut claim = Claim::default();
    let is_odd = section.has_bare_cr();
    for field in section.named("From") {
        match address_list::read(field.value()) {
            Ok(list) if !is_odd => list.into_iter().flat_map(mailboxes).for_each(|named| claim.add(named.mailbox)),
            Ok(_) | Err(_) => claim.domains.extend(named_in(&text::unfold(field.value()))),
        }
    }
    claim
}

impl Claim {
    fn add(&mut self, mailbox: Mailbox) {
        self.domains.insert(mailbox.domain().clone());
        self.mailbox.get_or_insert(mailbox);
    }
}

fn mailboxes(address: Address) -> Vec<NamedMailbox> {
    match address {
        Address::Mailbox(one) => vec![one],
        Address::Group { members, .. } => members,
    }
}

/// What looks like a domain behind an `@`.
fn named_in(written: &str) -> impl Iterator<Item = Domain> {
    let ends = |character: char| character.is_whitespace() || "<>()[],;:\\\"".contains(character);
    written.split('@').skip(1).filter_map(move |tail| {
        let domain = tail.trim_start().split(ends).next().unwrap_or_default();
        domain.trim_end_matches('.').parse().ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_claim_is_every_domain_that_any_reader_could_see() {
        for (from, mailbox, domains) in [
            ("From: Alice <alice@a.test>\r\n", Some("alice@a.test"), "a.test"),
            ("From: \"boss@b.test\" <alice@a.test>\r\n", Some("alice@a.test"), "a.test"),
            ("From: alice@a.test, bob@b.test\r\n", Some("alice@a.test"), "a.test b.test"),
            ("From: alice@a.test\r\nFrom: bob@b.test\r\n", Some("alice@a.test"), "a.test b.test"),
            ("From: team: alice@a.test, bob@b.test;\r\n", Some("alice@a.test"), "a.test b.test"),
            ("From: alice@a.test bob@b.test\r\n", None, "a.test b.test"),
            ("From: Alice <alice@A.test.>\r\nFrom: bob@b.test\r\n", Some("bob@b.test"), "a.test b.test"),
            ("From: alice@a\rb.test\r\n", None, "a"),
            ("From: nobody\r\n", None, ""),
            ("Subject: Hi\r\n", None, ""),
        ] {
            let claim = HeaderSection::read(from.as_bytes()).claim();
            assert_eq!(claim.mailbox.map(|mailbox| mailbox.to_string()).as_deref(), mailbox, "{from}");
            assert_eq!(claim.domains.iter().map(Domain::as_str).collect::<Vec<_>>().join(" "), domains, "{from}");
        }
    }
}
