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

/// What is wrong with the directory.
#[derive(Debug, Default)]
pub(crate) struct Wrong {
    /// Rows that should not be there: partition, name, account.
    pub(crate) strange: Vec<(i64, String, String)>,
    /// Names of accounts that no row leads to: name, account.
    pub(crate) missing: Vec<(String, String)>,
    sentences: Vec<String>,
}

pub(crate) fn compare(tx: &mut dyn Tx) -> Result<Vec<String>> {
    wrong(tx).map(|wrong| wrong.sentences)
}

pub(crate) fn wrong(tx: &mut dyn Tx) -> Result<Wrong> {
    let mut wrong = Wrong::default();
    let mut of_accounts = BTreeMap::new();
    for mut row in tx.query(ADDRESSES, params![])? {
        let account = row.text()?;
        of_accounts.insert(row.parsed::<Mailbox>()?.key(), account);
    }
    for mut row in tx.query(ALIASES, params![])? {
        let account = row.text()?;
        let name = row.text()?;
        if let Some(other) = of_accounts.insert(name.clone(), account.clone()) {
            wrong.sentences.push(format!("two accounts have one name: {name} of {other} and {account}"));
        }
    }
    let mut active = BTreeMap::new();
    for mut row in tx.query(DIRECTORY, params![])? {
        let (part, name, account) = (row.int()?, row.text()?, row.text()?);
        let is_elsewhere = part != i64::from(Partition::of_name(&name).number());
        let is_of_another = of_accounts.get(&name) != Some(&account);
        if is_elsewhere {
            wrong.sentences.push(format!("a name is in another partition than its own: {name}"));
        }
        if is_of_another {
            wrong.sentences.push(format!("a name is of an account that does not have it: {name}"));
        }
        if is_elsewhere || is_of_another {
            wrong.strange.push((part, name.clone(), account.clone()));
        }
        if !is_elsewhere {
            active.insert(name, account);
        }
    }
    for (name, account) in of_accounts {
        let found = active.get(&name);
        if found.is_none() {
            wrong.sentences.push(format!("an account has a name that does not lead to it: {name}"));
        }
        if found != Some(&account) {
            wrong.missing.push((name, account));
        }
    }
    Ok(wrong)
}
