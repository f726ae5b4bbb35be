//! Tells the server who we are: by the best that it offers, never in the clear.

use data_encoding::BASE64;

use super::{Channel, Misuse, Phase, Purpose, Session};
use crate::imap::command::Command;
use crate::imap::command::session::{self, Authenticate, Hidden};
use crate::sasl::scram::Nonce;
use crate::sasl::scram::client::{AwaitServerFinal, AwaitServerFirst, Fault, ServerFinal, client_first};
use crate::sasl::{Secret, plain};

/// What a login still has to say.
#[derive(Debug)]
pub(super) enum Login {
    /// Nothing: it is one command.
    Command,
    /// What the driver answers to each challenge.
    Mechanism,
    /// This, when the server asks for it.
    Plain(Hidden<Vec<u8>>),
    /// A proof, step by step.
    Scram(Scram),
}

/// Where the exchange of SCRAM stands.
#[derive(Debug)]
pub(super) enum Scram {
    /// Our first message waits for the server to ask for it.
    Begun(AwaitServerFirst, Vec<u8>),
    /// It is sent.
    First(AwaitServerFirst),
    /// Our proof is sent.
    Final(AwaitServerFinal),
    /// The server has proved itself, too.
    Proved,
    /// It does not take our proof: NO follows.
    Refused,
}

impl Login {
    /// Whether a server may say that it knows us.
    pub(super) const fn may_be_over(&self) -> Result<(), Fault> {
        match self {
            Self::Command | Self::Mechanism | Self::Plain(_) | Self::Scram(Scram::Proved) => Ok(()),
            // RFC 5802 section 5: whoever does not know the password is not the server.
            Self::Scram(Scram::Begun(..) | Scram::First(_) | Scram::Final(_) | Scram::Refused) => Err(Fault::Unproved),
        }
    }
}

impl Scram {
    /// The answer to a challenge; none gives up.
    pub(super) fn answer(self, challenge: &[u8]) -> Result<(Self, Option<Vec<u8>>), Fault> {
        match self {
            Self::Begun(awaiting, message) if challenge.is_empty() => Ok((Self::First(awaiting), Some(message))),
            Self::First(awaiting) => {
                let (awaiting, message) = awaiting.client_final(challenge)?;
                Ok((Self::Final(awaiting), Some(message)))
            }
            Self::Final(awaiting) => match awaiting.server_final(challenge)? {
                ServerFinal::Proved => Ok((Self::Proved, Some(Vec::new()))),
                ServerFinal::Refused => Ok((Self::Refused, None)),
            },
            Self::Begun(..) | Self::Proved | Self::Refused => Err(Fault::Malformed),
        }
    }
}

impl Session {
    /// Says who we are, by a password: AUTHENTICATE PLAIN, or LOGIN where a server has no more. [`super::Event::Done`] says
    /// whether it is right.
    ///
    /// # Errors
    /// Another command is under way, everybody on the way could read it, or the server takes no passwords.
    pub fn login(&mut self, username: &str, password: &Secret) -> Result<(), Misuse> {
        self.may_log_in()?;
        if !self.offers("AUTH=PLAIN") {
            if self.offers("LOGINDISABLED") {
                return Err(Misuse::NotOffered("a login by password"));
            }
            let password = Hidden(password.reveal().to_owned());
            return self.send(Command::Login(session::Login { username: username.to_owned(), password }));
        }
        let message = Hidden(plain::message(username, password));
        let (initial, login) = if self.takes_initial() { (Some(message), Login::Mechanism) } else { (None, Login::Plain(message)) };
        self.authenticate("PLAIN", initial, login);
        Ok(())
    }

    /// Says who we are, without sending the password: by SCRAM-SHA-256. Where a server has no more, as [`Self::login`].
    /// `nonce` is chance, and for this once.
    ///
    /// # Errors
    /// As [`Self::login`].
    pub fn prove(&mut self, username: &str, password: &Secret, nonce: &Nonce) -> Result<(), Misuse> {
        self.may_log_in()?;
        if !self.offers("AUTH=SCRAM-SHA-256") {
            return self.login(username, password);
        }
        let (awaiting, message) = client_first(username, password, nonce);
        let (initial, scram) =
            if self.takes_initial() { (Some(Hidden(message)), Scram::First(awaiting)) } else { (None, Scram::Begun(awaiting, message)) };
        self.authenticate("SCRAM-SHA-256", initial, Login::Scram(scram));
        Ok(())
    }

    fn may_log_in(&self) -> Result<(), Misuse> {
        if !matches!(self.phase, Phase::Ready) || self.authenticated {
            return Err(Misuse::NotNow);
        }
        if self.channel == Channel::Clear { Err(Misuse::InClear) } else { Ok(()) }
    }

    fn takes_initial(&self) -> bool {
        self.offers("SASL-IR") || self.offers("IMAP4rev2")
    }

    fn authenticate(&mut self, mechanism: &str, initial: Option<Hidden<Vec<u8>>>, login: Login) {
        self.capabilities_known = false;
        self.begin(Command::Authenticate(Authenticate { mechanism: mechanism.to_owned(), initial }), Purpose::Login(login));
    }

    /// Answers [`super::Event::Challenge`]; `None` gives up.
    ///
    /// # Errors
    /// No mechanism is under way.
    pub fn respond(&mut self, message: Option<&[u8]>) -> Result<(), Misuse> {
        if !matches!(self.phase, Phase::Asking(_, Purpose::Login(Login::Mechanism))) {
            return Err(Misuse::NotNow);
        }
        let line = message.map_or_else(|| "*".to_owned(), |message| BASE64.encode(message));
        self.output.extend(line.into_bytes());
        self.output.extend(b"\r\n");
        Ok(())
    }
}
