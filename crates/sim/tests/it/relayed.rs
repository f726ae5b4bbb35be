//! Mail for servers without the extension: what it costs, and what is said of it.

use std::time::Duration;

use delivery::dns::{Kind, Mx, Name, Record};
use delivery::report::SentStatus;
use mail::address::Mailbox;
use sim::{Boundary, Manners, Sim, Tls};

/// A while in which nothing happens by itself.
const LONG: Duration = Duration::from_mins(30);

fn dave() -> Mailbox {
    "dave@legacy.test".parse().unwrap()
}

#[test]
fn messages_to_a_domain_without_the_extension_share_the_connection_that_found_it_so() {
    let mut sim = Sim::seeded(7);
    let [alice] = sim.accounts(["alice@a.test"]);
    let plain = sim.plain_host("legacy.test");
    let dave = dave();
    let mut connections = Vec::new();
    for _ in 0..20 {
        let message = alice.submit(dave.clone(), "Hello");
        sim.run_until(crate::SOON, "it is passed on", |_| alice.sent_status(&message) == SentStatus::Relayed);
        connections.push(plain.connections());
    }
    assert_eq!(plain.taken_since(0).len(), 20);
    assert_eq!(connections, [1; 20], "the question whether they speak the extension is asked once, and its session goes on");
    sim.run_for(LONG);
    let message = alice.submit(dave, "Hello again");
    sim.run_until(crate::SOON, "it is passed on", |_| alice.sent_status(&message) == SentStatus::Relayed);
    assert_eq!(plain.connections(), 2, "the answer is not believed for ever");
}

#[test]
fn a_server_whose_tls_fails_again_and_again_is_one_without_the_extension() {
    // Each failure is a connection; then the message goes in the clear, after one more.
    for (tls, failures) in [(Tls::Refused, 2), (Tls::HangsUp, 4)] {
        let mut sim = Sim::seeded(9);
        let [alice] = sim.accounts(["alice@a.test"]);
        let plain = sim.plain_host("legacy.test");
        plain.set_manners(Manners { tls, ..Manners::default() });
        let message = alice.submit(dave(), "Hello");
        sim.run_until(LONG, "it is passed on", |_| alice.sent_status(&message) == SentStatus::Relayed);
        assert_eq!((plain.connections(), plain.taken_since(0).len()), (failures + 2, 1), "{tls:?}");
    }
}

#[test]
fn no_connection_that_is_lost_makes_a_two_way_server_one_without_the_extension() {
    let mut sim = Sim::seeded(10);
    let [alice, bob] = sim.accounts(["alice@a.test", "bob@b.test"]);
    bob.allow(alice.address());
    sim.part("a.test", "b.test");
    let message = alice.submit(bob.address(), "Hello");
    sim.run_for(crate::SOON);
    sim.heal();
    for verb in ["EHLO", "STARTTLS", "STARTTLS", "STARTTLS"] {
        sim.lose_reply_to(verb);
    }
    sim.run_until(LONG, "it is delivered", |_| alice.sent_status(&message) == SentStatus::Delivered);
    assert_eq!(sim.planned_faults(), []);
}

#[test]
fn what_was_to_be_relayed_is_noticed_when_the_domain_is_known_to_speak_two_way_mail() {
    let mut sim = Sim::seeded(11);
    let [alice, bob] = sim.accounts(["alice@a.test", "bob@b.test"]);
    bob.allow(alice.address());
    // No TLS for so long that Bob's server seems to be without the extension; and what is then pushed is lost on the way.
    for verb in ["STARTTLS", "STARTTLS", "STARTTLS", "STARTTLS", "MAIL"] {
        sim.lose_reply_to(verb);
    }
    let first = alice.submit(bob.address(), "First");
    sim.run_until(LONG, "its push is lost", |sim| sim.planned_faults().is_empty());
    let second = alice.submit(bob.address(), "Second");
    sim.run_until(LONG, "both are there", |_| [&first, &second].iter().all(|sent| alice.sent_status(sent) == SentStatus::Delivered));
    assert_eq!(bob.inbox().len(), 2);
}

#[test]
fn what_a_server_says_of_one_recipient_is_what_the_author_is_told() {
    let mut sim = Sim::seeded(13);
    let [alice] = sim.accounts(["alice@a.test"]);
    let plain = sim.plain_host("legacy.test");
    // Without an enhanced status, 452 may mean the transaction or the mailbox: the rest has gone before this one is asked alone.
    let hoarder: Mailbox = "hoarder@legacy.test".parse().unwrap();
    let message = alice.submit_to(vec![hoarder.clone(), dave()], "Hello");
    sim.run_for(crate::SOON);
    assert_eq!(plain.taken_since(0).len(), 1);
    assert_eq!(alice.sent_status_to(&message, &dave()), SentStatus::Relayed);
    let alone = alice.submit(hoarder, "Hello again");
    sim.run_for(crate::SOON);
    for sent in [&message, &alone] {
        let told: Vec<_> = alice.diagnostics(sent).into_iter().flatten().filter(|reply| !reply.starts_with('2')).collect();
        assert_eq!(told, ["452 mailbox full"]);
    }
}

#[test]
fn a_server_that_is_closing_does_not_keep_mail_from_the_next_one() {
    let mut sim = Sim::seeded(15);
    let [alice] = sim.accounts(["alice@a.test"]);
    let (first, second) = (sim.plain_host("legacy.test"), sim.plain_host("other.test"));
    first.set_manners(Manners { is_closing: true, ..Manners::default() });
    let exchange = |preference, host: &str| Record::Mx(Mx { preference, exchange: Some(Name::new(host).unwrap()) });
    let both = vec![exchange(10, "mx.legacy.test"), exchange(20, "mx.other.test")];
    sim.lie_in_dns(Name::new("legacy.test").unwrap(), Kind::Mx, both);
    let message = alice.submit(dave(), "Hello");
    sim.run_until(crate::SOON, "it is passed on", |_| alice.sent_status(&message) == SentStatus::Relayed);
    assert_eq!((first.taken_since(0).len(), second.taken_since(0).len()), (0, 1));
    // Where there is no other, its word is what the author would be told of in the end.
    second.set_manners(Manners { is_closing: true, ..Manners::default() });
    let late = alice.submit(dave(), "Hello again");
    sim.run_for(crate::SOON);
    let told: Vec<_> = alice.diagnostics(&late).into_iter().flatten().collect();
    assert_eq!(told, ["421 4.3.2 closing"]);
}

#[test]
fn mail_for_a_domain_whose_hosts_certainly_have_no_address_fails_at_once() {
    let mut sim = Sim::seeded(14);
    let [alice] = sim.accounts(["alice@a.test"]);
    let name = |text: &str| Name::new(text).unwrap();
    let exchange = |host: &str| vec![Record::Mx(Mx { preference: 10, exchange: Some(name(host)) })];
    sim.publish_spf("void.test", "v=spf1 -all");
    sim.lie_in_dns(name("gone.test"), Kind::Mx, exchange("mx.nowhere.test"));
    sim.lie_in_dns(name("later.test"), Kind::Mx, exchange("mx.silent.test"));
    sim.fail_dns("silent.test");
    let sent = ["void", "gone", "later"].map(|domain| alice.submit(format!("dave@{domain}.test").parse().unwrap(), domain));
    sim.run_for(crate::SOON);
    let statuses = sent.each_ref().map(|message| alice.sent_status(message));
    assert_eq!(statuses, [SentStatus::Failed, SentStatus::Failed, SentStatus::Kept]);
    assert_eq!(alice.reports().len(), 2);
    // The same for one that is relayed: that it does not speak two-way mail is remembered, and its host is gone.
    let plain = sim.plain_host("legacy.test");
    let before = alice.submit(dave(), "Hello");
    sim.run_for(crate::SOON);
    sim.lie_in_dns(name("mx.legacy.test"), Kind::A, vec![]);
    let after = alice.submit(dave(), "Hello again");
    sim.run_for(crate::SOON);
    assert_eq!([&before, &after].map(|message| alice.sent_status(message)), [SentStatus::Relayed, SentStatus::Failed]);
    assert_eq!(plain.connections(), 1);
}

#[test]
fn smtputf8_is_needed_for_header_sections_and_not_for_bodies() {
    let mut sim = Sim::seeded(12);
    let [alice] = sim.accounts(["alice@a.test"]);
    // It has 8BITMIME, and no SMTPUTF8.
    let plain = sim.plain_host("legacy.test");
    sim.set_smtputf8(true);
    let body = alice.try_submit(vec![dave()], "Hello", "Gr\u{fc}\u{df}e".as_bytes()).unwrap();
    let header = alice.submit_with("X-Note: Gr\u{fc}\u{df}e\r\n", dave(), "Hello");
    sim.run_for(crate::SOON);
    assert_eq!([&body, &header].map(|message| alice.sent_status(message)), [SentStatus::Relayed, SentStatus::Failed]);
    assert_eq!(plain.taken_since(0).len(), 1);
}

#[test]
fn what_a_server_may_have_taken_is_not_taken_back() {
    for (manners, is_withdrawn) in
        [(Manners { drops_once_in: 1, ..Manners::default() }, false), (Manners { defers_once_in: 1, ..Manners::default() }, true)]
    {
        let mut sim = Sim::seeded(8);
        let [alice] = sim.accounts(["alice@a.test"]);
        let plain = sim.plain_host("legacy.test");
        plain.set_manners(manners);
        let message = alice.submit(dave(), "Hello");
        sim.run_for(crate::SOON);
        assert_eq!(plain.taken_since(0).is_empty(), is_withdrawn, "{manners:?}");
        assert_eq!(alice.withdraw(&message), is_withdrawn, "{manners:?}");
        plain.set_manners(Manners::default());
        sim.run_for(LONG);
        let status = if is_withdrawn { SentStatus::Withdrawn } else { SentStatus::Relayed };
        assert_eq!(alice.sent_status(&message), status);
        assert_eq!(plain.taken_since(0).is_empty(), is_withdrawn, "{manners:?}");
    }
}

#[test]
fn what_is_taken_back_while_it_is_passed_on_does_not_arrive() {
    let (mut taken, mut withdrawn) = (0, 0);
    for seed in 0..150 {
        let mut sim = Sim::seeded(seed);
        let [alice] = sim.accounts(["alice@a.test"]);
        let plain = sim.plain_host("legacy.test");
        sim.run_until_idle();
        let message = alice.submit(dave(), "Hello");
        sim.run_for(Duration::from_millis(seed));
        let is_withdrawn = alice.withdraw_unlooked(&message);
        sim.run_for(crate::SOON);
        assert!(!is_withdrawn || plain.taken_since(0).is_empty(), "{seed}: withdrawn, and taken");
        taken += plain.taken_since(0).len();
        withdrawn += usize::from(is_withdrawn);
    }
    assert!(taken > 0 && withdrawn > 0, "{taken} {withdrawn}: neither side was seen");
}

#[test]
fn a_crash_at_any_commit_leaves_no_author_told_that_what_was_taken_is_withdrawn() {
    let (mut refused, mut withdrawn) = (0, 0);
    for (nth, boundary) in (1..8).flat_map(|nth| [(nth, Boundary::BeforeCommit), (nth, Boundary::AfterCommit)]) {
        let mut sim = Sim::seeded(nth);
        let [alice] = sim.accounts(["alice@a.test"]);
        let plain = sim.plain_host("legacy.test");
        sim.run_until_idle();
        sim.crash_at_commit("a.test", nth, boundary);
        let Ok(message) = alice.try_submit(vec![dave()], "Hello", b"Hello") else { continue };
        sim.run_for(crate::SOON);
        let was_up = sim.is_up("a.test");
        sim.forget_faults();
        // From now on nothing new gets through: what is there came before the crash.
        plain.set_manners(Manners { defers_once_in: 1, ..Manners::default() });
        sim.restart("a.test");
        sim.run_for(Duration::from_secs(5));
        let taken = plain.taken_since(0).len();
        let is_withdrawn = alice.withdraw(&message);
        assert!(!(is_withdrawn && taken > 0), "{nth} {boundary:?}: withdrawn, and taken");
        withdrawn += usize::from(is_withdrawn);
        refused += usize::from(!was_up && !is_withdrawn && taken > 0);
    }
    assert!(refused > 0 && withdrawn > 0, "{refused} {withdrawn}: neither side was seen");
}
