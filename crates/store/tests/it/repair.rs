//! What can be put right is, and the rest is told with why.

use object_store::ObjectStoreExt as _;
use object_store::path::Path;

use crate::check::furnish;

/// What to do to a furnished store, and what a repair can put right of it: all, or all but what these say.
const REPAIRS: &[(&str, &[&str])] = &[
    ("UPDATE transfer SET stage = 'waiting'", &[]),
    ("UPDATE transfer SET due_at = due_at + 1", &[]),
    ("UPDATE arrival SET stage = 'due' WHERE stage = 'stored'", &[]),
    ("UPDATE arrival SET due_at = 1 WHERE stage = 'listed'", &[]),
    ("UPDATE arrival SET expires = 1", &[]),
    ("UPDATE transfer SET stage = 'ended'", &[]),
    ("DELETE FROM mailbox", &[]),
    ("UPDATE mailbox SET uidnext = 1", &[]),
    ("UPDATE item SET modseq = 99", &[]),
    ("DELETE FROM item", &[]),
    ("INSERT INTO discarded SELECT part, account, id FROM mail", &[]),
    ("UPDATE item SET size_octets = 1", &[]),
    ("UPDATE item SET flags = 1", &[]),
    ("UPDATE mailbox SET octets = 1, messages = 7", &[]),
    ("UPDATE mailbox SET expunges = 1", &[]),
    ("INSERT INTO expunged SELECT part, account, mailbox, 1, uid, uid FROM item", &[]),
    ("UPDATE mailbox SET forgotten = modseq + 1", &[]),
    ("UPDATE account SET uidvalidity = 0", &[]),
    ("INSERT INTO subscription VALUES (1, 'x', 'x')", &[]),
    ("INSERT INTO annotation (part, account, mailbox, name, value) SELECT part, id, 'x', '/private/x', scram_salt FROM account", &[]),
    ("DELETE FROM mail", &["shows a mail that is not there"]),
    ("UPDATE account SET stage = 'deleting'", &[]),
    ("DELETE FROM account WHERE address = 'bob@a.test'", &[]),
    ("UPDATE directory SET stage = 'reserved', reserved_at = 1", &[]),
    ("DELETE FROM directory", &[]),
    ("UPDATE directory SET part = 1023 - part", &[]),
    ("UPDATE directory SET account = 'x'", &[]),
    ("INSERT INTO orphan SELECT part, object, 1 FROM message WHERE object IS NOT NULL", &[]),
    ("INSERT INTO redecision SELECT part, id, '', '' FROM account", &[]),
    (
        "INSERT INTO search_text (part, account, mail, segment, is_whole, octets, head, body) SELECT part, id, 'gone', 0, 1, 0, '', '' FROM account",
        &[],
    ),
    (
        "INSERT INTO summary (part, account, mail, subject, is_reply, from_local, to_local, cc_local, display_from, display_to, \
      mail_references) SELECT part, id, 'gone', '', 0, '', '', '', '', '', '' FROM account",
        &[],
    ),
    ("INSERT INTO search_gram (part, account, segment, shard, postings) SELECT part, id, 1, 1, scram_salt FROM account", &[]),
    ("INSERT INTO search_segment (part, account, segment, messages, built, mails) SELECT part, id, 1, 2, 2, scram_salt FROM account", &[]),
    ("INSERT INTO lease VALUES (2000, 'x', 1, 1)", &[]),
    (
        "INSERT INTO partial SELECT a.part, a.account, a.origin, a.id, a.recipient_key, 0, m.object, 1 FROM arrival a JOIN message m \
      ON m.object IS NOT NULL WHERE a.stage = 'listed'",
        &[],
    ),
    ("DELETE FROM account", &["a transfer under way has no account", "a mailbox has no account"]),
    ("DELETE FROM message", &["a transfer has no message"]),
    ("DELETE FROM transfer", &["a message has no transfer", "was not freed"]),
    ("UPDATE transfer SET state = '{}'", &["a transfer's state does not read"]),
    ("UPDATE message SET octets = NULL WHERE place = 'row'", &["is not where its row says"]),
    ("UPDATE mail SET digest = head", &["is not what was stored"]),
    ("UPDATE entry SET entry = '{}'", &["an entry does not read"]),
    (
        "INSERT INTO alias SELECT part, id, 'alice@a.test', 'alice@a.test' FROM account WHERE address = 'bob@a.test'",
        &["two accounts have one name", "a name is of an account that does not have it"],
    ),
];

on_both_engines! {
    async fn what_can_be_repaired_without_guessing_is_and_all_else_is_told_with_why(it: &mut Fixture) {
        furnish(it).await;
        let tables = "account alias annotation arrival directory discarded entry expunged history item lease mail mailbox message orphan \
                      partial pin redecision subscription transfer";
        let tables: Vec<_> = tables.split(' ').collect();
        it.meddle(&tables.iter().map(|table| format!("CREATE TABLE saved_{table} AS SELECT * FROM {table};")).collect::<Vec<_>>().concat());
        let restore = |table: &&str| format!("DELETE FROM {table}; INSERT INTO {table} SELECT * FROM saved_{table};");
        let restore = tables.iter().map(restore).collect::<Vec<_>>().concat();
        let aside: std::sync::Arc<dyn object_store::ObjectStore> = std::sync::Arc::new(object_store::memory::InMemory::new());
        for (damage, left) in REPAIRS {
            it.meddle(damage);
            let before = it.store.check().await.unwrap();
            assert!(!before.is_empty(), "{damage}");
            let mended = it.store.repair(&aside, delivery::schedule::Jitter::NONE).await.unwrap();
            for (found, why) in &mended.left {
                assert!(!why.is_empty() && left.iter().any(|left| found.contains(left)), "{damage}\nleft: {found}: {why}");
            }
            assert_eq!(mended.left.is_empty(), left.is_empty(), "{damage}: {mended:#?}");
            assert!(before.iter().all(|found| mended.repaired.contains(found) || mended.left.iter().any(|(left, _)| left == found)), "{damage}");
            // What nobody knew of, because its row was gone.
            let moved: Vec<_> = futures_util::TryStreamExt::try_collect::<Vec<_>>(aside.list(None)).await.unwrap().into_iter().map(|object| object.location).collect();
            for object in moved {
                let octets = aside.get(&object).await.unwrap().bytes().await.unwrap();
                it.objects.put(&object, octets.into()).await.unwrap();
                aside.delete(&object).await.unwrap();
            }
            it.meddle(&restore);
            assert_eq!(it.store.check().await.unwrap(), Vec::<String>::new(), "after {damage}");
        }
        it.meddle(&tables.iter().map(|table| format!("DROP TABLE saved_{table};")).collect::<Vec<_>>().concat());
        let stray = Path::from("0001/stray");
        it.objects.put(&stray, vec![b'x'; 3].into()).await.unwrap();
        let mended = it.store.repair(&aside, delivery::schedule::Jitter::NONE).await.unwrap();
        assert_eq!((mended.repaired.len(), mended.left), (1, Vec::new()));
        assert_eq!(aside.get(&stray).await.unwrap().bytes().await.unwrap().as_ref(), b"xxx");
        let mended = it.store.repair(&aside, delivery::schedule::Jitter::NONE).await.unwrap();
        assert_eq!((mended.repaired, mended.left), (Vec::new(), Vec::new()));
    }
}
