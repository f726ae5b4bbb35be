//! Random searches over random mailboxes, against what a reader of RFC 9051 would say of each message.

use std::collections::BTreeSet;

use mail::id::MailId;
use proptest::prelude::*;
use proto::imap::command::search::AddressField;
use proto::imap::date::Date;
use proto::imap::view::Contents;

use super::*;

const NOW: i64 = 1_800_000_000_000;
const DAY_MILLIS: i64 = 86_400_000;

/// A message with all that can be asked of it.
#[derive(Debug, Clone)]
struct Whole {
    message: Message,
    item: Stamps,
    octets: Vec<u8>,
    sent: Option<i64>,
    subject: &'static str,
    body: &'static str,
}

const SUBJECTS: [&str; 4] = ["Hello", "Re: hello", "Gr\u{fc}\u{df}e", ""];
const BODIES: [&str; 3] = ["one hello", "two", "GR\u{dc}SSE \u{4f1a}\u{8bae}"];
const TEXTS: [&str; 6] = ["hello", "GR\u{dc}SSE", "two", "\u{8bae}", "", "nowhere"];

fn whole() -> impl Strategy<Value = Whole> {
    (1_u64..6, 0_u8..8, (-3_i64..1, -900_i64..900), -3_i64..1, 0_u64..200, prop::option::of(-3_i64..1), 0_usize..4, 0_usize..3).prop_map(
        |(modseq, flags, (received, zone), saved, size, sent, subject, body)| {
            let all = [Flag::Seen, Flag::Flagged, Flag::parse("$Work").unwrap()];
            let flags = all.into_iter().enumerate().filter(|(bit, _)| flags >> bit & 1 == 1).map(|(_, flag)| flag).collect();
            let time = |days: i64| Timestamp::from_millis(NOW + days * DAY_MILLIS);
            let date = sent.map(|days| format!("Date: {}\r\n", time(days).to_rfc5322())).unwrap_or_default();
            let octets =
                format!("Subject: {}\r\n{date}Content-Type: text/plain; charset=utf-8\r\n\r\n{}\r\n", SUBJECTS[subject], BODIES[body]);
            Whole {
                message: Message { uid: NonZeroU32::MIN, modseq, flags: Arc::new(flags) },
                item: Stamps {
                    uid: 1,
                    mail: MailId::new(time(0), [0; 10]),
                    received: time(received),
                    zone: mail::time::Zone::from_minutes(zone).unwrap(),
                    saved: time(saved),
                    size_octets: size,
                },
                octets: octets.into_bytes(),
                sent,
                subject: SUBJECTS[subject],
                body: BODIES[body],
            }
        },
    )
}

fn key() -> impl Strategy<Value = Key> {
    let text = || prop::sample::select(&TEXTS[..]).prop_map(str::to_owned);
    let flag = prop::sample::select(vec![Flag::Seen, Flag::Flagged, Flag::Recent, Flag::Deleted, Flag::parse("$WORK").unwrap()]);
    let set = prop::sample::select(vec!["1", "2:3", "*", "4:*", "1:100"]);
    let messages = set.prop_map(|set| Messages::Set(proto::imap::sequence_set::SequenceSet::parse(set).unwrap()));
    let date = (
        prop::sample::select(vec![DateField::Internal, DateField::Sent, DateField::Saved]),
        prop::sample::select(vec![DateRelation::Before, DateRelation::On, DateRelation::Since]),
        -3_i64..1,
    );
    let leaf = prop_oneof![
        Just(Key::All),
        messages.clone().prop_map(Key::Numbers),
        messages.prop_map(Key::Uids),
        Just(Key::Uids(Messages::Saved)),
        flag.clone().prop_map(Key::Flag),
        flag.prop_map(Key::NoFlag),
        text().prop_map(|text| Key::Field(AddressField::Subject, text)),
        text().prop_map(|text| Key::Header { name: "date".to_owned(), text }),
        text().prop_map(Key::Body),
        text().prop_map(Key::Text),
        date.prop_map(|(field, relation, days)| {
            Key::Date { field, relation, date: Date::of(Timestamp::from_millis(NOW + days * DAY_MILLIS)) }
        }),
        (0_u64..200).prop_map(Key::Larger),
        (0_u64..200).prop_map(Key::Smaller),
        (1_u32..300_000).prop_map(|seconds| Key::Older(NonZeroU32::new(seconds).unwrap())),
        (1_u32..300_000).prop_map(|seconds| Key::Younger(NonZeroU32::new(seconds).unwrap())),
        (0_u64..7).prop_map(Key::ModSeq),
        Just(Key::ThreadId("x".to_owned())),
        Just(Key::SaveDateSupported),
    ];
    leaf.prop_recursive(4, 24, 3, |inner| {
        prop_oneof![
            inner.clone().prop_map(|key| Key::Not(Box::new(key))),
            (inner.clone(), inner.clone()).prop_map(|(one, other)| Key::Or(Box::new(one), Box::new(other))),
            prop::collection::vec(inner, 1..4).prop_map(Key::And),
        ]
    })
}

/// What the RFC says, message by message.
fn naive(key: &Key, mailbox: &[Whole], index: usize, saved: &[u32]) -> bool {
    let whole = &mailbox[index];
    let number = u32::try_from(index + 1).unwrap();
    let last = u32::try_from(mailbox.len()).unwrap();
    let has = |text: &str, part: &str| mail::fold::fold(text).contains(&mail::fold::fold(part));
    let day = |time: Timestamp| time.as_millis().div_euclid(DAY_MILLIS);
    let age = (NOW - whole.item.received.as_millis()) / 1000;
    match key {
        Key::All | Key::SaveDateSupported | Key::NoFlag(Flag::Recent) => true,
        Key::ThreadId(_) | Key::Flag(Flag::Recent) | Key::EmailId(_) => false,
        Key::Numbers(Messages::Set(set)) => set.resolve(NonZeroU32::new(last)).contains(number),
        Key::Uids(Messages::Set(set)) => set.resolve(NonZeroU32::new(last * 2)).contains(number * 2),
        Key::Numbers(Messages::Saved) | Key::Uids(Messages::Saved) => saved.contains(&(number * 2)),
        Key::Flag(flag) => whole.message.flags.contains(flag),
        Key::NoFlag(flag) => !whole.message.flags.contains(flag),
        Key::Field(_, text) => has(whole.subject, text),
        Key::Header { text, .. } => {
            whole.sent.is_some()
                && (text.is_empty()
                    || has(std::str::from_utf8(&whole.octets).unwrap().split("Date:").nth(1).unwrap().lines().next().unwrap(), text))
        }
        Key::Body(text) => has(whole.body, text),
        Key::Text(text) => has(&String::from_utf8_lossy(&whole.octets), text),
        Key::Date { field, relation, date } => {
            let (found, wanted) = match field {
                DateField::Internal => (Some(day(whole.item.zone.local(whole.item.received))), day(date.start())),
                DateField::Saved => (Some(day(whole.item.saved)), day(date.start())),
                DateField::Sent => (whole.sent.map(|days| day(Timestamp::from_millis(NOW + days * DAY_MILLIS))), day(date.start())),
            };
            found.is_some_and(|found| match relation {
                DateRelation::Before => found < wanted,
                DateRelation::On => found == wanted,
                DateRelation::Since => found >= wanted,
            })
        }
        Key::Larger(octets) => whole.item.size_octets > *octets,
        Key::Smaller(octets) => whole.item.size_octets < *octets,
        Key::Older(seconds) => age >= i64::from(seconds.get()),
        Key::Younger(seconds) => age <= i64::from(seconds.get()),
        Key::ModSeq(modseq) => whole.message.modseq >= *modseq,
        Key::Not(key) => !naive(key, mailbox, index, saved),
        Key::Or(one, other) => naive(one, mailbox, index, saved) || naive(other, mailbox, index, saved),
        Key::And(keys) => keys.iter().all(|key| naive(key, mailbox, index, saved)),
    }
}

proptest! {
    #[test]
    fn a_search_says_what_the_rfc_says_and_nothing_cheaper_is_wrong(
        mut mailbox in prop::collection::vec(whole(), 1..7),
        keys in prop::collection::vec(key(), 1..4),
        saved in prop::collection::vec(1_u32..8, 0..3),
    ) {
        let mut contents = Contents::default();
        for (number, whole) in (1..).zip(&mut mailbox) {
            whole.message.uid = NonZeroU32::new(number * 2).unwrap();
            contents.put(whole.message.clone());
        }
        let saved: Vec<u32> = saved.into_iter().map(|number| number * 2).collect::<BTreeSet<_>>().into_iter().collect();
        let plan = Plan::new(&keys, &View::new(contents), &saved, Timestamp::from_millis(NOW));
        for (index, whole) in mailbox.iter().enumerate() {
            let expected = keys.iter().all(|key| naive(key, &mailbox, index, &saved));
            let text = Searchable::read(&whole.octets, 10_000);
            let sent = mail::summary::Summary::read(&HeaderSection::read(&whole.octets)).sent;
            let known: Vec<Option<bool>> = plan.texts.iter().map(|wanted| wanted.is_in(&text)).collect();
            let read: Vec<Option<bool>> = plan.texts.iter().map(|wanted| Some(wanted.is_in_message(&whole.octets, &text))).collect();
            prop_assert_eq!(&known, &read);
            let bare = Facts { number: u32::try_from(index + 1).unwrap(), message: &whole.message, item: None, sent: WhenSent::NotRead, texts: &[] };
            let with_item = Facts { item: Some(whole.item), ..bare };
            let with_sent = Facts { sent: WhenSent::Says(sent), ..with_item };
            let all = Facts { texts: &known, ..with_sent };
            prop_assert_eq!(plan.fits(&all), Some(expected));
            // Each step says the same, or that it does not know.
            for facts in [bare, with_item, with_sent] {
                prop_assert!(plan.fits(&facts).is_none_or(|fits| fits == expected));
            }
            if plan.texts.is_empty() {
                prop_assert_eq!(plan.fits(&with_sent), Some(expected));
                if !plan.asks_sent {
                    prop_assert_eq!(plan.fits(&with_item), Some(expected));
                }
            }
        }
    }
}
