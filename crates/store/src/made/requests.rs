//! Contact attempts as messages.

use delivery::consent::Claims;
use delivery::contacts::ContactKind;
use delivery::synthetic::{Claimed, request};
use mail::message::HeaderSection;
use mail::time::Timestamp;

use super::{Fact, Request};
use crate::backend::Tx;
use crate::{Account, Result, contacts};

const NOTICE: &str = "notice:";
const LEGACY: &str = "legacy:";
const OBSERVED: &str = "observed:";

/// One for each row of the contact list, in the order of their latest messages.
pub(super) fn facts(tx: &mut dyn Tx, account: &Account, now: Timestamp) -> Result<Vec<Fact>> {
    let mut rows = contacts::ranked(tx, account.id, now)?;
    rows.sort_by_key(|(row, _contact)| (row.last, row.key()));
    let facts = rows.into_iter().map(|(row, contact)| {
        let claimed = match account.claims {
            Claims::Shown => contact.claimed,
            Claims::Hidden => Claimed::default(),
        };
        let octets = request::message(&account.address, &row, &claimed);
        let prefix = match row.kind {
            ContactKind::Notice => NOTICE,
            ContactKind::Legacy => LEGACY,
            ContactKind::Observed => OBSERVED,
        };
        let subject = HeaderSection::read(&octets).subject().unwrap_or_default();
        // With the address as it was written: it is what a decision is about.
        Fact { name: format!("{prefix}{}", row.sender), subject, at: row.last, octets }
    });
    Ok(facts.collect())
}

/// The contact attempt of this name.
pub(super) fn request(name: &str, uid: u32) -> Option<Request> {
    let kinds = [(NOTICE, ContactKind::Notice), (LEGACY, ContactKind::Legacy), (OBSERVED, ContactKind::Observed)];
    let (sender, kind) = kinds.into_iter().find_map(|(prefix, kind)| Some((name.strip_prefix(prefix)?, kind)))?;
    Some(Request { uid, sender: sender.parse().ok()?, kind })
}
