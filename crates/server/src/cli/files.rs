//! Commands that work on files of whoever typed them: export and import, backup and restore.

use std::fmt::Write as _;
use std::path::Path;

use mail::address::Mailbox;
use serde_json::Value;

use super::arguments::{FormatArgument, Mail};
use crate::admin::AdminError;
use crate::archive::{Format, export, import};
use crate::backup::{self, restore};
use crate::config::Config;
use crate::progress::Shown;

/// What came of such a command.
pub(super) struct Finished {
    /// For programs.
    pub(super) document: Value,
    /// For people.
    pub(super) text: String,
    /// For people, besides.
    pub(super) warnings: Vec<String>,
}

impl From<FormatArgument> for Format {
    fn from(argument: FormatArgument) -> Self {
        match argument {
            FormatArgument::Maildir => Self::Maildir,
            FormatArgument::Mbox => Self::Mbox,
        }
    }
}

/// Whether this is one of them.
pub(super) const fn is_of_files(mail: &Mail) -> bool {
    matches!(mail, Mail::Export { .. } | Mail::Import { .. })
}

/// Carries out an export or an import; nothing else comes here.
pub(super) fn mail(config: &Config, address: Mailbox, what: Mail, shown: Shown) -> Result<Finished, AdminError> {
    match what {
        Mail::Export { directory, format } => {
            let document = export::export(config, &address, &directory, format.into(), shown)?;
            let text = format!(
                "{} messages exported, {} were there already: {}\n",
                number(&document, "exported"),
                number(&document, "already_there"),
                directory.display()
            );
            Ok(Finished { document, text, warnings: Vec::new() })
        }
        Mail::Import { path, format, mailbox, duplicates } => {
            let repeats = if duplicates { import::Repeats::Doubled } else { import::Repeats::Skipped };
            let wanted = import::Wanted { address, path, format: format.map(Into::into), mailbox, repeats };
            let document = import::import(config, &wanted, shown)?;
            let text = imported(&document);
            Ok(Finished { document, text, warnings: Vec::new() })
        }
        Mail::List { .. } | Mail::Show { .. } => Err(AdminError::usage("usage", "this command works on no files")),
    }
}

/// `twoway backup`
pub(super) fn back_up(config: &Config, directory: &Path, shown: Shown) -> Result<Finished, AdminError> {
    let document = backup::back_up(config, directory, shown)?;
    let [files, octets] = ["files", "size_octets"].map(|key| number(&document, key));
    let mut lines = vec![format!("{files} files, {octets} octets: {}", directory.display())];
    lines.extend(texts(&document, "faults").map(|fault| format!("Not whole: {fault}")));
    lines.push(format!("Not in it, and needed for a restore: {}", texts(&document, "configured").collect::<Vec<_>>().join(", ")));
    if matches!(config.store, crate::config::Database::Postgres(_)) {
        lines.push("The database itself is not in it: it must have been copied by pg_dump before this, and not a day before.".to_owned());
    }
    Ok(Finished { document, text: lines.join("\n") + "\n", warnings: Vec::new() })
}

/// `twoway restore`
pub(super) fn restore(config: &Config, directory: &Path, replace: bool, shown: Shown) -> Result<Finished, AdminError> {
    let present = if replace { restore::Present::Replaced } else { restore::Present::Kept };
    let document = restore::restore(config, directory, present, shown)?;
    let mut lines = vec![format!("Restored as it was at {}.", document.get("made").and_then(Value::as_str).unwrap_or_default())];
    lines.extend(document.get("replaced").and_then(Value::as_str).map(|aside| format!("What was there is now in {aside}.")));
    lines.push("Mail programs read all mailboxes anew (UIDVALIDITY has changed).".to_owned());
    lines.push(
        "At the next start, what waits here is announced again, and the servers of those who are let in are asked what waits there."
            .to_owned(),
    );
    lines.push("Not here: what arrived since by ordinary SMTP, and what was changed since in accounts and lists.".to_owned());
    let relaying = number(&document, "relaying");
    if relaying > 0 {
        lines.push(format!("{relaying} messages were on their way by ordinary SMTP: their recipients may get them twice."));
    }
    let superfluous = number(&document, "superfluous");
    if superfluous > 0 {
        lines.push(format!("{superfluous} contents were written after the database was copied: they are in lost+found."));
    }
    lines.extend(texts(&document, "violations").map(|violation| format!("Not whole: {violation}")));
    Ok(Finished { document, text: lines.join("\n") + "\n", warnings: Vec::new() })
}

fn texts<'a>(document: &'a Value, key: &str) -> impl Iterator<Item = &'a str> {
    document.get(key).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
}

fn number(document: &Value, key: &str) -> u64 {
    document.get(key).and_then(Value::as_u64).unwrap_or_default()
}

fn imported(document: &Value) -> String {
    let [imported, there, refused] = ["imported", "already_there", "refused"].map(|key| number(document, key));
    let mut text = format!("{imported} messages imported, {there} were there already, {refused} refused\n");
    for refusal in document.get("refusals").and_then(Value::as_array).into_iter().flatten() {
        let [at, why] = ["at", "why"].map(|key| refusal.get(key).and_then(Value::as_str).unwrap_or_default());
        if writeln!(text, "{at}: {why}").is_err() {
            break;
        }
    }
    text
}
