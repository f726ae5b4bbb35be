//! What a dialogue moves, in octets of both directions: the extension's commands as `proto` writes them, the rest as they
//! usually stand. Headers of TCP and IP are left out: they grow with the content alike.

use mail::address::Mailbox;
use mail::digest::ContentDigest;
use mail::envelope::Body;
use mail::id::{NoticeId, Partition};
use mail::notice::{Kind, Notice};
use mail::time::Timestamp;
use proto::twoway::retrieve::Announcement;
use proto::twoway::{Command, Confirm, Retrieve};

use crate::params::Params;

/// Octets of each dialogue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wire {
    /// To open and close a session: greeting, EHLO, STARTTLS with its handshake, EHLO, QUIT.
    pub session: u64,
    /// NOTICE and its reply.
    pub notice: u64,
    /// RETRIEVE, its reply, CONFIRM and its reply: all but the content.
    pub retrieval: u64,
    /// MAIL, RCPT, DATA, the dot, and their replies: all but the content.
    pub push: u64,
    /// Of those, what is said if RCPT is refused.
    pub push_refused: u64,
}

const OPENING: [&str; 6] = [
    "220 mx1.example.net ESMTP\r\n",
    "EHLO mail.example.org\r\n",
    "250-mx1.example.net\r\n250-PIPELINING\r\n250-SIZE 52428800\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250-ENHANCEDSTATUSCODES\r\n250 STARTTLS\r\n",
    "STARTTLS\r\n",
    "220 2.0.0 ready\r\n",
    "EHLO mail.example.org\r\n",
];
const OFFERED: &str = "250-mx1.example.net\r\n250-PIPELINING\r\n250-SIZE 52428800\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250-CHUNKING\r\n\
                       250-ENHANCEDSTATUSCODES\r\n250 XTWOWAY 1 SIZE=52428800 NOTICEMAX=500 KEEPMAX=2592000\r\n";
const CLOSING: &str = "QUIT\r\n221 2.0.0 bye\r\n";
const ACCEPTED: &str = "250 2.0.0 ok\r\n";
const ENVELOPE: &str = "MAIL FROM:<firstname.lastname@example.org> SIZE=50000 BODY=8BITMIME\r\n250 2.1.0 ok\r\n\
                        RCPT TO:<firstname.lastname@example.net>\r\n250 2.1.5 ok\r\n";
const DATA: &str = "DATA\r\n354 go ahead\r\n.\r\n250 2.0.0 queued as 1234567890ABCDEF\r\n";

impl Wire {
    /// With the handshake of the parameters; nothing, if an example is not an address, which a test excludes.
    pub fn new(params: &Params) -> Option<Self> {
        let from: Mailbox = "firstname.lastname@example.org".parse().ok()?;
        let to: Mailbox = "firstname.lastname@example.net".parse().ok()?;
        let id = NoticeId::new(Partition::of_name("example.org"), [7; 16]);
        let (date, expires) = (Timestamp::EPOCH, Timestamp::EPOCH);
        let notice = Notice {
            from: from.clone(),
            to: to.clone(),
            id: id.clone(),
            size_octets: 50_000,
            date,
            expires,
            body: Body::EightBitMime,
            smtputf8: false,
            require_tls: false,
            name: Some("Firstname Lastname".to_owned()),
            subject: Some("A subject of usual length, forty octets".to_owned()),
            kind: Kind::Mail,
            reference: None,
            list: None,
        };
        let announcement =
            Announcement { size_octets: 50_000, digest: ContentDigest::from_bytes([7; 32]), mail_from: from.to_string().parse().ok()? };
        let retrieve = Command::Retrieve(Retrieve { id: id.clone(), to: to.clone(), offset: 0 });
        let announced = "250 2.0.0 \r\n".len() + announcement.encode().len();
        let replies = announced + ACCEPTED.len();
        let opening = OPENING.iter().map(|line| line.len()).sum::<usize>() + OFFERED.len() + CLOSING.len();
        Some(Self {
            session: opening as u64 + params.tls_octets,
            notice: length(&Command::Notice(Box::new(notice))) + ACCEPTED.len() as u64,
            retrieval: length(&retrieve) + length(&Command::Confirm(Confirm { id, to })) + replies as u64,
            push: (ENVELOPE.len() + DATA.len()) as u64,
            push_refused: ENVELOPE.len() as u64,
        })
    }
}

fn length(command: &Command) -> u64 {
    let mut octets = vec![];
    command.encode(&mut octets);
    octets.len() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_notice_is_a_line_and_a_session_is_mostly_its_handshake() {
        let wire = Wire::new(&Params::default()).unwrap();
        assert!((250..400).contains(&wire.notice), "{wire:?}");
        assert!((250..500).contains(&wire.retrieval), "{wire:?}");
        assert!((5_300..5_600).contains(&wire.session), "{wire:?}");
    }
}
