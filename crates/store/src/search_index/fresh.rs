//! The grams of what was read last, in memory until a segment is made of them: its texts need not be read and folded again.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use mail::id::{AccountId, MailId};

/// How many, for all accounts together: 4 MiB. What is beyond them is read again.
const GRAMS_MAX: usize = 1 << 20;
/// A message counts as so many more, for its place among the others: one without grams is not kept for nothing.
const PLACE: usize = 64;

type Key = (AccountId, MailId);

/// Grams of messages that wait for a segment here, and of some that are gone meanwhile: those make room when they are old.
#[derive(Default)]
pub(crate) struct Fresh(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    of: BTreeMap<Key, Arc<[u32]>>,
    /// Those of `of`, oldest first.
    order: VecDeque<Key>,
    count: usize,
}

impl Fresh {
    /// Keeps those of a message; the oldest make room for them.
    pub(super) fn keep(&self, account: AccountId, mail: MailId, grams: Arc<[u32]>) {
        let mut kept = self.lock();
        kept.count += grams.len() + PLACE;
        match kept.of.insert((account, mail), grams) {
            Some(before) => kept.count -= before.len() + PLACE,
            None => kept.order.push_back((account, mail)),
        }
        while kept.count > GRAMS_MAX
            && let Some(oldest) = kept.order.pop_front()
        {
            kept.remove(&oldest);
        }
    }

    /// Those of a message, if they are here.
    pub(super) fn get(&self, account: AccountId, mail: MailId) -> Option<Arc<[u32]>> {
        self.lock().of.get(&(account, mail)).cloned()
    }

    /// They are in a segment now.
    pub(super) fn forget(&self, account: AccountId, mails: &[MailId]) {
        let mut kept = self.lock();
        for mail in mails {
            kept.remove(&(account, *mail));
        }
        let Kept { of, order, .. } = &mut *kept;
        order.retain(|key| of.contains_key(key));
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        // Nothing here panics half-way through a change.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn remove(&mut self, key: &Key) {
        let gone = self.of.remove(key).map_or(0, |grams| grams.len() + PLACE);
        self.count = self.count.saturating_sub(gone);
    }
}

#[cfg(test)]
mod tests {
    use mail::time::Timestamp;

    use super::*;

    #[test]
    fn the_oldest_make_room() {
        let account = |number: u8| AccountId::new(Timestamp::from_millis(1), [number; 10]);
        let mail = |number: u8| MailId::new(Timestamp::from_millis(1), [number; 10]);
        let (fresh, half) = (Fresh::default(), Arc::<[u32]>::from(vec![7; GRAMS_MAX / 2 - PLACE]));
        let here = || [1, 2, 3].map(|number| fresh.get(account(1), mail(number)).is_some());
        fresh.keep(account(1), mail(1), Arc::clone(&half));
        fresh.keep(account(1), mail(2), Arc::clone(&half));
        fresh.keep(account(1), mail(2), Arc::clone(&half));
        assert_eq!((here(), fresh.get(account(2), mail(1))), ([true, true, false], None));
        fresh.keep(account(1), mail(3), Arc::clone(&half));
        assert_eq!(here(), [false, true, true]);
        fresh.forget(account(1), &[mail(2), mail(1)]);
        fresh.keep(account(1), mail(1), Arc::clone(&half));
        assert_eq!(here(), [true, false, true]);
        // One that is more than all there is room for is not kept, and counts no more.
        fresh.keep(account(1), mail(2), Arc::from(vec![7; GRAMS_MAX + 1]));
        assert_eq!(here(), [false; 3]);
        let counts = || {
            let kept = fresh.lock();
            (kept.count, kept.order.len(), kept.of.len())
        };
        assert_eq!(counts(), (0, 0, 0));
        // Those without grams make room, too.
        for number in 0..20_000_u64 {
            let [.., a, b] = number.to_be_bytes();
            fresh.keep(account(a), mail(b), Arc::from([]));
        }
        assert_eq!(counts(), (GRAMS_MAX, GRAMS_MAX / PLACE, GRAMS_MAX / PLACE));
    }
}
