//! A newsletter's notices to one large destination: how long the destination's rates make it take.

use std::time::Duration;

use delivery::rate::{Bucket, Rate};
use mail::time::Timestamp;
use proto::limits::Limits;

/// How long so many notices take from so many clients of one domain, each giving as many as it may.
pub fn duration(notices: u64, clients: usize) -> Duration {
    let limits = Limits::default();
    let minute = Duration::from_mins(1);
    let of_client = Rate { count: limits.notices_per_minute_client_max, period: minute };
    let of_domain = Rate { count: limits.notices_per_minute_domain_max, period: minute };
    let mut domain = Bucket::full(Timestamp::EPOCH);
    let mut buckets = vec![Bucket::full(Timestamp::EPOCH); clients];
    let (mut left, mut now) = (notices, Timestamp::EPOCH);
    while left > 0 && !buckets.is_empty() {
        for bucket in &mut buckets {
            while left > 0 {
                let (Some(client_less), Some(domain_less)) = (bucket.take(of_client, now), domain.take(of_domain, now)) else { break };
                (*bucket, domain) = (client_less, domain_less);
                left -= 1;
            }
        }
        now = now + Duration::from_millis(100);
    }
    now.since(Timestamp::EPOCH)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_campaign_is_as_slow_as_the_tighter_of_both_rates() {
        assert!(duration(6_000, 1) < Duration::from_secs(1));
        let one_client = duration(60_000, 1).as_secs();
        assert!((535..=545).contains(&one_client), "{one_client}");
        let many = duration(120_000, 16).as_secs();
        assert!((175..=185).contains(&many), "{many}");
    }
}
