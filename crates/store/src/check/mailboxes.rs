//! Mailboxes and what lies in them: looked at where it does not fit together, and put right where it can be.

use mail::id::{AccountId, MailboxId, Partition};
use mail::time::Timestamp;

use crate::backend::{Sql, Tx};
use crate::mailboxes::{INBOX, INSERT_INBOX};
use crate::{Result, Store, mailbox, params, statements};

/// Rows that are read, and mended, at once.
const PAGE: usize = 200;

/// What the items of a mailbox come to, in the order of its counters.
macro_rules! sums {
    () => {
        "COUNT(*) AS messages, CAST(COALESCE(SUM(CASE WHEN (flags & 1) = 0 THEN 1 ELSE 0 END), 0) AS BIGINT) AS unseen, \
         CAST(COALESCE(SUM(CASE WHEN (flags & 8) <> 0 THEN 1 ELSE 0 END), 0) AS BIGINT) AS deleted, \
         CAST(COALESCE(SUM(size_octets), 0) AS BIGINT) AS octets, \
         CAST(COALESCE(SUM(CASE WHEN (flags & 8) <> 0 THEN size_octets ELSE 0 END), 0) AS BIGINT) AS deleted_octets"
    };
}

macro_rules! of_mailbox {
    () => {
        "i.part = mailbox.part AND i.account = mailbox.account AND i.mailbox = mailbox.id"
    };
}

statements! {
    ITEM_WITHOUT_MAIL = "SELECT i.mail FROM item i WHERE NOT EXISTS \
                         (SELECT 1 FROM mail m WHERE m.part = i.part AND m.account = i.account AND m.id = i.mail) LIMIT ?1";
    ITEM_WITHOUT_MAILBOX = "SELECT i.mail FROM item i WHERE NOT EXISTS \
                            (SELECT 1 FROM mailbox b WHERE b.part = i.part AND b.account = i.account AND b.id = i.mailbox) LIMIT ?1";
    MAIL_WITHOUT_ITEM = "SELECT m.id FROM mail m WHERE NOT EXISTS \
                         (SELECT 1 FROM item i WHERE i.part = m.part AND i.account = m.account AND i.mail = m.id) AND NOT EXISTS \
                         (SELECT 1 FROM discarded d WHERE d.part = m.part AND d.account = m.account AND d.mail = m.id) LIMIT ?1";
    OUTLINE_WITHOUT_MAIL = "SELECT o.mail FROM outline o WHERE NOT EXISTS \
                            (SELECT 1 FROM mail m WHERE m.part = o.part AND m.account = o.account AND m.id = o.mail) LIMIT ?1";
    DISCARDED_IN_USE = "SELECT d.mail FROM discarded d WHERE EXISTS \
                        (SELECT 1 FROM item i WHERE i.part = d.part AND i.account = d.account AND i.mail = d.mail) LIMIT ?1";
    UID_TOO_GREAT = "SELECT i.mail FROM item i JOIN mailbox b ON b.part = i.part AND b.account = i.account AND b.id = i.mailbox \
                     WHERE i.uid >= b.uidnext OR i.uid < 1 OR i.modseq > b.modseq OR i.modseq < 1 LIMIT ?1";
    ITEM_SIZE = "SELECT i.mail FROM item i JOIN mail m ON m.part = i.part AND m.account = i.account AND m.id = i.mail \
                 WHERE i.size_octets <> m.head_octets + m.size_octets - m.skip_octets LIMIT ?1";
    ITEM_FLAGS = "SELECT mail FROM item WHERE flags < 0 OR flags > 31 LIMIT ?1";
    COUNTERS = concat!("SELECT b.id FROM mailbox b LEFT JOIN (SELECT part, account, mailbox, ", sums!(), " FROM item \
                       GROUP BY part, account, mailbox) AS s ON s.part = b.part AND s.account = b.account AND s.mailbox = b.id \
                       WHERE b.name IS NOT NULL AND (b.messages <> COALESCE(s.messages, 0) OR b.unseen <> COALESCE(s.unseen, 0) \
                       OR b.deleted <> COALESCE(s.deleted, 0) OR b.octets <> COALESCE(s.octets, 0) \
                       OR b.deleted_octets <> COALESCE(s.deleted_octets, 0)) LIMIT ?1");
    EXPUNGED_COUNT = "SELECT b.id FROM mailbox b WHERE b.name IS NOT NULL AND b.expunges <> (SELECT COUNT(*) FROM expunged e \
                      WHERE e.part = b.part AND e.account = b.account AND e.mailbox = b.id) LIMIT ?1";
    EXPUNGED_TOO_GREAT = "SELECT e.mailbox FROM expunged e LEFT JOIN mailbox b ON b.part = e.part AND b.account = e.account \
                          AND b.id = e.mailbox WHERE b.id IS NULL OR e.modseq > b.modseq OR e.last >= b.uidnext OR e.uid > e.last \
                          OR e.uid < 1 LIMIT ?1";
    EXPUNGED_AND_THERE = "SELECT i.mail FROM item i JOIN expunged e ON e.part = i.part AND e.account = i.account AND e.mailbox = i.mailbox \
                          AND i.uid >= e.uid AND i.uid <= e.last LIMIT ?1";
    FORGOTTEN_TOO_GREAT = "SELECT id FROM mailbox WHERE forgotten > modseq OR forgotten < 0 LIMIT ?1";
    USED_TWICE = "SELECT MIN(id) FROM mailbox WHERE special IS NOT NULL GROUP BY part, account, special HAVING COUNT(*) > 1 LIMIT ?1";
    VALIDITY_NOT_GIVEN = "SELECT b.id FROM mailbox b JOIN account a ON a.part = b.part AND a.id = b.account \
                          WHERE b.uidvalidity > a.uidvalidity OR b.uidvalidity < 1 OR a.uidvalidity_freed > a.uidvalidity LIMIT ?1";
    OF_NO_ACCOUNT = "SELECT s.account FROM subscription s WHERE NOT EXISTS (SELECT 1 FROM account a WHERE a.part = s.part AND a.id = s.account) \
                     UNION ALL SELECT n.account FROM annotation n WHERE NOT EXISTS \
                     (SELECT 1 FROM account a WHERE a.part = n.part AND a.id = n.account) LIMIT ?1";
    ANNOTATION_OF_NOTHING = "SELECT n.name FROM annotation n WHERE n.mailbox <> '' AND NOT EXISTS \
                             (SELECT 1 FROM mailbox b WHERE b.part = n.part AND b.account = n.account AND b.id = n.mailbox) LIMIT ?1";

    ADD_MAILBOXES = concat!("INSERT INTO mailbox (part, account, id, name, special, uidvalidity, uidnext, modseq, messages, unseen, deleted, octets, \
                    deleted_octets, expunges, forgotten, keywords) SELECT i.part, i.account, i.mailbox, \
                    CASE WHEN i.mailbox = i.account THEN 'INBOX' ELSE 'Recovered ' || i.mailbox END, NULL, CAST(?1 AS BIGINT), \
                    MAX(i.uid) + 1, MAX(i.modseq) + 1, ", sums!(), ", 0, MAX(i.modseq) + 1, '' FROM item i WHERE EXISTS \
                    (SELECT 1 FROM account a WHERE a.part = i.part AND a.id = i.account) AND NOT EXISTS \
                    (SELECT 1 FROM mailbox b WHERE b.part = i.part AND b.account = i.account AND b.id = i.mailbox) \
                    GROUP BY i.part, i.account, i.mailbox");
    WITHOUT_INBOX = "SELECT a.id FROM account a WHERE NOT EXISTS \
                     (SELECT 1 FROM mailbox b WHERE b.part = a.part AND b.account = a.id AND b.name = 'INBOX') LIMIT ?1";
    RAISE_UIDNEXT = concat!("UPDATE mailbox SET uidnext = (SELECT MAX(i.uid) + 1 FROM item i WHERE ", of_mailbox!(), ") \
                    WHERE uidnext <= (SELECT COALESCE(MAX(i.uid), 0) FROM item i WHERE ", of_mailbox!(), ")");
    RAISE_MODSEQ = concat!("UPDATE mailbox SET modseq = (SELECT MAX(i.modseq) FROM item i WHERE ", of_mailbox!(), ") \
                   WHERE modseq < (SELECT COALESCE(MAX(i.modseq), 0) FROM item i WHERE ", of_mailbox!(), ")");
    RAISE_VALIDITY = "UPDATE account SET uidvalidity = (SELECT MAX(b.uidvalidity) FROM mailbox b WHERE b.part = account.part \
                      AND b.account = account.id) WHERE uidvalidity < (SELECT COALESCE(MAX(b.uidvalidity), 0) FROM mailbox b \
                      WHERE b.part = account.part AND b.account = account.id)";
    SET_SIZES = "UPDATE item SET size_octets = (SELECT m.head_octets + m.size_octets - m.skip_octets FROM mail m WHERE m.part = item.part \
                 AND m.account = item.account AND m.id = item.mail) WHERE EXISTS (SELECT 1 FROM mail m WHERE m.part = item.part \
                 AND m.account = item.account AND m.id = item.mail AND item.size_octets <> m.head_octets + m.size_octets - m.skip_octets)";
    SET_COUNTERS = concat!("UPDATE mailbox SET (messages, unseen, deleted, octets, deleted_octets) = (SELECT ", sums!(), " FROM item i WHERE ",
                   of_mailbox!(), ") WHERE id IS NOT NULL");
    DROP_EXPUNGED = "DELETE FROM expunged WHERE NOT EXISTS (SELECT 1 FROM mailbox b WHERE b.part = expunged.part \
                     AND b.account = expunged.account AND b.id = expunged.mailbox AND expunged.modseq <= b.modseq AND expunged.last < b.uidnext \
                     AND expunged.uid <= expunged.last AND expunged.uid >= 1) OR EXISTS (SELECT 1 FROM item i WHERE i.part = expunged.part \
                     AND i.account = expunged.account AND i.mailbox = expunged.mailbox AND i.uid >= expunged.uid AND i.uid <= expunged.last)";
    /// What was dropped, or not counted, may have told of more: clients are to read the whole mailbox again.
    COUNT_EXPUNGED = "UPDATE mailbox SET forgotten = modseq, expunges = (SELECT COUNT(*) FROM expunged e WHERE e.part = mailbox.part \
                      AND e.account = mailbox.account AND e.mailbox = mailbox.id) WHERE expunges <> (SELECT COUNT(*) FROM expunged e \
                      WHERE e.part = mailbox.part AND e.account = mailbox.account AND e.mailbox = mailbox.id) OR forgotten > modseq OR forgotten < 0";
    USE_AGAIN = "DELETE FROM discarded WHERE EXISTS (SELECT 1 FROM item i WHERE i.part = discarded.part AND i.account = discarded.account \
                 AND i.mail = discarded.mail)";
    DROP_OUTLINES = "DELETE FROM outline WHERE NOT EXISTS (SELECT 1 FROM mail m WHERE m.part = outline.part \
                     AND m.account = outline.account AND m.id = outline.mail)";
    DROP_SUBSCRIPTIONS = "DELETE FROM subscription WHERE NOT EXISTS (SELECT 1 FROM account a WHERE a.part = subscription.part \
                          AND a.id = subscription.account)";
    DROP_ANNOTATIONS = "DELETE FROM annotation WHERE NOT EXISTS (SELECT 1 FROM account a WHERE a.part = annotation.part \
                        AND a.id = annotation.account) OR mailbox <> '' AND NOT EXISTS (SELECT 1 FROM mailbox b WHERE b.part = annotation.part \
                        AND b.account = annotation.account AND b.id = annotation.mailbox)";
    DROP_MAILBOXES = concat!("DELETE FROM mailbox WHERE NOT EXISTS (SELECT 1 FROM account a WHERE a.part = mailbox.part AND a.id = mailbox.account) \
                     AND NOT EXISTS (SELECT 1 FROM item i WHERE ", of_mailbox!(), ")");
    /// Of accounts that have an INBOX to show it in.
    NOWHERE = "SELECT m.part, m.account, m.id, m.received, m.head_octets + m.size_octets - m.skip_octets FROM mail m WHERE NOT EXISTS \
               (SELECT 1 FROM item i WHERE i.part = m.part AND i.account = m.account AND i.mail = m.id) AND NOT EXISTS \
               (SELECT 1 FROM discarded d WHERE d.part = m.part AND d.account = m.account AND d.mail = m.id) AND EXISTS \
               (SELECT 1 FROM mailbox b WHERE b.part = m.part AND b.account = m.account AND b.name = 'INBOX') LIMIT ?1";
}

/// What each of the statements finds, in words before the name of the row.
pub(super) const RELATIONS: &[(Sql, &str)] = &[
    (ITEM_WITHOUT_MAIL, "a message in a mailbox shows a mail that is not there"),
    (ITEM_WITHOUT_MAILBOX, "a message lies in a mailbox that is not there"),
    (MAIL_WITHOUT_ITEM, "a mail lies in no mailbox"),
    (OUTLINE_WITHOUT_MAIL, "an outline is of a mail that is not there"),
    (DISCARDED_IN_USE, "a mail is to be deleted, and lies in a mailbox"),
    (UID_TOO_GREAT, "a message has a UID or modification sequence that its mailbox has not given"),
    (ITEM_SIZE, "a message in a mailbox has another size than its mail"),
    (ITEM_FLAGS, "a message has flags that there are not"),
    (COUNTERS, "a mailbox counts other messages than lie in it"),
    (EXPUNGED_COUNT, "a mailbox counts other expunged messages than it remembers"),
    (EXPUNGED_TOO_GREAT, "expunged messages are remembered that no mailbox had"),
    (EXPUNGED_AND_THERE, "a message is remembered as expunged, and is there"),
    (FORGOTTEN_TOO_GREAT, "a mailbox has forgotten expunged messages that it has not had"),
    (USED_TWICE, "two mailboxes of an account have one use"),
    (VALIDITY_NOT_GIVEN, "a mailbox has a UIDVALIDITY that its account has not given"),
    (OF_NO_ACCOUNT, "a subscription or an annotation has no account"),
    (ANNOTATION_OF_NOTHING, "an annotation has no mailbox"),
];

impl Store {
    /// Puts right what follows from the items, which clients know.
    pub(super) async fn mend_mailboxes(&self) -> Result<()> {
        let now = self.now();
        let seconds = (now.as_millis() / 1000).clamp(1, i64::from(u32::MAX));
        self.write_whole(move |tx| tx.execute(ADD_MAILBOXES, params![seconds]).map(drop)).await?;
        self.write_whole(move |tx| add_inboxes(tx, seconds)).await?;
        let steps = [
            RAISE_UIDNEXT,
            RAISE_MODSEQ,
            RAISE_VALIDITY,
            SET_SIZES,
            DROP_EXPUNGED,
            COUNT_EXPUNGED,
            USE_AGAIN,
            DROP_OUTLINES,
            DROP_SUBSCRIPTIONS,
            DROP_ANNOTATIONS,
            DROP_MAILBOXES,
        ];
        for sql in steps {
            self.write_whole(move |tx| tx.execute(sql, params![]).map(drop)).await?;
        }
        while self.write_whole(show_again).await? == PAGE {}
        self.write_whole(move |tx| tx.execute(SET_COUNTERS, params![]).map(drop)).await
    }
}

fn add_inboxes(tx: &mut dyn Tx, seconds: i64) -> Result<()> {
    for mut row in tx.query(WITHOUT_INBOX, params![i64::MAX])? {
        let account: AccountId = row.parsed()?;
        let values = params![Partition::of(account), account, MailboxId::inbox_of(account), INBOX, None::<&str>, seconds];
        tx.execute(INSERT_INBOX, values)?;
    }
    Ok(())
}

/// Some mail that lies in no mailbox is somebody's, and is shown to them.
fn show_again(tx: &mut dyn Tx) -> Result<usize> {
    let rows = tx.query(NOWHERE, params![PAGE])?;
    let count = rows.len();
    for mut row in rows {
        let (_part, account, id) = (row.int()?, row.parsed()?, row.text()?);
        let (received, size_octets): (Timestamp, u64) = (row.time()?, row.count()?);
        mailbox::show_again(tx, account, &id, (received, size_octets))?;
    }
    Ok(count)
}
