//! Reads one response, of whatever server: what we know is read strictly, what we do not know is passed over.

use std::num::NonZeroU32;

use super::code::Code;
use super::fetch::{FetchEnd, Fetched, Streaming};
use super::mailbox::{Listed, Namespaces, StatusValue};
use super::search::{ESearch, Found};
use super::thread::Threads;
use super::uid_batches::Batches;
use super::{Condition, Data, Status, Vanishing, twoway};
use crate::imap::command::metadata::{EntryName, mailbox_or_server};
use crate::imap::command::quota::{Resource, Usage};
use crate::imap::command::session::Id;
use crate::imap::command::twoway::KEYWORD;
use crate::imap::command::{Numbering, Tag};
use crate::imap::cursor::{Cursor, Read, SyntaxError};
use crate::imap::mailbox_name::NameForm;

/// What a server says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Response {
    /// `+ text`: more of the command is wanted.
    Continuation(String),
    /// How the command of this tag went.
    Answer(Tag, Status),
    /// What is told without a tag.
    Told(Data),
    /// Told too, and nothing that we know: its first word.
    Unknown(String),
}

/// Reads a response with its literals. The final CRLF may be there or not.
///
/// ```abnf
/// response      = "+" [SP text] CRLF / tag SP resp-cond CRLF / "*" SP response-data CRLF
/// resp-cond     = ( "OK" / "NO" / "BAD" ) SP ["[" resp-text-code "]" SP] [text]
/// response-data = ( "OK" / "NO" / "BAD" / "PREAUTH" / "BYE" ) SP ["[" resp-text-code "]" SP] [text] / number SP "EXISTS" / number SP "RECENT"
///               / nz-number SP "EXPUNGE" / "VANISHED" [SP "(" "EARLIER" ")"] SP sequence-set / message-data
///               / "CAPABILITY" *(SP atom) / "ENABLED" *(SP atom) / "ID" SP id-params-list / "FLAGS" SP flag-list
///               / ( "LIST" / "LSUB" ) SP mailbox-list / namespace-response / "STATUS" SP mailbox SP "(" [status-att-list] ")"
///               / mailbox-data-search / esearch-response / "THREAD" [SP 1*thread-list]
///               / uidbatches-response
///               / "QUOTA" SP astring SP "(" [resource-name SP number64 SP number64 *(SP resource-name SP number64 SP number64)] ")"
///               / "QUOTAROOT" SP mailbox *(SP astring)
///               / "METADATA" SP mailbox SP ( "(" entry-name SP value *(SP entry-name SP value) ")" / entry-name *(SP entry-name) )
///               / xtwoway-data
/// ```
///
/// # Errors
/// It is none, or data that we know in another form.
pub fn parse(octets: &[u8], names: NameForm) -> Result<Response, SyntaxError> {
    let mut cursor = Cursor::new(octets, names);
    if cursor.take(b'+') {
        cursor.take(b' ');
        let text = cursor.rest();
        return Ok(Response::Continuation(String::from_utf8_lossy(text.strip_suffix(b"\r\n").unwrap_or(text)).into_owned()));
    }
    if !cursor.take(b'*') {
        let before = cursor.clone();
        let Some(tag) = Tag::new(cursor.tag()?) else { return before.expected("a tag of ours") };
        cursor.space()?;
        let before = cursor.clone();
        let condition = Condition::parse(cursor.keyword("OK, NO or BAD")?);
        let Some(condition @ (Condition::Ok | Condition::No | Condition::Bad)) = condition else { return before.expected("OK, NO or BAD") };
        return Ok(Response::Answer(tag, Status::read(&mut cursor, condition)?));
    }
    cursor.space()?;
    let before = cursor.clone();
    match Data::read(&mut cursor)? {
        Some(Data::Status(status)) => Ok(Response::Told(Data::Status(status))),
        Some(data) => {
            cursor.end()?;
            Ok(Response::Told(data))
        }
        None => Ok(Response::Unknown(first_word(before))),
    }
}

/// Whether a response ends in text that may be anything, the announcement of a literal too.
pub(crate) fn is_free_text(octets: &[u8]) -> bool {
    let mut cursor = Cursor::new(octets, NameForm::Utf8);
    if cursor.peek() == Some(b'+') {
        return true;
    }
    let tagged = cursor.take(b'*') || cursor.tag().is_ok();
    tagged && cursor.take(b' ') && cursor.keyword("a word").is_ok_and(|word| Condition::parse(word).is_some())
}

/// Reads what a FETCH tells before the content whose announcement ends these octets.
pub(crate) fn parse_fetch_front(octets: &[u8], names: NameForm) -> Result<(Fetched, FetchEnd), SyntaxError> {
    const FORM: &str = "a FETCH";
    let mut cursor = Cursor::new(octets, names);
    cursor.demand(b'*', FORM)?;
    cursor.space()?;
    let number = cursor.nonzero(FORM)?;
    cursor.space()?;
    let numbering = if cursor.take_word("FETCH") { Numbering::Sequence } else { Numbering::Uid };
    if numbering == Numbering::Uid {
        cursor.demand_word("UIDFETCH", FORM)?;
    }
    cursor.space()?;
    cursor.demand(b'(', FORM)?;
    Fetched::read_values(&mut cursor, number, numbering, Streaming::Yes)
}

/// Reads what a FETCH tells behind content.
pub(crate) fn parse_fetch_rest(
    octets: &[u8],
    number: NonZeroU32,
    numbering: Numbering,
    streaming: Streaming,
    names: NameForm,
) -> Result<(Fetched, FetchEnd), SyntaxError> {
    let mut cursor = Cursor::new(octets, names);
    if cursor.peek() != Some(b')') {
        cursor.space()?;
    }
    let (fetched, end) = Fetched::read_values(&mut cursor, number, numbering, streaming)?;
    if end == FetchEnd::Whole {
        cursor.end()?;
    }
    Ok((fetched, end))
}

/// A number and the word behind it count as one.
fn first_word(mut cursor: Cursor<'_>) -> String {
    let first = cursor.atom("a word").unwrap_or_default().to_owned();
    if first.bytes().all(|octet| octet.is_ascii_digit()) && cursor.take(b' ') {
        return cursor.atom("a word").unwrap_or_default().to_owned();
    }
    first
}

impl Status {
    /// Reads what stands behind the condition.
    fn read(cursor: &mut Cursor<'_>, condition: Condition) -> Read<Self> {
        cursor.take(b' ');
        let mut code = None;
        if cursor.take(b'[') {
            code = Some(Code::read(cursor)?);
            cursor.take(b' ');
        }
        let text = cursor.rest();
        let text = String::from_utf8_lossy(text.strip_suffix(b"\r\n").unwrap_or(text)).into_owned();
        Ok(Self { condition, code, text: text.into() })
    }
}

impl Data {
    /// Reads what stands behind `*`; `None` of a kind that we do not know.
    fn read(cursor: &mut Cursor<'_>) -> Read<Option<Self>> {
        if cursor.peek().is_some_and(|octet| octet.is_ascii_digit()) {
            return Self::read_numbered(cursor);
        }
        // A word of signs that none of ours has.
        let Ok(word) = cursor.keyword("a response") else { return Ok(None) };
        let word = word.to_ascii_uppercase();
        if let Some(condition) = Condition::parse(&word) {
            return Ok(Some(Self::Status(Status::read(cursor, condition)?)));
        }
        match word.as_str() {
            "CAPABILITY" => Ok(Some(Self::Capability(cursor.atoms_behind()))),
            "ENABLED" => Ok(Some(Self::Enabled(cursor.atoms_behind()))),
            "SEARCH" => Found::read(cursor).map(|found| Some(Self::Search(found))),
            "SORT" => Found::read(cursor).map(|found| Some(Self::Sort(found))),
            "ESEARCH" => ESearch::read(cursor).map(|result| Some(Self::ESearch(result))),
            "THREAD" => Threads::read(cursor).map(|threads| Some(Self::Thread(threads))),
            "UIDBATCHES" => Batches::read(cursor).map(|batches| Some(Self::UidBatches(batches))),
            KEYWORD => Ok(twoway::Response::read(cursor)?.map(Self::Twoway)),
            "ID" | "FLAGS" | "VANISHED" | "NAMESPACE" => {
                cursor.space()?;
                Self::read_of_session(cursor, &word)
            }
            "LIST" | "LSUB" | "STATUS" | "QUOTA" | "QUOTAROOT" | "METADATA" => {
                cursor.space()?;
                Self::read_of_mailbox(cursor, &word)
            }
            _ => Ok(None),
        }
    }

    fn read_numbered(cursor: &mut Cursor<'_>) -> Read<Option<Self>> {
        const NUMBER: &str = "a number";
        let before = cursor.clone();
        let number = cursor.number(NUMBER)?;
        cursor.space()?;
        let word = cursor.keyword("EXISTS, RECENT, EXPUNGE or FETCH")?.to_ascii_uppercase();
        let nonzero = || NonZeroU32::new(number).map_or_else(|| before.expected("a number from 1 on"), Ok);
        Ok(Some(match word.as_str() {
            "EXISTS" => Self::Exists(number),
            "RECENT" => Self::Recent(number),
            "EXPUNGE" => Self::Expunge(nonzero()?),
            "FETCH" | "UIDFETCH" => {
                let numbering = if word == "FETCH" { Numbering::Sequence } else { Numbering::Uid };
                cursor.space()?;
                Self::Fetch(Fetched::read(cursor, nonzero()?, numbering)?)
            }
            _ => return Ok(None),
        }))
    }

    fn read_of_session(cursor: &mut Cursor<'_>, word: &str) -> Read<Option<Self>> {
        Ok(Some(match word {
            "ID" => Self::Id(Id::read(cursor)?),
            "FLAGS" => Self::Flags(cursor.flags_told()?.0),
            "NAMESPACE" => Self::Namespace(Namespaces::read(cursor)?),
            _ => {
                let mut vanishing = Vanishing::Now;
                if cursor.take(b'(') {
                    cursor.demand_word("EARLIER", "EARLIER")?;
                    cursor.demand(b')', ")")?;
                    cursor.space()?;
                    vanishing = Vanishing::Earlier;
                }
                Self::Vanished(vanishing, cursor.numbers()?)
            }
        }))
    }

    /// Data about a mailbox; `None` if it has a name that we could not say again.
    fn read_of_mailbox(cursor: &mut Cursor<'_>, word: &str) -> Read<Option<Self>> {
        if matches!(word, "LIST" | "LSUB") {
            let before = cursor.clone();
            return Ok(match Listed::read(cursor) {
                Ok(Ok(listed)) if word == "LIST" => Some(Self::List(listed)),
                Ok(Ok(listed)) => Some(Self::Lsub(listed)),
                Ok(Err(delimiter)) => Some(Self::Delimiter(delimiter)),
                Err(_other) if Listed::has_unusable_name(before) => None,
                Err(error) => return Err(error),
            });
        }
        if word == "QUOTA" {
            let root = cursor.text("a quota root")?;
            cursor.space()?;
            return Ok(Some(Self::Quota(root, read_usages(cursor)?)));
        }
        if word == "METADATA" {
            return read_metadata(cursor);
        }
        let name = cursor.mailbox()?;
        if word == "STATUS" {
            cursor.space()?;
            let values = cursor.list("what STATUS tells", StatusValue::read)?;
            return Ok(Some(Self::MailboxStatus(name, values.into_iter().flatten().collect())));
        }
        let mut roots = Vec::new();
        while !cursor.at_end() && cursor.take(b' ') && !cursor.at_end() {
            roots.push(cursor.text("a quota root")?);
        }
        Ok(Some(Self::QuotaRoot(name, roots)))
    }
}

fn read_usages(cursor: &mut Cursor<'_>) -> Read<Vec<Usage>> {
    let usages = cursor.list("resources", |list| {
        let resource = Resource::parse(list.atom("a resource")?);
        list.space()?;
        let used = list.number64("how much is used")?;
        list.space()?;
        let limit = list.number64("a limit")?;
        // One that we do not count is passed over.
        Ok(resource.map(|resource| Usage { resource, used, limit }))
    })?;
    Ok(usages.into_iter().flatten().collect())
}

/// Values, or what has changed; `None` of changes of entries that we can't name.
fn read_metadata(cursor: &mut Cursor<'_>) -> Read<Option<Data>> {
    const ENTRY: &str = "the name of an entry";
    let mailbox = mailbox_or_server(cursor)?;
    cursor.space()?;
    if cursor.peek() == Some(b'(') {
        let values = cursor.list("entries and their values", |list| {
            let entry = EntryName::new(&list.text(ENTRY)?);
            list.space()?;
            let value = list.content()?;
            Ok(entry.map(|entry| (entry, value)))
        })?;
        return Ok(Some(Data::Metadata(mailbox, values.into_iter().flatten().collect())));
    }
    let mut entries = Vec::new();
    loop {
        entries.extend(EntryName::new(&cursor.text(ENTRY)?));
        if cursor.at_end() || !cursor.take(b' ') || cursor.at_end() {
            let is_known = !entries.is_empty();
            return Ok(Some(Data::MetadataChanged(mailbox, entries)).filter(|_| is_known));
        }
    }
}

#[cfg(test)]
mod tests;
