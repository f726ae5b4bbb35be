//! Gives notices to the servers of one domain: finds them, opens one session, pipelines, records each reply.

use std::sync::Arc;

use delivery::discovery::{self, Absence, Extension, HostFinding, Nowhere, Route, Target, TlsFailure};
use delivery::dns::Inquiry;
use delivery::pin::{Keyword, Pin};
use delivery::policy::{Policy, PolicyOf};
use delivery::relay::{MxRoute, NoticePolicy, by_mx};
use delivery::transfer::{NoticeLine, Transfer, TransferEvent};
use futures_util::future::try_join_all;
use mail::address::Domain;
use mail::notice::Notice;
use mail::status::Status;
use mail::time::Timestamp;
use proto::smtp::reply::Reply;
use proto::twoway::Command;
use store::{Lease, Settled, StoreError, TransferRecord, Writer};

use crate::events::Event;
use crate::inquiry::Inquirer;
use crate::listen::retrievals::notice_of;
use crate::node::{Happened, Node, Word};
use crate::outgoing::{Destination, Link, Purpose};
use crate::peer::{PeerError, PeerSession, none_reached};
use crate::work::{local, relay};

/// Gives the notices of these transfers, all to recipients of `domain`.
///
/// # Errors
/// The store's; what was not recorded is still due.
pub async fn run(node: Arc<Node>, lease: Lease, domain: Domain, records: Vec<TransferRecord>) -> Result<(), StoreError> {
    let round = Round { node, lease, domain };
    if round.node.is_local(&round.domain) {
        return local::notify(&round.node, &round.lease, records).await;
    }
    let records = round.without_unasked(records).await?;
    if records.is_empty() {
        return Ok(());
    }
    let records = round.over_kept(records).await?;
    if records.is_empty() {
        return Ok(());
    }
    let mut inquirer = Inquirer::default();
    let chance = u64::from_be_bytes(round.node.world.random());
    let step = discovery::exchange_hosts(&round.domain, &round.node.settings.dialling, chance);
    match inquirer.decide(&*round.node.world, step).await {
        Route::Targets(targets) => round.try_targets(&mut inquirer, targets, records).await,
        Route::Temporary(reason) => round.defer(records, &reason).await,
        Route::Nowhere(why) => round.nowhere(records, why).await,
    }
}

/// What is the same for all notices of a round.
struct Round {
    node: Arc<Node>,
    lease: Lease,
    domain: Domain,
}

impl Round {
    async fn try_targets(&self, inquirer: &mut Inquirer, targets: Vec<Target>, records: Vec<TransferRecord>) -> Result<(), StoreError> {
        let pin = self.node.store.pin(&self.domain).await?;
        let policy = inquirer.decide(&*self.node.world, Inquiry::begin(PolicyOf(self.domain.clone()))).await;
        let mut findings = Vec::new();
        let mut ordinary = self.ordinary_hosts(&targets);
        let mut detail = String::new();
        let mut is_dialled = false;
        for target in targets {
            let extension = match PeerSession::open(&self.node, inquirer, &self.domain, &target).await {
                Ok(peer) if peer.twoway().is_some() => {
                    let keyword = if peer.unverified().is_none() { Keyword::SeenOverVerifiedTls } else { Keyword::NotSeen };
                    self.node.absences.forget(&self.domain);
                    self.pin(pin, policy.as_ref().ok(), keyword).await?;
                    return self.give(peer, &target.host, records, Session::New).await.map(drop);
                }
                Ok(peer) => {
                    let (extension, what) = if peer.offers_twoway() {
                        (Extension::NotReached, "offers two-way mail in a form that can't be read")
                    } else {
                        (Extension::NotOffered, "does not offer two-way mail")
                    };
                    detail = format!("{} {what}", target.host);
                    self.leave(peer, &target.host, extension, &mut ordinary).await;
                    extension
                }
                Err(PeerError::NoTls { failure, reason }) => {
                    detail = format!("{}: TLS was offered and did not come about: {reason}", target.host);
                    Extension::WithoutTls(failure)
                }
                Err(error) => {
                    is_dialled |= !error.is_rest();
                    detail = error.to_string();
                    Extension::NotReached
                }
            };
            findings.push(HostFinding { preference: target.preference, extension });
        }
        if findings.iter().all(|finding| finding.extension == Extension::NotReached) {
            if inquirer.decide(&*self.node.world, discovery::addressless(&self.domain)).await {
                return self.nowhere(records, Nowhere::NoAddress).await;
            }
            if is_dialled {
                none_reached(&self.node, &self.domain);
            }
        }
        // A policy that can't be read may be one that says "never without": no push on that ground. One that can is
        // remembered, for the day on which somebody keeps it from us.
        self.pin(pin, policy.as_ref().ok(), Keyword::NotSeen).await?;
        let now = self.node.world.now();
        let absence = policy
            .map_or(Absence::Unproved, |policy| discovery::absence(&findings, Pin::renewed(pin, &policy, Keyword::NotSeen, now), now));
        match absence {
            Absence::Certain => {
                self.node.absences.note(&self.domain, now);
                self.absent(records).await
            }
            Absence::WithoutTls(failure) => self.without_tls(records, failure, &detail).await,
            Absence::Unproved => self.defer(records, &detail).await,
        }
    }

    /// DNS says for good that there is nobody to give them to.
    async fn nowhere(&self, records: Vec<TransferRecord>, why: Nowhere) -> Result<(), StoreError> {
        // A domain that DNS does not know, or calls one without mail, may be one that only the administrator knows.
        if self.node.settings.routes.named(&self.domain).is_some() {
            return self.absent_unless_pinned(records).await;
        }
        self.refuse(records, why).await
    }

    /// Without TLS the extension can't be spoken, whatever was offered in the clear. Who can break a handshake can strip
    /// STARTTLS as well; against both there are pins. How often it must fail to be believed, each transfer knows.
    async fn without_tls(&self, records: Vec<TransferRecord>, failure: TlsFailure, detail: &str) -> Result<(), StoreError> {
        // What is two-way or not at all has nothing to gain from being believed.
        let (only, others): (Vec<_>, Vec<_>) = records.into_iter().partition(|record| record.way.twoway_only);
        self.defer(only, detail).await?;
        self.fail_attempt(others, TransferEvent::TlsFailed(failure), detail).await
    }

    /// The same as [`Self::absent`], where nobody has looked at the domain's servers.
    async fn absent_unless_pinned(&self, records: Vec<TransferRecord>) -> Result<(), StoreError> {
        let now = self.node.world.now();
        if self.node.store.pin(&self.domain).await?.is_some_and(|pin| pin.is_live(now)) {
            return self.defer(records, "the domain is known to speak two-way mail, and DNS says that it has no servers").await;
        }
        self.absent(records).await
    }

    /// The domain's servers do not speak the extension: to ordinary SMTP, unless the author asked for two-way mail only.
    async fn absent(&self, records: Vec<TransferRecord>) -> Result<(), StoreError> {
        let (only, others): (Vec<_>, Vec<_>) = records.into_iter().partition(|record| record.way.twoway_only);
        let text = "you asked for two-way mail only, and the recipient's server does not speak it; nothing was sent there";
        // RFC 3463 section 3.4: X.3.3, a selected feature is not supported by the destination.
        let never = TransferEvent::ExtensionAbsentNeverPush { status: Status::permanent(3, 3), text: text.to_owned() };
        let never = |record| Happened::to(record, never.clone(), Some(text.to_owned()));
        let absent = |record| Happened::to(record, TransferEvent::ExtensionAbsent, Some(relay::TO_BE_RELAYED.to_owned()));
        self.settle_all(only.iter().map(never).chain(others.iter().map(absent)).collect()).await
    }

    /// The hosts that ordinary mail for this domain goes to, in this order; none if it goes by a route.
    fn ordinary_hosts(&self, targets: &[Target]) -> Vec<Domain> {
        if relay::destination(&self.node, &self.domain) != Destination::Mx(self.domain.clone()) {
            return Vec::new();
        }
        match by_mx(&self.domain, Route::Targets(targets.to_vec()), &self.node.settings.hostname) {
            MxRoute::Hosts(hosts) => hosts.into_iter().map(|target| target.host).collect(),
            MxRoute::Nowhere { .. } | MxRoute::Temporary(_) => Vec::new(),
        }
    }

    /// Is done with a server to which no notice can be given. The first without the extension is where ordinary mail goes:
    /// it was greeted, TLS stands, and what is about to be relayed finds the session waiting.
    async fn leave(&self, peer: PeerSession, host: &Domain, extension: Extension, ordinary: &mut Vec<Domain>) {
        if extension == Extension::NotOffered && ordinary.contains(host) {
            ordinary.clear();
            let link = Link { peer, remote: Some(host.clone()) };
            self.node.outgoing.keep(&self.node, &Destination::Mx(self.domain.clone()), link);
        } else {
            peer.quit().await;
        }
    }

    /// Takes away what goes to ordinary SMTP without a question: by a route without notices, or because the domain was
    /// found without the extension a moment ago. Not what may have been noticed already, nor mail for a domain that is known
    /// to speak the extension: that is never pushed.
    async fn without_unasked(&self, records: Vec<TransferRecord>) -> Result<Vec<TransferRecord>, StoreError> {
        let now = self.node.world.now();
        let is_routed = self.node.settings.routes.of(&self.domain).is_some_and(|route| route.notices == NoticePolicy::Never);
        if !is_routed && !self.node.absences.is_known(&self.domain, now) {
            return Ok(records);
        }
        if self.node.store.pin(&self.domain).await?.is_some_and(|pin| pin.is_live(now)) {
            return Ok(records);
        }
        // What was found a moment ago is not enough to fail a message for good.
        let is_unasked = |record: &TransferRecord| {
            matches!(record.transfer, Transfer::Notifying { line: NoticeLine::Unsent, .. }) && (is_routed || !record.way.twoway_only)
        };
        let (unasked, rest): (Vec<_>, Vec<_>) = records.into_iter().partition(is_unasked);
        self.absent(unasked).await?;
        Ok(rest)
    }

    /// Remembers that the domain speaks the extension, before a notice shows that we believe it.
    async fn pin(&self, pin: Option<Pin>, policy: Option<&Policy>, keyword: Keyword) -> Result<(), StoreError> {
        let Some(policy) = policy else { return Ok(()) };
        let now = self.node.world.now();
        let renewed = Pin::renewed(pin, policy, keyword, now);
        // Renewing at every message would be a commit more for each: half an hour of a pin's life is worth nothing.
        let is_news = match (pin, renewed) {
            (Some(old), Some(new)) => new.until.since(old.until) >= PIN_STEP || new.until < old.until,
            (old, new) => old.is_some() != new.is_some(),
        };
        if is_news { self.node.store.set_pin(&self.domain, renewed).await } else { Ok(()) }
    }

    /// Gives the notices over a session that waits for them, if there is one. Returns those that need another.
    async fn over_kept(&self, records: Vec<TransferRecord>) -> Result<Vec<TransferRecord>, StoreError> {
        match self.node.outgoing.take(Purpose::Notices(self.domain.clone())) {
            Some(Link { peer, remote: Some(host) }) => self.give(peer, &host, records, Session::Kept).await,
            Some(_) | None => Ok(records),
        }
    }

    /// Gives the notices over an open session. One that was kept may have ended while it waited: then those that it gave no
    /// answer to are returned.
    async fn give(
        &self,
        mut peer: PeerSession,
        host: &Domain,
        records: Vec<TransferRecord>,
        session: Session,
    ) -> Result<Vec<TransferRecord>, StoreError> {
        let (fitting, unfit) = sort_out(&peer, records);
        let mut refused = Vec::with_capacity(unfit.len());
        for (record, status, text) in unfit {
            let event = TransferEvent::NoticeRefused { status, text: text.to_owned() };
            refused.push(Happened::to(&record, event, Word::of_server(text.to_owned(), host.clone(), None)));
        }
        self.settle_all(refused).await?;
        let sending = try_join_all(fitting.into_iter().map(|record| self.begin(record))).await?;
        let mut notices: Vec<(TransferRecord, Notice)> = sending.into_iter().flatten().collect();
        let mut replies = Vec::with_capacity(notices.len());
        let broken = exchange(&mut peer, &notices, &mut replies).await.err();
        let is_unheard = broken.is_some() && session == Session::Kept;
        let unheard = if is_unheard { notices.split_off(replies.len()) } else { Vec::new() };
        let outcomes: Vec<_> =
            notices.iter().enumerate().map(|(index, (record, _))| outcome(record, host, replies.get(index), broken.as_ref())).collect();
        let events: Vec<_> = outcomes.iter().map(|happened| event_of(happened, host)).collect();
        self.settle_all(outcomes).await?;
        for event in events.into_iter().flatten() {
            self.node.events.tell(&event);
        }
        if broken.is_none() && notices_left(&peer) > 0 {
            let link = Link { peer, remote: Some(host.clone()) };
            self.node.outgoing.keep(&self.node, Purpose::Notices(self.domain.clone()), link);
        } else if broken.is_none() {
            peer.quit().await;
        }
        Ok(unheard.into_iter().map(|(record, _)| record).collect())
    }

    /// Commits that the line may leave; the notice as it then must be. `None` if the transfer has moved on.
    async fn begin(&self, mut record: TransferRecord) -> Result<Option<(TransferRecord, Notice)>, StoreError> {
        let Some(settled) = self.settle(&record, TransferEvent::NoticeSending, None).await? else { return Ok(None) };
        record.transfer = settled.after;
        let (Transfer::Notifying { line: NoticeLine::MayHaveLeft { expires }, .. }
        | Transfer::Waiting { expires, .. }
        | Transfer::Served { expires, .. }) = record.transfer
        else {
            return Ok(None);
        };
        let notice = Notice { expires: whole_seconds(expires), ..notice_of(&record, self.node.moment()) };
        Ok(Some((record, notice)))
    }

    async fn defer(&self, records: Vec<TransferRecord>, detail: &str) -> Result<(), StoreError> {
        self.fail_attempt(records, TransferEvent::NoticeDeferred, detail).await
    }

    async fn fail_attempt(&self, records: Vec<TransferRecord>, event: TransferEvent, detail: &str) -> Result<(), StoreError> {
        let transfers: Vec<_> = records.iter().map(|record| record.id.clone()).collect();
        let word = Word::of_nobody_reached(detail.to_owned());
        self.settle_all(records.iter().map(|record| Happened::to(record, event.clone(), word.clone())).collect()).await?;
        for transfer in transfers {
            self.node.events.tell(&Event::Deferred { transfer, attempt: "notice", detail: detail.to_owned() });
        }
        Ok(())
    }

    async fn refuse(&self, records: Vec<TransferRecord>, why: Nowhere) -> Result<(), StoreError> {
        let status = delivery::relay::status_of(why);
        let text = format!("{}: {why}", self.domain);
        let event = TransferEvent::NoticeRefused { status, text: text.clone() };
        self.settle_all(records.iter().map(|record| Happened::to(record, event.clone(), Some(text.clone()))).collect()).await
    }

    /// Records what happened; recipients of one message together, so that one report tells of them all.
    async fn settle_all(&self, happened: Vec<Happened>) -> Result<(), StoreError> {
        let writer = Writer::Job(self.lease.clone());
        let groups = Happened::by_message(happened).into_iter().map(|group| self.node.settle_together(group, &writer));
        try_join_all(groups).await.map(drop)
    }

    async fn settle(&self, record: &TransferRecord, event: TransferEvent, detail: Option<String>) -> Result<Option<Settled>, StoreError> {
        self.node.settle_event(&record.id, event, detail, Writer::Job(self.lease.clone())).await
    }
}

/// Whether a session was opened for this, or has waited for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Session {
    New,
    Kept,
}

/// A pin is written again when that makes it live so much longer.
const PIN_STEP: std::time::Duration = std::time::Duration::from_mins(30);

/// What came of one notice.
fn outcome(record: &TransferRecord, host: &Domain, reply: Option<&Reply>, broken: Option<&PeerError>) -> Happened {
    let (event, detail) = match reply {
        Some(reply) if reply.is_success() => {
            return Happened::to(record, TransferEvent::NoticeAccepted, Some(format!("noticed at {host}")));
        }
        Some(reply) if reply.is_permanent() => {
            let status = reply.status.unwrap_or(Status::permanent(0, 0));
            let text = format!("{host} refused the notice: {reply}");
            (TransferEvent::NoticeRefused { status, text: text.clone() }, text)
        }
        Some(reply) => (TransferEvent::NoticeDeferred, format!("{host} does not take the notice now: {reply}")),
        None => {
            let reason = broken.map_or_else(|| "the session ended".to_owned(), ToString::to_string);
            (TransferEvent::NoticeDeferred, format!("{host}: {reason}"))
        }
    };
    Happened::to(record, event, Word::of_server(detail, host.clone(), reply))
}

/// What is told of one notice, besides what the transfer's end tells.
fn event_of(happened: &Happened, host: &Domain) -> Option<Event> {
    let transfer = happened.id.clone();
    match happened.event {
        TransferEvent::NoticeAccepted => Some(Event::NoticeAccepted { transfer, host: host.to_string() }),
        TransferEvent::NoticeDeferred => {
            let detail = happened.word.detail.clone().unwrap_or_default();
            Some(Event::Deferred { transfer, attempt: "notice", detail })
        }
        _ => None,
    }
}

/// How many more notices the peer takes in this session.
fn notices_left(peer: &PeerSession) -> u64 {
    peer.twoway().map_or(u64::MAX, |capability| capability.notices_max.saturating_sub(peer.notices))
}

/// What this server would refuse is refused without asking it; what is over its number waits for the next session.
fn sort_out(peer: &PeerSession, records: Vec<TransferRecord>) -> (Vec<TransferRecord>, Vec<(TransferRecord, Status, &'static str)>) {
    let (mut fitting, mut unfit) = (Vec::new(), Vec::new());
    let capability = peer.twoway();
    let size_max = capability.map_or(u64::MAX, |capability| capability.size_octets_max);
    // At least one, or a server that offers none would be dialled in a circle: it has to say so to a notice.
    let notices_max = notices_left(peer).max(1);
    for record in records {
        let needs_utf8 = record.smtputf8 || record.recipient.mailbox.needs_smtputf8() || record.from.needs_smtputf8();
        if record.content.size_octets > size_max {
            unfit.push((record, Status::permanent(3, 4), "the message is larger than the recipient's server takes"));
        } else if needs_utf8 && !peer.takes_smtputf8() {
            unfit.push((record, Status::permanent(6, 7), "the recipient's server does not take internationalised mail"));
        } else if u64::try_from(fitting.len()).unwrap_or(u64::MAX) < notices_max {
            fitting.push(record);
        }
    }
    (fitting, unfit)
}

/// Sends all, then reads all: one round trip. On an error `replies` holds those that came.
async fn exchange(peer: &mut PeerSession, notices: &[(TransferRecord, Notice)], replies: &mut Vec<Reply>) -> Result<(), PeerError> {
    for (_, notice) in notices {
        peer.send(Command::Notice(Box::new(notice.clone())))?;
    }
    for _ in notices {
        replies.push(peer.reply().await?);
    }
    Ok(())
}

/// A stamp has whole seconds: the notice promises no more than we keep.
fn whole_seconds(time: Timestamp) -> Timestamp {
    Timestamp::from_millis(time.as_millis().div_euclid(1000) * 1000)
}
