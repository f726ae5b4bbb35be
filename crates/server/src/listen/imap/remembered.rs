//! What is remembered of mailboxes, as long as it is used: the least used goes first.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use mail::id::{AccountId, MailboxId};
use mail::time::Timestamp;

/// Mailboxes that are remembered: each costs a few hundred octets beside what is known of it.
const MAILBOXES_MAX: usize = 20_000;

/// Something that is remembered of each mailbox.
pub struct Remembered<T> {
    shelf: Mutex<Shelf<T>>,
    weight_max: u64,
}

/// Which mailbox.
pub type Key = (AccountId, MailboxId);

struct Shelf<T> {
    kept: BTreeMap<Key, Kept<T>>,
    /// Which was used when: the first is forgotten first.
    used: BTreeMap<u64, Key>,
    turn: u64,
    weight: u64,
}

struct Kept<T> {
    uid_validity: u32,
    value: T,
    weight: u64,
    turn: u64,
    used: Timestamp,
}

impl<T: Clone> Remembered<T> {
    /// Of all mailboxes together no more than this weight.
    pub const fn new(weight_max: u64) -> Self {
        Self { shelf: Mutex::new(Shelf { kept: BTreeMap::new(), used: BTreeMap::new(), turn: 0, weight: 0 }), weight_max }
    }

    /// What is known of a mailbox, and of which UIDVALIDITY.
    pub fn find(&self, key: Key, now: Timestamp) -> Option<(u32, T)> {
        let mut shelf = self.shelf.lock().unwrap_or_else(PoisonError::into_inner);
        let Shelf { kept, used, turn, .. } = &mut *shelf;
        let kept = kept.get_mut(&key)?;
        used.remove(&kept.turn);
        *turn += 1;
        (kept.turn, kept.used) = (*turn, now);
        used.insert(*turn, key);
        Some((kept.uid_validity, kept.value.clone()))
    }

    /// The same, which is forgotten: who takes it is the only one to have it, and keeps it again.
    pub fn take(&self, key: Key) -> Option<(u32, T)> {
        let mut shelf = self.shelf.lock().unwrap_or_else(PoisonError::into_inner);
        shelf.forget(key).map(|kept| (kept.uid_validity, kept.value))
    }

    /// Remembers this; what is least used is forgotten where there is too much.
    pub fn keep(&self, key: Key, uid_validity: u32, value: T, weight: u64, now: Timestamp) {
        let mut shelf = self.shelf.lock().unwrap_or_else(PoisonError::into_inner);
        shelf.forget(key);
        shelf.turn += 1;
        let turn = shelf.turn;
        shelf.weight += weight;
        shelf.kept.insert(key, Kept { uid_validity, value, weight, turn, used: now });
        shelf.used.insert(turn, key);
        while shelf.weight > self.weight_max || shelf.kept.len() > MAILBOXES_MAX {
            let Some(oldest) = shelf.oldest() else { return };
            shelf.forget(oldest);
        }
    }

    /// Forgets what was not used since.
    pub fn forget_before(&self, time: Timestamp) {
        let mut shelf = self.shelf.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some(oldest) = shelf.oldest().filter(|oldest| shelf.kept.get(oldest).is_some_and(|kept| kept.used < time)) {
            shelf.forget(oldest);
        }
    }
}

impl<T> Shelf<T> {
    fn oldest(&self) -> Option<Key> {
        self.used.first_key_value().map(|(_, key)| *key)
    }

    fn forget(&mut self, key: Key) -> Option<Kept<T>> {
        let kept = self.kept.remove(&key)?;
        self.used.remove(&kept.turn);
        self.weight = self.weight.saturating_sub(kept.weight);
        Some(kept)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_least_used_is_forgotten_first() {
        let time = Timestamp::from_millis;
        let key = |number: i64| {
            let account = AccountId::new(time(number), [0; 10]);
            (account, MailboxId::inbox_of(account))
        };
        let remembered = Remembered::new(10);
        let known = |remembered: &Remembered<i64>| {
            (1..6).filter(|number| remembered.shelf.lock().unwrap().kept.contains_key(&key(*number))).collect::<Vec<_>>()
        };
        for number in 1..5 {
            remembered.keep(key(number), 7, number, 3, time(number));
        }
        assert_eq!(known(&remembered), [2, 3, 4]);
        remembered.keep(key(2), 7, 20, 3, time(4));
        assert_eq!(remembered.find(key(2), time(5)), Some((7, 20)));
        remembered.keep(key(5), 7, 5, 4, time(6));
        assert_eq!(known(&remembered), [2, 4, 5]);
        remembered.forget_before(time(5));
        assert_eq!(known(&remembered), [2, 5]);
        assert_eq!((remembered.take(key(5)), known(&remembered)), (Some((7, 5)), vec![2]));
        remembered.keep(key(1), 7, 1, 11, time(7));
        assert_eq!(known(&remembered), [0_i64; 0]);
    }
}
