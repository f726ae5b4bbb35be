//! Every response as it is written; most are examples of the RFC that defines them, in our words.

use mail::time::{Timestamp, Zone};

use super::code::{CodeWord, NewKeywords};
use super::fetch::{ContentName, FetchedValue};
use super::mailbox::Attribute;
use super::search::{Change, ChangeKind, Selection};
use super::uid_batches::Batch;
use super::*;
use crate::imap::command::Numbering;
use crate::imap::command::fetch::{PartialEnd, PartialRange, Rfc822};
use crate::imap::command::list::ListSelection;
use crate::imap::command::mailbox::SpecialUse;
use crate::imap::command::quota::Resource;
use crate::imap::command::twoway as consent;
use crate::imap::date::DateTime;
use crate::imap::section::{Section, SectionText};
use crate::imap::sequence_set::SequenceSet;

fn n(number: u32) -> NonZeroU32 {
    NonZeroU32::new(number).unwrap()
}

fn name(text: &str) -> MailboxName {
    MailboxName::new(text).unwrap()
}

fn numbers(text: &str) -> Numbers {
    SequenceSet::parse(text).unwrap().resolve(None)
}

fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

#[track_caller]
fn check(data: &Data, line: &str) {
    let octets = data.encode(NameForm::ModifiedUtf7);
    assert_eq!(String::from_utf8(octets.clone()).unwrap(), format!("* {line}\r\n"));
    // Read again it may say less (where a part stands, a text that was made printable), and is written the same.
    let Ok(Response::Told(again)) = parse(&octets, NameForm::ModifiedUtf7) else { panic!("{line} does not read back") };
    assert_eq!(again.encode(NameForm::ModifiedUtf7), octets);
}

#[test]
fn what_is_told_of_a_session_is_written() {
    check(&Data::Capability(vec!["IMAP4rev1".to_owned(), "IDLE".to_owned()]), "CAPABILITY IMAP4rev1 IDLE");
    check(&Data::Enabled(vec![]), "ENABLED");
    check(&Data::Enabled(vec!["CONDSTORE".to_owned()]), "ENABLED CONDSTORE");
    check(&Data::Id(Id(vec![("name".to_owned(), Some("Twoway".to_owned()))])), "ID (\"name\" \"Twoway\")");
    check(&Data::Namespace(Namespaces::one()), "NAMESPACE ((\"\" \"/\")) NIL NIL");
    check(&Data::Status(Status::new(Condition::Bye, "closing")), "BYE closing");
    check(&Data::Status(Status::new(Condition::Ok, "")), "OK -");
    check(&Data::Status(Status::new(Condition::No, "a\r\n\u{e9}")), "NO a???");
}

#[test]
fn every_code_is_written() {
    for (code, text) in [
        (Code::from(CodeWord::TryCreate), "TRYCREATE"),
        (Code::AppendUid(n(38505), numbers("3955:3957")), "APPENDUID 38505 3955:3957"),
        (Code::BadCharset, "BADCHARSET (US-ASCII UTF-8)"),
        (Code::Capability(vec!["IMAP4rev2".to_owned()]), "CAPABILITY IMAP4rev2"),
        (Code::CopyUid(n(38505), numbers("304,319:320"), numbers("3956:3958")), "COPYUID 38505 304,319:320 3956:3958"),
        (Code::HighestModSeq(715_194_045_007), "HIGHESTMODSEQ 715194045007"),
        (Code::BadUrl("/a];UID=1 \u{e9}\"".to_owned()), "BADURL \"/a%5D;UID=1%20%C3%A9%22\""),
        (Code::MailboxId("F2212ea87".to_owned()), "MAILBOXID (F2212ea87)"),
        (Code::LongEntries(2199), "METADATA LONGENTRIES 2199"),
        (Code::MetadataMaxSize(1024), "METADATA MAXSIZE 1024"),
        (Code::MetadataTooMany, "METADATA TOOMANY"),
        (Code::Modified(numbers("7,9")), "MODIFIED 7,9"),
        (Code::PermanentFlags(vec![Flag::Deleted, Flag::Seen], NewKeywords::Possible), "PERMANENTFLAGS (\\Deleted \\Seen \\*)"),
        (Code::PermanentFlags(vec![], NewKeywords::Impossible), "PERMANENTFLAGS ()"),
        (Code::UidNext(n(4392)), "UIDNEXT 4392"),
        (Code::UidValidity(n(3_857_529_045)), "UIDVALIDITY 3857529045"),
        (Code::Unseen(n(12)), "UNSEEN 12"),
        (Code::More("row 50".to_owned()), "XTWOWAY MORE \"row 50\""),
    ] {
        let status = Status::new(Condition::Ok, "done").with(code);
        let line = String::from_utf8(status.encode(&Tag::new("a1").unwrap(), NameForm::Utf8)).unwrap();
        assert_eq!(line, format!("a1 OK [{text}] done\r\n"));
    }
}

#[test]
fn what_is_told_of_mailboxes_is_written() {
    check(&Data::Delimiter(Some('/')), "LIST (\\Noselect) \"/\" \"\"");
    let mut listed = Listed::new(name("Sent Mail"));
    listed.attributes = vec![Attribute::HasNoChildren, Attribute::Subscribed];
    listed.uses = vec![SpecialUse::Sent];
    check(&Data::List(listed.clone()), "LIST (\\HasNoChildren \\Subscribed \\Sent) \"/\" \"Sent Mail\"");
    listed.child_info = vec![ListSelection::Subscribed];
    check(&Data::Lsub(listed.clone()), "LSUB (\\HasNoChildren \\Subscribed \\Sent) \"/\" \"Sent Mail\" (\"CHILDINFO\" (\"SUBSCRIBED\"))");
    listed.old_name = Some(name("\u{e9}t\u{e9}"));
    let both = "LIST (\\HasNoChildren \\Subscribed \\Sent) \"/\" \"Sent Mail\" (\"CHILDINFO\" (\"SUBSCRIBED\") \"OLDNAME\" (&AOk-t&AOk-))";
    check(&Data::List(listed.clone()), both);
    listed.child_info.clear();
    check(&Data::List(listed), "LIST (\\HasNoChildren \\Subscribed \\Sent) \"/\" \"Sent Mail\" (\"OLDNAME\" (&AOk-t&AOk-))");
    check(
        &Data::MailboxStatus(
            name("blurdybloop"),
            vec![
                StatusValue::Messages(231),
                StatusValue::Recent(0),
                StatusValue::UidNext(n(44292)),
                StatusValue::UidValidity(n(1)),
                StatusValue::Unseen(2),
                StatusValue::Deleted(3),
                StatusValue::Size(5_000_000_000),
                StatusValue::HighestModSeq(7_011_231_777),
                StatusValue::AppendLimit(None),
                StatusValue::AppendLimit(Some(257_890)),
                StatusValue::MailboxId("F2212ea87".to_owned()),
                StatusValue::DeletedStorage(8),
            ],
        ),
        "STATUS blurdybloop (MESSAGES 231 RECENT 0 UIDNEXT 44292 UIDVALIDITY 1 UNSEEN 2 DELETED 3 SIZE 5000000000 HIGHESTMODSEQ 7011231777 \
         APPENDLIMIT NIL APPENDLIMIT 257890 MAILBOXID (F2212ea87) DELETED-STORAGE 8)",
    );
    let usage = Usage { resource: Resource::Storage, used: 10, limit: 512 };
    check(&Data::Quota(String::new(), vec![usage]), "QUOTA \"\" (STORAGE 10 512)");
    check(&Data::QuotaRoot(name("INBOX"), vec![String::new()]), "QUOTAROOT INBOX \"\"");
    let entry = EntryName::new("/private/comment").unwrap();
    check(&Data::Metadata(Some(name("INBOX")), vec![(entry.clone(), Some(b"x y".to_vec()))]), "METADATA INBOX (/private/comment \"x y\")");
    check(&Data::Metadata(None, vec![(entry.clone(), None)]), "METADATA \"\" (/private/comment NIL)");
    check(&Data::MetadataChanged(None, vec![entry]), "METADATA \"\" /private/comment");
}

#[test]
fn what_is_told_of_messages_is_written() {
    check(&Data::Flags(vec![Flag::Seen, Flag::parse("$Junk").unwrap()]), "FLAGS (\\Seen $Junk)");
    check(&Data::Exists(23), "23 EXISTS");
    check(&Data::Recent(5), "5 RECENT");
    check(&Data::Expunge(n(44)), "44 EXPUNGE");
    check(&Data::Vanished(Vanishing::Earlier, numbers("300:310,405")), "VANISHED (EARLIER) 300:310,405");
    check(&Data::Vanished(Vanishing::Now, numbers("405")), "VANISHED 405");
    let values = vec![
        FetchedValue::Uid(n(7)),
        FetchedValue::Flags(vec![Flag::Recent]),
        FetchedValue::InternalDate(DateTime::new(time("1996-07-07T09:44:25Z"), Zone::from_minutes(-450).unwrap())),
        FetchedValue::Size(5_000_000_000),
        FetchedValue::ModSeq(65402),
        FetchedValue::EmailId("M6d99".to_owned()),
        FetchedValue::ThreadId(None),
        FetchedValue::ThreadId(Some("T64b4".to_owned())),
        FetchedValue::SaveDate(None),
        FetchedValue::Preview(Some("Gr\u{fc}\u{df}e".to_owned())),
        FetchedValue::Preview(None),
        FetchedValue::BinarySize(vec![n(1), n(2)], 7),
    ];
    check(
        &Data::Fetch(Fetched { number: n(12), numbering: Numbering::Sequence, values }),
        "12 FETCH (UID 7 FLAGS (\\Recent) INTERNALDATE \" 7-Jul-1996 02:14:25 -0730\" RFC822.SIZE 5000000000 MODSEQ (65402) EMAILID (M6d99) \
         THREADID NIL THREADID (T64b4) SAVEDATE NIL PREVIEW {7}\r\nGr\u{fc}\u{df}e PREVIEW NIL BINARY.SIZE[1.2] 7)",
    );
    let fields = Section { part: vec![n(3)], of: SectionText::HeaderFields(vec!["From".to_owned(), "X Y".to_owned()]) };
    let values = vec![
        FetchedValue::SaveDate(Some(time("2026-11-22T00:00:00Z"))),
        FetchedValue::Content(ContentName::Section(fields, None), Some(b"From: a\r\n\r\n".to_vec())),
        FetchedValue::Content(ContentName::Section(Section::WHOLE, Some(9)), None),
        FetchedValue::Content(ContentName::Binary(vec![n(1)], Some(0)), Some(b"a\0".to_vec())),
        FetchedValue::Content(ContentName::Rfc822(Rfc822::Header), Some(vec![])),
    ];
    check(
        &Data::Fetch(Fetched { number: n(25), numbering: Numbering::Uid, values }),
        "25 UIDFETCH (SAVEDATE \"22-Nov-2026 00:00:00 +0000\" BODY[3.HEADER.FIELDS (From \"X Y\")] {11}\r\nFrom: a\r\n\r\n BODY[]<9> NIL \
         BINARY[1]<0> ~{2}\r\na\0 RFC822.HEADER {0}\r\n)",
    );
}

#[test]
fn what_a_message_is_made_of_is_written() {
    use super::structure::Extent;
    use mail::structure::{Inside, Part};
    let message = "Date: Wed, 17 Jul 1996 02:23:25 -0700\r\nFrom: \"Terry Gray\" <gray@a.test>\r\nTo: team: b@b.test;\r\nSubject: \u{e9}\r\n\
        Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Language: en, de\r\n\r\na\r\nb\r\n--x\r\n\
        Content-Type: message/rfc822\r\n\r\nMessage-ID: <1@a>\r\n\r\nin\r\n--x\r\nContent-Type: message/rfc822\r\n\
        Content-Transfer-Encoding: base64\r\nContent-Disposition: attachment; filename=q\r\nContent-Location: l\r\n\r\nAAAA\r\n--x--\r\n";
    let part = Part::read(message.as_bytes());
    let fetched = |value| Data::Fetch(Fetched { number: n(1), numbering: Numbering::Sequence, values: vec![value] });
    let inner = "(NIL NIL NIL NIL NIL NIL NIL NIL NIL \"<1@a>\") (\"text\" \"plain\" NIL NIL NIL \"7bit\" 2 0";
    check(
        &fetched(FetchedValue::Body(Extent::Basic, Box::new(part.clone()))),
        &format!(
            "1 FETCH (BODY ((\"text\" \"plain\" (\"charset\" \"utf-8\") NIL NIL \"7bit\" 4 1)(\"message\" \"rfc822\" NIL NIL NIL \"7bit\" 23 {inner}) 2)\
             (\"application\" \"octet-stream\" NIL NIL NIL \"base64\" 4) \"mixed\"))"
        ),
    );
    check(
        &fetched(FetchedValue::Body(Extent::Extended, Box::new(part.clone()))),
        &format!(
            "1 FETCH (BODYSTRUCTURE ((\"text\" \"plain\" (\"charset\" \"utf-8\") NIL NIL \"7bit\" 4 1 NIL NIL (\"en\" \"de\") NIL)\
             (\"message\" \"rfc822\" NIL NIL NIL \"7bit\" 23 {inner} NIL NIL NIL NIL) 2 NIL NIL NIL NIL)\
             (\"application\" \"octet-stream\" NIL NIL NIL \"base64\" 4 NIL (\"attachment\" (\"filename\" \"q\")) NIL \"l\") \
             \"mixed\" (\"boundary\" \"x\") NIL NIL NIL))"
        ),
    );
    let header = mail::message::HeaderSection::read(message.as_bytes());
    let envelope = mail::structure::EnvelopeStructure::read(&header);
    let from = "((\"Terry Gray\" NIL \"gray\" \"a.test\"))";
    check(
        &fetched(FetchedValue::Envelope(Box::new(envelope))),
        &format!(
            "1 FETCH (ENVELOPE (\"Wed, 17 Jul 1996 02:23:25 -0700\" {{2}}\r\n\u{e9} {from} {from} {from} \
             ((NIL NIL \"team\" NIL)(NIL NIL \"b\" \"b.test\")(NIL NIL NIL NIL)) NIL NIL NIL NIL))"
        ),
    );
    assert!(matches!(part.inside, Inside::Parts(_)));
}

#[test]
fn results_of_searches_are_written() {
    check(&Data::Search(Found::default()), "SEARCH");
    check(&Data::Search(Found { numbers: vec![2, 5], modseq: Some(917_162_500) }), "SEARCH 2 5 (MODSEQ 917162500)");
    check(&Data::Sort(Found { numbers: vec![5, 2], modseq: None }), "SORT 5 2");
    let mut result = ESearch::new(Tag::new("A283"), Numbering::Sequence);
    check(&Data::ESearch(result.clone()), "ESEARCH (TAG \"A283\")");
    (result.min, result.max, result.count, result.modseq) = (Some(n(2)), Some(n(47)), Some(25), Some(7));
    result.all = Some(Selection::Set(numbers("2,10:11")));
    check(&Data::ESearch(result), "ESEARCH (TAG \"A283\") MIN 2 MAX 47 COUNT 25 ALL 2,10:11 MODSEQ 7");
    let range = PartialRange { end: PartialEnd::Back, from: n(1), to: n(100) };
    let mut result = ESearch::new(None, Numbering::Uid);
    result.partial = Some((range, None));
    check(&Data::ESearch(result.clone()), "ESEARCH UID PARTIAL (-1:-100 NIL)");
    result.partial = Some((range, Some(Selection::Ordered(vec![7, 3, 4, 5, 2, 1]))));
    check(&Data::ESearch(result), "ESEARCH UID PARTIAL (-1:-100 7,3:5,2,1)");
    let mut update = ESearch::new(Tag::new("A284"), Numbering::Sequence);
    let change = |kind, place, messages: &str| Change { kind, place, messages: Selection::Set(numbers(messages)) };
    update.changes = vec![change(ChangeKind::Removed, 0, "3,5:6")];
    check(&Data::ESearch(update.clone()), "ESEARCH (TAG \"A284\") REMOVEFROM (0 3,5:6)");
    // RFC 5267 section 4.3.2: one after the other.
    let (gone, came) = (change(ChangeKind::Removed, 7, "4"), change(ChangeKind::Added, 1, "2731:2732"));
    update.changes = vec![gone.clone(), change(ChangeKind::Removed, 2, "9"), came, gone];
    check(&Data::ESearch(update), "ESEARCH (TAG \"A284\") REMOVEFROM (7 4 2 9) ADDTO (1 2731:2732) REMOVEFROM (7 4)");
}

#[test]
fn batches_of_uids_are_written_from_the_highest_down() {
    let batch = |highest, lowest| Batch { highest: n(highest), lowest: n(lowest) };
    let mut told = Batches { tag: Tag::new("A1"), batches: Vec::new() };
    check(&Data::UidBatches(told.clone()), "UIDBATCHES (TAG \"A1\")");
    told.batches = vec![batch(9000, 4021), batch(4020, 7), batch(6, 6)];
    check(&Data::UidBatches(told), "UIDBATCHES (TAG \"A1\") 9000:4021,4020:7,6:6");
}

#[test]
fn threads_are_written_however_deep_they_are() {
    let mut threads = Threads::default();
    check(&Data::Thread(threads.clone()), "THREAD");
    threads.add(None, Some(n(2)));
    let three = threads.add(None, Some(n(3)));
    let six = threads.add(Some(three), Some(n(6)));
    let four = threads.add(Some(six), Some(n(4)));
    threads.add(Some(four), Some(n(23)));
    let fourty_four = threads.add(Some(six), Some(n(44)));
    let seven = threads.add(Some(fourty_four), Some(n(7)));
    threads.add(Some(seven), Some(n(96)));
    let missing = threads.add(None, None);
    threads.add(Some(missing), Some(n(8)));
    threads.add(Some(missing), Some(n(9)));
    check(&Data::Thread(threads), "THREAD (2)(3 6 (4 23)(44 7 96))((8)(9))");
    let mut deep = Threads::default();
    let mut last = None;
    for number in 1..=100_000 {
        deep.add(last, Some(n(number)));
        last = Some(deep.add(last, Some(n(number))));
    }
    assert!(Data::Thread(deep).encode(NameForm::Utf8).ends_with(b"))))\r\n"));
}

#[test]
fn what_is_told_of_two_way_mail_is_written() {
    use super::twoway::{Contact, ContactKind, Evidence, Proof, Response};
    let entry = consent::Entry {
        list: consent::EntryList::Expected,
        who: "@shop.test".to_owned(),
        until: Some(time("2026-11-22T10:00:00Z")),
        count: Some(n(3)),
        reference: None,
        reason: Some("sign up".to_owned()),
    };
    let line = "XTWOWAY ENTRY EXPECTED @shop.test (UNTIL \"22-Nov-2026 10:00:00 +0000\" COUNT 3 REASON \"sign up\")";
    check(&Data::Twoway(Response::Entry(entry)), line);
    check(&Data::Twoway(Response::EntryGone(consent::EntryList::Allow, "a@a.test".to_owned())), "XTWOWAY GONE ENTRY ALLOW a@a.test");
    check(&Data::Twoway(Response::ContactGone(ContactKind::Legacy, "a@a.test".to_owned())), "XTWOWAY GONE CONTACT LEGACY a@a.test");
    let modes = consent::Modes { screening: Some(consent::Screening::On), legacy: Some(consent::Legacy::Keep), claims: None };
    check(&Data::Twoway(Response::Modes(modes)), "XTWOWAY MODES (SCREENING ON LEGACY KEEP)");
    let contact = Contact {
        kind: ContactKind::Notice,
        sender: "mallory@m.test".to_owned(),
        count: 2,
        first: time("2026-11-20T10:00:00Z"),
        last: time("2026-11-22T10:00:00Z"),
        size_octets: 4096,
        expires: Some(time("2026-12-06T10:00:00Z")),
        evidence: Some(Evidence { proof: Proof::Certificate, retrieved_before: false, network: Some("192.0.2.0/24".to_owned()) }),
        claimed_name: Some("Mallory M".to_owned()),
        claimed_subject: None,
    };
    check(
        &Data::Twoway(Response::Contact(contact)),
        "XTWOWAY CONTACT NOTICE mallory@m.test (COUNT 2 FIRST \"20-Nov-2026 10:00:00 +0000\" LAST \"22-Nov-2026 10:00:00 +0000\" SIZE 4096 \
         EXPIRES \" 6-Dec-2026 10:00:00 +0000\" PROOF TLS RETRIEVED NO NETWORK 192.0.2.0/24 NAME \"Mallory M\")",
    );
}
