//! Every command in the form we write, in forms that clients write, and in forms that are none.

use super::*;

fn read(line: &str) -> Tagged {
    parse(line.as_bytes(), NameForm::ModifiedUtf7).unwrap_or_else(|refused| panic!("{line}: {}", refused.error))
}

fn written(tagged: &Tagged) -> String {
    let (octets, _pauses) = tagged.encode(LiteralForm::NonSynchronising, NameForm::ModifiedUtf7);
    let text = String::from_utf8(octets).unwrap();
    match tagged.command.message_literal() {
        Some(_) => text,
        None => text.strip_suffix("\r\n").expect("a line end").to_owned(),
    }
}

/// One line a command, in the form in which we would write it.
const CANONICAL: &str = include_str!("canonical.txt");

/// `what a client sends => what it means`, with the client's name in a comment.
const CLIENTS: &str = include_str!("clients.txt");

fn lines(table: &'static str) -> impl Iterator<Item = String> {
    let lines = table.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.map(|line| line.replace("\\r\\n", "\r\n"))
}

#[test]
fn every_command_is_written_as_it_was_read() {
    for line in lines(CANONICAL) {
        let tagged = read(&line);
        assert_eq!(written(&tagged), line);
        assert_eq!(read(&written(&tagged)), tagged);
    }
}

#[test]
fn every_verb_is_in_the_table() {
    let verbs: std::collections::BTreeSet<String> = lines(CANONICAL)
        .map(|line| line.trim_start_matches("a UID ").trim_start_matches("a ").split(' ').next().unwrap().to_owned())
        .collect();
    assert_eq!(verbs.len(), 43, "{verbs:?}");
}

#[test]
fn the_forms_of_real_clients_are_understood() {
    let mut seen = 0;
    for line in lines(CLIENTS) {
        let (sent, meant) = line.split_once(" => ").unwrap_or_else(|| panic!("{line}"));
        assert_eq!(written(&read(sent)), meant, "{sent}");
        seen += 1;
    }
    assert!(seen > 40, "only {seen}");
}

#[test]
fn what_is_no_command_is_refused_with_a_reason() {
    for (line, reason) in [
        ("", "expected a tag and a command"),
        ("NOOP", "expected a tag and a command"),
        (" NOOP", "expected a tag and a command"),
        ("+ NOOP", "expected a tag and a command"),
        ("a{ NOOP", "expected a tag and a command"),
        ("a FROB", "unknown command"),
        ("a UID NOOP", "unknown command"),
        ("a UID SELECT INBOX", "unknown command"),
        ("a UID EXPUNGE", "expected a space at octet 13"),
        ("a NOOP x", "expected the end of the line at octet 7"),
        ("a  NOOP", "expected a command at octet 2"),
        ("a SELECT", "expected a space at octet 8"),
        ("a SELECT &", "expected a mailbox name, encoded as RFC 3501 section 5.1.3 or RFC 6855 say at octet 9"),
        ("a SELECT INBOX (FROB)", "expected CONDSTORE or QRESYNC at octet 16"),
        ("a SELECT INBOX (QRESYNC (1 2 1:*))", "expected a set of numbers without * at octet 29"),
        ("a SELECT INBOX (QRESYNC (0 2))", "expected (uidvalidity modseq [known-uids] [(sequence-set uid-set)]) at octet 25"),
        ("a CREATE x (USE (\\Foo))", "expected a special use of RFC 6154 at octet 17"),
        ("a LIST (RECURSIVEMATCH) \"\" *", "expected SUBSCRIBED or SPECIAL-USE beside RECURSIVEMATCH at octet 24"),
        ("a STATUS INBOX ()", "expected a list of what STATUS can tell at octet 15"),
        ("a FETCH 1 ()", "expected something that FETCH tells at octet 10"),
        ("a FETCH 1 BODY[MIME]", "expected a section such as [], [TEXT], [1.2.MIME] or [HEADER.FIELDS (Subject)] at octet 15"),
        ("a FETCH 1 BODY[1.]", "expected a section such as [], [TEXT], [1.2.MIME] or [HEADER.FIELDS (Subject)] at octet 17"),
        ("a FETCH 1 BODY[]<0.0>", "expected a piece of at least one octet at octet 20"),
        ("a FETCH 0 FLAGS", "expected a set of numbers at octet 8"),
        ("a FETCH 1 FLAGS (CHANGEDSINCE 5 VANISHED)", "expected CHANGEDSINCE beside VANISHED, in UID FETCH at octet 41"),
        ("a STORE 1 FLAGS \\Sean", "expected a flag that exists, or a keyword at octet 16"),
        ("a SEARCH", "expected a space at octet 8"),
        ("a SEARCH CHARSET KOI8-R ALL", "unknown charset"),
        ("a SEARCH RETURN (ALL PARTIAL 1:2) ALL", "expected one PARTIAL, without ALL at octet 34"),
        ("a SEARCH ON 31-Feb-2026", "expected a date such as 1-Feb-1994 at octet 12"),
        ("a SEARCH OR SEEN", "expected a space at octet 16"),
        ("a SEARCH OLDER 0", "expected a number of seconds, at least 1 at octet 15"),
        ("a SORT () UTF-8 ALL", "expected what to sort by at octet 7"),
        ("a UIDBATCHES 0", "expected a number of messages at octet 13"),
        ("a UIDBATCHES 500 4:1", "expected batches such as 1:10, the first first at octet 17"),
        ("a UIDBATCHES 500 4", "expected batches such as 1:10, the first first at octet 18"),
        ("a UID UIDBATCHES 500", "unknown command"),
        ("a THREAD REFS UTF-8 ALL", "expected ORDEREDSUBJECT or REFERENCES at octet 9"),
        ("a APPEND INBOX", "expected a space at octet 14"),
        ("a APPEND INBOX \"hello\" {5}", "expected a date such as \"17-Jul-1996 02:44:25 -0700\" at octet 15"),
        ("a APPEND INBOX hello", "expected flags, a date, or a literal at octet 15"),
        ("a APPEND INBOX CATENATE ()", "expected URL, TEXT or UTF8, and a part of the message at octet 25"),
        ("a APPEND INBOX CATENATE (URL \"\" {5}\r\n", "expected URL, TEXT or UTF8, and a part of the message at octet 32"),
        ("a APPEND INBOX CATENATE (TEXT hello)", "expected a literal at octet 30"),
        ("a APPEND INBOX CATENATE (URL /a/;UID=1) x", "expected flags, a date, or a literal at octet 40"),
        ("a REPLACE 1 INBOX CATENATE (URL /a/;UID=1) {5}", "expected the end of the line at octet 43"),
        ("a NOTIFY SET", "expected NONE, or SET and groups of mailboxes and events at octet 12"),
        ("a NOTIFY SET (PERSONAL (FlagChange))", "expected MessageNew and MessageExpunge together, and both beside FlagChange at octet 35"),
        ("a NOTIFY SET (SELECTED NONE) (SELECTED-DELAYED NONE)", "expected one of SELECTED and SELECTED-DELAYED at octet 52"),
        ("a NOTIFY SET (SELECTED (MailboxName))", "expected events of messages, of the selected mailbox at octet 36"),
        (
            "a NOTIFY SET (PERSONAL (MessageNew (UID) MessageExpunge))",
            "expected what is told of new messages beside SELECTED only at octet 56",
        ),
        ("a SETQUOTA \"\" (CATS 5)", "expected STORAGE, MESSAGE, MAILBOX or ANNOTATION-STORAGE at octet 15"),
        ("a GETMETADATA \"\" /public/x", "expected the name of an entry, below /private or /shared at octet 17"),
        ("a COMPRESS LZ4", "expected DEFLATE at octet 11"),
        ("a AUTHENTICATE PLAIN !", "expected base64, or = at octet 21"),
        (
            "a XTWOWAY FROB",
            "expected ENTRIES, ADD, REMOVE, CONTACTS, ALLOW, BLOCK, DISMISS, MODES, SETMODES, UNDO, WATCH or UNWATCH at octet 10",
        ),
        ("a XTWOWAY SETMODES (LEGACY MAYBE)", "expected SCREENING, LEGACY or CLAIMS, and a word of each at octet 20"),
        ("a LOGIN {5}\r\nali", "the octets of a literal are missing"),
    ] {
        let refused = parse(line.as_bytes(), NameForm::ModifiedUtf7).expect_err(line);
        assert_eq!(refused.error.to_string(), reason, "{line}");
    }
}

#[test]
fn what_nests_or_repeats_without_end_is_refused() {
    for (line, reason) in [
        (format!("a SEARCH {}ALL", "NOT ".repeat(100_000)), "too many search keys inside each other"),
        (format!("a SEARCH {}", "(".repeat(100_000)), "too many search keys inside each other"),
        (format!("a SEARCH {}ALL", "SEEN ".repeat(1000)), "too many search keys"),
        (format!("a FETCH 1 BODY[{}1]", "1.".repeat(1000)), "too many parts inside each other"),
        (format!("a FETCH 1 ({}UID)", "UID ".repeat(5000)), "too many elements in one list"),
        (format!("a APPEND a CATENATE (URL x{})", " URL x".repeat(1000)), "too many parts of one message"),
        (format!("a APPEND a{}", " CATENATE (URL x)".repeat(5001)), "too many messages in one command"),
        (format!("{} NOOP", "x".repeat(65)), "expected a tag and a command"),
    ] {
        let refused = parse(line.as_bytes(), NameForm::ModifiedUtf7).expect_err("too much");
        assert_eq!(refused.error.to_string(), reason);
    }
}

#[test]
fn names_are_read_in_the_form_that_was_agreed_on() {
    let name = |line: &str, names| match parse(line.as_bytes(), names).unwrap().command {
        Command::Delete(name) => name.as_str().to_owned(),
        other => panic!("{other:?}"),
    };
    assert_eq!(name("a DELETE &AOk-", NameForm::ModifiedUtf7), "\u{e9}");
    assert_eq!(name("a DELETE \"&AOk-\"", NameForm::Utf8), "&AOk-");
    assert_eq!(name("a DELETE \"\u{e9}\"", NameForm::Utf8), "\u{e9}");
    let tagged = parse("a DELETE \"\u{e9}\"".as_bytes(), NameForm::Utf8).unwrap();
    assert_eq!(tagged.encode(LiteralForm::Synchronising, NameForm::Utf8).0, "a DELETE \"\u{e9}\"\r\n".as_bytes());
}

#[test]
fn messages_of_an_append_follow_each_other() {
    use append::{AppendData, AppendLiteral, AppendNext, LiteralOf};
    let announced = crate::imap::input::Announcement { octets: 9, form: LiteralForm::Synchronising };
    let before = |of, data| AppendLiteral { of, data, announced };
    let message = |data| before(LiteralOf::Message, data);
    let part = |data| before(LiteralOf::Part, data);
    for (octets, before, literal) in [
        ("\r\n", message(AppendData::Plain), None),
        (")\r\n", message(AppendData::Utf8), None),
        (")\r\n", part(AppendData::Plain), None),
        ("))\r\n", part(AppendData::Utf8), None),
        (" (\\Seen) {7+}\r\n", message(AppendData::Binary), Some(7)),
        (") {7+}\r\n", part(AppendData::Plain), Some(7)),
        (" TEXT ~{8+}\r\n", part(AppendData::Plain), Some(8)),
        (" URL /a/;UID=1 URL /a/;UID=2 UTF8 (~{8+}\r\n", part(AppendData::Plain), Some(8)),
        (") URL /a/;UID=1) CATENATE (URL /a/;UID=2) (\\Seen) CATENATE (TEXT {6+}\r\n", part(AppendData::Utf8), Some(6)),
        (" URL /a/;UID=1)\r\n", part(AppendData::Plain), None),
    ] {
        let next = AppendNext::read(octets.as_bytes(), before, NameForm::Utf8).unwrap_or_else(|error| panic!("{octets}: {error}"));
        assert_eq!(next.literal().map(|literal| literal.announced.octets), literal, "{octets}");
        let mut out = Writer::commands(LiteralForm::NonSynchronising, NameForm::Utf8);
        next.write(before, &mut out);
        let (written, _pauses) = out.finish();
        assert_eq!(String::from_utf8(written).unwrap().trim_end(), octets.trim_end());
    }
    for (octets, before, reason) in [
        ("\r\n", message(AppendData::Utf8), "expected ) behind the message at octet 0"),
        (" x\r\n", message(AppendData::Plain), "expected flags, a date, or a literal at octet 1"),
        ("\r\n", part(AppendData::Plain), "expected ) behind the parts of the message, or a space and another at octet 0"),
        (" )\r\n", part(AppendData::Plain), "expected URL, TEXT or UTF8, and a part of the message at octet 1"),
        (" {5}\r\n", part(AppendData::Plain), "expected URL, TEXT or UTF8, and a part of the message at octet 1"),
        (" URL {5}\r\n", part(AppendData::Plain), "the octets of a literal are missing"),
    ] {
        let refused = AppendNext::read(octets.as_bytes(), before, NameForm::Utf8).expect_err(octets);
        assert_eq!(refused.to_string(), reason, "{octets}");
    }
}

#[test]
fn a_password_is_not_shown_in_a_log() {
    for line in ["a LOGIN alice pencil", "a AUTHENTICATE PLAIN cGVuY2ls"] {
        let shown = format!("{:?}", read(line));
        assert!(!shown.contains("pencil") && !shown.contains("cGVuY2ls"), "{shown}");
    }
}

proptest::proptest! {
    #[test]
    fn no_octets_make_reading_panic_and_what_is_read_can_be_written(
        verb in "(a SEARCH |a FETCH 1 |a LIST |a NOTIFY SET |a XTWOWAY |a STORE 1 |a SELECT x|a UID |a |)",
        rest in "[ -~\u{e9}\r\n]{0,60}",
    ) {
        let line = verb + &rest;
        if let Ok(tagged) = parse(line.as_bytes(), NameForm::Utf8) {
            let (octets, _) = tagged.encode(LiteralForm::NonSynchronising, NameForm::Utf8);
            proptest::prop_assert_eq!(parse(&octets, NameForm::Utf8), Ok(tagged), "{}", octets.escape_ascii());
        }
    }

    #[test]
    fn any_list_of_words_from_the_table_is_read_or_refused(
        picked in proptest::collection::vec((0_usize..300, 0_usize..12), 1..12),
    ) {
        // Words of all commands, mixed: closer to the grammar than any octets.
        let words: Vec<Vec<String>> = lines(CANONICAL).map(|line| line.split(' ').map(str::to_owned).collect()).collect();
        let word = |(line, word): &(usize, usize)| {
            let line = &words[line % words.len()];
            line[word % line.len()].clone()
        };
        let line = format!("a {}", picked.iter().map(word).collect::<Vec<_>>().join(" "));
        if let Ok(tagged) = parse(line.as_bytes(), NameForm::ModifiedUtf7) {
            proptest::prop_assert_eq!(&read(&written(&tagged)), &tagged, "{}", line);
        }
    }
}
