//! The answer to a commit that is lost on its way, as when the connection to a PostgreSQL breaks: the operations run again, and what
//! was committed is not done twice.

use std::collections::BTreeSet;

use delivery::consent::Screening;
use futures_util::future::{Either, select};
use mail::digest::ContentDigest;
use mail::flag::Flags;
use mail::id::{AccountId, MailboxId};
use store::backend::{Access, Backend, Row, Sql, Trouble, Tx, Value};
use store::content::{Place, StoredContent};
use store::items::{Copied, Copying, NewItem};
use store::mailboxes::{CreateMailbox, Created};
use store::queue::live;
use store::sqlite::Sqlite;
use store::{Added, Store, StoreError, schema};

use crate::fixture::{Engine, Fixture, block_on};

/// A database over a connection that breaks behind the next commit.
struct Breaking {
    database: Sqlite,
    breaks: bool,
    trouble: Trouble,
}

impl Tx for Breaking {
    fn execute(&mut self, sql: Sql, params: &[Value<'_>]) -> Result<u64, StoreError> {
        self.database.execute(sql, params)
    }

    fn query(&mut self, sql: Sql, params: &[Value<'_>]) -> Result<Vec<Row>, StoreError> {
        self.database.query(sql, params)
    }

    fn touch(&mut self, account: AccountId) {
        self.database.touch(account);
    }
}

impl Backend for Breaking {
    fn begin(&mut self, access: Access) -> Result<(), StoreError> {
        self.database.begin(access)
    }

    fn commit(&mut self) -> Result<(), StoreError> {
        self.database.commit()?;
        if !std::mem::take(&mut self.breaks) {
            return Ok(());
        }
        self.trouble = Trouble::Lost;
        Err(StoreError::Unavailable("the connection broke".to_owned()))
    }

    fn rollback(&mut self) {
        if self.trouble == Trouble::None {
            self.database.rollback();
        }
    }

    fn touched(&mut self) -> BTreeSet<AccountId> {
        self.database.touched()
    }

    fn is_shared(&self) -> bool {
        self.database.is_shared()
    }

    fn trouble(&mut self) -> Trouble {
        match std::mem::replace(&mut self.trouble, Trouble::None) {
            Trouble::None => self.database.trouble(),
            trouble => trouble,
        }
    }

    fn run_script(&mut self, script: &str) -> Result<(), StoreError> {
        self.database.run_script(script)
    }

    fn prepare(&mut self, sql: Sql) -> Result<(), StoreError> {
        self.database.prepare(sql)
    }
}

/// Does something with the store while the database is drained.
async fn run<T>(store: &Store, database: &mut Breaking, operation: impl Future<Output = T>) -> T {
    let drains = async {
        loop {
            store.drain(database, &mut live);
            tokio::task::yield_now().await;
        }
    };
    futures_util::pin_mut!(operation, drains);
    match select(operation, drains).await {
        Either::Left((result, _drains)) => result,
        Either::Right(((), _operation)) => panic!("draining does not end"),
    }
}

fn new_item(it: &Fixture) -> NewItem {
    NewItem {
        mail: it.mail_id(),
        flags: Flags::default(),
        received: it.now(),
        zone: mail::time::Zone::UTC,
        from: String::new(),
        subject: String::new(),
        internet_id: None,
        content: StoredContent { size_octets: 5, digest: ContentDigest::of(b"hello"), place: Place::Row(b"hello".to_vec()) },
    }
}

#[test]
fn what_was_copied_or_moved_is_not_copied_again() {
    let it = Fixture::new(Engine::Sqlite);
    let mut database = Breaking { database: Sqlite::in_memory().unwrap(), breaks: false, trouble: Trouble::None };
    schema::migrate(&mut database).unwrap();
    let store = Store::new(1, it.surroundings.clone());
    block_on(async {
        let account = it.new_account("alice@a.test", Screening::Off);
        let (alice, inbox) = (account.id, MailboxId::inbox_of(account.id));
        assert_eq!(run(&store, &mut database, store.add_account(account)).await.unwrap(), Added::Done);
        let create = CreateMailbox { id: MailboxId::new(it.now(), it.entropy()), name: "a".to_owned(), special_use: None, now: it.now() };
        let Created::Done(folder) = run(&store, &mut database, store.create_mailbox(alice, create)).await.unwrap() else { panic!() };
        let new = (0..5).map(|_| new_item(&it)).collect();
        run(&store, &mut database, store.append_messages(alice, inbox, new, it.now())).await.unwrap();
        for (copying, uids, expected) in [
            (Copying::Copy, vec![1, 3, 4], vec![(1, 1), (3, 2), (4, 3)]),
            // The same once more is another copy.
            (Copying::Copy, vec![1, 3, 4], vec![(1, 4), (3, 5), (4, 6)]),
            (Copying::Move, vec![2, 5], vec![(2, 7), (5, 8)]),
        ] {
            database.breaks = true;
            let copied = run(&store, &mut database, store.copy_items(alice, inbox, uids, folder.id, copying, it.now())).await.unwrap();
            assert_eq!(copied, Copied::Done { uid_validity: folder.uid_validity, pairs: expected });
            assert!(!database.breaks);
        }
        assert_eq!(run(&store, &mut database, store.items(alice, folder.id, 0, 100)).await.unwrap().len(), 8);
        assert_eq!(run(&store, &mut database, store.items(alice, inbox, 0, 100)).await.unwrap().len(), 3);
        assert_eq!(run(&store, &mut database, store.check()).await.unwrap(), Vec::<String>::new());
    });
}
