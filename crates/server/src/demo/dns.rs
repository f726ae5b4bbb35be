//! An authoritative DNS for a fixed set of zones, on UDP and TCP: what the demo and the tests stand on.
//!
//! No name server for anyone else: no zone transfer, no recursion, no caching (`docs/decisions/demo-dns.md`).

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use delivery::dns::{Name, Record};
use hickory_proto::op::{Edns, Message, MessageType, OpCode, ResponseCode};
use hickory_proto::rr::rdata::{A, AAAA, MX, PTR, SOA, SRV, TLSA, TXT};
use hickory_proto::rr::{Name as WireName, RData, Record as WireRecord, RecordType};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::Semaphore;
use tokio::task::AbortHandle;

use crate::dns::to_wire;

/// Answers change when the demo's ports do: nobody should remember them.
const TTL: u32 = 1;
/// RFC 1035 section 4.2.1, for who says nothing else by EDNS.
const UDP_OCTETS: usize = 512;
/// What we say by EDNS that we take; RFC 9715's advice against fragments.
const EDNS_OCTETS: u16 = 1232;
const TCP_CONNECTIONS_MAX: usize = 64;
const TCP_IDLE: Duration = Duration::from_secs(10);

/// The records of all zones.
#[derive(Debug, Clone, Default)]
pub struct Zones {
    /// The names at and below which we know everything.
    origins: Vec<Name>,
    /// Whether everything else does not exist either, as the root would say.
    is_root: bool,
    records: BTreeMap<Name, Vec<Record>>,
}

/// A running server; it ends when this is dropped.
pub struct DnsServer {
    /// Where it listens, on UDP and TCP.
    pub address: SocketAddr,
    zones: Arc<RwLock<Zones>>,
    tasks: Vec<AbortHandle>,
}

impl Zones {
    /// Zones that begin at these names; questions about others are refused.
    pub fn below(origins: impl IntoIterator<Item = Name>) -> Self {
        Self { origins: origins.into_iter().collect(), ..Self::default() }
    }

    /// The root: what is not here does not exist.
    pub fn root() -> Self {
        Self { is_root: true, ..Self::default() }
    }

    /// Adds a record.
    pub fn add(&mut self, name: Name, record: Record) -> &mut Self {
        self.records.entry(name).or_default().push(record);
        self
    }

    /// Removes all records of a name.
    pub fn remove(&mut self, name: &Name) -> &mut Self {
        self.records.remove(name);
        self
    }

    fn is_ours(&self, name: &Name) -> bool {
        self.is_root || self.origins.iter().any(|origin| name.is_within(origin))
    }

    /// Whether there is such a name: one with records, or one above it (RFC 4592 section 2.2.2).
    fn exists(&self, name: &Name) -> bool {
        self.origins.contains(name) || self.records.keys().any(|known| known.is_within(name))
    }

    fn of_kind(&self, name: &Name, kind: RecordType) -> Vec<RData> {
        let records = self.records.get(name).into_iter().flatten();
        records.filter_map(to_rdata).filter(|data| kind == RecordType::ANY || data.record_type() == kind).collect()
    }
}

impl DnsServer {
    /// Listens on UDP and TCP; port 0 takes one that is free for both.
    ///
    /// # Errors
    /// The address cannot be listened on.
    pub async fn start(address: SocketAddr, zones: Zones) -> io::Result<Self> {
        let (udp, tcp) = listen(address).await?;
        let address = udp.local_addr()?;
        let zones = Arc::new(RwLock::new(zones));
        let tasks = vec![begin(serve_udp(udp, Arc::clone(&zones))), begin(serve_tcp(tcp, Arc::clone(&zones)))];
        Ok(Self { address, zones, tasks })
    }

    /// Changes what is published.
    pub fn publish(&self, change: impl FnOnce(&mut Zones)) {
        change(&mut self.zones.write().unwrap_or_else(PoisonError::into_inner));
    }
}

impl Drop for DnsServer {
    fn drop(&mut self) {
        self.tasks.iter().for_each(AbortHandle::abort);
    }
}

async fn listen(address: SocketAddr) -> io::Result<(UdpSocket, TcpListener)> {
    let mut tries = 0;
    loop {
        let tcp = TcpListener::bind(address).await?;
        match UdpSocket::bind(tcp.local_addr()?).await {
            Ok(udp) => return Ok((udp, tcp)),
            // Free for one and not for the other: another port will do, where any would.
            Err(_taken) if address.port() == 0 && tries < 20 => tries += 1,
            Err(error) => return Err(error),
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "a server of its own, outside every World")]
fn begin(task: impl Future<Output = ()> + Send + 'static) -> AbortHandle {
    tokio::spawn(task).abort_handle()
}

async fn serve_udp(socket: UdpSocket, zones: Arc<RwLock<Zones>>) {
    let mut buffer = vec![0; 4096];
    loop {
        // An ICMP error of an earlier answer shows up here: not a reason to stop.
        let Ok((octets, peer)) = socket.recv_from(&mut buffer).await else { continue };
        let answered = answer(buffer.get(..octets).unwrap_or_default(), &zones, Transport::Udp);
        if let Some(reply) = answered
            && let Err(error) = socket.send_to(&reply, peer).await
        {
            tracing::debug!(%error, %peer, "DNS reply");
        }
    }
}

async fn serve_tcp(listener: TcpListener, zones: Arc<RwLock<Zones>>) {
    let places = Arc::new(Semaphore::new(TCP_CONNECTIONS_MAX));
    loop {
        let Ok((stream, peer)) = listener.accept().await else { continue };
        let Ok(place) = Arc::clone(&places).try_acquire_owned() else { continue };
        let zones = Arc::clone(&zones);
        begin(async move {
            if let Err(error) = serve_connection(stream, &zones).await {
                tracing::debug!(%error, %peer, "DNS over TCP");
            }
            drop(place);
        });
    }
}

/// RFC 7766: any number of questions, each behind its length.
async fn serve_connection(mut stream: TcpStream, zones: &RwLock<Zones>) -> io::Result<()> {
    loop {
        let Some(octets) = patiently(stream.read_u16()).await? else { return Ok(()) };
        let mut question = vec![0; usize::from(octets)];
        if patiently(stream.read_exact(&mut question)).await?.is_none() {
            return Ok(());
        }
        let Some(reply) = answer(&question, zones, Transport::Tcp) else { return Ok(()) };
        let mut framed = u16::try_from(reply.len()).unwrap_or(0).to_be_bytes().to_vec();
        framed.extend(reply);
        stream.write_all(&framed).await?;
    }
}

/// `None` where the peer ended the connection or said nothing for long.
#[expect(clippy::disallowed_methods, reason = "a server of its own, outside every World")]
async fn patiently<T>(read: impl Future<Output = io::Result<T>>) -> io::Result<Option<T>> {
    match tokio::time::timeout(TCP_IDLE, read).await {
        Ok(Ok(value)) => Ok(Some(value)),
        Ok(Err(error)) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
        Ok(Err(error)) => Err(error),
        Err(_elapsed) => Ok(None),
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Transport {
    Udp,
    Tcp,
}

/// The reply to these octets; none to what is no question.
fn answer(octets: &[u8], zones: &RwLock<Zones>, transport: Transport) -> Option<Vec<u8>> {
    let query = Message::from_vec(octets).ok()?;
    if query.metadata.message_type != MessageType::Query {
        return None;
    }
    let mut reply = Message::response(query.metadata.id, query.metadata.op_code);
    reply.metadata.recursion_desired = query.metadata.recursion_desired;
    reply.add_queries(query.queries.iter().cloned());
    let code = fill(&mut reply, &query, &zones.read().unwrap_or_else(PoisonError::into_inner));
    reply.metadata.response_code = code;
    let mut octets_max = if transport == Transport::Udp { UDP_OCTETS } else { usize::from(u16::MAX) };
    if let Some(theirs) = &query.edns {
        let mut edns = Edns::new();
        edns.set_max_payload(EDNS_OCTETS);
        reply.set_edns(edns);
        octets_max = octets_max.max(usize::from(theirs.max_payload().min(EDNS_OCTETS)));
    }
    let reply_octets = reply.to_vec().ok()?;
    if reply_octets.len() <= octets_max { Some(reply_octets) } else { reply.truncate().to_vec().ok() }
}

fn fill(reply: &mut Message, query: &Message, zones: &Zones) -> ResponseCode {
    let [question] = query.queries.as_slice() else { return ResponseCode::FormErr };
    if query.metadata.op_code != OpCode::Query {
        return ResponseCode::NotImp;
    }
    let asked = question.name().to_ascii();
    let Some(name) = Name::new(&asked) else {
        // The root, or a name that is not ours to know.
        return if zones.is_root { no_data(reply, zones, question.name()) } else { ResponseCode::Refused };
    };
    if !zones.is_ours(&name) {
        return ResponseCode::Refused;
    }
    reply.metadata.authoritative = true;
    let found = zones.of_kind(&name, question.query_type());
    if !found.is_empty() {
        reply.add_answers(found.into_iter().map(|data| WireRecord::from_rdata(question.name().clone(), TTL, data)));
        return ResponseCode::NoError;
    }
    let exists = zones.exists(&name);
    no_data(reply, zones, question.name());
    if exists { ResponseCode::NoError } else { ResponseCode::NXDomain }
}

/// RFC 2308 section 3: an absence comes with the zone's SOA, so that it may be remembered (here: hardly).
fn no_data(reply: &mut Message, zones: &Zones, name: &WireName) -> ResponseCode {
    let within = |origin: &Name| to_wire(origin).filter(|origin| origin.zone_of(name));
    let origin = zones.origins.iter().find_map(within).unwrap_or_else(WireName::root);
    let soa = SOA::new(WireName::root(), WireName::root(), 1, 3600, 600, 86_400, TTL);
    reply.add_authority(WireRecord::from_rdata(origin, TTL, RData::SOA(soa)));
    ResponseCode::NoError
}

fn to_rdata(record: &Record) -> Option<RData> {
    let host = |name: &Option<Name>| name.as_ref().map_or_else(|| Some(WireName::root()), to_wire);
    Some(match record {
        Record::A(address) => RData::A(A(*address)),
        Record::Aaaa(address) => RData::AAAA(AAAA(*address)),
        Record::Mx(mx) => RData::MX(MX::new(mx.preference, host(&mx.exchange)?)),
        // RFC 1035 section 3.3.14: strings of at most 255 octets.
        Record::Txt(text) if text.is_empty() => RData::TXT(TXT::from_bytes(vec![b""])),
        Record::Txt(text) => RData::TXT(TXT::from_bytes(text.chunks(255).collect())),
        Record::Srv(srv) => RData::SRV(SRV::new(srv.priority, srv.weight, srv.port, host(&srv.target)?)),
        Record::Ptr(name) => RData::PTR(PTR(to_wire(name)?)),
        Record::Tlsa(tlsa) => RData::TLSA(TLSA::new(tlsa.usage.into(), tlsa.selector.into(), tlsa.matching.into(), tlsa.data.clone())),
    })
}
