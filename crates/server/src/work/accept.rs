//! What is done with retrieved content: is it from whom the notice said, and what stands in front of it in the mailbox.

use mail::address::Mailbox;
use mail::message::{Field, HeaderEdit, HeaderSection};
use mail::status::Status;
use mail::trace::{Protocol, Received, claims_our_results, received_field, return_path_field};
use proto::limits::HEADER_OCTETS_MAX;
use store::content::{ContentReader, StoredContent};
use store::{ArrivalKey, ArrivalRecord, Deliver, Lease, StoreError};

use crate::node::Node;

/// Hops, after which a message goes in circles (RFC 5321 section 6.3).
pub const HOPS_MAX: usize = 100;

/// Content as it will lie in the mailbox.
#[derive(Debug)]
pub struct Acceptable {
    /// What stands before the content.
    pub head: Vec<u8>,
    /// How many octets of the content it stands for.
    pub skip_octets: u64,
    /// For listings.
    pub from: String,
    /// For listings.
    pub subject: String,
}

impl Acceptable {
    /// To be put into the mailbox, and confirmed to `target`: with the id, time and chance it takes.
    pub fn into_delivery(self, node: &Node, lease: &Lease, key: &ArrivalKey, content: StoredContent, target: String) -> Deliver {
        let Self { head, skip_octets, from, subject } = self;
        let (key, mail, now, jitter, lease) = (key.clone(), node.new_mail_id(), node.world.now(), node.jitter(), lease.clone());
        Deliver { key, mail, head, content, skip_octets, from, subject, target, now, jitter, lease }
    }
}

/// Why content is refused for good.
#[derive(Debug)]
pub struct Unacceptable {
    /// For DECLINE.
    pub status: Status,
    /// For DECLINE, and for the author.
    pub text: String,
}

/// By whom content was served, and to whom failures are told.
pub struct Provenance<'a> {
    /// The host that served it, by its verified name.
    pub host: &'a str,
    /// How it came.
    pub protocol: &'static str,
    /// MAILFROM.
    pub reverse_path: &'a mail::address::ReversePath,
}

/// Looks at content that is complete and has the announced digest.
///
/// # Errors
/// The store's.
pub async fn judge(
    node: &Node,
    record: &ArrivalRecord,
    content: &StoredContent,
    provenance: &Provenance<'_>,
) -> Result<Result<Acceptable, Unacceptable>, StoreError> {
    let mut front = Vec::new();
    let mut reader = ContentReader::new(&node.store, content, 0);
    while HeaderSection::find_end(&front).is_none() && front.len() <= HEADER_OCTETS_MAX {
        let piece = reader.next().await?;
        if piece.is_empty() {
            break;
        }
        front.extend_from_slice(&piece);
    }
    if front.len() > HEADER_OCTETS_MAX && HeaderSection::find_end(&front).is_none() {
        return Ok(Err(refuse(Status::permanent(3, 4), "the header section is too long")));
    }
    let section = HeaderSection::read(&front);
    Ok(from_notifier(&section, &record.notice.from).and_then(|()| circles(&section)).map(|()| {
        let received = Received {
            from: Some(provenance.host),
            address: None,
            by: &node.settings.hostname,
            with: Protocol::Other(provenance.protocol),
            id: record.key.id.as_str(),
            recipient: Some(&record.notice.to),
            at: node.world.now(),
        };
        let edit = without_forgeries(node, &section);
        let head = edit.prepend(received_field(&received)).prepend(return_path_field(provenance.reverse_path)).finish();
        Acceptable {
            head: head.octets,
            skip_octets: u64::try_from(head.replaces).unwrap_or(u64::MAX),
            from: record.notice.from.to_string(),
            subject: section.subject().unwrap_or_default(),
        }
    }))
}

/// What comes from outside, without results of authentication that claim to be ours.
pub fn without_forgeries<'a>(node: &Node, section: &'a HeaderSection<'a>) -> HeaderEdit<'a> {
    HeaderEdit::new(section).remove(|field: &Field<'_>| {
        let is_ours = |field: &Field<'_>| {
            let ours = node.settings.domains.iter().chain([&node.settings.hostname]).cloned().collect::<Vec<_>>();
            claims_our_results(field, &ours)
        };
        // Most fields are others, and need no list.
        field.is("Authentication-Results") && is_ours(field)
    })
}

/// The one From mailbox is the one the notice named: what the recipient consented to is what they see.
fn from_notifier(section: &HeaderSection<'_>, notified: &Mailbox) -> Result<(), Unacceptable> {
    match section.author() {
        Ok(author) if author.mailbox == *notified => Ok(()),
        Ok(author) => Err(refuse(Status::permanent(7, 1), &format!("From is {}, the notice was from {notified}", author.mailbox))),
        Err(error) => Err(refuse(Status::permanent(7, 1), &error.to_string())),
    }
}

fn circles(section: &HeaderSection<'_>) -> Result<(), Unacceptable> {
    if section.received_count() > HOPS_MAX {
        return Err(refuse(Status::permanent(4, 6), "too many hops: the message goes in circles"));
    }
    Ok(())
}

fn refuse(status: Status, text: &str) -> Unacceptable {
    Unacceptable { status, text: text.to_owned() }
}
