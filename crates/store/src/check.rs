//! Every invariant of the data, looked for where it does not hold.
//!
//! What one row owes to another is asked of the database; what a row says of itself is read row by row
//! (`rows`); names are compared with who has them (`names`); the index, which can be made again, with the mail (`index`); objects are looked at one by one (`objects`).

pub(crate) mod index;
pub(crate) mod mailboxes;
pub(crate) mod names;
pub(crate) mod objects;
pub mod repair;
pub(crate) mod rows;

use std::time::Duration;

use delivery::contacts::ROWS_MAX;

use crate::backend::{Sql, Tx};
use crate::{Result, Store, params, statements};

pub use objects::{Depth, stray};

/// Sentences of one kind: who sees these knows what is wrong.
const SENTENCES_MAX: usize = 100;
/// Longer than anybody takes to add an account.
const RESERVED_MAX: Duration = Duration::from_mins(10);

statements! {
    TRANSFER_WITHOUT_MESSAGE = "SELECT t.id FROM transfer t LEFT JOIN message m ON m.part = t.part AND m.id = t.message \
                                WHERE m.id IS NULL LIMIT ?1";
    MESSAGE_WITHOUT_TRANSFER = "SELECT m.id FROM message m WHERE NOT EXISTS \
                                (SELECT 1 FROM transfer t WHERE t.part = m.part AND t.message = m.id) LIMIT ?1";
    CONTENT_MISSING = "SELECT m.id FROM message m WHERE m.place = 'freed' AND EXISTS \
                       (SELECT 1 FROM transfer t WHERE t.part = m.part AND t.message = m.id AND t.stage <> 'ended') LIMIT ?1";
    CONTENT_NOT_FREED = "SELECT m.id FROM message m WHERE m.place <> 'freed' AND NOT EXISTS \
                         (SELECT 1 FROM transfer t WHERE t.part = m.part AND t.message = m.id AND t.stage <> 'ended') LIMIT ?1";
    MESSAGE_PLACE = "SELECT id FROM message WHERE (place = 'row') <> (octets IS NOT NULL) OR (place = 'object') <> (object IS NOT NULL) \
                     OR place NOT IN ('row', 'object', 'freed') LIMIT ?1";
    MAIL_PLACE = "SELECT id FROM mail WHERE (place = 'row') <> (octets IS NOT NULL) OR (place = 'object') <> (object IS NOT NULL) \
                  OR place NOT IN ('row', 'object') LIMIT ?1";
    TRANSFER_WITHOUT_ACCOUNT = "SELECT t.id FROM transfer t WHERE t.stage <> 'ended' AND NOT EXISTS \
                                (SELECT 1 FROM account a WHERE a.part = t.part AND a.id = t.account) LIMIT ?1";
    ARRIVAL_WITHOUT_ACCOUNT = "SELECT r.id FROM arrival r WHERE r.stage <> 'noted' AND NOT EXISTS \
                               (SELECT 1 FROM account a WHERE a.part = r.part AND a.id = r.account) LIMIT ?1";
    MAILBOX_WITHOUT_ACCOUNT = "SELECT b.account FROM mailbox b WHERE NOT EXISTS \
                               (SELECT 1 FROM account a WHERE a.part = b.part AND a.id = b.account) LIMIT ?1";
    ENTRY_WITHOUT_ACCOUNT = "SELECT e.name FROM entry e WHERE NOT EXISTS \
                             (SELECT 1 FROM account a WHERE a.part = e.part AND a.id = e.account) LIMIT ?1";
    ALIAS_WITHOUT_ACCOUNT = "SELECT l.name FROM alias l WHERE NOT EXISTS \
                             (SELECT 1 FROM account a WHERE a.part = l.part AND a.id = l.account) LIMIT ?1";
    NO_INBOX = "SELECT a.address FROM account a WHERE NOT EXISTS \
                (SELECT 1 FROM mailbox b WHERE b.part = a.part AND b.account = a.id AND b.name = 'INBOX') LIMIT ?1";
    STORED_TWICE = "SELECT MIN(id) FROM mail WHERE notice IS NOT NULL GROUP BY part, account, origin, notice, recipient_key \
                    HAVING COUNT(*) > 1 LIMIT ?1";
    MAIL_OF_UNSTORED = "SELECT m.id FROM mail m JOIN arrival r ON r.part = m.part AND r.account = m.account AND r.origin = m.origin \
                        AND r.id = m.notice AND r.recipient_key = m.recipient_key WHERE r.stage NOT IN ('stored', 'ended') LIMIT ?1";
    PARTIAL_OF_NOTHING = "SELECT p.object FROM partial p WHERE NOT EXISTS (SELECT 1 FROM arrival r WHERE r.part = p.part \
                          AND r.account = p.account AND r.origin = p.origin AND r.id = p.id AND r.recipient_key = p.recipient_key \
                          AND r.stage = 'due') LIMIT ?1";
    ORPHAN_NAMED = "SELECT o.object FROM orphan o WHERE EXISTS (SELECT 1 FROM message m WHERE m.part = o.part AND m.object = o.object) \
                    OR EXISTS (SELECT 1 FROM mail m WHERE m.part = o.part AND m.object = o.object) \
                    OR EXISTS (SELECT 1 FROM kept k WHERE k.part = o.part AND k.object = o.object) \
                    OR EXISTS (SELECT 1 FROM partial p WHERE p.part = o.part AND p.object = o.object) LIMIT ?1";
    OBJECT_TWICE = "SELECT MIN(n.object) FROM (SELECT object FROM message WHERE object IS NOT NULL UNION ALL \
                    SELECT object FROM mail WHERE object IS NOT NULL UNION ALL SELECT object FROM kept WHERE object IS NOT NULL \
                    UNION ALL SELECT object FROM partial) AS n \
                    GROUP BY n.object HAVING COUNT(*) > 1 LIMIT ?1";
    KEPT_PLACE = "SELECT id FROM kept WHERE (place = 'row') <> (octets IS NOT NULL) OR (place = 'object') <> (object IS NOT NULL) \
                  OR place NOT IN ('row', 'object') LIMIT ?1";
    KEPT_WITHOUT_ACCOUNT = "SELECT k.id FROM kept k WHERE NOT EXISTS \
                            (SELECT 1 FROM account a WHERE a.part = k.part AND a.id = k.account) LIMIT ?1";
    KEPT_AND_DELIVERED = "SELECT k.id FROM kept k JOIN mail m ON m.part = k.part AND m.account = k.account AND m.id = k.id LIMIT ?1";
    RULES_WITHOUT_ACCOUNT = "SELECT r.account FROM rules r WHERE NOT EXISTS \
                             (SELECT 1 FROM account a WHERE a.part = r.part AND a.id = r.account) LIMIT ?1";
    ANSWERED_WITHOUT_ACCOUNT = "SELECT r.account FROM answered r WHERE NOT EXISTS \
                                (SELECT 1 FROM account a WHERE a.part = r.part AND a.id = r.account) LIMIT ?1";
    ERRAND_WITHOUT_ACCOUNT = "SELECT e.id FROM errand e WHERE NOT EXISTS \
                              (SELECT 1 FROM account a WHERE a.part = e.part AND a.id = e.account) LIMIT ?1";
    ERRAND_WITHOUT_MAIL = "SELECT e.id FROM errand e WHERE e.mail IS NOT NULL AND NOT EXISTS \
                           (SELECT 1 FROM mail m WHERE m.part = e.part AND m.account = e.account AND m.id = e.mail) LIMIT ?1";
    RESERVED = "SELECT name FROM directory WHERE stage <> 'active' AND reserved_at < ?2 LIMIT ?1";
    CONTACTS_OVER_CAP = "SELECT c.account FROM (SELECT DISTINCT part, account, sender_key FROM arrival WHERE stage = 'listed') AS c \
                         GROUP BY c.part, c.account HAVING COUNT(*) > ?2 LIMIT ?1";
    CLOSED = "SELECT address FROM account WHERE stage <> 'active' LIMIT ?1";
    UNFINISHED = "SELECT account FROM redecision LIMIT ?1";
    LEASE_PARTITIONS = "SELECT owner FROM lease WHERE part < 0 OR part > 1023 LIMIT ?1";
}

/// What each of the statements finds, in words before the name of the row.
const RELATIONS: &[(Sql, &str)] = &[
    (TRANSFER_WITHOUT_MESSAGE, "a transfer has no message"),
    (MESSAGE_WITHOUT_TRANSFER, "a message has no transfer"),
    (CONTENT_MISSING, "the content of a message was freed while a transfer needs it"),
    (CONTENT_NOT_FREED, "the content of a message was not freed, and no transfer needs it"),
    (MESSAGE_PLACE, "the content of a message is not where its row says"),
    (MAIL_PLACE, "the content of a mail is not where its row says"),
    (TRANSFER_WITHOUT_ACCOUNT, "a transfer under way has no account"),
    (ARRIVAL_WITHOUT_ACCOUNT, "an arrival has no account"),
    (MAILBOX_WITHOUT_ACCOUNT, "a mailbox has no account"),
    (ENTRY_WITHOUT_ACCOUNT, "an entry has no account"),
    (ALIAS_WITHOUT_ACCOUNT, "an alias has no account"),
    (NO_INBOX, "an account has no INBOX"),
    (STORED_TWICE, "an arrival was stored twice"),
    (MAIL_OF_UNSTORED, "a mail is of an arrival that was not stored"),
    (PARTIAL_OF_NOTHING, "a part of a content is of no arrival that is due"),
    (ORPHAN_NAMED, "an object is noted as an orphan, and named by a row"),
    (OBJECT_TWICE, "an object is named by two rows"),
    (KEPT_PLACE, "the content of a message kept aside is not where its row says"),
    (KEPT_WITHOUT_ACCOUNT, "a message kept aside has no account"),
    (KEPT_AND_DELIVERED, "a message is kept aside, and in the mailbox"),
    (RULES_WITHOUT_ACCOUNT, "rules have no account"),
    (ANSWERED_WITHOUT_ACCOUNT, "a memory of an absence reply has no account"),
    (ERRAND_WITHOUT_ACCOUNT, "an errand has no account"),
    (ERRAND_WITHOUT_MAIL, "a mail that is to be sent on is not there"),
    (CLOSED, "an account is half deleted"),
    (UNFINISHED, "a change of consent is not applied to all that waits"),
    (LEASE_PARTITIONS, "a lease is of no partition"),
];

impl Store {
    /// Every invariant of the data that does not hold. Empty: all is well. Large contents are only measured.
    ///
    /// # Errors
    /// The store is not available.
    pub async fn check(&self) -> Result<Vec<String>> {
        self.check_to(Depth::Size).await
    }

    /// The same, with a choice of how closely to look at large contents.
    ///
    /// # Errors
    /// The store is not available.
    pub async fn check_to(&self, depth: Depth) -> Result<Vec<String>> {
        let now = self.now();
        let mut violations = self.read_whole(move |tx| relations(tx, now - RESERVED_MAX)).await?;
        violations.extend(self.check_rows().await?);
        violations.extend(self.read_whole(names::compare).await?);
        violations.extend(self.check_objects(depth).await?);
        Ok(violations)
    }
}

fn relations(tx: &mut dyn Tx, reserved_before: mail::time::Timestamp) -> Result<Vec<String>> {
    let mut violations = Vec::new();
    let mut ask = |sql: Sql, values: &[crate::backend::Value<'_>], sentence: &str| {
        for mut row in tx.query(sql, values)? {
            violations.push(format!("{sentence}: {}", row.text()?));
        }
        Ok::<_, crate::StoreError>(())
    };
    for (sql, sentence) in RELATIONS.iter().chain(mailboxes::RELATIONS).chain(index::RELATIONS) {
        ask(*sql, params![SENTENCES_MAX], sentence)?;
    }
    ask(RESERVED, params![SENTENCES_MAX, reserved_before], "a name is reserved, and nobody is adding it")?;
    ask(CONTACTS_OVER_CAP, params![SENTENCES_MAX, ROWS_MAX], "more contact attempts are shown than a mailbox may have")?;
    Ok(violations)
}
