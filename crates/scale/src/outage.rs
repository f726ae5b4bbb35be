//! Servers that are away for hours or days: how late messages arrive, and which never do.

use std::time::Duration;

use delivery::schedule::Timers;
use delivery::transfer::Outcome;

use crate::chance::Chance;
use crate::exchange::{Circumstances, Fate, run};

/// Which server is away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Away {
    /// The recipient's, as a notice comes.
    Destination,
    /// The sender's, as a recipient allows what waits there.
    Origin,
}

/// What an outage of so many hours does to the messages of its time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Which server.
    pub away: Away,
    /// For how long.
    pub hours: u64,
    /// Thousandths that arrive.
    pub delivered: u64,
    /// Thousandths whose author is told of a failure or of expiry.
    pub reported: u64,
    /// Minutes from the end of the outage to the arrival: the median, and the last of twenty.
    pub minutes_after: [u64; 2],
    /// Attempts in vain for each message, in thousandths.
    pub failures: u64,
}

/// Lengths of outages.
pub const HOURS: [u64; 7] = [1, 6, 24, 72, 120, 240, 360];
/// Messages in each.
const MESSAGES: u64 = 200;

/// Outages of every length, of either server.
pub fn rows(seed: u64) -> Vec<Row> {
    let each = |away| HOURS.map(|hours| row(seed, away, hours));
    [Away::Destination, Away::Origin].into_iter().flat_map(each).collect()
}

fn row(seed: u64, away: Away, hours: u64) -> Row {
    let (start, length) = (Duration::from_hours(2), Duration::from_hours(hours));
    let outage = Some((start, start + length));
    let mut chance = Chance::of(seed, hours);
    let within = length.as_secs();
    // For the origin: submitted before it went, allowed while it is away.
    let allowed_after = match away {
        Away::Destination => Duration::ZERO,
        Away::Origin => start,
    };
    let circumstances = match away {
        Away::Destination => Circumstances { destination_down: outage, origin_down: None, allowed_after: Some(allowed_after) },
        Away::Origin => Circumstances { destination_down: None, origin_down: outage, allowed_after: Some(allowed_after) },
    };
    let window = if away == Away::Origin { start.as_secs().min(within) } else { within };
    let submitted: Vec<_> = (0..MESSAGES)
        .map(|_| Duration::from_secs(chance.below(window)) + if away == Away::Destination { start } else { Duration::ZERO })
        .collect();
    let fates = run(&submitted, &circumstances, &Timers::default(), chance.draw());
    let delivered = |fate: &&Fate| fate.stored_after.is_some();
    let stored = submitted.iter().zip(&fates).filter(|(_, fate)| delivered(fate));
    let mut after: Vec<u64> = stored
        .map(|(submitted, fate)| (*submitted + fate.stored_after.unwrap_or_default()).saturating_sub(start + length).as_secs() / 60)
        .collect();
    after.sort_unstable();
    let quantile = |twentieths: usize| after.get(after.len() * twentieths / 20).copied().unwrap_or(0);
    let reported = |fate: &&Fate| matches!(fate.outcome, Outcome::Failed { .. } | Outcome::Expired);
    let share = |count: usize| count as u64 * 1000 / MESSAGES;
    Row {
        away,
        hours,
        delivered: share(fates.iter().filter(delivered).count()),
        reported: share(fates.iter().filter(reported).count()),
        minutes_after: [quantile(10), quantile(19)],
        failures: fates.iter().map(|fate| fate.failures).sum::<u64>() * 1000 / MESSAGES,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_arrive_is_reported_and_nothing_is_reported_that_arrives() {
        for row in rows(1) {
            assert_eq!(row.delivered + row.reported, 1000, "{row:?}");
        }
    }

    #[test]
    fn an_outage_of_three_days_loses_nothing_and_one_longer_than_the_retries_does() {
        let rows = rows(1);
        let delivered = |away, hours| rows.iter().find(|row| row.away == away && row.hours == hours).unwrap().delivered;
        assert_eq!((delivered(Away::Destination, 72), delivered(Away::Origin, 240)), (1000, 1000));
        assert!(delivered(Away::Destination, 240) < 1000);
    }
}
