//! The commands, one file for each thing they are about.

mod accounts;
mod app_passwords;
mod contacts;
mod domains;
mod entries;
mod history;
mod import;
mod index;
mod messages;
mod queue;
mod rules;
mod sent;

use std::os::unix::fs::DirBuilderExt as _;
use std::sync::Arc;
use std::time::Duration;

use mail::time::Timestamp;
use object_store::ObjectStore;
use object_store::local::LocalFileSystem;
use serde::Serialize;

use super::incoming::{Incoming, Nothing};
use super::{AdminError, Desk, Request, Response};
use crate::acts::Modes;
use crate::backup::LOST_AND_FOUND;

/// Carries out a command that no octets follow.
///
/// # Errors
/// It can't be done, was asked in the wrong way, or not now; nothing was changed.
pub async fn run(desk: &Desk, request: Request) -> Result<Response, AdminError> {
    run_with(desk, request, &mut Nothing).await
}

/// Carries out a command.
///
/// # Errors
/// It can't be done, was asked in the wrong way, or not now; nothing was changed.
pub async fn run_with(desk: &Desk, request: Request, incoming: &mut dyn Incoming) -> Result<Response, AdminError> {
    match request {
        Request::AccountAdd { address, password, screening, legacy } => accounts::add(desk, address, password, screening, legacy).await,
        Request::AccountList => accounts::list(desk).await,
        Request::AccountAlias { address, alias } => accounts::alias(desk, &address, &alias).await,
        Request::AccountUnalias { address, alias } => accounts::unalias(desk, &address, &alias).await,
        Request::AccountShow { address } => accounts::show(desk, &address).await,
        Request::AccountPassword { address, password } => accounts::password(desk, &address, password).await,
        Request::AccountQuota { address, octets, messages } => accounts::quota(desk, &address, octets, messages).await,
        Request::AccountDelete { address } => accounts::delete(desk, &address).await,
        Request::AppPasswordAdd { address, name, scopes } => app_passwords::add(desk, &address, &name, &scopes).await,
        Request::AppPasswordList { address } => app_passwords::list(desk, &address).await,
        Request::AppPasswordRemove { address, name } => app_passwords::remove(desk, &address, &name).await,
        Request::Mode { address, screening, legacy, claims } => accounts::mode(desk, &address, Modes { screening, legacy, claims }).await,
        Request::EntryAdd { address, list, who } => entries::add(desk, &address, list, who).await,
        Request::ExpectedAdd { address, who, until, count, reference } => {
            let terms = entries::Terms { until: until.as_deref(), count, reference };
            entries::expect(desk, &address, who, terms).await
        }
        Request::EntryRemove { address, list, who } => entries::remove(desk, &address, list, who).await,
        Request::EntryList { address, list } => entries::list(desk, &address, list).await,
        Request::HistoryList { address } => history::list(desk, &address).await,
        Request::HistoryUndo { address, change } => history::undo(desk, &address, change).await,
        Request::RulesList { address } => rules::list(desk, &address).await,
        Request::RulesShow { address } => rules::show(desk, &address).await,
        Request::RulesSet { address, rules, absence } => rules::set(desk, &address, rules, absence).await,
        Request::RulesExport { address } => rules::export_sieve(desk, &address).await,
        Request::RulesTest { address, header, size_octets, to, allowed_by } => {
            rules::test(desk, &address, rules::Trial { header: &header, size_octets, to, allowed_by }).await
        }
        Request::AbsenceShow { address } => rules::absence(desk, &address).await,
        Request::AbsenceSet { address, absence } => rules::set_absence(desk, &address, absence).await,
        Request::ContactList { address } => contacts::list(desk, &address).await,
        Request::ContactDismiss { address, who } => contacts::dismiss(desk, &address, &who).await,
        Request::SentList { address } => sent::list(desk, &address).await,
        Request::SentWithdraw { address, id } => sent::withdraw(desk, &address, &id).await,
        Request::MailList { address, mailbox, limit } => messages::list(desk, &address, mailbox.as_deref(), limit).await,
        Request::MailShow { address, id, form } => messages::show(desk, &address, id, form).await,
        Request::MailDigest { address, id } => import::digest(desk, &address, id).await,
        Request::MailImport { address, mailbox, received, flags, content_octets } => {
            import::import(desk, import::Wanted { address, mailbox, received, flags, content_octets }, incoming).await
        }
        Request::QueueList(filter) => queue::list(desk, &filter).await,
        Request::QueueSummary => queue::summary(desk).await,
        Request::QueueWhy { id } => queue::why(desk, &id).await,
        Request::QueueRetry(what) => queue::retry(desk, &what).await,
        Request::QueueGiveUp { id } => queue::give_up(desk, &id).await,
        Request::DomainList => domains::list(desk).await,
        Request::DomainRecords { domain } => domains::records(desk, &domain),
        Request::DomainCheck { domain } => domains::check(desk, &domain).await,
        Request::BackupHold => hold(desk, HELD_FOR).await,
        Request::BackupRelease => hold(desk, Duration::ZERO).await,
        Request::IndexStatus { address } => index::status(desk, address.as_ref()).await,
        Request::IndexRebuild { address } => index::rebuild(desk, address.as_ref()).await,
        Request::Check => check(desk).await,
        Request::CheckRepair => repair(desk).await,
    }
}

/// How long objects stay for a backup that says nothing more.
const HELD_FOR: Duration = Duration::from_hours(1);

#[derive(Serialize)]
struct Held {
    now: Timestamp,
    held_until: Timestamp,
}

async fn hold(desk: &Desk, length: Duration) -> Result<Response, AdminError> {
    let now = desk.means.now();
    let held_until = now + length;
    desk.store.hold_objects(held_until).await?;
    Ok(Response::of(Held { now, held_until }))
}

#[derive(Serialize)]
struct Checked {
    ok: bool,
    violations: Vec<String>,
}

/// Every invariant of the data.
async fn check(desk: &Desk) -> Result<Response, AdminError> {
    let violations = desk.store.check().await?;
    Ok(Response::of(Checked { ok: violations.is_empty(), violations }))
}

#[derive(Serialize)]
struct Mended {
    ok: bool,
    violations: Vec<String>,
    repaired: Vec<String>,
    unrepaired: Vec<Unrepaired>,
}

#[derive(Serialize)]
struct Unrepaired {
    violation: String,
    why: &'static str,
}

/// What of it can be put right without guessing.
async fn repair(desk: &Desk) -> Result<Response, AdminError> {
    let aside = desk.config.data_dir.join(LOST_AND_FOUND);
    let unusable = |error: String| AdminError::refused("file", format!("{}: {error}", aside.display()));
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&aside).map_err(|error| unusable(error.to_string()))?;
    let aside = LocalFileSystem::new_with_prefix(&aside).map_err(|error| unusable(error.to_string()))?;
    let aside: Arc<dyn ObjectStore> = Arc::new(aside.with_fsync(true));
    let mended = desk.store.repair(&aside, desk.jitter()).await?;
    if !mended.repaired.is_empty() {
        // What was looked up by the wrong time is due now.
        desk.due.raise();
    }
    let violations: Vec<_> = mended.left.iter().map(|(violation, _why)| violation.clone()).collect();
    let unrepaired = mended.left.into_iter().map(|(violation, why)| Unrepaired { violation, why }).collect();
    Ok(Response::of(Mended { ok: violations.is_empty(), violations, repaired: mended.repaired, unrepaired }))
}
