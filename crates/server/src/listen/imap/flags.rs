//! Flags as the protocol writes them, and as the store keeps them.

use std::collections::BTreeSet;

use delivery::synthetic::SentKeyword;
use mail::flag::{Flags, SystemFlags};
use proto::imap::flag::Flag;
use proto::imap::view::View;

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

/// Those flags in use that a client may change.
pub fn permanent(view: &View) -> Vec<Flag> {
    let is_theirs = |flag: &Flag| !matches!(flag, Flag::Keyword(keyword) if SentKeyword::is_one(keyword));
    view.flags().into_iter().filter(is_theirs).collect()
}

/// Flags that a client wants, as it has written them. What the server says by keywords is not the client's to say: that is
/// passed over, as RFC 9051 section 6.4.6 has it for flags that are not among the PERMANENTFLAGS.
pub fn wanted<'a>(flags: impl IntoIterator<Item = &'a Flag>) -> Flags {
    SentKeyword::kept(&Flags::default(), kept(flags))
}

/// Flags as they are kept.
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
    fn what_the_server_says_is_not_the_clients_to_say() {
        let flags = ["$Work", "$twowaydelivered"].map(|name| Flag::parse(name).unwrap());
        assert_eq!(told(&wanted(&flags)), flags.iter().take(1).cloned().collect());
        assert_eq!(told(&kept(&flags)), flags.iter().cloned().collect());
    }

    #[test]
    fn flags_are_kept_as_they_are_told() {
        let flags = ["\\Seen", "\\Answered", "\\Flagged", "\\Deleted", "\\Draft", "$Work"].map(|name| Flag::parse(name).unwrap());
        assert_eq!(told(&kept(&flags)), flags.iter().cloned().collect());
        // The server's own, and gone with RFC 9051.
        assert_eq!(kept([&Flag::Recent]), Flags::default());
    }
}
