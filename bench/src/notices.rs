//! Notices recorded per second and per second of processor, by a server that records and does not decide.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use mail::address::Domain;
use mail::envelope::Body;
use mail::id::{NoticeId, Partition};
use mail::notice::{Kind, Notice};
use mail::time::Timestamp;
use proto::twoway::Command;
use server::demo::authority::Authority;
use server::demo::dns::{DnsServer, Zones};
use server::demo::zones;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpSocket;

use crate::process::{Server, now};

const SERVER: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 3));
const ORIGIN: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 4));

#[derive(clap::Args)]
pub(crate) struct Options {
    /// The server's binary.
    #[arg(long)]
    twoway: PathBuf,
    /// Sessions at a time.
    #[arg(long, default_value_t = 8)]
    sessions: u32,
    /// Notices given in each.
    #[arg(long, default_value_t = 20_000)]
    notices: u32,
    /// Notices without an answer in each.
    #[arg(long, default_value_t = 500)]
    window: u32,
}

pub(crate) async fn run(options: &Options, folder: &Path) -> anyhow::Result<()> {
    let (destination, origin): (Domain, Domain) = ("b.test".parse()?, "c.test".parse()?);
    let mut published = Zones::root();
    zones::publish(&mut published, &destination, SERVER, 2626);
    zones::publish(&mut published, &origin, ORIGIN, 2626);
    let dns = DnsServer::start(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0), published).await?;
    let port = std::net::TcpListener::bind((SERVER, 0))?.local_addr()?.port();
    let config = configure(folder, dns.address, port)?;
    let config = config.to_str().context("the folder's name is no text")?;
    add_account(&options.twoway, config)?;

    let socket = folder.join("data/admin.sock");
    let server = Server::start(&options.twoway, &["serve", "--config", config, "--roles", "exchange"], &socket)?;
    let authority = folder.join("ca.pem");
    let (before, begun) = (server.cpu_seconds()?, now());
    let mut sessions = tokio::task::JoinSet::new();
    for number in 0..options.sessions {
        let session = Session {
            to: SocketAddr::new(SERVER, port),
            authority: authority.clone(),
            number,
            notices: options.notices,
            window: options.window,
        };
        sessions.spawn(session.hold());
    }
    while let Some(session) = sessions.join_next().await {
        session??;
    }
    let (seconds, cpu) = (begun.elapsed().as_secs_f64(), server.cpu_seconds()? - before);
    let notices = f64::from(options.sessions) * f64::from(options.notices);
    println!("notices recorded durably, {} sessions, {} in flight each, TLS 1.3", options.sessions, options.window);
    println!("  {notices:.0} in {seconds:.2} s: {:.0} a second", notices / seconds);
    println!("  {cpu:.2} s of processor: {:.0} a second of one core, {:.1} us each", notices / cpu, cpu / notices * 1e6);
    Ok(())
}

fn configure(folder: &Path, dns: SocketAddr, port: u16) -> anyhow::Result<PathBuf> {
    let authority = Authority::load(folder)?;
    authority.issue(&"mx.b.test".parse()?, folder)?;
    let config = folder.join("twoway.toml");
    let user = std::process::Command::new("id").arg("-un").output()?;
    let user = String::from_utf8(user.stdout)?.trim().to_owned();
    let text = format!(
        "hostname = \"mx.b.test\"\ndomains = [\"b.test\"]\ndata_dir = \"data\"\nstore = \"sqlite\"\noutbound_address = \"{SERVER}\"\n\
         [dns]\nservers = [\"{dns}\"]\n[tls]\ncert = \"cert.pem\"\nkey = \"key.pem\"\nextra_ca = \"ca.pem\"\n\
         [process]\nuser = \"{user}\"\n[listen]\nexchange = \"{SERVER}:{port}\"\nsubmission = []\nsubmissions = []\nretrieval = []\n\
         [limits]\nnotices_max = 1000000\nnotices_per_minute_client_max = 100000000\nnotices_per_minute_domain_max = 100000000\ncommands_max = 1000000\n[log]\nfilter = \"warn\"\n[lab]\nenabled = true\n"
    );
    fs::write(&config, text)?;
    Ok(config)
}

fn add_account(twoway: &Path, config: &str) -> anyhow::Result<()> {
    use std::io::Write as _;
    use std::process::{Command, Stdio};
    let arguments = ["account", "add", "bob@b.test", "--password-stdin", "--config", config];
    let mut adding = Command::new(twoway).args(arguments).stdin(Stdio::piped()).stdout(Stdio::null()).spawn()?;
    adding.stdin.take().context("no standard input")?.write_all(b"not used here\n")?;
    ensure!(adding.wait()?.success(), "the account was not added");
    Ok(())
}

/// One pipelining origin.
struct Session {
    to: SocketAddr,
    authority: PathBuf,
    number: u32,
    notices: u32,
    window: u32,
}

impl Session {
    async fn hold(self) -> anyhow::Result<()> {
        let socket = TcpSocket::new_v4()?;
        socket.bind(SocketAddr::new(ORIGIN, 0))?;
        let mut plain = socket.connect(self.to).await?;
        plain.set_nodelay(true)?;
        let mut buffer = vec![0; 64 * 1024];
        expect(&mut plain, &mut buffer, "220 ").await?;
        plain.write_all(b"EHLO mx.c.test\r\n").await?;
        expect(&mut plain, &mut buffer, "250 ").await?;
        plain.write_all(b"STARTTLS\r\n").await?;
        expect(&mut plain, &mut buffer, "220 ").await?;
        let mut tls = crate::tls::client(&self.authority)?.connect("mx.b.test".try_into()?, plain).await?;
        tls.write_all(b"EHLO mx.c.test\r\n").await?;
        expect(&mut tls, &mut buffer, "250 ").await?;
        let (mut sent, mut answered) = (0, 0);
        while answered < self.notices {
            let mut line = Vec::with_capacity(64 * 1024);
            while sent < self.notices && sent - answered < self.window {
                Command::Notice(Box::new(self.notice(sent)?)).encode(&mut line);
                sent += 1;
            }
            tls.write_all(&line).await?;
            let octets = tls.read(&mut buffer).await?;
            ensure!(octets > 0, "the server hung up");
            let replies = buffer.get(..octets).unwrap_or_default();
            ensure!(
                !replies.split(|octet| *octet == b'\n').any(|reply| reply.starts_with(b"4") || reply.starts_with(b"5")),
                "a notice was refused"
            );
            answered += u32::try_from(replies.split(|octet| *octet == b'\n').count() - 1)?;
        }
        tls.write_all(b"QUIT\r\n").await?;
        Ok(())
    }

    fn notice(&self, number: u32) -> anyhow::Result<Notice> {
        let mut entropy = [0; 16];
        let (session, rest) = entropy.split_at_mut(8);
        session.copy_from_slice(&u64::from(self.number).to_be_bytes());
        rest.copy_from_slice(&u64::from(number).to_be_bytes());
        let partition = Partition::new(u16::try_from(number % 1024)?).context("partition")?;
        let today = Timestamp::from_millis(i64::try_from(std::time::UNIX_EPOCH.elapsed()?.as_millis())?);
        Ok(Notice {
            from: format!("user{}@c.test", number % 1000).parse()?,
            to: "bob@b.test".parse()?,
            id: NoticeId::new(partition, entropy),
            size_octets: 10_240,
            date: today,
            expires: today + Duration::from_hours(14 * 24),
            body: Body::EightBitMime,
            smtputf8: false,
            require_tls: false,
            name: None,
            subject: None,
            kind: Kind::Mail,
            reference: None,
            list: None,
        })
    }
}

/// Reads until a line that begins so.
async fn expect(stream: &mut (impl tokio::io::AsyncRead + Unpin), buffer: &mut [u8], last: &str) -> anyhow::Result<()> {
    let mut read = Vec::new();
    loop {
        let octets = stream.read(buffer).await?;
        ensure!(octets > 0, "the server hung up");
        read.extend_from_slice(buffer.get(..octets).unwrap_or_default());
        let text = String::from_utf8_lossy(&read);
        if text.ends_with("\r\n") && text.lines().last().is_some_and(|line| line.starts_with(last)) {
            return Ok(());
        }
    }
}
