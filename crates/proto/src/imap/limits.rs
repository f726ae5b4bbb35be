//! Every limit of an IMAP session, with its default and its reason.

use std::time::Duration;

pub use mail::flag::KEYWORD_OCTETS_MAX;

/// Octets of a mailbox's name, decoded: a client shows it on one line.
pub const MAILBOX_NAME_OCTETS_MAX: usize = 1000;

/// Octets of a tag; clients use a letter and a number. It is repeated in the answer.
pub const TAG_OCTETS_MAX: usize = 64;

/// Search keys inside each other: NOT, OR and parentheses. No client nests them by hand.
pub const SEARCH_DEPTH_MAX: usize = 32;

/// Search keys of one command: each is work for every message.
pub const SEARCH_KEYS_MAX: usize = 1000;

/// Elements of one list in parentheses: names of header fields, of mailboxes, flags.
pub const LIST_ITEMS_MAX: usize = 5000;

/// Numbers in the path of a part, `BODY[1.2.3]`: parts inside each other.
pub const PART_DEPTH_MAX: usize = 64;

/// Literals of one command: at each, what stands before it is read again.
pub const LITERALS_MAX: usize = 100;

/// Octets of a URL that names a part of a message: a name of a mailbox, each of its octets as `%41`, and a section.
pub const URL_OCTETS_MAX: usize = 8192;

/// Parts of one message that are named by URL, between two that are sent: each is looked up. No message that is forwarded has so many.
pub const CATENATED_URLS_MAX: usize = 1000;

/// Parts of a message inside each other, as BODYSTRUCTURE tells of them: they are read by recursion. Our own server tells of 50.
pub const STRUCTURE_DEPTH_MAX: usize = 100;

/// Numbers of a sorted result that was written in ranges, each of which may stand for four thousand million.
pub const SORTED_NUMBERS_MAX: u64 = 1_000_000;

/// Messages in a batch of UIDs, at least: whoever asks for smaller ones counts messages one by one (RFC 10022).
pub const UID_BATCH_MESSAGES_MIN: u32 = 500;

/// Messages in all batches that one UIDBATCHES asks for: a server has to tell of so many (RFC 10022).
pub const UID_BATCHES_MESSAGES_MAX: u64 = 100_000;

/// Octets of what sorts messages that are remembered, of all mailboxes together: some 200 for each message. Beyond, what is
/// used least is read again when it is asked for.
pub const SORT_KEYS_OCTETS_MAX: u64 = 64 << 20;

/// How long they are remembered while nobody sorts or searches there: as long as a person looks at one mailbox.
pub const SORT_KEYS_IDLE_MAX: Duration = Duration::from_mins(10);

/// What a session grants its client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// One command with its literals, content of messages excepted, before the client has authenticated: a user's name and
    /// password, or a SASL message (RFC 4954 section 4 gives those 12,288).
    pub early_command_octets_max: usize,
    /// The same afterwards. RFC 7162 section 4 asks for at least 8192; some clients name every message of a mailbox.
    pub command_octets_max: usize,
    /// Octets of a refused command or message that are read and thrown away before the session closes: RFC 7888 section 4
    /// leaves the choice between the two.
    pub discarded_octets_max: u64,
    /// Of one message's content, announced as APPENDLIMIT (RFC 7889).
    pub message_octets_max: u64,
    /// Octets in one content event: what a session holds of a message at one time.
    pub content_chunk_octets_max: usize,
    /// Unread input. The driver stops reading while the session has work, so only a driver that does not meets this.
    pub buffered_octets_max: usize,
    /// Unwritten output after which the session asks for it to be written before it goes on.
    pub output_octets_max: usize,
    /// Commands that the session itself refused as BAD: after so many the peer is lost or searching.
    pub errors_max: u32,
    /// Failed authentications in one session: guessing has to pay for a new connection.
    pub auth_failures_max: u32,
    /// How long to wait for a client that has not authenticated.
    pub early_timeout: Duration,
    /// How long to wait for one that has: at least 30 minutes (RFC 9051 section 5.4).
    pub timeout: Duration,
    /// How long to wait for the next octets of a message.
    pub content_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            early_command_octets_max: 16 * 1024,
            command_octets_max: 1024 * 1024,
            discarded_octets_max: 104_857_600,
            message_octets_max: 52_428_800,
            content_chunk_octets_max: 64 * 1024,
            buffered_octets_max: 2 * 1024 * 1024,
            output_octets_max: 64 * 1024,
            errors_max: 50,
            auth_failures_max: 3,
            early_timeout: Duration::from_mins(1),
            timeout: Duration::from_mins(31),
            content_timeout: Duration::from_mins(3),
        }
    }
}

/// What a client grants its server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientLimits {
    /// One response with its literals, streamed content excepted: the result of a search in a million messages.
    pub response_octets_max: usize,
    /// A larger literal of a FETCH is streamed, and never held.
    pub held_literal_octets_max: usize,
    /// Octets in one content event.
    pub content_chunk_octets_max: usize,
    /// What may arrive at once. The driver stops reading while the session has work, so only a driver that does not meets this.
    pub received_octets_max: usize,
    /// Commands sent behind the one under way: a screen's worth of questions, each answered in a packet or two.
    pub behind_max: usize,
    /// How long to wait for the server's next octets: it may search in a million messages first.
    pub timeout: Duration,
}

impl Default for ClientLimits {
    fn default() -> Self {
        Self {
            response_octets_max: 8 * 1024 * 1024,
            held_literal_octets_max: 64 * 1024,
            content_chunk_octets_max: 64 * 1024,
            received_octets_max: 256 * 1024,
            behind_max: 32,
            timeout: Duration::from_mins(5),
        }
    }
}
