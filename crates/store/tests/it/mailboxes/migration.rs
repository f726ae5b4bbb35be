//! A store that an older program has written is brought up to date with all that lies in it.

use std::sync::Arc;

use delivery::consent::Screening;
use mail::digest::ContentDigest;
use mail::id::{AccountId, MailId, MailboxId, Partition};
use object_store::memory::InMemory;
use store::Account;
use store::made::Made;
use store::mailboxes::Subscription;
use store::sqlite::SqliteFile;
use store::threads::Database;

use super::append;
use crate::engines;
use crate::fixture::{Engine, Fixture, block_on};

/// The schema as it was before mailboxes had items.
const BEFORE: [&str; 7] = [
    include_str!("../../../src/schema/0001.sql"),
    include_str!("../../../src/schema/0002.sql"),
    include_str!("../../../src/schema/0003.sql"),
    include_str!("../../../src/schema/0004.sql"),
    include_str!("../../../src/schema/0005.sql"),
    include_str!("../../../src/schema/0006.sql"),
    include_str!("../../../src/schema/0007.sql"),
];

/// Octets as the engine writes them.
fn octets(engine: Engine, octets: &[u8]) -> String {
    let digits = octets.iter().fold(String::new(), |digits, octet| digits + &format!("{octet:02x}"));
    match engine {
        Engine::Sqlite => format!("X'{digits}'"),
        Engine::Postgres => format!("'\\x{digits}'"),
    }
}

/// A store of that time: two accounts, one with mail in two mailboxes.
fn old(it: &Fixture, engine: Engine, alice: AccountId, mail: &[MailId]) {
    let clustered = if engine == Engine::Sqlite { "WITHOUT ROWID" } else { "/* clustered */" };
    let mut script =
        vec!["CREATE TABLE migration (part BIGINT NOT NULL, version BIGINT NOT NULL, PRIMARY KEY (part, version));".to_owned()];
    for (at, step) in BEFORE.iter().enumerate() {
        script.push(step.replace("/* clustered */", clustered));
        script.push(format!("INSERT INTO migration (part, version) VALUES (0, {});", at + 1));
    }
    let key = octets(engine, &[7; 32]);
    let part = Partition::of(alice).number();
    let name = Partition::of_name("alice@a.test").number();
    script.push(format!(
        "INSERT INTO account (part, id, address, stage, screening, made, password_hash, scram_salt, scram_iterations, scram_stored_key, \
         scram_server_key) VALUES ({part}, '{alice}', 'alice@a.test', 'active', 'off', 1, 'x', {key}, 10000, {key}, {key});
         INSERT INTO directory (part, name, account, stage, reserved_at) VALUES ({name}, 'alice@a.test', '{alice}', 'active', 1);
         INSERT INTO mailbox (part, account, name, uidvalidity, uidnext, modseq) VALUES
         ({part}, '{alice}', 'Archive/2001', 900, 1, 1), ({part}, '{alice}', 'INBOX', 800, 8, 9), ({part}, '{alice}', 'Lists', 901, 2, 2);"
    ));
    for (at, (id, mailbox, uid)) in [(mail[0], "INBOX", 3), (mail[1], "INBOX", 7), (mail[2], "Lists", 1)].into_iter().enumerate() {
        let (content, head) = (format!("message {at}"), b"Return-Path: <>\r\n".as_slice());
        let digest = octets(engine, ContentDigest::of(content.as_bytes()).as_bytes());
        script.push(format!(
            "INSERT INTO mail (part, account, id, mailbox, uid, modseq, received, author, subject, skip_octets, head_octets, size_octets, \
             digest, place, head, octets) VALUES ({part}, '{alice}', '{id}', '{mailbox}', {uid}, {}, {at}, 'carol@c.test', 'Hello', 2, {}, {}, \
             {digest}, 'row', {}, {});",
            uid + 1,
            head.len(),
            content.len(),
            octets(engine, head),
            octets(engine, content.as_bytes()),
        ));
    }
    it.meddle(&script.concat());
}

fn is_brought_up_to_date(engine: Engine) {
    let directory = tempfile::tempdir().unwrap();
    let database = match engine {
        Engine::Sqlite => Database::Sqlite(SqliteFile::new(directory.path().join("store.sqlite"))),
        Engine::Postgres => Database::Postgres { url: engines::fresh_schema(), lanes: 2 },
    };
    let mut it = Fixture::closed(database, directory, Arc::new(InMemory::new()));
    let alice = AccountId::new(it.now(), it.entropy());
    let mail = [it.mail_id(), it.mail_id(), it.mail_id()];
    old(&it, engine, alice, &mail);
    it.try_start().unwrap();
    block_on(async {
        assert_eq!(it.store.check().await.unwrap(), Vec::<String>::new());
        let Some(Account { id, .. }) = it.store.account(&"alice@a.test".parse().unwrap()).await.unwrap() else { panic!("no account") };
        assert_eq!(id, alice);
        let rows = it.store.mailboxes(alice).await.unwrap();
        let told: Vec<_> = rows.iter().map(|row| (row.name.as_str(), row.uid_validity, row.uid_next, row.modseq, row.messages)).collect();
        assert_eq!(told, [("Archive/2001", 900, 1, 1, 0), ("INBOX", 800, 8, 9, 2), ("Lists", 901, 2, 2, 1)]);
        assert!(rows.iter().all(|row| row.unseen == row.messages && row.is_subscribed && row.octets == 24 * u64::from(row.messages)));
        assert_eq!(rows[1].id, MailboxId::inbox_of(alice));
        assert!(rows[0].id != rows[2].id && rows.iter().all(|row| row.id.to_string().parse() == Ok(row.id)));
        let items = it.store.items(alice, rows[1].id, 0, 10).await.unwrap();
        let told: Vec<_> = items.iter().map(|item| (item.uid, item.modseq, item.mail, item.flags.is_empty(), item.size_octets)).collect();
        assert_eq!(told, [(3, 4, mail[0], true, 24), (7, 8, mail[1], true, 24)]);
        assert_eq!(append(&it, alice, rows[1].id, 1).await, [8], "UIDs go on from where they were");
        assert!(super::create(&it, alice, "new").await.uid_validity > 901);
        let listed = it.store.mail_list(alice).await.unwrap();
        assert_eq!(
            listed.iter().map(|row| (row.mailbox.as_str(), row.id)).collect::<Vec<_>>()[..3],
            [("INBOX", mail[0]), ("INBOX", mail[1]), ("Lists", mail[2])]
        );
    });
    it.close();
}

#[test]
fn a_store_of_an_older_program_keeps_its_mail_and_its_uids_on_sqlite() {
    is_brought_up_to_date(Engine::Sqlite);
}

#[test]
fn a_store_of_an_older_program_keeps_its_mail_and_its_uids_on_postgres() {
    is_brought_up_to_date(Engine::Postgres);
}

on_both_engines! {
    async fn who_had_logged_in_before_that_was_written_down_is_not_taken_for_new(it: &mut Fixture) {
        let names = ["new@a.test", "rules@a.test", "subscribed@a.test", "unsubscribed@a.test"];
        let [new, rules, subscribed, unsubscribed] = [
            it.account(names[0], Screening::Off).await,
            it.account(names[1], Screening::Off).await,
            it.account(names[2], Screening::Off).await,
            it.account(names[3], Screening::Off).await,
        ];
        it.store.subscribe(rules, "Lists", Subscription::On).await.unwrap();
        it.store.subscribe(subscribed, "INBOX", Subscription::On).await.unwrap();
        it.store.refresh_made(unsubscribed, Made::Requests, it.now()).await.unwrap();
        it.stop();
        it.meddle("ALTER TABLE account DROP COLUMN furnished; DELETE FROM migration WHERE version >= 23;");
        it.start();
        for (account, furnished) in [(new, false), (rules, false), (subscribed, true), (unsubscribed, true)] {
            assert_eq!(it.store.is_furnished(account).await.unwrap(), furnished);
        }
        it.store.furnish(new).await.unwrap();
        assert!(it.store.is_furnished(new).await.unwrap());
    }
}
