//! Random acts of several sessions, on the store and on a model in memory: both say the same after each, and what a session
//! hears of changes makes of its view what is there.

use std::collections::BTreeMap;

use delivery::consent::Screening;
use mail::flag::{FlagChange, Flags, Keyword, SystemFlags};
use mail::id::{AccountId, MailId, MailboxId};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use store::items::{Appended, Copied, Copying, FlagsSet};
use store::mailboxes::{Created, Gone, Renamed};

use super::{new_item, wanted};
use crate::fixture::{Engine, Fixture, block_on};

const NAMES: [&str; 5] = ["INBOX", "a", "a/b", "c", "c/b"];
const SESSIONS: usize = 3;

/// What a session does; messages are picked by where they stand in the mailbox.
#[derive(Debug, Clone)]
enum Act {
    Append(usize, usize, u8),
    Store(usize, u16, Change, u8, Option<usize>),
    Copy(usize, usize, u16, bool),
    Expunge(usize, Option<u16>),
    Look(usize, usize, usize),
    Create(usize),
    Delete(usize),
    Rename(usize, usize),
}

#[derive(Debug, Clone, Copy)]
enum Change {
    Replace,
    Add,
    Remove,
}

fn act() -> impl Strategy<Value = Act> {
    let name = || 0..NAMES.len();
    let change = prop_oneof![Just(Change::Replace), Just(Change::Add), Just(Change::Remove)];
    prop_oneof![
        4 => (name(), 1..4_usize, any::<u8>()).prop_map(|(at, count, flags)| Act::Append(at, count, flags)),
        4 => (name(), any::<u16>(), change, any::<u8>(), proptest::option::weighted(0.3, 0..SESSIONS))
            .prop_map(|(at, which, change, flags, since)| Act::Store(at, which, change, flags, since)),
        3 => (name(), name(), any::<u16>(), any::<bool>()).prop_map(|(from, to, which, is_move)| Act::Copy(from, to, which, is_move)),
        2 => (name(), proptest::option::of(any::<u16>())).prop_map(|(at, which)| Act::Expunge(at, which)),
        4 => (0..SESSIONS, name(), 1..5_usize).prop_map(|(session, at, max)| Act::Look(session, at, max)),
        2 => name().prop_map(Act::Create),
        1 => name().prop_map(Act::Delete),
        1 => (name(), name()).prop_map(|(from, to)| Act::Rename(from, to)),
    ]
}

fn flags(bits: u8) -> Flags {
    let system = SystemFlags::from_bits(bits & 31).unwrap();
    let keywords = ["work", "$Junk", "x"].into_iter().enumerate().filter(|(bit, _)| bits >> (5 + bit) & 1 == 1);
    Flags { system, keywords: keywords.map(|(_, name)| Keyword::new(name).unwrap()).collect() }
}

#[derive(Debug, Clone, PartialEq)]
struct Message {
    mail: MailId,
    octets: u64,
    flags: Flags,
    modseq: u64,
}

#[derive(Debug, Clone, Default)]
struct Folder {
    id: Option<MailboxId>,
    validity: u32,
    next: u32,
    modseq: u64,
    messages: BTreeMap<u32, Message>,
}

impl Folder {
    /// UIDs that are picked, and now and then one that is not there.
    fn pick(&self, which: u16) -> Vec<u32> {
        let mut uids: Vec<u32> =
            self.messages.keys().enumerate().filter(|(at, _)| which >> (at % 16) & 1 == 1).map(|(_, uid)| *uid).collect();
        if which.is_multiple_of(5) {
            uids.push(self.next + 3);
        }
        uids
    }

    fn put(&mut self, message: Message) {
        self.messages.insert(self.next, message);
        self.next += 1;
    }
}

/// What a session has heard of a mailbox.
#[derive(Debug, Clone, Default)]
struct View {
    since: u64,
    messages: BTreeMap<u32, Flags>,
}

struct Play<'a> {
    it: &'a Fixture,
    account: AccountId,
    folders: BTreeMap<String, Folder>,
    views: BTreeMap<(usize, MailboxId), View>,
    /// The greatest UIDVALIDITY that each name has had.
    validities: BTreeMap<String, u32>,
}

impl<'a> Play<'a> {
    async fn begin(it: &'a Fixture) -> Self {
        let number = u32::from_be_bytes(it.entropy());
        let account = it.account(&format!("u{number}@a.test"), Screening::Off).await;
        let inbox = Folder { next: 1, ..Folder::default() };
        let folders = [("INBOX".to_owned(), inbox)].into();
        let mut play = Self { it, account, folders, views: BTreeMap::new(), validities: BTreeMap::new() };
        play.compare().await;
        play
    }

    /// The store and the model are the same; the model learns what only the store can know.
    async fn compare(&mut self) {
        let rows = self.it.store.mailboxes(self.account).await.unwrap();
        assert_eq!(rows.iter().map(|row| &row.name).collect::<Vec<_>>(), self.folders.keys().collect::<Vec<_>>());
        for row in rows {
            let folder = self.folders.get_mut(&row.name).unwrap();
            let items = self.it.store.items(self.account, row.id, 0, 10_000).await.unwrap();
            if folder.id == Some(row.id) {
                assert!(row.modseq >= folder.modseq, "{}: the highest modification sequence went down", row.name);
            } else {
                assert!(row.uid_validity > self.validities.get(&row.name).copied().unwrap_or(0), "{}: {row:?}", row.name);
                folder.modseq = 0;
            }
            let there: Vec<_> = items.iter().map(|item| (item.uid, item.mail, item.size_octets, &item.flags)).collect();
            let expected = folder.messages.iter().map(|(uid, message)| (*uid, message.mail, message.octets, &message.flags));
            assert_eq!(there, expected.collect::<Vec<_>>(), "{}", row.name);
            for item in &items {
                assert!(item.modseq <= row.modseq);
                let message = folder.messages.get_mut(&item.uid).unwrap();
                // 0: it has changed since the last look.
                match message.modseq {
                    0 => assert!(item.modseq > folder.modseq, "{}: {item:?} changed before {}", row.name, folder.modseq),
                    before => assert_eq!(item.modseq, before, "{}: {item:?}", row.name),
                }
                message.modseq = item.modseq;
            }
            let all = || folder.messages.values();
            let count =
                |flag: SystemFlags, has: bool| u32::try_from(all().filter(|one| one.flags.system.has(flag) == has).count()).unwrap();
            assert_eq!(
                (row.uid_next, row.unseen, row.deleted),
                (folder.next, count(SystemFlags::SEEN, false), count(SystemFlags::DELETED, true))
            );
            assert_eq!((row.messages as usize, row.octets), (folder.messages.len(), all().map(|one| one.octets).sum()));
            (folder.id, folder.validity, folder.modseq) = (Some(row.id), row.uid_validity, row.modseq);
            let greatest = self.validities.entry(row.name).or_default();
            *greatest = row.uid_validity.max(*greatest);
        }
    }

    fn folder(&self, at: usize) -> Option<(String, Folder)> {
        self.folders.get_key_value(NAMES[at]).map(|(name, folder)| (name.clone(), folder.clone()))
    }

    async fn act(&mut self, act: &Act) {
        match act {
            Act::Append(at, count, bits) => self.append(*at, *count, *bits).await,
            Act::Store(at, which, change, bits, since) => self.store(*at, *which, *change, *bits, *since).await,
            Act::Copy(from, to, which, is_move) => self.copy(*from, *to, *which, *is_move).await,
            Act::Expunge(at, which) => self.expunge(*at, *which).await,
            Act::Look(session, at, max) => self.look(*session, *at, *max).await,
            Act::Create(at) => self.create(NAMES[*at]).await,
            Act::Delete(at) => self.delete(*at).await,
            Act::Rename(from, to) => self.rename(NAMES[*from], NAMES[*to]).await,
        }
        self.compare().await;
    }

    async fn append(&mut self, at: usize, count: usize, bits: u8) {
        let Some((name, mut folder)) = self.folder(at) else { return };
        let new: Vec<_> = (0..count)
            .map(|number| store::items::NewItem { flags: flags(bits), ..new_item(self.it, &vec![b'x'; 10 + number], &[]) })
            .collect();
        let uids = (folder.next..).take(count).collect();
        for item in &new {
            folder.put(Message { mail: item.mail, octets: item.content.size_octets, flags: item.flags.clone(), modseq: 0 });
        }
        let appended = self.it.store.append_messages(self.account, folder.id.unwrap(), new, self.it.now()).await.unwrap();
        assert_eq!(appended, Appended::Done { uid_validity: folder.validity, uids });
        self.folders.insert(name, folder);
    }

    async fn store(&mut self, at: usize, which: u16, change: Change, bits: u8, since: Option<usize>) {
        let Some((name, mut folder)) = self.folder(at) else { return };
        let (id, uids) = (folder.id.unwrap(), folder.pick(which));
        let since = since.map(|session| self.views.get(&(session, id)).map_or(0, |view| view.since));
        let change = match change {
            Change::Replace => FlagChange::Replace(flags(bits)),
            Change::Add => FlagChange::Add(flags(bits)),
            Change::Remove => FlagChange::Remove(flags(bits)),
        };
        let set = self.it.store.set_flags(self.account, id, uids.clone(), change.clone(), since).await.unwrap();
        let FlagsSet::Done { items, refused, missing, .. } = set else { panic!("{set:?}") };
        let (mut left, mut not_there, mut changed) = (Vec::new(), Vec::new(), Vec::new());
        for uid in uids {
            match folder.messages.get_mut(&uid) {
                None => not_there.push(uid),
                Some(message) if since.is_some_and(|since| message.modseq > since) => left.push(uid),
                Some(message) => {
                    let after = change.apply(&message.flags);
                    if after != message.flags {
                        (message.flags, message.modseq) = (after, 0);
                    }
                    changed.push((uid, message.flags.clone()));
                }
            }
        }
        assert_eq!((refused, missing), (left, not_there));
        assert_eq!(items.into_iter().map(|item| (item.uid, item.flags)).collect::<Vec<_>>(), changed);
        self.folders.insert(name, folder);
    }

    async fn copy(&mut self, from: usize, to: usize, which: u16, is_move: bool) {
        let (Some((source, folder)), Some((target, other))) = (self.folder(from), self.folder(to)) else { return };
        let uids = folder.pick(which);
        let copying = if is_move { Copying::Move } else { Copying::Copy };
        let (from, to) = (folder.id.unwrap(), other.id.unwrap());
        let copied = self.it.store.copy_items(self.account, from, uids.clone(), to, copying, self.it.now()).await.unwrap();
        let mut pairs = Vec::new();
        for uid in uids {
            let Some(message) = folder.messages.get(&uid) else { continue };
            let target = self.folders.get_mut(&target).unwrap();
            pairs.push((uid, target.next));
            target.put(Message { modseq: 0, ..message.clone() });
            if is_move {
                self.folders.get_mut(&source).unwrap().messages.remove(&uid);
            }
        }
        assert_eq!(copied, Copied::Done { uid_validity: other.validity, pairs });
    }

    async fn expunge(&mut self, at: usize, which: Option<u16>) {
        let Some((name, mut folder)) = self.folder(at) else { return };
        let uids = which.map(|which| folder.pick(which));
        let gone = self.it.store.expunge(self.account, folder.id.unwrap(), uids.clone()).await.unwrap();
        let is_meant = |uid: &u32| uids.as_ref().is_none_or(|uids| uids.contains(uid));
        let expected: Vec<u32> = folder
            .messages
            .iter()
            .filter(|(uid, one)| is_meant(uid) && one.flags.system.has(SystemFlags::DELETED))
            .map(|(uid, _)| *uid)
            .collect();
        assert_eq!(gone, expected);
        folder.messages.retain(|uid, _| !gone.contains(uid));
        self.folders.insert(name, folder);
    }

    /// A session asks what changed since it last did, and then knows all.
    async fn look(&mut self, session: usize, at: usize, max: usize) {
        let Some((name, folder)) = self.folder(at) else { return };
        let id = folder.id.unwrap();
        let mut view = self.views.remove(&(session, id)).unwrap_or_default();
        loop {
            let changes = self.it.store.changes(self.account, id, view.since, max).await.unwrap().unwrap();
            assert!(changes.is_complete && changes.until >= view.since);
            for item in changes.changed {
                assert!(item.modseq > view.since && item.modseq <= changes.until);
                view.messages.insert(item.uid, item.flags);
            }
            view.messages.retain(|uid, _| !changes.vanished.contains(uid));
            view.since = changes.until;
            if !changes.has_more {
                break;
            }
        }
        assert_eq!(view.since, folder.modseq);
        let there: BTreeMap<_, _> = folder.messages.iter().map(|(uid, message)| (*uid, message.flags.clone())).collect();
        assert_eq!(view.messages, there, "{name}");
        self.views.insert((session, id), view);
    }

    async fn create(&mut self, name: &str) {
        let created = self.it.store.create_mailbox(self.account, wanted(self.it, name)).await.unwrap();
        let is_made = matches!(created, Created::Done(_));
        assert_eq!(is_made, !self.folders.contains_key(name), "{created:?}");
        // A name that is there already brings nothing above it back.
        if is_made {
            self.add_with_superiors(name);
        }
    }

    fn add_with_superiors(&mut self, name: &str) {
        let above = name.match_indices('/').map(|(at, _)| &name[..at]);
        for name in above.chain([name]) {
            self.folders.entry(name.to_owned()).or_insert_with(|| Folder { next: 1, ..Folder::default() });
        }
    }

    async fn delete(&mut self, at: usize) {
        let Some((name, folder)) = self.folder(at) else { return };
        let gone = self.it.store.delete_mailbox(self.account, folder.id.unwrap()).await.unwrap();
        assert_eq!(gone, if name == "INBOX" { Gone::Inbox } else { Gone::Done });
        if gone == Gone::Done {
            self.folders.remove(&name);
            assert!(self.it.store.changes(self.account, folder.id.unwrap(), 0, 1).await.unwrap().is_none());
        }
    }

    async fn rename(&mut self, from: &str, to: &str) {
        let renamed = self.it.store.rename_mailbox(self.account, from, to, self.it.now()).await.unwrap();
        if from == "INBOX" {
            let is_new = !self.folders.contains_key(to);
            assert_eq!(renamed, if is_new { Renamed::Done } else { Renamed::Exists });
            if is_new {
                let moved = std::mem::take(&mut self.folders.get_mut("INBOX").unwrap().messages);
                self.add_with_superiors(to);
                let target = self.folders.get_mut(to).unwrap();
                for message in moved.into_values() {
                    target.put(Message { modseq: 0, ..message });
                }
            }
            return;
        }
        let inside = format!("{from}/");
        let moved: Vec<String> = self.folders.keys().filter(|name| *name == from || name.starts_with(&inside)).cloned().collect();
        let after = |name: &String| format!("{to}{}", &name[from.len()..]);
        let is_taken = |name: &String| self.folders.contains_key(name) && !moved.contains(name);
        let expected = if from == to || to.starts_with(&inside) {
            Renamed::BadName
        } else if moved.is_empty() {
            Renamed::NoMailbox
        } else if to == "INBOX" || moved.iter().any(|name| is_taken(&after(name))) || is_taken(&to.to_owned()) {
            Renamed::Exists
        } else {
            Renamed::Done
        };
        assert_eq!(renamed, expected, "{from} to {to}");
        if renamed == Renamed::Done {
            let taken: Vec<_> = moved.iter().map(|name| (after(name), self.folders.remove(name).unwrap())).collect();
            if let Some((above, _)) = to.rsplit_once('/') {
                self.add_with_superiors(above);
            }
            self.folders.extend(taken);
        }
    }
}

fn agree(engine: Engine, cases: u32) {
    let it = Fixture::new(engine);
    let mut runner = TestRunner::new(Config { cases, failure_persistence: None, max_shrink_iters: 2_000, ..Config::default() });
    let acts = proptest::collection::vec(act(), 1..60);
    let played = runner.run(&acts, |acts| {
        block_on(async {
            let mut play = Play::begin(&it).await;
            for act in &acts {
                play.act(act).await;
            }
        });
        Ok(())
    });
    if let Err(error) = played {
        panic!("{error}");
    }
    it.close();
}

#[test]
fn the_store_does_what_the_model_does_on_sqlite() {
    agree(Engine::Sqlite, 40);
}

#[test]
fn the_store_does_what_the_model_does_on_postgres() {
    agree(Engine::Postgres, 12);
}
