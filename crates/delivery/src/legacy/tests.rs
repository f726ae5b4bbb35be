//! Pushed mail, line by line: what the entries and modes make of it, proved and unproved.

use mail::time::Timestamp;

use super::*;
use crate::consent::sample::entry;
use crate::consent::{Entry, EntryList, Screening};

fn pushed_to(recipient: &str, entries: &[Entry], modes: (Screening, Legacy), is_proved: bool) -> Pushed {
    let (sender, recipient): (Mailbox, Mailbox) = ("alice@a.test".parse().unwrap(), recipient.parse().unwrap());
    let authorship = if is_proved { Authorship::Proved(sender.clone()) } else { authorship(Some(&sender)) };
    let question = Question {
        sender: &sender,
        list_id: Some("news.a.test"),
        reference: None,
        recipient: &recipient,
        entries,
        screening: modes.0,
        now: Timestamp::from_millis(1),
    };
    decide_pushed(&question, modes.1, &authorship, Answers::Nothing).0
}

#[test]
fn nobody_is_proved_as_long_as_nothing_is_checked() {
    let alice = "alice@a.test".parse().unwrap();
    assert_eq!(authorship(Some(&alice)), Authorship::Unproved(Unproved::NotChecked));
}

#[test]
fn an_answer_is_given_where_the_authors_own_domain_lets_the_client_speak() {
    let mailbox = |text: &str| text.parse::<Mailbox>().unwrap();
    for (from, reverse_path, is_answerable) in [
        (Some("ann@a.test"), "ann@a.test", true),
        (Some("ann@a.test"), "bounces+1@A.test", true),
        // Strict alignment: without a list of public suffixes nobody knows whose the other one is.
        (Some("ann@a.test"), "ann@mail.a.test", false),
        (Some("ann@mail.a.test"), "ann@a.test", false),
        (Some("ann@a.test"), "ann@b.test", false),
        (Some("ann@a.test"), "", false),
        // No author, or several.
        (None, "ann@a.test", false),
    ] {
        let claimed = from.map(mailbox);
        let author = answerable(claimed.as_ref(), &reverse_path.parse().unwrap());
        assert_eq!(author, claimed.as_ref().filter(|_author| is_answerable), "{from:?} {reverse_path}");
    }
    let pass = |reach| spf::Outcome::Pass(spf::Owed { domain: crate::dns::Name::new("a.test").unwrap(), mechanism: "x".to_owned(), reach });
    let network = |text: &str| spf::Reach::Network(text.parse().unwrap());
    for (outcome, is_enough) in [
        (pass(network("192.0.2.1/32")), true),
        (pass(network("10.0.0.0/16")), true),
        (pass(spf::Reach::Named), true),
        (pass(network("10.0.0.0/8")), false),
        (pass(network("2001::/16")), false),
        (pass(spf::Reach::Everyone), false),
        (spf::Outcome::None, false),
        (spf::Outcome::Neutral, false),
        (spf::Outcome::SoftFail, false),
        (spf::Outcome::Fail { explanation: None }, false),
        (spf::Outcome::TempError("later".to_owned()), false),
        (spf::Outcome::PermError("broken".to_owned()), false),
    ] {
        assert_eq!(is_vouched_for(&outcome), is_enough, "{outcome:?}");
    }
}

#[test]
fn the_legacy_mode_decides_about_unproved_mail_whoever_is_allowed() {
    let allowing = [
        vec![],
        vec![entry(0, EntryList::Allow, "alice@a.test")],
        vec![entry(0, EntryList::Allow, "@a.test")],
        vec![entry(0, EntryList::Allow, "list:news.a.test")],
        vec![entry(0, EntryList::Expected, "@a.test")],
        vec![entry(0, EntryList::RepliedTo, "alice@a.test")],
    ];
    for entries in &allowing {
        for screening in [Screening::Off, Screening::Observe, Screening::On] {
            for (legacy, pushed) in [(Legacy::Deliver, Pushed::Deliver), (Legacy::Keep, Pushed::Keep), (Legacy::Refuse, Pushed::Refuse)] {
                assert_eq!(pushed_to("bob@b.test", entries, (screening, legacy), false), pushed, "{entries:?} {screening:?} {legacy:?}");
            }
        }
    }
}

#[test]
fn proved_mail_is_let_in_by_entries_and_open_mailboxes_and_else_by_the_legacy_mode() {
    for (entries, screening, legacy, pushed) in [
        (vec![entry(0, EntryList::Allow, "alice@a.test")], Screening::On, Legacy::Keep, Pushed::Deliver),
        (vec![], Screening::Off, Legacy::Keep, Pushed::Deliver),
        (vec![], Screening::Observe, Legacy::Refuse, Pushed::Deliver),
        (vec![], Screening::On, Legacy::Keep, Pushed::Keep),
        (vec![], Screening::On, Legacy::Refuse, Pushed::Refuse),
        (vec![], Screening::On, Legacy::Deliver, Pushed::Deliver),
    ] {
        assert_eq!(pushed_to("bob@b.test", &entries, (screening, legacy), true), pushed, "{entries:?} {screening:?} {legacy:?}");
    }
}

#[test]
fn a_block_is_honoured_unproved_and_an_allow_for_the_address_shields_from_that_of_its_domain() {
    for is_proved in [false, true] {
        for legacy in [Legacy::Deliver, Legacy::Keep] {
            for who in ["alice@a.test", "@a.test", "@.test", "list:news.a.test"] {
                let blocked = [entry(0, EntryList::Block, who)];
                assert_eq!(pushed_to("bob@b.test", &blocked, (Screening::Off, legacy), is_proved), Pushed::Discard, "{who}");
            }
        }
    }
    let shielded = [entry(0, EntryList::Block, "@a.test"), entry(0, EntryList::Allow, "alice@a.test")];
    assert_eq!(pushed_to("bob@b.test", &shielded, (Screening::On, Legacy::Keep), false), Pushed::Keep);
    assert_eq!(pushed_to("bob@b.test", &shielded, (Screening::On, Legacy::Keep), true), Pushed::Deliver);
}

#[test]
fn a_site_address_in_the_hands_of_another_is_shown_whatever_the_mode() {
    let mut site = entry(0, EntryList::Site, "bob+shop@b.test");
    site.list_domain = Some("shop.test".parse().unwrap());
    let pushed = |legacy| pushed_to("bob+shop@b.test", std::slice::from_ref(&site), (Screening::Off, legacy), false);
    assert_eq!(pushed(Legacy::Deliver), Pushed::Keep);
    assert_eq!(pushed(Legacy::Refuse), Pushed::Refuse);
}

#[test]
fn postmaster_and_abuse_hear_from_everybody() {
    let blocked = [entry(0, EntryList::Block, "alice@a.test")];
    for recipient in ["postmaster@b.test", "Abuse@b.test", "postmaster+x@b.test"] {
        assert!(takes_pushed(&recipient.parse().unwrap(), Legacy::Refuse), "{recipient}");
        assert_eq!(pushed_to(recipient, &blocked, (Screening::On, Legacy::Refuse), false), Pushed::Deliver, "{recipient}");
    }
    assert!(!takes_pushed(&"bob@b.test".parse().unwrap(), Legacy::Refuse));
    assert!(takes_pushed(&"bob@b.test".parse().unwrap(), Legacy::Keep));
}

#[test]
fn a_domain_that_enforces_refuses_what_it_did_not_prove() {
    let unproved = authorship(None);
    let proved = Authorship::Proved("alice@a.test".parse().unwrap());
    let record = |mode| Policy { mode, source: Source::Record, ..Policy::default() };
    for (policy, authorship, objects) in [
        (record(Mode::Enforce), &unproved, Objection::Refused),
        (record(Mode::Testing), &unproved, Objection::Reported),
        (record(Mode::None), &unproved, Objection::None),
        (Policy::default(), &unproved, Objection::None),
        (record(Mode::Enforce), &proved, Objection::None),
    ] {
        assert_eq!(objection(&policy, authorship), objects, "{policy:?}");
    }
}
