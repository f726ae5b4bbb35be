//! What events do to transfers: new states, reports to the author, content freed, in one transaction.

use std::sync::Arc;

use delivery::report::{Report, SentStatus, is_wanted};
use delivery::schedule::Timers;
use delivery::transfer::{Outcome, Transfer, TransferAction, TransferEvent};
use mail::address::Domain;
use mail::id::Partition;
use mail::status::Status;
use mail::time::Timestamp;

use crate::backend::Tx;
use crate::content::StoredContent;
use crate::queue::Haste;
use crate::report::{Draft, News, Prepared};
use crate::{Attempt, Result, Settle, Settled, Store, StoreError, TransferRecord, Writer, lease, made, moment, orphans, transfer_row};

/// How often a report with a large message is made ready, should the transfers change each time meanwhile.
const PREPARED_MAX: u32 = 3;

/// What came of running events in a transaction.
enum Applied {
    Done(Vec<Option<Settled>>),
    /// Nothing was done: this report must be an object, which can't be written here.
    NeedsObject(Box<Draft>, StoredContent),
}

/// One event, and what it does.
struct Step<'a> {
    settle: &'a Settle,
    record: TransferRecord,
    before: Transfer,
    after: Transfer,
    actions: Vec<TransferAction>,
    /// What goes with the report and into the row: of this event, or what the row has if only time passed.
    attempt: Option<Attempt>,
}

impl Store {
    /// Applies an event to a transfer: new state, report to the author, content freed, in one transaction.
    /// `None` if there is no such transfer.
    ///
    /// # Errors
    /// The store is not available, or the lease of the job that asks is lost.
    pub async fn settle(&self, settle: Settle) -> Result<Option<Settled>> {
        Ok(self.settle_together(vec![settle]).await?.pop().flatten())
    }

    /// The same for several transfers of one message: all of them or none, and one report of them all.
    ///
    /// # Errors
    /// The store is not available, the lease of the job that asks is lost, or they are of several messages.
    pub async fn settle_together(&self, settles: Vec<Settle>) -> Result<Vec<Option<Settled>>> {
        let Some(part) = settles.first().and_then(|settle| settle.id.partition()) else {
            return Ok(settles.iter().map(|_of_another_server| None).collect());
        };
        // Who gave the notice has had its reply; after a crash it is given again, and known as a repeat.
        let is_awaited = settles.iter().any(|settle| settle.event != TransferEvent::NoticeAccepted);
        let haste = if is_awaited { Haste::Now } else { Haste::WithNext };
        let settles = Arc::new(settles);
        let (mut prepared, mut attempts) = (Prepared::Nothing, 0);
        loop {
            let (timers, host, settles, ready) = (self.timers(), self.host(), Arc::clone(&settles), prepared.clone());
            let apply = move |tx: &mut dyn Tx| apply(tx, part, &settles, &ready, &timers, &host);
            match self.write_in(haste, part, 0, apply).await? {
                Applied::Done(settled) => return Ok(settled),
                Applied::NeedsObject(draft, content) if attempts < PREPARED_MAX => {
                    attempts += 1;
                    prepared = self.prepare_report(draft, &content).await?;
                }
                Applied::NeedsObject(..) => prepared = Prepared::HeaderOnly,
            }
        }
    }
}

fn apply(tx: &mut dyn Tx, part: Partition, settles: &[Settle], prepared: &Prepared, timers: &Timers, host: &Domain) -> Result<Applied> {
    let steps = steps(tx, part, settles, timers)?;
    let news: Vec<News<'_>> = steps.iter().flatten().flat_map(Step::news).collect();
    let told = settles.first().map(|first| (first.report, first.now));
    let draft = match told {
        Some(told) if !news.is_empty() => Draft::of(tx, &news, told, timers)?,
        Some(_) | None => None,
    };
    // Before anything is written: what must be an object is made ready elsewhere, and all this begun anew.
    if let (Some(draft), Some(content)) = (&draft, steps.iter().flatten().map(|step| &step.record.content).next()) {
        let is_ready = match prepared {
            Prepared::Whole(made_of, _) => **made_of == *draft,
            Prepared::HeaderOnly => true,
            Prepared::Nothing => !draft.needs_object(content),
        };
        if !is_ready {
            return Ok(Applied::NeedsObject(Box::new(draft.clone()), content.clone()));
        }
    }
    for step in steps.iter().flatten() {
        step.write(tx, part)?;
    }
    if let Some(step) = steps.iter().flatten().find(|step| SentStatus::of(&step.before) != SentStatus::of(&step.after)) {
        made::sent::mark_copies(tx, part, step.record.account, step.record.message)?;
    }
    if let Some(draft) = &draft {
        draft.append(tx, host, prepared)?;
    }
    for step in steps.iter().flatten() {
        step.let_go(tx, part)?;
    }
    let has_draft = draft.is_some();
    drop(news);
    let settled = |step: Step<'_>| {
        let reported = has_draft && step.news().next().is_some();
        Settled { before: step.before, after: step.after, reported }
    };
    Ok(Applied::Done(steps.into_iter().map(|step| step.map(settled)).collect()))
}

/// What each event does, in order; a transfer may have several.
fn steps<'a>(tx: &mut dyn Tx, part: Partition, settles: &'a [Settle], timers: &Timers) -> Result<Vec<Option<Step<'a>>>> {
    let mut steps: Vec<Option<Step<'a>>> = Vec::with_capacity(settles.len());
    for settle in settles {
        if let Writer::Job(held) = &settle.writer {
            lease::require(tx, part, held)?;
        }
        let Some(record) = transfer_row::load_briefly(tx, part, &settle.id)? else {
            steps.push(None);
            continue;
        };
        if steps.iter().flatten().any(|step| step.record.message != record.message) {
            return Err(StoreError::Damaged("events of several messages, to be told in one report".to_owned()));
        }
        let earlier = steps.iter().rev().flatten().find(|step| step.record.id == record.id);
        let before = earlier.map_or_else(|| record.transfer.clone(), |step| step.after.clone());
        let (after, actions) = before.clone().on(settle.event.clone(), moment(settle.now, settle.jitter, timers));
        let kept = if settle.event == TransferEvent::TimePassed { record.attempt.clone() } else { None };
        let attempt = settle.attempt.clone().or(kept);
        steps.push(Some(Step { settle, record, before, after, actions, attempt }));
    }
    Ok(steps)
}

impl Step<'_> {
    /// What the author wants to know of it.
    fn news(&self) -> impl Iterator<Item = News<'_>> {
        let told = self.actions.iter().filter_map(|action| match action {
            TransferAction::Tell(report) => Some(report),
            TransferAction::FreeContent => None,
        });
        let wanted = told.filter(|report: &&Report| is_wanted(report, self.record.recipient.report, &self.record.reverse_path));
        wanted.map(|report| News { record: &self.record, before: &self.before, report, attempt: self.attempt.as_ref() })
    }

    fn write(&self, tx: &mut dyn Tx, part: Partition) -> Result<()> {
        let Self { settle, record, before, after, .. } = self;
        // Why it ended was said when it did: a late confirmation does not say it again.
        let is_over = matches!(before, Transfer::Ended { .. });
        let detail = settle.detail.as_ref().filter(|_| !is_over).unwrap_or(&record.detail);
        let attempt = settle.attempt.as_ref().filter(|_| !is_over).or(record.attempt.as_ref());
        if after != before || *detail != record.detail {
            let same_stage = transfer_row::stage(after) == transfer_row::stage(before);
            let since = if same_stage { record.since } else { settle.now };
            tx.touch(record.account);
            transfer_row::update(tx, &settle.id, part, &transfer_row::Progress { transfer: after, since, detail, attempt })?;
        }
        Ok(())
    }

    /// Frees what is no longer needed, once all is told.
    fn let_go(&self, tx: &mut dyn Tx, part: Partition) -> Result<()> {
        let Self { settle, record, after, actions, .. } = self;
        if actions.contains(&TransferAction::FreeContent) {
            free(tx, part, record, settle.now)?;
        }
        let is_forgotten = matches!(after, Transfer::Ended { forget_at, .. } if *forget_at <= settle.now);
        if is_forgotten && settle.event == TransferEvent::TimePassed {
            tx.touch(record.account);
            transfer_row::delete(tx, part, &settle.id, record.message)?;
        }
        Ok(())
    }
}

fn free(tx: &mut dyn Tx, part: Partition, record: &TransferRecord, now: Timestamp) -> Result<()> {
    match transfer_row::free_content(tx, part, record)? {
        Some(object) => orphans::note(tx, part, &object, now),
        None => Ok(()),
    }
}

/// Ends a transfer whose author is not there any more to be told.
pub(crate) fn end_with_account(tx: &mut dyn Tx, part: Partition, record: &TransferRecord, now: Timestamp, timers: &Timers) -> Result<()> {
    let detail = "the account that sent the message was deleted";
    let ended = Transfer::Ended {
        // RFC 3463 section 3.3: X.2.1, mailbox disabled.
        outcome: Outcome::Failed { status: Status::permanent(2, 1), text: detail.to_owned() },
        forget_at: now + timers.memory,
    };
    let progress = transfer_row::Progress { transfer: &ended, since: now, detail, attempt: record.attempt.as_ref() };
    transfer_row::update(tx, &record.id, part, &progress)?;
    free(tx, part, record, now)
}
