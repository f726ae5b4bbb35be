//! Sends commands: their literals when the server asks for them or at once, messages as the driver has them.

use data_encoding::BASE64;

use super::login::Login;
use super::{Behind, Event, Idling, Misbehaved, Misuse, Phase, Purpose, Sending, SendingPlace, Session};
use crate::imap::command::append::{AppendLiteral, AppendMessage, AppendNext};
use crate::imap::command::{Command, Tag, Tagged};
use crate::imap::input::LiteralForm;
use crate::imap::writer::Writer;

/// RFC 7888 section 5: literals of so many octets need not wait, where a server has LITERAL- only. Larger messages wait in
/// any case: whoever is over quota would send them for nothing.
const UNASKED_OCTETS_MAX: u64 = 4096;

impl Session {
    /// Sends a command; [`Event::Done`] says how it went. APPEND and REPLACE are sent up to
    /// the first literal of a message.
    ///
    /// # Errors
    /// Another is under way, a password would be sent in the clear, or the server does not offer what is to be begun.
    pub fn send(&mut self, command: Command) -> Result<(), Misuse> {
        if !matches!(self.phase, Phase::Ready) {
            return Err(Misuse::NotNow);
        }
        let (command, purpose) = self.purpose(command)?;
        if matches!(purpose, Purpose::Login(_)) {
            self.capabilities_known = false;
        }
        self.begin(command, purpose);
        Ok(())
    }

    /// Sends a command behind the one under way, without waiting for its answer; [`Event::Done`] comes for each, in the order in
    /// which they were sent. What is told meanwhile may belong to any of them: only commands go together whose answers can't be
    /// taken for each other's, and that change nothing of what the others mean (RFC 9051 section 5.5).
    ///
    /// # Errors
    /// It has to wait: either of the two is no plain command or has a literal that the server must ask for, or
    /// `behind_max` are under way.
    pub fn send_behind(&mut self, command: Command) -> Result<(), Misuse> {
        match self.phase {
            Phase::Ready => return self.send(command),
            Phase::Asking(_, Purpose::Command) if self.paused.is_empty() && self.behind.len() < self.limits.behind_max => {}
            _ => return Err(Misuse::NotNow),
        }
        let (command, Purpose::Command) = self.purpose(command)? else { return Err(Misuse::NotNow) };
        let Some((tag, octets, pauses)) = self.tagged(command) else { return Err(Misuse::NotNow) };
        if !pauses.is_empty() {
            return Err(Misuse::NotNow);
        }
        self.output.extend(octets);
        self.behind.push_back(Behind { tag, answered: None });
        Ok(())
    }

    /// The command under way is done: the next is, which may be done already.
    pub(super) fn move_up(&mut self) {
        while let Some(Behind { tag, answered }) = self.behind.pop_front() {
            let Some(status) = answered else {
                self.phase = Phase::Asking(tag, Purpose::Command);
                return;
            };
            self.queued.push_back(Event::Done(status));
        }
    }

    fn purpose(&self, command: Command) -> Result<(Command, Purpose), Misuse> {
        // What is named by URL need not be sent.
        let sending = |literal: Option<AppendLiteral>| match literal {
            Some(literal) => Purpose::Message(Sending { literal, place: SendingPlace::Announced }),
            None => Purpose::Command,
        };
        let in_clear = self.channel == super::Channel::Clear;
        Ok(match command {
            Command::StartTls if !in_clear => return Err(Misuse::NotNow),
            Command::StartTls if !self.offers("STARTTLS") => return Err(Misuse::NotOffered("STARTTLS")),
            Command::StartTls => (command, Purpose::StartTls),
            Command::Compress if !self.offers("COMPRESS=DEFLATE") => return Err(Misuse::NotOffered("COMPRESS=DEFLATE")),
            Command::Compress => (command, Purpose::Compress),
            Command::Login(_) | Command::Authenticate(_) if in_clear => return Err(Misuse::InClear),
            Command::Login(_) => (command, Purpose::Login(Login::Command)),
            Command::Authenticate(_) => (command, Purpose::Login(Login::Mechanism)),
            Command::Idle => (command, Purpose::Idle(Idling::Asked)),
            Command::Logout => (command, Purpose::Logout),
            Command::Append(mut append) => {
                if let Some(literal) = append.messages.last_mut().and_then(AppendMessage::literal_mut) {
                    self.set_form(literal);
                }
                let purpose = sending(append.literal());
                (Command::Append(append), purpose)
            }
            Command::Replace(mut replace) => {
                if let Some(literal) = replace.message.literal_mut() {
                    self.set_form(literal);
                }
                let purpose = sending(replace.message.literal());
                (Command::Replace(replace), purpose)
            }
            command => (command, Purpose::Command),
        })
    }

    /// Sends a command, as much of it as need not wait.
    pub(super) fn begin(&mut self, command: Command, purpose: Purpose) {
        let Some((tag, octets, pauses)) = self.tagged(command) else { return };
        self.phase = Phase::Asking(tag, purpose);
        self.write_up_to_pauses(&octets, &pauses);
    }

    /// A command with the next tag, its octets, and where in them the server has to be waited for.
    fn tagged(&mut self, command: Command) -> Option<(Tag, Vec<u8>, Vec<usize>)> {
        self.commands += 1;
        // A letter and a number: always a tag.
        let tag = Tag::new(&format!("c{}", self.commands))?;
        let tagged = Tagged { tag: tag.clone(), command };
        let (mut octets, mut pauses) = tagged.encode(LiteralForm::NonSynchronising, self.names);
        let small = u64::try_from(octets.len()).is_ok_and(|octets| octets <= UNASKED_OCTETS_MAX);
        let unasked = self.offers("LITERAL+") || small && (self.offers("LITERAL-") || self.offers("IMAP4rev2"));
        if !unasked {
            (octets, pauses) = tagged.encode(LiteralForm::Synchronising, self.names);
        }
        Some((tag, octets, pauses))
    }

    fn write_up_to_pauses(&mut self, octets: &[u8], pauses: &[usize]) {
        self.paused.clear();
        let mut from = 0;
        for pause in pauses.iter().copied().chain([octets.len()]) {
            self.paused.push_back(octets.get(from..pause).unwrap_or_default().to_vec());
            from = pause;
        }
        self.write_piece();
    }

    /// Writes what waited; at the end of a command that announces a message, asks the driver for it.
    fn write_piece(&mut self) {
        self.output.extend(self.paused.pop_front().unwrap_or_default());
        if !self.paused.is_empty() {
            return;
        }
        if let Phase::Asking(_, Purpose::Message(sending @ Sending { place: SendingPlace::Announced, .. })) = &mut self.phase {
            sending.place = SendingPlace::Octets { left: sending.literal.announced.octets, answered: None };
            self.queued.push_back(Event::SendMessage);
        }
    }

    /// Whether the octets of a message may be sent without asking.
    fn set_form(&self, literal: &mut AppendLiteral) {
        let unasked = ["LITERAL+", "LITERAL-", "IMAP4rev2"].iter().any(|offer| self.offers(offer));
        let at_once = unasked && literal.announced.octets <= UNASKED_OCTETS_MAX;
        literal.announced.form = if at_once { LiteralForm::NonSynchronising } else { LiteralForm::Synchronising };
    }

    /// The server wants more of the command.
    pub(super) fn wanted(&mut self, text: &str) -> Result<(), Misbehaved> {
        if !self.paused.is_empty() {
            self.write_piece();
            return Ok(());
        }
        match &mut self.phase {
            Phase::Asking(_, Purpose::Idle(idling @ Idling::Asked)) => {
                *idling = Idling::Begun;
                self.queued.push_back(Event::Idling);
                Ok(())
            }
            Phase::Asking(_, Purpose::Login(login)) => {
                let challenge = BASE64.decode(text.trim_end().as_bytes()).map_err(|_invalid| Misbehaved::Challenge)?;
                match std::mem::replace(login, Login::Mechanism) {
                    Login::Command => return Err(Misbehaved::Unasked),
                    Login::Mechanism => self.queued.push_back(Event::Challenge(challenge)),
                    Login::Scram(scram) => {
                        let (scram, message) = scram.answer(&challenge)?;
                        *login = Login::Scram(scram);
                        let line = message.map_or_else(|| "*".to_owned(), |message| BASE64.encode(&message));
                        self.output.extend(line.into_bytes());
                        self.output.extend(b"\r\n");
                    }
                    Login::Plain(message) => {
                        self.output.extend(BASE64.encode(&message.0).into_bytes());
                        self.output.extend(b"\r\n");
                    }
                }
                Ok(())
            }
            _ => Err(Misbehaved::Unasked),
        }
    }

    /// Sends octets of the message, after [`Event::SendMessage`].
    ///
    /// # Errors
    /// No message is due, or fewer octets were announced; none of these is sent.
    pub fn write_message(&mut self, octets: &[u8]) -> Result<(), Misuse> {
        let Phase::Asking(_, Purpose::Message(Sending { place: SendingPlace::Octets { left, .. }, .. })) = &mut self.phase else {
            return Err(Misuse::NotNow);
        };
        let count = u64::try_from(octets.len()).unwrap_or(u64::MAX);
        *left = left.checked_sub(count).ok_or(Misuse::Octets)?;
        self.output.extend_from_slice(octets);
        Ok(())
    }

    /// Ends what was announced, and says what stands behind it: other parts of the message (CATENATE), other messages
    /// (MULTIAPPEND), or nothing.
    ///
    /// # Errors
    /// No message is due, octets of it are missing, or there are parts behind what is no part.
    pub fn end_message(&mut self, mut next: AppendNext) -> Result<(), Misuse> {
        if let Some(literal) = next.literal_mut() {
            self.set_form(literal);
        }
        let form = if self.offers("LITERAL+") { LiteralForm::NonSynchronising } else { LiteralForm::Synchronising };
        let Phase::Asking(_, Purpose::Message(sending)) = &mut self.phase else { return Err(Misuse::NotNow) };
        let SendingPlace::Octets { left, answered } = &mut sending.place else { return Err(Misuse::NotNow) };
        if *left != 0 || !next.fits(sending.literal) {
            return Err(Misuse::Octets);
        }
        let answered = answered.take();
        if answered.is_some() {
            // Whatever follows is for nothing: the shortest end.
            next = AppendNext::default();
        }
        let mut out = Writer::commands(form, self.names);
        next.write(sending.literal, &mut out);
        if let Some(literal) = next.literal() {
            *sending = Sending { literal, place: SendingPlace::Announced };
        } else {
            sending.place = SendingPlace::Ended;
            out.put("\r\n");
        }
        let (octets, pauses) = out.finish();
        self.write_up_to_pauses(&octets, &pauses);
        if let Some(status) = answered {
            self.phase = Phase::Ready;
            self.queued.push_back(Event::Done(status));
        }
        Ok(())
    }

    /// Ends IDLE; [`Event::Done`] follows.
    ///
    /// # Errors
    /// It has not begun.
    pub fn end_idle(&mut self) -> Result<(), Misuse> {
        let Phase::Asking(_, purpose @ Purpose::Idle(Idling::Begun)) = &mut self.phase else { return Err(Misuse::NotNow) };
        *purpose = Purpose::Command;
        self.output.extend_from_slice(b"DONE\r\n");
        Ok(())
    }
}
