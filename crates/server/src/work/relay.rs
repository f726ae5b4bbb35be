//! Mail for domains without the extension, by ordinary SMTP: one session for what goes the same way, one transaction for
//! each message, and a word on each recipient.
//!
//! As everywhere in SMTP a message can arrive twice: if the reply behind it is lost, or we crash before it is recorded. That
//! it may have arrived is committed before the end of its content leaves, while the server answers DATA: from then on the
//! author is not told that it was withdrawn or not delivered, until a reply says that it was not taken.

mod dial;
mod letter;
mod transaction;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use delivery::discovery::{self, Nowhere};
use delivery::mutant::Mutant;
use delivery::relay::{Conversion, Form, Needs, Offers, Unfit, status_of};
use delivery::transfer::{Reporter, Taking, Transfer, TransferEvent};
use futures_util::future::{join, try_join_all};
use mail::address::{Domain, Mailbox};
use mail::envelope::Way;
use mail::status::Status;
use proto::smtp::command::{ForwardPath, Mail, Rcpt};
use proto::smtp::reply::Reply;
use store::{Lease, Settled, StoreError, TransferRecord, Writer};

use crate::events::Event;
use crate::inquiry::Inquirer;
use crate::node::{Happened, Node, Word};
use crate::outgoing::{Destination, Link};
use crate::peer::{PeerSession, none_reached};
use crate::world::first;
use letter::{Batch, Letter, Source, SourceError, by_message};
use transaction::{After, Leaving, NotLeaving, Outcome};

/// Recipients of one transaction: every server takes that many (RFC 5321 section 4.5.3.1.8).
const RECIPIENTS_MAX: usize = 100;

/// How long to wait where a server has all the sessions of ours it may have.
const BUSY_PAUSE: Duration = Duration::from_secs(1);

/// The transfer's status between two worlds.
pub const TO_BE_RELAYED: &str = "the recipient's server does not speak two-way mail; the message goes there by ordinary SMTP";

/// Where ordinary mail for a domain goes.
pub fn destination(node: &Node, domain: &Domain) -> Destination {
    match node.settings.routes.of(domain) {
        Some(hop) => Destination::Route(hop.clone()),
        None => Destination::Mx(domain.clone()),
    }
}

/// Passes these transfers on, all to one destination.
///
/// # Errors
/// The store's; what was not recorded is still due.
pub async fn run(node: Arc<Node>, lease: Lease, destination: Destination, records: Vec<TransferRecord>) -> Result<(), StoreError> {
    let round = Round { node, lease, destination };
    let records = round.without_pinned(records).await?;
    let mut open = by_message(records);
    if let Some(link) = round.node.outgoing.take(&round.destination) {
        // It may have ended while it waited: what it does not take goes over a new one.
        round.work(link, Others::Left, &mut open).await?;
    }
    if open.is_empty() {
        return Ok(());
    }
    let mut inquirer = Inquirer::default();
    match dial::find(&round.node, &mut inquirer, &round.destination).await {
        dial::Way::Hops(hops) => round.try_hops(&mut inquirer, hops, open).await,
        dial::Way::Temporary(reason) => round.defer(open, &reason).await,
        dial::Way::Nowhere { status, text } => round.nowhere(open, status, text).await,
    }
}

/// What is the same for all mail of a round.
struct Round {
    node: Arc<Node>,
    lease: Lease,
    destination: Destination,
}

/// What came of one transfer, and the words for its status.
type Settling = (TransferRecord, TransferEvent, Word);

impl Round {
    async fn try_hops(&self, inquirer: &mut Inquirer, hops: Vec<dial::Hop>, mut open: Vec<Batch>) -> Result<(), StoreError> {
        let mut detail = String::new();
        let (mut reached, mut dialled, mut busy) = (0, 0, 0);
        let count = hops.len();
        for (place, hop) in hops.into_iter().enumerate() {
            let others = if place + 1 < count { Others::Left } else { Others::None };
            match hop.open(&self.node, inquirer).await {
                Ok(link) => {
                    reached += 1;
                    if let Some(reason) = self.work(link, others, &mut open).await? {
                        detail = reason;
                    }
                }
                Err(error) => {
                    dialled += usize::from(!error.is_rest());
                    busy += usize::from(error.is_busy());
                    detail = error.to_string();
                }
            }
            if open.is_empty() {
                return Ok(());
            }
        }
        if busy == count {
            // No attempt was made, so none is counted: they stay due.
            let until = self.node.world.after(BUSY_PAUSE);
            first(self.node.world.sleep_until(until), self.node.stop.raised()).await;
            return Ok(());
        }
        if let Destination::Mx(domain) = &self.destination
            && reached == 0
        {
            if inquirer.decide(&*self.node.world, discovery::addressless(domain)).await {
                return self.nowhere(open, status_of(Nowhere::NoAddress), format!("{domain}: {}", Nowhere::NoAddress)).await;
            }
            if dialled > 0 {
                none_reached(&self.node, domain);
            }
        }
        // What no server could have, though all were asked, none will have.
        let (unfit, later): (Vec<_>, Vec<_>) = open.into_iter().partition(|batch| batch.unfit.is_some() && reached == count);
        for batch in unfit {
            if let Some(unfit) = batch.unfit {
                self.refuse(batch.records, unfit).await?;
            }
        }
        self.defer(later, &detail).await
    }

    /// DNS says for good that there is nobody to pass them on to.
    async fn nowhere(&self, open: Vec<Batch>, status: Status, text: String) -> Result<(), StoreError> {
        let event = TransferEvent::RelayRefused { status, text: text.clone() };
        let all = open.into_iter().flat_map(|batch| batch.records);
        self.record(all.map(|record| (record, event.clone(), Word::from(Some(text.clone())))).collect()).await
    }

    /// Never push with a live pin: the domain speaks the extension, whatever its servers seemed to offer when these began
    /// to be relayed (protocol section 7). What nobody can have yet is noticed instead.
    async fn without_pinned(&self, records: Vec<TransferRecord>) -> Result<Vec<TransferRecord>, StoreError> {
        let mut pinned: BTreeMap<Domain, bool> = BTreeMap::new();
        let (mut free, mut held) = (Vec::with_capacity(records.len()), Vec::new());
        for record in records {
            let domain = record.recipient.mailbox.domain();
            let is_pinned = if let Some(known) = pinned.get(domain) {
                *known
            } else {
                let is_live = self.node.store.pin(domain).await?.is_some_and(|pin| pin.is_live(self.node.world.now()));
                pinned.insert(domain.clone(), is_live);
                is_live
            };
            if is_pinned { held.push(record) } else { free.push(record) }
        }
        let word = Word::of_nobody_reached("the recipient's domain is known to speak two-way mail: nothing is pushed to it".to_owned());
        self.record(held.into_iter().map(|record| (record, TransferEvent::ExtensionKnown, word.clone())).collect()).await?;
        Ok(free)
    }

    /// Gives this server all it takes; what is left stays open. Says why, if the session ended early.
    async fn work(&self, link: Link, others: Others, open: &mut Vec<Batch>) -> Result<Option<String>, StoreError> {
        let Link { mut peer, remote } = link;
        let mut left = Vec::new();
        let mut settled: Vec<Settling> = Vec::new();
        let mut waiting = std::mem::take(open).into_iter();
        let mut next = waiting.next();
        let mut broken = None;
        while let Some(batch) = next.take() {
            let Some(letter) = Letter::open(&self.node, &batch).await? else {
                next = waiting.next();
                continue;
            };
            // The outcomes of the last message are recorded while this one is sent.
            let (recorded, sent) =
                join(self.record(std::mem::take(&mut settled)), self.send((&mut peer, remote.as_ref(), others), letter)).await;
            let Sent { outcomes, surplus, elsewhere, after } = sent;
            settled = outcomes;
            recorded?;
            left.extend(elsewhere);
            next = surplus.or_else(|| waiting.next());
            if let Err(reason) = after {
                broken = Some(reason);
                break;
            }
        }
        self.record(settled).await?;
        left.extend(next);
        left.extend(waiting);
        *open = left;
        if broken.is_none() {
            self.node.outgoing.keep(&self.node, &self.destination, Link { peer, remote });
        }
        Ok(broken)
    }

    /// One transaction.
    async fn send(&self, (peer, remote, others): (&mut PeerSession, Option<&Domain>, Others), letter: Letter) -> Sent {
        let needs = needs_of(&letter);
        let form = match Form::choose(&needs, &offers_of(peer)) {
            Ok(form) => form,
            // Another host of theirs may promise it; for all else they are alike.
            Err(unfit @ Unfit::RequireTls) => {
                return Sent::elsewhere(Batch { records: letter.records, unfit: Some(unfit) });
            }
            Err(unfit) => return Sent::refused(letter.records, unfit),
        };
        let source = match self.source(&letter, form.conversion).await {
            Ok(source) => source,
            Err(Unready::Unfit(unfit)) => return Sent::refused(letter.records, unfit),
            Err(Unready::Unreadable(why)) => return Sent::unreadable(letter.records, &why.to_string()),
        };
        let mut records = letter.records.clone();
        let later = records.split_off(records.len().min(recipients_max(peer)));
        let has_dsn = peer.capabilities().has("DSN");
        let Some(sample) = records.first() else { return Sent::elsewhere(Batch { records: later, unfit: None }) };
        let envelope = (mail_of(peer, sample, form, &needs), records.iter().map(|record| rcpt_of(record, has_dsn)).collect());
        let timeouts = self.node.settings.limits.timeouts;
        let (outcomes, after) = transaction::run(peer, timeouts, envelope, (source, form.carriage), self.leaving(&records)).await;
        let host = peer.host.clone();
        let mut sent = Sent { outcomes: Vec::new(), surplus: None, elsewhere: Vec::new(), after: Ok(()) };
        let (mut surplus, mut broken) = (later, Vec::new());
        let mut reason = None;
        for (record, outcome) in records.into_iter().zip(outcomes) {
            match outcome {
                Outcome::Surplus(_) => surplus.push(record),
                Outcome::Broken(why) => {
                    reason = Some(format!("{host}: {why}"));
                    broken.push(record);
                }
                // It is closing (RFC 5321 section 3.8), which says nothing of the other servers.
                Outcome::Deferred(reply) if reply.code == 421 && others == Others::Left => {
                    reason = Some(format!("{host} said: {reply}"));
                    broken.push(record);
                }
                over => sent.outcomes.push(settling(record, over, &host, remote, has_dsn)),
            }
        }
        sent.surplus = (!surplus.is_empty()).then_some(Batch { records: surplus, unfit: None });
        if !broken.is_empty() {
            sent.elsewhere.push(Batch { records: broken, unfit: None });
        }
        if after == After::Over {
            sent.after = Err(reason.unwrap_or_else(|| format!("{host} ended the session")));
        }
        sent
    }

    /// Records of these that a server may have taken them, just before that is so.
    fn leaving(&self, records: &[TransferRecord]) -> Leaving<'_> {
        let records = records.to_vec();
        Box::new(move |open| {
            let open = open.into_iter().filter_map(|place| records.get(place));
            let ending: Vec<_> = open.map(|record| Happened::to(record, TransferEvent::RelayEnding, None)).collect();
            Box::pin(async move {
                let settled = self.node.settle_together(ending, &Writer::Job(self.lease.clone())).await?;
                // Whoever takes it back may have looked before it was held, and recorded it only now.
                let is_relaying =
                    |settled: &Option<Settled>| settled.as_ref().is_some_and(|now| matches!(now.after, Transfer::Relaying { .. }));
                if settled.iter().all(is_relaying) { Ok(()) } else { Err(NotLeaving::TakenBack) }
            })
        })
    }

    /// The content in the form that this server takes.
    async fn source(&self, letter: &Letter, conversion: Conversion) -> Result<Source, Unready> {
        if conversion == Conversion::None {
            return Ok(letter.source(&self.node));
        }
        match (letter.plan(&self.node).await?, conversion) {
            (Ok(plan), _) => Ok(letter.converted(&self.node, &plan)),
            (Err(_), Conversion::Required) => Err(Unready::Unfit(Unfit::EightBit)),
            // Long lines that can't be helped: most servers take them.
            (Err(_), Conversion::Wished | Conversion::None) => Ok(letter.source(&self.node)),
        }
    }

    async fn refuse(&self, records: Vec<TransferRecord>, unfit: Unfit) -> Result<(), StoreError> {
        self.record(Sent::refused(records, unfit).outcomes).await
    }

    async fn defer(&self, open: Vec<Batch>, detail: &str) -> Result<(), StoreError> {
        let all = open.into_iter().flat_map(|batch| batch.records);
        let word = Word::of_nobody_reached(detail.to_owned());
        let deferred = |record| (deferral(&record), record);
        self.record(all.map(deferred).map(|(event, record)| (record, event, word.clone())).collect()).await
    }

    /// Commits what came of them; recipients of one message together, so that one report tells of them all.
    async fn record(&self, settled: Vec<Settling>) -> Result<(), StoreError> {
        let writer = Writer::Job(self.lease.clone());
        let deferred: Vec<_> = settled
            .iter()
            .filter(|(_, event, _)| matches!(event, TransferEvent::RelayDeferred { .. } | TransferEvent::ExtensionKnown))
            .map(|(record, _, word)| (record.id.clone(), word.detail.clone().unwrap_or_default()))
            .collect();
        let happened = settled.into_iter().map(|(record, event, word)| Happened::to(&record, event, word)).collect();
        let groups = Happened::by_message(happened).into_iter().map(|group| self.node.settle_together(group, &writer));
        try_join_all(groups).await?;
        for (transfer, detail) in deferred {
            self.node.events.tell(&Event::Deferred { transfer, attempt: "relay", detail });
        }
        Ok(())
    }
}

/// Whether there are servers to try after this one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Others {
    Left,
    None,
}

/// Why content is not there to be sent.
#[derive(Debug, thiserror::Error)]
enum Unready {
    #[error(transparent)]
    Unfit(Unfit),
    #[error(transparent)]
    Unreadable(#[from] SourceError),
}

/// What came of one transaction.
struct Sent {
    outcomes: Vec<Settling>,
    /// For another transaction in the same session.
    surplus: Option<Batch>,
    /// For another server.
    elsewhere: Vec<Batch>,
    /// Why the session can't be used again, if so.
    after: Result<(), String>,
}

impl Sent {
    fn elsewhere(batch: Batch) -> Self {
        Self { outcomes: Vec::new(), surplus: None, elsewhere: vec![batch], after: Ok(()) }
    }

    fn unreadable(records: Vec<TransferRecord>, why: &str) -> Self {
        let deferred = |record| (deferral(&record), record);
        let outcomes = records.into_iter().map(deferred).map(|(event, record)| (record, event, Word::from(Some(why.to_owned())))).collect();
        Self { outcomes, surplus: None, elsewhere: Vec::new(), after: Ok(()) }
    }

    fn refused(records: Vec<TransferRecord>, unfit: Unfit) -> Self {
        let (status, text) = (unfit.status(), unfit.to_string());
        let event = TransferEvent::RelayRefused { status, text: text.clone() };
        let outcomes = records.into_iter().map(|record| (record, event.clone(), Word::from(Some(text.clone())))).collect();
        Self { outcomes, surplus: None, elsewhere: Vec::new(), after: Ok(()) }
    }
}

/// What one recipient's outcome is to its transfer.
fn settling(record: TransferRecord, outcome: Outcome, host: &str, remote: Option<&Domain>, has_dsn: bool) -> Settling {
    let word = |detail: String, reply: Option<&Reply>| match remote {
        Some(remote) => Word::of_server(detail, remote.clone(), reply),
        None => Word { detail: Some(detail), attempt: Some((None, reply.map(ToString::to_string))) },
    };
    let deferred = deferral(&record);
    match outcome {
        Outcome::Taken(reply) => {
            // RFC 3461 section 5.2.2: where the next server knows DSN, it answers what the author wished.
            let reporter = if has_dsn { Reporter::NextServer } else { Reporter::Here };
            let detail = format!("passed on to {host} by ordinary SMTP: {reply}");
            (record, TransferEvent::RelayAccepted { reporter }, word(detail, Some(&reply)))
        }
        Outcome::Refused(reply) => {
            let (status, text) = (reply.status.unwrap_or(Status::permanent(0, 0)), format!("{host} refused the message: {reply}"));
            (record, TransferEvent::RelayRefused { status, text: text.clone() }, word(text, Some(&reply)))
        }
        Outcome::Deferred(reply) if Mutant::RelayPutOffIsTaken.is_in() => {
            (record, TransferEvent::RelayAccepted { reporter: Reporter::Here }, word(String::new(), Some(&reply)))
        }
        Outcome::Deferred(reply) => {
            let detail = format!("{host} does not take the message now: {reply}");
            (record, deferred, word(detail, Some(&reply)))
        }
        Outcome::Unanswered(why) => {
            // RFC 5321 section 4.5.3.2.6: whoever gives up waiting for this reply sends the message again.
            let detail = format!("{host} may have taken the message: its reply was lost ({why}); it is sent again, and may arrive twice");
            (record, TransferEvent::RelayDeferred { taking: Taking::Possible }, word(detail, None))
        }
        Outcome::Unreadable(why) => (record, deferred, Word::from(Some(why))),
        Outcome::Broken(why) => (record, deferred, word(format!("{host}: {why}"), None)),
        Outcome::Surplus(reply) => (record, deferred, word(format!("{host} has enough recipients for now: {reply}"), Some(&reply))),
    }
}

/// What is known of this one after an attempt that took nothing: as much as before.
fn deferral(record: &TransferRecord) -> TransferEvent {
    let taking = if let Transfer::Relaying { taking, .. } = record.transfer { taking } else { Taking::Excluded };
    TransferEvent::RelayDeferred { taking }
}

fn needs_of(letter: &Letter) -> Needs {
    let first = letter.records.first();
    let beyond_ascii = |record: &TransferRecord| {
        let author = record.from.needs_smtputf8() || record.reverse_path.mailbox().is_some_and(Mailbox::needs_smtputf8);
        author || record.recipient.mailbox.needs_smtputf8()
    };
    // RFC 6531 sections 3.2 and 3.6: said without need, it is no reason to keep the message from a server without the
    // extension. A body beyond ASCII needs 8BITMIME, and no more.
    let smtputf8 = letter.has_utf8_header || letter.records.iter().any(beyond_ascii);
    Needs { content: letter.octets, smtputf8, require_tls: first.is_some_and(|record| record.way.require_tls) }
}

fn offers_of(peer: &PeerSession) -> Offers {
    let offered = peer.capabilities();
    Offers {
        size_octets_max: offered.size_octets_max(),
        eight_bit_mime: offered.has("8BITMIME"),
        chunking: offered.has("CHUNKING"),
        binary_mime: offered.has("BINARYMIME"),
        smtputf8: offered.has("SMTPUTF8"),
        // RFC 8689 section 4.2.1. That the MX records themselves are proved (DNSSEC, MTA-STS) is not asked yet.
        verified_require_tls: offered.has("REQUIRETLS") && peer.unverified().is_none(),
    }
}

/// Recipients that fit into one transaction.
fn recipients_max(peer: &PeerSession) -> usize {
    peer.capabilities().recipients_max().map_or(RECIPIENTS_MAX, |most| most.clamp(1, RECIPIENTS_MAX))
}

fn mail_of(peer: &PeerSession, record: &TransferRecord, form: Form, needs: &Needs) -> Mail {
    let offered = peer.capabilities();
    let has_dsn = offered.has("DSN");
    Mail {
        size_octets: offered.has("SIZE").then_some(needs.content.size_octets),
        body: form.body,
        smtputf8: needs.smtputf8,
        returns: record.returns.filter(|_| has_dsn),
        envelope_id: record.envelope_id.clone().filter(|_| has_dsn),
        way: Way { require_tls: record.way.require_tls, twoway_only: false },
        ..Mail::new(record.reverse_path.clone())
    }
}

fn rcpt_of(record: &TransferRecord, has_dsn: bool) -> Rcpt {
    let plain = Rcpt::new(ForwardPath::Mailbox(record.recipient.mailbox.clone()));
    if has_dsn { Rcpt { report: record.recipient.report, original: record.recipient.original.clone(), ..plain } } else { plain }
}
