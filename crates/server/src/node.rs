//! One running server: what its sessions and workers share.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use delivery::arrival::ArrivalEvent;
use delivery::dialling::Dialling;
use delivery::relay::Routes;
use delivery::report::SentStatus;
use delivery::schedule::{Jitter, Moment, Timers};
use delivery::transfer::{Outcome, Transfer, TransferEvent};
use mail::address::{Domain, Mailbox};
use mail::id::{AccountId, EntryId, MailId, MailboxId, MessageId, NoticeId, Partition};
use proto::limits::Limits;
use proto::smtp::reply::Reply;
use store::{ArrivalKey, ArrivalRecord, Attempt, Settle, SettleArrival, Settled, Store, StoreError, TransferRecord, Writer};
use tokio::sync::Notify;

use crate::absences::Absences;
use crate::budgets::Budgets;
use crate::dialled::Dialled;
use crate::events::{Event, Events};
use crate::listen::imap::Shared;
use crate::metrics::Metrics;
use crate::outgoing::Outgoing;
use crate::rates::Rates;
use crate::retrievals::Retrievals;
use crate::world::World;

/// Events recorded in one transaction, and recipients in one report: keeps both short.
const TOGETHER_MAX: usize = 200;

/// Of a peer's reply, as much as is remembered for a report.
const REPLY_CHARACTERS_MAX: usize = 500;

/// What an administrator decided, as sessions and workers need it.
#[derive(Debug, Clone)]
pub struct Settings {
    /// This server's own name: in greetings, trace fields, and as the host others find in DNS.
    pub hostname: Domain,
    /// The domains whose mail lives here.
    pub domains: Vec<Domain>,
    /// Who gets mail for `postmaster` where nobody has that address.
    pub postmaster: Option<Mailbox>,
    /// The protocol's timers.
    pub timers: Timers,
    /// Everything that has a limit.
    pub limits: Limits,
    /// What addresses and ports may be dialled.
    pub dialling: Dialling,
    /// Where ordinary mail goes, if not where MX records say.
    pub routes: Routes,
}

/// One running server. Sessions and workers hold it in an `Arc`.
pub struct Node {
    /// The door outside.
    pub world: Arc<dyn World>,
    /// What is durable.
    pub store: Store,
    /// What the administrator decided.
    pub settings: Settings,
    /// Who is told what happens.
    pub events: Events,
    /// Who is retrieving what from us.
    pub retrievals: Retrievals,
    /// The sessions in which we pass ordinary mail on.
    pub outgoing: Outgoing,
    /// Who was found without the extension.
    pub absences: Absences,
    /// Peers that fail are left alone for a while.
    pub budgets: Budgets,
    /// What is counted.
    pub metrics: Metrics,
    /// How many connections are open to whom.
    pub dialled: Dialled,
    /// How many notices were given of late, and by whom.
    pub rates: Rates,
    /// What the passwords of unknown users are checked against: a hash of nobody's, in PHC form.
    pub decoy_hash: String,
    /// What the SCRAM verifiers of unknown users are derived from, and this node's name as an owner of leases;
    /// kept, so that they stay the same.
    pub decoy_secret: [u8; 32],
    /// What sessions with mail programs share.
    pub imap: Shared,
    /// Set once: finish what is under way, begin nothing.
    pub stop: Signal,
    /// Something became due: workers look before their timer says so.
    pub due: Signal,
}

impl Node {
    /// With nothing under way and nothing counted, and nobody who is told of anything.
    pub fn new(world: Arc<dyn World>, store: Store, settings: Settings, decoy_hash: String, decoy_secret: [u8; 32]) -> Self {
        Self {
            world,
            store,
            imap: Shared::new(&settings),
            settings,
            events: Events::default(),
            retrievals: Retrievals::default(),
            outgoing: Outgoing::default(),
            absences: Absences::default(),
            budgets: Budgets::default(),
            metrics: Metrics::default(),
            dialled: Dialled::default(),
            rates: Rates::default(),
            decoy_hash,
            decoy_secret,
            stop: Signal::default(),
            due: Signal::default(),
        }
    }

    /// The time, and chance, for a transition.
    pub fn moment(&self) -> Moment<'_> {
        Moment { now: self.world.now(), jitter: self.jitter(), timers: &self.settings.timers }
    }

    /// Chance for one delay.
    pub fn jitter(&self) -> Jitter {
        let [octet] = self.world.random::<1>();
        Jitter::new(octet)
    }

    /// A new account's id.
    pub fn new_account_id(&self) -> AccountId {
        AccountId::new(self.world.now(), self.world.random())
    }

    /// A new message's id.
    pub fn new_message_id(&self) -> MessageId {
        MessageId::new(self.world.now(), self.world.random())
    }

    /// The id of a message about to lie in a mailbox.
    pub fn new_mail_id(&self) -> MailId {
        MailId::new(self.world.now(), self.world.random())
    }

    /// A new mailbox's id.
    pub fn new_mailbox_id(&self) -> MailboxId {
        MailboxId::new(self.world.now(), self.world.random())
    }

    /// The id of a consent entry or change.
    pub fn new_entry_id(&self) -> EntryId {
        EntryId::new(self.world.now(), self.world.random())
    }

    /// The id of a notice of this account's.
    pub fn new_notice_id(&self, account: AccountId) -> NoticeId {
        NoticeId::new(Partition::of(account), self.world.random())
    }

    /// Records an event of a transfer, with the time and chance it takes, and tells what came of it.
    ///
    /// # Errors
    /// The store's.
    pub async fn settle_event(
        &self,
        id: &NoticeId,
        event: TransferEvent,
        word: impl Into<Word>,
        writer: Writer,
    ) -> Result<Option<Settled>, StoreError> {
        let settle = self.draw(id.clone(), event, word.into(), writer);
        let told = settle.detail.clone().unwrap_or_default();
        let settled = self.store.settle(settle).await?;
        if let Some(settled) = &settled {
            self.tell(id.clone(), told, settled);
        }
        Ok(settled)
    }

    /// The same for events of several transfers of one message: one transaction, and one report of them all.
    ///
    /// # Errors
    /// The store's; then none is recorded.
    pub async fn settle_together(&self, happened: Vec<Happened>, writer: &Writer) -> Result<Vec<Option<Settled>>, StoreError> {
        let settles: Vec<_> =
            happened.into_iter().map(|Happened { id, event, word, .. }| self.draw(id, event, word, writer.clone())).collect();
        let told: Vec<_> = settles.iter().map(|settle| (settle.id.clone(), settle.detail.clone().unwrap_or_default())).collect();
        let settled = self.store.settle_together(settles).await?;
        for ((id, detail), settled) in told.into_iter().zip(&settled) {
            if let Some(settled) = settled {
                self.tell(id, detail, settled);
            }
        }
        Ok(settled)
    }

    fn draw(&self, id: NoticeId, event: TransferEvent, word: Word, writer: Writer) -> Settle {
        let (report, now, jitter) = (self.new_mail_id(), self.world.now(), self.jitter());
        let Word { detail, attempt } = word;
        let attempt = attempt.map(|(host, reply)| Attempt { at: now, host, reply });
        Settle { id, event, detail, attempt, report, now, jitter, writer }
    }

    /// Records an event of an arrival; what it is after that, if it still is.
    ///
    /// # Errors
    /// The store's.
    pub async fn settle_arrival(
        &self,
        key: &ArrivalKey,
        event: ArrivalEvent,
        detail: Option<String>,
        writer: Writer,
    ) -> Result<Option<ArrivalRecord>, StoreError> {
        let (now, jitter) = (self.world.now(), self.jitter());
        self.store.settle_arrival(SettleArrival { key: key.clone(), event, detail, now, jitter, writer }).await
    }

    fn tell(&self, transfer: NoticeId, detail: String, settled: &Settled) {
        match (&settled.before, &settled.after) {
            // A repeat: told the first time.
            (Transfer::Ended { .. }, _)
            | (Transfer::Served { .. }, Transfer::Served { .. })
            // Not over, and told by who gave the notice.
            | (_, Transfer::Notifying { .. } | Transfer::Waiting { .. } | Transfer::Uncertain { .. } | Transfer::Relaying { .. }) => {}
            (_, Transfer::Served { .. }) => self.events.tell(&Event::Served { transfer }),
            (_, Transfer::Ended { outcome: Outcome::Delivered, .. }) => {
                self.events.tell(&Event::Confirmed { transfer, reported: settled.reported });
            }
            (_, after @ Transfer::Ended { .. }) => {
                let status = SentStatus::of(after).as_str();
                self.events.tell(&Event::Ended { transfer, status, detail });
            }
        }
    }

    /// Who holds this node's leases: the same at every start, so that a restart goes on at once with what it held.
    pub fn owner(&self) -> String {
        let digest = mail::digest::Digester::of_all([self.decoy_secret.as_slice(), b"leases", self.settings.hostname.as_str().as_bytes()]);
        data_encoding::HEXLOWER.encode(digest.as_bytes().get(..8).unwrap_or_default())
    }

    /// Whether mail for this domain lives here.
    pub fn is_local(&self, domain: &Domain) -> bool {
        self.settings.domains.contains(domain)
    }
}

/// What is said of an event of a transfer.
#[derive(Debug, Clone, Default)]
pub struct Word {
    /// For the status; unchanged if none.
    pub detail: Option<String>,
    /// For reports: the server that an attempt reached, and its reply.
    pub attempt: Option<(Option<Domain>, Option<String>)>,
}

impl Word {
    /// Of an attempt that reached nobody.
    pub fn of_nobody_reached(detail: String) -> Self {
        Self { detail: Some(detail), attempt: Some((None, None)) }
    }

    /// Of an attempt that reached this server; its reply, if it gave one.
    pub fn of_server(detail: String, host: Domain, reply: Option<&Reply>) -> Self {
        let reply = reply.map(|reply| reply.to_string().chars().take(REPLY_CHARACTERS_MAX).collect());
        Self { detail: Some(detail), attempt: Some((Some(host), reply)) }
    }
}

impl From<Option<String>> for Word {
    fn from(detail: Option<String>) -> Self {
        Self { detail, attempt: None }
    }
}

/// An event of a transfer, to be recorded with others of the same message.
#[derive(Debug, Clone)]
pub struct Happened {
    /// The transfer.
    pub id: NoticeId,
    /// Its message.
    pub message: MessageId,
    /// What happened.
    pub event: TransferEvent,
    /// What is said of it.
    pub word: Word,
}

impl Happened {
    /// To this transfer.
    pub fn to(record: &TransferRecord, event: TransferEvent, word: impl Into<Word>) -> Self {
        Self { id: record.id.clone(), message: record.message, event, word: word.into() }
    }

    /// What can be recorded together: of one message, in the order in which it happened.
    pub fn by_message(happened: Vec<Self>) -> Vec<Vec<Self>> {
        let mut groups: BTreeMap<MessageId, Vec<Self>> = BTreeMap::new();
        for one in happened {
            groups.entry(one.message).or_default().push(one);
        }
        groups.into_values().flat_map(|group| group.chunks(TOGETHER_MAX).map(<[Self]>::to_vec).collect::<Vec<_>>()).collect()
    }
}

/// A flag that can be raised, and waited for.
#[derive(Clone, Default)]
pub struct Signal(Arc<SignalState>);

#[derive(Default)]
struct SignalState {
    raised: AtomicBool,
    /// Forgets those who stop waiting: a session that ends leaves nothing here.
    waiting: Notify,
}

impl Signal {
    /// Raises it, and wakes all who wait.
    pub fn raise(&self) {
        self.0.raised.store(true, Ordering::SeqCst);
        self.0.waiting.notify_waiters();
    }

    /// Lowers it; tells whether it was raised.
    pub fn lower(&self) -> bool {
        self.0.raised.swap(false, Ordering::SeqCst)
    }

    /// Whether it is raised.
    pub fn is_raised(&self) -> bool {
        self.0.raised.load(Ordering::SeqCst)
    }

    /// Waits until it is raised.
    pub fn raised(&self) -> impl Future<Output = ()> + Send + use<> {
        let state = Arc::clone(&self.0);
        async move {
            let mut waiting = pin!(state.waiting.notified());
            // Before the look: who raises it after that wakes us.
            waiting.as_mut().enable();
            if !state.raised.load(Ordering::SeqCst) {
                waiting.await;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::task::{Context, Poll, Wake, Waker};

    use super::*;

    struct Task;

    impl Wake for Task {
        fn wake(self: Arc<Self>) {}
    }

    #[test]
    fn who_stops_waiting_for_a_signal_is_forgotten() {
        let (signal, task) = (Signal::default(), Arc::new(Task));
        for _ in 0..3 {
            let waker = Waker::from(Arc::clone(&task));
            assert_eq!(pin!(signal.raised()).poll(&mut Context::from_waker(&waker)), Poll::Pending);
        }
        assert_eq!(Arc::strong_count(&task), 1, "a task that ended would stay in memory until the server stops");
    }

    #[test]
    fn a_signal_wakes_those_who_wait_and_those_who_come_later() {
        let signal = Signal::default();
        let mut context = Context::from_waker(Waker::noop());
        let mut before = pin!(signal.raised());
        assert_eq!(before.as_mut().poll(&mut context), Poll::Pending);
        signal.raise();
        assert_eq!(before.as_mut().poll(&mut context), Poll::Ready(()));
        assert_eq!(pin!(signal.raised()).poll(&mut context), Poll::Ready(()));
        assert!(signal.lower());
        assert_eq!(pin!(signal.raised()).poll(&mut context), Poll::Pending);
    }
}
