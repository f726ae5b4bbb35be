//! Domains that were found without the extension a moment ago: the next message for one need not ask again.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use delivery::discovery::ABSENCE_REMEMBERED;
use mail::address::Domain;
use mail::time::Timestamp;

/// Domains remembered. Beyond it new ones are not: they are asked each time, as all were.
const DOMAINS_MAX: usize = 20_000;

/// The domains, and until when each is remembered. Cheap to clone.
#[derive(Clone, Default)]
pub struct Absences(Arc<Mutex<BTreeMap<Domain, Timestamp>>>);

impl Absences {
    /// All that could be asked of this domain's servers was asked: it certainly has no extension.
    pub fn note(&self, domain: &Domain, now: Timestamp) {
        let mut absences = self.absences();
        if absences.len() >= DOMAINS_MAX && !absences.contains_key(domain) {
            absences.retain(|_, until| now < *until);
        }
        if absences.len() < DOMAINS_MAX || absences.contains_key(domain) {
            absences.insert(domain.clone(), now + ABSENCE_REMEMBERED);
        }
    }

    /// Whether that was a moment ago.
    pub fn is_known(&self, domain: &Domain, now: Timestamp) -> bool {
        self.absences().get(domain).is_some_and(|until| now < *until)
    }

    /// It has the extension after all, or may have.
    pub fn forget(&self, domain: &Domain) {
        self.absences().remove(domain);
    }

    fn absences(&self) -> MutexGuard<'_, BTreeMap<Domain, Timestamp>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_domain_without_the_extension_is_remembered_for_a_moment() {
        let absences = Absences::default();
        let [one, other]: [Domain; 2] = ["c.test", "d.test"].map(|name| name.parse().unwrap());
        let now = Timestamp::EPOCH;
        absences.note(&one, now);
        assert!(absences.is_known(&one, now) && !absences.is_known(&other, now));
        assert!(!absences.is_known(&one, now + ABSENCE_REMEMBERED));
        absences.forget(&one);
        assert!(!absences.is_known(&one, now));
    }

    #[test]
    fn what_is_remembered_is_bounded_and_makes_room_when_its_time_is_over() {
        let absences = Absences::default();
        let now = Timestamp::EPOCH;
        for number in 0..=DOMAINS_MAX {
            absences.note(&format!("d{number}.test").parse().unwrap(), now);
        }
        let last = format!("d{DOMAINS_MAX}.test").parse().unwrap();
        assert!(!absences.is_known(&last, now));
        absences.note(&last, now + ABSENCE_REMEMBERED);
        assert!(absences.is_known(&last, now + ABSENCE_REMEMBERED));
        assert_eq!(absences.absences().len(), 1);
    }
}
