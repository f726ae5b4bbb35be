//! Any response that can be written, for round trips.

use mail::structure::{Disposition, EnvelopeAddress, EnvelopeStructure, Inside, Parameter, Part};
use mail::time::{Timestamp, Zone};
use proptest::prelude::*;

use super::super::super::code::{CodeWord, NewKeywords};
use super::super::super::fetch::{ContentName, FetchedValue};
use super::super::super::mailbox::{Attribute, Namespace};
use super::super::super::search::{Change, ChangeKind, Selection};
use super::super::super::structure::Extent;
use super::super::super::twoway::{Contact, ContactKind, Evidence, Proof};
use super::super::super::uid_batches::{Batch, Batches};
use super::super::*;
use crate::imap::command::fetch::{PartialEnd, PartialRange, Rfc822};
use crate::imap::command::list::ListSelection;
use crate::imap::command::mailbox::SpecialUse;
use crate::imap::command::twoway::{Claims, Entry, EntryList, Legacy, Modes, Screening};
use crate::imap::date::DateTime;
use crate::imap::flag::Flag;
use crate::imap::mailbox_name::MailboxName;
use crate::imap::numbers::Numbers;
use crate::imap::section::{Section, SectionText};

fn nonzero() -> impl Strategy<Value = NonZeroU32> {
    prop_oneof![(1_u32..50), any::<u32>()].prop_map(|number| NonZeroU32::new(number).unwrap_or(NonZeroU32::MIN))
}

fn number64() -> impl Strategy<Value = u64> {
    0..=u64::try_from(i64::MAX).unwrap()
}

fn numbers() -> impl Strategy<Value = Numbers> {
    proptest::collection::vec(1_u32..1000, 1..9).prop_map(|all| all.into_iter().filter_map(NonZeroU32::new).collect())
}

fn time() -> impl Strategy<Value = Timestamp> {
    (-62_167_219_200_i64..253_402_207_200).prop_map(|seconds| Timestamp::from_millis(seconds * 1000))
}

/// Any, whatever form it has to be written in.
pub(super) fn text() -> impl Strategy<Value = String> {
    prop_oneof!["[a-z@.]{0,9}", "[ -~]{0,9}", "[^\\x00]{0,9}", Just("nil".to_owned()), Just("x".repeat(1001))]
}

fn mailbox() -> impl Strategy<Value = MailboxName> {
    prop_oneof!["[a-zA-Z/]{1,9}", "[ -~]{1,9}", "[a&é\u{1f4ec}-]{1,9}", "[Ii]nbox(/x)?"].prop_map(|name| MailboxName::new(&name).unwrap())
}

fn flags() -> impl Strategy<Value = Vec<Flag>> {
    let flag = prop_oneof![
        proptest::sample::select(&["\\Seen", "\\Answered", "\\Deleted", "\\Draft", "\\Flagged", "\\Recent"][..]).prop_map(str::to_owned),
        "[$a-zA-Z0-9_.&+-]{1,12}"
    ];
    proptest::collection::vec(flag.prop_map(|text| Flag::parse(&text).unwrap()), 0..5)
}

fn words() -> impl Strategy<Value = Vec<String>> {
    proptest::collection::vec("[A-Za-z0-9=+-]{1,12}", 1..5)
}

fn one_of<T: Clone + std::fmt::Debug + 'static>(all: &'static [T]) -> impl Strategy<Value = T> {
    proptest::sample::select(all)
}

fn code() -> BoxedStrategy<Code> {
    let new = prop_oneof![Just(NewKeywords::Possible), Just(NewKeywords::Impossible)];
    let shifted = |numbers: &Numbers| numbers.iter().filter_map(|number| NonZeroU32::new(number + 5000)).collect();
    prop_oneof![
        one_of(CodeWord::ALL).prop_map(Code::Word),
        (nonzero(), numbers()).prop_map(|(validity, uids)| Code::AppendUid(validity, uids)),
        Just(Code::BadCharset),
        words().prop_map(Code::Capability),
        (nonzero(), numbers()).prop_map(move |(validity, from)| Code::CopyUid(validity, from.clone(), shifted(&from))),
        number64().prop_map(Code::HighestModSeq),
        "[A-Za-z0-9_-]{1,9}".prop_map(Code::MailboxId),
        "/[A-Za-z0-9;=/.%]{0,20}".prop_map(Code::BadUrl),
        any::<u32>().prop_map(Code::LongEntries),
        any::<u32>().prop_map(Code::MetadataMaxSize),
        Just(Code::MetadataTooMany),
        numbers().prop_map(Code::Modified),
        (flags(), new).prop_map(|(flags, new)| Code::PermanentFlags(flags, new)),
        nonzero().prop_map(Code::UidNext),
        nonzero().prop_map(Code::UidValidity),
        nonzero().prop_map(Code::Unseen),
        text().prop_map(Code::More),
    ]
    .boxed()
}

pub(super) fn status(conditions: &'static [Condition]) -> impl Strategy<Value = Status> {
    (one_of(conditions), proptest::option::of(code()), "[!-Z\\\\-~][ -~]{0,20}").prop_map(|(condition, code, text)| Status {
        condition,
        code,
        text: text.into(),
    })
}

fn address() -> impl Strategy<Value = EnvelopeAddress> {
    let mailbox = (proptest::option::of(text()), proptest::option::of(text()), text(), text());
    prop_oneof![
        4 => mailbox.prop_map(|(name, route, local, domain)| EnvelopeAddress::Mailbox { name, route, local, domain }),
        1 => text().prop_map(EnvelopeAddress::GroupStart),
        1 => Just(EnvelopeAddress::GroupEnd),
    ]
}

fn envelope() -> BoxedStrategy<EnvelopeStructure> {
    let list = || proptest::collection::vec(address(), 0..3);
    let lists = (list(), list(), list(), list(), list(), list());
    let texts = || proptest::option::of(text());
    ((texts(), texts(), texts(), texts()), lists)
        .prop_map(|((date, subject, in_reply_to, message_id), lists)| {
            let (from, sender, reply_to, to, cc, bcc) = lists;
            EnvelopeStructure { date, subject, from, sender, reply_to, to, cc, bcc, in_reply_to, message_id }
        })
        .boxed()
}

fn parameters() -> impl Strategy<Value = Vec<Parameter>> {
    proptest::collection::vec((text(), text()).prop_map(|(name, value)| Parameter { name, value }), 0..3)
}

/// A part without parts, as BODYSTRUCTURE tells of it.
fn leaf() -> BoxedStrategy<Part> {
    let texts = || proptest::option::of(text());
    let said = (one_of(&["text", "image", "x\u{e9}"]), text(), parameters(), texts(), texts(), "7bit|BASE64");
    let rest = (texts(), proptest::option::of((text(), parameters())), proptest::collection::vec(text(), 0..3), texts());
    (said, rest, 0_usize..5000, 0_usize..99)
        .prop_map(|(said, rest, octets, lines)| {
            let (kind, subtype, parameters, id, description, encoding) = said;
            let (md5, disposition, languages, location) = rest;
            Part {
                header: 0..0,
                body: 0..octets,
                kind: kind.to_owned(),
                subtype: subtype.to_ascii_lowercase(),
                parameters,
                id,
                description,
                encoding,
                md5,
                disposition: disposition.map(|(kind, parameters)| Disposition { kind, parameters }),
                languages,
                location,
                lines: if kind == "text" { lines } else { 0 },
                inside: Inside::Content,
            }
        })
        .boxed()
}

fn part() -> BoxedStrategy<Part> {
    leaf()
        .prop_recursive(4, 12, 3, |inner| {
            let several = (leaf(), proptest::collection::vec(inner.clone(), 1..3)).prop_map(|(part, parts)| Part {
                body: 0..0,
                kind: "multipart".to_owned(),
                id: None,
                description: None,
                encoding: String::new(),
                md5: None,
                lines: 0,
                inside: Inside::Parts(parts),
                ..part
            });
            let message = (leaf(), envelope(), inner).prop_map(|(part, envelope, inner)| Part {
                kind: "message".to_owned(),
                subtype: "rfc822".to_owned(),
                inside: Inside::Message(Box::new(envelope), Box::new(inner)),
                ..part
            });
            prop_oneof![several, message]
        })
        .boxed()
}

/// What is left of a part where extension data is not told.
fn basic(part: Part) -> Part {
    let inside = match part.inside {
        Inside::Content => Inside::Content,
        Inside::Parts(parts) => Inside::Parts(parts.into_iter().map(basic).collect()),
        Inside::Message(envelope, message) => Inside::Message(envelope, Box::new(basic(*message))),
    };
    let parameters = if matches!(inside, Inside::Parts(_)) { Vec::new() } else { part.parameters };
    Part { md5: None, disposition: None, languages: Vec::new(), location: None, parameters, inside, ..part }
}

fn content_name() -> BoxedStrategy<ContentName> {
    let path = || proptest::collection::vec(nonzero(), 0..3);
    let fields = || proptest::collection::vec("[!-~é ]{1,9}", 1..3);
    let of = prop_oneof![
        Just(SectionText::Whole),
        Just(SectionText::Header),
        Just(SectionText::Text),
        fields().prop_map(SectionText::HeaderFields),
        fields().prop_map(SectionText::HeaderFieldsNot),
    ];
    let origin = || proptest::option::of(number64());
    prop_oneof![
        (path(), of, origin()).prop_map(|(part, of, origin)| ContentName::Section(Section { part, of }, origin)),
        (nonzero(), origin()).prop_map(|(part, origin)| ContentName::Section(Section { part: vec![part], of: SectionText::Mime }, origin)),
        (path(), origin()).prop_map(|(part, origin)| ContentName::Binary(part, origin)),
        one_of(&[Rfc822::Whole, Rfc822::Header, Rfc822::Text]).prop_map(ContentName::Rfc822),
    ]
    .boxed()
}

fn fetched_value() -> BoxedStrategy<FetchedValue> {
    let id = || "[A-Za-z0-9_-]{1,9}";
    let content = proptest::option::of(proptest::collection::vec(any::<u8>(), 0..40));
    prop_oneof![
        nonzero().prop_map(FetchedValue::Uid),
        flags().prop_map(FetchedValue::Flags),
        (time(), -5999_i64..=5999).prop_map(|(at, zone)| FetchedValue::InternalDate(DateTime::new(at, Zone::from_minutes(zone).unwrap()))),
        envelope().prop_map(|envelope| FetchedValue::Envelope(Box::new(envelope))),
        part().prop_map(|part| FetchedValue::Body(Extent::Extended, Box::new(part))),
        part().prop_map(|part| FetchedValue::Body(Extent::Basic, Box::new(basic(part)))),
        number64().prop_map(FetchedValue::Size),
        number64().prop_map(FetchedValue::ModSeq),
        id().prop_map(FetchedValue::EmailId),
        proptest::option::of(id()).prop_map(FetchedValue::ThreadId),
        proptest::option::of(time()).prop_map(FetchedValue::SaveDate),
        proptest::option::of(text()).prop_map(FetchedValue::Preview),
        (proptest::collection::vec(nonzero(), 0..3), number64()).prop_map(|(part, octets)| FetchedValue::BinarySize(part, octets)),
        (content_name(), content).prop_map(|(name, octets)| FetchedValue::Content(name, octets)),
    ]
    .boxed()
}

fn fetched() -> BoxedStrategy<Fetched> {
    let numbering = one_of(&[Numbering::Sequence, Numbering::Uid]);
    (nonzero(), numbering, proptest::collection::vec(fetched_value(), 0..5))
        .prop_map(|(number, numbering, values)| Fetched { number, numbering, values })
        .boxed()
}

fn delimiter() -> impl Strategy<Value = Option<char>> {
    proptest::option::of(one_of(&['/', '.', '\\', '"']))
}

fn listed() -> BoxedStrategy<Listed> {
    let attributes = proptest::collection::vec(one_of(Attribute::ALL), 0..3);
    let uses = proptest::collection::vec(one_of(SpecialUse::ALL), 0..3);
    let child_info = proptest::collection::vec(one_of(ListSelection::ALL), 0..3);
    (mailbox(), delimiter(), attributes, uses, child_info, proptest::option::of(mailbox()))
        .prop_map(|(name, delimiter, attributes, uses, child_info, old_name)| Listed {
            name,
            delimiter,
            attributes,
            uses,
            child_info,
            old_name,
        })
        .boxed()
}

fn namespaces() -> BoxedStrategy<Namespaces> {
    let all = || {
        let one = ("[ -~é]{0,9}", delimiter()).prop_map(|(prefix, delimiter)| Namespace { prefix, delimiter });
        proptest::collection::vec(one, 0..3)
    };
    (all(), all(), all()).prop_map(|(personal, others, shared)| Namespaces { personal, others, shared }).boxed()
}

fn status_value() -> BoxedStrategy<StatusValue> {
    prop_oneof![
        any::<u32>().prop_map(StatusValue::Messages),
        any::<u32>().prop_map(StatusValue::Recent),
        nonzero().prop_map(StatusValue::UidNext),
        nonzero().prop_map(StatusValue::UidValidity),
        any::<u32>().prop_map(StatusValue::Unseen),
        any::<u32>().prop_map(StatusValue::Deleted),
        number64().prop_map(StatusValue::Size),
        number64().prop_map(StatusValue::HighestModSeq),
        proptest::option::of(number64()).prop_map(StatusValue::AppendLimit),
        "[A-Za-z0-9_-]{1,9}".prop_map(StatusValue::MailboxId),
        number64().prop_map(StatusValue::DeletedStorage),
    ]
    .boxed()
}

fn selection() -> impl Strategy<Value = Selection> {
    let ordered = proptest::collection::vec(1_u32..900, 1..6).prop_map(|rest| Selection::Ordered([vec![1000], rest].concat()));
    prop_oneof![numbers().prop_map(Selection::Set), ordered]
}

fn esearch() -> BoxedStrategy<ESearch> {
    let range = (one_of(&[PartialEnd::Front, PartialEnd::Back]), nonzero(), nonzero()).prop_map(|(end, from, to)| PartialRange {
        end,
        from: from.min(to),
        to: from.max(to),
    });
    let partial = proptest::option::of((range, proptest::option::of(selection())));
    let some = || proptest::option::of(nonzero());
    let head = (proptest::option::of("[A-Z]{1,3}[0-9]{1,5}"), one_of(&[Numbering::Sequence, Numbering::Uid]));
    let change = (one_of(ChangeKind::ALL), any::<u32>(), selection()).prop_map(|(kind, place, messages)| Change { kind, place, messages });
    let tail = (proptest::option::of(number64()), proptest::collection::vec(change, 0..4));
    (head, some(), some(), proptest::option::of(any::<u32>()), proptest::option::of(selection()), partial, tail)
        .prop_map(|((tag, numbering), min, max, count, all, partial, (modseq, changes))| {
            let tag = tag.and_then(|tag| Tag::new(&tag));
            ESearch { tag, numbering, min, max, count, all, partial, modseq, changes }
        })
        .boxed()
}

fn batches() -> impl Strategy<Value = Batches> {
    let batch = (nonzero(), nonzero()).prop_map(|(one, other)| Batch { highest: one.max(other), lowest: one.min(other) });
    ("[A-Z]{1,3}[0-9]{1,5}", proptest::collection::vec(batch, 0..5)).prop_map(|(tag, batches)| Batches { tag: Tag::new(&tag), batches })
}

fn threads() -> impl Strategy<Value = Threads> {
    // Each message answers the one before it, or begins again further up: the order in which it is read.
    proptest::collection::vec((any::<bool>(), nonzero()), 0..12).prop_map(|steps| {
        let mut threads = Threads::default();
        let mut last = None;
        for (answers, number) in steps {
            last = Some(threads.add(last.filter(|_| answers), Some(number)));
        }
        let missing = threads.add(None, None);
        threads.add(Some(missing), NonZeroU32::new(8));
        threads.add(Some(missing), NonZeroU32::new(9));
        threads
    })
}

fn contact() -> BoxedStrategy<Contact> {
    let evidence = (one_of(Proof::ALL), any::<bool>(), proptest::option::of(text()))
        .prop_map(|(proof, retrieved_before, network)| Evidence { proof, retrieved_before, network });
    let claims = (proptest::option::of(text()), proptest::option::of(text()));
    let facts = (any::<u32>(), time(), time(), number64(), time());
    (one_of(ContactKind::ALL), text(), facts, proptest::option::of(evidence), claims)
        .prop_map(|(kind, sender, (count, first, last, size_octets, expires), evidence, (claimed_name, claimed_subject))| Contact {
            kind,
            sender,
            count,
            first,
            last,
            size_octets,
            expires: Some(expires).filter(|_| kind != ContactKind::Observed),
            evidence,
            claimed_name,
            claimed_subject,
        })
        .boxed()
}

fn told_of_two_way() -> BoxedStrategy<twoway::Response> {
    let some = || proptest::option::of(text());
    let entry = (one_of(EntryList::ALL), text(), proptest::option::of(time()), proptest::option::of(nonzero()), some(), some())
        .prop_map(|(list, who, until, count, reference, reason)| Entry { list, who, until, count, reference, reason });
    let modes = (
        proptest::option::of(one_of(Screening::ALL)),
        proptest::option::of(one_of(Legacy::ALL)),
        proptest::option::of(one_of(Claims::ALL)),
    )
        .prop_map(|(screening, legacy, claims)| Modes { screening, legacy, claims });
    prop_oneof![
        entry.prop_map(twoway::Response::Entry),
        (one_of(EntryList::ALL), text()).prop_map(|(list, who)| twoway::Response::EntryGone(list, who)),
        contact().prop_map(twoway::Response::Contact),
        (one_of(ContactKind::ALL), text()).prop_map(|(kind, who)| twoway::Response::ContactGone(kind, who)),
        modes.prop_map(twoway::Response::Modes),
    ]
    .boxed()
}

pub(super) fn data() -> BoxedStrategy<Data> {
    let usage = (one_of(Resource::ALL), number64(), number64()).prop_map(|(resource, used, limit)| Usage { resource, used, limit });
    let entry = || "/(private|shared)(/[a-z]{1,5}){0,2}".prop_map(|name| EntryName::new(&name).unwrap());
    let value = proptest::option::of(proptest::collection::vec(any::<u8>(), 0..20));
    let found = || {
        (proptest::collection::vec(1_u32.., 0..9), proptest::option::of(number64())).prop_map(|(numbers, modseq)| Found { numbers, modseq })
    };
    let any_mailbox = || proptest::option::of(mailbox());
    let of_session = prop_oneof![
        status(Condition::ALL).prop_map(Data::Status),
        words().prop_map(Data::Capability),
        words().prop_map(Data::Enabled),
        proptest::collection::vec((text(), proptest::option::of(text())), 0..4).prop_map(|fields| Data::Id(Id(fields))),
        flags().prop_map(Data::Flags),
        any::<u32>().prop_map(Data::Exists),
        any::<u32>().prop_map(Data::Recent),
        nonzero().prop_map(Data::Expunge),
        (one_of(&[Vanishing::Now, Vanishing::Earlier]), numbers()).prop_map(|(when, uids)| Data::Vanished(when, uids)),
        told_of_two_way().prop_map(Data::Twoway),
    ];
    let of_mailboxes = prop_oneof![
        listed().prop_map(Data::List),
        listed().prop_map(Data::Lsub),
        delimiter().prop_map(Data::Delimiter),
        namespaces().prop_map(Data::Namespace),
        (mailbox(), proptest::collection::vec(status_value(), 0..5)).prop_map(|(name, values)| Data::MailboxStatus(name, values)),
        (text(), proptest::collection::vec(usage, 0..3)).prop_map(|(root, usages)| Data::Quota(root, usages)),
        (mailbox(), proptest::collection::vec(text(), 0..3)).prop_map(|(name, roots)| Data::QuotaRoot(name, roots)),
        (any_mailbox(), proptest::collection::vec((entry(), value), 0..3)).prop_map(|(name, values)| Data::Metadata(name, values)),
        (any_mailbox(), proptest::collection::vec(entry(), 1..3)).prop_map(|(name, entries)| Data::MetadataChanged(name, entries)),
    ];
    let of_messages = prop_oneof![
        4 => fetched().prop_map(Data::Fetch),
        1 => found().prop_map(Data::Search),
        1 => found().prop_map(Data::Sort),
        1 => esearch().prop_map(Data::ESearch),
        1 => threads().prop_map(Data::Thread),
        1 => batches().prop_map(Data::UidBatches),
    ];
    prop_oneof![of_session.boxed(), of_mailboxes.boxed(), of_messages.boxed()].boxed()
}
