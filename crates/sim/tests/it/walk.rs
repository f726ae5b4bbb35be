//! The walk of one message when nothing goes wrong.

use delivery::consent::{Screening, Who};
use delivery::report::SentStatus;
use mail::address::Mailbox;
use mail::id::NoticeId;
use sim::Sim;

#[test]
fn allowing_the_author_releases_the_waiting_message() {
    let mut sim = Sim::seeded(42);
    let [alice, bob] = sim.accounts(["alice@a.test", "bob@b.test"]);
    let message = alice.submit(bob.address(), "Hello");
    sim.run_until_idle();
    assert_eq!(bob.contact_attempts(), [alice.address()]);
    assert_eq!(alice.sent_status(&message), SentStatus::Noticed);
    bob.allow(alice.address());
    sim.run_until_idle();
    assert_eq!(bob.inbox(), std::slice::from_ref(&message));
    assert_eq!(bob.contact_attempts(), []);
    assert_eq!(alice.sent_status(&message), SentStatus::Delivered);
    assert_eq!(alice.reports().len(), 1, "alice asked to be told of success");
}

#[test]
fn whoever_is_named_postmaster_gets_what_is_noticed_and_what_stays_on_the_server() {
    let mut sim = Sim::seeded(45);
    sim.set_postmaster("bob@b.test");
    let [alice, carol, bob] = sim.accounts(["alice@a.test", "carol@b.test", "bob@b.test"]);
    let postmaster: Mailbox = "Postmaster@b.test".parse().unwrap();
    let from_elsewhere = alice.submit(postmaster.clone(), "Your server is slow");
    sim.run_until_idle();
    assert_eq!(bob.inbox(), std::slice::from_ref(&from_elsewhere), "nobody is screened who writes to postmaster");
    assert_eq!(alice.sent_status_to(&from_elsewhere, &postmaster), SentStatus::Delivered);
    let from_here = carol.submit(postmaster.clone(), "So it is");
    sim.run_until_idle();
    assert_eq!(bob.inbox(), [from_elsewhere, from_here.clone()]);
    assert_eq!(carol.sent_status_to(&from_here, &postmaster), SentStatus::Delivered);
}

#[test]
fn moving_a_contact_request_to_the_inbox_fetches_what_waits_from_its_sender_and_from_nobody_else() {
    let mut sim = Sim::seeded(43);
    let [alice, carol, bob] = sim.accounts(["alice@a.test", "carol@c.test", "bob@b.test"]);
    let mut messages = vec![alice.submit(bob.address(), "one"), alice.submit(bob.address(), "two")];
    sim.run_until_idle();
    let other = carol.submit(bob.address(), "Hello");
    sim.run_until_idle();
    assert_eq!(bob.requests(), [alice.address(), carol.address()]);
    assert!(bob.move_request_to_inbox(&alice.address()));
    assert_eq!(bob.requests(), [carol.address()]);
    assert!(!bob.move_request_to_inbox(&alice.address()), "it is not there twice");
    sim.run_until_idle();
    let mut inbox = bob.inbox();
    inbox.sort();
    messages.sort();
    assert_eq!(inbox, messages);
    assert!(messages.iter().all(|message| alice.sent_status(message) == SentStatus::Delivered));
    assert_eq!(carol.sent_status(&other), SentStatus::Noticed);
    assert_eq!(bob.requests(), [carol.address()]);
}

#[test]
fn what_is_expected_under_a_reference_comes_in_with_it_and_nothing_else_does() {
    let mut sim = Sim::seeded(44);
    sim.listen_in();
    let [shop, bob] = sim.accounts(["shop@a.test", "bob@b.test"]);
    let reference: NoticeId = "c2lnbiB1cCBhdCB0aGUgc2hvcA".parse().unwrap();
    bob.expect_mail(Who::Domain(shop.address().domain().clone()), &reference);
    let news = shop.submit(bob.address(), "News");
    let of_another = shop.submit_with("Ownership-Confirmation: v=1; ref=Zm9yIHNvbWVib2R5IGVsc2U\r\n", bob.address(), "Welcome");
    let answer = shop.submit_with(&format!("Ownership-Confirmation: v=1; ref={reference}\r\n"), bob.address(), "Welcome");
    sim.run_until_idle();
    assert_eq!(bob.inbox(), std::slice::from_ref(&answer));
    assert_eq!(bob.contact_attempts(), [shop.address()]);
    let statuses = [&news, &of_another, &answer].map(|message| shop.sent_status(message));
    assert_eq!(statuses, [SentStatus::Noticed, SentStatus::Noticed, SentStatus::Delivered]);
    let named = format!(" KIND=confirm REF={reference}");
    assert_eq!(sim.said().iter().filter(|line| line.starts_with("NOTICE ") && line.contains(&named)).count(), 1);
}

#[test]
fn allowing_releases_all_that_waits() {
    let mut sim = Sim::seeded(1);
    let [alice, bob] = sim.accounts(["alice@a.test", "bob@b.test"]);
    let messages: Vec<_> = (0..40).map(|_| alice.submit(bob.address(), "one of many")).collect();
    sim.run_until_idle();
    assert_eq!(bob.contact_attempts(), [alice.address()]);
    bob.allow(alice.address());
    sim.run_until_idle();
    let mut inbox = bob.inbox();
    inbox.sort();
    let mut expected = messages;
    expected.sort();
    assert_eq!(inbox, expected);
}

#[test]
fn a_message_to_oneself_is_no_contact_attempt() {
    let mut sim = Sim::seeded(3);
    let [bob] = sim.accounts(["bob@b.test"]);
    let message = bob.submit(bob.address(), "do not forget");
    sim.run_until_idle();
    assert_eq!(bob.contact_attempts(), []);
    assert_eq!(bob.inbox(), std::slice::from_ref(&message));
}

#[test]
fn one_recipient_of_two_screens() {
    let mut sim = Sim::seeded(2);
    let [alice, bob, carol] = sim.accounts(["alice@a.test", "bob@b.test", "carol@b.test"]);
    carol.screen(Screening::Off);
    let message = alice.submit_to(vec![bob.address(), carol.address()], "to both");
    sim.run_until_idle();
    assert_eq!(carol.inbox(), std::slice::from_ref(&message));
    assert_eq!(bob.inbox(), []);
    assert_eq!(bob.contact_attempts(), [alice.address()]);
    assert_eq!(alice.sent_status_to(&message, &carol.address()), SentStatus::Delivered);
    assert_eq!(alice.sent_status_to(&message, &bob.address()), SentStatus::Noticed);
}

#[test]
fn whoever_is_written_to_may_answer() {
    let mut sim = Sim::seeded(3);
    let [alice, bob] = sim.accounts(["alice@a.test", "bob@b.test"]);
    bob.allow(alice.address());
    let question = alice.submit(bob.address(), "a question");
    sim.run_until_idle();
    let answer = bob.submit(alice.address(), "an answer");
    sim.run_until_idle();
    assert_eq!((bob.inbox(), alice.inbox()), (vec![question], vec![answer]));
}

#[test]
fn a_blocked_author_hears_what_any_stranger_hears() {
    let mut sim = Sim::seeded(4);
    let [alice, eve, bob] = sim.accounts(["alice@a.test", "eve@a.test", "bob@b.test"]);
    bob.block(eve.address());
    let (ignored, blocked) = (alice.submit(bob.address(), "waits"), eve.submit(bob.address(), "blocked"));
    sim.run_until_idle();
    assert_eq!(bob.contact_attempts(), [alice.address()]);
    assert_eq!(alice.sent_status(&ignored), eve.sent_status(&blocked));
}

#[test]
fn mail_within_one_server_walks_the_same_way() {
    let mut sim = Sim::seeded(5);
    let [alice, bob] = sim.accounts(["alice@a.test", "bob@a.test"]);
    let message = alice.submit(bob.address(), "next door");
    sim.run_until_idle();
    assert_eq!(bob.contact_attempts(), [alice.address()]);
    bob.allow(alice.address());
    sim.run_until_idle();
    assert_eq!(bob.inbox(), std::slice::from_ref(&message));
    assert_eq!(alice.sent_status(&message), SentStatus::Delivered);
}

#[test]
fn a_large_message_arrives_octet_for_octet() {
    let mut sim = Sim::seeded(6);
    let [alice, bob] = sim.accounts(["alice@a.test", "bob@b.test"]);
    bob.allow(alice.address());
    let message = alice.submit_large(bob.address(), "a long letter");
    sim.run_until_idle();
    assert_eq!(bob.inbox(), [message]);
}

#[test]
fn a_message_to_nobody_fails_and_the_author_is_told() {
    let mut sim = Sim::seeded(7);
    let [alice, bob] = sim.accounts(["alice@a.test", "bob@b.test"]);
    let message = alice.submit("nobody@b.test".parse().unwrap(), "is anybody there");
    let stray = alice.submit("bob@nowhere.test".parse().unwrap(), "is anything there");
    sim.run_until_idle();
    assert_eq!(alice.sent_status(&message), SentStatus::Failed);
    assert_eq!(alice.sent_status(&stray), SentStatus::Failed);
    assert_eq!((alice.reports().len(), bob.inbox().len()), (2, 0));
}

#[test]
fn messages_within_one_server_share_their_commits() {
    let mut sim = Sim::seeded(8);
    let [alice, bob] = sim.accounts(["alice@a.test", "bob@a.test"]);
    for _ in 0..40 {
        alice.submit(bob.address(), "one of many");
    }
    sim.run_until_idle();
    bob.allow(alice.address());
    let before = sim.commits("a.test");
    sim.run_until_idle();
    let commits = sim.commits("a.test") - before;
    assert_eq!(bob.inbox().len(), 40);
    // Served, stored, confirmed, done: four for each, if none waited for another.
    assert!(commits < 100, "{commits} commits for 40 messages");
}
