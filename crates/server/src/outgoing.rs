//! Sessions with other servers that wait a moment for what comes next.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use delivery::relay::NextHop;
use mail::address::Domain;

use crate::node::Node;
use crate::peer::PeerSession;
use crate::world::first;

/// How long a session is kept for what comes next. A greeting and a handshake cost more than the rest of a small message;
/// and every server is glad of those that leave soon.
const KEPT_FOR: Duration = Duration::from_secs(3);

/// Sessions that wait at one time, to whomever; more are ended.
const KEPT_MAX: usize = 256;

/// How old a session with the servers of a domain may become while it is used again and again. Then DNS is asked anew who
/// they are.
const AGE_MAX: Duration = Duration::from_mins(1);

/// Where ordinary mail goes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Destination {
    /// To the mail exchanges of a domain.
    Mx(Domain),
    /// By a route that the administrator named.
    Route(NextHop),
}

/// What a session was opened for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Purpose {
    /// Ordinary mail.
    Ordinary(Destination),
    /// Notices to the exchange of a domain.
    Notices(Domain),
    /// Retrievals from a domain's retrieval service.
    Retrievals(Domain),
}

impl From<&Destination> for Purpose {
    fn from(destination: &Destination) -> Self {
        Self::Ordinary(destination.clone())
    }
}

/// A session with the next server, and what belongs to it.
pub struct Link {
    /// The session.
    pub peer: PeerSession,
    /// The server by its name, for reports; none if it is known by address only.
    pub remote: Option<Domain>,
}

/// The sessions that wait. Cheap to clone.
#[derive(Clone, Default)]
pub struct Outgoing(Arc<Mutex<Held>>);

#[derive(Default)]
struct Held {
    /// Owned by the tasks that end them.
    waiting: BTreeMap<Purpose, Vec<Weak<Mutex<Option<Link>>>>>,
    /// How many of those tasks there are: also of sessions that were taken meanwhile.
    count: usize,
}

impl Outgoing {
    /// A session that waits for this.
    pub fn take(&self, purpose: impl Into<Purpose>) -> Option<Link> {
        let mut held = self.held();
        let purpose = purpose.into();
        let waiting = held.waiting.get_mut(&purpose)?;
        while let Some(kept) = waiting.pop() {
            let link = kept.upgrade().and_then(|kept| kept.lock().unwrap_or_else(PoisonError::into_inner).take());
            if link.is_some() {
                return link;
            }
        }
        held.waiting.remove(&purpose);
        None
    }

    /// Keeps a session for a moment, and ends it if nothing comes; at once, if it is too old to be used again, or its place
    /// is one that others may need.
    pub fn keep(&self, node: &Arc<Node>, purpose: impl Into<Purpose>, link: Link) {
        let (node, outgoing, purpose) = (Arc::clone(node), self.clone(), purpose.into());
        let world = Arc::clone(&node.world);
        let is_old = !matches!(purpose, Purpose::Ordinary(_)) && node.world.now().since(link.peer.opened) > AGE_MAX;
        let mut held = self.held();
        if is_old || held.count >= KEPT_MAX || link.peer.is_crowded() {
            drop(held);
            return world.spawn("session's end", Box::pin(link.peer.quit()));
        }
        held.count += 1;
        let kept = Arc::new(Mutex::new(Some(link)));
        let waiting = held.waiting.entry(purpose.clone()).or_default();
        waiting.retain(|kept| kept.strong_count() > 0);
        waiting.push(Arc::downgrade(&kept));
        drop(held);
        let end = async move {
            first(node.world.sleep_until(node.world.after(KEPT_FOR)), node.stop.raised()).await;
            let unused = kept.lock().unwrap_or_else(PoisonError::into_inner).take();
            drop(kept);
            outgoing.forget(&purpose);
            if let Some(link) = unused {
                link.peer.quit().await;
            }
        };
        world.spawn("kept session", Box::pin(end));
    }

    fn forget(&self, purpose: &Purpose) {
        let mut held = self.held();
        held.count -= 1;
        if let Some(waiting) = held.waiting.get_mut(purpose) {
            waiting.retain(|kept| kept.strong_count() > 0);
            if waiting.is_empty() {
                held.waiting.remove(purpose);
            }
        }
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
