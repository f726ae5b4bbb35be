//! PENDING: asks the origin of senders who are let in what waits there. The notices themselves come to our exchange port.

use std::sync::Arc;
use std::time::Duration;

use delivery::discovery::{self, Route};
use mail::address::{Domain, Mailbox};
use proto::twoway::Command;
use proto::twoway::pending::{Pending, Summary};

use crate::inquiry::Inquirer;
use crate::node::Node;
use crate::outgoing::{Link, Purpose};
use crate::peer::{PeerError, PeerSession, none_reached};
use crate::work::retrieve::unfit;
use crate::world::{First, first};

/// Answers of up to a hundred notices that are asked for on behalf of one pair. Who has more gives them again later.
const ANSWERS_MAX: usize = 10;

/// How long one origin may keep us: who asks others, and who stops the server, waits no longer.
const PATIENCE: Duration = Duration::from_mins(1);

/// PENDING for each pair: over the session that brought what was known to wait, or at the first of the origin's targets that
/// answers.
///
/// # Errors
/// Why nobody answered.
pub(super) async fn ask(node: &Arc<Node>, origin: &Domain, pairs: &[(Mailbox, Mailbox)]) -> Result<(), String> {
    let over = first(node.stop.raised(), node.world.sleep_until(node.world.after(PATIENCE)));
    match first(ask_patiently(node, origin, pairs), over).await {
        First::Left(asked) => asked,
        First::Right(_over) => Err("it took too long".to_owned()),
    }
}

async fn ask_patiently(node: &Arc<Node>, origin: &Domain, pairs: &[(Mailbox, Mailbox)]) -> Result<(), String> {
    if let Some(Link { peer, .. }) = node.outgoing.take(Purpose::Retrievals(origin.clone()))
        && ask_for_all(node, origin, peer, pairs).await.is_ok()
    {
        return Ok(());
    }
    let mut inquirer = Inquirer::default();
    let chance = u64::from_be_bytes(node.world.random());
    let step = discovery::retrieval_service(origin, &node.settings.dialling, chance);
    let targets = match inquirer.decide(&*node.world, step).await {
        Route::Targets(targets) => targets,
        Route::Nowhere(why) => return Err(why.to_string()),
        Route::Temporary(reason) => return Err(reason),
    };
    let mut reason = String::new();
    let (mut is_reached, mut is_dialled) = (false, false);
    for target in targets {
        let asked = async {
            let peer = PeerSession::open(node, &mut inquirer, origin, &target).await?;
            is_reached = true;
            if let Some(reason) = unfit(&peer) {
                peer.quit().await;
                return Ok(Err(reason));
            }
            ask_for_all(node, origin, peer, pairs).await.map(Ok)
        };
        match asked.await {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(unfit)) => reason = unfit,
            Err(error) => {
                is_dialled |= !error.is_rest();
                reason = error.to_string();
            }
        }
    }
    if is_dialled && !is_reached {
        none_reached(node, origin);
    }
    Err(reason)
}

/// All pairs that can be named to this server, and keeps the session.
async fn ask_for_all(node: &Arc<Node>, origin: &Domain, mut peer: PeerSession, pairs: &[(Mailbox, Mailbox)]) -> Result<(), PeerError> {
    let takes_utf8 = peer.takes_smtputf8();
    let can_be_named = |mailbox: &Mailbox| takes_utf8 || !mailbox.needs_smtputf8();
    for (from, to) in pairs.iter().filter(|(from, to)| can_be_named(from) && can_be_named(to)) {
        ask_for_pair(&mut peer, from, to).await?;
    }
    node.outgoing.keep(node, Purpose::Retrievals(origin.clone()), Link { peer, remote: None });
    Ok(())
}

/// One pair, until the origin says that there is no more.
async fn ask_for_pair(peer: &mut PeerSession, from: &Mailbox, to: &Mailbox) -> Result<(), PeerError> {
    let mut after = None;
    for _ in 0..ANSWERS_MAX {
        peer.send(Command::Pending(Pending { from: from.clone(), to: to.clone(), after }))?;
        let reply = peer.reply().await?;
        tracing::debug!(%from, %to, %reply, "asked what waits");
        if reply.is_temporary() {
            return Err(PeerError::Refused(reply));
        }
        let last = reply.lines.last().filter(|_| reply.is_success());
        after = last.and_then(|line| Summary::decode(line).ok()).and_then(|summary| summary.more);
        if after.is_none() {
            break;
        }
    }
    Ok(())
}
