//! Who takes part in the network of a seed, and what they write.

use delivery::consent::{Legacy, Screening};

use super::book::{Author, Book, Habit, Letter, Person, Place, Recipient};
use super::list::LIST_ID;
use crate::chance::Chance;
use crate::tap::mark;
use crate::{Post, Sim};

/// The domains of servers with the extension; a network has the first few.
pub(crate) const DOMAINS: [&str; 6] = ["a.test", "b.test", "c.test", "d.test", "e.test", "f.test"];

/// The domain whose server has no extension.
pub(crate) const ELSEWHERE: &str = "legacy.test";

/// The domain whose server misbehaves.
pub(crate) const HOSTILE: &str = "hostile.test";

/// Most networks are small: what can go wrong between many goes wrong between few.
const SIZES: [usize; 10] = [2, 2, 2, 2, 3, 3, 3, 4, 5, 6];

/// The people of a network; and a server for each of its domains.
pub(crate) fn people(sim: &mut Sim, chance: &mut Chance) -> Vec<Person> {
    let size = chance.pick(&SIZES).copied().unwrap_or(2);
    let mut people = vec![];
    for (server, domain) in DOMAINS.iter().take(size).enumerate() {
        for number in 0..=chance.index(3) {
            let address = format!("p{number}@{domain}");
            let user = sim.person(&address);
            let screening =
                *chance.pick(&[Screening::Off, Screening::Observe, Screening::On, Screening::On, Screening::On]).unwrap_or(&Screening::On);
            let legacy = *chance.pick(&[Legacy::Deliver, Legacy::Keep, Legacy::Refuse]).unwrap_or(&Legacy::Keep);
            let habit = *chance.pick(&[Habit::AtOnce, Habit::AtOnce, Habit::Daily, Habit::Never]).unwrap_or(&Habit::Never);
            user.choose(screening, legacy);
            people.push(Person { user, address, server, screening, legacy, habit });
        }
    }
    people
}

/// Somebody writes to one, or to a whole list of people.
pub(crate) fn submission(chance: &mut Chance, book: &Book, author: usize, number: usize, is_to_all: bool) -> Option<(Letter, Post)> {
    let person = book.people.get(author)?;
    let mut recipients: Vec<Recipient> = vec![];
    let count = if is_to_all { book.people.len() } else { 1 + chance.index(2) * chance.index(3) };
    for step in 0..count {
        let recipient = match chance.below(14) {
            _ if is_to_all => mailbox(book, step),
            0 => Some(of(format!("q{}@{ELSEWHERE}", chance.below(4)), Place::Elsewhere)),
            1 => Some(of(format!("nobody@{ELSEWHERE}"), Place::Nowhere)),
            2 => Some(of(format!("h{}@{HOSTILE}", chance.below(3)), Place::Hostile)),
            3 => {
                let domain = book.people.get(chance.index(book.people.len())).and_then(|person| DOMAINS.get(person.server));
                domain.map(|domain| of(format!("nobody@{domain}"), Place::Nowhere))
            }
            _ => mailbox(book, chance.index(book.people.len())),
        };
        recipients.extend(recipient.filter(|new| recipients.iter().all(|known| known.address != new.address)));
    }
    Some(write(chance, Author::Person(author), person.address.clone(), recipients, person.server, number))
}

/// A server without the extension pushes a message, of somebody there or of whomever it claims.
pub(crate) fn push(chance: &mut Chance, book: &Book, number: usize) -> Option<(Letter, Post)> {
    let to = chance.index(book.people.len());
    let server = book.people.get(to)?.server;
    let from = match chance.below(5) {
        0 => book.people.get(chance.index(book.people.len()))?.address.clone(),
        _ => format!("q{}@{ELSEWHERE}", chance.below(4)),
    };
    Some(write(chance, Author::Elsewhere, from, mailbox(book, to).into_iter().collect(), server, number))
}

fn mailbox(book: &Book, person: usize) -> Option<Recipient> {
    book.people.get(person).map(|found| of(found.address.clone(), Place::Mailbox(person)))
}

const fn of(address: String, place: Place) -> Recipient {
    Recipient { address, place, taken: 0, is_refused: false }
}

fn write(chance: &mut Chance, author: Author, from: String, recipients: Vec<Recipient>, server: usize, number: usize) -> (Letter, Post) {
    let to: Vec<_> = recipients.iter().map(|recipient| recipient.address.as_str()).collect();
    let subject = format!("m{number}");
    // Whoever writes to everybody is a list, now and then; so says, now and then, somebody who is none.
    let is_to_list = chance.once_in(if recipients.len() > 3 { 2 } else { 12 });
    let list = if is_to_list { format!("List-Id: <{LIST_ID}>\r\n") } else { String::new() };
    let header = format!(
        "From: <{from}>\r\nTo: {}\r\nSubject: {subject}\r\n{list}Date: Sat, 21 Nov 2026 09:30:00 +0000\r\nMessage-ID: <{subject}@net.test>\r\n\r\n",
        to.join(", ")
    );
    let mark = format!("{}\r\n", mark(u64::try_from(number).unwrap_or(u64::MAX)));
    let content = [header.as_bytes(), mark.as_bytes(), &body(chance), mark.as_bytes()].concat();
    let is_submitted = author != Author::Elsewhere;
    let parameters = if is_submitted { format!(" BODY=8BITMIME ENVID={subject}") } else { " BODY=8BITMIME".to_owned() };
    let wish = if is_submitted { " NOTIFY=SUCCESS,FAILURE,DELAY" } else { "" };
    let post = Post {
        reverse_path: from.clone(),
        parameters,
        recipients: recipients.iter().map(|recipient| (recipient.address.clone(), wish.to_owned())).collect(),
        content: content.clone(),
    };
    let (begun, answered, withdrawals) = Default::default();
    (Letter { subject, author, from, recipients, content, server, begun, answered, maybe: 0, withdrawals, attempts: 0, is_to_list }, post)
}

fn body(chance: &mut Chance) -> Vec<u8> {
    match chance.below(14) {
        0 => vec![],
        1 => b".\r\n..\r\n.dots\r\n\r\n.\r\n".to_vec(),
        2 => [&[0x80, 0xff, 0xfe, 0xe4][..], b"\r\n\xa0 8-bit\r\n"].concat(),
        // Beyond what fits in a row, and beyond what is served at once.
        3 => format!("{}\r\n", "x".repeat(70)).repeat(500 + chance.index(500)).into_bytes(),
        4 if chance.once_in(3) => format!("{}\r\n", "y".repeat(70)).repeat(4_000).into_bytes(),
        _ => "An ordinary line of ordinary mail.\r\n".repeat(1 + chance.index(20)).into_bytes(),
    }
}
