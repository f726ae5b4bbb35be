//! Stories of messages between simulated servers: production sessions and jobs, under faults of every sort.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod catching_up;
mod commits;
mod day;
mod errands;
mod kept_sessions;
mod networks;
mod outages;
mod pushed;
mod races;
mod relayed;
mod replay;
mod soak;
mod walk;

use std::time::Duration;

/// Longer than every brisk retry.
const RECOVERY: Duration = Duration::from_secs(40);

/// Longer than any step between two servers that are well.
const SOON: Duration = Duration::from_secs(20);
