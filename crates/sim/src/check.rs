//! What must hold at the end of every simulation: each server's own data, and every message accounted for on both sides.

use std::collections::BTreeMap;
use std::sync::Arc;

use delivery::transfer::{Outcome, Transfer};
use mail::address::{Domain, Mailbox};
use mail::digest::Digester;
use mail::id::AccountId;
use server::node::Node;
use store::content::ContentReader;
use store::{Account, Alias, MailRow, StoreError, TransferRecord};

use crate::sim::Inner;

/// All that one server holds.
struct Holdings {
    sent: Vec<TransferRecord>,
    mail: Vec<Lying>,
    violations: Vec<String>,
}

/// A message in a mailbox.
struct Lying {
    account: Account,
    row: MailRow,
    octets: Vec<u8>,
    is_as_served: bool,
}

/// Whether a message should lie in the recipient's mailbox.
#[derive(Debug, PartialEq, Eq)]
enum Due {
    Once,
    Never,
    /// The origin does not know, and says so.
    AtMostOnce,
}

/// Starts what is down, and lists what is wrong.
pub(crate) fn violations(sim: &Inner) -> Vec<String> {
    sim.restart_all();
    let domains: Vec<_> = sim.servers.borrow().iter().map(|server| server.domain.clone()).collect();
    let mut violations = vec![];
    let mut sent = vec![];
    let mut mail = vec![];
    for domain in &domains {
        match sim.ask(domain, |node| Box::pin(look(node))) {
            Ok(holdings) => {
                violations.extend(holdings.violations.into_iter().map(|violation| format!("{domain}: {violation}")));
                sent.extend(holdings.sent);
                mail.extend(holdings.mail);
            }
            Err(error) => violations.push(format!("{domain}: {error}")),
        }
    }
    // A restore takes back what both sides had agreed on; what may then be missing, its test knows.
    if !sim.has_lost_data.get() {
        violations.extend(promises(sim, &sent, &mail));
        // What a stranger's server confirms is its own word, and nobody here sees its mailboxes.
        sent.retain(|record| domains.contains(record.recipient.mailbox.domain()));
        violations.extend(conservation(&sent, &mail, sim.postmaster.borrow().as_ref()));
    }
    violations
}

async fn look(node: Arc<Node>) -> Result<Holdings, StoreError> {
    let mut holdings = Holdings { sent: vec![], mail: vec![], violations: node.store.check().await? };
    for account in node.store.accounts().await? {
        holdings.sent.extend(node.store.sent(account.id).await?);
        for row in node.store.mail_list(account.id).await? {
            holdings.mail.extend(read(&node, &account, row).await?);
        }
    }
    Ok(holdings)
}

async fn read(node: &Node, account: &Account, row: MailRow) -> Result<Option<Lying>, StoreError> {
    let Some(stored) = node.store.mail(account.id, row.id).await? else { return Ok(None) };
    let mut reader = ContentReader::new(&node.store, &stored.content, 0);
    let (mut octets, mut digester) = (vec![], Digester::new());
    loop {
        let piece = reader.next().await?;
        if piece.is_empty() {
            break;
        }
        digester.update(&piece);
        octets.extend(piece);
    }
    let is_as_served = digester.finish() == stored.content.digest && u64::try_from(octets.len()) == Ok(stored.content.size_octets);
    Ok(Some(Lying { account: account.clone(), row, octets, is_as_served }))
}

/// Every transfer's outcome is the truth about the recipient's mailbox. A message that was sent to two addresses of one
/// account lies there twice.
fn conservation(sent: &[TransferRecord], mail: &[Lying], postmaster: Option<&Mailbox>) -> Vec<String> {
    let mut lying: BTreeMap<(AccountId, &str), usize> = BTreeMap::new();
    for message in mail {
        *lying.entry((message.account.id, message.row.subject.as_str())).or_default() += 1;
    }
    let owners = owners(mail, postmaster);
    let mut owed: BTreeMap<(Option<AccountId>, &str), Owed<'_>> = BTreeMap::new();
    for record in sent {
        let owed = owed.entry((owner_of(&record.recipient.mailbox, &owners), record.subject.as_str())).or_default();
        let (least, most) = match due(&record.transfer) {
            Due::Once => (1, 1),
            Due::Never => (0, 0),
            Due::AtMostOnce => (0, 1),
        };
        owed.least += least;
        owed.most += most;
        owed.records.push(record);
    }
    let mut violations = vec![];
    for ((account, subject), owed) in owed {
        let found = account.and_then(|account| lying.get(&(account, subject))).copied().unwrap_or(0);
        if found < owed.least || found > owed.most {
            let told: Vec<_> = owed.records.iter().map(|record| (record.recipient.mailbox.to_string(), &record.transfer)).collect();
            violations.push(format!("{subject:?} lies there {found} times, its origin says {told:?}"));
        }
    }
    violations.extend(
        mail.iter()
            .filter(|message| !message.is_as_served)
            .map(|message| format!("{:?} of {}: its octets are not those of its digest", message.row.subject, message.account.address)),
    );
    violations
}

/// How often a message must and may lie in a mailbox.
#[derive(Default)]
struct Owed<'a> {
    least: usize,
    most: usize,
    records: Vec<&'a TransferRecord>,
}

/// Whose mailbox each address is, of those in whose mailboxes anything lies. Somebody may be named to be postmaster.
fn owners(mail: &[Lying], postmaster: Option<&Mailbox>) -> BTreeMap<String, AccountId> {
    let accounts: BTreeMap<AccountId, &Account> = mail.iter().map(|message| (message.account.id, &message.account)).collect();
    let mut owners = BTreeMap::new();
    for account in accounts.values() {
        owners.insert(account.address.key(), account.id);
        for alias in &account.aliases {
            let name = match alias {
                Alias::Address(mailbox) => mailbox.key(),
                Alias::CatchAll(domain) => catch_all(domain),
            };
            owners.insert(name, account.id);
        }
    }
    if let Some(named) = postmaster
        && let Some(owner) = owner_of(named, &owners)
    {
        owners.entry(format!("postmaster@{}", named.domain())).or_insert(owner);
    }
    owners
}

fn catch_all(domain: &Domain) -> String {
    format!("*@{domain}")
}

fn owner_of(recipient: &Mailbox, owners: &BTreeMap<String, AccountId>) -> Option<AccountId> {
    let untagged = recipient.without_tag();
    let names = [Some(recipient.key()), untagged.map(|mailbox| mailbox.key()), Some(catch_all(recipient.domain()))];
    names.into_iter().flatten().find_map(|name| owners.get(&name).copied())
}

fn due(transfer: &Transfer) -> Due {
    match transfer {
        Transfer::Ended { outcome: Outcome::Delivered, .. } => Due::Once,
        // Nobody has retrieved what is not Served, and nothing is pushed at servers with the extension.
        Transfer::Notifying { .. }
        | Transfer::Waiting { .. }
        | Transfer::Relaying { .. }
        | Transfer::Ended { outcome: Outcome::Failed { .. } | Outcome::Expired | Outcome::Withdrawn, .. } => Due::Never,
        Transfer::Served { .. } | Transfer::Uncertain { .. } | Transfer::Ended { outcome: Outcome::Closed | Outcome::Relayed, .. } => {
            Due::AtMostOnce
        }
    }
}

/// What was answered 250 is on its way to every recipient, and what lies in mailboxes is what was handed in.
fn promises(sim: &Inner, sent: &[TransferRecord], mail: &[Lying]) -> Vec<String> {
    let mut violations = vec![];
    let (handed, pushed) = (sim.handed.borrow(), sim.pushed.borrow());
    for handed in handed.iter() {
        for to in &handed.to {
            // Others may send it on, in their own names.
            let is_its = |record: &&TransferRecord| record.subject == handed.message.0 && record.from == handed.from;
            let count = sent.iter().filter(is_its).filter(|record| record.recipient.mailbox == *to).count();
            if count != 1 {
                violations.push(format!("{:?} from {} to {to} was answered 250, and has {count} transfers", handed.message, handed.from));
            }
        }
    }
    for handed in handed.iter().chain(pushed.iter()) {
        let spoilt = mail.iter().filter(|message| message.row.subject == handed.message.0 && !message.octets.ends_with(&handed.body));
        violations.extend(spoilt.map(|message| format!("{:?} of {} is not what was handed in", handed.message, message.account.address)));
    }
    violations
}
