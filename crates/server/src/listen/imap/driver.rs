//! Answers the events of a session: who the client is, and then each command by the function of its family.

use ::store::items::Copying;
use ::store::{Account, Scope};
use proto::imap::command::Command;
use proto::imap::response::code::CodeWord;
use proto::imap::response::{Condition, Status};
use proto::imap::server::{Event, State};

use super::conversation::{Conversation, Turn, misuse};
use super::news::{self, News};
use super::talk::{Talk, Trouble, no, ok};
use super::{
    append, copy, expunge, fetch, list, mailboxes, metadata, notify, quota, recent, requests, resume, search, select, sort, special,
    status, store, thread, twoway, uid_batches,
};
use crate::listen::login::{self, Verdict};
use crate::world::WireError;

/// Holds a session with a mail program.
///
/// # Errors
/// The connection is of no more use.
pub(super) async fn serve(conversation: Conversation) -> Result<(), WireError> {
    // In a box of its own: what a login takes is given back before the session begins to wait.
    let Some((mut talk, first)) = Box::pin(log_in(conversation)).await? else { return Ok(()) };
    let ended = converse(&mut talk, first).await;
    Box::pin(recent::leave(&mut talk)).await;
    ended
}

/// Answers one event after the other, until the session ends.
async fn converse(talk: &mut Talk, first: Event) -> Result<(), WireError> {
    let mut event = Some(first);
    loop {
        if let Some(event) = event.take() {
            act(talk, event).await?;
        }
        let Talk { conversation, news, .. } = &mut *talk;
        let listens = conversation.session.is_idle() || news.is_wanted();
        let heard = async { if listens { news.heard().await } else { std::future::pending().await } };
        match conversation.next(heard).await? {
            Turn::Event(next) => event = Some(next),
            Turn::News => Box::pin(news::tell(talk)).await?,
            Turn::Ended => return Ok(()),
        }
    }
}

/// Finds out who the client is. Returns the first event of somebody known; nothing, if the session ended before.
async fn log_in(mut conversation: Conversation) -> Result<Option<(Talk, Event)>, WireError> {
    loop {
        let event = match conversation.next(std::future::pending()).await? {
            Turn::Event(event) => event,
            Turn::News => continue,
            Turn::Ended => return Ok(None),
        };
        if let State::Authenticated { user } | State::Selected { user, .. } = conversation.session.state() {
            match login::account(&conversation.node, user).await {
                Ok(Some(account)) => return Ok(Some((begin(conversation, account).await, event))),
                Ok(None) => conversation.session.close("this account is no more"),
                Err(error) => {
                    tracing::warn!(%error, "an account was not looked up");
                    conversation.session.close("local trouble, try again later");
                }
            }
            continue;
        }
        match event {
            Event::Password { .. } | Event::Scram { .. } if !login::may_try(&conversation.node, conversation.peer_ip()) => {
                conversation.session.close("too many wrong passwords from your address, try again later");
            }
            Event::Password { username, password } => {
                let verdict = login::password(&conversation.node, &username, password, Scope::Imap).await;
                conversation.complete(&match verdict {
                    Verdict::Granted => ok("welcome"),
                    Verdict::Denied => no(CodeWord::AuthenticationFailed, "this user does not exist, or has another password"),
                    Verdict::Unavailable => unavailable(),
                })?;
            }
            Event::Scram { username } => match login::scram(&conversation.node, &username, Scope::Imap).await {
                Ok((verifier, nonce)) => conversation.session.scram_verifier(verifier, &nonce).map_err(misuse)?,
                Err(error) => {
                    tracing::warn!(%error, "credentials were not looked up");
                    conversation.complete(&unavailable())?;
                }
            },
            // NOOP: nothing else comes through before somebody has authenticated.
            _ => conversation.complete(&ok("nothing done"))?,
        }
    }
}

fn unavailable() -> Status {
    no(CodeWord::Unavailable, "nobody can be authenticated now, try again later")
}

async fn begin(conversation: Conversation, account: Account) -> Talk {
    tracing::debug!(account = %account.address, "logged in");
    if let Err(error) = special::make(&conversation.node, account.id).await {
        // The client can make them itself, and the next login tries again.
        tracing::warn!(%error, "special folders were not made");
    }
    if let Err(error) = requests::refresh(&conversation.node, account.id).await {
        tracing::warn!(%error, "contact requests and the status of sent mail are not up to date");
    }
    let news = News::of(&conversation.node, account.id);
    Talk { conversation, account, selected: None, news, upload: None, watching: None }
}

/// Acts on one event.
async fn act(talk: &mut Talk, event: Event) -> Result<(), WireError> {
    let answered = match event {
        // In a box of its own: a session that waits holds no room for the largest of all answers.
        Event::Command(command) => Box::pin(answer(talk, command)).await,
        Event::Append(mailbox, messages) => return Box::pin(append::begin(talk, &mailbox, messages)).await,
        Event::Replace(replace) => return Box::pin(append::begin_replacing(talk, replace)).await,
        Event::AppendNext(next) => return Box::pin(append::go_on(talk, next)).await,
        Event::Content(octets) => {
            append::take(talk, &octets).await;
            return Ok(());
        }
        Event::ContentDropped => {
            talk.upload = None;
            return Ok(());
        }
        Event::SearchRefused => {
            if let Some(selected) = talk.selected.as_mut() {
                selected.saved_search = Vec::new();
            }
            return Ok(());
        }
        Event::Messages => Box::pin(append::finish(talk)).await,
        Event::Idle => {
            requests::release_numbers(talk);
            return Box::pin(news::tell(talk)).await;
        }
        // Nothing to do; somebody known is not asked again; and the conversation does the last two itself.
        Event::IdleEnd | Event::Password { .. } | Event::Scram { .. } | Event::StartTls | Event::Compress => return Ok(()),
    };
    finish(talk, answered).await
}

/// Ends the answer to a command: what happened meanwhile, and how it went.
pub(super) async fn finish(talk: &mut Talk, answered: Result<Status, Trouble>) -> Result<(), WireError> {
    let status = answered.or_else(Trouble::told)?;
    if let Err(trouble) = Box::pin(news::catch_up(talk)).await {
        // What happened is told with the next command.
        trouble.told()?;
    }
    if talk.conversation.session.tag().is_none() {
        // The session was closed meanwhile: a mailbox that is no more, or an account.
        return Ok(());
    }
    let status = resume::complete(talk, status).await.or_else(Trouble::told)?;
    talk.conversation.complete(&status)?;
    talk.conversation.ease().await
}

/// Answers a command.
async fn answer(talk: &mut Talk, command: Command) -> Result<Status, Trouble> {
    talk.news.own = if talk.news.is_wanted() { notify::Own::of(&command) } else { None };
    if let Some(status) = requests::answer(talk, &command).await? {
        return Ok(status);
    }
    select::tell_modseq_once(talk).await?;
    match command {
        Command::Noop | Command::Check => Ok(ok("done")),
        Command::Select(command) => select::select(talk, command).await,
        Command::Close => select::close(talk).await,
        Command::Unselect => Ok(select::unselect(talk).await),
        Command::Create(command) => mailboxes::create(talk, command).await,
        Command::Delete(name) => mailboxes::delete(talk, &name).await,
        Command::Rename(from, to) => mailboxes::rename(talk, &from, &to).await,
        Command::Subscribe(name) => mailboxes::subscribe(talk, &name).await,
        Command::Unsubscribe(name) => mailboxes::unsubscribe(talk, &name).await,
        Command::Namespace => mailboxes::namespace(talk).await,
        Command::List(command) => list::list(talk, command).await,
        Command::Lsub(command) => list::lsub(talk, command).await,
        Command::Status(name, items) => status::status(talk, &name, &items).await,
        Command::Notify(command) => notify::notify(talk, command).await,
        Command::GetQuota(root) => quota::of_root(talk, &root).await,
        Command::GetQuotaRoot(name) => quota::of_mailbox(talk, &name).await,
        Command::SetQuota(_) => Ok(quota::refused()),
        Command::GetMetadata(command) => metadata::show(talk, command).await,
        Command::SetMetadata(command) => metadata::set(talk, command).await,
        Command::Twoway(command) => twoway::serve(talk, command).await,
        Command::Search(command) => search::search(talk, command).await,
        Command::CancelUpdate(tags) => search::update::cancel(talk, &tags),
        Command::Sort(command) => sort::sort(talk, command).await,
        Command::UidBatches(command) => uid_batches::tell(talk, command).await,
        Command::Thread(command) => thread::thread(talk, command).await,
        Command::Expunge(messages) => expunge::expunge(talk, messages).await,
        Command::Fetch(command) => fetch::fetch(talk, command).await,
        Command::Store(command) => store::store(talk, command).await,
        Command::Copy(command) => copy::copy(talk, command, Copying::Copy).await,
        Command::Move(command) => copy::copy(talk, command, Copying::Move).await,
        // The session answers these itself, or tells them by events of their own.
        Command::Capability
        | Command::Logout
        | Command::Id(_)
        | Command::StartTls
        | Command::Authenticate(_)
        | Command::Login(_)
        | Command::Enable(_)
        | Command::Compress
        | Command::Append(_)
        | Command::Replace(_)
        | Command::Idle => Ok(Status::new(Condition::Bad, "not here")),
    }
}
