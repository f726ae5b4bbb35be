//! Commands that work on files of whoever typed them: export and import.

use std::fmt::Write as _;

use mail::address::Mailbox;
use serde_json::Value;

use super::arguments::{FormatArgument, Mail};
use crate::admin::AdminError;
use crate::archive::{Format, export, import};
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
            let import::Report { document, warnings } = import::import(config, &wanted, shown)?;
            let text = imported(&document);
            Ok(Finished { document, text, warnings })
        }
        Mail::List { .. } | Mail::Show { .. } => Err(AdminError::usage("usage", "this command works on no files")),
    }
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
