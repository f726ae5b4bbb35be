//! Our values in the words of the extension, and back.

use std::num::NonZeroU32;

use delivery::consent::{Claims, Entry, EntryList, Legacy, Screening};
use delivery::contacts::{Acquaintance, ContactKind, Proof};
use proto::imap::command::twoway::{self as wire, Detail};
use proto::imap::response::twoway as told;
use store::{Account, Contact};

use crate::acts::Modes;

/// A list.
pub(super) const fn list(list: wire::EntryList) -> EntryList {
    match list {
        wire::EntryList::Allow => EntryList::Allow,
        wire::EntryList::Block => EntryList::Block,
        wire::EntryList::Expected => EntryList::Expected,
        wire::EntryList::RepliedTo => EntryList::RepliedTo,
        wire::EntryList::Site => EntryList::Site,
    }
}

const fn list_told(list: EntryList) -> wire::EntryList {
    match list {
        EntryList::Allow => wire::EntryList::Allow,
        EntryList::Block => wire::EntryList::Block,
        EntryList::Expected => wire::EntryList::Expected,
        EntryList::RepliedTo => wire::EntryList::RepliedTo,
        EntryList::Site => wire::EntryList::Site,
    }
}

/// An entry that counts.
pub(super) fn entry(entry: Entry) -> wire::Entry {
    wire::Entry {
        list: list_told(entry.list),
        who: entry.who.to_string(),
        until: entry.until,
        count: entry.remaining.and_then(NonZeroU32::new),
        reference: entry.reference,
        reason: Some(entry.reason).filter(|reason| !reason.is_empty()),
    }
}

/// A row of the contact list. Claims are told to who wants to see them.
pub(super) fn contact(contact: Contact, claims: Claims, detail: Detail) -> told::Contact {
    let Contact { sender, count, first, last, size_octets, expires, proof, acquaintance, network, claimed, kind, .. } = contact;
    let evidence = || told::Evidence {
        proof: match proof {
            Proof::Nothing => told::Proof::Nothing,
            Proof::Ip => told::Proof::Address,
            Proof::Dmarc => told::Proof::Dmarc,
            Proof::Tls => told::Proof::Certificate,
            Proof::Assert => told::Proof::Assertion,
        },
        retrieved_before: acquaintance == Acquaintance::RetrievedFrom,
        network,
    };
    let is_shown = claims == Claims::Shown;
    told::Contact {
        kind: match kind {
            ContactKind::Notice => told::ContactKind::Notice,
            ContactKind::Legacy => told::ContactKind::Legacy,
            ContactKind::Observed => told::ContactKind::Observed,
        },
        sender: sender.to_string(),
        count,
        first,
        last,
        size_octets,
        expires,
        evidence: match detail {
            // What proved them was looked at when their mail came, and let go.
            Detail::Evidence if kind.waits() => Some(evidence()),
            Detail::Brief | Detail::Evidence => None,
        },
        claimed_name: claimed.name.filter(|_| is_shown),
        claimed_subject: claimed.subject.filter(|_| is_shown),
    }
}

/// The modes of an account, all of them.
pub(super) fn modes(account: &Account) -> wire::Modes {
    wire::Modes {
        screening: Some(match account.screening {
            Screening::Off => wire::Screening::Off,
            Screening::Observe => wire::Screening::Observe,
            Screening::On => wire::Screening::On,
        }),
        legacy: Some(match account.legacy {
            Legacy::Deliver => wire::Legacy::Deliver,
            Legacy::Keep => wire::Legacy::Keep,
            Legacy::Refuse => wire::Legacy::Refuse,
        }),
        claims: Some(match account.claims {
            Claims::Shown => wire::Claims::Shown,
            Claims::Hidden => wire::Claims::Hidden,
        }),
    }
}

/// The modes that a client names.
pub(super) fn modes_wanted(modes: wire::Modes) -> Modes {
    Modes {
        screening: modes.screening.map(|screening| match screening {
            wire::Screening::Off => Screening::Off,
            wire::Screening::Observe => Screening::Observe,
            wire::Screening::On => Screening::On,
        }),
        legacy: modes.legacy.map(|legacy| match legacy {
            wire::Legacy::Deliver => Legacy::Deliver,
            wire::Legacy::Keep => Legacy::Keep,
            wire::Legacy::Refuse => Legacy::Refuse,
        }),
        claims: modes.claims.map(|claims| match claims {
            wire::Claims::Shown => Claims::Shown,
            wire::Claims::Hidden => Claims::Hidden,
        }),
    }
}
