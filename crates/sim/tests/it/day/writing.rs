//! Who writes what to whom, drawn at random.

use delivery::consent::{Legacy, Screening};
use sim::Post;
use sim::chance::Chance;

use super::book::{Author, Book, Letter, Person, Place, Recipient};
use super::{DOMAINS, ELSEWHERE, PEOPLE_OF_DOMAIN};

const NOTIFY: [Option<&str>; 6] =
    [None, None, Some("NEVER"), Some("SUCCESS,FAILURE"), Some("FAILURE,DELAY"), Some("SUCCESS,FAILURE,DELAY")];

/// The people, every mode of both kinds in turn.
pub(crate) fn people() -> Vec<Person> {
    let screenings = [Screening::Off, Screening::Observe, Screening::On, Screening::On];
    let legacies = [Legacy::Deliver, Legacy::Keep, Legacy::Refuse];
    let numbers = DOMAINS.iter().flat_map(|domain| (0..PEOPLE_OF_DOMAIN).map(move |number| (domain, number)));
    numbers
        .map(|(domain, number)| Person {
            address: format!("p{number}@{domain}"),
            screening: screenings[number % 4],
            legacy: legacies[(number / 4) % 3],
        })
        .collect()
}

/// Somebody whom this person writes to: four in each domain, so that nobody has more strangers than a mailbox shows.
fn correspondent(chance: &mut Chance, author: usize) -> usize {
    let domain = chance.index(2) * PEOPLE_OF_DOMAIN;
    let step = [1, 7, 31, 50][chance.index(4)];
    domain + (author + step) % PEOPLE_OF_DOMAIN
}

/// One of those who write to this person.
fn who_writes_to(chance: &mut Chance, person: usize) -> usize {
    let domain = chance.index(2) * PEOPLE_OF_DOMAIN;
    let step = [1, 7, 31, 50][chance.index(4)];
    domain + (person + PEOPLE_OF_DOMAIN * 2 - step) % PEOPLE_OF_DOMAIN
}

/// Somebody about whom this person may decide.
pub(crate) fn stranger(chance: &mut Chance, book: &Book, person: usize) -> String {
    if chance.once_in(3) { elsewhere(chance, person) } else { book.people[who_writes_to(chance, person)].address.clone() }
}

/// Somebody elsewhere who writes to this person.
fn elsewhere(chance: &mut Chance, person: usize) -> String {
    format!("q{}@{ELSEWHERE}", (person + chance.index(3)) % PEOPLE_OF_DOMAIN)
}

fn mailbox(chance: &mut Chance, book: &Book, person: usize) -> Recipient {
    let address = &book.people[person].address;
    let (local, domain) = address.split_once('@').unwrap();
    let address = match chance.below(8) {
        0 => format!("alias.{local}@{domain}"),
        1 => format!("{local}+tag@{domain}"),
        _ => address.clone(),
    };
    recipient(chance, address, Place::Mailbox(person))
}

fn recipient(chance: &mut Chance, address: String, place: Place) -> Recipient {
    let notify = NOTIFY[chance.index(NOTIFY.len())];
    Recipient { address, place, notify, taken: 0, refused: false }
}

fn nobody(chance: &mut Chance, domain: &str) -> Recipient {
    let address = format!("nobody{}@{domain}", chance.below(5));
    // The second domain has somebody for all that nobody else has: its first person.
    let place = if domain == DOMAINS[1] { Place::Mailbox(PEOPLE_OF_DOMAIN) } else { Place::Nowhere };
    recipient(chance, address, place)
}

fn elsewhere_recipient(chance: &mut Chance) -> Recipient {
    match chance.below(8) {
        0 => recipient(chance, format!("nobody@{ELSEWHERE}"), Place::Nowhere),
        1 => recipient(chance, format!("bounce{}@{ELSEWHERE}", chance.clone().below(9)), Place::Elsewhere),
        _ => recipient(chance, format!("q{}@{ELSEWHERE}", chance.clone().below(50)), Place::Elsewhere),
    }
}

/// A message of somebody with an account.
pub(crate) fn submission(chance: &mut Chance, book: &Book, number: usize) -> (Letter, Post) {
    let author = chance.index(book.people.len());
    let own_domain = author / PEOPLE_OF_DOMAIN;
    let (kind, recipients) = match chance.below(20) {
        0..=6 => ("to one", vec![to_correspondent(chance, book, author)]),
        7 | 8 => (
            "an answer",
            vec![{
                let to = who_writes_to(chance, author);
                mailbox(chance, book, to)
            }],
        ),
        9..=11 => ("elsewhere", vec![elsewhere_recipient(chance)]),
        12..=15 => {
            let mut several: Vec<_> = (0..2 + chance.index(4)).map(|_| to_correspondent(chance, book, author)).collect();
            several.extend(chance.once_in(2).then(|| elsewhere_recipient(chance)));
            several.extend(chance.once_in(4).then(|| nobody(chance, DOMAINS[0])));
            ("to several", several)
        }
        16 => ("to oneself", vec![mailbox(chance, book, author)]),
        17 => ("to nobody", vec![nobody(chance, DOMAINS[1 - own_domain])]),
        _ => ("without reverse-path", vec![to_correspondent(chance, book, author)]),
    };
    let from = book.people[author].address.clone();
    let reverse_path = if kind == "without reverse-path" { String::new() } else { from.clone() };
    let server = DOMAINS[own_domain];
    write(chance, number, kind, Author::Person(author), from, reverse_path, recipients, server)
}

fn to_correspondent(chance: &mut Chance, book: &Book, author: usize) -> Recipient {
    let to = correspondent(chance, author);
    mailbox(chance, book, to)
}

/// A message that the other server pushes.
pub(crate) fn push(chance: &mut Chance, book: &Book, number: usize) -> (Letter, Post) {
    let domain = chance.index(2);
    let first = domain * PEOPLE_OF_DOMAIN + chance.index(PEOPLE_OF_DOMAIN);
    let from = elsewhere(chance, first);
    // Who writes to one of them writes to his neighbours, too.
    let count = if chance.once_in(4) { 3 } else { 1 };
    let mut recipients: Vec<_> = (0..count)
        .map(|step| {
            let number = from.trim_start_matches('q').split('@').next().unwrap().parse::<usize>().unwrap();
            let person = domain * PEOPLE_OF_DOMAIN + (number + PEOPLE_OF_DOMAIN - step) % PEOPLE_OF_DOMAIN;
            mailbox(chance, book, person)
        })
        .collect();
    recipients.extend(chance.once_in(10).then(|| nobody(chance, DOMAINS[domain])));
    let reverse_path = if chance.once_in(10) { String::new() } else { from.clone() };
    write(chance, number, "pushed", Author::Elsewhere, from, reverse_path, recipients, DOMAINS[domain])
}

#[allow(clippy::too_many_arguments)]
fn write(
    chance: &mut Chance,
    number: usize,
    kind: &'static str,
    author: Author,
    from: String,
    reverse_path: String,
    mut recipients: Vec<Recipient>,
    server: &'static str,
) -> (Letter, Post) {
    let mut seen = std::collections::BTreeSet::new();
    let place_key = |recipient: &Recipient| match recipient.place {
        Place::Mailbox(person) => format!("p{person}"),
        Place::Elsewhere | Place::Nowhere => recipient.address.clone(),
    };
    recipients.retain(|recipient| seen.insert(place_key(recipient)));
    let subject = format!("m{number} {kind}");
    let to: Vec<_> = recipients.iter().map(|recipient| recipient.address.as_str()).collect();
    let header = format!(
        "From: <{from}>\r\nTo: {}\r\nSubject: {subject}\r\nDate: Sat, 21 Nov 2026 09:30:00 +0000\r\nMessage-ID: <m{number}@book.test>\r\n\r\n",
        to.join(", ")
    );
    let content = [header.into_bytes(), body(chance)].concat();
    let is_submitted = author != Author::Elsewhere;
    let ret = ["", " RET=FULL", " RET=HDRS"][chance.index(3)];
    let parameters = if is_submitted { format!(" BODY=8BITMIME ENVID=m{number}{ret}") } else { " BODY=8BITMIME".to_owned() };
    let wishes =
        |recipient: &Recipient| recipient.notify.filter(|_| is_submitted).map(|notify| format!(" NOTIFY={notify}")).unwrap_or_default();
    let post = Post {
        reverse_path: reverse_path.clone(),
        parameters,
        recipients: recipients.iter().map(|recipient| (recipient.address.clone(), wishes(recipient))).collect(),
        content: content.clone(),
    };
    let (begun, answered) = Default::default();
    let letter = Letter {
        subject,
        kind,
        author,
        from,
        reverse_path,
        recipients,
        content,
        server,
        begun,
        answered,
        is_taken: false,
        maybe: 0,
        withdrawals: vec![],
        attempts: 0,
        bounce_of: None,
    };
    (letter, post)
}

fn body(chance: &mut Chance) -> Vec<u8> {
    match chance.below(12) {
        0 => vec![],
        1 => b".\r\n..\r\n.dots\r\n\r\n.\r\n".to_vec(),
        2 => "Gr\u{fc}\u{df}e \u{2013} \u{65e5}\u{672c}\r\n".repeat(20).into_bytes(),
        3 => [&[0x80, 0xff, 0xfe, 0xe4][..], b"\r\n\xa0 8-bit\r\n"].concat(),
        4 if chance.once_in(6) => format!("{}\r\n", "x".repeat(70)).repeat(500 + chance.index(3_000)).into_bytes(),
        _ => "An ordinary line of ordinary mail.\r\n".repeat(1 + chance.index(40)).into_bytes(),
    }
}

/// The report of the other server on a message that it took.
pub(crate) fn bounce(number: usize, original: usize, letter: &Letter, received: &[u8], recipient: Recipient) -> (Letter, Post) {
    let subject = format!("m{number} undelivered");
    let header = format!(
        "From: Mail Delivery System <mailer-daemon@{ELSEWHERE}>\r\nTo: {}\r\nSubject: {subject}\r\n\
         Date: Sat, 21 Nov 2026 09:30:00 +0000\r\nMessage-ID: <m{number}@book.test>\r\nMIME-Version: 1.0\r\n\
         Content-Type: multipart/report; report-type=delivery-status; boundary=b{number}\r\n\r\n--b{number}\r\n\r\nNo.\r\n\
         --b{number}\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.{ELSEWHERE}\r\n\r\n\
         Final-Recipient: rfc822; x@{ELSEWHERE}\r\nAction: failed\r\nStatus: 5.2.2\r\n\r\n\
         --b{number}\r\nContent-Type: message/rfc822\r\n\r\n",
        letter.from
    );
    let content = [header.as_bytes(), received, format!("\r\n--b{number}--\r\n").as_bytes()].concat();
    let post = Post {
        reverse_path: String::new(),
        parameters: " BODY=8BITMIME".to_owned(),
        recipients: vec![(recipient.address.clone(), String::new())],
        content: content.clone(),
    };
    let bounce = Letter {
        subject,
        kind: "bounce",
        author: Author::Elsewhere,
        from: format!("mailer-daemon@{ELSEWHERE}"),
        reverse_path: String::new(),
        recipients: vec![recipient],
        content,
        server: letter.server,
        begun: letter.answered,
        answered: letter.answered,
        is_taken: false,
        maybe: 0,
        withdrawals: vec![],
        attempts: 0,
        bounce_of: Some(original),
    };
    (bounce, post)
}
