//! How far the index is, and its end: of an account that goes, or for it to be made again.

use mail::id::{AccountId, Partition};

use super::sealing;
use crate::backend::Tx;
use crate::{Result, Store, params, statements};

/// Texts deleted in one transaction.
const TEXTS_AT_ONCE: usize = 500;

statements! {
    MAILS = "SELECT COUNT(*) FROM mail WHERE part = ?1 AND account = ?2";
    TEXTS = "SELECT COUNT(*), CAST(COALESCE(SUM(octets), 0) AS BIGINT) FROM search_text WHERE part = ?1 AND account = ?2";
    SEGMENTS = "SELECT COUNT(*), CAST(COALESCE(SUM(messages), 0) AS BIGINT) FROM search_segment WHERE part = ?1 AND account = ?2";
    GRAMS = "SELECT CAST(COALESCE(SUM(LENGTH(postings)), 0) AS BIGINT) FROM search_gram WHERE part = ?1 AND account = ?2";
    ANY_SEGMENT = "SELECT segment FROM search_segment WHERE part = ?1 AND account = ?2 LIMIT 1";
    SOME_TEXTS = "SELECT mail FROM search_text WHERE part = ?1 AND account = ?2 ORDER BY mail LIMIT ?3";
    DROP_TEXT = "DELETE FROM search_text WHERE part = ?1 AND account = ?2 AND mail = ?3";
    DROP_SUMMARY = "DELETE FROM summary WHERE part = ?1 AND account = ?2 AND mail = ?3";
    ANEW = "UPDATE mailbox SET indexed_uid = 0 WHERE part = ?1 AND account = ?2";
}

/// How far the index of an account is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct IndexStatus {
    /// Messages of the account.
    pub messages: u64,
    /// Those whose text is in the index.
    pub indexed: u64,
    /// Those of them that are in a segment, so that most searches need not look at their text.
    pub in_segments: u64,
    /// How many segments there are.
    pub segments: u64,
    /// Octets of the texts.
    pub text_octets: u64,
    /// Octets of the segments.
    pub segment_octets: u64,
}

impl Store {
    /// How far the index of an account is.
    ///
    /// # Errors
    /// The store is not available.
    pub async fn index_status(&self, account: AccountId) -> Result<IndexStatus> {
        let count = move |tx: &mut dyn Tx| {
            let key = params![Partition::of(account), account];
            let mut status = IndexStatus::default();
            if let Some(mut row) = tx.one(MAILS, key)? {
                status.messages = row.count()?;
            }
            if let Some(mut row) = tx.one(TEXTS, key)? {
                (status.indexed, status.text_octets) = (row.count()?, row.count()?);
            }
            if let Some(mut row) = tx.one(SEGMENTS, key)? {
                (status.segments, status.in_segments) = (row.count()?, row.count()?);
            }
            if let Some(mut row) = tx.one(GRAMS, key)? {
                status.segment_octets = row.count()?;
            }
            Ok(status)
        };
        self.read(count).await
    }

    /// Deletes the index of an account, and has it made again from the mail. Until it is, searches read the mail itself.
    ///
    /// # Errors
    /// The store is not available; what was deleted stays deleted, and is made again.
    pub async fn index_anew(&self, account: AccountId) -> Result<()> {
        let part = Partition::of(account);
        // First: what is deleted from here on is due, whatever cuts this short.
        self.write(part, 0, move |tx| tx.execute(ANEW, params![part, account]).map(drop)).await?;
        self.erase_index(account).await?;
        self.write(part, 0, move |tx| tx.execute(ANEW, params![part, account]).map(drop)).await
    }

    /// Deletes the index of an account.
    pub(crate) async fn erase_index(&self, account: AccountId) -> Result<()> {
        let part = Partition::of(account);
        let erase = move |tx: &mut dyn Tx| {
            if let Some(mut row) = tx.one(ANY_SEGMENT, params![part, account])? {
                return sealing::drop_segment(tx, account, row.int()?).map(|()| true);
            }
            let texts = tx.query(SOME_TEXTS, params![part, account, TEXTS_AT_ONCE])?;
            let is_more = texts.len() == TEXTS_AT_ONCE;
            for mut row in texts {
                let mail = row.text()?;
                tx.execute(DROP_TEXT, params![part, account, &mail])?;
                tx.execute(DROP_SUMMARY, params![part, account, &mail])?;
            }
            Ok(is_more)
        };
        while self.write(part, 0, erase).await? {}
        Ok(())
    }
}
