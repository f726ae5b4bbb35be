//! Submit to stored: two servers in this process, over real sockets, TLS and DNS on loopback.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, bail};
use mail::address::Mailbox;
use server::demo::narrate::Side;
use server::demo::program::{Login, hand_in};
use server::demo::stage::{Actor, Stage};
use server::events::Event;
use tokio::sync::mpsc::UnboundedReceiver;

use crate::process::now;

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Messages, one after the other: each alone on the machine.
    #[arg(long, default_value_t = 200)]
    messages: u32,
    /// Then so many at a time.
    #[arg(long, default_value_t = 16)]
    together: u32,
    /// Octets of each body.
    #[arg(long, default_value_t = 10_240)]
    octets: usize,
}

pub(crate) async fn run(options: &Options, folder: &Path) -> anyhow::Result<()> {
    let mut stage = Stage::open(folder, &[]).await?;
    let alone = one_by_one(&mut stage, options).await?;
    report("submit to stored, one message at a time", &alone);
    let (together, seconds) = side_by_side(&mut stage, options).await?;
    report(&format!("submit to stored, {} at a time", options.together), &together);
    println!("  {:.0} messages a second", f64::from(u32::try_from(together.len())?) / seconds);
    stage.close().await;
    Ok(())
}

/// The time from the last dot's 250 to the mailbox.
async fn one_by_one(stage: &mut Stage, options: &Options) -> anyhow::Result<Vec<Duration>> {
    let mut times = Vec::new();
    for _ in 0..options.messages {
        submit(&stage.origin, options.octets).await?;
        let begun = now();
        wait_for_stored(stage, 1).await?;
        times.push(begun.elapsed());
    }
    Ok(times)
}

/// From each message's commit at the origin (its 250 follows) to the mailbox, with many under way. Each is submitted
/// over a connection and with a login of its own, as users do it: most of the processor's time goes to the logins.
async fn side_by_side(stage: &mut Stage, options: &Options) -> anyhow::Result<(Vec<Duration>, f64)> {
    let begun = now();
    let mut times = Vec::new();
    for _ in 0..options.messages.div_ceil(options.together) {
        let (origin, events) = (&stage.origin, &mut stage.events);
        let submissions = futures_util::future::try_join_all((0..options.together).map(|_| submit(origin, options.octets)));
        let (submitted, stored) = futures_util::future::join(submissions, stored_since_kept(events, options.together)).await;
        submitted?;
        times.extend(stored?);
    }
    Ok((times, begun.elapsed().as_secs_f64()))
}

async fn stored_since_kept(events: &mut UnboundedReceiver<(Side, Event)>, count: u32) -> anyhow::Result<Vec<Duration>> {
    let (mut kept, mut times) = (BTreeMap::new(), Vec::new());
    while times.len() < usize::try_from(count)? {
        match tokio::time::timeout(Duration::from_mins(1), events.recv()).await?.context("the servers have stopped")?.1 {
            Event::Kept { transfer, .. } => drop(kept.insert(transfer, now())),
            Event::Stored { transfer, .. } => times.extend(kept.get(&transfer).map(std::time::Instant::elapsed)),
            _ => {}
        }
    }
    Ok(times)
}

async fn submit(origin: &Actor, octets: usize) -> anyhow::Result<()> {
    let (alice, carol): (Mailbox, Mailbox) = ("alice@a.test".parse()?, "carol@b.test".parse()?);
    let account = origin.account("alice@a.test").context("no account")?;
    let server = SocketAddr::new(origin.address, origin.port("submission"));
    let login = Login { server, host: origin.hostname.as_str(), user: &alice, password: &account.password };
    let line = "All work and no play makes a dull benchmark, so here is a line of text.\r\n";
    let body = line.repeat(octets.div_ceil(line.len()));
    let message = format!("From: alice@a.test\r\nTo: carol@b.test\r\nSubject: measured\r\n\r\n{body}");
    hand_in(&*origin.running.node.world, &login, &carol, message.as_bytes()).await?;
    Ok(())
}

async fn wait_for_stored(stage: &mut Stage, count: usize) -> anyhow::Result<()> {
    let world = std::sync::Arc::clone(&stage.origin.running.node.world);
    let deadline = world.after(Duration::from_mins(1));
    let mut seen = 0;
    while seen < count {
        match server::world::first(stage.events.recv(), world.sleep_until(deadline)).await {
            server::world::First::Left(Some((Side::Destination, Event::Stored { .. }))) => seen += 1,
            server::world::First::Left(Some(_)) => {}
            server::world::First::Left(None) | server::world::First::Right(()) => bail!("a message did not arrive within a minute"),
        }
    }
    Ok(())
}

fn report(title: &str, times: &[Duration]) {
    let mut sorted = times.to_vec();
    sorted.sort_unstable();
    let at = |share: usize| sorted.get(sorted.len() * share / 100).copied().unwrap_or_default().as_secs_f64() * 1e3;
    println!("{title}: {} messages", sorted.len());
    println!("  median {:.1} ms, 99th percentile {:.1} ms", at(50), at(99));
}
