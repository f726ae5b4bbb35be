//! What rules know of a message.

use mail::address::{Mailbox, ReversePath};
use mail::message::{HeaderSection, text};
use serde::{Deserialize, Serialize};

use crate::consent::Reason;

/// All that rules can ask about.
#[derive(Debug, Clone)]
pub struct MessageFacts<'a> {
    /// As it will lie in the mailbox, with the fields that its servers put in front.
    pub header: &'a HeaderSection<'a>,
    /// Whom failures are told to.
    pub reverse_path: &'a ReversePath,
    /// Whom it was sent to, plus-tag and all.
    pub recipient: &'a Mailbox,
    /// The address of the account: what marks that a message was sent on from here.
    pub owner: &'a Mailbox,
    /// All of it.
    pub size_octets: u64,
    /// By what it was let in.
    pub allowed_by: Allowance,
}

/// By what a message was let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Allowance {
    /// An allow entry for the address.
    Address,
    /// An allow entry for the domain.
    Domain,
    /// An allow entry for the list.
    List,
    /// An expected entry.
    Expected,
    /// The owner wrote there.
    RepliedTo,
    /// A site address.
    Site,
    /// It was sent to `postmaster@` or `abuse@`.
    Role,
    /// Nobody decided: screening lets everybody in.
    Open,
    /// It was pushed by ordinary SMTP, and nobody knows who wrote it.
    Legacy,
    /// This server made it: a report on what the owner sent.
    Server,
}

impl Allowance {
    /// The allowance that a decision to let in stands for.
    pub const fn of(reason: &Reason) -> Self {
        match reason {
            Reason::AddressAllowed(_) | Reason::AddressBlocked(_) => Self::Address,
            Reason::DomainAllowed(_) | Reason::DomainBlocked(_) => Self::Domain,
            Reason::ListAllowed(_) | Reason::ListBlocked(_) => Self::List,
            Reason::Expected(_) => Self::Expected,
            Reason::RepliedTo(_) => Self::RepliedTo,
            Reason::Site(_) | Reason::SiteOfAnother(_) => Self::Site,
            Reason::RoleAddress => Self::Role,
            Reason::Mode(_) => Self::Open,
        }
    }
}

/// The reverse-path that this server wrote in front of a message as it delivered it. Without one, nobody is to be told.
pub fn return_path(header: &HeaderSection<'_>) -> ReversePath {
    let written = header.named("Return-Path").next().map(|field| text::unfold(field.value()).trim().to_owned());
    let inner = written.as_deref().and_then(|path| path.strip_prefix('<')?.strip_suffix('>'));
    inner.and_then(|path| path.parse().ok()).unwrap_or(ReversePath::Null)
}
