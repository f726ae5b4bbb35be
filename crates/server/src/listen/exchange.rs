//! Sessions with other servers, on port 25 and at the retrieval service: the extension, batch by batch, and ordinary mail.

use proto::smtp::replies;
use proto::smtp::reply::Reply;
use proto::smtp::server::Event;
use proto::twoway::Command;
use proto::twoway::retrieve::Retrieve;

use delivery::authority::{Authority, Role, SessionFacts, Verdict};
use delivery::mutant::Mutant;
use mail::address::Mailbox;
use mail::status::Status;
use proto::smtp::server::Client;

use crate::inquiry::Inquirer;
use crate::listen::conversation::{Conversation, Turn};
use crate::listen::reception::Reception;
use crate::listen::{notices, retrievals};
use crate::world::WireError;

/// Holds a session with another server.
///
/// # Errors
/// The connection is of no more use.
pub async fn serve(mut conversation: Conversation) -> Result<(), WireError> {
    let mut inquirer = Inquirer::default();
    let mut batch = Vec::new();
    let mut reception = Reception::default();
    loop {
        match conversation.next().await? {
            Turn::Event(Event::Twoway(command)) => batch.push(command),
            Turn::Event(event) => answer_ordinary(&mut conversation, &mut inquirer, &mut reception, event).await?,
            Turn::Replies => answer(&mut conversation, &mut inquirer, std::mem::take(&mut batch)).await?,
            Turn::Ended => return Ok(()),
        }
    }
}

/// Answers a batch in its order, runs of one verb together.
async fn answer(conversation: &mut Conversation, inquirer: &mut Inquirer, batch: Vec<Command>) -> Result<(), WireError> {
    let mut commands = batch.into_iter().peekable();
    while let Some(command) = commands.next() {
        match command {
            Command::Notice(first) => {
                let mut run = vec![*first];
                while let Some(Command::Notice(notice)) = commands.next_if(|next| matches!(next, Command::Notice(_))) {
                    run.push(*notice);
                }
                for reply in notices::record(conversation, inquirer, run).await {
                    conversation.reply(&reply)?;
                }
            }
            Command::Retrieve(retrieve) => {
                let mut run = vec![retrieve];
                // The run ends before a message that is in it already: its lease is this connection's, and not yet free.
                let is_new = |run: &[Retrieve], next: &Retrieve| run.iter().all(|other| other.id != next.id);
                while let Some(Command::Retrieve(retrieve)) =
                    commands.next_if(|next| matches!(next, Command::Retrieve(next) if is_new(&run, next)))
                {
                    run.push(retrieve);
                }
                retrievals::retrieve(conversation, inquirer, run).await?;
            }
            Command::Confirm(confirm) => {
                let mut run = vec![confirm];
                while let Some(Command::Confirm(confirm)) = commands.next_if(|next| matches!(next, Command::Confirm(_))) {
                    run.push(confirm);
                }
                for reply in retrievals::confirm(conversation, inquirer, run).await {
                    conversation.reply(&reply)?;
                }
            }
            Command::Decline(decline) => {
                let reply = retrievals::decline(conversation, inquirer, decline).await;
                conversation.reply(&reply)?;
            }
            Command::Pending(pending) => {
                let reply = retrievals::pending(conversation, inquirer, pending).await;
                conversation.reply(&reply)?;
            }
            // Rule (c) is parsed and not granted yet: the session is known by its address alone.
            Command::Assert(assert) => {
                tracing::info!(domain = %assert.domain, selector = assert.selector.as_str(), "an assertion, not accepted yet");
                conversation.reply(&no_assertions())?;
            }
        }
    }
    Ok(())
}

/// What is pushed here.
async fn answer_ordinary(
    conversation: &mut Conversation,
    inquirer: &mut Inquirer,
    reception: &mut Reception,
    event: Event,
) -> Result<(), WireError> {
    let reply = match event {
        Event::Mail(_) => reception.begin(),
        Event::Recipient(recipient) => reception.recipient(conversation, recipient).await,
        Event::Content(octets) => {
            reception.take(conversation, &octets).await;
            return Ok(());
        }
        Event::ContentDropped => {
            reception.forget();
            return Ok(());
        }
        Event::Message(envelope) => reception.message(conversation, inquirer, &envelope).await,
        // Not offered to other servers.
        Event::Password { .. } | Event::Scram { .. } => replies::not_implemented(),
        // Handled before it comes here, and not answered.
        Event::StartTls | Event::Twoway(_) => return Ok(()),
    };
    conversation.reply(&reply)
}

/// Whether the session's peer may act in this role for the domain of `mailbox`; if not, what it is told.
pub(super) async fn authority(
    conversation: &Conversation,
    inquirer: &mut Inquirer,
    role: Role,
    mailbox: &Mailbox,
) -> Result<Verdict, Reply> {
    let helo = match conversation.session.client() {
        Client::Silent => String::new(),
        Client::Helo(name) | Client::Ehlo(name) => name.clone(),
    };
    let session = SessionFacts {
        ip: conversation.peer_ip(),
        helo,
        asserted: std::collections::BTreeSet::new(),
        certificate_names: std::collections::BTreeSet::new(),
    };
    let world = &*conversation.node.world;
    match inquirer.decide(world, Authority::check(role, mailbox, &session)).await {
        verdict @ Verdict::Authorised { .. } => Ok(verdict),
        Verdict::Refused(_) if Mutant::NoAuthority.is_in() => Ok(Verdict::Temporary(String::new())),
        Verdict::Refused(refusal) => {
            tracing::info!(%refusal, "not authorised");
            Err(not_authorised())
        }
        Verdict::Temporary(reason) => {
            tracing::info!(reason, "authority unknown");
            Err(dns_trouble())
        }
    }
}

/// Not authorised, unknown id, wrong recipient: one and the same, so that none can be told from the others.
pub(super) fn not_authorised() -> Reply {
    Reply::new(550, Some(Status::permanent(7, 1)), "not authorised")
}

/// Says nothing of whether an id exists, either.
pub(super) fn dns_trouble() -> Reply {
    Reply::new(451, Some(Status::temporary(4, 3)), "DNS does not tell now who may do this, try again later")
}

/// Our own trouble; nothing was recorded.
pub(super) fn store_trouble() -> Reply {
    Reply::new(452, Some(Status::temporary(3, 1)), "local trouble, nothing was recorded, try again later")
}

fn no_assertions() -> Reply {
    Reply::new(550, Some(Status::permanent(7, 1)), "assertions are not accepted here yet; servers are known by their address")
}
