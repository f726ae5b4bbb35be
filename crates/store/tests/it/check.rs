//! Each violation is found, and named.

use delivery::consent::{EntryList, Screening};
use futures_util::TryStreamExt as _;
use object_store::path::Path;
use object_store::{ObjectStore as _, ObjectStoreExt as _};
use store::content::ContentWriter;

use crate::fixture::Fixture;

/// A store with something of everything; nothing is wrong with it.
pub(crate) async fn furnish(it: &Fixture) {
    let alice = it.account("alice@a.test", Screening::Off).await;
    let bob = it.account("bob@a.test", Screening::On).await;
    it.store.keep(it.message(alice, "alice@a.test", &["bob@b.test"], b"hello")).await.unwrap();
    let mut writer = ContentWriter::new(&it.store, alice);
    writer.write(&vec![b'x'; 100_000]).await.unwrap();
    let mut large = it.message(alice, "alice@a.test", &["bob@b.test"], b"");
    large.content = writer.finish().await.unwrap();
    it.store.keep(large).await.unwrap();
    let arrival = it.arrival(alice, "carol@c.test", "alice@a.test").await;
    let delivery = it.delivery(&arrival.key, crate::fixture::in_a_row(b"hello")).await;
    it.store.deliver(delivery).await.unwrap();
    it.arrival(bob, "carol@c.test", "bob@a.test").await;
    it.add(bob, EntryList::Allow, "dave@d.test").await;
    it.store.add_alias(bob, store::Alias::CatchAll("a.test".parse().unwrap())).await.unwrap();
    assert_eq!(it.store.check().await.unwrap(), Vec::<String>::new());
}

/// What to do to a furnished store behind its back, and what the check must say of it.
const DAMAGE: &[(&str, &str)] = &[
    ("DELETE FROM message", "a transfer has no message"),
    ("DELETE FROM transfer", "a message has no transfer"),
    ("UPDATE message SET place = 'freed', octets = NULL, object = NULL", "was freed while a transfer needs it"),
    ("UPDATE transfer SET stage = 'ended'", "was not freed, and no transfer needs it"),
    ("UPDATE transfer SET stage = 'waiting'", "a transfer's stage is waiting, and its state another"),
    ("UPDATE transfer SET due_at = due_at + 1", "a transfer is due at another time than its state says"),
    ("UPDATE transfer SET state = '{}'", "a transfer's state does not read"),
    ("UPDATE transfer SET report = 'SOMETIMES'", "a transfer's NOTIFY does not read"),
    ("UPDATE transfer SET recipient_key = 'x@y.test'", "a transfer's recipient is not the one it is found by"),
    ("UPDATE message SET part = 1023 - part; UPDATE transfer SET part = 1023 - part", "a message is in another partition"),
    ("UPDATE message SET part = 1023 - part; UPDATE transfer SET part = 1023 - part", "a transfer is in another partition"),
    ("UPDATE message SET octets = NULL WHERE place = 'row'", "the content of a message is not where its row says"),
    ("UPDATE message SET size_octets = 1 WHERE place = 'row'", "the content of a message is not of the size it had"),
    ("UPDATE message SET digest = octets WHERE place = 'row'", "the content of a message is not what was stored"),
    ("UPDATE message SET size_octets = 1 WHERE place = 'object'", "an object is not of the size it had"),
    ("UPDATE message SET object = part || 'x' WHERE place = 'object'", "an object is named in another partition"),
    ("UPDATE message SET place = 'freed', object = NULL WHERE place = 'object'", "is there, and nobody knows of it"),
    ("UPDATE mail SET place = 'object', octets = NULL", "the content of a mail is not where its row says"),
    ("UPDATE mail SET digest = head", "the content of a mail is not what was stored"),
    ("UPDATE mail SET head_octets = 1", "the head of a mail is not of the size it had"),
    ("DELETE FROM mailbox", "a message lies in a mailbox that is not there"),
    ("UPDATE mailbox SET uidnext = 1", "UID or modification sequence that its mailbox has not given"),
    ("UPDATE item SET modseq = 99", "UID or modification sequence that its mailbox has not given"),
    ("DELETE FROM item", "a mail lies in no mailbox"),
    ("DELETE FROM mail", "a message in a mailbox shows a mail that is not there"),
    ("INSERT INTO discarded SELECT part, account, id FROM mail", "a mail is to be deleted, and lies in a mailbox"),
    ("UPDATE item SET size_octets = 1", "a message in a mailbox has another size than its mail"),
    ("UPDATE item SET flags = 32", "a message has flags that there are not"),
    ("UPDATE item SET flags = 1", "a mailbox counts other messages than lie in it"),
    ("UPDATE mailbox SET deleted_octets = 1", "a mailbox counts other messages than lie in it"),
    ("UPDATE mailbox SET expunges = 1", "a mailbox counts other expunged messages than it remembers"),
    (
        "INSERT INTO expunged SELECT part, account, id, modseq + 1, 1, 1 FROM mailbox",
        "expunged messages are remembered that no mailbox had",
    ),
    ("INSERT INTO expunged SELECT part, account, mailbox, 1, uid, uid FROM item", "a message is remembered as expunged, and is there"),
    ("UPDATE mailbox SET forgotten = modseq + 1", "a mailbox has forgotten expunged messages that it has not had"),
    (
        "INSERT INTO mailbox SELECT part, account, 'x', 'x', '\\Junk', 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, '', 0, 1 FROM mailbox; \
      UPDATE mailbox SET special = '\\Junk'",
        "two mailboxes of an account have one use",
    ),
    ("UPDATE account SET uidvalidity = 0", "a mailbox has a UIDVALIDITY that its account has not given"),
    ("INSERT INTO subscription SELECT 1023 - part, id, 'x' FROM account", "a subscription is in another partition"),
    ("INSERT INTO subscription VALUES (1, 'x', 'x')", "a subscription or an annotation has no account"),
    (
        "INSERT INTO annotation (part, account, mailbox, name, value) SELECT part, id, 'x', '/private/x', scram_salt FROM account",
        "an annotation has no mailbox",
    ),
    ("DELETE FROM account", "a transfer under way has no account"),
    ("DELETE FROM account", "an arrival has no account"),
    ("DELETE FROM account", "a mailbox has no account"),
    ("DELETE FROM account", "an entry has no account"),
    ("DELETE FROM account", "a name is of an account that does not have it: @a.test"),
    ("UPDATE account SET stage = 'deleting'", "an account is half deleted"),
    (
        "DROP INDEX mail_arrival; INSERT INTO mail (part, account, id, received, author, subject, \
      skip_octets, head_octets, size_octets, digest, place, object, origin, notice, recipient_key, head, octets) \
      SELECT part, account, 'another', received, author, subject, \
      skip_octets, head_octets, size_octets, digest, place, object, origin, notice, recipient_key, head, octets FROM mail",
        "an arrival was stored twice",
    ),
    ("UPDATE arrival SET stage = 'due' WHERE stage = 'stored'", "a mail is of an arrival that was not stored"),
    ("UPDATE arrival SET stage = 'due' WHERE stage = 'stored'", "an arrival's stage is due, and its state another"),
    ("UPDATE arrival SET due_at = 1 WHERE stage = 'listed'", "an arrival is due at another time than its state says"),
    ("UPDATE arrival SET expires = 1", "an arrival expires at another time than its state says"),
    ("UPDATE arrival SET state = 'x'", "an arrival's state does not read"),
    ("UPDATE arrival SET origin = 'x.test'", "an arrival's author is not the one it is found by"),
    ("UPDATE arrival SET recipient_key = 'x@y.test'", "an arrival's recipient is not the one it is found by"),
    ("UPDATE arrival SET part = 1023 - part", "an arrival is in another partition than its account's"),
    (
        "INSERT INTO partial SELECT part, account, origin, id, recipient_key, 0, '0000/x', 1 FROM arrival WHERE stage = 'listed'",
        "a part of a content is of no arrival that is due",
    ),
    ("INSERT INTO orphan SELECT part, object, 1 FROM message WHERE object IS NOT NULL", "noted as an orphan, and named by a row"),
    (
        "INSERT INTO partial SELECT a.part, a.account, a.origin, a.id, a.recipient_key, 0, m.object, 1 FROM arrival a JOIN message m \
      ON m.object IS NOT NULL WHERE a.stage = 'listed'",
        "an object is named by two rows",
    ),
    ("UPDATE directory SET stage = 'reserved', reserved_at = 1", "a name is reserved, and nobody is adding it: bob@a.test"),
    ("DELETE FROM directory WHERE name = '@a.test'", "an account has a name that does not lead to it: @a.test"),
    ("UPDATE directory SET part = 1023 - part", "a name is in another partition than its own"),
    ("UPDATE directory SET account = 'x'", "a name is of an account that does not have it"),
    (
        "INSERT INTO alias SELECT part, id, 'alice@a.test', 'alice@a.test' FROM account WHERE address = 'bob@a.test'",
        "two accounts have one name",
    ),
    ("UPDATE entry SET entry = '{}'", "an entry does not read"),
    ("UPDATE entry SET name = 'x@y.test'", "an entry is not the one it is found by"),
    ("UPDATE entry SET part = 1023 - part", "an entry is in another partition than its account's"),
    ("INSERT INTO redecision SELECT part, id, '', '' FROM account", "a change of consent is not applied to all that waits"),
    (
        "INSERT INTO search_text (part, account, mail, segment, is_whole, octets, head, body) SELECT part, id, 'gone', 0, 1, 0, '', '' FROM account",
        "the index has the text of a mail that is not there: gone",
    ),
    (
        "INSERT INTO summary (part, account, mail, subject, is_reply, from_local, to_local, cc_local, display_from, display_to, \
      mail_references) SELECT part, id, 'gone', '', 0, '', '', '', '', '', '' FROM account",
        "the index sorts a mail that is not there: gone",
    ),
    (
        "INSERT INTO search_gram (part, account, segment, shard, postings) SELECT part, id, 1, 1, scram_salt FROM account",
        "the index has a part of a segment that is not there",
    ),
    (
        "INSERT INTO search_segment (part, account, segment, messages, built, mails) SELECT part, id, 1, 2, 2, scram_salt FROM account",
        "a segment of the index counts other texts than it has",
    ),
    ("INSERT INTO lease VALUES (2000, 'x', 1, 1)", "a lease is of no partition"),
    ("INSERT INTO pin SELECT 1023 - part, 'c.test', 1 FROM account WHERE address = 'bob@a.test'", "a pin is in another partition"),
    ("INSERT INTO history SELECT 1023 - part, id, 'x', 1, '', '', 0, '' FROM account", "a change of consent is in another partition"),
];

on_both_engines! {
    async fn every_violation_is_named(it: &mut Fixture) {
        furnish(it).await;
        let tables = "account alias annotation arrival directory discarded entry expunged history item lease mail mailbox message orphan \
                      partial pin redecision search_gram search_segment search_text subscription summary transfer";
        let tables: Vec<_> = tables.split(' ').collect();
        let save: Vec<_> = tables.iter().map(|table| format!("CREATE TABLE saved_{table} AS SELECT * FROM {table};")).collect();
        it.meddle(&save.concat());
        let restore = |table: &&str| format!("DELETE FROM {table}; INSERT INTO {table} SELECT * FROM saved_{table};");
        let mut restore = tables.iter().map(restore).collect::<Vec<_>>().concat();
        restore.push_str("CREATE UNIQUE INDEX IF NOT EXISTS mail_arrival ON mail (part, account, origin, notice, recipient_key);");
        for (damage, sentence) in DAMAGE {
            it.meddle(damage);
            let found = it.store.check().await.unwrap();
            assert!(found.iter().any(|found| found.contains(sentence)), "{damage}\nexpected: {sentence}\nfound: {found:#?}");
            it.meddle(&restore);
            assert_eq!(it.store.check().await.unwrap(), Vec::<String>::new(), "after {damage}");
        }
        // More contacts than may be shown: nobody counts them but the check.
        it.meddle(
            "INSERT INTO arrival WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 600) \
             SELECT part, account, origin, id || n, recipient_key, sender, sender_key || n, recipient, size_octets, date, expires, noted_at, \
             body, smtputf8, require_tls, kind, name, subject, reference, list, evidence_rule, evidence_detail, evidence_address, stage, \
             due_at, detail, state, heard_at FROM arrival, n WHERE stage = 'listed'",
        );
        let found = it.store.check().await.unwrap();
        assert!(found.iter().any(|found| found.contains("more contact attempts are shown")), "{found:#?}");
        it.meddle(&restore);
        it.meddle(&tables.iter().map(|table| format!("DROP TABLE saved_{table};")).collect::<Vec<_>>().concat());
    }

    async fn an_object_that_is_gone_or_altered_is_named(it: &mut Fixture) {
        furnish(it).await;
        let objects: Vec<_> = it.objects.list(None).map_ok(|object| object.location).try_collect().await.unwrap();
        let [object] = objects.as_slice() else { panic!("{objects:?}") };
        it.objects.put(object, vec![b'y'; 100_000].into()).await.unwrap();
        assert_eq!(it.store.check().await.unwrap(), Vec::<String>::new());
        let found = it.store.check_to(store::check::Depth::Digest).await.unwrap();
        assert_eq!(found, [format!("an object is not what was stored: {object}")]);
        it.objects.delete(object).await.unwrap();
        assert_eq!(it.store.check().await.unwrap(), [format!("an object is named by a row, and is not there: {object}")]);
        it.objects.put(object, vec![b'x'; 100_000].into()).await.unwrap();
        let stray = Path::from("0001/stray");
        it.objects.put(&stray, vec![b'x'; 1].into()).await.unwrap();
        assert_eq!(it.store.check().await.unwrap(), ["an object is there, and nobody knows of it: 0001/stray"]);
        it.objects.delete(&stray).await.unwrap();
    }
}
