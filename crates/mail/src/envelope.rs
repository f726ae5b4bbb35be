//! What travels beside a message's content: reverse-path, recipients, and what DSN asks for (RFC 5321, 3461).

use crate::address::{Mailbox, ReversePath};

/// The `BODY` parameter: what octets the content may hold (RFC 6152, RFC 3030).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Body {
    /// Lines of ASCII.
    #[default]
    SevenBit,
    /// Lines of any octets.
    EightBitMime,
    /// Any octets, lone CR and LF included: only by BDAT and RETRIEVE.
    BinaryMime,
}

impl Body {
    /// As MAIL and NOTICE write it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SevenBit => "7BIT",
            Self::EightBitMime => "8BITMIME",
            Self::BinaryMime => "BINARYMIME",
        }
    }

    /// Reads the parameter's value, in any case.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::SevenBit, Self::EightBitMime, Self::BinaryMime].into_iter().find(|body| body.as_str().eq_ignore_ascii_case(text))
    }
}

/// For which outcomes the author wants a report on a recipient (`NOTIFY`, RFC 3461 section 4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ReportWish {
    /// No NOTIFY was given: the server's choice, which is failures and delays.
    Unsaid,
    /// `NOTIFY=NEVER`.
    Never,
    /// Any of the three.
    On {
        /// `SUCCESS`.
        success: bool,
        /// `FAILURE`.
        failure: bool,
        /// `DELAY`.
        delay: bool,
    },
}

impl ReportWish {
    /// Whether a delivered message is to be reported.
    pub const fn success(self) -> bool {
        matches!(self, Self::On { success: true, .. })
    }

    /// Whether a message that was not delivered is to be reported.
    pub const fn failure(self) -> bool {
        matches!(self, Self::Unsaid | Self::On { failure: true, .. })
    }

    /// Whether a delay is to be reported.
    pub const fn delay(self) -> bool {
        matches!(self, Self::Unsaid | Self::On { delay: true, .. })
    }

    /// The parameter's value; `None` where it was not given.
    pub fn to_param(self) -> Option<String> {
        match self {
            Self::Unsaid => None,
            Self::Never => Some("NEVER".to_owned()),
            Self::On { success, failure, delay } => {
                let named = [(success, "SUCCESS"), (failure, "FAILURE"), (delay, "DELAY")];
                Some(named.iter().filter(|(wished, _)| *wished).map(|(_, name)| *name).collect::<Vec<_>>().join(","))
            }
        }
    }

    /// Reads the parameter's value; `None` if it is not one (RFC 3461 section 4.1: NEVER stands alone).
    pub fn parse(text: &str) -> Option<Self> {
        if text.eq_ignore_ascii_case("NEVER") {
            return Some(Self::Never);
        }
        let (mut success, mut failure, mut delay) = (false, false, false);
        for name in text.split(',') {
            match name.to_ascii_uppercase().as_str() {
                "SUCCESS" => success = true,
                "FAILURE" => failure = true,
                "DELAY" => delay = true,
                _ => return None,
            }
        }
        Some(Self::On { success, failure, delay })
    }
}

/// How much of the message a report returns (`RET`, RFC 3461 section 4.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ReturnWish {
    /// The header section only.
    Headers,
    /// All of it, in reports of failure.
    Full,
}

/// One `RCPT TO` with its parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipient {
    /// The forward-path.
    pub mailbox: Mailbox,
    /// `NOTIFY`.
    pub report: ReportWish,
    /// `ORCPT`, decoded: address type and address, such as `rfc822;bob@b.test`.
    pub original: Option<String>,
}

/// What an author asks of the way a message takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Way {
    /// `REQUIRETLS` (RFC 8689): no step without TLS to a verified server that promises the same.
    pub require_tls: bool,
    /// `XTWOWAY=ONLY`, or a field `Two-Way: only`: never by ordinary SMTP.
    pub twoway_only: bool,
}

/// One mail transaction's envelope.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    /// `MAIL FROM`.
    pub reverse_path: ReversePath,
    /// `BODY`.
    pub body: Body,
    /// `SMTPUTF8` (RFC 6531).
    pub smtputf8: bool,
    /// `RET`; without it the choice is the server's.
    pub returns: Option<ReturnWish>,
    /// `ENVID`, decoded.
    pub envelope_id: Option<String>,
    /// What the author asks of every step of the way.
    pub way: Way,
    /// At least one.
    pub recipients: Vec<Recipient>,
}
