//! Where a message lies that was let in: its owner's rules carried out, in the transaction that delivers it.
//!
//! The rules are those that are in force at the commit, and know by which entry the message was let in. What they may
//! compare has a bound (`delivery::rules::EFFORT_MAX`), so that no message makes the transaction long. Whatever can't be
//! done as they say ends in INBOX.

use delivery::absence::{Answer, Author, Letter};
use delivery::rules::{Allowance, Filing, Flag, INBOX, MessageFacts, Target as Wanted, file, return_path};
use mail::address::{Mailbox, ReversePath};
use mail::auto_reply::Answered;
use mail::flag::Flags;
use mail::id::{AccountId, MailId, MailboxId, Partition};
use mail::message::HeaderSection;
use mail::special_use::SpecialUse;
use mail::time::Timestamp;

use crate::backend::Tx;
use crate::errands::{self, Task, entropy_of};
use crate::items::{self, Target};
use crate::made::Made;
use crate::mailbox::{self, NewMail};
use crate::mailboxes::{self, CreateMailbox, Created, MailboxRow, Subscription};
use crate::quota::{self, Quota};
use crate::rules::{self, Wishes};
use crate::{Account, Alias, Result, StoreError, accounts};

/// What mailboxes of these names are for that deliveries make (RFC 6154).
const NAMED_FOR_USE: [(&str, SpecialUse); 5] = [
    ("Archive", SpecialUse::Archive),
    ("Drafts", SpecialUse::Drafts),
    ("Junk", SpecialUse::Junk),
    ("Sent", SpecialUse::Sent),
    ("Trash", SpecialUse::Trash),
];
const TRASH: &str = "Trash";

/// A message that was let in, as far as rules and the absence reply ask.
pub(crate) struct LetIn<'a> {
    pub(crate) account: AccountId,
    pub(crate) mail: MailId,
    /// What it begins with: its whole header section.
    pub(crate) head: &'a [u8],
    pub(crate) size_octets: u64,
    /// It came with SMTPUTF8.
    pub(crate) smtputf8: bool,
    /// Plus-tag and all.
    pub(crate) recipient: &'a Mailbox,
    pub(crate) allowed_by: Allowance,
    pub(crate) author: Author<'a>,
    /// What the account may have, if that is asked: there is room for one copy already.
    pub(crate) quota: Option<Quota>,
    pub(crate) now: Timestamp,
}

/// Where it is to lie, and what is to be sent because it came.
pub(crate) struct Plan {
    /// Each mailbox once. Empty only if it is sent on, and not kept.
    pub(crate) copies: Vec<(MailboxId, Flags)>,
    forward: Option<Task>,
    answer: Option<(Answer, Answered)>,
}

/// Files a message that is new here: into the mailboxes that its owner wants it in. The one way there for what comes from
/// others (`Store::deliver`, `Store::receive`) and for reports (`report`); what was kept aside has [`plan`] and `mailbox::append_kept`.
pub(crate) fn append(tx: &mut dyn Tx, part: Partition, mail: &NewMail<'_>, let_in: &LetIn<'_>) -> Result<()> {
    let plan = plan(tx, let_in)?;
    let is_new = match plan.copies.split_first() {
        Some(((first, flags), others)) => {
            let is_new = mailbox::append(tx, part, &NewMail { mailbox: Target::Id(*first), flags, ..*mail })?.is_some();
            for (other, flags) in others.iter().filter(|_other| is_new) {
                mailbox::show_also(tx, &NewMail { mailbox: Target::Id(*other), flags, ..*mail })?;
            }
            is_new
        }
        None => mailbox::insert_unshown(tx, part, mail)?,
    };
    if is_new { plan.send(tx, let_in) } else { Ok(()) }
}

/// Where a message is to lie. Mailboxes that are not there are made.
pub(crate) fn plan(tx: &mut dyn Tx, let_in: &LetIn<'_>) -> Result<Plan> {
    let account = let_in.account;
    let wishes = rules::load(tx, account).unwrap_or_else(|error| {
        // What was wished can't be read; the message must not wait for that.
        tracing::error!(%account, %error, "the rules of an account can't be read, and are not followed");
        None
    });
    let Some(wishes) = wishes.filter(|wishes| *wishes != Wishes::default()) else {
        let folder = folder_of_tag(tx, let_in)?;
        return Ok(Plan { copies: vec![(folder, Flags::default())], forward: None, answer: None });
    };
    let Some(owner) = accounts::load(tx, Partition::of(account), account)? else {
        return Err(StoreError::Unavailable("the account is being deleted".to_owned()));
    };
    let header = HeaderSection::read(let_in.head);
    let reverse_path = return_path(&header);
    let facts = MessageFacts {
        header: &header,
        reverse_path: &reverse_path,
        recipient: let_in.recipient,
        owner: &owner.address,
        size_octets: let_in.size_octets,
        allowed_by: let_in.allowed_by,
    };
    let filing = file(&wishes.rules, &facts);
    if let Some(why) = filing.unforwarded {
        tracing::info!(%account, mail = %let_in.mail, %why, "a rule would send a message on; it stays");
    }
    let forward = Task::Forward { mail: let_in.mail, to: filing.forwards.clone(), smtputf8: let_in.smtputf8 };
    let forward = Some(forward).filter(|_forward| !filing.forwards.is_empty());
    let answer = answer(&wishes, &filing, let_in, (&owner, &header, &reverse_path));
    let mut copies = copies(tx, &filing, let_in)?;
    if !has_room(tx, let_in, copies.len())? {
        // What was let in is not lost for the sake of a second place to find it.
        tracing::info!(%account, mail = %let_in.mail, "the mailbox is nearly full: a message lies in the first place only that rules name");
        copies.truncate(1);
    }
    Ok(Plan { copies, forward, answer })
}

/// Whether there is room for so many copies: each counts.
fn has_room(tx: &mut dyn Tx, let_in: &LetIn<'_>, copies: usize) -> Result<bool> {
    match &let_in.quota {
        Some(quota) if copies > 1 => {
            let copies = copies as u64;
            quota::admits(tx, let_in.account, quota, copies, let_in.size_octets.saturating_mul(copies))
        }
        _ => Ok(true),
    }
}

impl Plan {
    /// Notes what is to be sent, once the message is here.
    pub(crate) fn send(&self, tx: &mut dyn Tx, let_in: &LetIn<'_>) -> Result<()> {
        let LetIn { account, mail, now, .. } = *let_in;
        if let Some(forward) = &self.forward {
            errands::add(tx, account, mail, forward, now)?;
        }
        if let Some((Answer { to, from, again_after }, answered)) = &self.answer
            && rules::note_answer(tx, account, to, *again_after, now)?
        {
            let task = Task::Answer { to: to.clone(), from: from.clone(), answered: answered.clone() };
            errands::add(tx, account, mail, &task, now)?;
        }
        Ok(())
    }
}

/// The absence reply to a message, if it is given one.
fn answer(
    wishes: &Wishes,
    filing: &Filing,
    let_in: &LetIn<'_>,
    (owner, header, reverse_path): (&Account, &HeaderSection<'_>, &ReversePath),
) -> Option<(Answer, Answered)> {
    let absence = wishes.absence.as_ref()?;
    // What the owner throws away unread is not answered.
    if filing.forwards.is_empty() && filing.copies.iter().all(|copy| copy.target == Wanted::Trash) {
        return None;
    }
    let aliases = owner.aliases.iter().filter_map(|alias| match alias {
        Alias::Address(mailbox) => Some(mailbox.clone()),
        Alias::CatchAll(_) => None,
    });
    let own: Vec<Mailbox> = std::iter::once(owner.address.clone()).chain(aliases).collect();
    let letter = Letter { header, reverse_path, author: let_in.author, recipient: let_in.recipient, own: &own };
    match absence.answer(&letter, let_in.now) {
        Ok(answer) => Some((answer, Answered::of(header))),
        Err(why) => {
            tracing::debug!(account = %let_in.account, mail = %let_in.mail, %why, "no absence reply");
            None
        }
    }
}

/// The mailboxes that a filing names, each once, with all flags that it is to have there.
fn copies(tx: &mut dyn Tx, filing: &Filing, let_in: &LetIn<'_>) -> Result<Vec<(MailboxId, Flags)>> {
    let mut copies: Vec<(MailboxId, Flags)> = Vec::new();
    for copy in &filing.copies {
        let mailbox = match &copy.target {
            Wanted::Unsaid => folder_of_tag(tx, let_in)?,
            Wanted::Mailbox(name) => named(tx, let_in, name)?,
            Wanted::Trash => named(tx, let_in, TRASH)?,
        };
        let flags = Flag::collect(&copy.flags);
        match copies.iter_mut().find(|(there, _flags)| *there == mailbox) {
            Some((_mailbox, there)) => {
                there.system = there.system.with(flags.system);
                there.keywords.extend(flags.keywords);
            }
            None => copies.push((mailbox, flags)),
        }
    }
    for (mailbox, flags) in &mut copies {
        let change = [mail::flag::FlagChange::Add(flags.clone())];
        let row = mailboxes::by_id(tx, let_in.account, *mailbox)?;
        let is_admitted = match &row {
            Some(row) => items::flags::admits(tx, let_in.account, row, &change)?,
            None => false,
        };
        if !is_admitted {
            tracing::info!(account = %let_in.account, "a mailbox has as many keywords as it may: a rule sets no more");
            flags.keywords.clear();
        }
    }
    Ok(copies)
}

/// Where a message goes of which nobody says where: into the folder that its plus-address names, or INBOX.
///
/// `user+a.b@` and `user+a/b@` name the folder `a/b`, in any case; one that is really called `a.b` comes first. Folders with
/// a use (Sent, Trash and their like) are not reached: whoever writes an address must not put mail there.
fn folder_of_tag(tx: &mut dyn Tx, let_in: &LetIn<'_>) -> Result<MailboxId> {
    let inbox = MailboxId::inbox_of(let_in.account);
    let Some(tag) = let_in.recipient.tag() else { return Ok(inbox) };
    let (tag, path) = (tag.to_lowercase(), tag.to_lowercase().replace('.', "/"));
    let folders: Vec<MailboxRow> = mailboxes::list(tx, let_in.account)?;
    let is_reached = |folder: &&MailboxRow| folder.special_use.is_none() && Made::of(let_in.account, folder.id).is_none();
    let folders = || folders.iter().filter(is_reached);
    let found =
        folders().find(|folder| folder.name.to_lowercase() == tag).or_else(|| folders().find(|folder| folder.name.to_lowercase() == path));
    Ok(found.map_or(inbox, |folder| folder.id))
}

/// The mailbox of a name: one that has it, or the use that goes with it, or else made; INBOX, if that can't be.
fn named(tx: &mut dyn Tx, let_in: &LetIn<'_>, name: &str) -> Result<MailboxId> {
    let account = let_in.account;
    let inbox = MailboxId::inbox_of(account);
    if name == INBOX {
        return Ok(inbox);
    }
    // What the server makes messages for takes no others.
    if Made::ALL.iter().any(|made| made.name().eq_ignore_ascii_case(name)) {
        return Ok(inbox);
    }
    if let Some(there) = mailboxes::named(tx, account, name)? {
        return Ok(there.id);
    }
    let special_use =
        NAMED_FOR_USE.into_iter().find(|(known, _use)| known.eq_ignore_ascii_case(name)).map(|(_name, special_use)| special_use);
    if let Some(special_use) = special_use
        && let Some(there) = mailboxes::used_as(tx, account, special_use)?
    {
        return Ok(there.id);
    }
    let id_of = |name: &str| MailboxId::new(let_in.now, entropy_of(&format!("mailbox {account} {name}")));
    let superiors: Vec<MailboxId> = mailboxes::superiors(name).map(id_of).collect();
    let create = CreateMailbox { id: id_of(name), name: name.to_owned(), special_use, now: let_in.now };
    match mailboxes::make(tx, account, &create, &superiors)? {
        Created::Done(made) => {
            mailboxes::subscribe(tx, account, name, Subscription::On)?;
            Ok(made.id)
        }
        refused @ (Created::Exists | Created::UseTaken | Created::BadName | Created::TooMany | Created::NoAccount) => {
            tracing::info!(%account, mailbox = name, ?refused, "a rule names a mailbox that can't be made: INBOX takes the message");
            Ok(inbox)
        }
    }
}
