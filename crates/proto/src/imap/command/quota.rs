//! Quotas: what may be used, and what is (RFC 9208).

use std::num::NonZeroU64;

use crate::imap::cursor::{Cursor, Read};
use crate::imap::words::words;
use crate::imap::writer::Writer;

/// SETQUOTA.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetQuota {
    /// Which root.
    pub root: String,
    /// The new limits, in place of all there were.
    pub limits: Vec<(Resource, u64)>,
}

/// One resource of a quota root.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Usage {
    /// Which.
    pub resource: Resource,
    /// How much is used.
    pub used: u64,
    /// How much may be.
    pub limit: u64,
}

words! {
    /// What can be counted.
    Resource {
        /// Units of 1024 octets.
        Storage = "STORAGE",
        /// Messages.
        Message = "MESSAGE",
        /// Mailboxes.
        Mailbox = "MAILBOX",
        /// Units of 1024 octets in annotations.
        AnnotationStorage = "ANNOTATION-STORAGE",
    }
}

/// Octets in one unit of STORAGE (RFC 9208 section 5.1).
pub const STORAGE_UNIT: NonZeroU64 = NonZeroU64::MIN.saturating_add(1023);

const RESOURCE: &str = "STORAGE, MESSAGE, MAILBOX or ANNOTATION-STORAGE";

impl Resource {
    pub(crate) fn read(cursor: &mut Cursor<'_>) -> Read<Self> {
        let before = cursor.clone();
        Self::parse(cursor.keyword(RESOURCE)?).map_or_else(|| before.expected(RESOURCE), Ok)
    }
}

impl SetQuota {
    /// `setquota = "SETQUOTA" SP astring SP "(" [resource-name SP number64 *(SP resource-name SP number64)] ")"`
    pub(super) fn read(cursor: &mut Cursor<'_>) -> Read<Self> {
        let root = cursor.text("a quota root")?;
        cursor.space()?;
        let limits = cursor.list(RESOURCE, |list| {
            let resource = Resource::read(list)?;
            list.space()?;
            Ok((resource, list.number64("a limit")?))
        })?;
        Ok(Self { root, limits })
    }

    pub(super) fn write(&self, out: &mut Writer) {
        out.astring(self.root.as_bytes()).put(" ");
        out.list(&self.limits, |out, (resource, limit)| out.put(format_args!("{resource} {limit}")).done());
    }
}
