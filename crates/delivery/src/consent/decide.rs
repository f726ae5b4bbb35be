//! The one decision: does this recipient let this message in, show it, or neither?

use mail::address::{Domain, Mailbox};
use mail::id::EntryId;
use mail::time::Timestamp;
use serde::{Deserialize, Serialize};

use super::entry::is_public_suffix;
use super::{Entry, EntryList, Screening, Who};
use crate::arrival::Verdict;
use crate::mutant::Mutant;

/// All that the decision about one message for one recipient depends on.
#[derive(Debug, Clone)]
pub struct Question<'a> {
    /// The responsible address.
    pub sender: &'a Mailbox,
    /// The List-Id, where the notice or message names one.
    pub list_id: Option<&'a str>,
    /// The REF, where the notice carries one.
    pub reference: Option<&'a str>,
    /// The recipient, as the notice names it (plus-tag and all).
    pub recipient: &'a Mailbox,
    /// Every entry of the recipient that could match: those of [`keys_for`](super::keys_for), in any order, or more.
    pub entries: &'a [Entry],
    /// The recipient's screening mode.
    pub screening: Screening,
    /// The time.
    pub now: Timestamp,
}

/// The decision, and the rule that made it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// Let in, show, or neither.
    pub verdict: Verdict,
    /// Which step of the order decided, and by which entry.
    pub reason: Reason,
}

/// Which step of the order decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// `postmaster@` and `abuse@` are never screened.
    RoleAddress,
    /// A block entry for the address.
    AddressBlocked(EntryId),
    /// An allow entry for the address.
    AddressAllowed(EntryId),
    /// The recipient's address was given to this site only.
    Site(EntryId),
    /// The recipient's address was given to another site: whoever has it, got it there.
    SiteOfAnother(EntryId),
    /// An allow entry for the list.
    ListAllowed(EntryId),
    /// A block entry for the list.
    ListBlocked(EntryId),
    /// A block entry for the domain.
    DomainBlocked(EntryId),
    /// An allow entry for the domain.
    DomainAllowed(EntryId),
    /// An expected entry.
    Expected(EntryId),
    /// The owner wrote there.
    RepliedTo(EntryId),
    /// Nobody decided: the mode did.
    Mode(Screening),
}

/// Decides about one message: the first step of section 5 that speaks of it.
pub fn decide(question: &Question<'_>) -> Decision {
    if Mutant::EverybodyLetIn.is_in() {
        return retrieve(Reason::RoleAddress);
    }
    let step = by_role(question)
        .or_else(|| by_address(question))
        .or_else(|| by_site(question))
        .or_else(|| by_list(question))
        .or_else(|| by_domain(question))
        .or_else(|| by_expectation(question))
        .or_else(|| by_correspondence(question));
    step.unwrap_or_else(|| by_mode(question.screening))
}

impl Decision {
    /// The entry whose count or binding changes if the message is stored.
    pub fn counted(&self) -> Option<EntryId> {
        match self.reason {
            Reason::Expected(id) | Reason::Site(id) | Reason::ListAllowed(id) => Some(id),
            Reason::RoleAddress
            | Reason::AddressBlocked(_)
            | Reason::AddressAllowed(_)
            | Reason::SiteOfAnother(_)
            | Reason::ListBlocked(_)
            | Reason::DomainBlocked(_)
            | Reason::DomainAllowed(_)
            | Reason::RepliedTo(_)
            | Reason::Mode(_) => None,
        }
    }
}

/// RFC 5321 section 4.5.1 and RFC 2142: whoever has trouble must be able to say so.
fn by_role(question: &Question<'_>) -> Option<Decision> {
    is_role(question.recipient).then(|| retrieve(Reason::RoleAddress))
}

/// Whether this is `postmaster@` or `abuse@`.
pub(crate) fn is_role(recipient: &Mailbox) -> bool {
    let mailbox = recipient.without_tag();
    let local = mailbox.as_ref().unwrap_or(recipient).local();
    ["postmaster", "abuse"].iter().any(|role| local.eq_ignore_ascii_case(role))
}

fn by_address(question: &Question<'_>) -> Option<Decision> {
    let speaks = |entry: &Entry| matches!(&entry.who, Who::Address(address) if address == question.sender);
    let blocked = question.first(EntryList::Block, speaks).map(|entry| dropped(Reason::AddressBlocked(entry.id)));
    blocked.or_else(|| question.first(EntryList::Allow, speaks).map(|entry| retrieve(Reason::AddressAllowed(entry.id))))
}

fn by_site(question: &Question<'_>) -> Option<Decision> {
    let speaks = |entry: &Entry| matches!(&entry.who, Who::Address(address) if address == question.recipient);
    let entry = question.first(EntryList::Site, speaks)?;
    let bound_to_another = entry.list_domain.as_ref().is_some_and(|domain| domain != question.sender.domain());
    // Shown rather than dropped: a shop may have changed its domain, and the recipient sees who has the address.
    Some(if bound_to_another { listed(Reason::SiteOfAnother(entry.id)) } else { retrieve(Reason::Site(entry.id)) })
}

fn by_list(question: &Question<'_>) -> Option<Decision> {
    let list = super::entry::list_id(question.list_id?);
    let speaks = |entry: &Entry| matches!(&entry.who, Who::List(id) if *id == list);
    if let Some(entry) = question.first(EntryList::Block, speaks) {
        return Some(dropped(Reason::ListBlocked(entry.id)));
    }
    let is_of = |entry: &Entry| speaks(entry) && is_lists_domain(entry, &list, question.sender.domain());
    question.first(EntryList::Allow, is_of).map(|entry| retrieve(Reason::ListAllowed(entry.id)))
}

/// Whether a list's mail may come from this domain. A List-Id is a claim that anybody can make: what counts is
/// the pair. Until the entry is bound, the List-Id's own namespace (RFC 2919 section 3) says whose list it is.
fn is_lists_domain(entry: &Entry, list: &str, sender: &Domain) -> bool {
    use super::entry::registered;
    entry.list_domain.as_ref().map_or_else(
        || list.contains('.') && !is_public_suffix(sender) && registered(list) == registered(sender.as_str()),
        |domain| domain == sender,
    )
}

fn by_domain(question: &Question<'_>) -> Option<Decision> {
    let blocked = question.first(EntryList::Block, |entry| speaks_of_domain(&entry.who, question.sender.domain()));
    if let Some(entry) = blocked {
        return Some(dropped(Reason::DomainBlocked(entry.id)));
    }
    let lets_in = |entry: &Entry| lets_domain_in(&entry.who, question.sender.domain());
    question.first(EntryList::Allow, lets_in).map(|entry| retrieve(Reason::DomainAllowed(entry.id)))
}

fn by_expectation(question: &Question<'_>) -> Option<Decision> {
    let speaks = |entry: &Entry| {
        let named = entry.reference.as_deref().is_none_or(|reference| question.reference == Some(reference));
        named && (entry.who == Who::Address(question.sender.clone()) || lets_domain_in(&entry.who, question.sender.domain()))
    };
    question.first(EntryList::Expected, speaks).map(|entry| retrieve(Reason::Expected(entry.id)))
}

fn by_correspondence(question: &Question<'_>) -> Option<Decision> {
    let speaks = |entry: &Entry| matches!(&entry.who, Who::Address(address) if address == question.sender);
    question.first(EntryList::RepliedTo, speaks).map(|entry| retrieve(Reason::RepliedTo(entry.id)))
}

fn by_mode(screening: Screening) -> Decision {
    match screening {
        Screening::Off | Screening::Observe => retrieve(Reason::Mode(screening)),
        Screening::On => listed(Reason::Mode(screening)),
    }
}

fn speaks_of_domain(who: &Who, sender: &Domain) -> bool {
    match who {
        Who::Domain(domain) => sender == domain,
        Who::DomainTree(domain) => sender.is_within(domain),
        Who::Address(_) | Who::List(_) => false,
    }
}

/// An entry made before its domain became a public suffix lets nobody in any more.
fn lets_domain_in(who: &Who, sender: &Domain) -> bool {
    match who {
        Who::Domain(domain) | Who::DomainTree(domain) => speaks_of_domain(who, sender) && !is_public_suffix(domain),
        Who::Address(_) | Who::List(_) => false,
    }
}

fn retrieve(reason: Reason) -> Decision {
    Decision { verdict: Verdict::Retrieve, reason }
}

fn listed(reason: Reason) -> Decision {
    Decision { verdict: Verdict::List, reason }
}

fn dropped(reason: Reason) -> Decision {
    Decision { verdict: Verdict::Drop, reason }
}

impl<'a> Question<'a> {
    /// The oldest live entry of a list that speaks of the message: which one it is must not depend on the query.
    fn first(&self, list: EntryList, speaks: impl Fn(&Entry) -> bool) -> Option<&'a Entry> {
        let live = self.entries.iter().filter(|entry| entry.list == list && entry.is_live(self.now) && speaks(entry));
        live.min_by_key(|entry| entry.id)
    }
}

#[cfg(test)]
mod tests;
