//! One end of a simulated connection, as production code sees it: octets late and in pieces, a handshake in place of TLS.

use std::future::poll_fn;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use mail::time::Timestamp;
use server::world::{Boxed, First, TlsFacts, TlsVersion, Wire, WireError, first};
use sha2::{Digest as _, Sha256};

use crate::chance::Chance;
use crate::clock::Clock;
use crate::faults::{Fate, Way};
use crate::network::{Host, Network, State};
use crate::pipe::{Found, Parcel, lost};

/// A write arrives in up to so many pieces.
const PIECES_MAX: u64 = 3;

/// One end of a connection.
pub(crate) struct SimWire {
    network: Arc<Network>,
    connection: u64,
    /// Which way octets written here go.
    way: Way,
    peer: SocketAddr,
    /// Of who holds this end.
    clock: Clock,
}

impl SimWire {
    pub(crate) fn new(network: Arc<Network>, connection: u64, way: Way, peer: SocketAddr, clock: Clock) -> Self {
        Self { network, connection, way, peer, clock }
    }

    fn incoming(&self) -> Way {
        match self.way {
            Way::ToServer => Way::ToClient,
            Way::ToClient => Way::ToServer,
        }
    }

    async fn within<T>(&self, deadline: Timestamp, work: impl Future<Output = Result<T, WireError>>) -> Result<T, WireError> {
        match first(work, self.network.executor.sleep_until(self.clock.moment_of(deadline))).await {
            First::Left(outcome) => outcome,
            First::Right(()) => Err(WireError::TimedOut),
        }
    }

    fn poll_send(&self, parcel: &Parcel, context: &Context<'_>) -> Poll<Result<(), WireError>> {
        let mut state = self.network.state();
        let (sent, wakers) = self.send(&mut state, parcel, context.waker());
        drop(state);
        wakers.into_iter().for_each(Waker::wake);
        sent
    }

    fn send(&self, state: &mut State, parcel: &Parcel, waker: &Waker) -> (Poll<Result<(), WireError>>, Vec<Waker>) {
        let now = self.network.executor.now();
        state.last_activity = now;
        let State { connections, faults, dying, partitions, weather, tap, struck, .. } = state;
        let Some(connection) = connections.get_mut(&self.connection) else { return (Poll::Ready(Err(lost())), vec![]) };
        if dying.contains(&self.own_host(connection.hosts)) {
            return (Poll::Pending, vec![]);
        }
        if connection.pipe(self.way).is_deaf {
            return (Poll::Ready(Err(lost())), vec![]);
        }
        if connection.pipe(self.way).is_full(waker) {
            return (Poll::Pending, vec![]);
        }
        let mut wakers = vec![];
        let Parcel::Octets(octets) = parcel else {
            let arrives = now + connection.delay(*weather);
            wakers.extend(connection.pipe(self.way).push(arrives, parcel.clone()));
            return (Poll::Ready(Ok(())), wakers);
        };
        let mut fate =
            if connection.between_servers { connection.listener.hear(self.way, connection.hosts, octets, faults) } else { Fate::Arrive };
        if let (Fate::Arrive, Some(breaks)) = (fate, connection.breaks.as_mut().filter(|breaks| breaks.way == self.way)) {
            if breaks.after < octets.len() {
                fate = Fate::CutAfter(breaks.after);
            } else {
                breaks.after -= octets.len();
            }
        }
        let mut altered = octets.clone();
        let arriving = match fate {
            Fate::Arrive | Fate::ThenDie(_) | Fate::ThenPart => octets.as_slice(),
            Fate::CutAfter(count) => octets.get(..count).unwrap_or(octets),
            Fate::Altered(place) => {
                altered.get_mut(place).into_iter().for_each(|octet| *octet ^= 1);
                &altered
            }
        };
        if let Some(tap) = tap {
            let [client, server] = connection.hosts;
            let hosts = if self.way == Way::ToServer { [client, server] } else { [server, client] };
            tap.hear(now, self.connection, self.way, hosts, arriving);
        }
        for piece in pieces(arriving, &mut connection.delays) {
            let arrives = now + connection.delay(*weather);
            wakers.extend(connection.pipe(self.way).push(arrives, Parcel::Octets(piece)));
        }
        match fate {
            Fate::Arrive => {}
            Fate::Altered(_) => *struck.entry("octet altered").or_default() += 1,
            Fate::CutAfter(_) => {
                self.network.journal.note(now, || format!("connection {} breaks", self.connection));
                *struck.entry("connection cut").or_default() += 1;
                wakers.extend(connection.cut(now));
            }
            Fate::ThenDie(host) => {
                *struck.entry("death when served").or_default() += 1;
                dying.insert(host);
            }
            Fate::ThenPart => {
                *struck.entry("partition in mid-stream").or_default() += 1;
                let [one, other] = connection.hosts;
                partitions.insert((one.min(other), one.max(other)));
            }
        }
        (Poll::Ready(Ok(())), wakers)
    }

    fn poll_take(&self, octets_max: usize, context: &Context<'_>) -> Poll<Parcel> {
        let mut state = self.network.state();
        let now = self.network.executor.now();
        let parted = state.connections.get(&self.connection).is_some_and(|connection| {
            let [one, other] = connection.hosts;
            state.is_parted(one, other)
        });
        let State { connections, dying, .. } = &mut *state;
        let Some(connection) = connections.get_mut(&self.connection) else { return Poll::Ready(Parcel::Broken) };
        if dying.contains(&self.own_host(connection.hosts)) {
            return Poll::Pending;
        }
        // Behind a partition nothing arrives, whatever its time.
        let now = if parted { Timestamp::EPOCH } else { now };
        let (found, writer) = connection.pipe(self.incoming()).take(now, octets_max, context.waker());
        drop(state);
        writer.into_iter().for_each(Waker::wake);
        match found {
            Found::Parcel(parcel) => Poll::Ready(parcel),
            Found::NotBefore(at) if !parted => {
                self.network.executor.wake_at(at, context.waker().clone());
                Poll::Pending
            }
            Found::NotBefore(_) | Found::Nothing => Poll::Pending,
        }
    }

    /// Both sides say hello; who hears octets instead has no peer that speaks TLS, or one that smuggles.
    async fn handshake(&self, hello: Option<String>, deadline: Timestamp) -> Result<Option<String>, WireError> {
        let shaken = async {
            let hello = Parcel::Hello(hello);
            poll_fn(|context| self.poll_send(&hello, context)).await?;
            match poll_fn(|context| self.poll_take(usize::MAX, context)).await {
                Parcel::Hello(name) => Ok(name),
                Parcel::Octets(_) => Err(WireError::Tls("octets before the handshake".to_owned())),
                Parcel::End | Parcel::Broken => Err(lost()),
            }
        };
        self.within(deadline, shaken).await
    }

    fn facts(&self) -> TlsFacts {
        let exporter = Sha256::digest(format!("connection {}", self.connection)).into();
        TlsFacts { version: TlsVersion::V1_3, exporter: Some(exporter), peer_certificate: None, unverified: None, sni: None }
    }

    fn own_host(&self, [client, server]: [Host; 2]) -> Host {
        match self.way {
            Way::ToServer => client,
            Way::ToClient => server,
        }
    }

    fn server_host(&self) -> Option<Host> {
        self.network.state().connections.get(&self.connection).map(|connection| connection.hosts[1])
    }
}

impl Wire for SimWire {
    fn peer(&self) -> SocketAddr {
        self.peer
    }

    fn read<'a>(&'a mut self, buffer: &'a mut [u8], deadline: Timestamp) -> Boxed<'a, Result<usize, WireError>> {
        Box::pin(async move {
            let taken = async {
                match poll_fn(|context| self.poll_take(buffer.len(), context)).await {
                    Parcel::Octets(octets) => {
                        buffer.iter_mut().zip(&octets).for_each(|(to, from)| *to = *from);
                        Ok(octets.len())
                    }
                    Parcel::End => Ok(0),
                    Parcel::Broken => Err(lost()),
                    Parcel::Hello(_) => Err(WireError::Lost("a handshake that nobody asked for".to_owned())),
                }
            };
            self.within(deadline, taken).await
        })
    }

    fn write_all<'a>(&'a mut self, octets: &'a [u8], deadline: Timestamp) -> Boxed<'a, Result<(), WireError>> {
        Box::pin(async move {
            let parcel = Parcel::Octets(heap::unbooked(|| octets.to_vec()));
            self.within(deadline, poll_fn(|context| self.poll_send(&parcel, context))).await
        })
    }

    fn start_tls_as_server(&mut self, deadline: Timestamp) -> Boxed<'_, Result<TlsFacts, WireError>> {
        Box::pin(async move {
            let sni = self.handshake(None, deadline).await?;
            Ok(TlsFacts { sni, ..self.facts() })
        })
    }

    fn start_tls_as_client<'a>(&'a mut self, host: &'a str, deadline: Timestamp) -> Boxed<'a, Result<TlsFacts, WireError>> {
        Box::pin(async move {
            self.handshake(Some(host.to_owned()), deadline).await?;
            let server = self.server_host().ok_or_else(lost)?;
            let unverified = self.network.unverified(server, host);
            Ok(TlsFacts { peer_certificate: Some(host.as_bytes().to_vec()), unverified, ..self.facts() })
        })
    }

    fn close(&mut self) -> Boxed<'_, ()> {
        Box::pin(async move {
            // Who has gone already need not hear it.
            let said: Result<(), WireError> = poll_fn(|context| self.poll_send(&Parcel::End, context)).await;
            drop(said);
        })
    }
}

impl Drop for SimWire {
    fn drop(&mut self) {
        let mut state = self.network.state();
        let now = self.network.executor.now();
        let Some(connection) = state.connections.get_mut(&self.connection) else { return };
        connection.pipe(self.incoming()).is_deaf = true;
        let mut wakers = connection.wakers();
        wakers.extend(connection.pipe(self.way).push(now, Parcel::End));
        connection.open_ends -= 1;
        connection.is_dialler_there &= self.way == Way::ToClient;
        if connection.open_ends == 0 {
            state.connections.remove(&self.connection);
            state.tap.iter_mut().for_each(|tap| tap.end(self.connection));
        }
        drop(state);
        wakers.into_iter().for_each(Waker::wake);
    }
}

/// A write, as it arrives.
fn pieces(octets: &[u8], chance: &mut Chance) -> Vec<Vec<u8>> {
    let mut rest = octets;
    let mut pieces = vec![];
    for _ in 0..chance.below(PIECES_MAX) {
        let (front, back) = rest.split_at(chance.index(rest.len()));
        pieces.push(front.to_vec());
        rest = back;
    }
    pieces.push(rest.to_vec());
    pieces.retain(|piece| !piece.is_empty());
    pieces
}
