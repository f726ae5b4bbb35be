//! `rules` and `absence`: what is done with mail as it is delivered, and what is said while its owner is away.

use delivery::absence::Absence;
use delivery::rules::sieve::export;
use delivery::rules::{Action, Allowance, Filing, Flag, MessageFacts, RuleSet, Target, file, return_path};
use mail::address::Mailbox;
use mail::message::HeaderSection;
use serde::Serialize;
use store::{Account, Wished};

use crate::admin::{AdminError, Desk, Response};

#[derive(Serialize)]
struct Row {
    number: usize,
    name: String,
    #[serde(rename = "if")]
    condition: String,
    then: String,
}

#[derive(Serialize)]
struct Copy {
    mailbox: String,
    flags: Vec<String>,
}

#[derive(Serialize)]
struct Tested {
    copies: Vec<Copy>,
    forwards: Vec<Mailbox>,
    unforwarded: Option<String>,
}

/// A message that rules are tried on.
pub(super) struct Trial<'a> {
    /// Its header section.
    pub(super) header: &'a str,
    /// All of it.
    pub(super) size_octets: u64,
    /// Whom it was sent to, if not the account's own address.
    pub(super) to: Option<Mailbox>,
    /// By what it was let in.
    pub(super) allowed_by: Allowance,
}

pub(super) async fn list(desk: &Desk, address: &Mailbox) -> Result<Response, AdminError> {
    let account = desk.account(address).await?;
    let rules = desk.store.wishes(account.id).await?.rules.rules;
    let rows = rules.into_iter().enumerate().map(|(index, rule)| Row {
        number: index + 1,
        name: rule.name,
        condition: serde_json::to_string(&rule.condition).unwrap_or_default(),
        then: serde_json::to_string(&rule.actions).unwrap_or_default(),
    });
    Ok(Response::of(rows.collect::<Vec<_>>()))
}

pub(super) async fn show(desk: &Desk, address: &Mailbox) -> Result<Response, AdminError> {
    let account = desk.account(address).await?;
    Ok(Response::of(desk.store.wishes(account.id).await?.rules))
}

/// Sets the rules, all of them; and the absence reply, if one comes with them.
pub(super) async fn set(desk: &Desk, address: &Mailbox, rules: RuleSet, absence: Option<Absence>) -> Result<Response, AdminError> {
    let account = desk.account(address).await?;
    let absence = absence.map(Absence::checked).transpose().map_err(|error| AdminError::usage("absence", error.to_string()))?;
    for rule in &rules.rules {
        for action in &rule.actions {
            if let Action::Forward(forward) = action {
                is_to_another(desk, &account, &forward.to).await?;
            }
        }
    }
    let (count, has_absence) = (rules.rules.len(), absence.is_some());
    wished(&account, desk.store.set_wishes(account.id, rules, absence).await?)?;
    Ok(Response::of(serde_json::json!({ "address": account.address, "rules": count, "absence": has_absence })))
}

/// A mailbox that sends on to itself would only get everything twice.
async fn is_to_another(desk: &Desk, account: &Account, to: &Mailbox) -> Result<(), AdminError> {
    let owner = desk.store.resolve(to).await?;
    if owner.is_some_and(|owner| owner.id == account.id) {
        return Err(AdminError::refused("forward-to-self", format!("{to} is an address of {} itself", account.address)));
    }
    Ok(())
}

fn wished(account: &Account, wished: Wished) -> Result<(), AdminError> {
    match wished {
        Wished::Done => Ok(()),
        Wished::NoAccount => Err(AdminError::refused("no-such-account", format!("there is no account {}", account.address))),
        Wished::Unfit(error) => Err(AdminError::usage("rules", error.to_string())),
    }
}

pub(super) async fn export_sieve(desk: &Desk, address: &Mailbox) -> Result<Response, AdminError> {
    let account = desk.account(address).await?;
    let wishes = desk.store.wishes(account.id).await?;
    match export(&wishes.rules, wishes.absence.as_ref()) {
        Ok(sieve) => Ok(Response::of(serde_json::json!({ "sieve": sieve }))),
        Err(why) => Err(AdminError::refused("no-equivalent", why.to_string())),
    }
}

/// What the rules would do with a message.
pub(super) async fn test(desk: &Desk, address: &Mailbox, trial: Trial<'_>) -> Result<Response, AdminError> {
    let account = desk.account(address).await?;
    let rules = desk.store.wishes(account.id).await?.rules;
    let header = HeaderSection::read(trial.header.as_bytes());
    let (reverse_path, recipient) = (return_path(&header), trial.to.unwrap_or_else(|| account.address.clone()));
    let facts = MessageFacts {
        header: &header,
        reverse_path: &reverse_path,
        recipient: &recipient,
        owner: &account.address,
        size_octets: trial.size_octets,
        allowed_by: trial.allowed_by,
    };
    let Filing { copies, forwards, unforwarded } = file(&rules, &facts);
    let copies = copies.into_iter().map(|copy| Copy {
        mailbox: match copy.target {
            Target::Unsaid => delivery::rules::INBOX.to_owned(),
            Target::Mailbox(name) => name,
            Target::Trash => "Trash".to_owned(),
        },
        flags: copy.flags.iter().map(Flag::to_string).collect(),
    });
    let (copies, unforwarded) = (copies.collect(), unforwarded.map(|why| why.to_string()));
    Ok(Response::of(Tested { copies, forwards, unforwarded }))
}

pub(super) async fn absence(desk: &Desk, address: &Mailbox) -> Result<Response, AdminError> {
    let account = desk.account(address).await?;
    let absence = desk.store.wishes(account.id).await?.absence;
    let is_on = absence.as_ref().is_some_and(|absence| absence.is_on(desk.means.now()));
    Ok(Response::of(serde_json::json!({ "absence": absence, "on": is_on })))
}

pub(super) async fn set_absence(desk: &Desk, address: &Mailbox, absence: Option<Absence>) -> Result<Response, AdminError> {
    let account = desk.account(address).await?;
    let absence = absence.map(Absence::checked).transpose().map_err(|error| AdminError::usage("absence", error.to_string()))?;
    wished(&account, desk.store.set_absence(account.id, absence).await?)?;
    self::absence(desk, address).await
}
