//! What durability and TLS cost on this machine, whatever server uses them: an append of 4 KiB that is synced, and a handshake.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use mail::address::Domain;
use rustls::pki_types::ServerName;
use server::config;
use server::tls::Tls;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use crate::process::now;

#[derive(clap::Args)]
pub(crate) struct Options {
    /// How often each.
    #[arg(long, default_value_t = 100)]
    times: usize,
}

/// Prints the medians, in milliseconds: `sync 1.2` and `handshake 1.5`.
pub(crate) async fn run(options: &Options, folder: &Path) -> anyhow::Result<()> {
    let mut syncs = Vec::new();
    let mut file = File::create(folder.join("appended"))?;
    for _ in 0..options.times {
        file.write_all(&[1; 4096])?;
        let begun = now();
        file.sync_data()?;
        syncs.push(begun.elapsed());
    }
    let handshakes = handshakes(options.times, folder).await?;
    println!("sync {:.4}", median(syncs));
    println!("handshake {:.4}", median(handshakes));
    Ok(())
}

/// Connection and handshake over loopback, with a certificate and settings as a server of ours has them.
async fn handshakes(times: usize, folder: &Path) -> anyhow::Result<Vec<Duration>> {
    let host: Domain = "mx.a.test".parse()?;
    let tls = Tls::load(&config::Tls::default(), &host, folder)?;
    let acceptor = TlsAcceptor::from(tls.server_config());
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let serving = tokio::spawn(async move {
        while let Ok((plain, _)) = listener.accept().await {
            let accepted = acceptor.accept(plain).await;
            drop(accepted);
        }
    });
    let connector = crate::tls::client(&folder.join("tls/self-signed.pem"))?;
    let name = ServerName::try_from(host.as_str().to_owned())?;
    let mut taken = Vec::new();
    for _ in 0..times {
        let begun = now();
        let plain = TcpStream::connect(address).await?;
        plain.set_nodelay(true)?;
        let connection = Arc::new(connector.connect(name.clone(), plain).await?);
        taken.push(begun.elapsed());
        drop(connection);
    }
    serving.abort();
    Ok(taken)
}

fn median(mut times: Vec<Duration>) -> f64 {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default().as_secs_f64() * 1e3
}
