//! Accounts: added, renamed, found, deleted; each step of each repeatable.

use delivery::consent::{Claims, Legacy, Screening};
use mail::address::Mailbox;
use mail::id::{AccountId, Partition};
use mail::time::Timestamp;

use crate::backend::{Row, Sql, Tx};
use crate::directory::{alias_name, catch_all};
use crate::former::Through;
use crate::made::ERASE_MADE;
use crate::{
    Account, Added, Alias, Credentials, NewAccount, Result, ScramVerifier, Store, StoreError, app_passwords, codec, directory, errands,
    mailboxes, params, rules, statements,
};

statements! {
    INSERT = "INSERT INTO account (part, id, address, stage, screening, legacy, made, password_hash, scram_salt, scram_iterations, \
              scram_stored_key, scram_server_key) VALUES (?1, ?2, ?3, 'active', ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11) \
              ON CONFLICT (part, id) DO NOTHING";
    LOAD = "SELECT id, address, screening, legacy, made, claims FROM account WHERE part = ?1 AND id = ?2 AND stage = 'active'";
    LIST = "SELECT id, address, screening, legacy, made, claims FROM account WHERE stage = 'active' ORDER BY address";
    MODES = "SELECT screening, legacy FROM account WHERE part = ?1 AND id = ?2 AND stage = 'active'";
    CREDENTIALS = "SELECT password_hash, scram_salt, scram_iterations, scram_stored_key, scram_server_key FROM account \
                   WHERE part = ?1 AND id = ?2 AND stage = 'active'";
    PRIMARY = "SELECT address FROM account WHERE part = ?1 AND id = ?2";
    SET_CLAIMS = "UPDATE account SET claims = ?3 WHERE part = ?1 AND id = ?2";
    SET_MODES = "UPDATE account SET screening = ?3, legacy = ?4 WHERE part = ?1 AND id = ?2";
    CLOSE = "UPDATE account SET stage = 'deleting' WHERE part = ?1 AND id = ?2";
    CLOSED = "SELECT id FROM account WHERE stage = 'deleting' ORDER BY part, id";
    ERASE = "DELETE FROM account WHERE part = ?1 AND id = ?2";
    ADD_ALIAS = "INSERT INTO alias (part, account, name, written) VALUES (?1, ?2, ?3, ?4) ON CONFLICT (part, account, name) DO NOTHING";
    DROP_ALIAS = "DELETE FROM alias WHERE part = ?1 AND account = ?2 AND name = ?3";
    SET_PASSWORD = "UPDATE account SET password_hash = ?3, scram_salt = ?4, scram_iterations = ?5, scram_stored_key = ?6, \
                    scram_server_key = ?7 WHERE part = ?1 AND id = ?2 AND stage = 'active'";
    ALIASES = "SELECT written FROM alias WHERE part = ?1 AND account = ?2 ORDER BY name";
    ALIAS_NAMES = "SELECT name FROM alias WHERE part = ?1 AND account = ?2 ORDER BY name";
    ERASE_ALIASES = "DELETE FROM alias WHERE part = ?1 AND account = ?2";
    ERASE_ENTRIES = "DELETE FROM entry WHERE part = ?1 AND account = ?2";
    ERASE_HISTORY = "DELETE FROM history WHERE part = ?1 AND account = ?2";
    ERASE_REDECISIONS = "DELETE FROM redecision WHERE part = ?1 AND account = ?2";
    ERASE_OBSERVED = "DELETE FROM observed WHERE part = ?1 AND account = ?2";
    ERASE_ACQUAINTANCES = "DELETE FROM acquaintance WHERE part = ?1 AND account = ?2";
    ERASE_MAILBOXES = "DELETE FROM mailbox WHERE part = ?1 AND account = ?2";
    ERASE_ITEMS = "DELETE FROM item WHERE part = ?1 AND account = ?2";
    ERASE_EXPUNGED = "DELETE FROM expunged WHERE part = ?1 AND account = ?2";
    ERASE_DISCARDED = "DELETE FROM discarded WHERE part = ?1 AND account = ?2";
    ERASE_SUBSCRIPTIONS = "DELETE FROM subscription WHERE part = ?1 AND account = ?2";
    ERASE_ANNOTATIONS = "DELETE FROM annotation WHERE part = ?1 AND account = ?2";
    ERASE_BEATS = "DELETE FROM beat WHERE part = ?1 AND account = ?2";
}

/// What an account has beside its transfers, arrivals and mail; itself last.
const ERASE_ALL: [Sql; 15] = [
    ERASE_MADE,
    ERASE_ALIASES,
    ERASE_ENTRIES,
    ERASE_HISTORY,
    ERASE_REDECISIONS,
    ERASE_OBSERVED,
    ERASE_ACQUAINTANCES,
    ERASE_ITEMS,
    ERASE_EXPUNGED,
    ERASE_DISCARDED,
    ERASE_SUBSCRIPTIONS,
    ERASE_ANNOTATIONS,
    ERASE_BEATS,
    ERASE_MAILBOXES,
    ERASE,
];

impl Store {
    /// Adds an account: reserves the address, creates the account, activates the address; each repeatable.
    ///
    /// # Errors
    /// The store is not available.
    pub async fn add_account(&self, account: NewAccount) -> Result<Added> {
        let (name, id) = (account.address.key(), account.id);
        if self.reserve_name(&name, id, account.made).await?.account != id {
            return Ok(Added::Taken);
        }
        let part = Partition::of(id);
        self.write(part, 0, move |tx| create(tx, part, &account)).await?;
        self.activate_name(&name, id).await?;
        Ok(Added::Done)
    }

    /// Adds an alias (an address, or `*@domain`: what no other address takes) to an account.
    ///
    /// # Errors
    /// The store is not available.
    pub async fn add_alias(&self, account: AccountId, alias: Alias) -> Result<Added> {
        let name = alias_name(&alias);
        if self.reserve_name(&name, account, self.now()).await?.account != account {
            return Ok(Added::Taken);
        }
        let (part, recorded) = (Partition::of(account), name.clone());
        let record = move |tx: &mut dyn Tx| {
            // Its own address needs no alias.
            if load(tx, part, account)?.is_some_and(|found| found.address.key() != recorded) {
                tx.execute(ADD_ALIAS, params![part, account, &recorded, written(&alias)])?;
            }
            Ok(())
        };
        self.write(part, 0, record).await?;
        self.activate_name(&name, account).await?;
        Ok(Added::Done)
    }

    /// Takes an alias away from an account. Whether it had it.
    ///
    /// # Errors
    /// The store is not available. What was cut short is decided by [`Store::resume_accounts`]: the account has the alias, or not.
    pub async fn remove_alias(&self, account: AccountId, alias: &Alias) -> Result<bool> {
        let (part, name) = (Partition::of(account), alias_name(alias));
        let named = name.clone();
        let has = move |tx: &mut dyn Tx| Ok(tx.query(ALIAS_NAMES, params![part, account])?.into_iter().map(|mut row| row.text()).collect());
        let names: Result<Vec<String>> = self.read(has).await?;
        if !names?.contains(&name) {
            return Ok(false);
        }
        self.remember_notices(account, Through::Name(&name)).await?;
        // As it was before it was recorded, so that no crash leaves a name that leads to an account without it.
        self.deactivate_name(&name, account, self.now()).await?;
        self.write(part, 0, move |tx| tx.execute(DROP_ALIAS, params![part, account, &named]).map(drop)).await?;
        self.give_up_name(&name, account).await?;
        Ok(true)
    }

    /// Sets what logging in takes. `false` if there is no such account.
    ///
    /// # Errors
    /// The store is not available.
    pub async fn set_password(&self, account: AccountId, password_hash: String, scram: ScramVerifier) -> Result<bool> {
        let part = Partition::of(account);
        let set = move |tx: &mut dyn Tx| {
            let ScramVerifier { salt, iterations, stored_key, server_key } = &scram;
            Ok(tx.execute(SET_PASSWORD, params![part, account, &password_hash, salt, *iterations, stored_key, server_key])? == 1)
        };
        self.write(part, 0, set).await
    }

    /// Deletes an account, its addresses, its mail. Transfers under way end as failed.
    ///
    /// # Errors
    /// The store is not available. What is left is deleted when this is called again, or by [`Store::resume_accounts`].
    pub async fn delete_account(&self, account: AccountId, now: Timestamp) -> Result<()> {
        let part = Partition::of(account);
        // Before the mailbox is no more, so that at no time a repeat is told so; and again for what came in between.
        self.remember_notices(account, Through::AnyName).await?;
        // First of all nobody can log in, submit or receive any more.
        self.write(part, 0, move |tx| tx.execute(CLOSE, params![part, account]).map(drop)).await?;
        self.remember_notices(account, Through::AnyName).await?;
        let names = self.read(move |tx| names(tx, part, account)).await?;
        for name in names {
            self.give_up_name(&name, account).await?;
        }
        self.end_transfers(account, now).await?;
        self.erase_arrivals(account, now).await?;
        self.erase_mail(account, now).await?;
        self.erase_index(account).await?;
        self.erase_kept(account, now).await?;
        let erase = move |tx: &mut dyn Tx| {
            // Whoever is logged in finds nothing any more.
            tx.touch(account);
            ERASE_ALL.iter().try_for_each(|table| tx.execute(*table, params![part, account]).map(drop))?;
            rules::erase(tx, part, account)?;
            errands::erase(tx, part, account)?;
            app_passwords::erase(tx, part, account)
        };
        self.write(part, 0, erase).await
    }

    /// Finishes what a crash cut short: accounts half added (names reserved before `before`) or half deleted.
    ///
    /// # Errors
    /// The store is not available.
    pub async fn resume_accounts(&self, before: Timestamp, now: Timestamp) -> Result<()> {
        for (name, account) in self.stale_reservations(before).await? {
            let part = Partition::of(account);
            if self.read(move |tx| names(tx, part, account)).await?.contains(&name) {
                self.activate_name(&name, account).await?;
            } else {
                self.give_up_name(&name, account).await?;
            }
        }
        let closed = |tx: &mut dyn Tx| tx.query(CLOSED, params![])?.into_iter().map(|mut row| row.parsed()).collect();
        let closed: Vec<AccountId> = self.read(closed).await?;
        for account in closed {
            self.delete_account(account, now).await?;
        }
        Ok(())
    }

    /// All accounts, by address.
    ///
    /// # Errors
    /// The store is not available.
    pub async fn accounts(&self) -> Result<Vec<Account>> {
        let list = |tx: &mut dyn Tx| {
            let rows = tx.query(LIST, params![])?;
            rows.into_iter().map(|mut row| with_aliases(tx, &mut row)).collect()
        };
        self.read(list).await
    }

    /// The account that has exactly this address (or alias), for logging in and for the command line.
    ///
    /// # Errors
    /// The store is not available.
    pub async fn account(&self, address: &Mailbox) -> Result<Option<Account>> {
        let name = address.key();
        let find = move |tx: &mut dyn Tx| {
            let Some(account) = directory::holder(tx, &name)? else { return Ok(None) };
            load(tx, Partition::of(account), account)
        };
        self.read(find).await
    }

    /// The account of this id.
    ///
    /// # Errors
    /// The store is not available.
    pub async fn account_by_id(&self, account: AccountId) -> Result<Option<Account>> {
        self.read(move |tx| load(tx, Partition::of(account), account)).await
    }

    /// What logging in as this address takes.
    ///
    /// # Errors
    /// The store is not available.
    pub async fn credentials(&self, address: &Mailbox) -> Result<Option<Credentials>> {
        let name = address.key();
        let find = move |tx: &mut dyn Tx| {
            let Some(account) = directory::holder(tx, &name)? else { return Ok(None) };
            credentials(tx, account)
        };
        self.read(find).await
    }

    /// Who receives mail for this address: the address itself, without its plus-tag, or the domain's catch-all.
    ///
    /// # Errors
    /// The store is not available.
    pub async fn resolve(&self, recipient: &Mailbox) -> Result<Option<Account>> {
        let recipient = recipient.clone();
        let find = move |tx: &mut dyn Tx| {
            let Some(account) = directory::recipient(tx, &recipient)? else { return Ok(None) };
            load(tx, Partition::of(account), account)
        };
        self.read(find).await
    }

    /// Sets whether claims of strangers are shown.
    ///
    /// # Errors
    /// The store is not available.
    pub async fn set_claims(&self, account: AccountId, claims: Claims) -> Result<()> {
        self.change_claims(account, claims).await
    }

    /// Sets what is given.
    ///
    /// # Errors
    /// The store is not available.
    pub async fn set_mode(&self, account: AccountId, screening: Option<Screening>, legacy: Option<Legacy>) -> Result<()> {
        self.change_modes(account, screening, legacy).await
    }
}

fn create(tx: &mut dyn Tx, part: Partition, account: &NewAccount) -> Result<()> {
    let NewAccount { id, address, password_hash, scram, screening, legacy, made } = account;
    let screening = codec::screening_name(*screening);
    let legacy = legacy.map(codec::legacy_name);
    let ScramVerifier { salt, iterations, stored_key, server_key } = scram;
    let address = address.to_string();
    let values = params![part, *id, address, screening, legacy, *made, password_hash, salt, *iterations, stored_key, server_key];
    tx.execute(INSERT, values)?;
    mailboxes::make_inbox(tx, *id, *made)
}

/// The account's own name and those of its aliases.
fn names(tx: &mut dyn Tx, part: Partition, account: AccountId) -> Result<Vec<String>> {
    let Some(mut row) = tx.one(PRIMARY, params![part, account])? else { return Ok(Vec::new()) };
    let mut names = vec![row.parsed::<Mailbox>()?.key()];
    for mut row in tx.query(ALIAS_NAMES, params![part, account])? {
        names.push(row.text()?);
    }
    Ok(names)
}

/// The account, unless it is being deleted.
pub(crate) fn load(tx: &mut dyn Tx, part: Partition, account: AccountId) -> Result<Option<Account>> {
    let Some(mut row) = tx.one(LOAD, params![part, account])? else { return Ok(None) };
    with_aliases(tx, &mut row).map(Some)
}

fn with_aliases(tx: &mut dyn Tx, row: &mut Row) -> Result<Account> {
    let (id, address): (AccountId, Mailbox) = (row.parsed()?, row.parsed()?);
    let screening = codec::screening(&row.text()?)?;
    let legacy = row.text_or_null()?.map(|name| codec::legacy(&name)).transpose()?;
    let (made, claims) = (row.time()?, codec::claims(&row.text()?)?);
    let aliases = tx.query(ALIASES, params![Partition::of(id), id])?;
    let aliases = aliases.into_iter().map(|mut row| alias(&row.text()?)).collect::<Result<_>>()?;
    Ok(Account { id, address, aliases, screening, legacy: legacy.unwrap_or(Legacy::default_for(screening)), claims, made })
}

/// The screening mode of an account, unless it is being deleted.
pub(crate) fn screening_of(tx: &mut dyn Tx, account: AccountId) -> Result<Option<Screening>> {
    Ok(modes(tx, account)?.map(|(screening, _legacy)| screening))
}

/// Writes the modes: screening, and legacy if it was chosen at all.
pub(crate) fn write_modes(tx: &mut dyn Tx, account: AccountId, (screening, legacy): (Screening, Option<Legacy>)) -> Result<()> {
    let (screening, legacy) = (codec::screening_name(screening), legacy.map(codec::legacy_name));
    tx.touch(account);
    tx.execute(SET_MODES, params![Partition::of(account), account, screening, legacy]).map(drop)
}

/// Whether claims of strangers are shown, unless the account is being deleted.
pub(crate) fn claims_of(tx: &mut dyn Tx, account: AccountId) -> Result<Option<Claims>> {
    let loaded = load(tx, Partition::of(account), account)?;
    Ok(loaded.map(|account| account.claims))
}

/// Writes whether claims of strangers are shown.
pub(crate) fn write_claims(tx: &mut dyn Tx, account: AccountId, claims: Claims) -> Result<()> {
    tx.touch(account);
    tx.execute(SET_CLAIMS, params![Partition::of(account), account, codec::claims_name(claims)]).map(drop)
}

/// The modes as they were chosen: screening, and legacy if it was chosen at all.
pub(crate) fn modes(tx: &mut dyn Tx, account: AccountId) -> Result<Option<(Screening, Option<Legacy>)>> {
    let Some(mut row) = tx.one(MODES, params![Partition::of(account), account])? else { return Ok(None) };
    let screening = codec::screening(&row.text()?)?;
    Ok(Some((screening, row.text_or_null()?.map(|name| codec::legacy(&name)).transpose()?)))
}

fn credentials(tx: &mut dyn Tx, account: AccountId) -> Result<Option<Credentials>> {
    let Some(mut row) = tx.one(CREDENTIALS, params![Partition::of(account), account])? else { return Ok(None) };
    Ok(Some(Credentials { account, password_hash: row.text()?, scram: scram_of(&mut row)? }))
}

/// What SCRAM keeps, in four columns.
pub(crate) fn scram_of(row: &mut Row) -> Result<ScramVerifier> {
    let key =
        |octets: Vec<u8>| <[u8; 32]>::try_from(octets).map_err(|_length| StoreError::Damaged("a SCRAM key of another length".to_owned()));
    let salt = row.blob()?;
    let iterations = u32::try_from(row.int()?).map_err(|_range| StoreError::Damaged("too many SCRAM iterations".to_owned()))?;
    Ok(ScramVerifier { salt, iterations, stored_key: key(row.blob()?)?, server_key: key(row.blob()?)? })
}

/// An alias as it is written in a column: as the command line writes it.
fn written(alias: &Alias) -> String {
    match alias {
        Alias::Address(mailbox) => mailbox.to_string(),
        Alias::CatchAll(domain) => catch_all(domain),
    }
}

fn alias(written: &str) -> Result<Alias> {
    let damaged = |error| StoreError::Damaged(format!("an alias {written:?}: {error}"));
    match written.strip_prefix('@') {
        Some(domain) => domain.parse().map(Alias::CatchAll).map_err(damaged),
        None => written.parse().map(Alias::Address).map_err(damaged),
    }
}
