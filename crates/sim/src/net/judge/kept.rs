//! What was pushed and kept aside is there until its recipient decides: it is shown, and comes out once, to the octet.

use std::collections::BTreeMap;
use std::time::Duration;

use delivery::consent::Legacy;

use super::{Evidence, Finding};
use crate::net::book::{Author, Book, Letter, Place};
use crate::net::life::Life;
use crate::net::trace;
use crate::parcels::is_behind_traces;

/// What comes out when a mailbox takes all does so page by page.
const MOMENT: Duration = Duration::from_secs(5);

/// Who waits with what was pushed is shown with all of it, and with no more.
pub(super) fn check(life: &Life, evidence: &mut Evidence) {
    let now = life.sim.now();
    let mut due: BTreeMap<(usize, &str), (u32, u32)> = BTreeMap::new();
    for (letter, person, taken) in pushed(&life.book) {
        let (least, most) = due.entry((person, &letter.from)).or_default();
        let may_be_released = life.book.may_have_released(person, &letter.from, letter.begun, now);
        if life.book.is_surely_there(letter, person, now) && !may_be_released {
            *least += taken;
        }
        *most += taken + letter.maybe;
    }
    let mut wrong = vec![];
    for ((person, from), (least, most)) in due {
        let Some(owner) = life.book.people.get(person) else { continue };
        let contacts = owner.user.contacts();
        let shown = contacts.iter().filter(|contact| contact.is_pushed && contact.sender.to_string() == from);
        let shown: u32 = shown.map(|contact| contact.count).sum();
        if shown < least || shown > most {
            wrong.push(format!("{shown} messages that {from} pushed are shown to {}, not {least} to {most}", owner.address));
        }
    }
    evidence.note_all(wrong);
}

/// Lets all out of what is kept aside, and looks at it.
pub(crate) fn open(life: &mut Life) -> Vec<Finding> {
    let keeps = |person: &&crate::net::book::Person| person.legacy == Legacy::Keep;
    for user in life.book.people.iter().filter(keeps).map(|person| person.user.clone()) {
        user.take_pushed(Legacy::Deliver);
    }
    life.sim.run_for(MOMENT);
    let now = life.sim.now();
    let mut findings = vec![];
    let mail: Vec<_> = life.book.people.iter().map(|person| person.user.mail()).collect();
    for (letter, person, taken) in pushed(&life.book) {
        let found = mail.get(person).into_iter().flatten().filter(|mail| mail.subject == letter.subject);
        let (whole, spoilt): (Vec<_>, Vec<_>) = found.partition(|mail| is_behind_traces(&mail.octets, &letter.content));
        let least = if life.book.is_surely_there(letter, person, now) { taken } else { 0 };
        let count = u32::try_from(whole.len()).unwrap_or(u32::MAX);
        if !spoilt.is_empty() || count < least || count > taken + letter.maybe {
            let what = format!("{} was kept aside, and comes out {count} times, not {least}; {} spoilt", letter.subject, spoilt.len());
            findings.push(Finding { what, trace: trace::of(&life.sim.journal(), Some(&letter.subject), &[]) });
        }
    }
    findings
}

/// What was pushed at mailboxes that keep such mail aside: the letter, whose mailbox, and how often it was answered 250.
fn pushed(book: &Book) -> impl Iterator<Item = (&Letter, usize, u32)> {
    let pushed = book.letters.iter().filter(|letter| letter.author == Author::Elsewhere);
    pushed.flat_map(move |letter| {
        letter.recipients.iter().filter_map(move |recipient| match recipient.place {
            Place::Mailbox(person) => {
                let owner = book.people.get(person).filter(|owner| owner.legacy == Legacy::Keep);
                owner.map(|_owner| (letter, person, recipient.taken))
            }
            Place::Elsewhere | Place::Hostile | Place::Nowhere => None,
        })
    })
}
