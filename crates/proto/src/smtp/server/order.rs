//! Which command may follow which, and what each needs before the driver hears of it.

use mail::envelope::{Body, Recipient, Way};

use super::intake::Progress;
use super::{Channel, Charset, Client, Event, Owed, Phase, Question, Role, Session, Step};
use crate::smtp::command::{Command, ForwardPath, Mail, Rcpt};
use crate::smtp::content::DotReader;
use crate::smtp::replies;
use crate::smtp::reply::Reply;
use crate::twoway;

impl Session {
    /// Acts on a command of SMTP's own. Nothing is unanswered.
    pub(super) fn command(&mut self, command: Command, charset: Charset) -> Option<Step> {
        match command {
            Command::Ehlo(name) => self.hello(Client::Ehlo(name)),
            Command::Helo(name) => self.hello(Client::Helo(name)),
            Command::Noop => self.say(&replies::ok()),
            Command::Help => self.say(&replies::help()),
            Command::Vrfy(_) => self.say(&replies::not_verified()),
            Command::Rset => {
                self.answers.say(&replies::ok());
                self.reset()
            }
            Command::Quit => {
                self.close(&replies::bye());
                None
            }
            Command::StartTls => self.start_tls(),
            Command::Auth { mechanism, initial } => self.auth(&mechanism, initial),
            Command::Mail(mail) => match self.mail_refusal(&mail, charset) {
                Some(reply) => self.refuse(&reply),
                None if self.has_begun_enough() => {
                    self.close(&replies::too_many_messages());
                    None
                }
                None => Some(self.ask(Question::Mail(mail.clone()), Event::Mail(mail))),
            },
            Command::Rcpt(rcpt) => self.rcpt(rcpt, charset),
            Command::Data => self.data(),
            Command::Bdat(chunk) => self.bdat(chunk),
            Command::Twoway(command) => self.twoway(command),
        }
    }

    /// Acts on a command of the extension. Other commands of the extension may be unanswered.
    pub(super) fn twoway(&mut self, command: twoway::Command) -> Option<Step> {
        if let Some(reply) = self.twoway_refusal() {
            return self.refuse(&reply);
        }
        if self.over_count(&command) {
            return self.say(&replies::too_many_of_this());
        }
        self.answers.owe(Owed::by(&command));
        Some(Step::Event(Event::Twoway(command)))
    }

    /// Yields an event that is answered before anything else happens.
    pub(super) fn ask(&mut self, question: Question, event: Event) -> Step {
        self.phase = Phase::Deciding(question);
        Step::Event(event)
    }

    /// Ends the transaction, if one is open.
    pub(super) fn reset(&mut self) -> Option<Step> {
        let transaction = self.transaction.take()?;
        transaction.intake.given().then_some(Step::Event(Event::ContentDropped))
    }

    fn start_tls(&mut self) -> Option<Step> {
        let refusal = match self.channel {
            Channel::Tls => replies::already_encrypted(),
            Channel::Clear => replies::not_implemented(),
            Channel::Upgradable if self.client == Client::Silent => replies::hello_first(),
            Channel::Upgradable if self.transaction.is_some() => replies::not_in_transaction(),
            Channel::Upgradable => {
                self.answers.say(&replies::start_tls());
                self.phase = Phase::StartingTls;
                return Some(Step::Event(Event::StartTls));
            }
        };
        self.refuse(&refusal)
    }

    fn mail_refusal(&self, mail: &Mail, charset: Charset) -> Option<Reply> {
        let limits = &self.config.limits;
        match self.config.role {
            _ if self.client == Client::Silent => Some(replies::hello_first()),
            _ if self.transaction.is_some() => Some(replies::nested_mail()),
            Role::Submission if self.channel != Channel::Tls => Some(replies::tls_first()),
            Role::Submission if self.user.is_none() => Some(replies::auth_first()),
            Role::Retrieval => Some(replies::no_mail_here()),
            _ if charset == Charset::Utf8 && !mail.smtputf8 => Some(replies::smtputf8_needed()),
            // RFC 8689 section 2: only where the EHLO just answered offered it. Both are for those who hand in their own mail.
            Role::Exchange if mail.way != Way::default() => Some(replies::unknown_parameter()),
            // RFC 1870 section 6.1.
            _ if mail.size_octets.is_some_and(|size| size > limits.message_octets_max) => Some(replies::message_too_large()),
            Role::Submission | Role::Exchange => None,
        }
    }

    fn rcpt(&mut self, rcpt: Rcpt, charset: Charset) -> Option<Step> {
        let Some(transaction) = &self.transaction else { return self.refuse(&replies::mail_first()) };
        if transaction.progress != Progress::Envelope {
            return self.refuse(&replies::bdat_begun());
        }
        if charset == Charset::Utf8 && !transaction.envelope.smtputf8 {
            return self.refuse(&replies::smtputf8_needed());
        }
        if transaction.envelope.recipients.len() >= self.config.limits.recipients_max {
            return self.say(&replies::too_many_recipients());
        }
        let mailbox = match rcpt.forward_path {
            ForwardPath::Mailbox(mailbox) => mailbox,
            ForwardPath::Postmaster => match mail::address::Mailbox::new("postmaster", self.config.postmaster_domain.clone()) {
                Ok(mailbox) => mailbox,
                Err(_impossible) => return self.refuse(&replies::bad_forward_path()),
            },
        };
        let recipient = Recipient { mailbox, report: rcpt.report, original: rcpt.original };
        Some(self.ask(Question::Recipient(recipient.clone()), Event::Recipient(recipient)))
    }

    fn data(&mut self) -> Option<Step> {
        if let Some(reply) = self.data_refusal() {
            return self.refuse(&reply);
        }
        self.phase = Phase::Data(DotReader::default());
        self.say(&replies::start_content())
    }

    fn data_refusal(&self) -> Option<Reply> {
        let Some(transaction) = &self.transaction else { return Some(replies::mail_first()) };
        if transaction.progress != Progress::Envelope {
            return Some(replies::bdat_begun());
        }
        if transaction.envelope.recipients.is_empty() {
            return Some(replies::recipient_first());
        }
        (transaction.envelope.body == Body::BinaryMime).then(replies::binary_needs_bdat)
    }

    fn twoway_refusal(&self) -> Option<Reply> {
        match (self.config.role, &self.client, self.channel) {
            (Role::Submission, _, _) => Some(replies::not_implemented()),
            (_, Client::Silent, _) => Some(replies::hello_first()),
            (_, Client::Helo(_), _) => Some(replies::ehlo_first()),
            (_, Client::Ehlo(_), Channel::Clear | Channel::Upgradable) => Some(replies::tls_first()),
            (_, Client::Ehlo(_), Channel::Tls) => self.transaction.is_some().then(replies::not_in_transaction),
        }
    }

    /// Counts what may come so many times in one session.
    fn over_count(&mut self, command: &twoway::Command) -> bool {
        let limits = &self.config.limits;
        let (count, count_max) = match command {
            twoway::Command::Notice(_) => (&mut self.counts.notices, limits.notices_max),
            twoway::Command::Assert(_) => (&mut self.counts.assertions, limits.assertions_max),
            _ => return false,
        };
        *count += 1;
        *count > count_max
    }
}
