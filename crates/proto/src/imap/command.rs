//! Commands: a tag, a verb, and what it says (RFC 9051 section 6); one file for each family.

pub mod append;
pub mod fetch;
pub mod list;
pub mod mailbox;
pub mod metadata;
pub mod notify;
pub mod quota;
pub mod search;
pub mod session;
pub mod sort;
pub mod store;
pub mod twoway;
pub mod uid_batches;

use std::fmt;

use super::cursor::{Cursor, Read, SyntaxError};
use super::input::LiteralForm;
use super::limits::TAG_OCTETS_MAX;
use super::mailbox_name::{MailboxName, NameForm};
use super::sequence_set::Messages;
use super::writer::Writer;

use append::{Append, AppendLiteral, Replace};
use fetch::Fetch;
use list::{List, Lsub};
use mailbox::{Access, Create, Select, StatusItem};
use metadata::{GetMetadata, SetMetadata};
use notify::Notify;
use quota::SetQuota;
use search::Search;
use session::{Authenticate, Id, Login};
use sort::{Sort, Thread};
use store::{Copy, Store};
use uid_batches::UidBatches;

/// What the client calls a command, and reads again in its answer.
#[derive(Clone, PartialEq, Eq)]
pub struct Tag(String);

/// What the numbers of a command are.
#[derive(Debug, Clone, std::marker::Copy, PartialEq, Eq)]
pub enum Numbering {
    /// Places in the mailbox.
    Sequence,
    /// `UID`: names that stay.
    Uid,
}

/// One command of a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// `CAPABILITY`
    Capability,
    /// `NOOP`
    Noop,
    /// `LOGOUT`
    Logout,
    /// `ID` (RFC 2971)
    Id(Id),
    /// `STARTTLS`
    StartTls,
    /// `AUTHENTICATE`
    Authenticate(Authenticate),
    /// `LOGIN`
    Login(Login),
    /// `ENABLE` (RFC 5161), in capitals.
    Enable(Vec<String>),
    /// `COMPRESS DEFLATE` (RFC 4978)
    Compress,
    /// `SELECT` or `EXAMINE`
    Select(Select),
    /// `CREATE`
    Create(Create),
    /// `DELETE`
    Delete(MailboxName),
    /// `RENAME`, from one name to another.
    Rename(MailboxName, MailboxName),
    /// `SUBSCRIBE`
    Subscribe(MailboxName),
    /// `UNSUBSCRIBE`
    Unsubscribe(MailboxName),
    /// `LIST`
    List(List),
    /// `LSUB`
    Lsub(Lsub),
    /// `NAMESPACE` (RFC 2342)
    Namespace,
    /// `STATUS`
    Status(MailboxName, Vec<StatusItem>),
    /// `APPEND`, up to the first literal of a message.
    Append(Append),
    /// `IDLE` (RFC 2177)
    Idle,
    /// `NOTIFY`
    Notify(Notify),
    /// `GETQUOTA`, of a root.
    GetQuota(String),
    /// `GETQUOTAROOT`
    GetQuotaRoot(MailboxName),
    /// `SETQUOTA`
    SetQuota(SetQuota),
    /// `GETMETADATA`
    GetMetadata(GetMetadata),
    /// `SETMETADATA`
    SetMetadata(SetMetadata),
    /// `CHECK`
    Check,
    /// `CLOSE`
    Close,
    /// `UNSELECT` (RFC 3691)
    Unselect,
    /// `EXPUNGE`, or `UID EXPUNGE` (RFC 4315) of some messages.
    Expunge(Option<Messages>),
    /// `SEARCH`
    Search(Search),
    /// `CANCELUPDATE` (RFC 5267): of the searches of these tags.
    CancelUpdate(Vec<String>),
    /// `FETCH`
    Fetch(Fetch),
    /// `STORE`
    Store(Store),
    /// `COPY`
    Copy(Copy),
    /// `MOVE` (RFC 6851)
    Move(Copy),
    /// `REPLACE`, up to the first literal of its message.
    Replace(Replace),
    /// `SORT`
    Sort(Sort),
    /// `THREAD`
    Thread(Thread),
    /// `UIDBATCHES` (RFC 10022)
    UidBatches(UidBatches),
    /// `XTWOWAY`
    Twoway(twoway::Command),
}

/// A command with its tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tagged {
    /// Its tag.
    pub tag: Tag,
    /// The command.
    pub command: Command,
}

/// What is no command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// The tag, if there was one.
    pub tag: Option<Tag>,
    /// Why it is none.
    pub error: CommandError,
}

/// Why a line is no command: the client's fault.
#[derive(Debug, Clone, std::marker::Copy, PartialEq, Eq, thiserror::Error)]
pub enum CommandError {
    /// It does not begin with a tag and a space.
    #[error("expected a tag and a command")]
    Tag,
    /// No verb of ours.
    #[error("unknown command")]
    Unknown,
    /// The verb does not go with what follows.
    #[error(transparent)]
    Syntax(#[from] SyntaxError),
}

impl Tag {
    /// A tag; `None` if it is no tag, or too long to be repeated.
    pub fn new(text: &str) -> Option<Self> {
        let mut cursor = Cursor::new(text.as_bytes(), NameForm::Utf8);
        let whole = cursor.tag().is_ok_and(|tag| tag.len() == text.len());
        (whole && text.len() <= TAG_OCTETS_MAX).then(|| Self(text.to_owned()))
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Reads a command with its literals; APPEND and REPLACE up to the first of a message. The final CRLF may be there or not.
///
/// # Errors
/// It is none.
pub fn parse(octets: &[u8], names: NameForm) -> Result<Tagged, Refused> {
    let mut cursor = Cursor::new(octets, names);
    let tag = cursor.tag().ok().and_then(Tag::new).filter(|_| cursor.take(b' '));
    let Some(tag) = tag else { return Err(Refused { tag: None, error: CommandError::Tag }) };
    match Command::read(&mut cursor) {
        Ok(command) => Ok(Tagged { tag, command }),
        Err(error) => Err(Refused { tag: Some(tag), error }),
    }
}

/// The tag at the front of a command, of which perhaps not all is there.
pub fn tag_of(octets: &[u8]) -> Option<Tag> {
    let mut cursor = Cursor::new(octets, NameForm::Utf8);
    cursor.tag().ok().and_then(Tag::new).filter(|_| cursor.take(b' '))
}

/// The verb of a command of which perhaps not all is there.
pub(super) fn verb_of(octets: &[u8]) -> Option<&str> {
    let mut cursor = Cursor::new(octets, NameForm::Utf8);
    cursor.tag().and_then(|_tag| cursor.space()).ok()?;
    cursor.keyword("a command").ok()
}

impl Command {
    fn read(cursor: &mut Cursor<'_>) -> Result<Self, CommandError> {
        let verb = cursor.keyword("a command")?.to_ascii_uppercase();
        let (verb, numbering) = if verb == "UID" {
            cursor.space()?;
            (cursor.keyword("a command")?.to_ascii_uppercase(), Numbering::Uid)
        } else {
            (verb, Numbering::Sequence)
        };
        let command = Self::alone(&verb).filter(|_| numbering == Numbering::Sequence);
        if let Some(command) = command {
            cursor.end()?;
            return Ok(command);
        }
        let command = match Self::about_messages(&verb, numbering, cursor) {
            Some(command) => command?,
            None if numbering == Numbering::Uid => return Err(CommandError::Unknown),
            None => match Self::about_mailboxes(&verb, cursor) {
                Some(command) => command?,
                None => Self::about_sessions(&verb, cursor).ok_or(CommandError::Unknown)??,
            },
        };
        if command.message_literal().is_none() {
            cursor.end()?;
        }
        Ok(command)
    }

    /// The literal of a message with whose announcement APPEND and REPLACE end, and that is not part of the command.
    pub(super) fn message_literal(&self) -> Option<AppendLiteral> {
        match self {
            Self::Append(append) => append.literal(),
            Self::Replace(replace) => replace.message.literal(),
            _ => None,
        }
    }

    /// Verbs that stand alone.
    fn alone(verb: &str) -> Option<Self> {
        Some(match verb {
            "CAPABILITY" => Self::Capability,
            "NOOP" => Self::Noop,
            "LOGOUT" => Self::Logout,
            "STARTTLS" => Self::StartTls,
            "NAMESPACE" => Self::Namespace,
            "IDLE" => Self::Idle,
            "CHECK" => Self::Check,
            "CLOSE" => Self::Close,
            "UNSELECT" => Self::Unselect,
            "EXPUNGE" => Self::Expunge(None),
            _ => return None,
        })
    }

    fn about_messages(verb: &str, numbering: Numbering, cursor: &mut Cursor<'_>) -> Option<Read<Self>> {
        let mut with = |read: fn(&mut Cursor<'_>, Numbering) -> Read<Self>| Some(cursor.space().and_then(|()| read(cursor, numbering)));
        match verb {
            "FETCH" => with(|cursor, numbering| Fetch::read(cursor, numbering).map(Self::Fetch)),
            "STORE" => with(|cursor, numbering| Store::read(cursor, numbering).map(Self::Store)),
            "COPY" => with(|cursor, numbering| Copy::read(cursor, numbering).map(Self::Copy)),
            "MOVE" => with(|cursor, numbering| Copy::read(cursor, numbering).map(Self::Move)),
            "SEARCH" => with(|cursor, numbering| Search::read(cursor, numbering).map(Self::Search)),
            "SORT" => with(|cursor, numbering| Sort::read(cursor, numbering).map(Self::Sort)),
            "THREAD" => with(|cursor, numbering| Thread::read(cursor, numbering).map(Self::Thread)),
            "REPLACE" => with(|cursor, numbering| Replace::read(cursor, numbering).map(Self::Replace)),
            "EXPUNGE" => with(|cursor, _numbering| messages(cursor).map(|messages| Self::Expunge(Some(messages)))),
            _ => None,
        }
    }

    fn about_mailboxes(verb: &str, cursor: &mut Cursor<'_>) -> Option<Read<Self>> {
        let mut with = |read: fn(&mut Cursor<'_>) -> Read<Self>| Some(cursor.space().and_then(|()| read(cursor)));
        match verb {
            "SELECT" => with(|cursor| Select::read(cursor, Access::ReadWrite).map(Self::Select)),
            "EXAMINE" => with(|cursor| Select::read(cursor, Access::ReadOnly).map(Self::Select)),
            "CREATE" => with(|cursor| Create::read(cursor).map(Self::Create)),
            "DELETE" => with(|cursor| cursor.mailbox().map(Self::Delete)),
            "RENAME" => with(|cursor| {
                let from = cursor.mailbox()?;
                cursor.space()?;
                Ok(Self::Rename(from, cursor.mailbox()?))
            }),
            "SUBSCRIBE" => with(|cursor| cursor.mailbox().map(Self::Subscribe)),
            "UNSUBSCRIBE" => with(|cursor| cursor.mailbox().map(Self::Unsubscribe)),
            "LIST" => with(|cursor| List::read(cursor).map(Self::List)),
            "LSUB" => with(|cursor| Lsub::read(cursor).map(Self::Lsub)),
            "STATUS" => with(|cursor| {
                let name = cursor.mailbox()?;
                cursor.space()?;
                Ok(Self::Status(name, mailbox::status_items(cursor)?))
            }),
            "APPEND" => with(|cursor| Append::read(cursor).map(Self::Append)),
            "GETQUOTA" => with(|cursor| cursor.text("a quota root").map(Self::GetQuota)),
            "GETQUOTAROOT" => with(|cursor| cursor.mailbox().map(Self::GetQuotaRoot)),
            "SETQUOTA" => with(|cursor| SetQuota::read(cursor).map(Self::SetQuota)),
            "GETMETADATA" => with(|cursor| GetMetadata::read(cursor).map(Self::GetMetadata)),
            "SETMETADATA" => with(|cursor| SetMetadata::read(cursor).map(Self::SetMetadata)),
            _ => None,
        }
    }

    fn about_sessions(verb: &str, cursor: &mut Cursor<'_>) -> Option<Read<Self>> {
        let mut with = |read: fn(&mut Cursor<'_>) -> Read<Self>| Some(cursor.space().and_then(|()| read(cursor)));
        match verb {
            "ID" => with(|cursor| Id::read(cursor).map(Self::Id)),
            "AUTHENTICATE" => with(|cursor| Authenticate::read(cursor).map(Self::Authenticate)),
            "LOGIN" => with(|cursor| Login::read(cursor).map(Self::Login)),
            "ENABLE" => with(|cursor| {
                let mut names = Vec::new();
                while names.is_empty() || !cursor.at_end() && cursor.take(b' ') {
                    names.push(cursor.atom("a capability")?.to_ascii_uppercase());
                }
                Ok(Self::Enable(names))
            }),
            "COMPRESS" => with(|cursor| cursor.demand_word("DEFLATE", "DEFLATE").map(|()| Self::Compress)),
            "NOTIFY" => with(|cursor| Notify::read(cursor).map(Self::Notify)),
            // `cancelupdate = "CANCELUPDATE" 1*(SP quoted)`
            "CANCELUPDATE" => with(|cursor| {
                let mut tags = Vec::new();
                while tags.is_empty() || !cursor.at_end() && cursor.take(b' ') {
                    tags.push(cursor.string_text("the tag of a search")?);
                }
                Ok(Self::CancelUpdate(tags))
            }),
            "UIDBATCHES" => with(|cursor| UidBatches::read(cursor).map(Self::UidBatches)),
            twoway::KEYWORD => with(|cursor| twoway::Command::read(cursor).map(Self::Twoway)),
            _ => None,
        }
    }

    fn write(&self, out: &mut Writer) {
        let verb = |out: &mut Writer, numbering: Numbering, verb: &str| {
            out.put(if numbering == Numbering::Uid { "UID " } else { "" }).put(verb);
        };
        match self {
            Self::Capability => out.put("CAPABILITY").done(),
            Self::Noop => out.put("NOOP").done(),
            Self::Logout => out.put("LOGOUT").done(),
            Self::StartTls => out.put("STARTTLS").done(),
            Self::Compress => out.put("COMPRESS DEFLATE").done(),
            Self::Namespace => out.put("NAMESPACE").done(),
            Self::Idle => out.put("IDLE").done(),
            Self::Check => out.put("CHECK").done(),
            Self::Close => out.put("CLOSE").done(),
            Self::Unselect => out.put("UNSELECT").done(),
            Self::Expunge(None) => out.put("EXPUNGE").done(),
            Self::Expunge(Some(messages)) => out.put("UID EXPUNGE ").put(messages).done(),
            Self::Id(id) => id.write(out.put("ID ")),
            Self::Authenticate(authenticate) => authenticate.write(out.put("AUTHENTICATE ")),
            Self::Login(login) => login.write(out.put("LOGIN ")),
            Self::Enable(names) => out.put("ENABLE ").put(names.join(" ")).done(),
            Self::Select(select) => {
                let verb = if select.access == Access::ReadWrite { "SELECT " } else { "EXAMINE " };
                select.write(out.put(verb));
            }
            Self::Create(create) => create.write(out.put("CREATE ")),
            Self::Delete(name) => out.put("DELETE ").mailbox(name).done(),
            Self::Rename(from, to) => out.put("RENAME ").mailbox(from).put(" ").mailbox(to).done(),
            Self::Subscribe(name) => out.put("SUBSCRIBE ").mailbox(name).done(),
            Self::Unsubscribe(name) => out.put("UNSUBSCRIBE ").mailbox(name).done(),
            Self::List(list) => list.write(out.put("LIST ")),
            Self::Lsub(lsub) => lsub.write(out.put("LSUB ")),
            Self::Status(name, items) => out.put("STATUS ").mailbox(name).put(" ").words(items).done(),
            Self::Append(append) => append.write(out.put("APPEND ")),
            Self::Notify(notify) => notify.write(out.put("NOTIFY ")),
            Self::GetQuota(root) => out.put("GETQUOTA ").astring(root.as_bytes()).done(),
            Self::GetQuotaRoot(name) => out.put("GETQUOTAROOT ").mailbox(name).done(),
            Self::SetQuota(quota) => quota.write(out.put("SETQUOTA ")),
            Self::GetMetadata(metadata) => metadata.write(out.put("GETMETADATA ")),
            Self::SetMetadata(metadata) => metadata.write(out.put("SETMETADATA ")),
            Self::Twoway(command) => command.write(out.put(twoway::KEYWORD).put(" ")),
            Self::CancelUpdate(tags) => {
                out.put("CANCELUPDATE");
                for tag in tags {
                    out.put(" ").string(tag.as_bytes());
                }
            }
            Self::UidBatches(batches) => batches.write(out.put("UIDBATCHES ")),
            Self::Search(search) => {
                verb(out, search.numbering, "SEARCH ");
                search.write(out);
            }
            Self::Fetch(fetch) => {
                verb(out, fetch.numbering, "FETCH ");
                fetch.write(out);
            }
            Self::Store(store) => {
                verb(out, store.numbering, "STORE ");
                store.write(out);
            }
            Self::Copy(copy) => {
                verb(out, copy.numbering, "COPY ");
                copy.write(out);
            }
            Self::Move(copy) => {
                verb(out, copy.numbering, "MOVE ");
                copy.write(out);
            }
            Self::Replace(replace) => {
                verb(out, replace.numbering, "REPLACE ");
                replace.write(out);
            }
            Self::Sort(sort) => {
                verb(out, sort.numbering, "SORT ");
                sort.write(out);
            }
            Self::Thread(thread) => {
                verb(out, thread.numbering, "THREAD ");
                thread.write(out);
            }
        }
    }
}

/// `sequence-set / "$"`
fn messages(cursor: &mut Cursor<'_>) -> Read<Messages> {
    if cursor.take(b'$') { Ok(Messages::Saved) } else { cursor.sequence_set().map(Messages::Set) }
}

impl Tagged {
    /// The command as it is sent, and at which octets the client waits for the server to ask for more. APPEND and REPLACE
    /// end with the line that announces the first literal of a message, if there is one.
    pub fn encode(&self, literals: LiteralForm, names: NameForm) -> (Vec<u8>, Vec<usize>) {
        let mut out = Writer::commands(literals, names);
        self.command.write(out.put(&self.tag).put(" "));
        if self.command.message_literal().is_none() {
            out.put("\r\n");
        }
        out.finish()
    }
}

#[cfg(test)]
mod tests;
