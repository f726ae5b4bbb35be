//! What people read: tables and sentences, made of the same documents that programs read.

use comfy_table::{ContentArrangement, Table, presets};
use serde_json::Value;

use super::request::{List, Request};

/// A column: its heading, and the key it is read from.
type Column = (&'static str, &'static str);

const ACCOUNTS: &[Column] = &[("address", "address"), ("aliases", "aliases"), ("screening", "screening"), ("legacy", "legacy")];
const ENTRIES: &[Column] = &[("who", "who"), ("since", "made"), ("through", "through"), ("proof", "proof")];
const EXPECTED: &[Column] = &[("who", "who"), ("until", "until"), ("count", "count"), ("since", "made")];
const HISTORY: &[Column] = &[("at", "at"), ("change", "change"), ("through", "through"), ("undone", "undone"), ("id", "id")];
const CONTACTS: &[Column] = &[
    ("sender", "sender"),
    ("count", "count"),
    ("first", "first"),
    ("last", "last"),
    ("octets", "size_octets"),
    ("expires", "expires"),
    ("kind", "kind"),
    ("evidence", "evidence"),
];
const SENT: &[Column] =
    &[("recipient", "recipient"), ("status", "status"), ("since", "since"), ("detail", "detail"), ("transfer", "transfer")];
const MAIL: &[Column] =
    &[("received", "received"), ("from", "from"), ("subject", "subject"), ("octets", "size_octets"), ("mailbox", "mailbox"), ("id", "id")];

/// The document that answers this request, for people; ends with a line end.
pub fn render(request: &Request, document: &Value) -> String {
    let text = match request {
        Request::AccountList => table(ACCOUNTS, document),
        Request::EntryList { list: List::Expected, .. } => table(EXPECTED, document),
        Request::EntryList { .. } => table(ENTRIES, document),
        Request::HistoryList { .. } => table(HISTORY, document),
        Request::ContactList { .. } => table(CONTACTS, document),
        Request::SentList { .. } => table(SENT, document),
        Request::MailList { .. } => table(MAIL, document),
        Request::MailShow { .. } => readable(document),
        Request::MailDigest { .. } => field(document, "digest"),
        Request::MailImport { .. } => format!("{} lies in {}.", field(document, "id"), field(document, "mailbox")),
        Request::Check => checked(document),
        Request::AccountAdd { .. } => format!("{} has a mailbox.", field(document, "address")),
        Request::AccountAlias { address, alias } => format!("{alias} is an alias of {address}."),
        Request::AccountDelete { .. } => format!("{} is deleted.", field(document, "deleted")),
        Request::Mode { .. } => format!("screening {}, legacy {}", field(document, "screening"), field(document, "legacy")),
        Request::EntryAdd { list, .. } => changed(document, if *list == List::Block { "blocked" } else { "allowed" }),
        Request::ExpectedAdd { .. } => changed(document, "expected"),
        Request::EntryRemove { .. } => changed(document, "removed"),
        Request::HistoryUndo { .. } => format!("{} is undone.", field(document, "undone")),
        Request::ContactDismiss { .. } => format!("Put away: {}.", messages(document, "dismissed")),
        Request::SentWithdraw { .. } => withdrawn(document),
    };
    let mut text = text.trim_end().to_owned();
    text.push('\n');
    text
}

fn table(columns: &[Column], rows: &Value) -> String {
    let Some(rows) = rows.as_array().filter(|rows| !rows.is_empty()) else { return "(none)".to_owned() };
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(columns.iter().map(|(heading, _)| *heading).collect::<Vec<_>>());
    for row in rows {
        table.add_row(columns.iter().map(|(_, key)| field(row, key)).collect::<Vec<_>>());
    }
    table.trim_fmt()
}

/// A field as people read it: on one line, with nothing that would move their terminal's cursor or turn its text round.
fn field(document: &Value, key: &str) -> String {
    let text = match document.get(key) {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(items)) => items.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(", "),
        Some(Value::Bool(is_so)) => if *is_so { "yes" } else { "no" }.to_owned(),
        Some(other) => other.to_string(),
    };
    text.chars().map(|character| if is_unsafe(character) { '\u{fffd}' } else { character }).collect()
}

/// Control characters, and the ones that change the direction of what follows.
fn is_unsafe(character: char) -> bool {
    character.is_control() || matches!(character, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

fn readable(document: &Value) -> String {
    let text = document.get("text").and_then(Value::as_str).unwrap_or_default();
    let shown: String = text
        .replace("\r\n", "\n")
        .chars()
        .map(|character| if is_unsafe(character) && character != '\n' && character != '\t' { '\u{fffd}' } else { character })
        .collect();
    let is_all = document.get("complete").and_then(Value::as_bool).unwrap_or(true);
    if is_all { shown } else { format!("{shown}\n(and more: --raw shows all of it)") }
}

fn checked(document: &Value) -> String {
    let violations = document.get("violations").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    if violations.is_empty() {
        return "ok".to_owned();
    }
    violations.iter().filter_map(Value::as_str).collect::<Vec<_>>().join("\n")
}

fn changed(document: &Value, what: &str) -> String {
    let is_released = document.get("released").and_then(Value::as_u64).is_some_and(|released| released > 0);
    let rest = if is_released { format!(" Fetched now: {}.", messages(document, "released")) } else { String::new() };
    format!("{} is {what}.{rest}", field(document, "who"))
}

fn messages(document: &Value, key: &str) -> String {
    match document.get(key).and_then(Value::as_u64).unwrap_or_default() {
        1 => "1 message".to_owned(),
        number => format!("{number} messages"),
    }
}

fn withdrawn(document: &Value) -> String {
    let mut lines = vec![format!("Taken back: {}", field(document, "withdrawn"))];
    let refused = document.get("refused").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    lines.extend(refused.iter().map(|refusal| format!("Not taken back: {}", field(refusal, "reason"))));
    lines.join("\n")
}
