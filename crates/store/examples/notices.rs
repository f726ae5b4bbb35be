//! How many notices a second SQLite records durably: `cargo run --release -p store --example notices [DIR [NOTICES]]`.
//!
//! Batches of 500, as one session pipelines them, from four sessions at once, into a file in DIR (the current
//! directory, if none is named: not a memory disk), with `synchronous=FULL`.

#![expect(clippy::disallowed_methods, reason = "measures time")]

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use delivery::schedule::Timers;
use mail::envelope::Body;
use mail::id::{AccountId, NoticeId, Partition};
use mail::notice::{Kind, Notice};
use mail::time::Timestamp;
use object_store::memory::InMemory;
use store::sqlite::SqliteFile;
use store::threads::{Database, open};
use store::{Evidence, NewArrival, Store, Surroundings};

const BATCH: u64 = 500;
const SESSIONS: u64 = 4;
const NOW: i64 = 1_795_252_200_000;

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    let mut arguments = std::env::args().skip(1);
    let parent = arguments.next().map_or_else(|| PathBuf::from("."), PathBuf::from);
    let notices: u64 = arguments.next().map_or(Ok(100_000), |count| count.parse())?;
    let directory = tempfile::tempdir_in(parent)?;
    let surroundings = Surroundings {
        clock: Arc::new(|| Timestamp::from_millis(NOW)),
        entropy: Arc::new(|| [0; 16]),
        host: "mx.b.test".parse()?,
        objects: Arc::new(InMemory::new()),
        timers: Arc::new(Timers::default()),
        quota: store::quota::Quota::default(),
    };
    let database = Database::Sqlite(SqliteFile::new(directory.path().join("store.sqlite")));
    let (store, threads) = open(&database, surroundings)?;
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let begun = (Instant::now(), processor_seconds());
    runtime.block_on(async {
        let sessions = (0..SESSIONS).map(|session| record(&store, session, notices / SESSIONS));
        futures_util::future::try_join_all(sessions).await
    })?;
    let (wall, processor) = (begun.0.elapsed().as_secs_f64(), processor_seconds() - begun.1);
    drop(store);
    threads.close()?;
    #[expect(clippy::cast_precision_loss, reason = "a rate")]
    let count = notices as f64;
    println!("{notices} notices in {wall:.2} s: {:.0}/s; {:.0} per second of processor time", count / wall, count / processor);
    Ok(())
}

/// What one session gives: batch after batch, each acknowledged before the next.
async fn record(store: &Store, session: u64, notices: u64) -> Result<(), Failure> {
    for batch in 0..notices / BATCH {
        let numbers = (0..BATCH)
            .map(|number| session * notices + batch * BATCH + number)
            .map(|number: u64| number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let notices = numbers.map(notice).collect::<Result<_, Failure>>()?;
        store.record_notices(notices).await?;
    }
    Ok(())
}

fn notice(number: u64) -> Result<NewArrival, Failure> {
    let now = Timestamp::from_millis(NOW);
    let entropy: [u8; 10] = [(number % 100).to_le_bytes().as_slice(), &[0; 2]].concat().try_into().map_err(|_length| "ten octets")?;
    let id: [u8; 16] = [number.to_le_bytes(), number.to_be_bytes()].concat().try_into().map_err(|_length| "sixteen octets")?;
    let notice = Notice {
        from: format!("author{}@domain{}.test", number % 1_000, number % 50).parse()?,
        to: "somebody@b.test".parse()?,
        id: NoticeId::new(Partition::of_name("origin"), id),
        size_octets: 5_000,
        date: now,
        expires: now + std::time::Duration::from_hours(14 * 24),
        body: Body::EightBitMime,
        smtputf8: false,
        require_tls: false,
        name: Some("An Author".to_owned()),
        subject: Some("About something of the usual length".to_owned()),
        kind: Kind::Mail,
        reference: None,
        list: None,
    };
    let evidence = Evidence { rule: "ip".to_owned(), detail: "spf: ip4:192.0.2.0/24".to_owned(), address: "192.0.2.1".parse().ok() };
    Ok(NewArrival { account: AccountId::new(now, entropy), notice, evidence, decide_at: now, now })
}

/// Of this process so far, from Linux's own account of it; in hundredths of a second there.
fn processor_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after_name = stat.rsplit_once(')').map_or("", |(_name, rest)| rest);
    let ticks = |field: usize| after_name.split_whitespace().nth(field).and_then(|text| text.parse::<f64>().ok()).unwrap_or(0.0);
    (ticks(11) + ticks(12)) / 100.0
}
