//! One running server: what its sessions and workers share.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Poll, Waker};

use delivery::schedule::{Jitter, Moment, Timers};
use mail::address::Domain;
use mail::id::{AccountId, EntryId, MailId, MessageId, NoticeId, Partition};
use proto::limits::Limits;
use store::Store;

use crate::events::Events;
use crate::retrievals::Retrievals;
use crate::world::World;

/// What an administrator decided, as sessions and workers need it.
#[derive(Debug, Clone)]
pub struct Settings {
    /// This server's own name: in greetings, trace fields, and as the host others find in DNS.
    pub hostname: Domain,
    /// The domains whose mail lives here.
    pub domains: Vec<Domain>,
    /// The protocol's timers.
    pub timers: Timers,
    /// Everything that has a limit.
    pub limits: Limits,
    /// What only a laboratory may do.
    pub lab: Lab,
}

/// What only a laboratory may do.
#[derive(Debug, Clone, Default)]
pub struct Lab {
    /// Whether addresses that are not global may be dialled and believed.
    pub enabled: bool,
    /// The port to dial instead of 25, by MX host.
    pub mx_ports: BTreeMap<Domain, u16>,
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
    /// Set once: finish what is under way, begin nothing.
    pub stop: Signal,
    /// Something became due: workers look before their timer says so.
    pub due: Signal,
}

impl Node {
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

    /// The id of a consent entry or change.
    pub fn new_entry_id(&self) -> EntryId {
        EntryId::new(self.world.now(), self.world.random())
    }

    /// The id of a notice of this account's.
    pub fn new_notice_id(&self, account: AccountId) -> NoticeId {
        NoticeId::new(Partition::of(account), self.world.random())
    }

    /// Whether mail for this domain lives here.
    pub fn is_local(&self, domain: &Domain) -> bool {
        self.settings.domains.contains(domain)
    }
}

/// A flag that can be raised, and waited for.
#[derive(Clone, Default)]
pub struct Signal(Arc<SignalState>);

#[derive(Default)]
struct SignalState {
    raised: AtomicBool,
    waiting: Mutex<Vec<Waker>>,
}

impl Signal {
    /// Raises it, and wakes all who wait.
    pub fn raise(&self) {
        self.0.raised.store(true, Ordering::SeqCst);
        for waker in std::mem::take(&mut *self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner)) {
            waker.wake();
        }
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
        std::future::poll_fn(move |context| {
            if state.raised.load(Ordering::SeqCst) {
                return Poll::Ready(());
            }
            let mut waiting = state.waiting.lock().unwrap_or_else(PoisonError::into_inner);
            if !waiting.iter().any(|waker| waker.will_wake(context.waker())) {
                waiting.push(context.waker().clone());
            }
            // Raised between the first look and the push: whoever raised it did not see this waker.
            if state.raised.load(Ordering::SeqCst) { Poll::Ready(()) } else { Poll::Pending }
        })
    }
}
