//! What was counted, in octets moved: the same messages pushed, and by notice.

use crate::ledger::{Ledger, Mass};
use crate::life::total;
use crate::params::Params;
use crate::wire::Wire;

/// What the counts leave open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    /// Messages or notices of one session.
    pub per_session: u64,
    /// How often a spammer gives each notice.
    pub notices_of_spam: u64,
    /// Spam in thousandths of all messages; the run's own is scaled to it.
    pub spam_share: u64,
    /// Size of spam, in thousandths of the run's.
    pub spam_size: u64,
    /// Spam in thousandths whose client is refused before it says anything: known addresses, with push as with notices.
    pub refused_early: u64,
}

impl Terms {
    /// As the run was, a session for each message, and spammers who do not repeat themselves.
    pub fn of(params: &Params) -> Self {
        Self { per_session: 1, notices_of_spam: 1, spam_share: params.spam_share, spam_size: 1000, refused_early: 0 }
    }

    /// Spam of this mass, scaled and without what is refused early; and the number of those.
    fn spam(&self, ledger: &Ledger, mass: Mass) -> (Mass, u64) {
        let wanted = u128::from(ledger.wanted.count) * u128::from(self.spam_share) / u128::from((1000 - self.spam_share).max(1));
        let scale = |number: u64| u128::from(number) * wanted / u128::from(ledger.spam.count.max(1));
        let through = u128::from(1000 - self.refused_early);
        let count = scale(mass.count);
        let octets = scale(mass.octets) * u128::from(self.spam_size) / 1000 * through / 1000;
        let whole = |number: u128| u64::try_from(number).unwrap_or(u64::MAX);
        (Mass { count: whole(count * through / 1000), octets: whole(octets) }, whole(count * (1000 - through) / 1000))
    }

    fn session(&self, wire: &Wire) -> u64 {
        wire.session / self.per_session.max(1)
    }
}

/// If all were pushed.
pub fn all_pushed(ledger: &Ledger, wire: &Wire, terms: &Terms) -> u64 {
    let (spam, early) = terms.spam(ledger, ledger.spam);
    let each = terms.session(wire) + wire.push;
    (ledger.wanted.count + spam.count) * each + ledger.wanted.octets + spam.octets + early * EARLY
}

/// As it went in the run: by notice where both sides speak the extension, pushed elsewhere.
pub fn as_it_went(ledger: &Ledger, wire: &Wire, terms: &Terms) -> u64 {
    let session = terms.session(wire);
    let pushed = |mass: Mass| mass.count * (session + wire.push) + mass.octets;
    let [delivered, kept, refused] = &ledger.pushed;
    let [spam_delivered, spam_kept, spam_refused] = &ledger.spam_pushed;
    let taken = total(&[*delivered, *kept]);
    let (spam_taken, early_taken) = terms.spam(ledger, total(&[*spam_delivered, *spam_kept]));
    let (spam_refused, early_refused) = terms.spam(ledger, *spam_refused);
    let (noticed, early_noticed) = terms.spam(ledger, ledger.spam_noticed);
    let (retrieved, _) = terms.spam(ledger, ledger.spam_retrieved);
    let notices = ledger.notices[0] + noticed.count * terms.notices_of_spam;
    // What nobody collects is counted as moved: that a wanted message did not arrive is no saving.
    let fetched = total(&[ledger.retrieved, ledger.expired, retrieved]);
    pushed(taken)
        + pushed(spam_taken)
        + (refused.count + spam_refused.count) * (session + wire.push_refused)
        + notices * (session + wire.notice)
        + fetched.count * (session + wire.retrieval)
        + fetched.octets
        + (early_taken + early_refused + early_noticed * terms.notices_of_spam) * EARLY
}

/// A connection that is refused at its greeting.
const EARLY: u64 = 100;

/// The second as a share of the first, in thousandths.
pub fn share(of: u64, part: u64) -> u64 {
    u64::try_from(u128::from(part) * 1000 / u128::from(of.max(1))).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ledger() -> Ledger {
        let mass = |count, octets| Mass { count, octets };
        Ledger {
            wanted: mass(100, 1_000_000),
            retrieved: mass(90, 900_000),
            expired: mass(10, 100_000),
            notices: [100, 100],
            spam: mass(100, 800_000),
            spam_noticed: mass(100, 800_000),
            ..Ledger::default()
        }
    }

    const WIRE: Wire = Wire { session: 1_000, notice: 100, retrieval: 200, push: 300, push_refused: 50 };

    #[test]
    fn each_dialogue_is_counted_with_its_session() {
        let terms = Terms { spam_share: 500, ..Terms::of(&Params::default()) };
        assert_eq!(all_pushed(&ledger(), &WIRE, &terms), 200 * 1_300 + 1_800_000);
        assert_eq!(as_it_went(&ledger(), &WIRE, &terms), 200 * 1_100 + 100 * 1_200 + 1_000_000);
        let repeated = Terms { notices_of_spam: 4, per_session: 10, ..terms };
        assert_eq!(as_it_went(&ledger(), &WIRE, &repeated), 500 * 200 + 100 * 300 + 1_000_000);
    }

    #[test]
    fn spam_is_scaled_and_refused_early() {
        let terms = Terms { spam_share: 750, spam_size: 500, refused_early: 800, ..Terms::of(&Params::default()) };
        // 300 of half the size, of which 60 come through.
        assert_eq!(all_pushed(&ledger(), &WIRE, &terms), 160 * 1_300 + 1_000_000 + 60 * 4_000 + 240 * EARLY);
    }
}
