//! Content on its way in, from a submitter or another server: its header section is held back and looked at, its body
//! streams on.

use mail::address::Mailbox;
use mail::confirmation;
use mail::id::{AccountId, MessageId, NoticeId};
use mail::message::{EndSearch, Field, HeaderSection};
use mail::notice::Kind;
use mail::submission;
use mail::trace::{Received, received_field};
use proto::limits::HEADER_OCTETS_MAX;
use store::StoreError;
use store::content::{ContentWriter, StoredContent};

use crate::node::Node;

/// Octets of the header section that reports return.
pub const RETURNED_HEADER_OCTETS_MAX: usize = 16 * 1024;

/// Octets of a list's identifier (RFC 2919 section 3).
const LIST_OCTETS_MAX: usize = 255;

/// A message on its way in, and what is known of it once its header section is here.
pub struct Incoming<F> {
    account: AccountId,
    state: State<F>,
}

enum State<F> {
    /// The header section is not complete.
    Header(Front),
    /// The body streams on.
    Body(Box<Written<F>>),
    /// What comes is thrown away.
    Refused(Refusal),
}

/// What is here of a header section that is not complete.
#[derive(Default)]
struct Front {
    octets: Vec<u8>,
    end: EndSearch,
}

/// What is already on its way to the store.
struct Written<F> {
    facts: F,
    writer: ContentWriter,
}

/// What is done with a header section.
pub trait Door: Sync {
    /// What is learnt of it.
    type Facts: Send;

    /// Looks at the header section, and at what is here of the message. Returns what stands in place of that, if it is
    /// changed.
    ///
    /// # Errors
    /// The message is not taken.
    fn admit(&self, node: &Node, section: &HeaderSection<'_>, front: &[u8]) -> Result<(Self::Facts, Option<Vec<u8>>), Refusal>;
}

/// The door of submitters: the responsible address is needed, and missing fields are added.
pub struct Submitted<'a> {
    /// Names the message.
    pub message: MessageId,
    /// Where it came from.
    pub trace: Received<'a>,
}

impl Door for Submitted<'_> {
    type Facts = HeaderFacts;

    fn admit(&self, node: &Node, section: &HeaderSection<'_>, front: &[u8]) -> Result<(HeaderFacts, Option<Vec<u8>>), Refusal> {
        let facts = facts(section)?;
        let edit = submission::edit(section, self.trace.at, self.message, &node.settings.hostname);
        let head = edit.prepend(received_field(&self.trace)).finish();
        Ok((facts, Some(head.apply(front))))
    }
}

/// What the header section says.
#[derive(Debug, Clone)]
pub struct HeaderFacts {
    /// The responsible address.
    pub from: Mailbox,
    /// Decoded.
    pub subject: String,
    /// As sent, as much as reports return of it.
    pub header: Vec<u8>,
    /// A person wrote it, so far as one can tell (RFC 3834): it was not made by a program in answer to another message.
    pub origin: Authorship,
    /// A field says that the message must not be pushed.
    pub twoway_only: bool,
    /// What its notices call it.
    pub kind: Kind,
    /// Which expectation of its recipient it answers: recipients may let in who names it.
    pub reference: Option<NoticeId>,
    /// The identifier in its List-Id: recipients may have let in that list from the author's domain.
    pub list: Option<String>,
}

/// Who wrote a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Authorship {
    /// Nothing says that it was a program.
    Person,
    /// `Auto-Submitted` says so, or it went to a list.
    Program,
    /// It is itself a report: of a delivery, or that something was read.
    Report,
}

/// Why a message is not taken.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// There is no single responsible address.
    #[error(transparent)]
    Author(#[from] mail::message::AuthorError),
    /// RFC 5321 section 6.3.
    #[error("more than {0} hops: the message goes in circles")]
    Circles(usize),
    /// Over the limit of a header section.
    #[error("the header section is longer than {HEADER_OCTETS_MAX} octets")]
    HeaderTooLong,
    /// Ours.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl<F: Send> Incoming<F> {
    /// Nothing of it is here yet.
    pub fn new(account: AccountId) -> Self {
        Self { account, state: State::Header(Front::default()) }
    }

    /// Takes the next octets. What is wrong with them is told at the end.
    pub async fn take(&mut self, node: &Node, octets: &[u8], door: &impl Door<Facts = F>) {
        let next = match std::mem::replace(&mut self.state, State::Header(Front::default())) {
            State::Header(mut front) => match front.take(octets) {
                Ok(true) => self.begin(node, &front.octets, door).await,
                Ok(false) => Ok(State::Header(front)),
                Err(refusal) => Err(refusal),
            },
            State::Body(mut written) => match written.writer.write(octets).await {
                Ok(()) => Ok(State::Body(written)),
                Err(error) => Err(Refusal::Store(error)),
            },
            refused @ State::Refused(_) => Ok(refused),
        };
        self.state = next.unwrap_or_else(State::Refused);
    }

    /// All of it is here.
    ///
    /// # Errors
    /// It is not taken, and says why.
    pub async fn finish(self, node: &Node, door: &impl Door<Facts = F>) -> Result<(F, StoredContent), Refusal> {
        let Self { account, state } = self;
        let state = match state {
            State::Header(front) => Self::new(account).begin(node, &front.octets, door).await?,
            other => other,
        };
        match state {
            State::Body(written) => Ok((written.facts, written.writer.finish().await?)),
            State::Refused(refusal) => Err(refusal),
            State::Header(_) => Err(Refusal::HeaderTooLong),
        }
    }

    /// The header section is complete: shows it to the door, and starts to write.
    async fn begin(&mut self, node: &Node, front: &[u8], door: &impl Door<Facts = F>) -> Result<State<F>, Refusal> {
        let (facts, changed) = door.admit(node, &HeaderSection::read(front), front)?;
        let mut writer = ContentWriter::new(&node.store, self.account);
        writer.write(changed.as_deref().unwrap_or(front)).await?;
        Ok(State::Body(Box::new(Written { facts, writer })))
    }
}

impl Front {
    /// Takes the next octets, and says whether the header section is complete. What it says of a message does not depend on
    /// the pieces that it comes in.
    fn take(&mut self, octets: &[u8]) -> Result<bool, Refusal> {
        self.octets.extend_from_slice(octets);
        let end = self.end.find(&self.octets);
        if end.unwrap_or(self.octets.len()) > HEADER_OCTETS_MAX { Err(Refusal::HeaderTooLong) } else { Ok(end.is_some()) }
    }
}

fn facts(section: &HeaderSection<'_>) -> Result<HeaderFacts, Refusal> {
    let author = section.author()?;
    let auto = section.named("Auto-Submitted").next().map(Field::text);
    // RFC 3834 section 5: absent or "no" is a person.
    let is_automatic = auto.is_some_and(|value| !value.trim().to_ascii_lowercase().starts_with("no"));
    // RFC 8098 section 3: read receipts, and all other reports, which a mail program may send by itself.
    let is_report = section.named("Content-Type").any(|field| field.text().trim().to_ascii_lowercase().starts_with("multipart/report"));
    // RFC 2919; and what many lists and mass mailers write besides (RFC 3834 section 2).
    let is_bulk = |field: &Field<'_>| ["bulk", "list", "junk"].contains(&field.text().trim().to_ascii_lowercase().as_str());
    let is_to_many = section.has("List-Id") || section.named("Precedence").any(is_bulk);
    let header = section.octets();
    // One that is too long for a notice, or no identifier, names no list.
    let list = section.list_id().filter(|id| id.len() <= LIST_OCTETS_MAX);
    let reference = confirmation::reference(section);
    let kind = match &list {
        Some(_) => Kind::List,
        None if is_report => Kind::Report,
        None if reference.is_some() => Kind::Confirm,
        None => Kind::Mail,
    };
    Ok(HeaderFacts {
        from: author.mailbox,
        subject: section.subject().unwrap_or_default(),
        header: header.get(..RETURNED_HEADER_OCTETS_MAX).unwrap_or(header).to_vec(),
        twoway_only: submission::is_twoway_only(section),
        reference: reference.filter(|_reference| kind == Kind::Confirm),
        kind,
        list,
        origin: match is_report {
            true => Authorship::Report,
            false if is_automatic || is_to_many => Authorship::Program,
            false => Authorship::Person,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether the header section was complete in the end, and how much was here then; none if it was refused.
    fn taken(message: &[u8], piece_octets: usize) -> Option<(bool, usize)> {
        let mut front = Front::default();
        for piece in message.chunks(piece_octets) {
            if front.take(piece).ok()? {
                return Some((true, HeaderSection::read(&front.octets).body_start()));
            }
        }
        Some((false, front.octets.len()))
    }

    #[test]
    fn a_header_section_is_taken_alike_in_whatever_pieces_it_comes() {
        let filled = |octets: usize| [b"X: ".to_vec(), b"y".repeat(octets - 7), b"\r\n\r\nbody".to_vec()].concat();
        for (message, expected) in [
            (b"From: ann@a.test\r\n\r\nHi\r\n".to_vec(), Some((true, 20))),
            (b"From: ann@a.test\r\n".to_vec(), Some((false, 18))),
            (b"no field\r\n\r\n".to_vec(), Some((true, 0))),
            (b"X: y\r\n".repeat(40_000), Some((false, 240_000))),
            (filled(HEADER_OCTETS_MAX), Some((true, HEADER_OCTETS_MAX))),
            (filled(HEADER_OCTETS_MAX + 1), None),
            (b"X: y\r\n".repeat(50_000), None),
        ] {
            for piece_octets in [1, 2, 1000, 64 * 1024, message.len()] {
                assert_eq!(taken(&message, piece_octets), expected, "pieces of {piece_octets}");
            }
        }
    }

    #[test]
    fn notices_say_what_a_message_is_and_by_which_list_it_goes() {
        let too_long = format!("List-Id: <{}>\r\n", "x".repeat(256));
        let just_fits = format!("List-Id: <{}>\r\n", "x".repeat(255));
        for (fields, kind, list, origin) in [
            ("Subject: x\r\n", Kind::Mail, None, Authorship::Person),
            ("List-Id: Developers <Dev.A.test>\r\n", Kind::List, Some("dev.a.test".to_owned()), Authorship::Program),
            ("List-Id: <a.test>\r\nList-Id: <b.test>\r\n", Kind::Mail, None, Authorship::Program),
            ("List-Id: none\r\n", Kind::Mail, None, Authorship::Program),
            (&just_fits, Kind::List, Some("x".repeat(255)), Authorship::Program),
            (&too_long, Kind::Mail, None, Authorship::Program),
            ("Content-Type: multipart/report; boundary=x\r\n", Kind::Report, None, Authorship::Report),
            ("Auto-Submitted: auto-replied\r\n", Kind::Mail, None, Authorship::Program),
            ("Precedence: bulk\r\n", Kind::Mail, None, Authorship::Program),
            ("Ownership-Confirmation: v=1; ref=Zm9yIHRoZSBzaG9wIG9ubHk\r\n", Kind::Confirm, None, Authorship::Person),
            ("Ownership-Confirmation: v=1\r\n", Kind::Mail, None, Authorship::Person),
        ] {
            let header = format!("From: ann@a.test\r\n{fields}\r\n");
            let facts = facts(&HeaderSection::read(header.as_bytes())).unwrap();
            assert_eq!((facts.kind, facts.list, facts.origin), (kind, list, origin), "{fields}");
            assert_eq!(facts.reference.is_some(), kind == Kind::Confirm);
        }
        assert!(matches!(facts(&HeaderSection::read(b"Subject: x\r\n\r\n")), Err(Refusal::Author(_))));
    }
}
