//! The reports in authors' mailboxes say what is so, each once.

use delivery::report::SentStatus;

use super::Evidence;
use crate::net::book::{Author, Book};
use crate::net::life::Life;
use crate::parcels::report;

/// What a report says: on which letter, and the action for each recipient; nothing if it is none of ours.
pub(super) fn read(book: &Book, octets: &[u8]) -> Option<(usize, Vec<(String, String)>)> {
    let (envelope_id, actions) = report(octets)?;
    Some((book.letter_of(&envelope_id)?, actions))
}

/// A report lies in the author's mailbox exactly if the status says so. Both are changed in one transaction, so this
/// holds whatever happened, a restore included.
pub(super) fn check(life: &Life, evidence: &mut Evidence) {
    for (number, letter) in life.book.letters.iter().enumerate() {
        if letter.author == Author::Elsewhere {
            continue;
        }
        for recipient in &letter.recipients {
            let statuses = evidence.statuses(number, &recipient.address);
            let count = |wanted: &[SentStatus]| statuses.iter().filter(|status| wanted.contains(status)).count();
            let told = |action: &str| evidence.reports.get(&(number, recipient.address.clone(), action.to_owned())).copied().unwrap_or(0);
            let owed = [
                ("delivered", count(&[SentStatus::Delivered])..=count(&[SentStatus::Delivered])),
                ("failed", count(&[SentStatus::Failed, SentStatus::Expired])..=count(&[SentStatus::Failed, SentStatus::Expired])),
                // Handed over: reported when it is closed, and not while a confirmation may still come.
                ("relayed", count(&[SentStatus::Relayed])..=count(&[SentStatus::Relayed, SentStatus::HandedOver])),
                ("delayed", 0..=2 * statuses.len()),
            ];
            let wrong: Vec<_> = owed.iter().filter(|(action, range)| !range.contains(&told(action))).collect();
            let wrong: Vec<_> = wrong.iter().map(|(action, range)| format!("{} of {action:?}, owed {range:?}", told(action))).collect();
            if !wrong.is_empty() {
                evidence.note(number, format!("m{number} to {}: {statuses:?}, and reports: {}", recipient.address, wrong.join(", ")));
            }
        }
    }
    let is_known = |letter: usize, recipient: &str| {
        let letter = life.book.letters.get(letter);
        letter.is_some_and(|letter| letter.recipients.iter().any(|known| known.address == recipient))
    };
    let stray = evidence.reports.keys().filter(|(letter, recipient, _)| !is_known(*letter, recipient));
    let stray: Vec<_> = stray.map(|key| format!("a report that nobody is owed: {key:?}")).collect();
    evidence.note_all(stray);
}
