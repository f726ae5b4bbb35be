//! What a NOTICE is answered, and when, does not tell how its recipient stands to its sender: the same notices, in the
//! same network but for that, are answered by the same octets; and at the same moments, until a message is retrieved. Its
//! sender hears of that anyway, and the server has more to do from then on.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use delivery::consent::Screening;
use delivery::dns::Name;
use mail::time::Timestamp;

use super::Finding;
use super::utter::{self, Offer};
use crate::Sim;
use crate::chance::Chance;
use crate::client::Talk;
use crate::executor::Owner;
use crate::host::EXCHANGE_PORT;
use crate::network::Host;

const ASKER: &str = "asker.test";
const ASKER_HOST: Host = Host(2_002);
const ASKER_ADDRESS: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 6, 6, 6));
const RETRIEVAL_PORT: u16 = 2626;
const PATIENCE: Duration = Duration::from_secs(10);
const NOTICES_MAX: u64 = 6;

/// How the recipient stands to the sender.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    Stranger,
    Allowed,
    Blocked,
    Open,
}

/// What the sender hears.
struct Answers {
    /// Each with the time it came.
    replies: Vec<(Timestamp, String)>,
    /// When the first of what was noticed is to be retrieved.
    due: Option<Timestamp>,
}

impl Answers {
    /// Whether somebody who hears these knows that they are not the others.
    fn differ_from(&self, others: &Self) -> bool {
        let octets = |answers: &Self| answers.replies.iter().map(|(_, reply)| reply.clone()).collect::<Vec<_>>();
        let is_before = |at: &Timestamp| [self.due, others.due].into_iter().flatten().all(|due| *at < due);
        let moments = |answers: &Self| answers.replies.iter().map(|(at, _)| *at).filter(is_before).collect::<Vec<_>>();
        octets(self) != octets(others) || moments(self) != moments(others)
    }
}

/// What is wrong, if the answers differ.
pub(crate) fn compare(seed: u64) -> Option<Finding> {
    let stranger = answers(seed, Standing::Stranger);
    for standing in [Standing::Allowed, Standing::Blocked, Standing::Open] {
        let other = answers(seed, standing);
        if other.differ_from(&stranger) {
            let trace = vec![
                format!("{:?}: {:?}", Standing::Stranger, stranger.replies),
                format!("{standing:?}: {:?}, retrieved from {:?} on", other.replies, other.due),
            ];
            return Some(Finding { what: format!("{standing:?} can be told from a stranger by the replies to NOTICE"), trace });
        }
    }
    None
}

fn answers(seed: u64, standing: Standing) -> Answers {
    asked(seed, standing).unwrap_or(Answers { replies: vec![], due: None })
}

fn asked(seed: u64, standing: Standing) -> Option<Answers> {
    let mut sim = Sim::seeded(seed);
    sim.0.is_judged.set(true);
    let [bob] = sim.accounts(["bob@b.test"]);
    let who = format!("a@{ASKER}");
    // As much is drawn for each, so that nothing but the standing differs.
    let (Ok(asker), Ok(other)) = (who.parse(), "somebody@else.test".parse()) else { return None };
    match standing {
        Standing::Stranger | Standing::Open => bob.allow(other),
        Standing::Allowed => bob.allow(asker),
        Standing::Blocked => bob.block(asker),
    }
    bob.screen(if standing == Standing::Open { Screening::Off } else { Screening::On });
    let (Some(domain), Some(name)) = (Name::new(ASKER), Name::new(&format!("mx.{ASKER}"))) else { return None };
    sim.0.dns.add_mail_domain(&domain, &name, ASKER_ADDRESS, RETRIEVAL_PORT);
    // From here on everything is drawn anew, and happens at the same time.
    let begin = crate::sim::start() + Duration::from_secs(10);
    sim.run_for(begin.since(sim.now()));
    sim.0.executor.draw(|chance| *chance = Chance::new(seed));
    let mut chance = Chance::new(seed ^ 0x6f72);
    let now = sim.now();
    let lines: Vec<_> = (0..=chance.below(NOTICES_MAX))
        .map(|_| {
            let to = if chance.once_in(5) { "nobody@b.test" } else { "bob@b.test" };
            let offer = Offer { id: utter::id(&mut chance), from: who.clone(), to: to.to_owned(), content: vec![0; 50] };
            utter::notice(&mut chance, now, &offer) + "\r\n"
        })
        .collect();
    let address = sim.0.with_server(&sim.0.domain("b.test"), |server| server.address);
    let (network, heard) = (Arc::clone(&sim.0.network), Arc::new(Mutex::new(vec![])));
    let place = Arc::clone(&heard);
    let task = async move {
        let deadline = network.executor.now() + PATIENCE;
        let Ok(wire) = network.dial(ASKER_HOST, ASKER_ADDRESS, SocketAddr::new(address, EXCHANGE_PORT), deadline).await else { return };
        let mut talk = Talk::new(wire, deadline);
        let asked = async {
            talk.reply().await?;
            talk.ask(&format!("EHLO mx.{ASKER}")).await?;
            talk.ask("STARTTLS").await?;
            talk.start_tls("mx.b.test").await?;
            talk.ask(&format!("EHLO mx.{ASKER}")).await?;
            talk.write(lines.concat().as_bytes()).await?;
            for _ in &lines {
                let reply = talk.reply().await?;
                place.lock().unwrap_or_else(PoisonError::into_inner).push((network.executor.now(), reply));
            }
            Ok::<_, String>(())
        };
        drop(asked.await);
    };
    sim.0.executor.spawn(Owner::Host(ASKER_HOST.0), Box::pin(task));
    sim.run_for(PATIENCE);
    let replies = heard.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let due = sim.0.network.journal.read().iter().find_map(|line| {
        let (at, event) = line.split_once(' ')?;
        if event.starts_with("b.test: Due") { at.parse().ok() } else { None }
    });
    Some(Answers { replies, due })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_notices_are_answered() {
        let taken = (1..6).flat_map(|seed| answers(seed, Standing::Stranger).replies).filter(|(_, reply)| reply.starts_with("250"));
        assert!(taken.count() > 3);
    }

    #[test]
    fn moments_count_until_the_first_retrieval_and_octets_always() {
        let at = |millis| Timestamp::EPOCH + Duration::from_millis(millis);
        let heard = |replies: &[(u64, &str)], due: Option<u64>| Answers {
            replies: replies.iter().map(|(millis, reply)| (at(*millis), (*reply).to_owned())).collect(),
            due: due.map(at),
        };
        let stranger = heard(&[(5, "250"), (9, "250")], None);
        assert!(!heard(&[(5, "250"), (9, "250")], None).differ_from(&stranger));
        assert!(!heard(&[(5, "250"), (10, "250")], Some(6)).differ_from(&stranger));
        assert!(heard(&[(5, "250"), (10, "250")], None).differ_from(&stranger));
        assert!(heard(&[(5, "250"), (10, "250")], Some(10)).differ_from(&stranger));
        assert!(heard(&[(5, "250"), (9, "550")], Some(6)).differ_from(&stranger));
    }

    #[test]
    fn who_is_let_in_is_retrieved_from_and_who_is_not_is_not() {
        let due = |standing| (1..6).filter_map(|seed| answers(seed, standing).due).count();
        assert!(due(Standing::Allowed) > 2 && due(Standing::Open) > 2);
        assert_eq!(due(Standing::Stranger) + due(Standing::Blocked), 0);
    }
}
