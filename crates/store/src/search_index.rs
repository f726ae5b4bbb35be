//! What makes searching and sorting quick: of each mail its text as a search sees it, and what sorts it; of each account, in
//! segments, which of its messages can't have what is looked for. All of it is made of the mail, by a job, after the mail was
//! committed, and can be made again at any time. What is not here yet is read instead, so an answer is never wrong.

mod filling;
mod fresh;
pub(crate) mod grams;
mod looking;
mod sealing;
pub(crate) mod segment;
mod sorting;
mod status;

use std::sync::Arc;

use mail::id::{AccountId, MailId, Partition};
use mail::outline::PackedOutline;
use mail::searchable::Searchable;
use mail::summary::Summary;

use crate::backend::{Sql, Tx};
use crate::{Result, params, statements};

pub use filling::{Behind, Unread};
pub(crate) use fresh::Fresh;
pub use grams::Reader as GramReader;
pub use looking::{Reading, RuledOut, Sought, TextExtent, Within};
pub use sealing::{LooseText, Sealed, Sealing};
pub use sorting::{SortedBy, Stamps};
pub use status::IndexStatus;

/// Octets of a body's text that are kept: with its head, a row stays below a megabyte.
pub const BODY_OCTETS_MAX: usize = 448 * 1024;

/// Octets of a body's text that are kept beside its head even if they stand in the mail's row, as plain text: more than these would
/// need pages of their own, and a search that reads the row folds them as quickly.
const PLAIN_OCTETS_MAX: usize = 2048;

/// The segment of what is in none yet (statements of ours name it), of what is never in one, and the first that there is.
/// SQLite keeps a number in as few octets as it needs, and writes a row anew when it becomes longer: as all of these take
/// two, a text stays where it is when it comes into a segment, or out of one.
const LOOSE: i64 = -1000;
const NEVER: i64 = -1;
const FIRST: i64 = 1000;

statements! {
    SEGMENT_OF = "SELECT segment FROM search_text WHERE part = ?1 AND account = ?2 AND mail = ?3";
    FORGET_TEXT = "DELETE FROM search_text WHERE part = ?1 AND account = ?2 AND mail = ?3";
    FORGET_SUMMARY = "DELETE FROM summary WHERE part = ?1 AND account = ?2 AND mail = ?3";
    ONE_LESS = "UPDATE search_segment SET messages = messages - 1 WHERE part = ?1 AND account = ?2 AND segment = ?3";
}

/// Every statement about the index.
pub(crate) fn all_statements() -> Vec<Sql> {
    [STATEMENTS, filling::STATEMENTS, looking::STATEMENTS, sealing::STATEMENTS, sorting::STATEMENTS, status::STATEMENTS].concat()
}

/// What the index keeps of a mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Indexed {
    /// Of which.
    pub mail: MailId,
    /// What sorts it.
    pub summary: Summary,
    /// Its text.
    pub text: Searchable,
    /// What lists of messages show of it, if all of it was read.
    pub outline: Option<PackedOutline>,
    /// What a segment will say of it; none, if none may.
    grams: Option<Arc<[u32]>>,
    /// From which octet of the mail's row on its body stands there as plain text, and is not kept here.
    body_at: Option<u64>,
}

impl Indexed {
    /// Of a mail that was read. Not for a transaction: a long text takes a while.
    /// `plain_at` says from which octet of the mail's content on it is nothing but the plain text of its body, if that lies in its row.
    pub fn new(
        grams: &mut GramReader,
        mail: MailId,
        summary: Summary,
        text: Searchable,
        outline: Option<PackedOutline>,
        plain_at: Option<u64>,
    ) -> Self {
        // What is not whole has to be read again anyway, whatever a segment would say of the part of it that is kept.
        let all = text.is_whole.then(|| grams.of_message(&text.head, &text.body));
        let grams = all.map(once_if_many).filter(|grams| grams.len() <= segment::GRAMS_MAX).map(Arc::from);
        let body_at = plain_at.filter(|_at| text.is_whole && text.body.len() > PLAIN_OCTETS_MAX && text.body.is_ascii());
        Self { mail, summary, text, outline, grams, body_at }
    }

    /// Octets that are written to keep it, but for what has a bound.
    pub fn octets(&self) -> usize {
        let outline = self.outline.as_ref().map_or(0, PackedOutline::octets);
        self.text.head.len() + self.kept_body().len() + outline
    }

    fn kept_body(&self) -> &str {
        if self.body_at.is_none() { &self.text.body } else { "" }
    }
}

/// Each gram once, if there seem to be too many for a segment.
fn once_if_many(mut grams: Vec<u32>) -> Vec<u32> {
    if grams.len() > segment::GRAMS_MAX {
        grams.sort_unstable();
        grams.dedup();
    }
    grams
}

/// A mail is deleted: so is what is kept of it here.
pub(crate) fn forget(tx: &mut dyn Tx, account: AccountId, mail: MailId) -> Result<()> {
    let part = Partition::of(account);
    tx.execute(FORGET_SUMMARY, params![part, account, mail])?;
    let segment = tx.one(SEGMENT_OF, params![part, account, mail])?.map(|mut row| row.int()).transpose()?;
    if let Some(segment) = segment {
        tx.execute(FORGET_TEXT, params![part, account, mail])?;
        if segment > 0 {
            tx.execute(ONE_LESS, params![part, account, segment])?;
        }
    }
    Ok(())
}
