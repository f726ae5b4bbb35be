//! Passwords for programs: an account has some, each good for a part of what its owner may do, and each can be taken away
//! without the others noticing.

use std::collections::BTreeSet;

use mail::address::Mailbox;
use mail::id::{AccountId, Partition};
use mail::time::Timestamp;

use crate::accounts::{self, scram_of};
use crate::backend::{Row, Tx};
use crate::{Result, ScramVerifier, Store, StoreError, directory, params, statements};

/// Of one account: more than anybody has programs, and few enough to be read at every login.
pub const APP_PASSWORDS_MAX: usize = 50;

statements! {
    INSERT = "INSERT INTO app_password (part, account, id, name, scopes, scram_salt, scram_iterations, scram_stored_key, scram_server_key, \
              made, used) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, NULL) ON CONFLICT (part, account, id) DO NOTHING";
    LIST = "SELECT id, name, scopes, made, used FROM app_password WHERE part = ?1 AND account = ?2 ORDER BY made, id";
    FIND = "SELECT id, name, scopes, made, used, scram_salt, scram_iterations, scram_stored_key, scram_server_key FROM app_password \
            WHERE part = ?1 AND account = ?2 AND (id = ?3 OR name = ?3)";
    USED = "UPDATE app_password SET used = ?4 WHERE part = ?1 AND account = ?2 AND id = ?3";
    DELETE = "DELETE FROM app_password WHERE part = ?1 AND account = ?2 AND name = ?3";
    ERASE = "DELETE FROM app_password WHERE part = ?1 AND account = ?2";
}

/// What an app password is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scope {
    /// To read and change mailboxes.
    Imap,
    /// To hand in mail.
    Submission,
}

impl Scope {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Imap, Self::Submission];

    /// As it is written.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Imap => "imap",
            Self::Submission => "submission",
        }
    }
}

/// An app password to add.
#[derive(Debug, Clone)]
pub struct NewAppPassword {
    /// Whose.
    pub account: AccountId,
    /// What the password begins with.
    pub id: String,
    /// What its owner calls it; once in an account.
    pub name: String,
    /// What it is good for.
    pub scopes: BTreeSet<Scope>,
    /// What is kept of it. It is made by chance, and needs nothing slower than this to be safe.
    pub scram: ScramVerifier,
    /// Now.
    pub made: Timestamp,
}

/// An app password, without what checks it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppPassword {
    /// What the password begins with.
    pub id: String,
    /// What its owner calls it.
    pub name: String,
    /// What it is good for.
    pub scopes: BTreeSet<Scope>,
    /// When it was made.
    pub made: Timestamp,
    /// When it last let somebody in.
    pub used: Option<Timestamp>,
}

/// An app password, with what checks it.
#[derive(Debug, Clone)]
pub struct AppCredentials {
    /// Whose.
    pub account: AccountId,
    /// Which.
    pub password: AppPassword,
    /// What checks it.
    pub scram: ScramVerifier,
}

/// What became of an app password that was to be added.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AppPasswordAdded {
    /// It is there.
    Done,
    /// The account has one of this name, or with this beginning.
    Taken,
    /// The account has [`APP_PASSWORDS_MAX`].
    Full,
    /// There is no such account, or it is being deleted.
    NoAccount,
}

impl Store {
    /// Adds an app password.
    ///
    /// # Errors
    /// The store is not available.
    pub async fn add_app_password(&self, new: NewAppPassword) -> Result<AppPasswordAdded> {
        self.write(Partition::of(new.account), 0, move |tx| add(tx, &new)).await
    }

    /// The app passwords of an account, the oldest first.
    ///
    /// # Errors
    /// The store is not available.
    pub async fn app_passwords(&self, account: AccountId) -> Result<Vec<AppPassword>> {
        self.read(move |tx| list(tx, account)).await
    }

    /// The app password of the account with this address that has this name, or this beginning.
    ///
    /// # Errors
    /// The store is not available.
    pub async fn app_credentials(&self, address: &Mailbox, name: &str) -> Result<Option<AppCredentials>> {
        let (address, name) = (address.key(), name.to_owned());
        let find = move |tx: &mut dyn Tx| {
            let Some(account) = directory::holder(tx, &address)? else { return Ok(None) };
            let part = Partition::of(account);
            let Some(mut row) = tx.one(FIND, params![part, account, &name])? else { return Ok(None) };
            if accounts::screening_of(tx, account)?.is_none() {
                return Ok(None);
            }
            Ok(Some(AppCredentials { account, password: app_password(&mut row)?, scram: scram_of(&mut row)? }))
        };
        self.read(find).await
    }

    /// An app password let somebody in.
    ///
    /// # Errors
    /// The store is not available.
    pub async fn app_password_used(&self, account: AccountId, id: &str, now: Timestamp) -> Result<()> {
        let (part, id) = (Partition::of(account), id.to_owned());
        self.write(part, 0, move |tx| tx.execute(USED, params![part, account, &id, now]).map(drop)).await
    }

    /// Takes the app password of this name away. Whether there was one.
    ///
    /// # Errors
    /// The store is not available.
    pub async fn remove_app_password(&self, account: AccountId, name: &str) -> Result<bool> {
        let (part, name) = (Partition::of(account), name.to_owned());
        self.write(part, 0, move |tx| Ok(tx.execute(DELETE, params![part, account, &name])? > 0)).await
    }
}

/// Takes all of them away, with their account.
pub(crate) fn erase(tx: &mut dyn Tx, part: Partition, account: AccountId) -> Result<()> {
    tx.execute(ERASE, params![part, account]).map(drop)
}

fn add(tx: &mut dyn Tx, new: &NewAppPassword) -> Result<AppPasswordAdded> {
    let NewAppPassword { account, id, name, scopes, scram, made } = new;
    let part = Partition::of(*account);
    if accounts::screening_of(tx, *account)?.is_none() {
        return Ok(AppPasswordAdded::NoAccount);
    }
    let there = list(tx, *account)?;
    // A name is not another's beginning either: either of them finds a password.
    if there.iter().any(|old| [&old.name, &old.id].iter().any(|taken| [name, id].contains(taken))) {
        return Ok(AppPasswordAdded::Taken);
    }
    if there.len() >= APP_PASSWORDS_MAX {
        return Ok(AppPasswordAdded::Full);
    }
    let scopes: Vec<&str> = scopes.iter().map(|scope| scope.as_str()).collect();
    let ScramVerifier { salt, iterations, stored_key, server_key } = scram;
    let values = params![part, *account, id, name, scopes.join(" "), salt, *iterations, stored_key, server_key, *made];
    tx.execute(INSERT, values)?;
    Ok(AppPasswordAdded::Done)
}

fn list(tx: &mut dyn Tx, account: AccountId) -> Result<Vec<AppPassword>> {
    let rows = tx.query(LIST, params![Partition::of(account), account])?;
    rows.into_iter().map(|mut row| app_password(&mut row)).collect()
}

fn app_password(row: &mut Row) -> Result<AppPassword> {
    Ok(AppPassword { id: row.text()?, name: row.text()?, scopes: scopes(&row.text()?)?, made: row.time()?, used: row.time_or_null()? })
}

fn scopes(text: &str) -> Result<BTreeSet<Scope>> {
    let scope = |word: &str| Scope::ALL.into_iter().find(|scope| scope.as_str() == word);
    let damaged = |word: &str| StoreError::Damaged(format!("an app password for {word:?}"));
    text.split_whitespace().map(|word| scope(word).ok_or_else(|| damaged(word))).collect()
}
