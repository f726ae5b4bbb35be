//! A store with much in it, written through the store's own methods: messages that wait here, notices of messages that
//! wait elsewhere, and entries that let somebody in. Spread over the accounts there are, and new ones.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use delivery::arrival::{ArrivalEvent, Verdict};
use delivery::consent::{Entry, EntryList, Screening, Who};
use delivery::schedule::Jitter;
use delivery::transfer::TransferEvent;
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use mail::address::{Domain, Mailbox, ReversePath};
use mail::digest::ContentDigest;
use mail::envelope::{Body, Recipient, ReportWish, Way};
use mail::id::{AccountId, EntryId, MailId, MessageId, NoticeId, Partition};
use mail::notice::{Kind, Notice};
use mail::time::Timestamp;
use server::config::Config;
use server::real::Machine;
use server::serve::open;
use store::content::{Place, StoredContent};
use store::{
    Account, ArrivalKey, Evidence, Keep, NewAccount, NewArrival, NewTransfer, ScramVerifier, Settle, SettleArrival, Store, Writer,
};

use crate::process::now;

/// Operations under way at once: several transactions full.
const TOGETHER: usize = 2_048;
/// Entries written by one operation.
const ENTRIES_TOGETHER: u64 = 500;
/// A store is filled and measured at once, and nothing in it may end meanwhile.
const KEPT_FOR: Duration = Duration::from_hours(10 * 24);

#[derive(clap::Args)]
pub(crate) struct Options {
    /// The configuration of the server, which must not run.
    #[arg(long)]
    config: PathBuf,
    /// As many accounts as there are to be.
    #[arg(long, default_value_t = 2_000)]
    accounts: usize,
    /// Messages to add that wait here.
    #[arg(long, default_value_t = 0)]
    waiting: u64,
    /// Octets of each.
    #[arg(long, default_value_t = 1_024)]
    octets: usize,
    /// Notices to add, shown as contact attempts.
    #[arg(long, default_value_t = 0)]
    arrivals: u64,
    /// Entries to add that let an address in.
    #[arg(long, default_value_t = 0)]
    entries: u64,
}

pub(crate) async fn run(options: &Options) -> anyhow::Result<()> {
    let config = Config::load(&options.config)?;
    let opened = open::open(&config, &Machine::new()).await?;
    let domain = config.domains.first().context("no domain")?.clone();
    let fill = Fill { store: opened.store.clone(), chance: Chance::new()?, accounts: Vec::new() };
    let fill = fill.with_accounts(options.accounts, &domain).await?;
    let begun = now();
    for (what, count) in [("messages that wait here", options.waiting), ("notices", options.arrivals), ("entries", options.entries)] {
        let begun = now();
        match what {
            "notices" => fill.each(count, |number| fill.arrival(number, count)).await?,
            "entries" => {
                let operations = count.div_ceil(ENTRIES_TOGETHER);
                fill.each(operations, |number| fill.entries(number, operations, ENTRIES_TOGETHER.min(count))).await?;
            }
            _ => fill.each(count, |number| fill.waiting(number, count, options.octets)).await?,
        }
        println!("{count} {what} in {:.1} s", begun.elapsed().as_secs_f64());
    }
    println!("filled in {:.1} s", begun.elapsed().as_secs_f64());
    drop(fill);
    opened.close().await;
    Ok(())
}

/// Numbers that do not repeat, spread over all values.
struct Chance {
    secret: u64,
    next: AtomicU64,
}

impl Chance {
    fn new() -> anyhow::Result<Self> {
        Ok(Self { secret: u64::try_from(std::time::UNIX_EPOCH.elapsed()?.as_nanos() & u128::from(u64::MAX))?, next: AtomicU64::new(0) })
    }

    fn octets<const N: usize>(&self) -> anyhow::Result<[u8; N]> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let mixed = ContentDigest::of(&[self.secret.to_be_bytes(), number.to_be_bytes()].concat());
        mixed.as_bytes().first_chunk().copied().context("too many octets")
    }
}

struct Fill {
    store: Store,
    chance: Chance,
    accounts: Vec<Account>,
}

impl Fill {
    /// As many as there are to be, with those there are.
    async fn with_accounts(mut self, count: usize, domain: &Domain) -> anyhow::Result<Self> {
        let there = self.store.accounts().await?.len();
        for number in there..count {
            let account = NewAccount {
                id: AccountId::new(today()?, self.chance.octets()?),
                address: format!("user{number}@{domain}").parse()?,
                password_hash: "no password opens it".to_owned(),
                scram: ScramVerifier { salt: vec![0; 16], iterations: 4_096, stored_key: [0; 32], server_key: [0; 32] },
                screening: Screening::Off,
                legacy: None,
                made: today()?,
            };
            self.store.add_account(account).await?;
        }
        self.accounts = self.store.accounts().await?;
        Ok(self)
    }

    /// Runs so many operations, many at a time.
    async fn each<F: Future<Output = anyhow::Result<()>>>(&self, count: u64, one: impl Fn(u64) -> F) -> anyhow::Result<()> {
        stream::iter(0..count).map(|number| Ok(one(number))).try_for_each_concurrent(TOGETHER, |one| one).await
    }

    /// Whose number this is among so many. One account after the other: those near in time are near on the disk, or else
    /// filling takes hours.
    fn account(&self, number: u64, count: u64) -> anyhow::Result<&Account> {
        let index = number * u64::try_from(self.accounts.len())? / count;
        self.accounts.get(usize::try_from(index)?).context("no accounts")
    }

    /// A message that was taken in, and whose destination has recorded the notice.
    async fn waiting(&self, number: u64, count: u64, octets: usize) -> anyhow::Result<()> {
        let account = self.account(number, count)?;
        let id = NoticeId::new(Partition::of(account.id), self.chance.octets()?);
        let recipient: Mailbox = format!("reader{number}@elsewhere.test").parse()?;
        self.store.keep(self.message(account, octets, vec![(id.clone(), recipient)], Vec::new())?).await?;
        for event in [TransferEvent::NoticeSending, TransferEvent::NoticeAccepted] {
            let settle = Settle {
                id: id.clone(),
                event,
                detail: None,
                attempt: None,
                report: MailId::new(today()?, self.chance.octets()?),
                now: today()?,
                jitter: Jitter::NONE,
                writer: Writer::Session,
            };
            ensure!(self.store.settle(settle).await?.is_some(), "the transfer is not there");
        }
        Ok(())
    }

    fn message(
        &self,
        account: &Account,
        octets: usize,
        recipients: Vec<(NoticeId, Mailbox)>,
        replied_to: Vec<Entry>,
    ) -> anyhow::Result<Keep> {
        let content = vec![b'a'; octets];
        let transfers = recipients
            .into_iter()
            .map(|(id, mailbox)| NewTransfer { id, recipient: Recipient { mailbox, report: ReportWish::Unsaid, original: None } });
        Ok(Keep {
            account: account.id,
            message: MessageId::new(today()?, self.chance.octets()?),
            kept: today()?,
            from: account.address.clone(),
            reverse_path: ReversePath::Mailbox(account.address.clone()),
            kind: Kind::Mail,
            reference: None,
            list: None,
            envelope_id: None,
            returns: None,
            body: Body::SevenBit,
            smtputf8: false,
            way: Way::default(),
            subject: "One of many".to_owned(),
            header: b"Subject: One of many\r\n".to_vec(),
            content: StoredContent { size_octets: u64::try_from(octets)?, digest: ContentDigest::of(&content), place: Place::Row(content) },
            transfers: transfers.collect(),
            replied_to,
            jitter: Jitter::NONE,
        })
    }

    /// A notice from somebody unknown, shown as a contact attempt.
    async fn arrival(&self, number: u64, count: u64) -> anyhow::Result<()> {
        let account = self.account(number, count)?;
        let origin: Domain = "elsewhere.test".parse()?;
        let partition = Partition::new(u16::try_from(number % u64::from(Partition::COUNT))?).context("partition")?;
        let notice = Notice {
            from: format!("author{number}@{origin}").parse()?,
            to: account.address.clone(),
            id: NoticeId::new(partition, self.chance.octets()?),
            size_octets: 10_240,
            date: today()?,
            expires: today()? + KEPT_FOR,
            body: Body::SevenBit,
            smtputf8: false,
            require_tls: false,
            name: None,
            subject: None,
            kind: Kind::Mail,
            reference: None,
            list: None,
        };
        let key = ArrivalKey { account: account.id, origin, id: notice.id.clone(), recipient: account.address.key() };
        let evidence = Evidence { rule: "ip".to_owned(), detail: "SPF".to_owned(), address: None };
        let arrival = NewArrival { account: account.id, notice, evidence, decide_at: today()?, now: today()? };
        self.store.record_notices(vec![arrival]).await?;
        let event = ArrivalEvent::Decided(Verdict::List);
        let settle = SettleArrival { key, event, detail: None, now: today()?, jitter: Jitter::NONE, writer: Writer::Session };
        ensure!(self.store.settle_arrival(settle).await?.is_some(), "the arrival is not there");
        Ok(())
    }

    /// Entries of one account, in one transaction: with a message of theirs, which is how several come at once.
    async fn entries(&self, number: u64, operations: u64, count: u64) -> anyhow::Result<()> {
        let account = self.account(number, operations)?;
        let (mut entries, begun) = (Vec::new(), today()?.as_millis());
        for index in 0..count {
            // In their order, or else each operation would write all pages of the account's entries anew.
            let name = format!("{begun:011x}{number:05x}{index:03x}");
            entries.push(Entry {
                id: EntryId::new(today()?, self.chance.octets()?),
                list: EntryList::Allow,
                who: Who::Address(format!("{name}@elsewhere.test").parse()?),
                until: None,
                remaining: None,
                reference: None,
                list_domain: None,
                made: today()?,
                through: "cli".to_owned(),
                reason: String::new(),
                proof: None,
            });
        }
        self.store.keep(self.message(account, 16, Vec::new(), entries)?).await?;
        Ok(())
    }
}

fn today() -> anyhow::Result<Timestamp> {
    Ok(Timestamp::from_millis(i64::try_from(std::time::UNIX_EPOCH.elapsed()?.as_millis())?))
}
