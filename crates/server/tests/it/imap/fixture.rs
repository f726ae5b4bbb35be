//! A server with a SQLite store, whose clients are in the same process and whose clock stands until a test moves it.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use delivery::consent::Screening;
use delivery::dialling::Dialling;
use delivery::dns::{Answer, Question};
use delivery::schedule::Timers;
use mail::address::Mailbox;
use mail::id::AccountId;
use mail::time::Timestamp;
use object_store::ObjectStore;
use object_store::local::LocalFileSystem;
use object_store::memory::InMemory;
use proto::sasl::Secret;
use server::listen::imap::elsewhere;
use server::listen::{self, Service};
use server::node::{Node, Settings};
use server::passwords;
use server::world::{Boxed, TlsFacts, TlsVersion, Wire, WireError, World};
use store::backend::{Access, Backend as _};
use store::postgres::{Postgres, PostgresUrl};
use store::sqlite::SqliteFile;
use store::threads::{self, Database, Threads};
use store::{Added, NewAccount, Surroundings};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};
use tokio::sync::watch;

/// How long a test waits for what must come: far longer than it takes.
const PATIENCE: Duration = Duration::from_secs(20);

/// What everybody's password is.
pub(crate) const PASSWORD: &str = "pencil";

/// Octets that may lie between a server and its client.
const PIPE_OCTETS: usize = 64 * 1024;

/// A clock that a test moves.
#[derive(Clone)]
struct Clock(watch::Sender<Timestamp>);

impl Clock {
    fn new() -> Self {
        Self(watch::Sender::new("2026-03-01T12:00:00Z".parse::<Timestamp>().unwrap()))
    }
}

/// One server.
pub(crate) struct Server {
    /// What its sessions share.
    pub(crate) node: Arc<Node>,
    /// Where its large messages are.
    pub(crate) objects: Arc<dyn ObjectStore>,
    clock: Clock,
    threads: Option<Threads>,
    directory: tempfile::TempDir,
}

/// Below the directory of a server that is alone.
const OBJECTS: &str = "objects";

/// The URL of a schema of a PostgreSQL that nobody has used; nothing, if there is no PostgreSQL for tests.
pub(crate) fn fresh_schema() -> Option<String> {
    let server = std::env::var("TWOWAY_TEST_POSTGRES").ok()?;
    let separator = if server.contains('?') { '&' } else { '?' };
    let url = format!("{server}{separator}schema=imap_{}", std::process::id());
    drop_schema(&url);
    Some(url)
}

fn drop_schema(url: &str) {
    let (_, schema) = url.split_once("schema=").unwrap();
    let (script, url) = (format!("DROP SCHEMA IF EXISTS {schema} CASCADE"), PostgresUrl::parse(url).unwrap());
    // The client must not be used on a thread of an asynchronous runtime.
    let work = move || {
        let mut backend = Postgres::new(&url);
        backend.begin(Access::Write).unwrap();
        backend.run_script(&script).unwrap();
        backend.commit().unwrap();
    };
    std::thread::scope(|scope| scope.spawn(work).join()).unwrap();
}

/// Runs a test's body with two servers over one PostgreSQL; each asks what the other did.
pub(crate) fn run_two(url: &str, body: impl AsyncFnOnce(&Server, &Server)) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let database = Database::Postgres { url: url.to_owned(), lanes: 1 };
    let (clock, objects) = (Clock::new(), Arc::new(InMemory::new()));
    let server = |chance| Server::over(&database, clock.clone(), Arc::clone(&objects) as _, chance, tempfile::tempdir().unwrap());
    let mut servers = runtime.block_on(async { [server(1), server(1 << 32)] });
    runtime.block_on(async {
        let [here, there] = &servers;
        here.add("alice@a.test").await;
        for server in &servers {
            tokio::spawn(elsewhere::ask(Arc::clone(&server.node)));
        }
        body(here, there).await;
        for server in &servers {
            server.node.stop.raise();
        }
        here.check().await;
    });
    drop(runtime);
    for server in &mut servers {
        server.threads.take().unwrap().close().unwrap();
    }
    drop_schema(url);
}

/// The outside of such a server: a clock, and chance that is the same in every run.
struct TestWorld {
    clock: Clock,
    chance: AtomicU64,
}

impl World for TestWorld {
    fn now(&self) -> Timestamp {
        *self.clock.0.borrow()
    }

    fn fill_random(&self, octets: &mut [u8]) {
        for chunk in octets.chunks_mut(8) {
            // SplitMix64: different each time.
            let mut next = self.chance.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed);
            next = (next ^ (next >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            next = (next ^ (next >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            let octets = (next ^ (next >> 31)).to_le_bytes();
            chunk.copy_from_slice(&octets[..chunk.len()]);
        }
    }

    fn sleep_until(&self, at: Timestamp) -> Boxed<'static, ()> {
        let mut clock = self.clock.0.subscribe();
        Box::pin(async move {
            drop(clock.wait_for(|now| *now >= at).await);
        })
    }

    fn spawn(&self, _name: &'static str, task: Boxed<'static, ()>) {
        tokio::spawn(task);
    }

    fn compute(&self, work: Box<dyn FnOnce() + Send>) -> Boxed<'static, ()> {
        Box::pin(async move { work() })
    }

    fn ask(&self, _question: Question) -> Boxed<'_, Answer> {
        Box::pin(std::future::pending())
    }

    fn dial(&self, to: SocketAddr, _deadline: Timestamp) -> Boxed<'_, Result<Box<dyn Wire>, WireError>> {
        Box::pin(async move { Err(WireError::Unreachable(format!("{to} is not in this test"))) })
    }
}

/// The server's end of a connection. TLS is only claimed.
struct TestWire {
    stream: DuplexStream,
    clock: Clock,
}

impl Wire for TestWire {
    fn peer(&self) -> SocketAddr {
        "192.0.2.1:4711".parse().unwrap()
    }

    fn read<'a>(&'a mut self, buffer: &'a mut [u8], deadline: Timestamp) -> Boxed<'a, Result<usize, WireError>> {
        let mut clock = self.clock.0.subscribe();
        Box::pin(async move {
            let passed = async move { drop(clock.wait_for(|now| *now >= deadline).await) };
            match server::world::first(self.stream.read(buffer), passed).await {
                server::world::First::Left(read) => read.map_err(|error| WireError::Lost(error.to_string())),
                server::world::First::Right(()) => Err(WireError::TimedOut),
            }
        })
    }

    fn write_all<'a>(&'a mut self, octets: &'a [u8], deadline: Timestamp) -> Boxed<'a, Result<(), WireError>> {
        let mut clock = self.clock.0.subscribe();
        Box::pin(async move {
            let passed = async move { drop(clock.wait_for(|now| *now >= deadline).await) };
            match server::world::first(self.stream.write_all(octets), passed).await {
                server::world::First::Left(written) => written.map_err(|error| WireError::Lost(error.to_string())),
                server::world::First::Right(()) => Err(WireError::TimedOut),
            }
        })
    }

    fn start_tls_as_server(&mut self, _deadline: Timestamp) -> Boxed<'_, Result<TlsFacts, WireError>> {
        let facts = TlsFacts { version: TlsVersion::V1_3, exporter: None, peer_certificate: None, unverified: None, sni: None };
        Box::pin(async move { Ok(facts) })
    }

    fn start_tls_as_client<'a>(&'a mut self, _host: &'a str, _deadline: Timestamp) -> Boxed<'a, Result<TlsFacts, WireError>> {
        Box::pin(async { Err(WireError::Tls("this is a server".to_owned())) })
    }

    fn close(&mut self) -> Boxed<'_, ()> {
        Box::pin(async move {
            drop(self.stream.shutdown().await);
        })
    }
}

/// Runs a test's body on a runtime, with a server that is closed and checked afterwards.
pub(crate) fn run(body: impl AsyncFnOnce(&Server)) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let mut server = runtime.block_on(async { Server::new() });
    runtime.block_on(async {
        server.add("alice@a.test").await;
        body(&server).await;
    });
    server.node.stop.raise();
    runtime.block_on(server.check());
    drop(runtime);
    server.threads.take().unwrap().close().unwrap();
}

impl Server {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let database = Database::Sqlite(SqliteFile::new(directory.path().join("twoway.sqlite")));
        let objects = directory.path().join(OBJECTS);
        std::fs::create_dir(&objects).unwrap();
        Self::over(&database, Clock::new(), Arc::new(LocalFileSystem::new_with_prefix(objects).unwrap()), 1, directory)
    }

    /// Over a database that others may use as well, with chance of its own.
    fn over(database: &Database, clock: Clock, objects: Arc<dyn ObjectStore>, chance: u64, directory: tempfile::TempDir) -> Self {
        let world = Arc::new(TestWorld { clock: clock.clone(), chance: AtomicU64::new(chance) });
        let (ticks, chance) = (clock.clone(), Arc::clone(&world));
        let hostname: mail::address::Domain = "mx.a.test".parse().unwrap();
        let surroundings = Surroundings {
            clock: Arc::new(move || *ticks.0.borrow()),
            entropy: Arc::new(move || {
                let mut octets = [0; 16];
                chance.fill_random(&mut octets);
                octets
            }),
            host: hostname.clone(),
            objects: Arc::clone(&objects),
            timers: Arc::new(Timers::default()),
            quota: store::quota::Quota::default(),
        };
        let (store, threads) = threads::open(database, surroundings).unwrap();
        let settings = Settings {
            hostname,
            domains: vec!["a.test".parse().unwrap()],
            postmaster: Some("alice@a.test".parse().unwrap()),
            timers: Timers::default(),
            limits: proto::limits::Limits::default(),
            dialling: Dialling::Internet { ports: std::collections::BTreeSet::new() },
            routes: delivery::relay::Routes::default(),
        };
        let node = Arc::new(Node::new(world, store, settings, String::new(), [0; 32]));
        Self { node, objects, clock, threads: Some(threads), directory }
    }

    /// Where the file of an object is.
    pub(crate) fn file_of(&self, object: &object_store::path::Path) -> PathBuf {
        self.directory.path().join(OBJECTS).join(object.as_ref())
    }

    /// Adds an account.
    pub(crate) async fn add(&self, address: &str) -> AccountId {
        let secret = Secret::new(PASSWORD).unwrap();
        let id = self.node.new_account_id();
        let account = NewAccount {
            id,
            address: address.parse::<Mailbox>().unwrap(),
            password_hash: passwords::hash(&secret, [1; 16]).unwrap(),
            scram: passwords::verifier(&secret, [1; 16]),
            screening: Screening::On,
            legacy: None,
            made: self.node.world.now(),
        };
        assert_eq!(self.node.store.add_account(account).await.unwrap(), Added::Done);
        id
    }

    /// Time passes, once those who wait for it do so: nobody says when.
    pub(crate) async fn wait(&self, time: Duration) {
        tokio::time::sleep(Duration::from_millis(50)).await;
        self.clock.0.send_modify(|now| *now = *now + time);
    }

    /// A connection to port 993, greeted.
    pub(crate) async fn connect(&self) -> Client {
        self.connect_to(Service::Imaps).await
    }

    /// A connection to a port, greeted.
    pub(crate) async fn connect_to(&self, service: Service) -> Client {
        let (ours, theirs) = tokio::io::duplex(PIPE_OCTETS);
        let wire = TestWire { stream: theirs, clock: self.clock.clone() };
        tokio::spawn(listen::serve(Arc::clone(&self.node), service, Box::new(wire)));
        let mut client = Client { stream: ours, received: Vec::new(), tag: 0 };
        let greeting = client.line().await;
        assert!(greeting.starts_with("* OK ["), "{greeting}");
        client
    }

    /// A session of alice's.
    pub(crate) async fn alice(&self) -> Client {
        let mut client = self.connect().await;
        client.ask(&format!("LOGIN alice@a.test {PASSWORD}")).await;
        client
    }

    /// The account of alice.
    pub(crate) async fn account(&self) -> store::Account {
        self.node.store.account(&"alice@a.test".parse().unwrap()).await.unwrap().unwrap()
    }

    /// The invariants of all that is stored.
    async fn check(&self) {
        let violations = self.node.store.check().await.unwrap();
        assert!(violations.is_empty(), "{violations:#?}");
    }
}

/// The client's end of a connection.
pub(crate) struct Client {
    stream: DuplexStream,
    received: Vec<u8>,
    tag: u32,
}

impl Client {
    /// Of a server with a clock of its own, at its port 993.
    pub(crate) async fn of(node: &Arc<Node>) -> Self {
        let (ours, theirs) = tokio::io::duplex(PIPE_OCTETS);
        let wire = TestWire { stream: theirs, clock: Clock(watch::Sender::new(Timestamp::EPOCH)) };
        tokio::spawn(listen::serve(Arc::clone(node), Service::Imaps, Box::new(wire)));
        let mut client = Self { stream: ours, received: Vec::new(), tag: 0 };
        let greeting = client.line().await;
        assert!(greeting.starts_with("* OK ["), "{greeting}");
        client
    }

    /// Sends octets.
    pub(crate) async fn send(&mut self, octets: &[u8]) {
        let sent = tokio::time::timeout(PATIENCE, self.stream.write_all(octets)).await;
        // Who is turned away hears of it with the next line.
        drop(sent.expect("the server does not read"));
    }

    /// The next line, without its end. At the end of the connection, nothing.
    pub(crate) async fn line(&mut self) -> String {
        loop {
            if let Some(end) = self.received.windows(2).position(|pair| pair == b"\r\n") {
                let line: Vec<u8> = self.received.drain(..end + 2).collect();
                return String::from_utf8_lossy(&line[..end]).into_owned();
            }
            let mut buffer = [0; 4096];
            let read = tokio::time::timeout(PATIENCE, self.stream.read(&mut buffer)).await;
            let read = read.unwrap_or_else(|_| panic!("nothing comes after {:?}", self.received.escape_ascii().to_string())).unwrap_or(0);
            if read == 0 {
                return String::new();
            }
            self.received.extend_from_slice(&buffer[..read]);
        }
    }

    /// Sends a command without its tag; all lines up to its answer, which stands last, without the tag.
    pub(crate) async fn say(&mut self, command: &str) -> Vec<String> {
        self.tag += 1;
        let tag = format!("t{}", self.tag);
        self.send(format!("{tag} {command}\r\n").as_bytes()).await;
        let mut lines = Vec::new();
        loop {
            let line = self.line().await;
            let answer = line.strip_prefix(&format!("{tag} ")).map(str::to_owned);
            let is_over = answer.is_some() || line.is_empty();
            lines.push(answer.unwrap_or(line));
            if is_over {
                return lines;
            }
        }
    }

    /// The same, where the answer must be OK.
    pub(crate) async fn ask(&mut self, command: &str) -> Vec<String> {
        let lines = self.say(command).await;
        assert!(lines.last().is_some_and(|answer| answer.starts_with("OK ")), "{command}: {lines:?}");
        lines
    }
}

/// Both ways at once.
impl Client {
    /// Sends octets while it listens, until a line begins with this.
    pub(crate) async fn exchange(&mut self, octets: &[u8], last: &str) -> String {
        let (mut reader, mut writer) = tokio::io::split(&mut self.stream);
        let mut heard = Vec::new();
        let listening = async {
            let mut buffer = vec![0; 16 * 1024];
            loop {
                let read = reader.read(&mut buffer).await.unwrap();
                heard.extend_from_slice(&buffer[..read]);
                let tail = String::from_utf8_lossy(&heard[heard.len().saturating_sub(200)..]).into_owned();
                if read == 0 || tail.lines().any(|line| line.starts_with(last)) && tail.ends_with('\n') {
                    return;
                }
            }
        };
        let both = async { tokio::join!(writer.write_all(octets), listening) };
        let (sent, ()) = tokio::time::timeout(PATIENCE, both).await.expect("the server does not go on");
        sent.unwrap();
        String::from_utf8(heard).unwrap()
    }

    /// All octets up to the end of the connection.
    pub(crate) async fn rest(&mut self) -> Vec<u8> {
        let mut rest = std::mem::take(&mut self.received);
        drop(tokio::time::timeout(PATIENCE, self.stream.read_to_end(&mut rest)).await.expect("the connection does not end"));
        rest
    }
}
