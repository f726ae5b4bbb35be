//! The single way a message enters: content durable, a transfer for each recipient, one commit, and then the 250.

use std::collections::BTreeSet;

use delivery::consent::{Entry, EntryList, Who};
use delivery::mutant::Mutant;
use mail::address::{Mailbox, ReversePath};
use mail::envelope::{Body, Envelope, Recipient, ReportWish, Way};
use mail::id::MessageId;
use store::content::StoredContent;
use store::{Account, Alias, Keep, NewTransfer, StoreError};

use crate::events::Event;
use crate::listen::incoming::{Authorship, HeaderFacts};
use crate::node::Node;

/// A message somebody hands in, checked: the submitter may write as its From.
#[derive(Debug, Clone)]
pub struct Submission {
    /// The submitter's.
    pub account: Account,
    /// Names the message.
    pub message: MessageId,
    /// As given.
    pub envelope: Envelope,
    /// What the header section says.
    pub facts: HeaderFacts,
    /// Edited as submission must, trace field in front.
    pub content: StoredContent,
}

/// Keeps the message: after this it is ours to deliver, or to say why not.
///
/// # Errors
/// The store's; nothing was kept.
pub async fn submit(node: &Node, submission: Submission) -> Result<(), StoreError> {
    let Submission { account, message, envelope, facts, content } = submission;
    let wished = |recipient: Recipient| Recipient { report: wish(facts.origin, recipient.report), ..recipient };
    let transfer = |recipient| NewTransfer { id: node.new_notice_id(account.id), recipient: wished(recipient) };
    let transfers: Vec<_> = distinct(envelope.recipients).into_iter().map(transfer).collect();
    let told: Vec<_> = transfers
        .iter()
        .map(|transfer| Event::Kept {
            message,
            transfer: transfer.id.clone(),
            from: facts.from.clone(),
            to: transfer.recipient.mailbox.clone(),
            size_octets: content.size_octets,
        })
        .collect();
    let replied_to = replied_to(node, &account, &envelope.reverse_path, &facts, &transfers);
    let keep = Keep {
        account: account.id,
        message,
        kept: node.world.now(),
        from: facts.from,
        reverse_path: envelope.reverse_path,
        envelope_id: envelope.envelope_id,
        returns: envelope.returns,
        body: body_of(envelope.body),
        smtputf8: envelope.smtputf8,
        way: Way { twoway_only: envelope.way.twoway_only || facts.twoway_only, ..envelope.way },
        subject: facts.subject,
        kind: facts.kind,
        reference: facts.reference,
        list: facts.list,
        header: facts.header,
        content,
        transfers,
        replied_to,
        jitter: node.jitter(),
    };
    match node.store.keep(keep).await {
        Err(_) if Mutant::MessageTakenUnkept.is_in() => {}
        kept => drop(kept?),
    }
    for event in &told {
        node.events.tell(event);
    }
    node.due.raise();
    Ok(())
}

/// Each recipient once: a second RCPT for the same mailbox asks for nothing more.
fn distinct(recipients: Vec<Recipient>) -> Vec<Recipient> {
    let mut seen = BTreeSet::new();
    recipients.into_iter().filter(|recipient| seen.insert(recipient.mailbox.key())).collect()
}

/// Which reports are sent: never one about a report, whatever it asks for; and unasked, a program hears of failures
/// only (RFC 3461 section 4.1 leaves it to us), because nobody is there who would wait, or look after a delay.
const fn wish(origin: Authorship, asked: ReportWish) -> ReportWish {
    match (origin, asked) {
        (Authorship::Report, _) => ReportWish::Never,
        (Authorship::Program, ReportWish::Unsaid) => ReportWish::On { success: false, failure: true, delay: false },
        (Authorship::Person | Authorship::Program, asked) => asked,
    }
}

/// Writing to somebody lets them answer; a program's writing does not, nor does a report's.
fn replied_to(node: &Node, account: &Account, reverse_path: &ReversePath, facts: &HeaderFacts, transfers: &[NewTransfer]) -> Vec<Entry> {
    if facts.origin != Authorship::Person || *reverse_path == ReversePath::Null {
        return vec![];
    }
    let recipients = transfers.iter().map(|transfer| &transfer.recipient.mailbox);
    // To oneself, under whichever names: what is let in is what one writes as.
    recipients
        .map(|mailbox| if is_own(account, mailbox) { &facts.from } else { mailbox })
        .map(|mailbox| Entry {
            id: node.new_entry_id(),
            list: EntryList::RepliedTo,
            who: Who::Address(mailbox.clone()),
            until: None,
            remaining: None,
            reference: None,
            list_domain: None,
            made: node.world.now(),
            through: "submission".to_owned(),
            reason: "you wrote to them".to_owned(),
            proof: None,
        })
        .collect()
}

/// Whether mail for this address comes to the account itself, by a name of its own.
fn is_own(account: &Account, mailbox: &Mailbox) -> bool {
    let names = |wanted: &Mailbox| account.address == *wanted || account.aliases.contains(&Alias::Address(wanted.clone()));
    names(mailbox) || mailbox.without_tag().is_some_and(|untagged| names(&untagged))
}

/// What NOTICE says of the content. Unsaid is 7BIT on the wire; what came in by DATA may hold more, and RETRIEVE
/// carries any octets.
fn body_of(body: Body) -> Body {
    if body == Body::SevenBit { Body::EightBitMime } else { body }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_hear_of_failures_and_reports_of_nothing() {
        let success = ReportWish::On { success: true, failure: false, delay: false };
        let failure = ReportWish::On { success: false, failure: true, delay: false };
        for (origin, asked, sent) in [
            (Authorship::Person, ReportWish::Unsaid, ReportWish::Unsaid),
            (Authorship::Person, success, success),
            (Authorship::Program, ReportWish::Unsaid, failure),
            (Authorship::Program, success, success),
            (Authorship::Program, ReportWish::Never, ReportWish::Never),
            (Authorship::Report, ReportWish::Unsaid, ReportWish::Never),
            (Authorship::Report, success, ReportWish::Never),
        ] {
            assert_eq!(wish(origin, asked), sent, "{origin:?} {asked:?}");
        }
    }

    #[test]
    fn an_account_knows_its_own_names() {
        let mailbox = |text: &str| text.parse::<Mailbox>().unwrap();
        let account = Account {
            id: mail::id::AccountId::new(mail::time::Timestamp::EPOCH, [0; 10]),
            address: mailbox("ann@a.test"),
            aliases: vec![Alias::Address(mailbox("sales@a.test")), Alias::CatchAll("a.test".parse().unwrap())],
            screening: delivery::consent::Screening::On,
            legacy: delivery::consent::Legacy::Keep,
            claims: delivery::consent::Claims::Hidden,
            made: mail::time::Timestamp::EPOCH,
        };
        for own in ["ann@a.test", "Ann+x@a.test", "sales@a.test", "sales+y@a.test"] {
            assert!(is_own(&account, &mailbox(own)), "{own}");
        }
        for other in ["bob@a.test", "ann@b.test"] {
            assert!(!is_own(&account, &mailbox(other)), "{other}");
        }
    }
}
