//! NOTICE, at the destination: who may give it, whether there is such a mailbox, one commit for the batch.
//!
//! What the recipient thinks of the sender is not looked at here: the reply can't depend on it.

use std::collections::BTreeMap;
use std::time::Duration;

use delivery::authority::{Role, Verdict};
use delivery::contacts::Proof;
use delivery::discovery::{self, Route};
use delivery::mutant::Mutant;
use delivery::schedule::decision_delay;
use mail::notice::Notice;
use mail::status::Status;
use proto::smtp::replies;
use proto::smtp::reply::Reply;
use store::{Account, Evidence, NewArrival};

use crate::addressees;
use crate::events::Event;
use crate::inquiry::Inquirer;
use crate::listen::conversation::Conversation;
use crate::listen::exchange::{authority, dns_trouble, store_trouble};
use crate::rates::Giver;
use crate::real::counted_as;

/// Records the notices of a batch in one commit, and says what is to be answered to each, in order.
pub async fn record(conversation: &Conversation, inquirer: &mut Inquirer, batch: Vec<Notice>) -> Vec<Reply> {
    let mut accounts = BTreeMap::new();
    let mut arrivals = Vec::with_capacity(batch.len());
    let mut replies = Vec::with_capacity(batch.len());
    for notice in batch {
        match admit(conversation, inquirer, &mut accounts, &notice).await {
            Ok(Admitted::New(account, evidence)) => {
                replies.push(None);
                arrivals.push(arrival(conversation, notice, &account, evidence));
            }
            Ok(Admitted::Known) => replies.push(Some(replies::ok())),
            Err(reply) => replies.push(Some(reply)),
        }
    }
    let recorded = commit(conversation, arrivals).await;
    replies.into_iter().map(|refusal| refusal.unwrap_or_else(|| recorded.clone())).collect()
}

/// Commits, and only then says 250.
async fn commit(conversation: &Conversation, arrivals: Vec<NewArrival>) -> Reply {
    if arrivals.is_empty() {
        return replies::ok();
    }
    let node = &conversation.node;
    let told: Vec<_> = arrivals
        .iter()
        .map(|arrival| {
            let notice = &arrival.notice;
            Event::Noted { transfer: notice.id.clone(), from: notice.from.clone(), to: notice.to.clone() }
        })
        .collect();
    match node.store.record_notices(arrivals).await {
        Ok(()) => {
            for event in &told {
                node.events.tell(event);
            }
            node.due.raise();
            replies::ok()
        }
        Err(error) => {
            tracing::warn!(%error, "notices were not recorded");
            store_trouble()
        }
    }
}

/// A notice that is answered 250.
enum Admitted {
    /// Once it is recorded, for this account and by this proof.
    New(Box<Account>, Evidence),
    /// It was taken before, for a mailbox that is gone: the message may lie there, and its origin must not be told otherwise.
    Known,
}

/// Whether a notice is to be recorded, for whom and by what proof; or what to answer.
async fn admit(
    conversation: &Conversation,
    inquirer: &mut Inquirer,
    accounts: &mut BTreeMap<String, Option<Account>>,
    notice: &Notice,
) -> Result<Admitted, Reply> {
    let node = &conversation.node;
    if !node.is_local(notice.to.domain()) {
        return Err(not_our_domain());
    }
    let limits = &node.settings.limits;
    let client = Giver::Client(counted_as(conversation.peer_ip()));
    if !node.rates.admit(client, limits.notices_per_minute_client_max, node.world.now()) {
        return Err(too_many());
    }
    inquirer.begin(&*node.world);
    let evidence = match authority(conversation, inquirer, Role::Send, &notice.from).await? {
        Verdict::Authorised { by, evidence } => {
            Evidence { rule: Proof::by(by).as_str().to_owned(), detail: evidence.to_string(), address: Some(conversation.peer_ip()) }
        }
        Verdict::Refused(_) | Verdict::Temporary(_) => return Err(dns_trouble()),
    };
    let world = &*node.world;
    let domain = notice.from.domain();
    // After the question of authority: nobody can use up what another's domain may give.
    if !node.rates.admit(Giver::Domain(domain.clone()), limits.notices_per_minute_domain_max, world.now()) {
        return Err(too_many());
    }
    let chance = u64::from_be_bytes(world.random());
    match inquirer.decide(world, discovery::retrieval_service(domain, &node.settings.dialling, chance)).await {
        Route::Targets(_) => {}
        Route::Nowhere(why) => return Err(Reply::new(550, Some(why.status()), why.to_string())),
        Route::Temporary(reason) => {
            tracing::info!(reason, "retrieval service unknown");
            return Err(dns_trouble());
        }
    }
    let account = if let Some(known) = accounts.get(&notice.to.key()) {
        known.clone()
    } else {
        let found = addressees::account(node, &notice.to).await.map_err(|error| {
            tracing::warn!(%error, "recipient not looked up");
            store_trouble()
        })?;
        accounts.insert(notice.to.key(), found.clone());
        found
    };
    let Some(account) = account else {
        let was_noted = node.store.was_noted(notice, world.now()).await.map_err(|error| {
            tracing::warn!(%error, "earlier notices not looked up");
            store_trouble()
        })?;
        return if was_noted { Ok(Admitted::Known) } else { Err(no_such_mailbox()) };
    };
    if Mutant::ScreeningTimed.is_in() && account.screening == delivery::consent::Screening::On {
        node.world.sleep_until(node.world.after(Duration::from_millis(1))).await;
    }
    if notice.size_octets > node.settings.limits.message_octets_max {
        return Err(replies::message_too_large());
    }
    if notice.expires <= world.now() {
        return Err(expired_already());
    }
    Ok(Admitted::New(Box::new(account), evidence))
}

fn arrival(conversation: &Conversation, mut notice: Notice, account: &Account, evidence: Evidence) -> NewArrival {
    let node = &conversation.node;
    let now = node.world.now();
    notice.expires = notice.expires.min(now + node.settings.limits.keep_max);
    let [chance] = node.world.random::<1>();
    let decide_at = now + decision_delay(chance);
    // NAME and SUBJECT are claims: kept only where rule (b) or (c) vouches for the notifier.
    if evidence.rule == Proof::Ip.as_str() {
        notice.name = None;
        notice.subject = None;
    }
    NewArrival { account: account.id, notice, evidence, decide_at, now }
}

fn too_many() -> Reply {
    Reply::new(450, Some(Status::temporary(7, 28)), "too many notices in a minute, try again later")
}

fn not_our_domain() -> Reply {
    Reply::new(550, Some(Status::permanent(1, 2)), "no mail for that domain here")
}

fn no_such_mailbox() -> Reply {
    Reply::new(550, Some(Status::permanent(1, 1)), "no such mailbox")
}

fn expired_already() -> Reply {
    Reply::new(554, Some(Status::permanent(4, 7)), "EXPIRES is past")
}
