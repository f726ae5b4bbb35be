//! AUTHENTICATE and LOGIN: the exchange of a SASL mechanism over lines (RFC 9051 sections 6.2.2 and 6.2.3).

use data_encoding::BASE64;

use super::{Channel, Event, Misuse, Phase, Question, Session, State, Step};
use crate::imap::command::session::{Authenticate, Hidden, Login};
use crate::imap::command::{Tag, verb_of};
use crate::imap::input::Piece;
use crate::imap::response::code::CodeWord;
use crate::imap::response::{Condition, Status, continuation};
use crate::sasl::scram::{Nonce, Verifier};
use crate::sasl::{Exchange, Mechanism, Refusal, Secret, Turn, prepared};

impl Session {
    pub(super) fn authenticate(&mut self, tag: Tag, command: &Authenticate) -> Option<Step> {
        if self.channel != Channel::Tls {
            self.refuse(Some(&tag), &Self::privacy_required());
            return None;
        }
        let Some(mechanism) = Mechanism::parse(&command.mechanism) else {
            self.refuse(Some(&tag), &Status::new(Condition::No, "no mechanism of ours").with(CodeWord::Cannot));
            return None;
        };
        let exchange = mechanism.start();
        if let Some(Hidden(initial)) = &command.initial {
            return self.turn(tag, exchange.respond(initial));
        }
        let prompt = exchange.prompt();
        self.challenge(tag, exchange, prompt);
        None
    }

    pub(super) fn login(&mut self, tag: Tag, command: &Login) -> Option<Step> {
        if self.channel != Channel::Tls {
            self.refuse(Some(&tag), &Self::privacy_required());
            return None;
        }
        let (Some(username), Some(password)) = (prepared(&command.username), Secret::new(&command.password.0)) else {
            // No user can have this name or password.
            self.auth_failed(&tag, &Self::failed());
            return None;
        };
        Some(self.ask(tag, Question::Password { username: username.clone() }, Event::Password { username, password }))
    }

    /// Whether what is being read is a LOGIN that everybody on the way can read.
    pub(super) fn is_login_in_clear(&self) -> bool {
        self.channel != Channel::Tls && verb_of(self.input.command()).is_some_and(|verb| verb.eq_ignore_ascii_case("LOGIN"))
    }

    /// Answers [`Event::Scram`].
    ///
    /// # Errors
    /// That is not what is waited for.
    pub fn scram_verifier(&mut self, verifier: Verifier, nonce: &Nonce) -> Result<(), Misuse> {
        match std::mem::replace(&mut self.phase, Phase::Commands) {
            Phase::Deciding(tag, Question::Verifier(awaiting)) => {
                let (exchange, server_first) = awaiting.server_first(verifier, nonce);
                self.challenge(tag, Exchange::ScramFinal(exchange), &server_first);
                Ok(())
            }
            other => {
                self.phase = other;
                Err(Misuse::NothingToAnswer)
            }
        }
    }

    /// Reads one response line of the client.
    pub(super) fn next_response(&mut self) -> Option<Step> {
        let line = match self.input.read(self.command_octets_max()) {
            Piece::Partial => return Some(Step::NeedInput),
            Piece::TooLong => None,
            // Whatever it looks like, it is a line.
            Piece::Command | Piece::Literal(_) | Piece::BareLineEnd => Some(self.input.command().to_vec()),
        };
        let Phase::Authenticating(tag, exchange) = std::mem::replace(&mut self.phase, Phase::Commands) else { return None };
        let Some(line) = line else {
            self.discard_line(Some(tag), Self::too_long());
            return None;
        };
        self.consume_command();
        let text = line.strip_suffix(b"\r\n").unwrap_or(&line);
        if text == b"*" {
            self.refuse(Some(&tag), &Status::new(Condition::Bad, "authentication cancelled"));
            return None;
        }
        match BASE64.decode(text) {
            Ok(message) => self.turn(tag, exchange.respond(&message)),
            Err(_invalid) => self.turn(tag, Turn::Refused(Refusal::Malformed)),
        }
    }

    fn challenge(&mut self, tag: Tag, exchange: Exchange, octets: &[u8]) {
        self.output.extend(continuation(&BASE64.encode(octets)));
        self.phase = Phase::Authenticating(tag, exchange);
    }

    fn turn(&mut self, tag: Tag, turn: Turn) -> Option<Step> {
        match turn {
            Turn::Challenge(exchange, octets) => self.challenge(tag, exchange, &octets),
            Turn::Password { username, password } => {
                return Some(self.ask(tag, Question::Password { username: username.clone() }, Event::Password { username, password }));
            }
            Turn::Verifier(awaiting) => {
                let username = awaiting.username().to_owned();
                return Some(self.ask(tag, Question::Verifier(awaiting), Event::Scram { username }));
            }
            Turn::Authenticated { username } => self.authenticated(&tag, username, &Status::new(Condition::Ok, "welcome")),
            Turn::Refused(Refusal::Malformed) => {
                self.refuse(Some(&tag), &Status::new(Condition::Bad, "this is no message of the mechanism"));
            }
            Turn::Refused(Refusal::Failed) => self.auth_failed(&tag, &Self::failed()),
        }
        None
    }

    /// The session is the user's; the answer tells what is offered now, unless it has another code.
    pub(super) fn authenticated(&mut self, tag: &Tag, user: String, status: &Status) {
        self.state = State::Authenticated { user };
        let status = if status.code.is_some() { status.clone() } else { status.clone().with(self.capability_code()) };
        self.say(Some(tag), &status);
    }

    /// Says why somebody is not who they say, and closes when that was too often.
    pub(super) fn auth_failed(&mut self, tag: &Tag, status: &Status) {
        self.say(Some(tag), status);
        self.counts.auth_failures += 1;
        if self.counts.auth_failures >= self.config.limits.auth_failures_max {
            self.close("too many failed authentications, closing");
        }
    }

    fn failed() -> Status {
        Status::new(Condition::No, "this user does not exist, or has another password").with(CodeWord::AuthenticationFailed)
    }

    pub(super) fn privacy_required() -> Status {
        Status::new(Condition::No, "not without TLS").with(CodeWord::PrivacyRequired)
    }
}
