//! Every limit of the sessions, with its default and its reason: whatever a peer can make grow has one here.

use std::time::Duration;

/// Octets of a header section. It is held in memory while it is read, and edited: more is held for nobody.
pub const HEADER_OCTETS_MAX: usize = 256 * 1024;

/// What a session grants its peer. The defaults suit a server on the open Internet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Of one message's content. RFC 5321 section 4.5.3.1.7 asks for at least 64 KiB; 50 MiB is what the big providers take.
    pub message_octets_max: u64,
    /// Of one refused message (too large, bad line ends) that are read and thrown away before the session closes: RFC 5321
    /// and 3030 want the content consumed, but not for ever.
    pub discarded_octets_max: u64,
    /// Recipients of one transaction. RFC 5321 section 4.5.3.1.8 asks for at least 100.
    pub recipients_max: usize,
    /// Commands in one session; a client with more to say connects again, which lets load move to another server.
    pub commands_max: u32,
    /// Commands that the session itself refused with 5yz: after so many the peer is lost or searching.
    pub errors_max: u32,
    /// Messages begun in one session, so that load can move to another server; announced by closing with 421.
    pub messages_max: u32,
    /// Recipients refused for good in one session: who names so many that are not here is guessing.
    pub unknown_recipients_max: u32,
    /// Failed AUTH commands in one session: guessing has to pay for a new connection.
    pub auth_failures_max: u32,
    /// Failed AUTH commands in an hour from one client, over all its sessions: beyond, AUTH is answered 421. Enough for an
    /// office with an old password in some programs, and far too few to guess with.
    pub auth_failures_per_hour_max: u32,
    /// The slowest a peer may send or read once its first wait is over: or an octet now and then would keep a session for days.
    pub octets_per_second_min: u64,
    /// Unread input. The driver stops reading while the session has work, so only a driver that does not meets this.
    pub buffered_octets_max: usize,
    /// Unwritten output after which the session asks for it to be written before it goes on: replies are longer than commands.
    pub output_octets_max: usize,
    /// Octets in one content event: what a session holds of a message at one time.
    pub content_chunk_octets_max: usize,
    /// Extension commands yielded and not yet answered: the largest batch of one commit.
    pub unanswered_max: usize,
    /// RETRIEVE commands yielded and not yet answered: each holds a lease and a read of the store.
    pub unanswered_retrievals_max: usize,
    /// NOTICE commands in one session, announced as NOTICEMAX.
    pub notices_max: u64,
    /// NOTICE commands in a minute from one client, whoever they are from and for. Beyond: 450 4.7.28.
    pub notices_per_minute_client_max: u32,
    /// NOTICE commands in a minute for one domain of FROM, from whichever clients. Beyond: 450 4.7.28.
    pub notices_per_minute_domain_max: u32,
    /// Connections that we hold open to one address (of IPv6, one /64) at a time, of all domains together: domains cost
    /// nothing, and one host behind many of them must not hold all our connections.
    pub dialled_per_address_max: usize,
    /// ASSERT commands in one session: each costs DNS queries.
    pub assertions_max: u64,
    /// How long a notice is kept at most, announced as KEEPMAX; whole seconds.
    pub keep_max: Duration,
    /// Octets in one reply line as a client reads it. RFC 5321 section 4.5.3.1.5 says 512; some servers write more.
    pub reply_line_octets_max: usize,
    /// Lines in one reply as a client reads it: PENDING may list 100 messages.
    pub reply_lines_max: usize,
    /// Commands a client has sent without an answer; more would only fill the server's buffers.
    pub pipelined_max: usize,
    /// How long to wait for what.
    pub timeouts: Timeouts,
}

/// How long a driver waits in each phase of a session. Sessions have no clock: these are for their drivers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// Server: for the next command (RFC 5321 section 4.5.3.2.7).
    pub command: Duration,
    /// Server: for the next octets of content; the client's own limit for a block (RFC 5321 section 4.5.3.2.5).
    pub content: Duration,
    /// Both: for the peer to take the octets we write.
    pub write: Duration,
    /// Server: for a whole session, however busy: after it, the client connects again. A message of 50 MiB fits at 4 KiB/s.
    pub session: Duration,
    /// Both: for the TLS handshake. Ours; a person waits behind many of them.
    pub handshake: Duration,
    /// Client: for the greeting (RFC 5321 section 4.5.3.2.1).
    pub greeting: Duration,
    /// Client: for the reply to MAIL, RCPT and every other command (RFC 5321 sections 4.5.3.2.2 and 4.5.3.2.3).
    pub reply: Duration,
    /// Client: for the 354 after DATA (RFC 5321 section 4.5.3.2.4).
    pub data_initiation: Duration,
    /// Client: for the reply after the final dot or the last chunk: giving up early doubles the message
    /// (RFC 5321 section 4.5.3.2.6).
    pub data_end: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            message_octets_max: 52_428_800,
            discarded_octets_max: 104_857_600,
            recipients_max: 1000,
            commands_max: 10_000,
            errors_max: 20,
            messages_max: 1000,
            unknown_recipients_max: 50,
            auth_failures_max: 3,
            auth_failures_per_hour_max: 100,
            octets_per_second_min: 1024,
            buffered_octets_max: 256 * 1024,
            output_octets_max: 64 * 1024,
            content_chunk_octets_max: 64 * 1024,
            unanswered_max: 256,
            unanswered_retrievals_max: 4,
            notices_max: 500,
            notices_per_minute_client_max: 6_000,
            notices_per_minute_domain_max: 30_000,
            dialled_per_address_max: 20,
            assertions_max: 10,
            keep_max: Duration::from_hours(30 * 24),
            reply_line_octets_max: 2048,
            reply_lines_max: 200,
            pipelined_max: 1000,
            timeouts: Timeouts::default(),
        }
    }
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            command: Duration::from_mins(5),
            content: Duration::from_mins(3),
            write: Duration::from_mins(3),
            session: Duration::from_hours(4),
            handshake: Duration::from_mins(1),
            greeting: Duration::from_mins(5),
            reply: Duration::from_mins(5),
            data_initiation: Duration::from_mins(2),
            data_end: Duration::from_mins(10),
        }
    }
}
