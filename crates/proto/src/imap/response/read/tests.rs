//! Whatever is written reads back; and what other servers write, as the RFCs let them.

mod any;

use proptest::prelude::*;

use super::*;
use any::{data, status};

proptest! {
    #[test]
    fn what_is_told_reads_back(data in data(), utf8 in any::<bool>()) {
        let names = if utf8 { NameForm::Utf8 } else { NameForm::ModifiedUtf7 };
        let octets = data.encode(names);
        prop_assert_eq!(parse(&octets, names), Ok(Response::Told(data)), "{}", octets.escape_ascii());
    }

    #[test]
    fn how_a_command_went_reads_back(status in status(&[Condition::Ok, Condition::No, Condition::Bad])) {
        let tag = Tag::new("a1").unwrap();
        let octets = status.encode(&tag, NameForm::Utf8);
        prop_assert_eq!(parse(&octets, NameForm::Utf8), Ok(Response::Answer(tag, status)), "{}", octets.escape_ascii());
    }

    #[test]
    fn a_response_cut_short_asks_for_more_or_is_none(data in data(), at in any::<proptest::sample::Index>()) {
        let octets = data.encode(NameForm::Utf8);
        let cut = octets.get(..at.index(octets.len())).unwrap();
        // Never a panic; and what is read can be written.
        if let Ok(Response::Told(data)) = parse(cut, NameForm::Utf8) {
            prop_assert!(!data.encode(NameForm::Utf8).is_empty());
        }
    }
}

/// What a server writes, and how we would.
#[track_caller]
fn reads(line: &str, ours: &str) {
    let parsed = parse(format!("{line}\r\n").as_bytes(), NameForm::ModifiedUtf7);
    let told = match parsed {
        Ok(Response::Told(data)) => String::from_utf8(data.encode(NameForm::Utf8)).unwrap(),
        Ok(Response::Answer(tag, status)) => String::from_utf8(status.encode(&tag, NameForm::Utf8)).unwrap(),
        Ok(Response::Continuation(text)) => format!("+ {text}\r\n"),
        Ok(Response::Unknown(word)) => format!("unknown: {word}\r\n"),
        Err(error) => format!("error: {error}\r\n"),
    };
    assert_eq!(told.strip_suffix("\r\n"), Some(if ours.is_empty() { line } else { ours }));
}

#[test]
fn what_other_servers_say_of_sessions_is_read() {
    reads("* OK [CAPABILITY IMAP4rev1 SASL-IR LOGIN-REFERRALS ID ENABLE IDLE LITERAL+ STARTTLS AUTH=PLAIN] Dovecot ready.", "");
    reads("* PREAUTH IMAP4rev1 server logged in as Smith", "");
    reads("* BYE", "* BYE -");
    reads("* bye Logging out", "* BYE Logging out");
    reads("a1 OK", "a1 OK -");
    reads("a1 OK [READ-WRITE]", "a1 OK [READ-WRITE] -");
    reads("a1 OK [READ-WRITE] Select completed (0.002 + 0.000 + 0.001 secs).", "");
    reads("a1 NO [AUTHENTICATIONFAILED] Authentication failed.", "");
    reads("a1 NO [WEBALERT https://a.test/] Web login required.", "");
    reads("a1 NO [BADCHARSET] no", "a1 NO [BADCHARSET (US-ASCII UTF-8)] no");
    reads("a1 NO [BADCHARSET (KOI8-R {5}\r\nUTF-8)] no", "a1 NO [BADCHARSET (US-ASCII UTF-8)] no");
    reads("a1 NO [BADCHARSET (a] b\u{e9}) c] d", "a1 NO [BADCHARSET (US-ASCII UTF-8)] b?) c] d");
    reads("* NO [NOUPDATE \"a] b", "* NO [NOUPDATE] b");
    reads("a1 OK [XTWOWAY MORE \"a] b", "a1 OK [XTWOWAY] b");
    reads("a1 OK [COPYUID 1 7,3 10:11] unordered sets are left as they are", "");
    reads("a1 OK [COPYUID 1 3:4 10] as are those that do not fit", "");
    reads("* OK [UNSEEN 0] a number that is none", "");
    reads(
        "* OK [PERMANENTFLAGS (\\Answered NonJunk \\Important \\*)] Flags permitted.",
        "* OK [PERMANENTFLAGS (\\Answered NonJunk \\*)] Flags permitted.",
    );
    reads("* OK [NOMODSEQ] no", "");
    reads("* OK [CAPABILITY IMAP4rev1 ] hello", "* OK [CAPABILITY IMAP4rev1] hello");
    reads("* OK [FOO \"a\" (b)] bar", "");
    reads("* OK Still here {5}", "");
    reads("* OK caf\u{e9}", "* OK caf?");
    reads("* NO [ALERT] Disk is nearly full", "");
    reads("+ idling", "");
    reads("+", "+ ");
    reads("+ YmFzZTY0", "");
    reads("* CAPABILITY IMAP4rev1 UNSELECT IDLE NAMESPACE QUOTA ID XLIST CHILDREN X-GM-EXT-1 UIDPLUS COMPRESS=DEFLATE ENABLE MOVE", "");
    reads("* CAPABILITY", "");
    reads("* ENABLED", "");
    reads("* ID NIL", "");
    reads("* ID (\"name\" \"Cyrus IMAPD\" \"os\" NIL)", "");
    reads("* X-FROB 1 2 (3", "unknown: X-FROB");
    reads("* 7 X-FROB", "unknown: X-FROB");
    reads("* \u{e9}", "unknown: ");
}

#[test]
fn what_other_servers_say_of_mailboxes_is_read() {
    reads("* LIST (\\HasNoChildren \\UnMarked) \".\" INBOX.Sent", "* LIST (\\HasNoChildren \\Unmarked) \".\" INBOX.Sent");
    reads("* LIST (\\Noselect \\X-Mine) NIL \"\"", "* LIST (\\Noselect) NIL \"\"");
    reads("* LIST () NIL {5}\r\na \"b\"", "* LIST () NIL \"a \\\"b\\\"\"");
    reads("* LIST (\\HasChildren \\Noselect) \"/\" \"[Gmail]\"", "* LIST (\\HasChildren \\Noselect) \"/\" [Gmail]");
    reads("* LIST (\\All \\HasNoChildren) \"/\" \"[Gmail]/All Mail\"", "* LIST (\\HasNoChildren \\All) \"/\" \"[Gmail]/All Mail\"");
    reads(
        "* LIST () \"/\" foo (X-MINE (1 (2 \"3\")) \"CHILDINFO\" (\"SUBSCRIBED\"))",
        "* LIST () \"/\" foo (\"CHILDINFO\" (\"SUBSCRIBED\"))",
    );
    reads("* LIST () \"/\" foo ()", "* LIST () \"/\" foo");
    reads("* LIST () \"\" foo", "* LIST () NIL foo");
    reads("* LIST () \"/\" \"R&D\"", "unknown: LIST");
    reads("* LIST () \"/\" &AOk-t&AOk-", "* LIST () \"/\" \"\u{e9}t\u{e9}\"");
    reads("* LSUB () \".\" INBOX", "");
    reads("* STATUS \"blurdy bloop\" (MESSAGES 231 X-FOO (1 2) UIDNEXT 44292) ", "* STATUS \"blurdy bloop\" (MESSAGES 231 UIDNEXT 44292)");
    reads("* STATUS INBOX ()", "");
    reads("* NAMESPACE ((\"INBOX.\" \".\")) ((\"user.\" \".\")) ((\"\" \".\"))", "");
    reads("* NAMESPACE ((\"\" \"/\" \"X-PARAM\" (\"FLAG1\" \"FLAG2\"))) NIL NIL", "* NAMESPACE ((\"\" \"/\")) NIL NIL");
    reads("* QUOTA \"User quota\" (STORAGE 10 512 X-FROB 1 2)", "* QUOTA \"User quota\" (STORAGE 10 512)");
    reads("* QUOTA \"\" ()", "");
    reads("* QUOTAROOT INBOX", "");
    reads("* QUOTAROOT INBOX \"User quota\" b", "");
    reads("* METADATA \"\" (/shared/comment {3}\r\na\r\n /comment \"x\")", "* METADATA \"\" (/shared/comment {3}\r\na\r\n)");
    reads("* METADATA INBOX /shared/comment /private/comment", "");
    reads("* METADATA INBOX /comment", "unknown: METADATA");
    reads(
        "* FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft $NotPhishing $Phishing \\X-Y)",
        "* FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft $NotPhishing $Phishing)",
    );
}

#[test]
fn what_other_servers_say_of_messages_is_read() {
    reads("* 172 EXISTS", "");
    reads("* 1 recent", "* 1 RECENT");
    reads("* 0 EXPUNGE", "error: expected a number from 1 on at octet 2");
    reads("* VANISHED (EARLIER) 41,43:116,118,120:211,214:540", "");
    reads("* SEARCH ", "* SEARCH");
    reads("* SEARCH 2 3 6", "");
    reads("* SEARCH 2 5 6 (MODSEQ 917162500)", "");
    reads(
        "* ESEARCH (TAG \"a567\") UID COUNT 17 ALL 4:18,21,28 X-RELEVANCY (4 99)",
        "* ESEARCH (TAG \"a567\") UID COUNT 17 ALL 4:18,21,28",
    );
    reads("* ESEARCH ALL 5:7,2", "* ESEARCH ALL 5:7,2");
    reads("* ESEARCH (TAG \"a\") ADDTO (0 4 7 5)", "");
    reads("* ESEARCH UID ADDTO (1 2733) ADDTO (1 2732:2731,9)", "* ESEARCH UID ADDTO (1 2733 1 2732,2731,9)");
    reads("* ESEARCH REMOVEFROM (4 9) ADDTO (2 9)", "");
    reads("* ESEARCH ADDTO (1 600000:1 1 600000:1)", "error: too many numbers of messages");
    reads("* ESEARCH ADDTO (1)", "error: expected a space at octet 18");
    reads("* ESEARCH ALL 7:5", "* ESEARCH ALL 7,6,5");
    reads("* ESEARCH ALL 1:4294967295,1", "error: too many numbers of messages");
    reads("* ESEARCH ALL 1:*", "error: expected numbers at octet 14");
    reads("* THREAD (2)(3 6 (4 23)(44 7 96))", "");
    reads("* UIDBATCHES (TAG \"a\")", "");
    reads("* UIDBATCHES (TAG \"a\") 9:4,3:1", "");
    reads("* UIDBATCHES (TAG a) 4:9,3", "* UIDBATCHES (TAG \"a\") 9:4,3:3");
    reads("* UIDBATCHES (TAG \"a\") 9:0", "error: expected a UID at octet 25");
    reads("* UIDBATCHES 9:4", "error: expected ( at octet 13");
    reads("* THREAD ((3)(5))", "");
    reads("* THREAD (1", "error: expected a thread in parentheses at octet 11");
    reads("* THREAD (())", "error: expected a thread in parentheses at octet 12");
    reads("* THREAD (1))", "error: expected a thread in parentheses at octet 13");
    reads(
        "* 1 FETCH (UID 5 X-GM-MSGID 1278455344230334865 X-GM-LABELS (\\Inbox \"Mail (old)\" {3}\r\na b) FLAGS (\\Seen))",
        "* 1 FETCH (UID 5 FLAGS (\\Seen))",
    );
    reads("* 1 FETCH ()", "");
    reads("* 1 FETCH (X-FROB[1.2 (a)]<5> {1}\r\nx UID 5)", "* 1 FETCH (UID 5)");
    reads(
        "* 1 FETCH (RFC822.SIZE 44827 INTERNALDATE \"17-Jul-1996 02:44:25 -0700\")",
        "* 1 FETCH (RFC822.SIZE 44827 INTERNALDATE \"17-Jul-1996 02:44:25 -0700\")",
    );
    reads("* 1 FETCH (UID 7 INTERNALDATE \"00-Jan-0000 00:00:00 +0000\")", "* 1 FETCH (UID 7)");
    reads(
        "* 1 FETCH (BODY[HEADER.FIELDS (\"DATE\" FROM)] {4}\r\nx\r\n\r FLAGS ())",
        "* 1 FETCH (BODY[HEADER.FIELDS (DATE FROM)] {4}\r\nx\r\n\r FLAGS ())",
    );
    reads("* 1 FETCH (BODY[TEXT]<0> \"quoted\" BODY[1] NIL)", "* 1 FETCH (BODY[TEXT]<0> {6}\r\nquoted BODY[1] NIL)");
    reads("* 1 FETCH (BODY[] {3}\r\na\0b)", "* 1 FETCH (BODY[] ~{3}\r\na\0b)");
    reads("* 1 FETCH (BINARY[1] \"a\")", "* 1 FETCH (BINARY[1] {1}\r\na)");
    reads("* 1 FETCH (RFC822.HEADER \"\")", "* 1 FETCH (RFC822.HEADER {0}\r\n)");
    reads(
        "* 1 FETCH (ENVELOPE (NIL {1}\r\nx ((NIL \"@route:\" \"a\" \"b\") (NIL NIL NIL NIL)) NIL NIL () NIL NIL NIL NIL))",
        "* 1 FETCH (ENVELOPE (NIL \"x\" ((NIL \"@route:\" \"a\" \"b\")(NIL NIL NIL NIL)) NIL NIL NIL NIL NIL NIL NIL))",
    );
    reads(
        "* 1 FETCH (BODY (\"TEXT\" \"PLAIN\" (\"CHARSET\" \"US-ASCII\") NIL NIL NIL 3028 92))",
        "* 1 FETCH (BODY (\"text\" \"plain\" (\"CHARSET\" \"US-ASCII\") NIL NIL \"7bit\" 3028 92))",
    );
    reads(
        "* 1 FETCH (BODYSTRUCTURE ((\"TEXT\" \"PLAIN\" () NIL NIL \"7BIT\" 1 1 NIL NIL NIL NIL \"new\" (1 2)) (\"MESSAGE\" \"RFC822\" NIL NIL NIL \"7BIT\" 9 NIL) \"MIXED\" NIL))",
        "* 1 FETCH (BODYSTRUCTURE ((\"text\" \"plain\" NIL NIL NIL \"7BIT\" 1 1 NIL NIL NIL NIL)\
         (\"application\" \"octet-stream\" NIL NIL NIL \"7BIT\" 9 NIL NIL NIL NIL) \"mixed\" NIL NIL NIL NIL))",
    );
    reads("* 1 FETCH (BODY (\"text\"))", "error: expected a space at octet 23");
    reads("* 1 FETCH (UID x)", "error: expected a UID at octet 15");
    let deep = format!("* 1 FETCH (BODY {}\"text\"", "(".repeat(101));
    reads(&deep, "error: too many parts inside each other");
}

#[test]
fn what_servers_after_us_say_of_two_way_mail_is_passed_over() {
    reads("* XTWOWAY ENTRY ALLOW a@a.test (PROOF TLS REASON x)", "* XTWOWAY ENTRY ALLOW a@a.test (REASON x)");
    reads("* XTWOWAY ENTRY MAYBE a@a.test", "unknown: XTWOWAY");
    reads("* XTWOWAY FROB (1 2)", "unknown: XTWOWAY");
    reads("* XTWOWAY GONE FROB x", "unknown: XTWOWAY");
    reads("* XTWOWAY MODES (SCREENING LATER LEGACY KEEP VACATION (ON))", "* XTWOWAY MODES (LEGACY KEEP)");
    let facts =
        "COUNT 1 FIRST \"20-Nov-2026 10:00:00 +0000\" LAST \"20-Nov-2026 10:00:00 +0000\" SIZE 1 EXPIRES \"20-Nov-2026 10:00:00 +0000\"";
    reads(
        &format!("* XTWOWAY CONTACT NOTICE m@m.test ({facts} PROOF TELEPATHY RANK 7)"),
        &format!("* XTWOWAY CONTACT NOTICE m@m.test ({facts} PROOF NONE RETRIEVED NO)"),
    );
    reads("* XTWOWAY CONTACT NOTICE m@m.test (COUNT 1)", "error: expected COUNT, FIRST, LAST and SIZE at octet 34");
    let times = "COUNT 1 FIRST \"20-Nov-2026 10:00:00 +0000\" LAST \"20-Nov-2026 10:00:00 +0000\"";
    reads(&format!("* XTWOWAY CONTACT NOTICE m@m.test ({times} SIZE 1)"), "error: expected EXPIRES of what waits at octet 34");
    reads(
        &format!("* XTWOWAY CONTACT OBSERVED m@m.test ({times} SIZE 0)"),
        &format!("* XTWOWAY CONTACT OBSERVED m@m.test ({times} SIZE 0)"),
    );
}
