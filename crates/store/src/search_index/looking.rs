//! The index is asked: what sorts messages, which messages can't have a text, and what the texts of others say.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use mail::id::{AccountId, MailId, Partition};
use mail::searchable::{self, Needle, Searchable};
use mail::sent::Sent;
use mail::subject::BaseSubject;
use mail::summary::Summary;
use mail::time::Timestamp;

use super::grams::{self, Side};
use super::segment;
use crate::backend::{Columns, Row, Tx};
use crate::items::{hundred, hundreds, with};
use crate::{Result, Store, StoreError, params, statements};

/// Segments looked at in one transaction: each is a few rows of some kilobytes.
const SEGMENTS_AT_ONCE: usize = 16;

/// Where texts are read in a row, so many are read for each that is wanted.
pub(super) const IN_A_ROW: usize = 4;

macro_rules! summary_columns {
    () => {
        "mail, sent, sent_local, subject, is_reply, from_local, to_local, cc_local, display_from, display_to, message_id, mail_references"
    };
}

pub(super) use summary_columns;

/// A body, or where it stands in the mail's row, and that.
macro_rules! body_columns {
    () => {
        "t.body, t.body_at, CASE WHEN t.body_at IS NOT NULL THEN (SELECT m.octets FROM mail m WHERE m.part = t.part AND m.account = t.account \
         AND m.id = t.mail) END"
    };
}

pub(super) use body_columns;

statements! {
    SUMMARIES = concat!("SELECT ", summary_columns!(), " FROM summary WHERE mail IN (", hundred!(), ") AND part = ?101 AND account = ?102");
    TEXTS = concat!("SELECT t.mail, t.is_whole, t.head, ", body_columns!(), " FROM search_text t WHERE t.mail IN (", hundred!(), ") AND t.part = ?101 \
                    AND t.account = ?102");
    HEADS = concat!("SELECT mail, is_whole, head FROM search_text WHERE mail IN (", hundred!(), ") AND part = ?101 AND account = ?102");
    TEXTS_BETWEEN = concat!("SELECT t.mail, t.is_whole, t.head, ", body_columns!(), " FROM search_text t WHERE t.part = ?1 AND t.account = ?2 \
                            AND t.mail >= ?3 AND t.mail <= ?4 ORDER BY t.mail LIMIT ?5");
    HEADS_BETWEEN = "SELECT mail, is_whole, head FROM search_text WHERE part = ?1 AND account = ?2 AND mail >= ?3 AND mail <= ?4 \
                     ORDER BY mail LIMIT ?5";
    SEGMENTS = "SELECT segment, mails FROM search_segment WHERE part = ?1 AND account = ?2 AND segment > ?3 AND form = 1 ORDER BY segment LIMIT ?4";
    SHARD = "SELECT postings FROM search_gram WHERE part = ?1 AND account = ?2 AND segment = ?3 AND shard = ?4";
}

/// A text that is looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sought {
    /// Itself.
    pub needle: Needle,
    /// Where it is to stand.
    pub within: Within,
}

/// Where in a message something stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Within {
    /// In its header section.
    Head,
    /// Behind that.
    Body,
    /// In one of them.
    Either,
}

/// What some segments say of texts that are looked for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RuledOut {
    /// For each text, the messages that don't have it.
    pub mails: Vec<Vec<MailId>>,
    /// After which segment to go on; `None` behind the last.
    pub next: Option<i64>,
}

impl Store {
    /// What sorts these messages, as far as the index has it.
    ///
    /// # Errors
    /// The store is not available.
    pub async fn summaries(&self, account: AccountId, mails: Vec<MailId>) -> Result<BTreeMap<MailId, Summary>> {
        let list = move |tx: &mut dyn Tx| {
            let mut found = BTreeMap::new();
            for list in hundreds(&mails) {
                for mut row in tx.query(SUMMARIES, &with(list, params![Partition::of(account), account]))? {
                    found.insert(row.parsed()?, summary(&mut row)?);
                }
            }
            Ok(found)
        };
        self.read(list).await
    }

    /// Looks at the texts of these messages, as far as the index has them; at most some hundreds at once, some thousands if
    /// only heads are read.
    ///
    /// # Errors
    /// The store is not available.
    pub async fn look_at_texts<T, F>(
        &self,
        account: AccountId,
        mails: Vec<MailId>,
        reading: Reading,
        look: F,
    ) -> Result<BTreeMap<MailId, T>>
    where
        T: Send + 'static,
        F: Fn(&Searchable) -> T + Send + 'static,
    {
        let mut wanted = mails;
        wanted.sort_unstable();
        wanted.dedup();
        self.read(move |tx| look_at_texts(tx, account, wanted.clone(), reading, &look)).await
    }

    /// Which messages of an account don't have these texts where they are looked for, by its next segments. Of texts of one or
    /// two letters nothing is known.
    ///
    /// # Errors
    /// The store is not available.
    pub async fn rule_out(&self, account: AccountId, sought: Vec<Sought>, after: i64) -> Result<RuledOut> {
        let wanted: Vec<Vec<Vec<u32>>> = sought.iter().map(Sought::grams).collect();
        self.read(move |tx| rule_out(tx, account, &wanted, after)).await
    }
}

impl Sought {
    /// Grams of which a message has all that stand in one of these lists; no list, if nothing is known of the text.
    fn grams(&self) -> Vec<Vec<u32>> {
        let sides: &[Side] = match self.within {
            Within::Head => &[Side::Head],
            Within::Body => &[Side::Body],
            Within::Either => &[Side::Head, Side::Body],
        };
        let lists = sides.iter().map(|side| grams::looked_up(self.needle.as_str(), *side));
        lists.filter(|grams| !grams.is_empty()).collect()
    }
}

/// What is read of texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reading {
    /// Bodies, too, or else they are empty.
    pub extent: TextExtent,
    /// Most messages of the time between the first of them and the last are among them: they are read in a row.
    pub is_dense: bool,
}

/// How much of each text is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TextExtent {
    /// Header sections.
    Heads,
    /// All.
    Whole,
}

fn look_at_texts<T>(
    tx: &mut dyn Tx,
    account: AccountId,
    mut wanted: Vec<MailId>,
    reading: Reading,
    look: &impl Fn(&Searchable) -> T,
) -> Result<BTreeMap<MailId, T>> {
    let part = Partition::of(account);
    let mut seen = BTreeMap::new();
    let mut take = |row: &mut Columns<'_>, wanted: Option<&[MailId]>| {
        let mail = row.parsed()?;
        if wanted.is_none_or(|wanted| wanted.binary_search(&mail).is_ok()) {
            let (is_whole, head) = (row.flag()?, row.text()?);
            let body = match reading.extent {
                TextExtent::Heads => Body::Text(String::new()),
                TextExtent::Whole => Body::read(row)?,
            };
            // One that is not where it was is looked for in the message, as what is not in the index is.
            if let Some(body) = body.into_text() {
                seen.insert(mail, look(&Searchable { is_whole, head, body }));
            }
        }
        Ok::<MailId, StoreError>(mail)
    };
    let (some, between) = match reading.extent {
        TextExtent::Heads => (HEADS, HEADS_BETWEEN),
        TextExtent::Whole => (TEXTS, TEXTS_BETWEEN),
    };
    if let (true, Some(first), Some(last)) = (reading.is_dense, wanted.first(), wanted.last()) {
        let rows_max = wanted.len() * IN_A_ROW;
        let mut rows = 0;
        let mut until = None;
        tx.each(between, params![part, account, *first, *last, rows_max], &mut |row| {
            rows += 1;
            until = Some(take(row, Some(&wanted))?);
            Ok(())
        })?;
        let is_cut = rows == rows_max;
        // There was much between them that nobody asked for.
        wanted.retain(|mail| is_cut && until.is_some_and(|until| *mail > until));
    }
    for list in hundreds(&wanted) {
        tx.each(some, &with(list, params![part, account]), &mut |row| take(row, None).map(drop))?;
    }
    Ok(seen)
}

fn rule_out(tx: &mut dyn Tx, account: AccountId, wanted: &[Vec<Vec<u32>>], after: i64) -> Result<RuledOut> {
    let part = Partition::of(account);
    let mut ruled_out = RuledOut { mails: vec![Vec::new(); wanted.len()], next: None };
    let segments = tx.query(SEGMENTS, params![part, account, after, SEGMENTS_AT_ONCE])?;
    let is_last = segments.len() < SEGMENTS_AT_ONCE;
    for mut row in segments {
        let (segment, mails) = (row.int()?, ids(&row.blob()?));
        let mut shards = Shards { account, segment, read: BTreeMap::new() };
        for (lists, out) in wanted.iter().zip(&mut ruled_out.mails).filter(|(lists, _)| !lists.is_empty()) {
            let mut may_have = vec![false; mails.len()];
            for grams in lists {
                for ordinal in shards.messages_with(tx, grams)? {
                    if let Some(may_have) = may_have.get_mut(usize::from(ordinal)) {
                        *may_have = true;
                    }
                }
            }
            out.extend(mails.iter().zip(may_have).filter(|(_, may_have)| !may_have).map(|(mail, _)| *mail));
        }
        ruled_out.next = Some(segment).filter(|_| !is_last);
    }
    Ok(ruled_out)
}

/// The shards of a segment that were read.
struct Shards {
    account: AccountId,
    segment: i64,
    read: BTreeMap<u32, Vec<u8>>,
}

impl Shards {
    /// The places of the messages that have all of these grams, in order.
    fn messages_with(&mut self, tx: &mut dyn Tx, grams: &[u32]) -> Result<Vec<u16>> {
        let mut with_all: Option<Vec<u16>> = None;
        for gram in grams {
            let messages = segment::messages_with(self.shard(tx, grams::shard(*gram))?, *gram);
            let left = match with_all {
                None => messages,
                Some(before) => before.into_iter().filter(|message| messages.binary_search(message).is_ok()).collect(),
            };
            if left.is_empty() {
                return Ok(left);
            }
            with_all = Some(left);
        }
        Ok(with_all.unwrap_or_default())
    }

    fn shard(&mut self, tx: &mut dyn Tx, shard: u32) -> Result<&[u8]> {
        match self.read.entry(shard) {
            Entry::Occupied(read) => Ok(read.into_mut()),
            Entry::Vacant(place) => {
                let found = tx.one(SHARD, params![Partition::of(self.account), self.account, self.segment, shard])?;
                Ok(place.insert(found.map_or_else(|| Ok(Vec::new()), |mut row| row.blob())?))
            }
        }
    }
}

/// A body as it was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Body {
    /// Its text.
    Text(String),
    /// What its text is made of.
    Plain(Vec<u8>),
    /// It is not where it was.
    Lost,
}

impl Body {
    /// As [`body_columns`] have it.
    pub(super) fn read(row: &mut Columns<'_>) -> Result<Self> {
        let kept = row.text()?;
        let Some(body_at) = row.int_or_null()? else { return Ok(Self::Text(kept)) };
        let octets = row.blob_here_or_null()?;
        let plain = octets.as_deref().zip(usize::try_from(body_at).ok()).and_then(|(octets, at)| octets.get(at..));
        Ok(plain.map_or(Self::Lost, |plain| Self::Plain(plain.to_vec())))
    }

    /// Its text, if it was found.
    pub(super) fn into_text(self) -> Option<String> {
        match self {
            Self::Text(text) => Some(text),
            Self::Plain(octets) => Some(searchable::of_plain_body(&octets)),
            Self::Lost => None,
        }
    }
}

fn summary(row: &mut Row) -> Result<Summary> {
    let sent = sent(row)?;
    let subject = BaseSubject { text: row.text()?, is_reply: row.flag()? };
    let (from, to, cc) = (row.text()?, row.text()?, row.text()?);
    let (display_from, display_to, message_id) = (row.text()?, row.text()?, row.text_or_null()?);
    let references = row.text_here()?.lines().map(str::to_owned).collect();
    Ok(Summary { sent, subject, from, to, cc, display_from, display_to, message_id, references })
}

/// When a message says it was sent.
pub(super) fn sent(row: &mut Columns<'_>) -> Result<Option<Sent>> {
    let (at, local) = (row.int_or_null()?, row.int_or_null()?);
    Ok(at.zip(local).map(|(at, local)| Sent { at: Timestamp::from_millis(at), local: Timestamp::from_millis(local) }))
}

/// The ids of a segment's messages, as its row has them.
pub(super) fn ids(octets: &[u8]) -> Vec<MailId> {
    octets.as_chunks().0.iter().map(|octets| MailId::from_octets(*octets)).collect()
}
