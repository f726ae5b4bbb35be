//! `mail ADDR import`: messages of a Maildir or an mbox into mailboxes, each once, however often it is repeated.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufReader, Read, Seek};
use std::path::{Path, PathBuf};

use mail::address::Mailbox;
use mail::digest::{ContentDigest, Digester};
use mail::flag::Flags;
use mail::folder;
use mail::id::MailId;
use mail::marks;
use mail::message::HeaderSection;
use mail::time::Timestamp;
use serde::Serialize;
use serde_json::Value;

use super::maildir::Found;
use super::mbox::{EXTENSION, Item, MboxReader, is_mbox};
use super::{Format, INBOX, export, maildir, unusable};
use crate::admin::client::Connection;
use crate::admin::{AdminError, Fault, Request};
use crate::config::Config;
use crate::progress::{Progress, Shown};

/// What was refused that is told one by one; the rest is counted.
const REFUSALS_MAX: usize = 1_000;
/// Octets of a message in an mbox that are looked at for its flags.
const FRONT_OCTETS_MAX: u64 = 256 * 1024;

/// What to do with a message that the mailbox has already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repeats {
    /// It stays the one it is.
    Skipped,
    /// It lies there twice then.
    Doubled,
}

/// What is asked for.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// Whose mailboxes.
    pub address: Mailbox,
    /// A Maildir, an mbox, or a directory of those.
    pub path: PathBuf,
    /// Seen from what is there, if none.
    pub format: Option<Format>,
    /// In place of INBOX, and above all others.
    pub mailbox: Option<String>,
    /// What to do with what is there already.
    pub repeats: Repeats,
}

#[derive(Serialize)]
struct Done {
    ok: bool,
    imported: u64,
    already_there: u64,
    refused: u64,
    refusals: Vec<Refusal>,
}

#[derive(Serialize)]
struct Refusal {
    at: String,
    why: String,
}

/// Puts all messages that are found into mailboxes. What can't be read is told, and the rest goes on.
///
/// # Errors
/// There is no such account; nothing that could be imported; the server or the store cannot be reached: what is imported
/// stays, and a repeat goes on from there.
pub fn import(config: &Config, wanted: &Wanted, shown: Shown) -> Result<Value, AdminError> {
    let format = wanted.format.map_or_else(|| detect(&wanted.path), Ok)?;
    let mut connection = Connection::open(config)?;
    let imported = all(&mut connection, wanted, format, shown);
    connection.close();
    imported.map(|done| serde_json::to_value(done).unwrap_or_default())
}

fn detect(path: &Path) -> Result<Format, AdminError> {
    let facts = fs::metadata(path).map_err(unusable(path))?;
    if facts.is_dir() && maildir::is_maildir(path) {
        return Ok(Format::Maildir);
    }
    if facts.is_dir() && !mbox_files(path)?.is_empty() {
        return Ok(Format::Mbox);
    }
    if facts.is_file() && is_mbox(path).map_err(unusable(path))? {
        return Ok(Format::Mbox);
    }
    let text = format!(
        "{}: neither a Maildir (a directory with cur and new), nor an mbox (a file whose line 1 begins with \"From \"), nor a directory of \
         files NAME.{EXTENSION}",
        path.display()
    );
    Err(AdminError::refused("format", text))
}

/// The mailboxes of a directory of mbox files; or INBOX, in a single file.
fn mbox_files(path: &Path) -> Result<Vec<(String, PathBuf)>, AdminError> {
    if path.is_file() {
        return Ok(vec![(INBOX.to_owned(), path.to_owned())]);
    }
    let mut files = Vec::new();
    for entry in fs::read_dir(path).map_err(unusable(path))? {
        let file = entry.map_err(unusable(path))?.path();
        if file.is_file() && file.extension().is_some_and(|extension| extension == EXTENSION) {
            let stem = file.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
            files.push((folder::from_file_name(&stem), file));
        }
    }
    files.sort();
    Ok(files)
}

fn all(connection: &mut Connection, wanted: &Wanted, format: Format, shown: Shown) -> Result<Done, AdminError> {
    let mut import = Import::begin(connection, wanted)?;
    match format {
        Format::Maildir => {
            for (mailbox, path) in maildir::folders(&wanted.path).map_err(unusable(&wanted.path))? {
                import.maildir(&wanted.target(&mailbox), &path, shown)?;
            }
        }
        Format::Mbox => {
            for (mailbox, path) in mbox_files(&wanted.path)? {
                import.mbox(&wanted.target(&mailbox), &path, shown)?;
            }
        }
    }
    import.done.ok = import.done.refused == 0;
    Ok(import.done)
}

impl Wanted {
    /// Where the messages of a mailbox go.
    fn target(&self, mailbox: &str) -> String {
        // RFC 9051 section 5.1: INBOX is that in any case.
        let is_inbox = mailbox.eq_ignore_ascii_case(INBOX);
        match &self.mailbox {
            Some(name) if is_inbox => name.clone(),
            Some(name) => format!("{name}/{mailbox}"),
            None if is_inbox => INBOX.to_owned(),
            None => mailbox.to_owned(),
        }
    }
}

/// A message to import.
struct Message<'a> {
    at: String,
    mailbox: &'a str,
    received: Timestamp,
    flags: Flags,
    size_octets: u64,
    digest: ContentDigest,
}

/// What lies in the mailboxes from before, by mailbox and size: each is met by one message at most, so that two alike in a
/// mailbox are two again after an export and an import.
type Known = BTreeMap<(String, u64), Vec<(MailId, Option<String>)>>;

struct Import<'a> {
    connection: &'a mut Connection,
    address: &'a Mailbox,
    known: Known,
    done: Done,
}

impl<'a> Import<'a> {
    fn begin(connection: &'a mut Connection, wanted: &'a Wanted) -> Result<Self, AdminError> {
        let mut known = Known::new();
        let listed = export::list(connection, &wanted.address)?;
        if wanted.repeats == Repeats::Skipped {
            for listed in listed {
                known.entry((listed.mailbox, listed.size_octets)).or_default().push((listed.id, None));
            }
        }
        let done = Done { ok: true, imported: 0, already_there: 0, refused: 0, refusals: Vec::new() };
        Ok(Self { connection, address: &wanted.address, known, done })
    }

    fn refuse(&mut self, at: String, why: String) {
        self.done.refused += 1;
        if self.done.refusals.len() < REFUSALS_MAX {
            self.done.refusals.push(Refusal { at, why });
        }
    }

    fn maildir(&mut self, mailbox: &str, path: &Path, shown: Shown) -> Result<(), AdminError> {
        let (messages, strange) = maildir::messages(path).map_err(unusable(path))?;
        for path in strange {
            self.refuse(path.display().to_string(), "not a file".to_owned());
        }
        let progress = Progress::begin(shown, "importing messages", messages.len() as u64);
        for found in messages {
            let at = found.path.display().to_string();
            match measure(&found.path) {
                Ok((mut file, size_octets, digest)) => {
                    let Found { received, flags, .. } = found;
                    self.message(&Message { at, mailbox, received, flags, size_octets, digest }, &mut file)?;
                }
                Err(error) => self.refuse(at, error.to_string()),
            }
            progress.advance(1);
        }
        Ok(())
    }

    fn mbox(&mut self, mailbox: &str, path: &Path, shown: Shown) -> Result<(), AdminError> {
        let unusable = unusable(path);
        let file = File::open(path).map_err(&unusable)?;
        let octets = file.metadata().map_err(&unusable)?.len();
        let progress = Progress::begin(shown, "importing octets", octets);
        let mut reader = MboxReader::new(BufReader::new(file));
        while let Some(item) = reader.next().map_err(&unusable)? {
            match item {
                Item::Strange(line) => {
                    let why = "expected a line that begins with \"From \" and ends with a date; skipped up to the first there is";
                    self.refuse(format!("{}:{line}", path.display()), why.to_owned());
                }
                Item::Message(mut found) => {
                    found.content.rewind().map_err(&unusable)?;
                    let at = format!("{}:{}", path.display(), found.line);
                    let flags = match found.flags {
                        Some(flags) => flags,
                        None => flags_of(&mut found.content, found.size_octets).map_err(&unusable)?,
                    };
                    let (received, size_octets, digest) = (found.received, found.size_octets, found.digest);
                    self.message(&Message { at, mailbox, received, flags, size_octets, digest }, &mut found.content)?;
                    progress.advance(found.size_octets);
                }
            }
        }
        Ok(())
    }

    fn message(&mut self, message: &Message<'_>, content: &mut (dyn Read + Send)) -> Result<(), AdminError> {
        if self.is_there(message)? {
            self.done.already_there += 1;
            return Ok(());
        }
        let request = Request::MailImport {
            address: self.address.clone(),
            mailbox: message.mailbox.to_owned(),
            received: message.received,
            flags: message.flags.names().map(str::to_owned).collect(),
            content_octets: message.size_octets,
        };
        match self.connection.ask(&request, content, &mut io::sink()) {
            Ok(_stored) => self.done.imported += 1,
            Err(error) if error.fault == Fault::Temporary || error.code == "no-such-account" => return Err(error),
            Err(error) => self.refuse(message.at.clone(), error.message),
        }
        Ok(())
    }

    /// Whether the mailbox has this message from before, and no other of ours was found to be it.
    fn is_there(&mut self, message: &Message<'_>) -> Result<bool, AdminError> {
        let Some(alike) = self.known.get_mut(&(message.mailbox.to_owned(), message.size_octets)) else { return Ok(false) };
        let wanted = message.digest.to_string();
        for (at, (id, digest)) in alike.iter_mut().enumerate() {
            if digest.is_none() {
                let asked = self.connection.document(&Request::MailDigest { address: self.address.clone(), id: *id });
                *digest = match asked {
                    Ok(document) => document.get("digest").and_then(Value::as_str).map(str::to_owned),
                    // Deleted meanwhile.
                    Err(error) if error.code == "no-such-message" => Some(String::new()),
                    Err(error) => return Err(error),
                };
            }
            if digest.as_ref() == Some(&wanted) {
                alike.swap_remove(at);
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// The flags that a message in an mbox says it has; it is at its beginning then, as before.
fn flags_of(content: &mut (impl Read + Seek), size_octets: u64) -> io::Result<Flags> {
    let mut front = Vec::new();
    content.take(size_octets.min(FRONT_OCTETS_MAX)).read_to_end(&mut front)?;
    content.rewind()?;
    Ok(marks::from_fields(&HeaderSection::read(&front)))
}

/// A file, with its size and digest, from its beginning.
fn measure(path: &Path) -> io::Result<(File, u64, ContentDigest)> {
    let mut file = File::open(path)?;
    let (mut digester, mut size_octets) = (Digester::new(), 0);
    let mut piece = vec![0; 64 * 1024];
    loop {
        let octets = file.read(&mut piece)?;
        if octets == 0 {
            break;
        }
        digester.update(piece.get(..octets).unwrap_or_default());
        size_octets += octets as u64;
    }
    file.rewind()?;
    Ok((file, size_octets, digester.finish()))
}
