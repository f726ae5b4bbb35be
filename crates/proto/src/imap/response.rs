//! Responses: answers to commands, and what is told beside them (RFC 9051 section 7); one file for each family.

pub mod code;
pub mod fetch;
mod lenient;
pub mod mailbox;
mod read;
pub mod search;
pub mod structure;
pub mod thread;
pub mod twoway;
pub mod uid_batches;

use std::borrow::Cow;
use std::num::NonZeroU32;

use super::command::Tag;
use super::command::metadata::{EntryName, write_mailbox};
use super::command::quota::Usage;
use super::command::session::Id;
use super::date::DateTime;
use super::flag::Flag;
use super::mailbox_name::{MailboxName, NameForm};
use super::numbers::Numbers;
use super::words::words;
use super::writer::Writer;

use code::Code;
use fetch::Fetched;
use mailbox::{Listed, Namespaces, StatusValue, write_delimiter};
use search::{ESearch, Found};
use thread::Threads;
use uid_batches::Batches;

pub use read::{Response, parse};
pub(crate) use read::{is_free_text, parse_fetch_front, parse_fetch_rest};

words! {
    /// How it went.
    Condition {
        /// Done.
        Ok = "OK",
        /// Not done.
        No = "NO",
        /// Not understood.
        Bad = "BAD",
        /// A greeting to somebody already known.
        PreAuth = "PREAUTH",
        /// The session ends.
        Bye = "BYE",
    }
}

/// `OK [code] text` and its like; the tag stands before it, or `*`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// How it went.
    pub condition: Condition,
    /// For programs.
    pub code: Option<Code>,
    /// For people; what is no printable ASCII is written as `?`.
    pub text: Cow<'static, str>,
}

/// What is told without a tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Data {
    /// `OK [code] text`, `BYE text`
    Status(Status),
    /// `CAPABILITY`
    Capability(Vec<String>),
    /// `ENABLED`
    Enabled(Vec<String>),
    /// `ID`
    Id(Id),
    /// `FLAGS`
    Flags(Vec<Flag>),
    /// How many messages the mailbox has.
    Exists(u32),
    /// How many of them are new to everybody; gone with RFC 9051.
    Recent(u32),
    /// The message of this number is gone, and all behind it have a number less.
    Expunge(NonZeroU32),
    /// The messages of these UIDs are gone (RFC 7162).
    Vanished(Vanishing, Numbers),
    /// `FETCH`, or `UIDFETCH` (RFC 9586)
    Fetch(Fetched),
    /// `LIST`
    List(Listed),
    /// `LSUB`
    Lsub(Listed),
    /// `LIST (\Noselect) "/" ""`: the delimiter alone.
    Delimiter(Option<char>),
    /// `NAMESPACE`
    Namespace(Namespaces),
    /// `STATUS`
    MailboxStatus(MailboxName, Vec<StatusValue>),
    /// `SEARCH`
    Search(Found),
    /// `SORT`
    Sort(Found),
    /// `ESEARCH`
    ESearch(ESearch),
    /// `THREAD`
    Thread(Threads),
    /// `UIDBATCHES` (RFC 10022)
    UidBatches(Batches),
    /// `QUOTA`: of a root.
    Quota(String, Vec<Usage>),
    /// `QUOTAROOT`: of a mailbox.
    QuotaRoot(MailboxName, Vec<String>),
    /// `METADATA` with values; of the server if there is no mailbox.
    Metadata(Option<MailboxName>, Vec<(EntryName, Option<Vec<u8>>)>),
    /// `METADATA` of entries that have changed.
    MetadataChanged(Option<MailboxName>, Vec<EntryName>),
    /// `XTWOWAY`
    Twoway(twoway::Response),
}

/// When messages went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Vanishing {
    /// Now.
    Now,
    /// `(EARLIER)`: before the client asked.
    Earlier,
}

impl Status {
    /// Without a code.
    pub fn new(condition: Condition, text: impl Into<Cow<'static, str>>) -> Self {
        Self { condition, code: None, text: text.into() }
    }

    /// The same with a code.
    #[must_use]
    pub fn with(self, code: impl Into<Code>) -> Self {
        Self { code: Some(code.into()), ..self }
    }

    /// Writes it behind a tag.
    pub fn encode(&self, tag: &Tag, names: NameForm) -> Vec<u8> {
        let mut out = Writer::responses(names);
        self.write(out.put(tag).put(" "));
        out.put("\r\n");
        out.into_octets()
    }

    fn write(&self, out: &mut Writer) {
        out.put(self.condition).put(" ");
        if let Some(code) = &self.code {
            code.write(out.put("["));
            out.put("] ");
        }
        let printable = |character: char| if matches!(character, ' '..='~') { character } else { '?' };
        let text: String = self.text.chars().map(printable).collect();
        out.put(match text.strip_prefix('[') {
            // A text that looks like a code would be one.
            Some(rest) if self.code.is_none() => format!("?{rest}"),
            // RFC 3501: text has at least one character.
            _ if text.is_empty() => "-".to_owned(),
            _ => text,
        });
    }
}

impl Data {
    /// Writes it, its `*` and its line end included.
    pub fn encode(&self, names: NameForm) -> Vec<u8> {
        let mut out = Writer::responses(names);
        self.write(out.put("* "));
        out.put("\r\n");
        out.into_octets()
    }

    fn write(&self, out: &mut Writer) {
        let words = |out: &mut Writer, word: &str, rest: &[String]| {
            out.put(word);
            for each in rest {
                out.put(" ").put(each);
            }
        };
        match self {
            Self::Status(status) => status.write(out),
            Self::Capability(names) => words(out, "CAPABILITY", names),
            Self::Enabled(names) => words(out, "ENABLED", names),
            Self::Id(id) => id.write(out.put("ID ")),
            Self::Flags(flags) => out.put("FLAGS ").words(flags).done(),
            Self::Exists(count) => out.put(count).put(" EXISTS").done(),
            Self::Recent(count) => out.put(count).put(" RECENT").done(),
            Self::Expunge(number) => out.put(number).put(" EXPUNGE").done(),
            Self::Vanished(Vanishing::Now, uids) => out.put("VANISHED ").put(uids).done(),
            Self::Vanished(Vanishing::Earlier, uids) => out.put("VANISHED (EARLIER) ").put(uids).done(),
            Self::Fetch(fetched) => fetched.write(out),
            Self::List(listed) => listed.write(out.put("LIST ")),
            Self::Lsub(listed) => listed.write(out.put("LSUB ")),
            Self::Delimiter(delimiter) => {
                write_delimiter(*delimiter, out.put("LIST (\\Noselect) "));
                out.put(" \"\"").done();
            }
            Self::Namespace(namespaces) => namespaces.write(out.put("NAMESPACE ")),
            Self::MailboxStatus(name, values) => {
                out.put("STATUS ").mailbox(name).put(" ").list(values, |out, value| value.write(out)).done();
            }
            Self::Search(found) => found.write(out.put("SEARCH")),
            Self::Sort(found) => found.write(out.put("SORT")),
            Self::ESearch(result) => result.write(out.put("ESEARCH")),
            Self::Thread(threads) => threads.write(out.put("THREAD")),
            Self::UidBatches(batches) => batches.write(out.put("UIDBATCHES")),
            Self::Quota(root, usages) => {
                out.put("QUOTA ").astring(root.as_bytes()).put(" ");
                out.list(usages, |out, usage| out.put(format_args!("{} {} {}", usage.resource, usage.used, usage.limit)).done());
            }
            Self::QuotaRoot(name, roots) => {
                out.put("QUOTAROOT ").mailbox(name);
                for root in roots {
                    out.put(" ").astring(root.as_bytes());
                }
            }
            Self::Metadata(name, values) => {
                write_mailbox(name.as_ref(), out.put("METADATA "));
                out.put(" ").list(values, |out, (entry, value)| {
                    out.astring(entry.as_str().as_bytes()).put(" ").nstring(value.as_deref());
                });
            }
            Self::MetadataChanged(name, entries) => {
                write_mailbox(name.as_ref(), out.put("METADATA "));
                out.put(" ").spaced(entries, |out, entry| out.astring(entry.as_str().as_bytes()).done());
            }
            Self::Twoway(response) => response.write(out),
        }
    }
}

/// A command continuation request: `+ text`.
pub fn continuation(text: &str) -> Vec<u8> {
    format!("+ {text}\r\n").into_bytes()
}

/// `date-time`
fn quoted_date(time: impl Into<DateTime>) -> String {
    format!("\"{}\"", super::date::date_time(time))
}

#[cfg(test)]
mod tests;
