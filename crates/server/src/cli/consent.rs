//! `consent`: an owner's lists and contact attempts at a server that runs elsewhere, by IMAP's XTWOWAY.

mod connection;
mod shown;

use std::num::NonZeroU32;

use clap::ValueEnum as _;
use mail::time::Timestamp;
use proto::imap::client::twoway::{Change, Contacts, Entries, Modes, Rows};
use proto::imap::command::twoway::{Claims, Detail, Entry, Legacy, Modes as Rules, Page, Screening};
use proto::sasl::Secret;
use serde_json::{Value, json};

use super::arguments::{Consent, Wish};
use super::{print, read_password, require_stdin};
use crate::admin::AdminError;
use crate::config::parse_moment;
use crate::real;
use connection::Connection;

/// Rows of one page.
const PAGE_ROWS: NonZeroU32 = NonZeroU32::MIN.saturating_add(99);
/// Rows in all: a list of an account has at most 20,000.
const ROWS_MAX: usize = 100_000;

/// Asks, and tells what was answered.
pub(super) fn run(consent: Consent, as_json: bool) -> Result<(), AdminError> {
    require_stdin(consent.password_stdin)?;
    let password = read_password()?;
    let password = Secret::new(&password.0).ok_or_else(|| AdminError::usage("password", "no password can be like this"))?;
    let mut connection = Connection::open(&consent.server, consent.ca.as_deref())?;
    connection.login(&consent.user, &password)?;
    if let Wish::Watch = consent.what {
        return connection.watch(|told| print(as_json, &shown::change_document(told), &shown::change_line(told)));
    }
    let (document, text) = carry_out(&mut connection, consent.what)?;
    connection.close();
    print(as_json, &document, &text)
}

fn carry_out(connection: &mut Connection, wish: Wish) -> Result<(Value, String), AdminError> {
    let change = match wish {
        Wish::Contacts => {
            let rows = all(|page| connection.ask(Contacts::new(page, Detail::Evidence)))?;
            let documents: Vec<Value> = rows.iter().map(shown::contact_document).collect();
            return Ok((json!({ "contacts": documents }), rows.iter().map(shown::contact_line).collect()));
        }
        Wish::Entries { lists } => {
            let rows = all(|page| connection.ask(Entries::new(lists.clone(), page)))?;
            let documents: Vec<Value> = rows.iter().map(shown::entry_document).collect();
            return Ok((json!({ "entries": documents }), rows.iter().map(shown::entry_line).collect()));
        }
        Wish::Modes { screening: None, legacy: None, claims: None } => {
            let modes = connection.ask(Modes::default())?;
            return Ok((shown::modes_document(modes), shown::modes_line(modes)));
        }
        Wish::Modes { screening, legacy, claims } => Change::modes(Rules {
            screening: screening.and_then(|word| Screening::parse(word.to_possible_value()?.get_name())),
            legacy: legacy.and_then(|word| Legacy::parse(word.to_possible_value()?.get_name())),
            claims: claims.and_then(|word| Claims::parse(word.to_possible_value()?.get_name())),
        }),
        Wish::Allow { senders } => Change::allow(senders),
        Wish::Block { senders } => Change::block(senders),
        Wish::Dismiss { senders } => Change::dismiss(senders),
        Wish::Add { list, who, until, count, reference, reason } => {
            let until = until.as_deref().map(moment).transpose()?;
            Change::add(Entry { list, who, until, count, reference, reason })
        }
        Wish::Undo { change } => Change::undo(change),
        Wish::Remove { list, who } => Change::remove(list, who),
        // It never comes to an end of its own.
        Wish::Watch => Change::watch(),
    };
    let text = connection.ask(change)?;
    Ok((json!({ "ok": true, "text": text }), format!("{}\n", mail::shown::visible(&text))))
}

fn moment(text: &str) -> Result<Timestamp, AdminError> {
    parse_moment(text, real::now()).ok_or_else(|| {
        AdminError::usage("until", format!("not a time: {text:?}; expected RFC 3339, or a length of time from now such as 1h"))
    })
}

/// All pages.
fn all<T>(mut ask: impl FnMut(Page) -> Result<Rows<T>, AdminError>) -> Result<Vec<T>, AdminError> {
    let mut rows = Vec::new();
    let mut after = None;
    loop {
        let page = ask(Page { rows_max: PAGE_ROWS, after })?;
        rows.extend(page.rows);
        if page.more.is_none() {
            return Ok(rows);
        }
        if rows.len() > ROWS_MAX {
            return Err(AdminError::refused("peer", "the server's list has no end"));
        }
        after = page.more;
    }
}

#[cfg(test)]
mod tests;
