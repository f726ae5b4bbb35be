//! Sessions with submitters, on ports 587 and 465: who they are, whom they may write as, and their messages.

use mail::address::{Mailbox, ReversePath};
use mail::envelope::{Envelope, Recipient};
use mail::id::MessageId;
use mail::status::Status;
use mail::trace::{Protocol, Received};
use proto::smtp::command::Mail;
use proto::smtp::replies;
use proto::smtp::reply::Reply;
use proto::smtp::server::{Client, Event, Misuse};
use store::{Account, Scope, StoreError};

use crate::addressees;
use crate::listen::conversation::{Conversation, Turn, misuse};
use crate::listen::incoming::{HeaderFacts, Incoming, Refusal, Submitted};
use crate::listen::login;
use crate::submit::{Submission, submit};
use crate::world::WireError;

/// A session's message on its way in.
struct Transaction {
    message: MessageId,
    incoming: Incoming<HeaderFacts>,
}

/// Holds a session with a submitter.
///
/// # Errors
/// The connection is of no more use.
pub async fn serve(mut conversation: Conversation) -> Result<(), WireError> {
    let mut account: Option<Account> = None;
    let mut transaction: Option<Transaction> = None;
    loop {
        let event = match conversation.next().await? {
            Turn::Event(event) => event,
            // Every event was answered when it came.
            Turn::Replies => return Err(misuse(Misuse::NothingToAnswer)),
            Turn::Ended => return Ok(()),
        };
        match event {
            Event::Password { .. } | Event::Scram { .. } if !login::may_try(&conversation.node, conversation.peer_ip()) => {
                conversation.session.close(&replies::too_many_guesses());
            }
            Event::Password { username, password } => {
                let verdict = login::password(&conversation.node, &username, password, Scope::Submission).await;
                conversation.reply(&verdict.reply())?;
            }
            Event::Scram { username } => answer_scram(&mut conversation, &username).await?,
            Event::Mail(mail) => {
                transaction = None;
                let reply = answer_mail(&conversation, &mut account, &mail).await;
                conversation.reply(&reply)?;
            }
            Event::Recipient(recipient) => {
                let reply = answer_recipient(&conversation, &recipient).await;
                conversation.reply(&reply)?;
            }
            Event::Content(octets) => take(&conversation, account.as_ref(), &mut transaction, &octets).await,
            Event::ContentDropped => transaction = None,
            Event::Message(envelope) => {
                let reply = answer_message(&conversation, account.as_ref(), transaction.take(), *envelope).await;
                conversation.reply(&reply)?;
            }
            // The extension is spoken with other servers; submitters are offered none of it.
            Event::Twoway(_) => conversation.reply(&replies::not_implemented())?,
            Event::StartTls => {}
        }
    }
}

async fn answer_scram(conversation: &mut Conversation, username: &str) -> Result<(), WireError> {
    match login::scram(&conversation.node, username, Scope::Submission).await {
        Ok((verifier, nonce)) => conversation.session.scram_verifier(verifier, &nonce).map_err(misuse),
        Err(error) => {
            tracing::warn!(%error, "credentials were not looked up");
            conversation.reply(&replies::auth_unavailable())
        }
    }
}

/// MAIL: the reverse-path is the account's own, or empty.
async fn answer_mail(conversation: &Conversation, account: &mut Option<Account>, mail: &Mail) -> Reply {
    let admitted = async {
        let submitter = match account.take() {
            Some(known) => known,
            None => submitter(conversation).await?.ok_or_else(replies::auth_first)?,
        };
        let submitter = account.insert(submitter);
        match &mail.reverse_path {
            ReversePath::Null => Ok(()),
            ReversePath::Mailbox(mailbox) if may_write_as(conversation, submitter, mailbox).await? => Ok(()),
            ReversePath::Mailbox(mailbox) => Err(not_yours(mailbox)),
        }
    };
    admitted.await.map_or_else(|refusal| refusal, |()| replies::reverse_path_ok())
}

/// RCPT: who is not here is said at once; who is elsewhere is for others to say.
async fn answer_recipient(conversation: &Conversation, recipient: &Recipient) -> Reply {
    let node = &conversation.node;
    if !node.is_local(recipient.mailbox.domain()) {
        return replies::recipient_ok();
    }
    match addressees::account(node, &recipient.mailbox).await {
        Ok(Some(_)) => replies::recipient_ok(),
        Ok(None) => Reply::new(550, Some(Status::permanent(1, 1)), "no such mailbox"),
        Err(error) => trouble(&error),
    }
}

async fn take(conversation: &Conversation, account: Option<&Account>, transaction: &mut Option<Transaction>, octets: &[u8]) {
    let Some(account) = account else { return };
    let node = &conversation.node;
    let current = transaction.get_or_insert_with(|| {
        let message = node.new_message_id();
        Transaction { message, incoming: Incoming::new(account.id) }
    });
    let id = current.message.to_string();
    let door = Submitted { message: current.message, trace: trace(conversation, &id) };
    current.incoming.take(node, octets, &door).await;
}

/// The whole message is here: it is checked and kept, and only then answered for.
async fn answer_message(
    conversation: &Conversation,
    account: Option<&Account>,
    transaction: Option<Transaction>,
    envelope: Envelope,
) -> Reply {
    let kept = async {
        let account = account.ok_or_else(replies::auth_first)?;
        let node = &conversation.node;
        // Content of no octets never announced itself.
        let Transaction { message, incoming } = transaction.unwrap_or_else(|| {
            let message = node.new_message_id();
            Transaction { message, incoming: Incoming::new(account.id) }
        });
        let id = message.to_string();
        let door = Submitted { message, trace: trace(conversation, &id) };
        let (facts, content) = incoming.finish(node, &door).await.map_err(|refusal| refused(&refusal))?;
        // Mostly the author is who the reverse-path names, and was looked up when MAIL came.
        let is_known = matches!(&envelope.reverse_path, ReversePath::Mailbox(mailbox) if *mailbox == facts.from);
        if !is_known && !may_write_as(conversation, account, &facts.from).await? {
            return Err(not_yours(&facts.from));
        }
        let submission = Submission { account: account.clone(), message, envelope, facts, content };
        submit(node, submission).await.map_err(|error| trouble(&error))?;
        Ok(Reply::new(250, Some(Status::success(0, 0)), format!("kept as {message}")))
    };
    kept.await.unwrap_or_else(|refusal: Reply| refusal)
}

/// The account of whoever has authenticated.
async fn submitter(conversation: &Conversation) -> Result<Option<Account>, Reply> {
    let Some(user) = conversation.session.user() else { return Ok(None) };
    login::account(&conversation.node, user).await.map_err(|error| trouble(&error))
}

/// Whoever receives an address's mail may write as it: the account's addresses, with a plus-tag or without, and what
/// its catch-all catches.
async fn may_write_as(conversation: &Conversation, account: &Account, mailbox: &Mailbox) -> Result<bool, Reply> {
    // What is made here has 64 octets before the @, tag and all: a longer one need not fit a reply to RETRIEVE.
    let is_made_here = mailbox.local().len() <= Mailbox::LOCAL_MADE_OCTETS_MAX;
    if !conversation.node.is_local(mailbox.domain()) || !is_made_here {
        return Ok(false);
    }
    let owner = conversation.node.store.resolve(mailbox).await.map_err(|error| trouble(&error))?;
    Ok(owner.is_some_and(|owner| owner.id == account.id))
}

/// The trace field of a submission; the author's own address is nobody's business.
fn trace<'a>(conversation: &'a Conversation, id: &'a str) -> Received<'a> {
    let from = match conversation.session.client() {
        Client::Silent => None,
        Client::Helo(name) | Client::Ehlo(name) => Some(name.as_str()),
    };
    let extended = matches!(conversation.session.client(), Client::Ehlo(_));
    let utf8 = conversation.session.envelope().is_some_and(|envelope| envelope.smtputf8);
    Received {
        from,
        address: None,
        by: &conversation.node.settings.hostname,
        with: Protocol::Smtp { extended, utf8, tls: conversation.tls.is_some(), authenticated: true },
        id,
        recipient: None,
        at: conversation.node.world.now(),
    }
}

fn refused(refusal: &Refusal) -> Reply {
    match refusal {
        Refusal::Circles(_) => Reply::new(554, Some(Status::permanent(4, 6)), refusal.to_string()),
        Refusal::Author(error) => Reply::new(550, Some(Status::permanent(6, 0)), error.to_string()),
        Refusal::HeaderTooLong => Reply::new(552, Some(Status::permanent(3, 4)), refusal.to_string()),
        Refusal::Store(error) => trouble(error),
    }
}

fn not_yours(mailbox: &Mailbox) -> Reply {
    Reply::new(550, Some(Status::permanent(7, 1)), format!("{mailbox} is not an address of yours"))
}

fn trouble(error: &StoreError) -> Reply {
    tracing::warn!(%error, "the store did not answer");
    match error {
        StoreError::Full(_) => replies::storage_full(),
        StoreError::Unavailable(_) | StoreError::LeaseLost | StoreError::Damaged(_) => replies::storage_trouble(),
    }
}
