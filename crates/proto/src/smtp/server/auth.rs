//! AUTH: the exchange of a SASL mechanism over command lines (RFC 4954).

use data_encoding::BASE64;

use super::{Channel, Client, Event, Line, OddLine, Phase, Question, Role, Session, Step, Turn};
use crate::sasl::{Exchange, Mechanism, Refusal};
use crate::smtp::command::{AUTH_OCTETS_MAX, Base64};
use crate::smtp::replies;
use crate::smtp::reply::Reply;

impl Session {
    pub(super) fn auth(&mut self, mechanism: &str, initial: Option<Base64>) -> Option<Step> {
        if let Some(reply) = self.auth_refusal() {
            return self.refuse(&reply);
        }
        let Some(mechanism) = Mechanism::parse(mechanism) else { return self.refuse(&replies::unknown_mechanism()) };
        let exchange = mechanism.start();
        match initial {
            None => {
                let prompt = exchange.prompt();
                self.challenge(exchange, prompt);
                None
            }
            // RFC 4954 section 4: "=" is an initial response of no octets.
            Some(Base64(text)) if text == "=" => self.turn(exchange.respond(b"")),
            Some(Base64(text)) => self.respond(exchange, text.as_bytes()),
        }
    }

    /// Reads one response line of the client.
    pub(super) fn next_response(&mut self) -> Option<Step> {
        let text = match self.input.line(AUTH_OCTETS_MAX) {
            Line::Whole(line) => line.to_vec(),
            other => {
                let odd = OddLine::of(&other);
                return self.odd_line(odd);
            }
        };
        self.input.consume_line();
        let Phase::Authenticating(exchange) = std::mem::replace(&mut self.phase, Phase::Commands) else { return None };
        if text == b"*" {
            return self.refuse(&replies::auth_cancelled());
        }
        self.respond(exchange, &text)
    }

    pub(super) fn challenge(&mut self, exchange: Exchange, octets: &[u8]) {
        self.answers.say(&Reply::new(334, None, BASE64.encode(octets)));
        self.phase = Phase::Authenticating(exchange);
    }

    /// Says why somebody is not who they say, and closes when that was too often.
    pub(super) fn auth_failed(&mut self, reply: &Reply) {
        self.counts.auth_failures += 1;
        if self.counts.auth_failures >= self.config.limits.auth_failures_max {
            self.close(&replies::too_many_auth_failures());
        } else {
            self.answers.say(reply);
        }
    }

    fn auth_refusal(&self) -> Option<Reply> {
        match (&self.client, self.channel) {
            _ if self.config.role != Role::Submission => Some(replies::not_implemented()),
            (Client::Silent, _) => Some(replies::hello_first()),
            (_, Channel::Clear | Channel::Upgradable) => Some(replies::tls_first()),
            _ if self.user.is_some() => Some(replies::already_authenticated()),
            (Client::Helo(_) | Client::Ehlo(_), Channel::Tls) => None,
        }
    }

    fn respond(&mut self, exchange: Exchange, base64: &[u8]) -> Option<Step> {
        match BASE64.decode(base64) {
            Ok(message) => self.turn(exchange.respond(&message)),
            Err(_invalid) => self.refuse(&replies::auth_malformed()),
        }
    }

    fn turn(&mut self, turn: Turn) -> Option<Step> {
        match turn {
            Turn::Challenge(exchange, octets) => {
                self.challenge(exchange, &octets);
                None
            }
            Turn::Password { username, password } => {
                Some(self.ask(Question::Password { username: username.clone() }, Event::Password { username, password }))
            }
            Turn::Verifier(awaiting) => {
                let username = awaiting.username().to_owned();
                Some(self.ask(Question::Verifier(awaiting), Event::Scram { username }))
            }
            Turn::Authenticated { username } => {
                self.user = Some(username);
                self.say(&replies::authenticated())
            }
            Turn::Refused(Refusal::Malformed) => self.refuse(&replies::auth_malformed()),
            Turn::Refused(Refusal::Failed) => {
                self.auth_failed(&replies::auth_failed());
                None
            }
        }
    }
}
