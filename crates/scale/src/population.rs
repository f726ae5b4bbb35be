//! A whole population, server by server.

use crate::ledger::{Ledger, Seen};
use crate::life::{Setting, live};

/// Lives the days of every user.
pub fn run(setting: &Setting<'_>) -> Ledger {
    let slots = setting.params.days * 24 / setting.params.dns_hours.max(1) + 1;
    let mut seen = Seen::new(setting.world.sources(), slots);
    let mut ledger = Ledger::new(setting.params.days, setting.world.first_spam());
    for (server, users) in setting.world.users.iter().enumerate() {
        for number in 0..*users {
            live(setting, server, number, &mut seen, &mut ledger);
        }
        seen.clear();
    }
    ledger
}

#[cfg(test)]
mod tests {
    use delivery::consent::{Legacy, Screening};
    use delivery::schedule::Timers;

    use super::*;
    use crate::chance::Chance;
    use crate::exchange::Fates;
    use crate::params::Params;
    use crate::world::{Order, World};

    fn with(params: &Params, adoption: u64, change: impl FnOnce(&mut Setting<'_>)) -> Ledger {
        let world = World::new(params, params.users);
        let fates = Fates::new(&Timers::default());
        let adopters = world.adopters(adoption, Order::Random, &mut Chance::of(params.seed, 1));
        let mut setting = Setting::new(params, &world, adopters, &fates);
        change(&mut setting);
        run(&setting)
    }

    #[test]
    fn one_seed_gives_one_ledger_and_another_seed_another() {
        let params = Params::small();
        let ledger = with(&params, 1000, |_| {});
        assert_eq!(ledger, with(&params, 1000, |_| {}));
        assert_ne!(ledger, with(&Params { seed: 2, ..params }, 1000, |_| {}));
    }

    #[test]
    fn every_message_goes_one_way() {
        for adoption in [0, 500, 1000] {
            let ledger = with(&Params::small(), adoption, |_| {});
            let wanted = [ledger.retrieved, ledger.expired].iter().chain(&ledger.pushed).map(|mass| mass.count).sum::<u64>();
            assert_eq!(wanted, ledger.wanted.count, "{adoption}");
            let spam = ledger.spam_pushed.iter().chain([&ledger.spam_noticed]).map(|mass| mass.count).sum::<u64>();
            assert_eq!(spam, ledger.spam.count, "{adoption}");
            assert_eq!(ledger.waits.iter().sum::<u64>(), ledger.retrieved.count + ledger.expired.count, "{adoption}");
        }
    }

    #[test]
    fn without_screening_everything_that_is_noticed_is_retrieved() {
        let ledger = with(&Params::small(), 1000, |setting| setting.screening = Screening::Off);
        assert_eq!(ledger.expired.count, 0);
        assert_eq!(ledger.spam_retrieved, ledger.spam_noticed);
        assert!(ledger.days.iter().all(|day| day.wanted_attempts + day.spam_attempts == 0 || day.wanted > 0));
    }

    #[test]
    fn with_screening_spam_gets_in_only_through_accounts_that_are_allowed() {
        let ledger = with(&Params::small(), 1000, |setting| setting.legacy = Legacy::Refuse);
        assert!(ledger.spam_retrieved.count * 50 < ledger.spam.count, "{ledger:?}");
        assert_eq!(ledger.spam_pushed[0].count + ledger.spam_pushed[1].count, 0);
        assert!(ledger.expired.count > 0 && ledger.expired.count < ledger.retrieved.count);
    }
}
