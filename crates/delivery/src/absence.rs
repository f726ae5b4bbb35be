//! The absence reply: to whom a mailbox whose owner is away answers, and to whom never (RFC 3834, RFC 5230).
//!
//! It is an answer to a person who wrote to the owner by name, once in a while; anything that might be a program is
//! given none, because two programs that answer each other never stop. Writing it lets nobody in.

use std::time::Duration;

use mail::address::{Mailbox, ReversePath};
use mail::message::address_list::{self, Address};
use mail::message::{Field, HeaderSection};
use mail::time::Timestamp;
use serde::{Deserialize, Serialize};

/// Octets of the text.
pub const TEXT_OCTETS_MAX: usize = 16 * 1024;
/// Octets of the subject.
pub const SUBJECT_OCTETS_MAX: usize = 256;
/// Addresses besides those of the account by which its owner may be named.
pub const ADDRESSES_MAX: usize = 20;
/// The shortest time after which the same author is answered again, in days (RFC 5230 section 4.1).
pub const DAYS_MIN: u8 = 1;
/// The longest: what is remembered of whom was answered goes after that.
pub const DAYS_MAX: u8 = 30;
/// RFC 5230 section 4.1 suggests 7 days.
pub const DAYS: u8 = 7;
/// Authors of whom a mailbox remembers that they were answered. Beyond, the longest ago is forgotten.
pub const ANSWERED_MAX: usize = 10_000;

/// What a mailbox says while its owner is away.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Absence {
    /// Lines end with LF.
    pub text: String,
    /// `Auto: ` and the subject of the message that is answered, if none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// From when on; at once if none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Timestamp>,
    /// Until when; until it is switched off if none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// After how many days the same author is answered again.
    #[serde(default = "days")]
    pub days: u8,
    /// By which addresses, besides those of the account, the owner may be named.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub addresses: Vec<Mailbox>,
}

const fn days() -> u8 {
    DAYS
}

/// Why an absence reply can't be kept.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AbsenceError {
    /// None, or over [`TEXT_OCTETS_MAX`], or with control characters.
    #[error("expected a text of 1 to {TEXT_OCTETS_MAX} octets without control characters")]
    Text,
    /// Over [`SUBJECT_OCTETS_MAX`], or with control characters.
    #[error("expected a subject of at most {SUBJECT_OCTETS_MAX} octets, on one line")]
    Subject,
    /// Outside [`DAYS_MIN`] and [`DAYS_MAX`].
    #[error("{0} days; expected {DAYS_MIN} to {DAYS_MAX}")]
    Days(u8),
    /// It ends before it begins.
    #[error("it ends ({until}) before it begins ({from})")]
    Times {
        /// When it begins.
        from: Timestamp,
        /// When it ends.
        until: Timestamp,
    },
    /// Over [`ADDRESSES_MAX`].
    #[error("{0} addresses; expected at most {ADDRESSES_MAX}")]
    Addresses(usize),
}

/// What is known of a message that might be answered.
#[derive(Debug, Clone)]
pub struct Letter<'a> {
    /// As it will lie in the mailbox.
    pub header: &'a HeaderSection<'a>,
    /// Whom failures are told to.
    pub reverse_path: &'a ReversePath,
    /// Who wrote it, so far as that is known.
    pub author: Author<'a>,
    /// Whom it was sent to, plus-tag and all.
    pub recipient: &'a Mailbox,
    /// The addresses of the account.
    pub own: &'a [Mailbox],
}

/// Who wrote a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Author<'a> {
    /// This mailbox's domain says so.
    Proved(&'a Mailbox),
    /// Nobody knows.
    Unproved,
}

/// An answer that is due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Whom it goes to: the reverse-path (RFC 3834 section 4).
    pub to: Mailbox,
    /// As whom: the address by which the owner was named.
    pub from: Mailbox,
    /// How long the same author is given no other.
    pub again_after: Duration,
}

/// Why a message is given no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, thiserror::Error)]
pub enum Silence {
    /// It is not the time.
    #[error("the owner is not away now")]
    NotAway,
    /// The reverse-path is empty.
    #[error("it has no reverse-path: it is a report")]
    NullReversePath,
    /// Nobody knows who wrote it.
    #[error("it is not known who wrote it")]
    Unauthenticated,
    /// The reverse-path belongs to another domain than the author's: a list, or somebody else's program.
    #[error("failures are not told to its author")]
    ForeignReversePath,
    /// RFC 3834 section 2: `Auto-Submitted` other than `no`.
    #[error("a program wrote it")]
    AutoSubmitted,
    /// It has a field of RFC 2369 or RFC 2919.
    #[error("it came by a mailing list")]
    List,
    /// `Precedence: bulk`, `list` or `junk`, or it asks for no answer.
    #[error("it went to many, or wants no answer")]
    Bulk,
    /// Of a delivery, or that something was read.
    #[error("it is a report")]
    Report,
    /// Its address is that of a program.
    #[error("nobody reads mail to its author's address")]
    Program,
    /// The owner wrote it.
    #[error("the owner wrote it")]
    Own,
    /// None of the owner's addresses stands in To or Cc.
    #[error("it does not name the owner in To or Cc")]
    NotNamed,
}

impl Absence {
    /// The same in the one form in which it is kept, if it can be.
    ///
    /// # Errors
    /// It is too long, or its times make no sense.
    pub fn checked(self) -> Result<Self, AbsenceError> {
        let text = self.text.replace("\r\n", "\n");
        let text = text.trim_end().to_owned();
        let is_text = |text: &str| !text.chars().any(|character| character.is_control() && character != '\n' && character != '\t');
        if text.is_empty() || text.len() > TEXT_OCTETS_MAX || !is_text(&text) {
            return Err(AbsenceError::Text);
        }
        let is_subject = |subject: &String| subject.len() <= SUBJECT_OCTETS_MAX && !subject.chars().any(char::is_control);
        if !self.subject.as_ref().is_none_or(is_subject) {
            return Err(AbsenceError::Subject);
        }
        if !(DAYS_MIN..=DAYS_MAX).contains(&self.days) {
            return Err(AbsenceError::Days(self.days));
        }
        if let (Some(from), Some(until)) = (self.from, self.until)
            && until <= from
        {
            return Err(AbsenceError::Times { from, until });
        }
        if self.addresses.len() > ADDRESSES_MAX {
            return Err(AbsenceError::Addresses(self.addresses.len()));
        }
        Ok(Self { text, ..self })
    }

    /// Whether the owner is away at that time.
    pub fn is_on(&self, now: Timestamp) -> bool {
        self.from.is_none_or(|from| from <= now) && self.until.is_none_or(|until| now < until)
    }

    /// The answer to a message, unless its author was answered of late: whoever records it looks after that.
    ///
    /// # Errors
    /// It is given none, and why.
    pub fn answer(&self, letter: &Letter<'_>, now: Timestamp) -> Result<Answer, Silence> {
        if !self.is_on(now) {
            return Err(Silence::NotAway);
        }
        // RFC 3834 section 4: the reverse-path is whom automatic answers go to.
        let to = letter.reverse_path.mailbox().ok_or(Silence::NullReversePath)?;
        let Author::Proved(author) = letter.author else { return Err(Silence::Unauthenticated) };
        // RFC 3834 section 5.1: nobody is sent mail on the word of somebody else.
        if to.domain() != author.domain() {
            return Err(Silence::ForeignReversePath);
        }
        from_program(letter.header)?;
        if [to, author].into_iter().any(is_program) {
            return Err(Silence::Program);
        }
        let is_own = |mailbox: &Mailbox| self.is_own(letter, mailbox);
        if is_own(to) || is_own(author) {
            return Err(Silence::Own);
        }
        let named = named(letter.header).into_iter().find(is_own).ok_or(Silence::NotNamed)?;
        // What the owner may be named by need not be what the account may write as.
        let is_accounts = |mailbox: &Mailbox| is_among(letter.own, mailbox) || mailbox == letter.recipient;
        let own = letter.own.first().cloned().unwrap_or_else(|| letter.recipient.clone());
        let from = if is_accounts(&named) { named } else { own };
        Ok(Answer { to: to.clone(), from, again_after: Duration::from_hours(24) * u32::from(self.days) })
    }

    fn is_own(&self, letter: &Letter<'_>, mailbox: &Mailbox) -> bool {
        // Who sent it to this address made it one of the owner's: a catch-all has no list of them.
        is_among(letter.own, mailbox) || is_among(&self.addresses, mailbox) || mailbox == letter.recipient
    }
}

/// Whether an address is one of these, with a plus-tag or without.
fn is_among(own: &[Mailbox], mailbox: &Mailbox) -> bool {
    own.contains(mailbox) || mailbox.without_tag().is_some_and(|untagged| own.contains(&untagged))
}

/// Whether a program wrote a message, or it went to many (RFC 3834 section 2, RFC 5230 section 4.6).
fn from_program(header: &HeaderSection<'_>) -> Result<(), Silence> {
    let is_one_of = |field: &Field<'_>, words: &[&str]| words.contains(&field.text().trim().to_ascii_lowercase().as_str());
    // RFC 3834 section 5: anything but "no" is a program; a parameter may follow.
    let is_no = |field: &Field<'_>| field.text().split(';').next().is_some_and(|word| word.trim().eq_ignore_ascii_case("no"));
    if header.named("Auto-Submitted").any(|field| !is_no(field)) {
        return Err(Silence::AutoSubmitted);
    }
    if header.fields().iter().any(|field| field.name().get(..5).is_some_and(|front| front.eq_ignore_ascii_case("List-"))) {
        return Err(Silence::List);
    }
    let suppresses = |field: &Field<'_>| {
        let text = field.text().to_ascii_lowercase();
        text.split(',').any(|word| ["all", "oof", "autoreply"].contains(&word.trim()))
    };
    let is_bulk = header.named("Precedence").any(|field| is_one_of(field, &["bulk", "list", "junk"]));
    if is_bulk || header.named("X-Auto-Response-Suppress").any(suppresses) {
        return Err(Silence::Bulk);
    }
    if header.named("Content-Type").any(|field| field.text().trim().to_ascii_lowercase().starts_with("multipart/report")) {
        return Err(Silence::Report);
    }
    Ok(())
}

/// Addresses that programs and roles write as (RFC 3834 section 2, RFC 5230 section 4.6).
fn is_program(mailbox: &Mailbox) -> bool {
    let local = mailbox.local().to_ascii_lowercase();
    let names = ["mailer-daemon", "postmaster", "listserv", "majordomo", "noreply", "no-reply", "donotreply", "do-not-reply"];
    names.contains(&local.as_str()) || local.starts_with("owner-") || local.ends_with("-request") || local.ends_with("-owner")
}

/// Who stands in To and Cc.
fn named(header: &HeaderSection<'_>) -> Vec<Mailbox> {
    let fields = header.fields().iter().filter(|field| field.is("To") || field.is("Cc"));
    let addresses = fields.flat_map(|field| address_list::read(field.value()).unwrap_or_default());
    let mailboxes = addresses.flat_map(|address| match address {
        Address::Mailbox(one) => vec![one.mailbox],
        Address::Group { members, .. } => members.into_iter().map(|member| member.mailbox).collect(),
    });
    mailboxes.collect()
}

#[cfg(test)]
mod tests;
