//! Commands: one line in, one value out, and back (RFC 5321 section 4.1.1, and each extension's).

mod envelope;

use std::fmt;

pub use envelope::{ForwardPath, Mail, Rcpt};

use super::replies;
use super::reply::Reply;
use crate::twoway;

/// Octets in a line of RFC 5321's own commands, CRLF included (section 4.5.3.1.4).
pub const BASE_OCTETS_MAX: usize = 512;

/// MAIL with all we offer: SIZE 26 (RFC 1870), BODY 17 (RFC 6152), SMTPUTF8 10 (RFC 6531), RET and ENVID 107 (RFC 3461),
/// AUTH 500 (RFC 4954).
pub const MAIL_OCTETS_MAX: usize = BASE_OCTETS_MAX + 26 + 17 + 10 + 107 + 500;

/// RCPT with NOTIFY and ORCPT: 500 (RFC 3461 section 5.2).
pub const RCPT_OCTETS_MAX: usize = BASE_OCTETS_MAX + 500;

/// AUTH and each response in its exchange (RFC 4954 section 4).
pub const AUTH_OCTETS_MAX: usize = 12_288;

/// One command of a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// `HELO`, with the client's name.
    Helo(String),
    /// `EHLO`, with the client's name.
    Ehlo(String),
    /// `MAIL FROM`.
    Mail(Mail),
    /// `RCPT TO`.
    Rcpt(Rcpt),
    /// `DATA`.
    Data,
    /// `BDAT` (RFC 3030); the octets follow the line.
    Bdat(Chunk),
    /// `RSET`.
    Rset,
    /// `NOOP`.
    Noop,
    /// `QUIT`.
    Quit,
    /// `VRFY`.
    Vrfy(String),
    /// `HELP`.
    Help,
    /// `STARTTLS` (RFC 3207).
    StartTls,
    /// `AUTH` (RFC 4954).
    Auth {
        /// As it was written.
        mechanism: String,
        /// The initial response, still in base64.
        initial: Option<Base64>,
    },
    /// The two-way extension's.
    Twoway(twoway::Command),
}

/// The arguments of BDAT.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Chunk {
    /// How many octets follow the line.
    pub octets: u64,
    /// Whether the content ends with them.
    pub place: ChunkPlace,
}

/// Where in its message a chunk stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChunkPlace {
    /// More follow.
    Middle,
    /// `LAST`.
    Last,
}

/// Base64 that may hold a password: not shown in logs.
#[derive(Clone, PartialEq, Eq)]
pub struct Base64(pub String);

impl fmt::Debug for Base64 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Base64(..)")
    }
}

/// Why a line is no command: the client's fault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CommandError {
    /// Over the limit of its verb.
    #[error("line too long")]
    TooLong,
    /// Control characters or broken UTF-8.
    #[error("not text")]
    NotText,
    /// No verb of ours.
    #[error("unknown command")]
    Unknown,
    /// A verb of RFC 5321's family that we leave out.
    #[error("not implemented")]
    NotImplemented,
    /// EHLO or HELO without a name.
    #[error("no name after EHLO or HELO")]
    Hello,
    /// The verb does not go with these arguments.
    #[error("expected {0}")]
    Arguments(&'static str),
    /// What follows `MAIL FROM:` is no path.
    #[error("malformed reverse-path")]
    ReversePath,
    /// What follows `RCPT TO:` is no path.
    #[error("malformed forward-path")]
    ForwardPath,
    /// The same parameter twice.
    #[error("parameter given twice")]
    DuplicateParameter,
    /// A parameter that we do not offer.
    #[error("unknown parameter")]
    UnknownParameter,
    /// A parameter with an impossible value.
    #[error("malformed parameter")]
    Parameter,
    /// BDAT whose octets can't be told from commands.
    #[error("malformed BDAT")]
    Chunk,
    /// In a command of the extension.
    #[error(transparent)]
    Twoway(#[from] twoway::SyntaxError),
}

impl CommandError {
    /// The reply to it.
    pub fn reply(&self) -> Reply {
        match self {
            Self::TooLong => replies::line_too_long(),
            Self::NotText => replies::not_text(),
            Self::Unknown => replies::unknown_command(),
            Self::NotImplemented => replies::not_implemented(),
            Self::Hello => replies::bad_hello(),
            Self::Arguments(expected) => replies::bad_arguments(expected),
            Self::ReversePath => replies::bad_reverse_path(),
            Self::ForwardPath => replies::bad_forward_path(),
            Self::DuplicateParameter => replies::duplicate_parameter(),
            Self::UnknownParameter => replies::unknown_parameter(),
            Self::Parameter => replies::bad_parameter(),
            Self::Chunk => replies::bad_chunk(),
            Self::Twoway(error) => Reply::new(error.code(), Some(error.status()), error.to_string()),
        }
    }
}

/// Reads a command line, without its CRLF.
///
/// ```abnf
/// ehlo = "EHLO" SP ( Domain / address-literal )     helo = "HELO" SP Domain
/// mail = "MAIL FROM:" Reverse-path [ SP Mail-parameters ]
/// rcpt = "RCPT TO:" ( "<Postmaster@" Domain ">" / "<Postmaster>" / Forward-path ) [ SP Rcpt-parameters ]
/// bdat = "BDAT" SP 1*20DIGIT [ SP "LAST" ]
/// auth = "AUTH" SP sasl-mech [ SP ( base64 / "=" ) ]
/// vrfy = "VRFY" SP String      help = "HELP" [ SP String ]      noop = "NOOP" [ SP String ]
/// ```
///
/// # Errors
/// The line is none of them.
pub fn parse(line: &[u8]) -> Result<Command, CommandError> {
    let text = std::str::from_utf8(line).map_err(|_broken| CommandError::NotText)?;
    if text.bytes().any(|octet| octet.is_ascii_control()) {
        return Err(CommandError::NotText);
    }
    // RFC 5321 section 4.1.1: trailing white space is tolerated.
    let text = text.trim_end_matches(' ');
    let (verb, rest) = text.split_once(' ').unwrap_or((text, ""));
    let is = |name: &str| verb.eq_ignore_ascii_case(name);
    let within = |octets_max: usize| if line.len() + 2 > octets_max { Err(CommandError::TooLong) } else { Ok(()) };

    // The extension's verbs first: they come by the thousand.
    if let Some(command) = twoway::parse(text) {
        return within(twoway::COMMAND_OCTETS_MAX).and(command.map_err(CommandError::from).map(Command::Twoway));
    }
    if is("AUTH") {
        return within(AUTH_OCTETS_MAX).and_then(|()| auth(rest));
    }
    if is("MAIL") {
        return within(MAIL_OCTETS_MAX).and_then(|()| Mail::parse(rest)).map(Command::Mail);
    }
    if is("RCPT") {
        return within(RCPT_OCTETS_MAX).and_then(|()| Rcpt::parse(rest)).map(Command::Rcpt);
    }
    within(BASE_OCTETS_MAX)?;
    let alone = |command: Command, usage: &'static str| if rest.is_empty() { Ok(command) } else { Err(CommandError::Arguments(usage)) };
    match verb.to_ascii_uppercase().as_str() {
        "EHLO" => hello_name(rest).map(Command::Ehlo),
        "HELO" => hello_name(rest).map(Command::Helo),
        "DATA" => alone(Command::Data, "DATA alone"),
        "BDAT" => Chunk::parse(rest).map(Command::Bdat).ok_or(CommandError::Chunk),
        "RSET" => alone(Command::Rset, "RSET alone"),
        "NOOP" => Ok(Command::Noop),
        "QUIT" => alone(Command::Quit, "QUIT alone"),
        "VRFY" if rest.is_empty() => Err(CommandError::Arguments("VRFY and an address")),
        "VRFY" => Ok(Command::Vrfy(rest.to_owned())),
        "HELP" => Ok(Command::Help),
        "STARTTLS" => alone(Command::StartTls, "STARTTLS alone"),
        "EXPN" | "TURN" | "ETRN" | "ATRN" | "SEND" | "SOML" | "SAML" | "BURL" => Err(CommandError::NotImplemented),
        _ => Err(CommandError::Unknown),
    }
}

/// The name after EHLO: its form only. Nothing is decided by it (RFC 5321 section 4.1.4).
fn hello_name(name: &str) -> Result<String, CommandError> {
    let inner = name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(name);
    let known = |character: char| character.is_alphanumeric() || "-._:".contains(character);
    let fits = !inner.is_empty() && name.len() <= 255 && inner.chars().all(known);
    if fits { Ok(name.to_owned()) } else { Err(CommandError::Hello) }
}

fn auth(rest: &str) -> Result<Command, CommandError> {
    const USAGE: &str = "AUTH mechanism [initial-response]";
    let (mechanism, initial) = match rest.split_once(' ') {
        Some((mechanism, initial)) => (mechanism, Some(initial)),
        None => (rest, None),
    };
    if mechanism.is_empty() || initial.is_some_and(|initial| initial.is_empty() || initial.contains(' ')) {
        return Err(CommandError::Arguments(USAGE));
    }
    Ok(Command::Auth { mechanism: mechanism.to_owned(), initial: initial.map(|initial| Base64(initial.to_owned())) })
}

impl Chunk {
    fn parse(rest: &str) -> Option<Self> {
        let (digits, place) = match rest.split_once(' ') {
            None => (rest, ChunkPlace::Middle),
            Some((digits, last)) if last.eq_ignore_ascii_case("LAST") => (digits, ChunkPlace::Last),
            Some(_) => return None,
        };
        Some(Self { octets: decimal(digits)?, place })
    }
}

/// Digits only: `parse` alone would take a plus sign.
fn decimal(digits: &str) -> Option<u64> {
    digits.bytes().all(|octet| octet.is_ascii_digit()).then(|| digits.parse().ok())?
}

impl Command {
    /// Appends the command line, CRLF included.
    pub fn encode(&self, out: &mut Vec<u8>) {
        if let Self::Twoway(command) = self {
            return command.encode(out);
        }
        out.extend_from_slice(self.to_string().as_bytes());
        out.extend_from_slice(b"\r\n");
    }
}

impl fmt::Display for Command {
    /// The line, without its CRLF.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Helo(name) => write!(f, "HELO {name}"),
            Self::Ehlo(name) => write!(f, "EHLO {name}"),
            Self::Mail(mail) => mail.fmt(f),
            Self::Rcpt(rcpt) => rcpt.fmt(f),
            Self::Data => f.write_str("DATA"),
            Self::Bdat(Chunk { octets, place: ChunkPlace::Middle }) => write!(f, "BDAT {octets}"),
            Self::Bdat(Chunk { octets, place: ChunkPlace::Last }) => write!(f, "BDAT {octets} LAST"),
            Self::Rset => f.write_str("RSET"),
            Self::Noop => f.write_str("NOOP"),
            Self::Quit => f.write_str("QUIT"),
            Self::Vrfy(text) => write!(f, "VRFY {text}"),
            Self::Help => f.write_str("HELP"),
            Self::StartTls => f.write_str("STARTTLS"),
            Self::Auth { mechanism, initial: None } => write!(f, "AUTH {mechanism}"),
            Self::Auth { mechanism, initial: Some(Base64(initial)) } => write!(f, "AUTH {mechanism} {initial}"),
            Self::Twoway(command) => {
                let mut line = Vec::new();
                command.encode(&mut line);
                f.write_str(String::from_utf8_lossy(&line).trim_end())
            }
        }
    }
}

#[cfg(test)]
mod tests;
