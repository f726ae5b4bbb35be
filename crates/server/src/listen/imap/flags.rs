//! Flags as the protocol writes them, and as the store keeps them.

use std::collections::BTreeSet;

use mail::flag::{Flags, SystemFlags};
use proto::imap::flag::Flag;

const SYSTEM: [(SystemFlags, Flag); 5] = [
    (SystemFlags::ANSWERED, Flag::Answered),
    (SystemFlags::FLAGGED, Flag::Flagged),
    (SystemFlags::DELETED, Flag::Deleted),
    (SystemFlags::SEEN, Flag::Seen),
    (SystemFlags::DRAFT, Flag::Draft),
];

/// Flags as a client is told them.
pub fn told(flags: &Flags) -> BTreeSet<Flag> {
    let system = SYSTEM.into_iter().filter(|(kept, _)| flags.system.has(*kept)).map(|(_, flag)| flag);
    system.chain(flags.keywords.iter().cloned().map(Flag::Keyword)).collect()
}

/// Flags as a client has written them.
pub fn kept<'a>(flags: impl IntoIterator<Item = &'a Flag>) -> Flags {
    let mut kept = Flags::default();
    for flag in flags {
        if let Flag::Keyword(keyword) = flag {
            kept.keywords.insert(keyword.clone());
        } else if let Some((system, _)) = SYSTEM.iter().find(|(_, name)| name == flag) {
            kept.system = kept.system.with(*system);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_are_kept_as_they_are_told() {
        let flags = ["\\Seen", "\\Answered", "\\Flagged", "\\Deleted", "\\Draft", "$Work"].map(|name| Flag::parse(name).unwrap());
        assert_eq!(told(&kept(&flags)), flags.iter().cloned().collect());
        // The server's own, and gone with RFC 9051.
        assert_eq!(kept([&Flag::Recent]), Flags::default());
    }
}
