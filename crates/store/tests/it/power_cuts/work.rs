//! What the store is asked to do, at random: several operations at once, so that they share transactions.

use std::time::Duration;

use delivery::arrival::{Arrival, ArrivalEvent, Stage};
use delivery::consent::{EntryList, Screening};
use delivery::schedule::Jitter;
use delivery::transfer::{Transfer, TransferEvent};
use mail::digest::ContentDigest;
use mail::flag::{FlagChange, SystemFlags};
use mail::id::{AccountId, MailId, MailboxId, NoticeId};
use store::backup::{objects_of, snapshot};
use store::content::{ContentWriter, PartialContent, StoredContent};
use store::items::Copying;
use store::mailboxes::CreateMailbox;
use store::threads::Database;
use store::{Added, ArrivalKey, ConsentAct, Delivered, Received, Store, StoreError};

use super::book::{Book, Known};
use super::{Chance, Computer};
use crate::fixture::{Fixture, block_on, key_of};
use crate::reception::pushed;

type Done = Result<Answer, StoreError>;

/// What an operation was answered.
enum Answer {
    Added(AccountId, String),
    Kept(Vec<(NoticeId, Transfer)>, ContentDigest),
    Settled(NoticeId, Transfer),
    Noted(ArrivalKey, Arrival),
    Decided(ArrivalKey, Arrival),
    Part(ArrivalKey, u64),
    Delivered(ArrivalKey, Arrival, MailId, ContentDigest),
    Received(AccountId, MailId, Received, ContentDigest),
    Allowed(AccountId, String),
    Nothing,
}

/// One to five operations at once, each on something of its own.
pub(super) fn some(computer: &mut Computer) {
    let Computer { it, book, chance, disk, .. } = computer;
    it.wait(Duration::from_mins(10));
    if chance.below(25) == 0 {
        copy(it, || disk.is_on());
        return;
    }
    let mut planned: Vec<Plan> = Vec::new();
    for _ in 0..=chance.below(5) {
        let plan = plan(it, book, chance);
        if !planned.iter().any(|other| other.touches(&plan)) {
            planned.push(plan);
        }
    }
    for plan in &planned {
        plan.is_begun(book);
    }
    let answers = block_on(futures_util::future::join_all(planned.iter().map(|plan| plan.run(it))));
    for answer in answers.into_iter().flatten() {
        book.enter(answer);
    }
}

/// What is to be done, on what.
enum Plan {
    Add(String, Screening),
    Keep(AccountId, String, Vec<u8>),
    Settle(NoticeId, TransferEvent),
    Note(AccountId, String),
    Decide(ArrivalKey),
    Part(ArrivalKey, Vec<u8>),
    Deliver(ArrivalKey, Vec<u8>),
    Tell(ArrivalKey),
    Receive(AccountId, String, Vec<u8>),
    Allow(AccountId, String),
    Sweep,
    /// The owner's mail program at work, in a mailbox beside INBOX.
    File(AccountId, u64),
}

fn content(chance: &mut Chance) -> Vec<u8> {
    let octets = [200, 3_000, 20_000, 40_000, 70_000][usize::try_from(chance.below(5)).unwrap()];
    let number = chance.below(u64::MAX).to_le_bytes();
    number.iter().copied().cycle().take(octets).collect()
}

fn plan(it: &Fixture, book: &Book, chance: &mut Chance) -> Plan {
    let accounts: Vec<_> = book.accounts.iter().collect();
    if accounts.len() < 2 || chance.below(30) == 0 {
        let screening = if chance.below(2) == 0 { Screening::On } else { Screening::Off };
        let number = u32::from_be_bytes(it.entropy());
        return Plan::Add(format!("u{number}@here.test"), screening);
    }
    let mut pick = |count: usize| usize::try_from(chance.below(count as u64)).unwrap();
    let (account, address) = accounts[pick(accounts.len())];
    let (account, address) = (*account, address.clone());
    let transfers: Vec<_> = book.transfers.keys().collect();
    let arrivals: Vec<_> = book.arrivals.iter().collect();
    match pick(14) {
        12 | 13 => Plan::File(account, chance.below(6)),
        0..=2 => Plan::Keep(account, address, content(chance)),
        3 | 4 if !transfers.is_empty() => {
            let events = [
                TransferEvent::NoticeSending,
                TransferEvent::NoticeAccepted,
                TransferEvent::AboutToServeLastOctet,
                TransferEvent::Confirmed,
                TransferEvent::WithdrawalAsked,
            ];
            Plan::Settle(transfers[pick(transfers.len())].clone(), events[pick(events.len())].clone())
        }
        5 | 6 => Plan::Receive(account, address, content(chance)),
        7 => Plan::Allow(account, format!("friend{}@elsewhere.test", pick(1_000_000))),
        8 => Plan::Sweep,
        9..=11 if !arrivals.is_empty() => {
            let (key, known) = arrivals[pick(arrivals.len())];
            match known {
                Known::As(Arrival { stage: Stage::Noted { .. }, .. }) => Plan::Decide(key.clone()),
                Known::As(Arrival { stage: Stage::Due { .. }, .. }) if pick(3) == 0 => Plan::Part(key.clone(), content(chance)),
                Known::As(Arrival { stage: Stage::Due { .. }, .. }) => Plan::Deliver(key.clone(), content(chance)),
                Known::As(Arrival { stage: Stage::Stored { .. }, .. }) => Plan::Tell(key.clone()),
                Known::As(_) | Known::InFlight => Plan::Note(account, address),
            }
        }
        _ => Plan::Note(account, address),
    }
}

impl Plan {
    /// Whether both are about the same thing.
    fn touches(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Settle(one, _), Self::Settle(two, _)) => one == two,
            (Self::Sweep, Self::Sweep) => true,
            (Self::File(one, _), Self::File(two, _)) => one == two,
            _ => self.arrival().is_some_and(|key| other.arrival() == Some(key)),
        }
    }

    fn arrival(&self) -> Option<&ArrivalKey> {
        match self {
            Self::Decide(key) | Self::Part(key, _) | Self::Deliver(key, _) | Self::Tell(key) => Some(key),
            _ => None,
        }
    }

    /// Until it is answered, nobody knows whether it was done.
    fn is_begun(&self, book: &mut Book) {
        if let Self::Settle(id, _) = self
            && let Some((known, _digest)) = book.transfers.get_mut(id)
        {
            *known = Known::InFlight;
        }
        if let Some(key) = self.arrival()
            && let Some(known) = book.arrivals.get_mut(key)
        {
            *known = Known::InFlight;
            if !matches!(self, Self::Part(..)) {
                // It may not be due any more.
                book.parts.remove(key);
            }
        }
        if let (true, Self::Allow(account, who)) = (book.answers_early, self) {
            book.enter(Answer::Allowed(*account, who.clone()));
        }
    }

    async fn run(&self, it: &Fixture) -> Done {
        let store = &it.store;
        match self {
            Self::Add(address, screening) => {
                let account = it.new_account(address, *screening);
                let id = account.id;
                assert_eq!(store.add_account(account).await?, Added::Done);
                Ok(Answer::Added(id, address.clone()))
            }
            Self::Keep(account, address, octets) => keep(it, *account, address, octets).await,
            Self::Settle(id, event) => {
                let settled = store.settle(it.settle(id, event.clone())).await?.unwrap();
                Ok(Answer::Settled(id.clone(), settled.after))
            }
            Self::Note(account, address) => {
                let notice = it.notice(*account, "author@elsewhere.test", address);
                let key = key_of(&notice);
                let arrival = Arrival::start(notice.notice.expires, notice.decide_at);
                store.record_notices(vec![notice]).await?;
                Ok(Answer::Noted(key, arrival))
            }
            Self::Decide(key) => {
                let lease = it.try_lease().await?;
                let decided = store.decide(key, &lease, it.now(), Jitter::NONE).await?.unwrap();
                Ok(Answer::Decided(key.clone(), decided.arrival))
            }
            Self::Part(key, octets) => {
                let mut partial = PartialContent::open(store, key).await?;
                partial.append(octets).await?;
                let received = partial.received_octets();
                partial.suspend().await?;
                Ok(Answer::Part(key.clone(), received))
            }
            Self::Deliver(key, octets) => deliver(it, key, octets).await,
            Self::Tell(key) => {
                let told = store.settle_arrival(it.settle_arrival(key, ArrivalEvent::OriginKnows)).await?.unwrap();
                Ok(Answer::Decided(key.clone(), told.arrival))
            }
            Self::Receive(account, address, octets) => {
                let content = write(store, *account, octets).await?;
                let new = pushed(it, *account, "stranger@elsewhere.test", address, content);
                let mail = new.mail;
                Ok(Answer::Received(*account, mail, store.receive(new).await?, ContentDigest::of(octets)))
            }
            Self::Allow(account, who) => {
                let change = it.change(*account, ConsentAct::Add(it.entry(EntryList::Allow, who)));
                store.change_consent(change).await?;
                Ok(Answer::Allowed(*account, who.clone()))
            }
            Self::File(account, step) => file(it, *account, *step).await,
            Self::Sweep => store.sweep_orphans(it.now() - Duration::from_hours(1)).await.map(|_count| Answer::Nothing),
        }
    }
}

/// One step of it; what lies in INBOX stays.
async fn file(it: &Fixture, account: AccountId, step: u64) -> Done {
    let (store, inbox) = (&it.store, MailboxId::inbox_of(account));
    let there = store.mailbox_named(account, "folder").await?;
    let folder = there.as_ref().map_or_else(|| MailboxId::new(it.now(), it.entropy()), |row| row.id);
    if there.is_none() {
        let new = CreateMailbox { id: folder, name: "folder".to_owned(), special_use: None, now: it.now() };
        store.create_mailbox(account, new).await?;
    }
    let deleted = || FlagChange::Add(SystemFlags::DELETED.into());
    match step {
        0 | 1 => drop(store.copy_items(account, inbox, (1..=5).collect(), folder, Copying::Copy, it.now()).await?),
        2 => drop(store.set_flags(account, inbox, vec![1, 2], FlagChange::Add(SystemFlags::SEEN.into()), None).await?),
        3 => {
            let uids: Vec<u32> = store.items(account, folder, 0, 3).await?.into_iter().map(|item| item.uid).collect();
            store.set_flags(account, folder, uids, deleted(), None).await?;
            store.expunge(account, folder, None).await?;
        }
        4 => drop(store.delete_mailbox(account, folder).await?),
        _ => drop(store.sweep_mailboxes(it.now()).await?),
    }
    Ok(Answer::Nothing)
}

async fn write(store: &Store, account: AccountId, octets: &[u8]) -> Result<StoredContent, StoreError> {
    let mut writer = ContentWriter::new(store, account);
    writer.write(octets).await?;
    writer.finish().await
}

async fn keep(it: &Fixture, account: AccountId, address: &str, octets: &[u8]) -> Done {
    let mut message = it.message(account, address, &["reader@elsewhere.test", "other@elsewhere.test"], b"");
    message.content = write(&it.store, account, octets).await?;
    let first = Transfer::start(delivery::schedule::Moment { now: message.kept, jitter: message.jitter, timers: &it.surroundings.timers });
    let transfers = message.transfers.iter().map(|transfer| (transfer.id.clone(), first.clone())).collect();
    it.store.keep(message).await?;
    Ok(Answer::Kept(transfers, ContentDigest::of(octets)))
}

async fn deliver(it: &Fixture, key: &ArrivalKey, octets: &[u8]) -> Done {
    let content = write(&it.store, key.account, octets).await?;
    let delivery = it.delivery_with(key, content, it.try_lease().await?);
    let mail = delivery.mail;
    assert_eq!(it.store.deliver(delivery).await?, Delivered::Stored);
    let arrival = it.store.arrival(key).await?.unwrap().arrival;
    Ok(Answer::Delivered(key.clone(), arrival, mail, ContentDigest::of(octets)))
}

/// A snapshot while the power lasts is whole, and what it names is there.
fn copy(it: &Fixture, is_on: impl Fn() -> bool) {
    let Database::Sqlite(file) = &it.database else { panic!("on SQLite") };
    let to = tempfile::tempdir().unwrap();
    let to = to.path().join("copy.sqlite");
    let taken = block_on(it.store.hold_objects(it.now() + Duration::from_hours(1))).and_then(|()| snapshot(file, &to, &mut |_, _| {}));
    if taken.is_err() {
        return;
    }
    for (object, (octets, _digest)) in objects_of(&to).unwrap() {
        use object_store::ObjectStoreExt as _;
        let found = block_on(it.surroundings.objects.head(&object_store::path::Path::from(object.as_str())));
        assert!(!is_on() || found.is_ok_and(|found| found.size == octets), "the copy names {object}, which is not there");
    }
}

impl Book {
    fn enter(&mut self, answer: Answer) {
        self.answered += 1;
        match answer {
            Answer::Added(account, address) => drop(self.accounts.insert(account, address)),
            Answer::Kept(transfers, digest) => {
                self.transfers.extend(transfers.into_iter().map(|(id, transfer)| (id, (Known::As(transfer), digest))));
            }
            Answer::Settled(id, transfer) => {
                if let Some((known, _digest)) = self.transfers.get_mut(&id) {
                    *known = Known::As(transfer);
                }
            }
            Answer::Noted(key, arrival) | Answer::Decided(key, arrival) => drop(self.arrivals.insert(key, Known::As(arrival))),
            Answer::Part(key, octets) => drop(self.parts.insert(key, octets)),
            Answer::Delivered(key, arrival, mail, digest) => {
                self.mail.insert((key.account, mail), digest);
                self.arrivals.insert(key, Known::As(arrival));
            }
            Answer::Received(account, mail, Received::Delivered, digest) => drop(self.mail.insert((account, mail), digest)),
            Answer::Received(account, _mail, Received::Kept, _digest) => *self.kept.entry(account).or_default() += 1,
            Answer::Allowed(account, who) => drop(self.allowed.insert((account, who))),
            Answer::Received(..) | Answer::Nothing => {}
        }
    }
}
