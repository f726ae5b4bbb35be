//! The index: filled after the commit, never wrong about what can't be found, gone with its mail, made anew.

use std::collections::{BTreeMap, BTreeSet};

use delivery::consent::Screening;
use mail::flag::Flags;
use mail::id::{AccountId, MailId, MailboxId};
use mail::message::HeaderSection;
use mail::outline::Outline;
use mail::searchable::{self, Needle, Searchable};
use mail::structure::Part;
use mail::subject::BaseSubject;
use mail::summary::Summary;

use store::content::ContentReader;
use store::items::{Appended, NewItem};
use store::search_index::{
    BODY_OCTETS_MAX, GramReader, IndexStatus, Indexed, Reading, Sealing, SortedBy, Sought, Stamps, TextExtent, Within,
};
use store::{Lease, OutlineWant};

use crate::fixture::{Fixture, in_a_row};

const WORDS: [&str; 12] = [
    "Rechnung",
    "Gr\u{fc}\u{df}e",
    "caf\u{e9}",
    "meeting",
    "\u{4f1a}\u{8bae}\u{8bb0}\u{5f55}",
    "\u{41f}\u{440}\u{438}\u{432}\u{435}\u{442}",
    "\u{645}\u{631}\u{62d}\u{628}\u{627}",
    "and",
    "the",
    "\u{65e5}\u{672c}",
    "Stra\u{df}e",
    "x1y2z3",
];

fn message(number: usize) -> Vec<u8> {
    let words: Vec<&str> = WORDS.iter().enumerate().filter(|(index, _)| number.is_multiple_of(index + 2)).map(|(_, word)| *word).collect();
    let head = format!(
        "From: a{number}@a.test\r\nSubject: Number {number}\r\nMessage-ID: <{number}@a.test>\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n"
    );
    format!("{head}{} end{number}\r\n", words.join(" ")).into_bytes()
}

async fn append(it: &Fixture, account: AccountId, messages: &[Vec<u8>]) -> BTreeMap<MailId, Vec<u8>> {
    let mut appended = BTreeMap::new();
    for some in messages.chunks(100) {
        let items: Vec<NewItem> = some
            .iter()
            .map(|octets| NewItem {
                mail: it.mail_id(),
                flags: Flags::default(),
                received: it.now(),
                zone: mail::time::Zone::UTC,
                from: "a@a.test".to_owned(),
                subject: "x".to_owned(),
                internet_id: None,
                content: in_a_row(octets),
            })
            .collect();
        appended.extend(items.iter().map(|item| item.mail).zip(some.iter().cloned()));
        let done = it.store.append_messages(account, MailboxId::inbox_of(account), items, it.now()).await.unwrap();
        assert!(matches!(done, Appended::Done { .. }));
    }
    appended
}

/// As the job does it.
async fn seal(it: &Fixture, lease: &Lease, account: AccountId) -> usize {
    let mut segments = 0;
    while it.store.index_is_loose(account).await.unwrap() {
        let mut sealing = Sealing::default();
        while sealing.add(it.store.index_loose(account, sealing.last()).await.unwrap()) {}
        let Some(sealed) = sealing.finish() else { break };
        it.store.index_seal(lease, account, sealed).await.unwrap();
        segments += 1;
    }
    segments
}

/// As the job does it.
async fn fill(it: &Fixture) -> usize {
    let lease = it.lease().await;
    let mut read = 0;
    for mut behind in it.store.index_behind(&lease, 10).await.unwrap() {
        loop {
            let unread = it.store.index_unread(&behind, 100).await.unwrap();
            let Some(last) = unread.last() else { break };
            let (mut indexed, mut grams) = (Vec::new(), GramReader::default());
            for stored in it.store.mails(behind.account, unread.iter().map(|one| one.mail).collect()).await.unwrap() {
                let mut octets = stored.head;
                let rest = ContentReader::new(&it.store, &stored.content, stored.skip_octets);
                rest.each(|piece| octets.extend_from_slice(piece)).await.unwrap();
                let (text, summary) = (Searchable::read(&octets, BODY_OCTETS_MAX), Summary::read(&HeaderSection::read(&octets)));
                let outline = Some(Outline::read(&octets).pack());
                let plain_at = searchable::plain_body(&octets, &Part::read(&octets)).map(|at| at as u64);
                indexed.push(Indexed::new(&mut grams, stored.row.id, summary, text, outline, plain_at));
            }
            read += indexed.len();
            it.store.index(&lease, behind.account, indexed, Some((behind.mailbox, last.uid))).await.unwrap();
            behind.seen_uid = last.uid;
        }
        it.store.index(&lease, behind.account, Vec::new(), Some((behind.mailbox, behind.last_uid))).await.unwrap();
        seal(it, &lease, behind.account).await;
    }
    read
}

/// The messages that are not ruled out, of each text.
async fn left(it: &Fixture, account: AccountId, all: &BTreeSet<MailId>, texts: &[&str], within: Within) -> Vec<BTreeSet<MailId>> {
    let sought: Vec<Sought> = texts.iter().map(|text| Sought { needle: Needle::new(text), within }).collect();
    let mut left = vec![all.clone(); texts.len()];
    let mut after = Some(0);
    while let Some(segment) = after {
        let ruled_out = it.store.rule_out(account, sought.clone(), segment).await.unwrap();
        for (left, gone) in left.iter_mut().zip(&ruled_out.mails) {
            let gone: BTreeSet<&MailId> = gone.iter().collect();
            left.retain(|mail| !gone.contains(mail));
        }
        after = ruled_out.next;
    }
    left
}

fn summary(sorted_by: &SortedBy<'_>) -> Summary {
    Summary {
        sent: sorted_by.sent,
        subject: BaseSubject { text: sorted_by.subject.to_owned(), is_reply: sorted_by.is_reply },
        from: sorted_by.from.to_owned(),
        to: sorted_by.to.to_owned(),
        cc: sorted_by.cc.to_owned(),
        display_from: sorted_by.display_from.to_owned(),
        display_to: sorted_by.display_to.to_owned(),
        message_id: sorted_by.message_id.map(str::to_owned),
        references: sorted_by.references.lines().map(str::to_owned).collect(),
    }
}

on_both_engines! {
    async fn what_comes_is_behind_until_it_is_read_once(it: &mut Fixture) {
        let alice = it.account("alice@a.test", Screening::Off).await;
        let lease = it.lease().await;
        assert_eq!(it.store.index_behind(&lease, 10).await.unwrap(), []);
        let messages: Vec<Vec<u8>> = (1..=3).map(message).collect();
        let appended = append(it, alice, &messages).await;
        let behind = it.store.index_behind(&lease, 10).await.unwrap();
        assert_eq!(behind.iter().map(|one| (one.account, one.seen_uid, one.last_uid)).collect::<Vec<_>>(), [(alice, 0, 3)]);
        assert_eq!((fill(it).await, fill(it).await), (3, 0));
        let mails: Vec<MailId> = appended.keys().copied().collect();
        let summaries = it.store.summaries(alice, mails.clone()).await.unwrap();
        let expected = appended.iter().map(|(mail, octets)| (*mail, Summary::read(&HeaderSection::read(octets)))).collect();
        assert_eq!(summaries, expected);
        let outlines = it.store.outlines(alice, MailboxId::inbox_of(alice), vec![1, 2, 3], OutlineWant::Fields).await.unwrap();
        assert!(outlines.len() == 3 && outlines.iter().all(|(_, outline)| outline.fields.is_some()));
        let take = |rows: &mut Vec<(Stamps, Option<Summary>)>, stamps: Stamps, sorted_by: Option<&SortedBy<'_>>| {
            rows.push((stamps, sorted_by.map(summary)));
        };
        let mut rows = it.store.sorted_by(alice, MailboxId::inbox_of(alice), 1, 10, take).await.unwrap();
        rows.sort_unstable_by_key(|(stamps, _)| stamps.uid);
        assert_eq!(rows.iter().map(|(stamps, _)| stamps.uid).collect::<Vec<_>>(), [2, 3]);
        assert!(rows.iter().all(|(stamps, summary)| summary.as_ref() == summaries.get(&stamps.mail)));
        let stamps = it.store.stamps(alice, MailboxId::inbox_of(alice), 1, 10).await.unwrap();
        assert_eq!(rows.into_iter().map(|(stamps, _)| stamps).collect::<Vec<_>>(), stamps);
        for (extent, is_dense, expected) in [(TextExtent::Whole, false, 1), (TextExtent::Whole, true, 1), (TextExtent::Heads, true, 0)] {
            let look = |text: &Searchable| (text.has(&Needle::new("RECHNUNG")), text.has(&Needle::new("Subject")));
            let found = it.store.look_at_texts(alice, mails.clone(), Reading { extent, is_dense }, look).await.unwrap();
            assert_eq!(found.values().filter(|found| found.0).count(), expected);
            assert_eq!(found.values().filter(|found| found.1).count(), 3);
        }
        // A copy shows what was read already.
        let inbox = MailboxId::inbox_of(alice);
        it.store.copy_items(alice, inbox, vec![1], inbox, store::items::Copying::Copy, it.now()).await.unwrap();
        assert_eq!((it.store.index_behind(&lease, 10).await.unwrap().len(), fill(it).await), (1, 0));
        assert_eq!(it.store.index_behind(&lease, 10).await.unwrap(), []);
    }

    async fn texts_that_are_far_from_each_other_are_found_in_a_row_or_not(it: &mut Fixture) {
        let alice = it.account("alice@a.test", Screening::Off).await;
        let appended = append(it, alice, &(0..300).map(message).collect::<Vec<_>>()).await;
        fill(it).await;
        let all: Vec<MailId> = appended.keys().copied().collect();
        let far: Vec<MailId> = all.iter().copied().step_by(20).chain(all.last().copied()).collect();
        for mails in [all, far] {
            for is_dense in [true, false] {
                let reading = Reading { extent: TextExtent::Heads, is_dense };
                let found = it.store.look_at_texts(alice, mails.clone(), reading, |text| text.body.len()).await.unwrap();
                assert_eq!(found.keys().copied().collect::<BTreeSet<_>>(), mails.iter().copied().collect());
                assert!(found.values().all(|octets| *octets == 0));
            }
        }
    }

    async fn a_segment_rules_out_most_of_what_does_not_have_a_text_and_nothing_that_does(it: &mut Fixture) {
        let alice = it.account("alice@a.test", Screening::Off).await;
        let messages: Vec<Vec<u8>> = (0..2200).map(message).collect();
        let mut appended = append(it, alice, &messages[..2000]).await;
        fill(it).await;
        // What was just read is not read again to make the segment: it would be the wrong way round.
        it.meddle("UPDATE search_text SET head = body, body = head");
        appended.append(&mut append(it, alice, &messages[2000..]).await);
        fill(it).await;
        it.meddle("UPDATE search_text SET head = body, body = head WHERE body LIKE '%from: a%'");
        let status = it.store.index_status(alice).await.unwrap();
        assert_eq!((status.messages, status.indexed, status.in_segments, status.segments), (2200, 2200, 2048, 1));
        let all: BTreeSet<MailId> = appended.keys().copied().collect();
        let texts = ["rechnung", "gr\u{fc}sse", "CAFE\u{301}", "\u{4f1a}\u{8bae}", "\u{8bae}\u{8bb0}\u{5f55}", "\u{440}\u{438}\u{432}\u{435}", "\u{631}\u{62d}\u{628}", "end1234",
                     "strasse", "nowhere", "\u{65e5}\u{672c}", "Number 77\r\n", "@a.test", "xy"];
        for within in [Within::Head, Within::Body, Within::Either] {
            let left = left(it, alice, &all, &texts, within).await;
            for (text, left) in texts.iter().zip(&left) {
                let needle = Needle::new(text);
                let has = |mail: &MailId| {
                    let text = Searchable::read(&appended[mail], 100_000);
                    match within {
                        Within::Head => text.head.contains(needle.as_str()),
                        Within::Body => text.has_in_body(&needle),
                        Within::Either => text.has(&needle),
                    }
                };
                let having: BTreeSet<MailId> = all.iter().copied().filter(has).collect();
                assert!(having.is_subset(left), "{text} in {within:?}");
                // Those that wait for a segment are not ruled out, and of two letters nothing is known.
                let unknown = left.difference(&having).count();
                assert!(unknown <= 160 || *text == "xy", "{text} in {within:?}: {unknown} are left beside {}", having.len());
            }
        }
        // One of an older program rules nothing out, and is made anew: of the texts, where the first was made of what was in memory.
        let of_memory = left(it, alice, &all, &texts, Within::Either).await;
        it.meddle("UPDATE search_segment SET form = 0");
        assert_eq!(left(it, alice, &all, &["nowhere"], Within::Either).await, std::slice::from_ref(&all));
        let lease = it.lease().await;
        assert_eq!(it.store.index_thin_out(&lease).await.unwrap(), Some(alice));
        assert_eq!(seal(it, &lease, alice).await, 1);
        assert_eq!(it.store.index_thin_out(&lease).await.unwrap(), None);
        assert_eq!(it.store.index_status(alice).await.unwrap(), status);
        assert_eq!(left(it, alice, &all, &["nowhere"], Within::Either).await[0].len(), 2200 - 2048);
        assert_eq!(left(it, alice, &all, &texts, Within::Either).await, of_memory);
    }

    async fn a_long_plain_body_is_looked_at_where_it_stands(it: &mut Fixture) {
        let alice = it.account("alice@a.test", Screening::Off).await;
        let long = |number: usize| [message(number), format!("Fisch  und\tChips {number}\r\n").repeat(1_200).into_bytes()].concat();
        let messages: Vec<Vec<u8>> = (1..=220).map(long).collect();
        let appended = append(it, alice, &messages).await;
        let all: Vec<MailId> = appended.keys().copied().collect();
        let whole = |is_dense| Reading { extent: TextExtent::Whole, is_dense };
        fill(it).await;
        let status = it.store.index_status(alice).await.unwrap();
        assert!((status.segments, status.in_segments) == (1, 220), "{status:?}");
        for is_dense in [false, true] {
            let found = it.store.look_at_texts(alice, all.clone(), whole(is_dense), Searchable::clone).await.unwrap();
            let expected = appended.iter().map(|(mail, octets)| (*mail, Searchable::read(octets, BODY_OCTETS_MAX))).collect();
            assert_eq!(found, expected);
        }
        let everybody = all.iter().copied().collect();
        let left = left(it, alice, &everybody, &["fisch und chips 7", "nowhere", "end7 fisch"], Within::Body).await;
        let has = |mail: &MailId, text: &str| Searchable::read(&appended[mail], BODY_OCTETS_MAX).has(&Needle::new(text));
        assert!(everybody.iter().all(|mail| left[0].contains(mail) || !has(mail, "fisch und chips 7")));
        assert!(everybody.iter().any(|mail| has(mail, "end7 fisch")) && everybody.iter().all(|mail| left[2].contains(mail) || !has(mail, "end7 fisch")));
        assert!(left[1].len() < 50, "{}", left[1].len());
        // What is not where it was is not known to the index, and in no segment.
        it.meddle("UPDATE search_text SET body_at = 1000000");
        assert!(it.store.look_at_texts(alice, all, whole(true), Searchable::clone).await.unwrap().is_empty());
        it.meddle("UPDATE search_segment SET form = 0");
        let lease = it.lease().await;
        assert_eq!(it.store.index_thin_out(&lease).await.unwrap(), Some(alice));
        seal(it, &lease, alice).await;
        assert_eq!(it.store.index_status(alice).await.unwrap().segments, 0);
        assert_eq!(it.store.rule_out(alice, vec![Sought { needle: Needle::new("nowhere"), within: Within::Body }], 0).await.unwrap().mails, [vec![]]);
    }

    async fn what_goes_is_gone_from_the_index(it: &mut Fixture) {
        let alice = it.account("alice@a.test", Screening::Off).await;
        let messages: Vec<Vec<u8>> = (0..2100).map(message).collect();
        append(it, alice, &messages).await;
        fill(it).await;
        let inbox = MailboxId::inbox_of(alice);
        for from in (1..=1200).step_by(300) {
            let uids: Vec<u32> = (from..from + 300).collect();
            let deleted = Flags { system: mail::flag::SystemFlags::DELETED, ..Flags::default() };
            it.store.set_flags(alice, inbox, uids.clone(), mail::flag::FlagChange::Add(deleted), None).await.unwrap();
            it.store.expunge(alice, inbox, Some(uids)).await.unwrap();
        }
        it.store.sweep_mailboxes(it.now()).await.unwrap();
        let status = it.store.index_status(alice).await.unwrap();
        assert_eq!((status.messages, status.indexed, status.segments), (900, 900, 1));
        assert!((2048 - 1200..=900).contains(&status.in_segments), "{status:?}");
        let lease = it.lease().await;
        assert_eq!(it.store.index_thin_out(&lease).await.unwrap(), Some(alice));
        assert_eq!(it.store.index_thin_out(&lease).await.unwrap(), None);
        let status = it.store.index_status(alice).await.unwrap();
        assert_eq!((status.indexed, status.in_segments, status.segments, status.segment_octets), (900, 0, 0, 0));
        it.store.delete_account(alice, it.now()).await.unwrap();
        assert_eq!(it.store.index_status(alice).await.unwrap(), IndexStatus::default());
    }

    async fn an_index_is_made_anew(it: &mut Fixture) {
        let alice = it.account("alice@a.test", Screening::Off).await;
        let bob = it.account("bob@a.test", Screening::Off).await;
        let messages: Vec<Vec<u8>> = (0..2100).map(message).collect();
        append(it, alice, &messages).await;
        append(it, bob, &messages[..5]).await;
        fill(it).await;
        let before = it.store.index_status(alice).await.unwrap();
        it.store.index_anew(alice).await.unwrap();
        let status = it.store.index_status(alice).await.unwrap();
        assert_eq!(status, IndexStatus { messages: 2100, ..IndexStatus::default() });
        assert_eq!(it.store.index_status(bob).await.unwrap().indexed, 5);
        assert_eq!(fill(it).await, 2100);
        assert_eq!(it.store.index_status(alice).await.unwrap(), before);
    }

    async fn nobody_without_the_lease_writes_to_the_index(it: &mut Fixture) {
        let alice = it.account("alice@a.test", Screening::Off).await;
        append(it, alice, &[message(1)]).await;
        let lease = it.lease().await;
        let behind = it.store.index_behind(&lease, 10).await.unwrap().remove(0);
        it.store.release(&lease).await.unwrap();
        let lost = store::StoreError::LeaseLost;
        assert_eq!(it.store.index(&lease, alice, Vec::new(), Some((behind.mailbox, 1))).await, Err(lost.clone()));
        assert_eq!(it.store.index(&lease, alice, Vec::new(), None).await, Err(lost));
        assert_eq!(it.store.index_behind(&lease, 10).await.unwrap(), []);
    }
}
