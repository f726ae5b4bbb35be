//! The reports in authors' mailboxes say what is so, each once.

use delivery::report::SentStatus;

use super::Evidence;
use crate::net::book::{Author, Book};
use crate::net::life::Life;

/// What a report says: on which letter, and the action for each recipient; nothing if it is none of ours.
pub(super) fn read(book: &Book, octets: &[u8]) -> Option<(usize, Vec<(String, String)>)> {
    let text = String::from_utf8_lossy(octets);
    let statuses = text.split("/delivery-status\r\n").nth(1).or_else(|| text.split("/global-delivery-status\r\n").nth(1))?;
    let statuses = statuses.split("\r\n--").next()?;
    let field = |name: &str, block: &str| {
        let line = block.lines().find(|line| line.to_ascii_lowercase().starts_with(name))?;
        Some(line.split_once(':')?.1.trim().to_owned())
    };
    let letter = book.letter_of(&field("original-envelope-id:", statuses)?)?;
    let mut actions = vec![];
    for block in statuses.split("\r\n\r\n") {
        if let (Some(recipient), Some(action)) = (field("final-recipient:", block), field("action:", block)) {
            let address = recipient.split_once(';').map_or(recipient.as_str(), |(_, address)| address.trim()).to_owned();
            actions.push((address, action));
        }
    }
    Some((letter, actions))
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
