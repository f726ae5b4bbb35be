//! The destination's side: notices recorded, consent decided, messages put into the mailbox.

use delivery::absence::Author;
use delivery::arrival::{Arrival, ArrivalEvent, ArrivalOutcome, DroppedBy, Stage, Verdict};
use delivery::consent::{Reason, Screening};
use delivery::mutant::Mutant;
use delivery::rules::Allowance;
use delivery::schedule::{Jitter, Timers};
use mail::flag::Flags;
use mail::id::{AccountId, Partition};
use mail::time::{Timestamp, Zone};

use crate::backend::Tx;
use crate::content::Place;
use crate::filing::LetIn;
use crate::items::Target;
use crate::mailbox::NewMail;
use crate::mailboxes::INBOX;
use crate::queue::Haste;
use crate::quota::Quota;
use crate::{ArrivalKey, ArrivalRecord, Deliver, Delivered, Lease, NewArrival, Result, SettleArrival, Store, Writer};
use crate::{accounts, arrival_row, consent, contacts, filing, lease, moment, observed, orphans, quota};

/// Rows that one transaction deletes.
const ROWS_MAX: usize = 500;
/// A notice's row, roughly: for the size of a transaction.
const ROW_OCTETS: usize = 512;

impl Store {
    /// Records notices, each once for its key; a repeat is an event of the row it finds. After this, 250.
    /// One transaction for the notices of each lane.
    ///
    /// # Errors
    /// The store is not available. Some of the notices may be recorded.
    pub async fn record_notices(&self, notices: Vec<NewArrival>) -> Result<()> {
        let lanes = self.writes().len();
        let mut of_lane: Vec<Vec<NewArrival>> = vec![Vec::new(); lanes];
        for notice in notices {
            let lane = usize::from(Partition::of(notice.account).number()) % lanes;
            if let Some(of_lane) = of_lane.get_mut(lane) {
                of_lane.push(notice);
            }
        }
        let lanes = of_lane.into_iter().filter_map(|notices| Some((Partition::of(notices.first()?.account), notices)));
        let recorded = lanes.map(|(part, notices)| {
            let timers = self.timers();
            self.write(part, notices.len() * ROW_OCTETS, move |tx| notices.iter().try_for_each(|notice| record_notice(tx, notice, &timers)))
        });
        futures_util::future::try_join_all(recorded).await.map(drop)
    }

    /// The arrival of this key, whatever its state.
    ///
    /// # Errors
    /// The store is not available.
    pub async fn arrival(&self, key: &ArrivalKey) -> Result<Option<ArrivalRecord>> {
        let key = key.clone();
        self.read(move |tx| arrival_row::load(tx, &key)).await
    }

    /// Decides consent for an arrival by the entries and modes as they are in this transaction; caps and
    /// evicts contact attempts. Returns the arrival as it is then.
    ///
    /// # Errors
    /// The store is not available, or the lease is lost.
    pub async fn decide(&self, key: &ArrivalKey, lease: &Lease, now: Timestamp, jitter: Jitter) -> Result<Option<ArrivalRecord>> {
        let (key, lease, timers) = (key.clone(), lease.clone(), self.timers());
        let part = Partition::of(key.account);
        let decide = move |tx: &mut dyn Tx| {
            lease::require(tx, part, &lease)?;
            let Some(record) = arrival_row::load(tx, &key)? else { return Ok(None) };
            if record.arrival.stage == (Stage::Dropped { by: DroppedBy::Recipient }) {
                // Its notice came again. Put away stays put away, whoever let it in before: only a change of consent brings it back.
                return transition(tx, record, ArrivalEvent::Decided(Verdict::Drop), now, jitter, &timers).map(Some);
            }
            redecide(tx, record, now, jitter, &timers)
        };
        self.write(part, 0, decide).await
    }

    /// Applies an event to an arrival. Returns it as it is then; `None` if it is not there, or not any more.
    ///
    /// # Errors
    /// The store is not available, or the lease of the job that asks is lost.
    pub async fn settle_arrival(&self, settle: SettleArrival) -> Result<Option<ArrivalRecord>> {
        let (part, timers) = (Partition::of(settle.key.account), self.timers());
        // The message is here, and its origin knows: nobody waits for this. After a crash it is told again.
        let haste = if settle.event == ArrivalEvent::OriginKnows { Haste::WithNext } else { Haste::Now };
        self.write_in(haste, part, 0, move |tx| apply(tx, part, &settle, &timers)).await
    }

    /// Puts a retrieved message into the recipient's mailbox, if its arrival is still due: the only way in.
    /// Counts expected entries. Repeatable by the arrival's key.
    ///
    /// # Errors
    /// The store is not available, the lease is lost, or the content was swept: then it is to be retrieved again.
    pub async fn deliver(&self, delivery: Deliver) -> Result<Delivered> {
        let (part, timers, quota) = (Partition::of(delivery.key.account), self.timers(), self.quota());
        let octets = match &delivery.content.place {
            Place::Row(octets) => octets.len(),
            Place::Object(_) | Place::Unread | Place::Freed => 0,
        };
        self.write_in(Haste::WithCrowd, part, octets + delivery.head.len(), move |tx| deliver(tx, part, &delivery, (&timers, &quota))).await
    }

    /// Deletes the arrivals of an account that is being deleted.
    pub(crate) async fn erase_arrivals(&self, account: AccountId, now: Timestamp) -> Result<()> {
        let part = Partition::of(account);
        loop {
            let erase = move |tx: &mut dyn Tx| {
                let some = arrival_row::of_account(tx, account, ROWS_MAX)?;
                some.iter().try_for_each(|record| arrival_row::delete(tx, &record.key, now))?;
                Ok(some.len())
            };
            if self.write(part, 0, erase).await? < ROWS_MAX {
                return Ok(());
            }
        }
    }
}

fn record_notice(tx: &mut dyn Tx, new: &NewArrival, timers: &Timers) -> Result<()> {
    let at = moment(new.now, Jitter::NONE, timers);
    let first = Arrival::start(new.notice.expires, new.decide_at);
    if arrival_row::insert(tx, new, &first, at)? {
        return Ok(());
    }
    let key = arrival_row::key_of(new.account, &new.notice);
    let Some(record) = arrival_row::load(tx, &key)? else { return Ok(()) };
    arrival_row::heard(tx, &key, new.now)?;
    let event = ArrivalEvent::NoticeRepeated { expires: new.notice.expires, decide_at: new.decide_at };
    transition(tx, record, event, new.now, Jitter::NONE, timers).map(drop)
}

/// Takes an arrival through an event, and writes what changed.
pub(crate) fn transition(
    tx: &mut dyn Tx,
    mut record: ArrivalRecord,
    event: ArrivalEvent,
    now: Timestamp,
    jitter: Jitter,
    timers: &Timers,
) -> Result<ArrivalRecord> {
    let at = moment(now, jitter, timers);
    let before = record.arrival.clone();
    record.arrival = record.arrival.on(event, at);
    record.notice.expires = record.arrival.expires;
    if record.arrival != before {
        arrival_row::update(tx, &record, &before, at)?;
    }
    Ok(record)
}

/// Decides consent for an arrival, or decides it again.
pub(crate) fn redecide(
    tx: &mut dyn Tx,
    record: ArrivalRecord,
    now: Timestamp,
    jitter: Jitter,
    timers: &Timers,
) -> Result<Option<ArrivalRecord>> {
    let account = record.key.account;
    let Some(screening) = accounts::screening_of(tx, account)? else {
        // Noted while the account was being deleted.
        arrival_row::delete(tx, &record.key, now)?;
        return Ok(None);
    };
    let decision = consent::decision(tx, account, &record.notice, screening, now)?.0;
    let is_first = matches!(record.arrival.stage, Stage::Noted { .. });
    let put_away = matches!(record.arrival.stage, Stage::Dropped { by: DroppedBy::Recipient });
    if put_away && matches!(decision.reason, Reason::Mode(_)) {
        // The recipient put it away. Letting its sender in brings it back; a change of mode does not.
        return transition(tx, record, ArrivalEvent::Decided(Verdict::Drop), now, jitter, timers).map(Some);
    }
    if is_first && decision.reason == Reason::Mode(Screening::Observe) {
        observed::note(tx, account, &record.notice.from, now)?;
    }
    let is_listed = matches!(record.arrival.stage, Stage::Listed);
    let verdict = match decision.verdict {
        Verdict::List if !is_listed && !contacts::make_room(tx, &record, now, timers)? => Verdict::Drop,
        verdict => verdict,
    };
    transition(tx, record, ArrivalEvent::Decided(verdict), now, jitter, timers).map(Some)
}

fn apply(tx: &mut dyn Tx, part: Partition, settle: &SettleArrival, timers: &Timers) -> Result<Option<ArrivalRecord>> {
    if let Writer::Job(held) = &settle.writer {
        lease::require(tx, part, held)?;
    }
    let Some(mut record) = arrival_row::load(tx, &settle.key)? else { return Ok(None) };
    let at = moment(settle.now, settle.jitter, timers);
    let before = record.arrival.clone();
    record.arrival = record.arrival.on(settle.event.clone(), at);
    record.notice.expires = record.arrival.expires;
    let is_only_memory = matches!(record.arrival.stage, Stage::Dropped { .. } | Stage::Ended(_));
    if settle.event == ArrivalEvent::TimePassed && is_only_memory && record.arrival.forget_at(at) <= settle.now {
        arrival_row::delete(tx, &settle.key, settle.now)?;
        return Ok(None);
    }
    let same_detail = settle.detail.as_ref().is_none_or(|detail| *detail == record.detail);
    if let Some(detail) = &settle.detail {
        record.detail.clone_from(detail);
    }
    if record.arrival != before || !same_detail {
        arrival_row::update(tx, &record, &before, at)?;
    }
    Ok(Some(record))
}

fn deliver(tx: &mut dyn Tx, part: Partition, delivery: &Deliver, (timers, quota): (&Timers, &Quota)) -> Result<Delivered> {
    lease::require(tx, part, &delivery.lease)?;
    let Some(record) = arrival_row::load(tx, &delivery.key)? else { return Ok(Delivered::NotDue) };
    match &record.arrival.stage {
        Stage::Due { .. } => {}
        // It was, and the answer was lost. The content offered again stays an orphan.
        Stage::Stored { .. } | Stage::Ended(ArrivalOutcome::Done { .. }) => return Ok(Delivered::Stored),
        Stage::Noted { .. } | Stage::Listed | Stage::Dropped { .. } | Stage::Declining { .. } | Stage::Ended(_) => {
            return Ok(Delivered::NotDue);
        }
    }
    let (account, now) = (delivery.key.account, delivery.now);
    let Some(screening) = accounts::screening_of(tx, account)? else {
        // The account is being deleted. What stayed due would be retrieved again and again.
        arrival_row::delete(tx, &delivery.key, now)?;
        return Ok(Delivered::NotDue);
    };
    // Decided again: an entry may have ended, or let in its last message, since the arrival became due.
    let (decision, entries) = consent::decision(tx, account, &record.notice, screening, now)?;
    if decision.verdict != Verdict::Retrieve {
        redecide(tx, record, now, delivery.jitter, timers)?;
        return Ok(Delivered::NotDue);
    }
    let mail = NewMail {
        account,
        id: delivery.mail,
        // Where it lies is for its recipient's rules to say.
        mailbox: Target::Named(INBOX),
        flags: &Flags::default(),
        received: now,
        zone: Zone::UTC,
        saved: now,
        author: &delivery.from,
        subject: &delivery.subject,
        head: &delivery.head,
        skip_octets: delivery.skip_octets,
        content: &delivery.content,
        arrival: Some(&delivery.key).filter(|_key| !Mutant::StoreNotKeyed.is_in()),
    };
    // A full mailbox is temporary, and never a reason to decline: what is offered stays an orphan, and is retrieved again.
    if !quota::admits(tx, account, quota, 1, mail.size_octets())? {
        return Ok(Delivered::OverQuota);
    }
    if let Place::Object(name) = &delivery.content.place {
        orphans::adopt(tx, part, name)?;
    }
    let let_in = LetIn {
        account,
        mail: delivery.mail,
        head: &delivery.head,
        size_octets: mail.size_octets(),
        smtputf8: record.notice.smtputf8,
        recipient: &record.notice.to,
        allowed_by: Allowance::of(&decision.reason),
        author: Author::Proved(&record.notice.from),
        quota: Some(*quota),
        now,
    };
    filing::append(tx, part, &mail, &let_in)?;
    consent::count(tx, account, &decision, &entries, record.notice.from.domain())?;
    let event = ArrivalEvent::Stored { target: delivery.target.clone() };
    transition(tx, record, event, now, delivery.jitter, timers)?;
    Ok(Delivered::Stored)
}
