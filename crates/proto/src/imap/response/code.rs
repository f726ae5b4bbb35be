//! Response codes: what a status says to programs (RFC 9051 section 7.1, and each extension's).

use std::fmt::Write as _;
use std::num::NonZeroU32;

use super::twoway::read_more;
use crate::imap::command::twoway::KEYWORD;
use crate::imap::cursor::{Cursor, Read, SyntaxError};
use crate::imap::flag::Flag;
use crate::imap::numbers::Numbers;
use crate::imap::words::words;
use crate::imap::writer::Writer;

/// One response code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Code {
    /// A word alone.
    Word(CodeWord),
    /// `APPENDUID` (RFC 4315): the mailbox's UIDVALIDITY, and the UIDs that the messages got.
    AppendUid(NonZeroU32, Numbers),
    /// `BADEVENT` (RFC 5465): those we can tell.
    BadEvent(Vec<String>),
    /// `BADCHARSET`: those we know.
    BadCharset,
    /// `BADURL` (RFC 4469): the one that names nothing which could be part of a message.
    BadUrl(String),
    /// `CAPABILITY`
    Capability(Vec<String>),
    /// `COPYUID`: the target's UIDVALIDITY, the UIDs there were and those the messages got, in the same order.
    CopyUid(NonZeroU32, Numbers, Numbers),
    /// `HIGHESTMODSEQ` (RFC 7162)
    HighestModSeq(u64),
    /// `MAILBOXID` (RFC 8474)
    MailboxId(String),
    /// `METADATA LONGENTRIES` (RFC 5464): octets of the longest value that was left out.
    LongEntries(u32),
    /// `METADATA MAXSIZE`: octets of the largest value that is taken.
    MetadataMaxSize(u32),
    /// `METADATA TOOMANY`
    MetadataTooMany,
    /// `MODIFIED` (RFC 7162): what had changed.
    Modified(Numbers),
    /// `NOUPDATE` (RFC 5267): of the search of this tag it is not told what changes.
    NoUpdate(String),
    /// `PERMANENTFLAGS`: those that are kept, and whether new keywords can be made.
    PermanentFlags(Vec<Flag>, NewKeywords),
    /// `UIDNEXT`
    UidNext(NonZeroU32),
    /// `UIDVALIDITY`
    UidValidity(NonZeroU32),
    /// `UNSEEN`: the first message without `\Seen`; gone with RFC 9051.
    Unseen(NonZeroU32),
    /// `XTWOWAY MORE`: what to name for the next page.
    More(String),
    /// One of another server's, or in a form that we do not know.
    Other(OtherCode),
}

/// A code as it stands between the brackets: printable, and without `]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OtherCode(String);

/// Whether a client can make keywords in a mailbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NewKeywords {
    /// `\*`
    Possible,
    /// It can't.
    Impossible,
}

words! {
    /// Codes that say no more than their name.
    CodeWord {
        /// People must read the text.
        Alert = "ALERT",
        /// A mailbox of that name is there.
        AlreadyExists = "ALREADYEXISTS",
        /// Not who they say.
        AuthenticationFailed = "AUTHENTICATIONFAILED",
        /// Who they say, and not allowed.
        AuthorizationFailed = "AUTHORIZATIONFAILED",
        /// This can never work.
        Cannot = "CANNOT",
        /// The client does what no client should.
        ClientBug = "CLIENTBUG",
        /// The mailbox that was selected is no more (RFC 7162).
        Closed = "CLOSED",
        /// Already compressed (RFC 4978).
        CompressionActive = "COMPRESSIONACTIVE",
        /// An administrator must help.
        ContactAdmin = "CONTACTADMIN",
        /// Data is damaged.
        Corruption = "CORRUPTION",
        /// A password has run out.
        Expired = "EXPIRED",
        /// Messages are gone that the client did not know of.
        ExpungeIssued = "EXPUNGEISSUED",
        /// There are mailboxes inside it.
        HasChildren = "HASCHILDREN",
        /// Somebody else holds it.
        InUse = "INUSE",
        /// Too much of something.
        Limit = "LIMIT",
        /// The mailbox keeps no modification sequences.
        NoModSeq = "NOMODSEQ",
        /// No such mailbox.
        NonExistent = "NONEXISTENT",
        /// Not allowed.
        NoPerm = "NOPERM",
        /// The search result is not kept (RFC 5182).
        NotSaved = "NOTSAVED",
        /// More changes than can be told (RFC 5465).
        NotificationOverflow = "NOTIFICATIONOVERFLOW",
        /// Over the quota.
        OverQuota = "OVERQUOTA",
        /// A message can't be read.
        Parse = "PARSE",
        /// Not without TLS.
        PrivacyRequired = "PRIVACYREQUIRED",
        /// The mailbox can't be changed.
        ReadOnly = "READ-ONLY",
        /// The mailbox can be changed.
        ReadWrite = "READ-WRITE",
        /// Our fault.
        ServerBug = "SERVERBUG",
        /// Too large (RFC 7889).
        TooBig = "TOOBIG",
        /// Less at once than can be asked for (RFC 10022).
        TooFew = "TOOFEW",
        /// More than that (RFC 10022).
        TooMany = "TOOMANY",
        /// Create the mailbox and try again.
        TryCreate = "TRYCREATE",
        /// UIDs may change.
        UidNotSticky = "UIDNOTSTICKY",
        /// Sequence numbers are off (RFC 9586).
        UidRequired = "UIDREQUIRED",
        /// Later.
        Unavailable = "UNAVAILABLE",
        /// A content-transfer-encoding that we can't undo.
        UnknownCte = "UNKNOWN-CTE",
        /// No mailbox can have that special use (RFC 6154).
        UseAttr = "USEATTR",
    }
}

impl From<CodeWord> for Code {
    fn from(word: CodeWord) -> Self {
        Self::Word(word)
    }
}

impl OtherCode {
    /// As it stands between the brackets.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Code {
    /// Reads a code, whose `[` is read, with its `]`.
    ///
    /// ```abnf
    /// resp-text-code = code-word / "APPENDUID" SP nz-number SP uid-set / "BADCHARSET" [SP "(" astring *(SP astring) ")"]
    ///                / "BADURL" SP 1*<any TEXT-CHAR except "]">
    ///                / "CAPABILITY" 1*(SP atom) / "COPYUID" SP nz-number SP uid-set SP uid-set / "HIGHESTMODSEQ" SP number64
    ///                / "MAILBOXID" SP "(" objectid ")" / "METADATA" SP ( ( "LONGENTRIES" / "MAXSIZE" ) SP number / "TOOMANY" )
    ///                / "MODIFIED" SP sequence-set / "NOUPDATE" SP quoted / "PERMANENTFLAGS" SP "(" [flag-perm *(SP flag-perm)] ")"
    ///                / ( "UIDNEXT" / "UIDVALIDITY" / "UNSEEN" ) SP nz-number / "XTWOWAY" SP "MORE" SP string
    ///                / atom [SP 1*<any TEXT-CHAR except "]">]
    /// ```
    pub(super) fn read(cursor: &mut Cursor<'_>) -> Read<Self> {
        let mut ahead = cursor.clone();
        let mut known = Self::read_known(&mut ahead);
        // Some servers leave a space.
        while ahead.take(b' ') {}
        if let Err(error) = ahead.demand(b']', "]") {
            known = known.and(Err(error));
        }
        match known {
            Ok(code) => {
                *cursor = ahead;
                Ok(code)
            }
            Err(SyntaxError::LiteralDue) => Err(SyntaxError::LiteralDue),
            Err(_other) => {
                let text = cursor.run("a code", |octet| matches!(octet, b' '..=b'~') && octet != b']')?;
                cursor.demand(b']', "]")?;
                let word = text.split(' ').next().unwrap_or(text);
                Ok(match word.to_ascii_uppercase().as_str() {
                    // What may hold a `]` itself, and is not whole: where it ends nobody can tell. It is known by its word.
                    "BADCHARSET" => Self::BadCharset,
                    "NOUPDATE" | KEYWORD => Self::Other(OtherCode(word.to_owned())),
                    _ => Self::Other(OtherCode(text.to_owned())),
                })
            }
        }
    }

    fn read_known(cursor: &mut Cursor<'_>) -> Read<Self> {
        const FORM: &str = "a code";
        let before = cursor.clone();
        let word = cursor.keyword(FORM)?.to_ascii_uppercase();
        if let Some(word) = CodeWord::parse(&word) {
            return Ok(Self::Word(word));
        }
        if word == "BADCHARSET" {
            if cursor.take(b' ') {
                cursor.skip_value()?;
            }
            return Ok(Self::BadCharset);
        }
        if word == "CAPABILITY" {
            return Ok(Self::Capability(cursor.atoms_behind()));
        }
        cursor.space()?;
        Ok(match word.as_str() {
            "APPENDUID" => {
                let validity = cursor.nonzero("a UIDVALIDITY")?;
                cursor.space()?;
                Self::AppendUid(validity, cursor.numbers()?)
            }
            // The grammar has no quotes here, and the examples of RFC 4469 have.
            "BADURL" => {
                Self::BadUrl(cursor.run("a URL", |octet| matches!(octet, b' '..=b'~') && octet != b']')?.trim_matches('"').to_owned())
            }
            "COPYUID" => {
                let validity = cursor.nonzero("a UIDVALIDITY")?;
                cursor.space()?;
                let from = in_order(cursor)?;
                cursor.space()?;
                let to = in_order(cursor)?;
                if from.count() != to.count() {
                    return before.expected("as many UIDs as messages");
                }
                Self::CopyUid(validity, from, to)
            }
            "HIGHESTMODSEQ" => Self::HighestModSeq(cursor.number64("a modification sequence")?),
            "MAILBOXID" => Self::MailboxId(cursor.object_id()?),
            "METADATA" if cursor.take_word("TOOMANY") => Self::MetadataTooMany,
            "METADATA" => {
                let longest = cursor.take_word("LONGENTRIES");
                if !longest {
                    cursor.demand_word("MAXSIZE", FORM)?;
                }
                cursor.space()?;
                let octets = cursor.number("a number of octets")?;
                if longest { Self::LongEntries(octets) } else { Self::MetadataMaxSize(octets) }
            }
            "MODIFIED" => Self::Modified(cursor.numbers()?),
            "NOUPDATE" => Self::NoUpdate(cursor.text("a tag")?),
            "PERMANENTFLAGS" => {
                let (flags, any) = cursor.flags_told()?;
                Self::PermanentFlags(flags, if any { NewKeywords::Possible } else { NewKeywords::Impossible })
            }
            "UIDNEXT" => Self::UidNext(cursor.nonzero("a UID")?),
            "UIDVALIDITY" => Self::UidValidity(cursor.nonzero("a UIDVALIDITY")?),
            "UNSEEN" => Self::Unseen(cursor.nonzero("a number")?),
            KEYWORD => Self::More(read_more(cursor)?),
            _ => return before.expected(FORM),
        })
    }

    pub(super) fn write(&self, out: &mut Writer) {
        match self {
            Self::Word(word) => out.put(word),
            Self::AppendUid(validity, uids) => out.put(format_args!("APPENDUID {validity} {uids}")),
            Self::BadEvent(events) => out.put("BADEVENT ").words(events),
            Self::BadCharset => out.put("BADCHARSET (US-ASCII UTF-8)"),
            Self::BadUrl(url) => out.put("BADURL \"").text(&url_text(url)).put("\""),
            Self::Capability(names) => out.put("CAPABILITY ").put(names.join(" ")),
            Self::CopyUid(validity, from, to) => out.put(format_args!("COPYUID {validity} {from} {to}")),
            Self::HighestModSeq(modseq) => out.put("HIGHESTMODSEQ ").put(modseq),
            Self::MailboxId(id) => out.put(format_args!("MAILBOXID ({id})")),
            Self::LongEntries(octets) => out.put("METADATA LONGENTRIES ").put(octets),
            Self::MetadataMaxSize(octets) => out.put("METADATA MAXSIZE ").put(octets),
            Self::MetadataTooMany => out.put("METADATA TOOMANY"),
            Self::Modified(numbers) => out.put("MODIFIED ").put(numbers),
            Self::NoUpdate(tag) => out.put("NOUPDATE ").string(tag.as_bytes()),
            Self::PermanentFlags(flags, new) => {
                let any = if *new == NewKeywords::Possible { Some("\\*".to_owned()) } else { None };
                out.put("PERMANENTFLAGS ").words(flags.iter().map(ToString::to_string).chain(any))
            }
            Self::UidNext(uid) => out.put("UIDNEXT ").put(uid),
            Self::UidValidity(validity) => out.put("UIDVALIDITY ").put(validity),
            Self::Unseen(number) => out.put("UNSEEN ").put(number),
            Self::More(after) => out.put("XTWOWAY MORE ").string(after.as_bytes()),
            Self::Other(code) => out.put(&code.0),
        };
    }
}

/// A URL without octets that can't stand between the brackets: those are told as a URL may have them in any case.
fn url_text(url: &str) -> String {
    let mut text = String::with_capacity(url.len());
    for octet in url.bytes() {
        match octet {
            b'!'..=b'~' if !matches!(octet, b'"' | b'\\' | b']') => text.push(char::from(octet)),
            _ => {
                // Only a `Display` that fails could make this fail.
                let _infallible = write!(text, "%{octet:02X}");
            }
        }
    }
    text
}

/// `uid-set` whose numbers only grow: of one that goes back and forth, a set of ours would forget which belongs to which.
fn in_order(cursor: &mut Cursor<'_>) -> Read<Numbers> {
    const FORM: &str = "UIDs in order";
    let before = cursor.clone();
    let numbers = cursor.numbers()?;
    let read = before.rest().len() - cursor.rest().len();
    let text = before.rest().get(..read).and_then(|octets| std::str::from_utf8(octets).ok()).unwrap_or_default();
    let mut last = 0;
    for number in text.split([',', ':']) {
        let number = number.parse::<u32>().unwrap_or_default();
        if number <= last {
            return before.expected(FORM);
        }
        last = number;
    }
    Ok(numbers)
}
