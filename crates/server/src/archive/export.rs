//! `mail ADDR export`: every mailbox of an account as Maildir or mbox, octet for octet.

use std::collections::BTreeMap;
use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;

use mail::address::Mailbox;
use mail::flag::Flags;
use mail::folder;
use mail::id::MailId;
use mail::time::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::maildir::Folder;
use super::mbox::{EXTENSION, MboxWriter};
use super::{Format, INBOX, sync_directory, unusable};
use crate::admin::client::Connection;
use crate::admin::request::Form;
use crate::admin::{AdminError, Request};
use crate::config::Config;
use crate::progress::{Progress, Shown};

/// A message, as `mail ADDR list` has it.
#[derive(Deserialize)]
pub(super) struct Listed {
    pub(super) id: MailId,
    pub(super) mailbox: String,
    pub(super) size_octets: u64,
    pub(super) received: Timestamp,
    #[serde(default)]
    flags: Vec<String>,
}

impl Listed {
    /// A server that is newer than we are may have flags that we do not know.
    pub(super) fn flags(&self) -> Flags {
        Flags::from_names(self.flags.iter().map(String::as_str)).unwrap_or_default()
    }
}

#[derive(Default, Serialize)]
struct Done {
    exported: u64,
    /// From an earlier export to the same Maildir.
    already_there: u64,
    /// Of those, how many have other flags by now.
    marked_anew: u64,
    mailboxes: Vec<String>,
}

/// Writes what lies in all mailboxes of an account to a directory.
///
/// # Errors
/// There is no such account; a file cannot be written; the server or the store cannot be reached.
pub fn export(config: &Config, address: &Mailbox, directory: &Path, format: Format, shown: Shown) -> Result<Value, AdminError> {
    let mut connection = Connection::open(config)?;
    let exported = all(&mut connection, config, address, directory, format, shown);
    connection.close();
    exported.map(|done| serde_json::to_value(done).unwrap_or_default())
}

fn all(
    connection: &mut Connection,
    config: &Config,
    address: &Mailbox,
    directory: &Path,
    format: Format,
    shown: Shown,
) -> Result<Done, AdminError> {
    let mail = list(connection, address)?;
    let progress = Progress::begin(shown, "exporting", mail.len() as u64);
    // There is always one, also if it is empty.
    let mut mailboxes: BTreeMap<String, Vec<Listed>> = [(INBOX.to_owned(), Vec::new())].into();
    for listed in mail {
        mailboxes.entry(listed.mailbox.clone()).or_default().push(listed);
    }
    DirBuilder::new().recursive(true).mode(0o700).create(directory).map_err(unusable(directory))?;
    let mut done = Done::default();
    for (mailbox, mail) in &mailboxes {
        match format {
            Format::Maildir => to_maildir(connection, config, address, directory, (mailbox, mail), &progress, &mut done)?,
            Format::Mbox => to_mbox(connection, address, directory, (mailbox, mail), &progress, &mut done)?,
        }
        done.mailboxes.push(mailbox.clone());
    }
    sync_directory(directory).map_err(unusable(directory))?;
    Ok(done)
}

/// What lies in all mailboxes of an account.
pub(super) fn list(connection: &mut Connection, address: &Mailbox) -> Result<Vec<Listed>, AdminError> {
    let listed = connection.document(&Request::MailList { address: address.clone(), mailbox: None, limit: None })?;
    serde_json::from_value(listed).map_err(|error| AdminError::temporary("connection", format!("an answer of another form: {error}")))
}

fn to_maildir(
    connection: &mut Connection,
    config: &Config,
    address: &Mailbox,
    directory: &Path,
    (mailbox, mail): (&str, &[Listed]),
    progress: &Progress,
    done: &mut Done,
) -> Result<(), AdminError> {
    let unusable = unusable(directory);
    let mut folder = Folder::open(directory, mailbox).map_err(&unusable)?;
    for listed in mail {
        // The same at every export, so that one that was cut short is gone on with.
        let name = format!("{}.{}.{}", listed.received.as_millis().div_euclid(1000), listed.id, config.hostname);
        if folder.has(&name) {
            done.already_there += 1;
            done.marked_anew += u64::from(folder.mark(&name, &listed.flags()).map_err(&unusable)?);
        } else {
            let mut delivery = folder.begin(&name, &listed.flags()).map_err(&unusable)?;
            if fetch(connection, address, listed.id, delivery.file())? {
                delivery.finish(listed.received).map_err(&unusable)?;
                done.exported += 1;
            } else {
                delivery.discard().map_err(&unusable)?;
            }
        }
        progress.advance(1);
    }
    folder.close().map_err(&unusable)
}

fn to_mbox(
    connection: &mut Connection,
    address: &Mailbox,
    directory: &Path,
    (mailbox, mail): (&str, &[Listed]),
    progress: &Progress,
    done: &mut Done,
) -> Result<(), AdminError> {
    let unfit = || AdminError::refused("file", format!("the mailbox {mailbox:?} has a name that no file can have"));
    let path = directory.join(format!("{}.{EXTENSION}", folder::to_file_name(mailbox).ok_or_else(unfit)?));
    let unusable = unusable(&path);
    let mut file = MboxWriter::begin(path.clone()).map_err(&unusable)?;
    for listed in mail {
        let mut message = file.message(listed.received, listed.flags());
        // One that was deleted meanwhile has written nothing.
        if fetch(connection, address, listed.id, &mut message)? {
            message.finish().map_err(&unusable)?;
            done.exported += 1;
        }
        progress.advance(1);
    }
    file.finish().map_err(&unusable)
}

/// Writes a message, octet for octet. `false` if it is not there any more.
fn fetch(connection: &mut Connection, address: &Mailbox, id: MailId, out: &mut dyn io::Write) -> Result<bool, AdminError> {
    let request = Request::MailShow { address: address.clone(), id, form: Form::Raw };
    match connection.ask(&request, &mut io::empty(), out) {
        Ok(_written) => Ok(true),
        Err(error) if error.code == "no-such-message" => Ok(false),
        Err(error) => Err(error),
    }
}
