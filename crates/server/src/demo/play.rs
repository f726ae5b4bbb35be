//! The handshake, played once between alice and bob: each step told when it has happened.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use delivery::consent::EntryList;
use mail::address::Mailbox;
use mail::id::NoticeId;

use crate::admin::request::List;
use crate::admin::{Request, commands};
use crate::demo::DemoError;
use crate::demo::greeting::Acquaintance;
use crate::demo::narrate::{self, Narrator, Step, Stopped};
use crate::demo::program::{Login, hand_in};
use crate::demo::stage::Stage;

/// What alice writes.
const MESSAGE: &str = "From: Alice <alice@a.test>\r\n\
    To: Bob <bob@b.test>\r\n\
    Subject: Hello from the other side\r\n\
    \r\n\
    Dear Bob,\r\n\
    \r\n\
    nobody pushed this message at you: it waited until you let me in.\r\n\
    \r\n\
    Alice\r\n";

/// Plays it, and says each step; stops where a step does not happen.
///
/// # Errors
/// A step did not happen.
pub async fn play(stage: &mut Stage, patience: Duration, say: &(dyn Fn(&str) + Sync)) -> Result<(), Stopped> {
    let unfit = |error: mail::address::AddressError| Stopped { step: Step::Kept, reason: error.to_string() };
    let alice: Mailbox = "alice@a.test".parse().map_err(unfit)?;
    let bob: Mailbox = "bob@b.test".parse().map_err(unfit)?;
    let world = Arc::clone(&stage.origin.running.node.world);
    let (_closed, nobody) = tokio::sync::mpsc::unbounded_channel();
    let events = std::mem::replace(&mut stage.events, nobody);
    let mut narrator = Narrator::new(&*world, events, patience, say);

    submit(stage, &alice, &bob).await?;
    let transfer = narrate::until_contact_attempt(&mut narrator, &alice, &bob).await?;
    let allow = Request::EntryAdd { address: bob.clone(), list: List::Allow, who: delivery::consent::Who::Address(alice.clone()) };
    let allowed = commands::run(&stage.destination.desk(), allow).await;
    allowed.map_err(|error| Stopped { step: Step::Allowed, reason: error.to_string() })?;
    narrate::from_consent(&mut narrator, &transfer, &alice, &bob).await?;
    let told = told(stage, &alice, &transfer).await.map_err(|reason| Stopped { step: Step::SenderTold, reason })?;
    narrator.tell(Step::SenderTold, &told);
    Ok(())
}

/// Whether bob knows alice by now.
///
/// # Errors
/// The store does not tell.
pub async fn acquaintance(stage: &Stage) -> Result<Acquaintance, DemoError> {
    let unfit = |error: &dyn std::fmt::Display| DemoError::Account(error.to_string());
    let bob = "bob@b.test".parse().map_err(|error: mail::address::AddressError| unfit(&error))?;
    let desk = stage.destination.desk();
    let account = desk.store.account(&bob).await.map_err(|error| unfit(&error))?.ok_or_else(|| unfit(&"bob has none"))?;
    let allowed = desk.store.entries(account.id, EntryList::Allow).await.map_err(|error| unfit(&error))?;
    let is_allowed = allowed.iter().any(|entry| entry.who.to_string() == "alice@a.test");
    Ok(if is_allowed { Acquaintance::Allowed } else { Acquaintance::Stranger })
}

async fn submit(stage: &Stage, alice: &Mailbox, bob: &Mailbox) -> Result<(), Stopped> {
    let origin = &stage.origin;
    let password = origin.account(&alice.to_string()).map(|account| account.password.clone()).unwrap_or_default();
    let login = Login {
        server: SocketAddr::new(origin.address, origin.port("submission")),
        host: origin.hostname.as_str(),
        user: alice,
        password: &password,
    };
    let taken = hand_in(&*origin.running.node.world, &login, bob, MESSAGE.as_bytes()).await;
    taken.map(|_reply| ()).map_err(|error| Stopped { step: Step::Kept, reason: error.to_string() })
}

/// What alice can see: the status of the recipient, and the report in her own mailbox.
async fn told(stage: &Stage, alice: &Mailbox, transfer: &NoticeId) -> Result<String, String> {
    let desk = stage.origin.desk();
    let account = desk.store.account(alice).await.map_err(|error| error.to_string())?.ok_or("alice has no account")?;
    let sent = desk.store.sent(account.id).await.map_err(|error| error.to_string())?;
    let record = sent.iter().find(|record| record.id == *transfer).ok_or("the transfer is not in the list of what was sent")?;
    let status = delivery::report::SentStatus::of(&record.transfer).as_str();
    let mail = desk.store.mail_list(account.id).await.map_err(|error| error.to_string())?;
    let report = mail.last().ok_or("no report lies in alice's mailbox")?;
    Ok(format!(
        "{alice} sees the status \"{status}\", and asked for a report: \"{}\" lies in her mailbox.\n\
         While it waited, she saw \"noticed\". She would see the same if bob had blocked her, or had never looked.",
        report.subject
    ))
}
