//! Sessions of ordinary SMTP that wait a moment for what comes next.

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

/// Where ordinary mail goes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Destination {
    /// To the mail exchanges of a domain.
    Mx(Domain),
    /// By a route that the administrator named.
    Route(NextHop),
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
    waiting: BTreeMap<Destination, Vec<Weak<Mutex<Option<Link>>>>>,
}

impl Outgoing {
    /// A session that waits for mail to this destination.
    pub fn take(&self, destination: &Destination) -> Option<Link> {
        let mut held = self.held();
        let waiting = held.waiting.get_mut(destination)?;
        while let Some(kept) = waiting.pop() {
            let link = kept.upgrade().and_then(|kept| kept.lock().unwrap_or_else(PoisonError::into_inner).take());
            if link.is_some() {
                return link;
            }
        }
        held.waiting.remove(destination);
        None
    }

    /// Keeps a session for a moment, and ends it if nothing comes.
    pub fn keep(&self, node: &Arc<Node>, destination: &Destination, link: Link) {
        let kept = Arc::new(Mutex::new(Some(link)));
        let mut held = self.held();
        let waiting = held.waiting.entry(destination.clone()).or_default();
        waiting.retain(|kept| kept.strong_count() > 0);
        waiting.push(Arc::downgrade(&kept));
        drop(held);
        let (node, outgoing, destination) = (Arc::clone(node), self.clone(), destination.clone());
        let world = Arc::clone(&node.world);
        let end = async move {
            first(node.world.sleep_until(node.world.after(KEPT_FOR)), node.stop.raised()).await;
            let unused = kept.lock().unwrap_or_else(PoisonError::into_inner).take();
            drop(kept);
            outgoing.forget(&destination);
            if let Some(link) = unused {
                link.peer.quit().await;
            }
        };
        world.spawn("relay session", Box::pin(end));
    }

    fn forget(&self, destination: &Destination) {
        let mut held = self.held();
        if let Some(waiting) = held.waiting.get_mut(destination) {
            waiting.retain(|kept| kept.strong_count() > 0);
            if waiting.is_empty() {
                held.waiting.remove(destination);
            }
        }
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
