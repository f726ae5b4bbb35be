//! The directory and the accounts say the same of every name.

use std::collections::BTreeMap;

use mail::address::Mailbox;
use mail::id::Partition;

use crate::backend::Tx;
use crate::{Result, params, statements};

statements! {
    DIRECTORY = "SELECT part, name, account FROM directory WHERE stage = 'active' ORDER BY part, name";
    ADDRESSES = "SELECT id, address FROM account WHERE stage = 'active' ORDER BY part, id";
    ALIASES = "SELECT l.account, l.name FROM alias l JOIN account a ON a.part = l.part AND a.id = l.account WHERE a.stage = 'active' \
               ORDER BY l.part, l.account, l.name";
}

pub(crate) fn compare(tx: &mut dyn Tx) -> Result<Vec<String>> {
    let mut violations = Vec::new();
    let mut of_accounts = BTreeMap::new();
    for mut row in tx.query(ADDRESSES, params![])? {
        let account = row.text()?;
        of_accounts.insert(row.parsed::<Mailbox>()?.key(), account);
    }
    for mut row in tx.query(ALIASES, params![])? {
        let account = row.text()?;
        let name = row.text()?;
        if let Some(other) = of_accounts.insert(name.clone(), account.clone()) {
            violations.push(format!("two accounts have one name: {name} of {other} and {account}"));
        }
    }
    let mut active = BTreeMap::new();
    for mut row in tx.query(DIRECTORY, params![])? {
        let (part, name, account) = (row.int()?, row.text()?, row.text()?);
        if part != i64::from(Partition::of_name(&name).number()) {
            violations.push(format!("a name is in another partition than its own: {name}"));
        }
        if of_accounts.get(&name) != Some(&account) {
            violations.push(format!("a name is of an account that does not have it: {name}"));
        }
        active.insert(name, account);
    }
    let missing = of_accounts.keys().filter(|name| !active.contains_key(*name));
    violations.extend(missing.map(|name| format!("an account has a name that does not lead to it: {name}")));
    Ok(violations)
}
