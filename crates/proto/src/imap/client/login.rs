//! Tells the server who we are: by the best that it offers, never in the clear.

use data_encoding::BASE64;

use super::{Channel, Misuse, Phase, Purpose, Session};
use crate::imap::command::Command;
use crate::imap::command::session::{self, Authenticate, Hidden};
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
}

impl Session {
    /// Says who we are, by a password: AUTHENTICATE PLAIN, or LOGIN where a server has no more. [`super::Event::Done`] says
    /// whether it is right.
    ///
    /// # Errors
    /// Another command is under way, everybody on the way could read it, or the server takes no passwords.
    pub fn login(&mut self, username: &str, password: &Secret) -> Result<(), Misuse> {
        if !matches!(self.phase, Phase::Ready) || self.authenticated {
            return Err(Misuse::NotNow);
        }
        if self.channel == Channel::Clear {
            return Err(Misuse::InClear);
        }
        if !self.offers("AUTH=PLAIN") {
            if self.offers("LOGINDISABLED") {
                return Err(Misuse::NotOffered("a login by password"));
            }
            let password = Hidden(password.reveal().to_owned());
            return self.send(Command::Login(session::Login { username: username.to_owned(), password }));
        }
        let message = Hidden(plain::message(username, password));
        let at_once = self.offers("SASL-IR") || self.offers("IMAP4rev2");
        let (initial, login) = if at_once { (Some(message), Login::Mechanism) } else { (None, Login::Plain(message)) };
        self.capabilities_known = false;
        self.begin(Command::Authenticate(Authenticate { mechanism: "PLAIN".to_owned(), initial }), Purpose::Login(login));
        Ok(())
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
