//! Collapsing, ranking, capping; and what a flood does.

use super::*;

const HOUR_MS: i64 = 3_600_000;

/// A message of this sender, at this hour, by notice from a new domain, proved by address only.
fn attempt(sender: &str, hour: i64) -> Attempt {
    Attempt {
        sender: sender.parse().unwrap(),
        kind: ContactKind::Notice,
        at: Timestamp::from_millis(hour * HOUR_MS),
        size_octets: 1_000,
        expires: Timestamp::from_millis((hour + 336) * HOUR_MS),
        proof: Proof::Ip,
        acquaintance: Acquaintance::New,
        network: None,
    }
}

fn from(mut attempt: Attempt, address: &str) -> Attempt {
    attempt.network = network_of(address.parse().unwrap());
    attempt
}

fn proved(mut attempt: Attempt, proof: Proof) -> Attempt {
    attempt.proof = proof;
    attempt
}

fn known(mut attempt: Attempt) -> Attempt {
    attempt.acquaintance = Acquaintance::RetrievedFrom;
    attempt
}

fn senders(rows: &[Contact]) -> Vec<String> {
    rank(rows).iter().map(|row| row.sender.to_string()).collect()
}

/// Takes attempts in one by one, as a mailbox does; domains new to this server.
fn taken_in(attempts: impl IntoIterator<Item = Attempt>) -> Vec<Contact> {
    let mut rows: Vec<Contact> = vec![];
    for attempt in attempts {
        if let Some(row) = rows.iter_mut().find(|row| row.key() == (attempt.sender.key(), attempt.kind)) {
            row.add(&attempt);
            continue;
        }
        let newcomer = Contact::of(attempt);
        match admit(&newcomer, &rows, DomainTally::default()) {
            Admission::Shown => rows.push(newcomer),
            Admission::Replaces(key) => {
                rows.retain(|row| row.key() != key);
                rows.push(newcomer);
            }
            Admission::NotShown(_) => {}
        }
    }
    rows
}

fn place(rows: &[Contact], contact: &Attempt) -> Option<usize> {
    rank(rows).iter().position(|row| row.sender == contact.sender)
}

/// One sender each from domains 0, 1, 2 ..., at hour 10, in turn from this many networks.
fn flood(domains: usize, networks: usize) -> impl Iterator<Item = Attempt> {
    (0..domains).map(move |n| {
        let network = n % networks;
        from(attempt(&format!("sale@spam{n}.test"), 10), &format!("198.{}.{}.7", 18 + network / 256, network % 256))
    })
}

#[test]
fn attempts_of_one_sender_are_one_row() {
    let second = proved(attempt("Alice@a.test", 5), Proof::Tls);
    let mut pushed = attempt("alice@a.test", 7);
    pushed.kind = ContactKind::Legacy;
    let rows = collapse([attempt("alice@a.test", 3), second, attempt("alice@a.test", 1), pushed, attempt("bob@a.test", 2)]);
    assert_eq!(rows.len(), 3);
    let alice = &rows[0];
    let hour = |hour: i64| Timestamp::from_millis(hour * HOUR_MS);
    assert_eq!((alice.count, alice.first, alice.last, alice.size_octets, alice.expires), (3, hour(1), hour(5), 3_000, Some(hour(341))));
    assert_eq!(alice.proof, Proof::Tls);
    assert_eq!((rows[1].kind, rows[1].count), (ContactKind::Legacy, 1));
}

#[test]
fn what_is_dear_to_forge_ranks_first_and_the_latest_among_equals() {
    let rows = collapse([
        attempt("late@a.test", 9),
        attempt("early@b.test", 1),
        proved(attempt("dmarc@c.test", 1), Proof::Dmarc),
        proved(attempt("key@d.test", 2), Proof::Assert),
        known(attempt("known@e.test", 1)),
        known(proved(attempt("forged@f.test", 9), Proof::Nothing)),
    ]);
    assert_eq!(senders(&rows), ["known@e.test", "key@d.test", "dmarc@c.test", "late@a.test", "early@b.test", "forged@f.test"]);
}

#[test]
fn domains_and_networks_take_turns() {
    let rows = collapse([
        from(attempt("1@a.test", 1), "192.0.2.1"),
        from(attempt("2@sub.a.test", 2), "198.51.100.1"),
        from(attempt("3@b.test", 3), "192.0.2.200"),
        from(attempt("4@c.test", 0), "203.0.113.9"),
    ]);
    assert_eq!(senders(&rows), ["1@a.test", "4@c.test", "3@b.test", "2@sub.a.test"]);
}

#[test]
fn a_domain_has_as_many_rows_as_its_size_allows() {
    let table = [(0, 10, 5), (40, 50, 15), (100_000, 250, 50)];
    for (correspondents, rows_max, new_rows_max) in table {
        let tally = DomainTally { correspondents, rows_begun: 0 };
        assert_eq!((tally.rows_max(), tally.new_rows_max()), (rows_max, new_rows_max), "{correspondents}");
    }
    let rows = |count: usize| collapse((0..count).map(|n| attempt(&format!("a{n}@s{n}.freemail.test"), 1)));
    let newcomer = Contact::of(attempt("new@freemail.test", 2));
    let tally = |correspondents, rows_begun| DomainTally { correspondents, rows_begun };
    assert_eq!(admit(&newcomer, &rows(9), tally(0, 4)), Admission::Shown);
    assert_eq!(admit(&newcomer, &rows(10), tally(0, 4)), Admission::NotShown(NoRoom::DomainRows));
    assert_eq!(admit(&newcomer, &rows(9), tally(0, 5)), Admission::NotShown(NoRoom::DomainNewRows));
    assert_eq!(admit(&newcomer, &rows(10), tally(40, 5)), Admission::Shown);
}

#[test]
fn a_full_list_gives_way_only_to_the_better() {
    let weak = |count: usize| (0..count).map(|n| from(attempt(&format!("w@w{n}.test"), 1), &format!("10.{}.{}.1", n / 256, n % 256)));
    let strong = |count: usize| weak(count).map(|attempt| proved(attempt, Proof::Assert));
    let key = |sender: &str| (sender.to_owned(), ContactKind::Notice);
    let new_weak = Contact::of(from(attempt("new@n.test", 2), "192.0.2.1"));
    let new_strong = Contact::of(proved(attempt("new@n.test", 2), Proof::Tls));
    let full_of_strong = collapse(strong(ROWS_MAX));
    assert_eq!(admit(&new_weak, &full_of_strong, DomainTally::default()), Admission::NotShown(NoRoom::Mailbox));
    assert_eq!(admit(&new_strong, &full_of_strong, DomainTally::default()), Admission::Replaces(key("w@w99.test")));
    let one_weak = collapse(strong(ROWS_MAX - 1).chain([attempt("only@weak.test", 9)]));
    assert_eq!(admit(&new_strong, &one_weak, DomainTally::default()), Admission::Replaces(key("only@weak.test")));
    assert_eq!(admit(&new_weak, &collapse(weak(ROWS_MAX)), DomainTally::default()), Admission::Replaces(key("w@w99.test")));
    assert_eq!(admit(&new_weak, &collapse(weak(ROWS_MAX - 1)), DomainTally::default()), Admission::Shown);
}

#[test]
fn in_a_flood_from_ten_thousand_domains_a_real_contact_stays_in_the_first_twenty() {
    let real = || from(attempt("carol@friend.test", 10), "192.0.2.25");
    let contacts = [
        ("from a domain we know", known(real())),
        ("with a key", proved(real(), Proof::Assert)),
        ("with nothing but another network", real()),
    ];
    for (story, contact) in contacts {
        let rows = collapse(flood(10_000, 19).chain([contact.clone()]));
        assert!(place(&rows, &contact).is_some_and(|place| place < 20), "{story}, all shown");
        // One by one, as they come: the list is full early, and what follows must not push the contact out.
        for before in [0, 600] {
            let domains: Vec<_> = flood(700, 19).collect();
            let (first, rest) = domains.split_at(before);
            let rows = taken_in(first.iter().cloned().chain([contact.clone()]).chain(rest.iter().cloned()));
            assert_eq!(rows.len(), ROWS_MAX);
            assert!(place(&rows, &contact).is_some_and(|place| place < 20), "{story}, after {before}");
        }
    }
}

#[test]
fn what_every_rule_of_authority_proves_is_read_back_from_where_it_was_written() {
    for (rule, proof) in [(Rule::Address, Proof::Ip), (Rule::Certificate, Proof::Tls), (Rule::Assertion, Proof::Assert)] {
        assert_eq!(Proof::by(rule), proof);
        assert_eq!(Proof::parse(proof.as_str()), proof);
    }
}
