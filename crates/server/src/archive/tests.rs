//! Export and import against a store of their own: every octet comes back, once.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};

use mail::flag::{FlagChange, Flags};
use mail::id::MailboxId;
use serde_json::Value;

use super::import::{Repeats, Wanted};
use super::*;
use crate::admin::Request;
use crate::admin::client::Connection;
use crate::admin::request::{Form, Password};
use crate::config::Config;
use crate::progress::Shown;
use crate::real::Machine;
use crate::serve::open;

/// What is hard on one format or another.
const NASTY: &[&[u8]] = &[
    b"",
    b"\n",
    b"\r\n",
    b"\r",
    b"no line end",
    b"Subject: x\r\n\r\nFrom here on\r\n>From there\r\n>>From x\nFrom",
    b"From alice@a.test Sat Nov 21 09:30:00 2026\nFrom bob@a.test Sat Nov 21 09:30:00 2026\n",
    b"From alice@a.test Sat Nov 21 09:30:00 2026",
    b"lone\rcr and lone\nlf\n\n\n",
    b"nul \0 and 8-bit \xff\xfe\x80\r\n\r\n",
    b"\r\n.\r\n",
    b"ends with CR\r",
    b"Return-Path: <carol@c.test>\r\nSubject: twice\r\n\r\nalike\r\n",
    b"Return-Path: <carol@c.test>\r\nSubject: twice\r\n\r\nalike\r\n",
    b">From ",
    b"From ",
    b"From",
    b">>>>>",
];

struct Place {
    directory: tempfile::TempDir,
    config: Config,
    number: AtomicU64,
}

fn alice() -> mail::address::Mailbox {
    "alice@a.test".parse().unwrap()
}

impl Place {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let text = "hostname = \"mx.a.test\"\ndomains = [\"a.test\"]\ndata_dir = \"data\"\n";
        let config = Config::parse(&directory.path().join("twoway.toml"), text).unwrap();
        let place = Self { directory, config, number: AtomicU64::new(0) };
        let add = Request::AccountAdd { address: alice(), password: Password("x".to_owned()), screening: None, legacy: None };
        place.ask(&[(add, Vec::new())]);
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn ask(&self, requests: &[(Request, Vec<u8>)]) {
        let mut connection = Connection::open(&self.config).unwrap();
        for (request, content) in requests {
            connection.ask(request, &mut content.as_slice(), &mut io::sink()).unwrap_or_else(|error| panic!("{request:?}: {error}"));
        }
        connection.close();
    }

    /// These messages lie in this mailbox, received a second after one another.
    fn fill(&self, mailbox: &str, messages: &[Vec<u8>]) {
        let first: Timestamp = "2026-11-21T09:30:00Z".parse().unwrap();
        let requests = messages.iter().map(|octets| {
            let received = first + Duration::from_secs(self.number.fetch_add(1, Ordering::SeqCst));
            (
                Request::MailImport {
                    address: alice(),
                    mailbox: mailbox.to_owned(),
                    received,
                    flags: Vec::new(),
                    content_octets: octets.len() as u64,
                },
                octets.clone(),
            )
        });
        self.ask(&requests.collect::<Vec<_>>());
    }

    /// All that lies there: mailbox, time and octets, in order.
    fn mail(&self) -> Vec<(String, Timestamp, Vec<u8>)> {
        let mut connection = Connection::open(&self.config).unwrap();
        let listed = export::list(&mut connection, &alice()).unwrap();
        let mut mail: Vec<_> = listed
            .into_iter()
            .map(|row| {
                let mut octets = Vec::new();
                let show = Request::MailShow { address: alice(), id: row.id, form: Form::Raw };
                connection.ask(&show, &mut io::empty(), &mut octets).unwrap();
                assert_eq!(octets.len() as u64, row.size_octets);
                (row.mailbox, row.received, octets)
            })
            .collect();
        connection.close();
        mail.sort();
        mail
    }

    /// Gives the first messages of INBOX these flags and no others, as a mail program does.
    fn mark(&self, uids: &[u32], flags: &[&str]) {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            let opened = open::open(&self.config, &Machine::new()).await.unwrap();
            let account = opened.store.account(&alice()).await.unwrap().unwrap().id;
            let flags = FlagChange::Replace(Flags::from_names(flags.iter().copied()).unwrap());
            opened.store.set_flags(account, MailboxId::inbox_of(account), uids.to_vec(), flags, None).await.unwrap();
            opened.close().await;
        });
    }

    /// Mailbox and flags of all that lies there.
    fn flags(&self) -> Vec<(String, String)> {
        let mut connection = Connection::open(&self.config).unwrap();
        let listed = export::list(&mut connection, &alice()).unwrap();
        connection.close();
        let mut flags: Vec<_> =
            listed.into_iter().map(|row| (row.mailbox.clone(), row.flags().names().collect::<Vec<_>>().join(" "))).collect();
        flags.sort();
        flags
    }

    fn export(&self, to: &str, format: Format) -> Value {
        export::export(&self.config, &alice(), &self.path(to), format, Shown::ToNobody).unwrap()
    }

    fn import(&self, wanted: &Wanted) -> Value {
        import::import(&self.config, wanted, Shown::ToNobody).unwrap()
    }
}

fn from(path: PathBuf) -> Wanted {
    Wanted { address: alice(), path, format: None, mailbox: None, repeats: Repeats::Skipped }
}

fn counts(document: &Value) -> [u64; 3] {
    ["imported", "already_there", "refused"].map(|key| document[key].as_u64().unwrap())
}

#[test]
fn what_is_exported_and_imported_is_the_same_to_the_octet_and_lies_there_once() {
    let here = Place::new();
    let mut nasty: Vec<Vec<u8>> = NASTY.iter().map(|message| message.to_vec()).collect();
    // Over the sizes at which something is cut into pieces.
    for size in [32_768, 65_531, 65_536, 1_100_000] {
        nasty.push([b"From x\n>".repeat(3), b"\n".to_vec(), vec![b'>'; size], b"From y".to_vec()].concat());
    }
    here.fill("INBOX", &nasty);
    here.fill("Entwürfe/v1.2", &nasty[..6]);
    let before = here.mail();
    for format in [Format::Maildir, Format::Mbox] {
        let to = format!("{format:?}");
        assert_eq!(here.export(&to, format)["exported"].as_u64().unwrap(), before.len() as u64);
        let there = Place::new();
        let wanted = from(here.path(&to));
        assert_eq!(counts(&there.import(&wanted)), [before.len() as u64, 0, 0]);
        assert_eq!(there.mail(), before, "{format:?}");
        assert_eq!(counts(&there.import(&wanted)), [0, before.len() as u64, 0]);
        assert_eq!(counts(&here.import(&wanted)), [0, before.len() as u64, 0], "where it came from");
        let under = Wanted { mailbox: Some("Old".to_owned()), repeats: Repeats::Doubled, ..wanted };
        there.import(&under);
        let mailboxes: std::collections::BTreeSet<_> = there.mail().into_iter().map(|(mailbox, ..)| mailbox).collect();
        assert_eq!(mailboxes.into_iter().collect::<Vec<_>>(), ["Entwürfe/v1.2", "INBOX", "Old", "Old/Entwürfe/v1.2"]);
    }
    let again = here.export("Maildir", Format::Maildir);
    assert_eq!((again["exported"].as_u64(), again["already_there"].as_u64()), (Some(0), Some(before.len() as u64)));
    let over = export::export(&here.config, &alice(), &here.path("Mbox"), Format::Mbox, Shown::ToNobody);
    assert!(over.unwrap_err().message.contains("is there already"));
}

#[test]
fn flags_go_along_and_messages_with_fields_like_theirs_stay_as_they_are() {
    let here = Place::new();
    let messages: [&[u8]; 6] = [
        b"Subject: plain\r\n\r\nHi\r\n",
        b"Status: RO\nX-Status: F\nX-Keywords: evil\nSubject: of its author\n\nHi\n",
        b"Return-Path: <a@b.test>\r\nX-Status: D\r\n\r\n",
        b"Status: RO\n",
        b"Status: ",
        b"",
    ];
    let flags: [&[&str]; 6] =
        [&["\\Seen", "\\Answered", "$Forwarded", "$work"], &[], &["\\Flagged"], &[], &["\\Draft"], &["other", "$work"]];
    let requests = (0..).zip(messages.iter().zip(flags)).map(|(number, (octets, flags))| {
        let (received, flags) = (Timestamp::from_millis(number * 1000), flags.iter().map(|flag| (*flag).to_owned()).collect());
        let (mailbox, content_octets) = ("INBOX".to_owned(), octets.len() as u64);
        (Request::MailImport { address: alice(), mailbox, received, flags, content_octets }, octets.to_vec())
    });
    here.ask(&requests.collect::<Vec<_>>());
    for format in [Format::Maildir, Format::Mbox] {
        let to = format!("{format:?}");
        here.export(&to, format);
        let there = Place::new();
        assert_eq!(counts(&there.import(&from(here.path(&to)))), [6, 0, 0]);
        assert_eq!((there.mail(), there.flags()), (here.mail(), here.flags()), "{format:?}");
        assert_eq!(counts(&there.import(&from(here.path(&to)))), [0, 6, 0]);
    }
    let names: Vec<String> =
        fs::read_dir(here.path("Maildir/cur")).unwrap().map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
    assert!(names.len() == 4 && names.iter().any(|name| name.ends_with(":2,PRSa")), "{names:?}");
    assert_eq!(fs::read_to_string(here.path("Maildir/dovecot-keywords")).unwrap(), "0 $work\n1 other\n");
    // Fields that other programs have left in a message.
    let theirs = here.path("theirs.mbox");
    fs::write(&theirs, "From a@b.test Sat Nov 21 09:30:00 2026\nSubject: x\nStatus: RO\nX-Status: A\nX-Mozilla-Status: 0004\n\nHi\n\n")
        .unwrap();
    let there = Place::new();
    there.import(&from(theirs));
    assert_eq!(there.flags(), [("INBOX".to_owned(), "\\Answered \\Flagged \\Seen".to_owned())]);
}

#[test]
fn another_export_to_the_same_maildir_brings_the_flags_up_to_date() {
    let here = Place::new();
    here.fill("INBOX", &[b"Subject: one\n\n".to_vec(), b"Subject: two\n\n".to_vec()]);
    here.export("dir", Format::Maildir);
    let names = |part: &str| -> Vec<String> {
        fs::read_dir(here.path("dir").join(part)).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    };
    assert_eq!((names("new").len(), names("cur").len()), (2, 0));
    let exported = |flags: &[&str]| {
        here.mark(&[1, 2], flags);
        let done = here.export("dir", Format::Maildir);
        [&done["exported"], &done["already_there"], &done["marked_anew"]].map(|count| count.as_u64().unwrap())
    };
    assert_eq!(exported(&["\\Seen", "$work"]), [0, 2, 2]);
    assert_eq!(exported(&["\\Seen", "$work"]), [0, 2, 0], "nothing is new");
    assert!(names("new").is_empty() && names("cur").iter().all(|name| name.ends_with(":2,Sa")), "{:?}", names("cur"));
    assert_eq!(exported(&[]), [0, 2, 2]);
    assert!(names("cur").iter().all(|name| name.ends_with(":2,")), "they were seen by a program, if not by their reader");
    assert_eq!(exported(&["$work", "other"]), [0, 2, 2]);
    let there = Place::new();
    there.import(&from(here.path("dir")));
    assert_eq!((there.mail(), there.flags()), (here.mail(), here.flags()));
}

#[test]
fn what_is_no_message_is_told_with_its_place_and_the_rest_is_imported() {
    let place = Place::new();
    let mbox = place.path("mail.mbox");
    fs::write(&mbox, "\nnot a message\nFrom here on\nFrom a@b.test Sat Nov 21 09:30:00 2026\nSubject: one\n\nHi\nFrom here on, text\n\nFrom c Sun Nov 22 10:00:00 2026\nx").unwrap();
    let explicit = Wanted { format: Some(Format::Mbox), ..from(mbox.clone()) };
    let done = place.import(&explicit);
    assert_eq!((counts(&done), &done["ok"]), ([2, 0, 1], &Value::Bool(false)));
    assert_eq!(done["refusals"][0]["at"], format!("{}:2", mbox.display()));
    let octets: Vec<_> = place.mail().into_iter().map(|(.., octets)| String::from_utf8(octets).unwrap()).collect();
    assert_eq!(octets, ["Subject: one\n\nHi\nFrom here on, text\n", "x"]);
    assert!(import::import(&place.config, &from(mbox), Shown::ToNobody).err().unwrap().message.contains("line 1"));

    let maildir = place.path("dir");
    for part in ["cur/a-directory", "new", "tmp", ".Sub.One/cur", ".Sub.One/new", "courier-stuff"] {
        fs::create_dir_all(maildir.join(part)).unwrap();
    }
    fs::write(maildir.join("cur/1.a.b:2,SF"), "Subject: flagged\n\n").unwrap();
    fs::write(maildir.join("tmp/2.a.b"), "half of a mess").unwrap();
    fs::write(maildir.join(".Sub.One/new/3.a.b"), "Subject: sub\n\n").unwrap();
    std::os::unix::fs::symlink("/etc/passwd", maildir.join("new/4.a.b")).unwrap();
    assert_eq!(counts(&place.import(&from(maildir))), [2, 0, 2]);
    assert!(place.flags().contains(&("INBOX".to_owned(), "\\Flagged \\Seen".to_owned())));
    assert!(place.mail().iter().any(|(mailbox, ..)| mailbox == "Sub/One"));
}

#[test]
fn a_mailbox_must_have_a_name_and_an_owner() {
    let place = Place::new();
    place.fill("INBOX", &[b"x".to_vec()]);
    place.export("dir", Format::Maildir);
    let wanted = Wanted { mailbox: Some("a//b".to_owned()), ..from(place.path("dir")) };
    assert_eq!(counts(&place.import(&wanted)), [0, 0, 1]);
    let nobody = Wanted { address: "nobody@a.test".parse().unwrap(), ..from(place.path("dir")) };
    assert_eq!(import::import(&place.config, &nobody, Shown::ToNobody).err().unwrap().code, "no-such-account");
}
