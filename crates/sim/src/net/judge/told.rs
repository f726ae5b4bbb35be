//! Every word to an author is true: of the mailbox it is about, of the peer it was passed on to, of what was asked for.

use std::collections::BTreeMap;
use std::time::Duration;

use delivery::consent::{EntryList, Legacy};
use delivery::report::SentStatus;
use mail::time::Timestamp;

use super::{Evidence, wires};
use crate::net::book::{Author, Letter, Place, Recipient};
use crate::net::cast::{ELSEWHERE, HOSTILE};
use crate::net::life::{Life, NOTICE_GIVE_UP};
use crate::network::Host;
use crate::parcels::is_behind_traces;
use crate::plain::Taken;

/// Clocks may have been wrong by so much when something expired.
pub(super) const SLACK: Duration = Duration::from_secs(130);

pub(super) fn check(life: &Life, evidence: &mut Evidence, is_the_end: bool) {
    let judge = Judge { life, is_the_end, confirmed: wires::confirmed(life), elsewhere: life.plain.taken_since(0) };
    for (number, letter) in life.book.letters.iter().enumerate() {
        for recipient in &letter.recipients {
            match letter.author {
                Author::Person(_) => judge.submitted(evidence, number, letter, recipient),
                Author::Elsewhere => judge.pushed(evidence, number, letter, recipient),
            }
        }
    }
    judge.nothing_else(evidence);
}

struct Judge<'a> {
    life: &'a Life,
    is_the_end: bool,
    /// When who said of which id that the message lies in the mailbox.
    confirmed: BTreeMap<String, Vec<(Host, Timestamp)>>,
    elsewhere: Vec<Taken>,
}

impl Judge<'_> {
    fn submitted(&self, evidence: &mut Evidence, number: usize, letter: &Letter, recipient: &Recipient) {
        let book = &self.life.book;
        let statuses = evidence.statuses(number, &recipient.address);
        let what = format!("m{number} from {} to {}", letter.from, recipient.address);
        let least = if book.surely_holds(letter.server, letter.begun, letter.answered) { recipient.taken } else { 0 };
        let most = recipient.taken + letter.maybe;
        let known = u32::try_from(statuses.len()).unwrap_or(u32::MAX);
        if known < least || known > most {
            evidence.note(number, format!("{what}: answered 250 {least} times (perhaps {most}), and its server knows {statuses:?}"));
        }
        self.taken_back(evidence, number, letter, &statuses, &what);
        match recipient.place {
            Place::Mailbox(person) => self.to_mailbox(evidence, (number, person), letter, &statuses, &what),
            Place::Elsewhere => self.relayed(evidence, number, letter, recipient, &statuses),
            Place::Nowhere => {
                let wrong = statuses.iter().find(|status| !self.is_fine_for_nobody(**status, letter));
                if let Some(status) = wrong {
                    evidence.note(number, format!("{what}: nobody has that address, and it is {status:?}"));
                }
            }
            Place::Hostile => {
                let open = statuses.iter().find(|status| self.is_the_end && matches!(status, SentStatus::Kept | SentStatus::Noticed));
                if let Some(status) = open {
                    evidence.note(number, format!("{what}: {status:?}, and time is over"));
                }
            }
        }
    }

    fn taken_back(&self, evidence: &mut Evidence, number: usize, letter: &Letter, statuses: &[SentStatus], what: &str) {
        // `false` says that it was too late for one of several.
        let may_be = letter.withdrawals.iter().any(|outcome| *outcome != Ok(false) || letter.recipients.len() > 1 || letter.maybe > 0);
        let is = letter.withdrawals.contains(&Ok(true)) && !self.life.book.may_be_forgotten(letter) && letter.maybe == 0;
        for status in statuses {
            if (*status == SentStatus::Withdrawn && !may_be) || (*status != SentStatus::Withdrawn && is) {
                evidence.note(number, format!("{what}: {status:?}, and asked to take it back it said {:?}", letter.withdrawals));
            }
        }
    }

    /// The peer without the extension may not have been reached at all, if DNS said so or a backup knew no better.
    fn is_fine_for_nobody(&self, status: SentStatus, letter: &Letter) -> bool {
        match status {
            SentStatus::Failed | SentStatus::Withdrawn => true,
            SentStatus::Kept | SentStatus::Noticed => !self.is_the_end && self.life.book.may_be_forgotten(letter),
            SentStatus::Expired => self.life.book.may_be_forgotten(letter),
            SentStatus::Delivered | SentStatus::HandedOver | SentStatus::Relayed => false,
        }
    }

    fn to_mailbox(&self, evidence: &mut Evidence, (number, person): (usize, usize), letter: &Letter, statuses: &[SentStatus], what: &str) {
        let book = &self.life.book;
        let Some(owner) = book.people.get(person) else { return };
        let copies = evidence.copies.get(&(number, person)).map_or(&[][..], Vec::as_slice);
        let spoilt = copies.iter().filter(|mail| !is_behind_traces(&mail.octets, &letter.content)).count();
        let copies = copies.len();
        if spoilt > 0 {
            evidence.note(number, format!("{what}: {spoilt} copies are not to the octet"));
        }
        let count = |wanted: SentStatus| statuses.iter().filter(|status| **status == wanted).count();
        let delivered = count(SentStatus::Delivered);
        let may_be_missing = book.may_be_missing(letter, owner.server);
        let least = if may_be_missing { self.surely_stored(evidence, number, person) } else { delivered };
        // A server that has forgotten that it had kept a message may have had it delivered.
        let forgotten = if book.may_be_forgotten(letter) {
            letter
                .recipients
                .iter()
                .filter(|known| known.place == Place::Mailbox(person))
                .map(|known| known.taken + letter.maybe)
                .max()
                .unwrap_or(0)
        } else {
            0
        };
        let most = delivered + count(SentStatus::HandedOver);
        let most = most.max(usize::try_from(forgotten).unwrap_or(usize::MAX));
        if copies < least || copies > most {
            evidence.note(number, format!("{what}: {statuses:?}, and lies there {copies} times"));
        }
        let now = self.life.sim.now();
        let ever = book.standing_of(letter, person, letter.begun, now);
        if copies > 0 && !ever.is_in {
            evidence.note(number, format!("{what}: it lies there, and its author was never let in"));
        }
        let is_in = book.standing_of(letter, person, self.life.calm_since, now).surely_in();
        let age = now.since(letter.begun);
        for status in statuses {
            let wrong = match status {
                SentStatus::Kept => Some("nobody has heard of it, and nothing is in its way"),
                SentStatus::Noticed if self.is_the_end => Some("it should have expired"),
                // What a restore took away, the origin says again only after a while.
                SentStatus::Noticed if is_in && !may_be_missing => Some("it waits, and its author is let in"),
                SentStatus::Relayed => Some("it was relayed to a server with the extension"),
                SentStatus::Failed if !self.was_lied_to(letter, &owner.address) && age < NOTICE_GIVE_UP => {
                    Some("it failed, and nothing was wrong with it")
                }
                SentStatus::Expired if age + SLACK < self.life.retention() => Some("it expired too soon"),
                SentStatus::HandedOver if age + SLACK < self.life.retention() => Some("it is called handed over too soon"),
                _ => None,
            };
            if let Some(wrong) = wrong {
                evidence.note(number, format!("{what}: {wrong} ({statuses:?})"));
            }
        }
    }

    /// Copies that must lie there although the server was put back: it had said that it has them, before the backup or since.
    fn surely_stored(&self, evidence: &Evidence, number: usize, person: usize) -> usize {
        let book = &self.life.book;
        let Some(owner) = book.people.get(person) else { return 0 };
        let own = self.life.host_of(owner.server);
        let is_held = |(host, at): &(Host, Timestamp)| Some(*host) == own && book.surely_holds(owner.server, *at, *at);
        let ids = evidence.ids(number, &owner.address);
        ids.iter().filter(|id| self.confirmed.get(id.as_str()).is_some_and(|said| said.iter().any(is_held))).count()
    }

    /// Whether what became of a letter may come from what DNS said of either side's domain.
    fn was_lied_to(&self, letter: &Letter, recipient: &str) -> bool {
        let was_lied_of = |address| self.life.book.was_lied_of(address, letter.begun, SLACK);
        was_lied_of(letter.from.as_str()) || was_lied_of(recipient)
    }

    fn relayed(&self, evidence: &mut Evidence, number: usize, letter: &Letter, recipient: &Recipient, statuses: &[SentStatus]) {
        let what = format!("m{number} to {}", recipient.address);
        let there: Vec<_> = self.elsewhere.iter().filter(|taken| taken.recipients.contains(&recipient.address)).collect();
        let there: Vec<_> = there.into_iter().filter(|taken| is_subject(&taken.content, &letter.subject)).collect();
        if there.iter().any(|taken| !is_behind_traces(&taken.content, &letter.content)) {
            evidence.note(number, format!("{what}: it is not to the octet at the other server"));
        }
        let known = there.iter().filter(|taken| taken.is_known).count();
        let relayed = statuses.iter().filter(|status| **status == SentStatus::Relayed).count();
        if relayed > there.len() {
            evidence.note(number, format!("{what}: {statuses:?}, and it is there {} times", there.len()));
        }
        let is_forgotten = self.life.book.may_be_forgotten(letter);
        for status in statuses {
            let wrong = match status {
                SentStatus::Withdrawn | SentStatus::Failed if known > relayed && !is_forgotten && letter.maybe == 0 => {
                    Some("the other server said that it had it")
                }
                SentStatus::Relayed | SentStatus::Withdrawn => None,
                SentStatus::Failed | SentStatus::Expired if is_forgotten => None,
                SentStatus::Kept if is_forgotten && !self.is_the_end => None,
                SentStatus::Failed => Some("it failed, and nothing was wrong with it"),
                _ => Some("it is not relayed, and nothing is in its way"),
            };
            if let Some(wrong) = wrong {
                evidence.note(number, format!("{what}: {wrong} ({statuses:?})"));
            }
        }
    }

    fn pushed(&self, evidence: &mut Evidence, number: usize, letter: &Letter, recipient: &Recipient) {
        let Place::Mailbox(person) = recipient.place else { return };
        let book = &self.life.book;
        let Some(owner) = book.people.get(person) else { return };
        let what = format!("m{number}, pushed from {} to {}", letter.from, recipient.address);
        let copies = evidence.copies.get(&(number, person)).map_or(&[][..], Vec::as_slice);
        let spoilt = copies.iter().filter(|mail| !is_behind_traces(&mail.octets, &letter.content)).count();
        let copies = u32::try_from(copies.len()).unwrap_or(u32::MAX);
        if spoilt > 0 {
            evidence.note(number, format!("{what}: {spoilt} copies are not to the octet"));
        }
        let now = self.life.sim.now();
        let standing = book.standing(person, &letter.from, letter.begun, letter.answered);
        let is_of_blocked_list = letter.is_to_list && book.list_entries.get(&person) == Some(&EntryList::Block);
        let may_be_blocked = standing.is_blocked || is_of_blocked_list;
        let may_be_released = book.may_have_released(person, &letter.from, letter.begun, now);
        // Where a notice waits under the same name, it alone is meant.
        let is_meant = letter.from.ends_with(ELSEWHERE) && book.has_released(person, &letter.from, letter.answered);
        let is_released = is_meant && book.is_surely_there(letter, person, now);
        let (least, most) = match owner.legacy {
            Legacy::Refuse => (0, 0),
            Legacy::Keep if !may_be_released => (0, 0),
            Legacy::Keep => (if is_released { recipient.taken } else { 0 }, recipient.taken + letter.maybe),
            Legacy::Deliver => (if may_be_blocked { 0 } else { recipient.taken }, recipient.taken + letter.maybe),
        };
        let least = if book.surely_holds(owner.server, letter.begun, letter.answered) { least } else { 0 };
        if copies < least || copies > most {
            evidence.note(number, format!("{what}: {:?}, lies there {copies} times, not {least} to {most}", owner.legacy));
        }
        if owner.legacy == Legacy::Refuse && recipient.taken > 0 {
            evidence.note(number, format!("{what}: its recipient refuses, and it was taken"));
        }
    }

    /// What lies in mailboxes and is nobody's of ours is from the peer that misbehaves, as it said, and was let in.
    fn nothing_else(&self, evidence: &mut Evidence) {
        let offers = self.life.hostile.offers();
        let mut seen = std::collections::BTreeSet::new();
        let mut wrong = vec![];
        for (person, mail) in &evidence.others {
            let owner = self.life.book.people.get(*person).map_or("?", |owner| owner.address.as_str());
            let number = mail.subject.strip_prefix('h').and_then(|number| number.parse::<usize>().ok());
            let Some(offer) = number.and_then(|number| offers.get(number)).filter(|offer| offer.to == owner) else {
                wrong.push(format!("{:?} in the mailbox of {owner} is nobody's", mail.subject));
                continue;
            };
            if !seen.insert(offer.id.clone()) {
                wrong.push(format!("{:?} lies twice in the mailbox of {owner}", mail.subject));
            }
            if !is_behind_traces(&mail.octets, &offer.content)
                || !offer.content.starts_with(format!("From: <{}>\r\nTo", offer.from).as_bytes())
            {
                wrong.push(format!("{:?} in the mailbox of {owner} is not from {} of {HOSTILE}", mail.subject, offer.from));
            }
            let begun = crate::sim::start();
            if !self.life.book.standing(*person, &offer.from, begun, self.life.sim.now()).is_in {
                wrong.push(format!("{:?} lies in the mailbox of {owner}, and {} was never let in", mail.subject, offer.from));
            }
        }
        for (letter, person) in evidence.copies.keys() {
            let is_to = |found: &Letter| found.recipients.iter().any(|recipient| recipient.place == Place::Mailbox(*person));
            if !self.life.book.letters.get(*letter).is_some_and(is_to) {
                wrong.push(format!("m{letter} lies in mailbox {person}, to whom it was not written"));
            }
        }
        for taken in &self.elsewhere {
            let is_ours = self.life.book.letters.iter().any(|letter| is_subject(&taken.content, &letter.subject));
            if !is_ours {
                wrong.push(format!("the other server has what nobody wrote: {:?}", String::from_utf8_lossy(&taken.content)));
            }
        }
        evidence.note_all(wrong);
    }
}

fn is_subject(content: &[u8], subject: &str) -> bool {
    String::from_utf8_lossy(content).lines().any(|line| line.strip_prefix("Subject: ") == Some(subject))
}
