//! The index of the mail, where it has what belongs to no mail: looked for, and deleted. It is made of the mail, so that
//! nothing is lost.

use crate::backend::Sql;
use crate::{Result, Store, params, statements};

macro_rules! no_mail {
    ($row:literal) => {
        concat!(
            "NOT EXISTS (SELECT 1 FROM mail m WHERE m.part = ",
            $row,
            ".part AND m.account = ",
            $row,
            ".account AND m.id = ",
            $row,
            ".mail)"
        )
    };
}

macro_rules! no_segment {
    ($row:literal) => {
        concat!(
            "NOT EXISTS (SELECT 1 FROM search_segment s WHERE s.part = ",
            $row,
            ".part AND s.account = ",
            $row,
            ".account AND s.segment = ",
            $row,
            ".segment)"
        )
    };
}

statements! {
    TEXT_WITHOUT_MAIL = concat!("SELECT t.mail FROM search_text t WHERE ", no_mail!("t"), " LIMIT ?1");
    SUMMARY_WITHOUT_MAIL = concat!("SELECT y.mail FROM summary y WHERE ", no_mail!("y"), " LIMIT ?1");
    GRAMS_WITHOUT_SEGMENT = concat!("SELECT DISTINCT g.account FROM search_gram g WHERE ", no_segment!("g"), " LIMIT ?1");
    SEGMENT_COUNT = "SELECT s.account FROM search_segment s LEFT JOIN (SELECT part, account, segment, COUNT(*) AS texts FROM search_text \
                     WHERE segment > 0 GROUP BY part, account, segment) AS t ON t.part = s.part AND t.account = s.account \
                     AND t.segment = s.segment WHERE s.messages <> COALESCE(t.texts, 0) LIMIT ?1";

    DROP_TEXTS = concat!("DELETE FROM search_text WHERE ", no_mail!("search_text"));
    DROP_SUMMARIES = concat!("DELETE FROM summary WHERE ", no_mail!("summary"));
    DROP_GRAMS = concat!("DELETE FROM search_gram WHERE ", no_segment!("search_gram"));
    /// As when an index is deleted half way: they wait for a segment again.
    LOOSEN = concat!("UPDATE search_text SET segment = -1000 WHERE segment > 0 AND ", no_segment!("search_text"));
    COUNT_SEGMENTS = "UPDATE search_segment SET messages = (SELECT COUNT(*) FROM search_text t WHERE t.part = search_segment.part \
                      AND t.account = search_segment.account AND t.segment = search_segment.segment)";
}

/// What each of the statements finds, in words before the name of the row.
pub(super) const RELATIONS: &[(Sql, &str)] = &[
    (TEXT_WITHOUT_MAIL, "the index has the text of a mail that is not there"),
    (SUMMARY_WITHOUT_MAIL, "the index sorts a mail that is not there"),
    (GRAMS_WITHOUT_SEGMENT, "the index has a part of a segment that is not there"),
    (SEGMENT_COUNT, "a segment of the index counts other texts than it has"),
];

impl Store {
    /// Deletes what is of nothing, and counts what is left.
    pub(super) async fn mend_index(&self) -> Result<()> {
        for sql in [DROP_TEXTS, DROP_SUMMARIES, DROP_GRAMS, LOOSEN, COUNT_SEGMENTS] {
            self.write_whole(move |tx| tx.execute(sql, params![]).map(drop)).await?;
        }
        Ok(())
    }
}
