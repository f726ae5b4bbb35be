//! What lists of messages show of a mail, read out of it once and kept beside it. It can be made again at any time, and goes
//! with its mail.

use mail::id::{AccountId, MailId, MailboxId, Partition};
use mail::outline::{Outline, PackedOutline};
use mail::structure::{EnvelopeStructure, Part};

use crate::backend::{Columns, Sql, Tx};
use crate::items::{hundred, hundreds, in_a_row, sorted, with};
use crate::{Result, Store, mailboxes, params, statements};

/// Octets of an outline that is kept: a row is small. What has more is a bomb, and is read again whenever it is asked for.
const OUTLINE_OCTETS_MAX: usize = 256 * 1024;

macro_rules! outlines {
    ($columns:literal) => {
        concat!("SELECT i.uid, ", $columns, " FROM item i JOIN outline o ON o.part = i.part AND o.account = i.account AND o.mail = i.mail ")
    };
}

macro_rules! of_items {
    ($columns:literal) => {
        concat!(
            outlines!($columns),
            "WHERE i.uid IN (",
            hundred!(),
            ") AND i.part = ?101 AND i.account = ?102 AND i.mailbox = ?103 ORDER BY i.uid"
        )
    };
}

macro_rules! in_a_row {
    ($columns:literal) => {
        concat!(
            outlines!($columns),
            "WHERE i.part = ?1 AND i.account = ?2 AND i.mailbox = ?3 AND i.uid >= ?4 AND i.uid <= ?5 ORDER BY i.uid"
        )
    };
}

statements! {
    ENVELOPES = of_items!("o.envelope");
    ENVELOPES_IN_A_ROW = in_a_row!("o.envelope");
    FIELDS = of_items!("o.fields");
    FIELDS_IN_A_ROW = in_a_row!("o.fields");
    STRUCTURES = of_items!("o.structure");
    STRUCTURES_IN_A_ROW = in_a_row!("o.structure");
    TOLD = of_items!("o.told, CASE WHEN o.told IS NULL THEN o.structure END");
    TOLD_IN_A_ROW = in_a_row!("o.told, CASE WHEN o.told IS NULL THEN o.structure END");
    PREVIEWS = of_items!("o.preview");
    PREVIEWS_IN_A_ROW = in_a_row!("o.preview");
    WHOLE = of_items!("o.envelope, o.fields, o.structure, o.preview");
    WHOLE_IN_A_ROW = in_a_row!("o.envelope, o.fields, o.structure, o.preview");
    IS_THERE = "SELECT COUNT(*) FROM mail WHERE part = ?1 AND account = ?2 AND id = ?3";
    KEEP = "INSERT INTO outline (part, account, mail, envelope, fields, structure, preview, told) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) \
            ON CONFLICT (part, account, mail) DO UPDATE SET envelope = excluded.envelope, fields = excluded.fields, \
            structure = excluded.structure, preview = excluded.preview, told = excluded.told";
    DELETE = "DELETE FROM outline WHERE part = ?1 AND account = ?2 AND mail = ?3";
}

/// Which of an outline is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutlineWant {
    /// The envelope.
    Envelope,
    /// The fields.
    Fields,
    /// The structure.
    Structure,
    /// What is told of the structure, or else the structure.
    Told,
    /// The preview.
    Preview,
    /// Everything.
    Whole,
}

/// What of an outline was wanted and is kept; nothing that an older program packed in another way.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct KeptOutline {
    /// The envelope.
    pub envelope: Option<Box<EnvelopeStructure>>,
    /// The fields.
    pub fields: Option<Vec<u8>>,
    /// The structure.
    pub structure: Option<Box<Part>>,
    /// The preview.
    pub preview: Option<String>,
    /// What is told of the structure.
    pub told: Option<Vec<u8>>,
}

impl Store {
    /// The outlines that are kept of these messages of a mailbox, in the order of their UIDs.
    ///
    /// # Errors
    /// The store is not available.
    pub async fn outlines(
        &self,
        account: AccountId,
        mailbox: MailboxId,
        uids: Vec<u32>,
        want: OutlineWant,
    ) -> Result<Vec<(u32, KeptOutline)>> {
        let uids = sorted(uids);
        let load = move |tx: &mut dyn Tx| {
            let (part, mut found) = (Partition::of(account), Vec::with_capacity(uids.len()));
            let (some, range) = statements_of(want);
            if let Some((first, last)) = in_a_row(&uids) {
                return tx.list(range, params![part, account, mailbox, first, last], |row| outline(row, want));
            }
            for list in hundreds(&uids) {
                found.extend(tx.list(some, &with(list, params![part, account, mailbox]), |row| outline(row, want))?);
            }
            Ok(found)
        };
        self.read(load).await
    }

    /// Keeps outlines of mail that is still there.
    ///
    /// # Errors
    /// The store is not available.
    pub async fn keep_outlines(&self, account: AccountId, outlines: Vec<(MailId, PackedOutline)>) -> Result<()> {
        let (part, packed) = (Partition::of(account), outlines);
        if packed.is_empty() {
            return Ok(());
        }
        let octets = packed.iter().map(|(_, packed)| packed.octets()).sum();
        let keep = move |tx: &mut dyn Tx| {
            for (mail, packed) in &packed {
                let is_there = tx.one(IS_THERE, params![part, account, *mail])?.map_or(Ok(0), |mut row| row.count())? > 0;
                if is_there {
                    keep_one(tx, account, *mail, packed)?;
                }
            }
            Ok(())
        };
        self.write(part, octets, keep).await
    }
}

/// Keeps the outline of a mail that is there; nothing if it is too large.
pub(crate) fn keep_one(tx: &mut dyn Tx, account: AccountId, mail: MailId, packed: &PackedOutline) -> Result<()> {
    if packed.octets() > OUTLINE_OCTETS_MAX {
        return Ok(());
    }
    let PackedOutline { envelope, fields, structure, preview, told } = packed;
    tx.execute(KEEP, params![Partition::of(account), account, mail, envelope, fields, structure, preview, told.as_ref()]).map(drop)
}

/// The mail goes, and so does this.
pub(crate) fn delete(tx: &mut dyn Tx, part: Partition, account: AccountId, mail: &str) -> Result<()> {
    tx.execute(DELETE, params![part, account, mail]).map(drop)
}

/// For some messages, and for those from one UID to another.
fn statements_of(want: OutlineWant) -> (Sql, Sql) {
    match want {
        OutlineWant::Envelope => (ENVELOPES, ENVELOPES_IN_A_ROW),
        OutlineWant::Fields => (FIELDS, FIELDS_IN_A_ROW),
        OutlineWant::Structure => (STRUCTURES, STRUCTURES_IN_A_ROW),
        OutlineWant::Told => (TOLD, TOLD_IN_A_ROW),
        OutlineWant::Preview => (PREVIEWS, PREVIEWS_IN_A_ROW),
        OutlineWant::Whole => (WHOLE, WHOLE_IN_A_ROW),
    }
}

fn outline(row: &mut Columns<'_>, want: OutlineWant) -> Result<(u32, KeptOutline)> {
    let uid = mailboxes::number(row)?;
    let mut kept = KeptOutline::default();
    let wants = |part: OutlineWant| want == part || want == OutlineWant::Whole;
    if wants(OutlineWant::Envelope) {
        kept.envelope = EnvelopeStructure::unpack(&row.blob_here()?).map(Box::new);
    }
    if wants(OutlineWant::Fields) {
        kept.fields = Outline::unpack_fields(&row.blob_here()?).map(<[u8]>::to_vec);
    }
    if want == OutlineWant::Told {
        kept.told = row.blob_or_null()?;
        if kept.told.is_none() {
            kept.structure = Part::unpack(&row.blob_here()?).map(Box::new);
        }
    }
    if wants(OutlineWant::Structure) {
        kept.structure = Part::unpack(&row.blob_here()?).map(Box::new);
    }
    if wants(OutlineWant::Preview) {
        kept.preview = Some(row.text()?);
    }
    Ok((uid, kept))
}
