//! MAIL and RCPT: paths and their parameters (RFC 1870, 3461, 4954, 6152, 6531).

use std::fmt;

use mail::address::{Domain, Mailbox, ReversePath};
use mail::envelope::{Body, ReportWish, ReturnWish, Way};

use super::{CommandError, decimal};
use crate::twoway::wire;
use crate::{path, xtext};

/// Characters in ENVID before it is encoded (RFC 3461 section 4.4).
const ENVELOPE_ID_MAX: usize = 100;

/// `MAIL FROM`. What was not given is `None`, so that the same can be said to the next server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mail {
    /// Whom to tell of failures.
    pub reverse_path: ReversePath,
    /// `SIZE`, as the client estimates it.
    pub size_octets: Option<u64>,
    /// `BODY`.
    pub body: Option<Body>,
    /// `SMTPUTF8`.
    pub smtputf8: bool,
    /// `RET`.
    pub returns: Option<ReturnWish>,
    /// `ENVID`, decoded.
    pub envelope_id: Option<String>,
    /// `REQUIRETLS` and `XTWOWAY=ONLY`.
    pub way: Way,
}

/// `RCPT TO`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rcpt {
    /// To whom.
    pub forward_path: ForwardPath,
    /// `NOTIFY`.
    pub report: ReportWish,
    /// `ORCPT`, decoded: address type and address, such as `rfc822;bob@b.test`.
    pub original: Option<String>,
}

/// To whom a message goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ForwardPath {
    /// A mailbox.
    Mailbox(Mailbox),
    /// `<postmaster>` without a domain: whoever runs this server (RFC 5321 section 4.5.1).
    Postmaster,
}

impl Mail {
    /// MAIL without parameters.
    pub fn new(reverse_path: ReversePath) -> Self {
        Self { reverse_path, size_octets: None, body: None, smtputf8: false, returns: None, envelope_id: None, way: Way::default() }
    }

    /// Reads what follows `MAIL`.
    ///
    /// ```abnf
    /// Reverse-path    = Path / "<>"
    /// Mail-parameters = param *( SP param )                   ; each once
    /// param = "SIZE=" 1*20DIGIT / "BODY=" ( "7BIT" / "8BITMIME" / "BINARYMIME" ) / "SMTPUTF8"
    ///       / "RET=" ( "FULL" / "HDRS" ) / "ENVID=" xtext / "AUTH=" xtext / "REQUIRETLS" / "XTWOWAY=ONLY"
    /// ```
    pub(super) fn parse(rest: &str) -> Result<Self, CommandError> {
        let behind = behind_word(rest, "FROM:").ok_or(CommandError::Arguments("MAIL FROM:<path>"))?;
        let (inner, parameters) = path::split(behind).ok_or(CommandError::ReversePath)?;
        let reverse_path = match without_route(inner) {
            Some(mailbox) if !mailbox.is_empty() || inner.is_empty() => mailbox.parse().ok(),
            _ => None,
        };
        let mut mail = Self::new(reverse_path.ok_or(CommandError::ReversePath)?);
        each_parameter(parameters, |keyword, value| {
            match keyword {
                "SIZE" => mail.size_octets = Some(value.and_then(size)?),
                "BODY" => mail.body = Some(value.and_then(Body::parse)?),
                "SMTPUTF8" | "REQUIRETLS" if value.is_some() => return None,
                "SMTPUTF8" => mail.smtputf8 = true,
                "REQUIRETLS" => mail.way.require_tls = true,
                "RET" => mail.returns = Some(value.and_then(returns)?),
                "ENVID" => {
                    mail.envelope_id =
                        Some(value.and_then(xtext::decode_printable).filter(|id| !id.is_empty() && id.len() <= ENVELOPE_ID_MAX)?);
                }
                wire::KEYWORD => mail.way.twoway_only = value.filter(|value| value.eq_ignore_ascii_case(wire::ONLY)).map(|_only| true)?,
                // RFC 4954 section 5: who is trusted to say this is nobody, so it is read and forgotten.
                "AUTH" => drop(value.and_then(xtext::decode_printable).filter(|address| !address.is_empty())?),
                _ => return Some(Known::No),
            }
            Some(Known::Yes)
        })?;
        Ok(mail)
    }
}

impl Rcpt {
    /// RCPT without parameters.
    pub fn new(forward_path: ForwardPath) -> Self {
        Self { forward_path, report: ReportWish::Unsaid, original: None }
    }

    /// Reads what follows `RCPT`.
    ///
    /// ```abnf
    /// Rcpt-parameters = param *( SP param )                   ; each once
    /// param = "NOTIFY=" ( "NEVER" / 1#( "SUCCESS" / "FAILURE" / "DELAY" ) ) / "ORCPT=" addr-type ";" xtext
    /// ```
    pub(super) fn parse(rest: &str) -> Result<Self, CommandError> {
        let behind = behind_word(rest, "TO:").ok_or(CommandError::Arguments("RCPT TO:<path>"))?;
        let (inner, parameters) = path::split(behind).ok_or(CommandError::ForwardPath)?;
        let forward_path = if inner.eq_ignore_ascii_case("postmaster") {
            ForwardPath::Postmaster
        } else {
            ForwardPath::Mailbox(without_route(inner).and_then(|mailbox| mailbox.parse().ok()).ok_or(CommandError::ForwardPath)?)
        };
        let mut rcpt = Self::new(forward_path);
        each_parameter(parameters, |keyword, value| {
            match keyword {
                "NOTIFY" => rcpt.report = value.and_then(ReportWish::parse)?,
                "ORCPT" => rcpt.original = Some(value.and_then(original)?),
                _ => return Some(Known::No),
            }
            Some(Known::Yes)
        })?;
        Ok(rcpt)
    }
}

/// Whether a verb has a parameter.
enum Known {
    Yes,
    No,
}

/// What stands behind `FROM:` or `TO:`.
///
/// RFC 5321 section 3.3 has no space behind the colon; many clients do, and nothing is ambiguous about it.
fn behind_word<'a>(rest: &'a str, word: &str) -> Option<&'a str> {
    let (front, behind) = rest.split_at_checked(word.len())?;
    front.eq_ignore_ascii_case(word).then(|| behind.trim_start_matches(' '))
}

/// Drops a source route: `@a.test,@b.test:user@c.test` (RFC 5321 appendix C and section 4.1.1.3: strip it, never use it).
///
/// `None` if what looks like one is none: then nobody knows which part of it is the mailbox.
fn without_route(path: &str) -> Option<&str> {
    if !path.starts_with('@') {
        return Some(path);
    }
    let (route, mailbox) = path.split_once(':')?;
    let is_hop = |hop: &str| hop.strip_prefix('@').is_some_and(|domain| domain.parse::<Domain>().is_ok());
    route.split(',').all(is_hop).then_some(mailbox)
}

/// `size-value` of RFC 1870 section 6: twenty digits can be more than we count to, and are more than we take.
fn size(digits: &str) -> Option<u64> {
    decimal(digits).or_else(|| (digits.len() == 20 && digits.bytes().all(|octet| octet.is_ascii_digit())).then_some(u64::MAX))
}

/// Hands each parameter to `take`, keyword in upper case; `None` from it means that the value is malformed.
fn each_parameter(text: &str, mut take: impl FnMut(&str, Option<&str>) -> Option<Known>) -> Result<(), CommandError> {
    if text.is_empty() {
        return Ok(());
    }
    let mut seen: Vec<String> = Vec::new();
    for parameter in text.strip_prefix(' ').ok_or(CommandError::Parameter)?.split(' ') {
        let (keyword, value) = match parameter.split_once('=') {
            Some((keyword, value)) => (keyword.to_ascii_uppercase(), Some(value)),
            None => (parameter.to_ascii_uppercase(), None),
        };
        if keyword.is_empty() {
            return Err(CommandError::Parameter);
        }
        match take(&keyword, value) {
            None => return Err(CommandError::Parameter),
            Some(Known::No) => return Err(CommandError::UnknownParameter),
            Some(Known::Yes) if seen.contains(&keyword) => return Err(CommandError::DuplicateParameter),
            Some(Known::Yes) => seen.push(keyword),
        }
    }
    Ok(())
}

fn returns(value: &str) -> Option<ReturnWish> {
    match value {
        _ if value.eq_ignore_ascii_case("HDRS") => Some(ReturnWish::Headers),
        _ if value.eq_ignore_ascii_case("FULL") => Some(ReturnWish::Full),
        _ => None,
    }
}

/// RFC 3461 section 4.2: an atom, a semicolon, xtext.
fn original(value: &str) -> Option<String> {
    let (kind, address) = value.split_once(';')?;
    let atom = !kind.is_empty() && kind.bytes().all(|octet| octet.is_ascii_alphanumeric() || octet == b'-');
    let address = xtext::decode_printable(address).filter(|address| !address.is_empty())?;
    atom.then(|| format!("{kind};{address}"))
}

impl fmt::Display for Mail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MAIL FROM:{}", self.reverse_path)?;
        if let Some(size) = self.size_octets {
            write!(f, " SIZE={size}")?;
        }
        if let Some(body) = self.body {
            write!(f, " BODY={}", body.as_str())?;
        }
        if self.smtputf8 {
            f.write_str(" SMTPUTF8")?;
        }
        match self.returns {
            None => {}
            Some(ReturnWish::Headers) => f.write_str(" RET=HDRS")?,
            Some(ReturnWish::Full) => f.write_str(" RET=FULL")?,
        }
        if let Some(id) = &self.envelope_id {
            write!(f, " ENVID={}", xtext::encode(id))?;
        }
        if self.way.require_tls {
            f.write_str(" REQUIRETLS")?;
        }
        if self.way.twoway_only {
            write!(f, " {}={}", wire::KEYWORD, wire::ONLY)?;
        }
        Ok(())
    }
}

impl fmt::Display for Rcpt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.forward_path {
            ForwardPath::Mailbox(mailbox) => write!(f, "RCPT TO:<{mailbox}>")?,
            ForwardPath::Postmaster => f.write_str("RCPT TO:<postmaster>")?,
        }
        if let Some(wish) = self.report.to_param() {
            write!(f, " NOTIFY={wish}")?;
        }
        match self.original.as_ref().and_then(|original| original.split_once(';')) {
            Some((kind, address)) => write!(f, " ORCPT={kind};{}", xtext::encode(address)),
            None => Ok(()),
        }
    }
}
