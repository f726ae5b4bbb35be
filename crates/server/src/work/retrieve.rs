//! Retrieves what one origin keeps for us, stores it, and confirms: over one session, target by target. What leaves its origin
//! is wanted in that moment.

use std::sync::Arc;

use delivery::arrival::{ArrivalEvent, Received, Stage};
use delivery::discovery::{self, Route, Target};
use futures_util::future::try_join_all;
use mail::address::Domain;
use mail::status::Status;
use proto::smtp::reply::Reply;
use proto::twoway::decline::{Reason, Refusal};
use proto::twoway::{Command, Confirm, Decline};
use store::{ArrivalRecord, Lease, StoreError, Wanted, Writer};

use crate::events::Event;
use crate::inquiry::Inquirer;
use crate::node::Node;
use crate::outgoing::{Link, Purpose};
use crate::peer::{PeerSession, none_reached};
use crate::work::fetch::{Fetch, Fetched};
use crate::work::local;

/// Retrieves, confirms and declines these arrivals, all from `origin`.
///
/// # Errors
/// The store's; what was not recorded is still due.
pub async fn run(node: Arc<Node>, lease: Lease, origin: Domain, records: Vec<ArrivalRecord>) -> Result<(), StoreError> {
    let round = Round { node, lease, origin };
    let mut open = Open::of(records);
    open.fetches = round.wanted(open.fetches).await?;
    if round.node.is_local(&round.origin) {
        return local::retrieve(&round.node, &round.lease, open.into_records()).await;
    }
    round.over_kept(&mut open).await?;
    if open.is_empty() {
        return Ok(());
    }
    let mut inquirer = Inquirer::default();
    let chance = u64::from_be_bytes(round.node.world.random());
    let step = discovery::retrieval_service(&round.origin, &round.node.settings.dialling, chance);
    match inquirer.decide(&*round.node.world, step).await {
        Route::Targets(targets) => round.try_targets(&mut inquirer, targets, open).await,
        Route::Temporary(reason) => round.defer(open, &reason).await,
        // There was a service when the notice was taken: perhaps there is one again later.
        Route::Nowhere(why) => round.defer(open, &why.to_string()).await,
    }
}

/// The word on a message for which there is no room.
pub(super) const MAILBOX_FULL: &str = "the mailbox is full";

/// The word on a message that would be one too many: what it is let in by counts those that are on their way.
pub(super) const NOT_SO_MANY: &str = "no more are let in until others have come";

/// What is the same for all arrivals of a round.
pub(super) struct Round {
    pub(super) node: Arc<Node>,
    pub(super) lease: Lease,
    pub(super) origin: Domain,
}

/// What is still to be done.
#[derive(Default)]
struct Open {
    /// To be retrieved, from any target that has it; whether octets have come in.
    fetches: Vec<(ArrivalRecord, Received)>,
    /// To be told to the target that served.
    tells: Vec<Tell>,
}

/// A word that the origin is owed.
struct Tell {
    record: ArrivalRecord,
    target: String,
    command: Command,
}

impl Open {
    fn of(records: Vec<ArrivalRecord>) -> Self {
        let mut open = Self::default();
        for record in records {
            match Tell::of(&record) {
                Some(tell) => open.tells.push(tell),
                None => open.fetches.push((record, Received::Nothing)),
            }
        }
        open
    }

    fn into_records(self) -> Vec<ArrivalRecord> {
        let Self { fetches, tells } = self;
        fetches.into_iter().map(|(record, _)| record).chain(tells.into_iter().map(|tell| tell.record)).collect()
    }

    fn is_empty(&self) -> bool {
        self.fetches.is_empty() && self.tells.is_empty()
    }
}

impl Tell {
    /// What the origin of this arrival is to be told, if anything.
    fn of(record: &ArrivalRecord) -> Option<Self> {
        let (id, to) = (record.key.id.clone(), record.notice.to.clone());
        match &record.arrival.stage {
            Stage::Stored { target, .. } => {
                Some(Self { target: target.clone(), command: Command::Confirm(Confirm { id, to }), record: record.clone() })
            }
            Stage::Declining { target, status, text, .. } => {
                let status = Refusal::new(*status).or_else(|| Refusal::new(Status::permanent(0, 0)))?;
                let command = Command::Decline(Decline { id, to, status, text: Reason::new(text) });
                Some(Self { target: target.clone(), command, record: record.clone() })
            }
            Stage::Noted { .. } | Stage::Listed | Stage::Dropped { .. } | Stage::Due { .. } | Stage::Ended(_) => None,
        }
    }
}

impl Round {
    /// Those that are to be retrieved now. The rest stays where it is: its origin has handed over nothing.
    pub(super) async fn wanted(&self, fetches: Vec<(ArrivalRecord, Received)>) -> Result<Vec<(ArrivalRecord, Received)>, StoreError> {
        let asked = fetches.iter().map(|(record, _)| (record.key.account, record.notice.clone())).collect();
        let answers = self.node.store.wanted(asked, self.node.world.now()).await?;
        let (mut now, mut full, mut later) = (Vec::with_capacity(fetches.len()), Vec::new(), Vec::new());
        for (fetch, wanted) in fetches.into_iter().zip(answers) {
            match wanted {
                Wanted::Now => now.push(fetch),
                Wanted::NoRoom => full.push(fetch),
                Wanted::Later => later.push(fetch),
                Wanted::NoLonger => {
                    let (key, node) = (&fetch.0.key, &self.node);
                    match node.store.decide(key, &self.lease, node.world.now(), node.jitter()).await {
                        Ok(_) => {}
                        Err(StoreError::LeaseLost) => return Err(StoreError::LeaseLost),
                        Err(error) => {
                            tracing::warn!(%error, "what is not wanted any more stays due for now");
                            later.push(fetch);
                        }
                    }
                }
            }
        }
        for (fetches, why) in [(full, MAILBOX_FULL), (later, NOT_SO_MANY)] {
            self.defer(Open { fetches, tells: Vec::new() }, why).await?;
        }
        Ok(now)
    }

    /// Does what can be done over a session that waits, if there is one. It may have ended meanwhile; what it did not do goes
    /// over a new one.
    async fn over_kept(&self, open: &mut Open) -> Result<(), StoreError> {
        match self.node.outgoing.take(Purpose::Retrievals(self.origin.clone())) {
            Some(link) => self.work(link.peer, open).await.map(drop),
            None => Ok(()),
        }
    }

    async fn try_targets(&self, inquirer: &mut Inquirer, targets: Vec<Target>, mut open: Open) -> Result<(), StoreError> {
        let mut detail = "no server of the origin has it".to_owned();
        let (mut is_reached, mut is_dialled) = (false, false);
        for target in &targets {
            let concerns = !open.fetches.is_empty() || open.tells.iter().any(|tell| tell.target == target.host.as_str());
            if !concerns {
                continue;
            }
            let opened = PeerSession::open(&self.node, inquirer, &self.origin, target).await;
            is_reached |= opened.is_ok();
            match opened {
                Ok(peer) => match unfit(&peer) {
                    None => {
                        // Finding and dialling it may have taken minutes.
                        open.fetches = self.wanted(open.fetches).await?;
                        if let Err(reason) = self.work(peer, &mut open).await? {
                            detail = reason;
                        }
                    }
                    Some(reason) => {
                        detail = reason;
                        peer.quit().await;
                    }
                },
                Err(error) => {
                    is_dialled |= !error.is_rest();
                    detail = error.to_string();
                }
            }
            if open.is_empty() {
                return Ok(());
            }
        }
        if is_dialled && !is_reached {
            none_reached(&self.node, &self.origin);
        }
        self.defer(open, &detail).await
    }

    /// Does what can be done with this target; what is left stays open. The inner error says why it ended early.
    async fn work(&self, mut peer: PeerSession, open: &mut Open) -> Result<Result<(), String>, StoreError> {
        let mut fetch = Fetch::new(self, &mut peer);
        for (record, received) in std::mem::take(&mut open.fetches) {
            fetch.add(record, received);
        }
        let outcomes = fetch.run().await?;
        let mut broken = None;
        let mut commits = Vec::new();
        for outcome in outcomes {
            match outcome {
                Fetched::Ended { record, event, detail } => commits.push((record, event, detail)),
                Fetched::Open { record, received, reason } => {
                    broken = reason.or(broken);
                    open.fetches.push((record, received));
                }
            }
        }
        let settled = commits.into_iter().map(|(record, event, detail)| async move {
            match event {
                None => Ok(Some(record)),
                Some(event) => self.settle(&record, event, detail).await,
            }
        });
        // What was stored or refused just now is told at once, with what was owed from before.
        let now_owed = try_join_all(settled).await?;
        open.tells.extend(now_owed.into_iter().flatten().filter_map(|record| Tell::of(&record)));
        if let Some(reason) = broken {
            return Ok(Err(reason));
        }
        let told = self.tell(&mut peer, open).await?;
        if told.is_ok() {
            self.node.outgoing.keep(&self.node, Purpose::Retrievals(self.origin.clone()), Link { peer, remote: None });
        }
        Ok(told)
    }

    /// Confirms and declines, pipelined.
    async fn tell(&self, peer: &mut PeerSession, open: &mut Open) -> Result<Result<(), String>, StoreError> {
        let (here, elsewhere): (Vec<_>, Vec<_>) =
            std::mem::take(&mut open.tells).into_iter().partition(|tell| tell.target == peer.host.as_str());
        open.tells = elsewhere;
        let mut replies = Vec::with_capacity(here.len());
        let asked = async {
            for tell in &here {
                peer.send(tell.command.clone())?;
            }
            for _ in &here {
                replies.push(peer.reply().await?);
            }
            Ok::<_, crate::peer::PeerError>(())
        };
        let broken = asked.await.err().map(|error| error.to_string());
        let told = here.into_iter().enumerate().map(|(index, tell)| (tell, replies.get(index)));
        let (heard, unheard): (Vec<_>, Vec<_>) = told.partition(|(tell, reply)| reply.is_some_and(|reply| knows(&tell.command, reply)));
        let settled = heard.into_iter().map(|(tell, reply)| async move {
            let detail = reply.map(ToString::to_string).unwrap_or_default();
            self.settle(&tell.record, ArrivalEvent::OriginKnows, detail).await
        });
        for record in try_join_all(settled).await?.into_iter().flatten() {
            self.node.events.tell(&Event::Done { transfer: record.key.id });
        }
        open.tells.extend(unheard.into_iter().map(|(tell, _)| tell));
        Ok(broken.map_or(Ok(()), Err))
    }

    /// What could not be done now is done later.
    async fn defer(&self, open: Open, detail: &str) -> Result<(), StoreError> {
        let fetches = open.fetches.into_iter().map(|(record, received)| (record, ArrivalEvent::Deferred { received }, "retrieve"));
        let tells = open.tells.into_iter().map(|tell| (tell.record, ArrivalEvent::OriginUnreached, tell_name(&tell.command)));
        let settled = fetches.chain(tells).map(|(record, event, attempt)| async move {
            let (transfer, detail) = (record.key.id.clone(), detail.to_owned());
            self.settle(&record, event, detail.clone()).await?;
            self.node.events.tell(&Event::Deferred { transfer, attempt, detail });
            Ok::<_, StoreError>(())
        });
        try_join_all(settled).await.map(drop)
    }

    async fn settle(&self, record: &ArrivalRecord, event: ArrivalEvent, detail: String) -> Result<Option<ArrivalRecord>, StoreError> {
        self.node.settle_arrival(&record.key, event, Some(detail), Writer::Job(self.lease.clone())).await
    }
}

/// Why nothing may be retrieved from this peer, or asked of it, if so. Content from an unverified server would be from
/// anybody; and PENDING tells whom our users let in.
pub(super) fn unfit(peer: &PeerSession) -> Option<String> {
    if let Some(reason) = peer.unverified() {
        return Some(format!("{} is not verified: {reason}", peer.host));
    }
    peer.twoway().is_none().then(|| format!("{} does not offer two-way mail", peer.host))
}

/// 250; or, of what is stored, the 550 of a target that served it and has forgotten (protocol section 4, Stored). Who is to
/// hear of a refusal may only be without an answer from DNS, and knew us before.
fn knows(told: &Command, reply: &Reply) -> bool {
    reply.is_success() || reply.code == 550 && !matches!(told, Command::Decline(_))
}

const fn tell_name(command: &Command) -> &'static str {
    match command {
        Command::Decline(_) => "decline",
        Command::Assert(_) | Command::Notice(_) | Command::Pending(_) | Command::Retrieve(_) | Command::Confirm(_) => "confirm",
    }
}

#[cfg(test)]
mod tests {
    use mail::id::NoticeId;

    use super::*;

    #[test]
    fn a_confirmation_is_known_to_who_has_forgotten_and_a_refusal_only_to_who_says_so() {
        let id = NoticeId::new(mail::id::Partition::new(7).unwrap(), [7; 16]);
        let to: mail::address::Mailbox = "bob@b.test".parse().unwrap();
        let confirm = Command::Confirm(Confirm { id: id.clone(), to: to.clone() });
        let status = Refusal::new(Status::permanent(7, 1)).unwrap();
        let decline = Command::Decline(Decline { id, to, status, text: Reason::new("no") });
        for (code, of_confirm, of_decline) in [(250, true, true), (550, true, false), (451, false, false), (554, false, false)] {
            let reply = Reply::new(code, None, "");
            assert_eq!((knows(&confirm, &reply), knows(&decline, &reply)), (of_confirm, of_decline), "{code}");
        }
    }
}
