//! Response codes: what a status says to programs (RFC 9051 section 7.1, and each extension's).

use std::num::NonZeroU32;

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
    /// `BADCHARSET`: those we know.
    BadCharset,
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
}

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

impl Code {
    pub(super) fn write(&self, out: &mut Writer) {
        match self {
            Self::Word(word) => out.put(word),
            Self::AppendUid(validity, uids) => out.put(format_args!("APPENDUID {validity} {uids}")),
            Self::BadCharset => out.put("BADCHARSET (US-ASCII UTF-8)"),
            Self::Capability(names) => out.put("CAPABILITY ").put(names.join(" ")),
            Self::CopyUid(validity, from, to) => out.put(format_args!("COPYUID {validity} {from} {to}")),
            Self::HighestModSeq(modseq) => out.put("HIGHESTMODSEQ ").put(modseq),
            Self::MailboxId(id) => out.put(format_args!("MAILBOXID ({id})")),
            Self::LongEntries(octets) => out.put("METADATA LONGENTRIES ").put(octets),
            Self::MetadataMaxSize(octets) => out.put("METADATA MAXSIZE ").put(octets),
            Self::MetadataTooMany => out.put("METADATA TOOMANY"),
            Self::Modified(numbers) => out.put("MODIFIED ").put(numbers),
            Self::PermanentFlags(flags, new) => {
                let any = if *new == NewKeywords::Possible { Some("\\*".to_owned()) } else { None };
                out.put("PERMANENTFLAGS ").words(flags.iter().map(ToString::to_string).chain(any))
            }
            Self::UidNext(uid) => out.put("UIDNEXT ").put(uid),
            Self::UidValidity(validity) => out.put("UIDVALIDITY ").put(validity),
            Self::Unseen(number) => out.put("UNSEEN ").put(number),
            Self::More(after) => out.put("XTWOWAY MORE ").astring(after.as_bytes()),
        };
    }
}
