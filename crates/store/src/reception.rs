//! Pushed mail comes in: whose mailbox an address is, and the one transaction that delivers a message or keeps it aside.

use delivery::absence::Author;
use delivery::consent::{Decision, Legacy, Reason, Screening};
use delivery::legacy::{Answers, Authorship, Pushed, decide_pushed};
use delivery::rules::Allowance;
use delivery::schedule::Timers;
use mail::address::{Mailbox, ReversePath};
use mail::flag::Flags;
use mail::id::{NoticeId, Partition};
use mail::message::HeaderSection;
use mail::trace::came_by_utf8;

use crate::backend::Tx;
use crate::consent::Asked;
use crate::content::Place;
use crate::filing::LetIn;
use crate::items::Target;
use crate::mailbox::NewMail;
use crate::mailboxes::INBOX;
use crate::queue::Haste;
use crate::quota::Quota;
use crate::{
    Addressee, Receive, Received, Result, Room, Store, accounts, consent, directory, filing, kept, observed, orphans, params, quota, rules,
    statements,
};

statements! {
    IS_HERE = "SELECT id FROM mail WHERE part = ?1 AND account = ?2 AND id = ?3 UNION ALL SELECT id FROM kept WHERE part = ?1 AND account = ?2 AND id = ?3";
    SENT_BY = "SELECT id FROM message WHERE part = ?1 AND id = ?2 AND account = ?3";
}

impl Store {
    /// Whose mailbox pushed mail for this address goes to, and how it is taken there from this network.
    ///
    /// # Errors
    /// The store is not available.
    pub async fn addressee(&self, recipient: &Mailbox, network: String) -> Result<Option<Addressee>> {
        let (recipient, quota) = (recipient.clone(), self.quota());
        let find = move |tx: &mut dyn Tx| {
            let Some(account) = directory::recipient(tx, &recipient)? else { return Ok(None) };
            let Some((screening, legacy)) = accounts::modes(tx, account)? else { return Ok(None) };
            let legacy = legacy.unwrap_or(Legacy::default_for(screening));
            // Mail that is let in goes past what is kept aside; whose it is, nobody knows yet.
            let is_full = legacy != Legacy::Refuse && !quota::admits(tx, account, &quota, 1, 0)?;
            let room = match legacy {
                _any if is_full => Room::OverQuota,
                Legacy::Keep => kept::room(tx, account, &network)?,
                Legacy::Deliver | Legacy::Refuse => Room::Some,
            };
            // What can't be read is told when the message is filed.
            let has_absence = rules::load(tx, account).is_ok_and(|wishes| wishes.is_some_and(|wishes| wishes.absence.is_some()));
            Ok(Some(Addressee { account, legacy, room, has_absence }))
        };
        self.read(find).await
    }

    /// Puts a pushed message into the recipient's mailbox, or keeps it aside, or drops it, as entries and modes want it in
    /// this transaction. Repeatable by the message's id.
    ///
    /// # Errors
    /// The store is not available, or the content was swept.
    pub async fn receive(&self, new: Receive) -> Result<Received> {
        let (part, timers, quota) = (Partition::of(new.account), self.timers(), self.quota());
        let octets = match &new.content.place {
            Place::Row(octets) => octets.len(),
            Place::Object(_) | Place::Unread | Place::Freed => 0,
        };
        self.write_in(Haste::WithCrowd, part, octets + new.head.len(), move |tx| receive(tx, part, &new, (&timers, &quota))).await
    }
}

fn receive(tx: &mut dyn Tx, part: Partition, new: &Receive, (timers, quota): (&Timers, &Quota)) -> Result<Received> {
    let Some((screening, legacy)) = accounts::modes(tx, new.account)? else { return Ok(Received::NoMailbox) };
    let legacy = legacy.unwrap_or(Legacy::default_for(screening));
    let asked = Asked {
        sender: &new.sender,
        recipient: &new.recipient,
        list: new.list_id.as_deref(),
        reference: new.reference.as_ref().map(NoticeId::as_str),
    };
    let entries = asked.entries(tx, new.account)?;
    let question = asked.question(&entries, screening, new.now);
    let (pushed, decision) = decide_pushed(&question, legacy, &new.authorship, answers(tx, part, new)?);
    match pushed {
        // Content that was written as an object stays an orphan, and is swept.
        Pushed::Discard => Ok(Received::Dropped),
        Pushed::Deliver => {
            let (author, flags) = (new.sender.to_string(), Flags::default());
            let mail = in_the_mailbox(new, &author, &flags);
            // There was room at RCPT, if not for all of it: by asking for more and more, anybody could measure how much. One
            // reply speaks for all recipients now: for want of the last octets in one mailbox, everybody else would get the
            // message again.
            if !quota::admits_once_more(tx, new.account, quota, mail.size_octets(), new.largest_octets)? && !is_here(tx, part, new)? {
                return Ok(Received::OverQuota);
            }
            if adopt(tx, part, new)? {
                file(tx, part, new, &mail, &decision, quota)?;
                if matches!(new.authorship, Authorship::Proved(_)) {
                    consent::count(tx, new.account, &decision, &entries, new.sender.domain())?;
                }
                if decision.reason == Reason::Mode(Screening::Observe) {
                    observed::note(tx, new.account, &new.sender, new.now)?;
                }
            }
            Ok(Received::Delivered)
        }
        // The mode became `refuse` after RCPT: an address that was taken is not refused at the end of the message, where
        // one reply speaks for all recipients. As nobody wants it pushed, it waits for its recipient's word.
        Pushed::Keep | Pushed::Refuse => {
            if adopt(tx, part, new)? {
                kept::insert(tx, part, new, new.now + timers.keep_legacy)?;
            }
            Ok(Received::Kept)
        }
    }
}

/// Whether it is a report on a message that this account sent: it returns that message's trace field.
fn answers(tx: &mut dyn Tx, part: Partition, new: &Receive) -> Result<Answers> {
    if new.reverse_path == ReversePath::Null {
        for message in &new.returns {
            if tx.one(SENT_BY, params![part, *message, new.account])?.is_some() {
                return Ok(Answers::OwnMessage);
            }
        }
    }
    Ok(Answers::Nothing)
}

/// Takes over the content's object, if it is one. `false` if the message is here already, and this is a repeat.
fn adopt(tx: &mut dyn Tx, part: Partition, new: &Receive) -> Result<bool> {
    let Place::Object(name) = &new.content.place else { return Ok(true) };
    if is_here(tx, part, new)? {
        return Ok(false);
    }
    orphans::adopt(tx, part, name)?;
    Ok(true)
}

fn is_here(tx: &mut dyn Tx, part: Partition, new: &Receive) -> Result<bool> {
    Ok(tx.one(IS_HERE, params![part, new.account, new.mail])?.is_some())
}

/// Puts it where its recipient's rules want it.
fn file(tx: &mut dyn Tx, part: Partition, new: &Receive, mail: &NewMail<'_>, decision: &Decision, quota: &Quota) -> Result<()> {
    let (allowed_by, author) = match &new.authorship {
        Authorship::Proved(mailbox) => (Allowance::of(&decision.reason), Author::Proved(mailbox)),
        Authorship::Unproved(_) => (Allowance::Legacy, new.answerable.as_ref().map_or(Author::Unproved, Author::Proved)),
    };
    let let_in = LetIn {
        account: new.account,
        mail: new.mail,
        head: &new.head,
        size_octets: mail.size_octets(),
        smtputf8: came_by_utf8(&HeaderSection::read(&new.head)),
        recipient: &new.recipient,
        allowed_by,
        author,
        quota: Some(*quota),
        now: new.now,
    };
    filing::append(tx, part, mail, &let_in)
}

fn in_the_mailbox<'a>(new: &'a Receive, author: &'a str, flags: &'a Flags) -> NewMail<'a> {
    NewMail {
        account: new.account,
        id: new.mail,
        mailbox: Target::Named(INBOX),
        flags,
        received: new.now,
        zone: mail::time::Zone::UTC,
        saved: new.now,
        author,
        subject: &new.subject,
        head: &new.head,
        skip_octets: new.skip_octets,
        content: &new.content,
        arrival: None,
    }
}
