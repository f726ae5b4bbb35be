//! Somebody who runs no domain at all, gives notices for others', and asks for messages whose ids it has overheard.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::life::Life;
use super::trouble::FORGER_ADDRESS;
use super::utter::{self, Offer};
use crate::Sim;
use crate::client::Talk;
use crate::executor::Owner;
use crate::host::EXCHANGE_PORT;
use crate::network::{Host, Network};

/// Its computer.
pub(crate) const FORGER_HOST: Host = Host(2_001);

const PATIENCE: Duration = Duration::from_mins(2);

/// What it was told.
#[derive(Clone, Default)]
pub(crate) struct Forger(Arc<Mutex<Vec<String>>>);

impl Forger {
    /// Where it got what it must not have.
    pub(crate) fn successes(&self) -> Vec<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn talk_to(self, network: Arc<Network>, (to, host): (SocketAddr, String), lines: Vec<String>) -> Result<(), String> {
        let deadline = network.executor.now() + PATIENCE;
        let wire = network.dial(FORGER_HOST, FORGER_ADDRESS, to, deadline).await.map_err(|error| error.to_string())?;
        let mut talk = Talk::new(wire, deadline);
        talk.reply().await?;
        talk.ask("EHLO forger.test").await?;
        talk.ask("STARTTLS").await?;
        talk.start_tls(&host).await?;
        talk.ask("EHLO forger.test").await?;
        for line in lines {
            let reply = talk.ask(&line).await?;
            if !reply.starts_with(['4', '5']) {
                self.0.lock().unwrap_or_else(PoisonError::into_inner).push(format!("{line:?} of a forger is answered {reply:?}"));
            }
        }
        Ok(())
    }
}

/// The ids of notices that crossed the network.
pub(crate) fn overheard(sim: &Sim) -> Vec<String> {
    let state = sim.0.network.state();
    let said = state.tap.iter().flat_map(|tap| &tap.said);
    said.filter_map(|said| said.line.split("ID=").nth(1)).filter_map(|rest| rest.split(' ').next()).map(str::to_owned).collect()
}

impl Life {
    /// The forger tries its luck at a server.
    pub(crate) fn forge(&mut self) {
        let (one, other) = (self.chance.index(self.book.people.len()), self.chance.index(self.book.people.len()));
        let (Some(from), Some(to)) = (self.book.people.get(one), self.book.people.get(other)) else { return };
        let (from, to, server) = (from.address.clone(), to.address.clone(), to.server);
        let Some(domain) = self.domains().get(server).copied() else { return };
        let (address, host) = self.sim.0.with_server(&self.sim.0.domain(domain), |server| (server.address, server.hostname.to_string()));
        let now = self.sim.now();
        let mut lines = vec![];
        let offer = Offer { id: utter::id(&mut self.chance), from: from.clone(), to: to.clone(), content: vec![0; 100] };
        lines.push(format!(
            "NOTICE FROM:<{from}> TO:<{to}> ID={} SIZE=100 DATE={} EXPIRES={}",
            offer.id,
            now.to_stamp(),
            (now + Duration::from_hours(1)).to_stamp()
        ));
        let ids = overheard(&self.sim);
        for verb in ["RETRIEVE", "CONFIRM", "RETRIEVE"] {
            let id = self.chance.pick(&ids).cloned().unwrap_or_else(|| offer.id.clone());
            // The mailbox it was for is no secret either.
            let of = self.chance.index(self.book.people.len());
            let whose = self.book.people.get(of).map_or_else(|| to.clone(), |person| person.address.clone());
            lines.push(format!("{verb} ID={id} TO:<{whose}>"));
        }
        lines.push(format!("PENDING FROM:<{to}> TO:<{from}>"));
        self.sim.strike("forger's session");
        let (network, forger) = (Arc::clone(&self.sim.0.network), self.forger.clone());
        let task = async move { drop(forger.talk_to(network, (SocketAddr::new(address, EXCHANGE_PORT), host), lines).await) };
        self.sim.0.executor.spawn(Owner::Host(FORGER_HOST.0), Box::pin(task));
    }
}
