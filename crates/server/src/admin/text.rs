//! What people read: tables and sentences, made of the same documents that programs read.

mod domains;
mod queue;
mod rules;

use comfy_table::{ContentArrangement, Table, presets};
use mail::address::Mailbox;
use serde_json::Value;

use super::request::{List, QueueFilter, Request};

/// A column: its heading, and the key it is read from.
type Column = (&'static str, &'static str);

const ACCOUNTS: &[Column] = &[("address", "address"), ("aliases", "aliases"), ("screening", "screening"), ("legacy", "legacy")];
const APP_PASSWORDS: &[Column] = &[("name", "name"), ("for", "scopes"), ("made", "made"), ("last used", "used")];
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
const INDEX: &[Column] = &[
    ("address", "address"),
    ("messages", "messages"),
    ("indexed", "indexed"),
    ("in segments", "in_segments"),
    ("text octets", "text_octets"),
    ("segment octets", "segment_octets"),
];
const MAIL: &[Column] =
    &[("received", "received"), ("from", "from"), ("subject", "subject"), ("octets", "size_octets"), ("mailbox", "mailbox"), ("id", "id")];

/// The document that answers this request, for people; ends with a line end.
pub fn render(request: &Request, document: &Value) -> String {
    let text = match request {
        Request::AccountList => table(ACCOUNTS, document, "There are no accounts yet: `twoway account add` makes one."),
        Request::EntryList { list, address } => entries(*list, address, document),
        Request::HistoryList { address } => table(HISTORY, document, &format!("Nothing was changed for {address}.")),
        Request::RulesList { address } => table(rules::RULES, document, &format!("{address} has no rules.")),
        Request::RulesShow { .. } => serde_json::to_string_pretty(document).unwrap_or_default(),
        Request::RulesSet { .. } => format!("{} has {} rules now.", field(document, "address"), field(document, "rules")),
        Request::RulesExport { .. } => document.get("sieve").and_then(Value::as_str).unwrap_or_default().to_owned(),
        Request::RulesTest { .. } => rules::tested(document),
        Request::AbsenceShow { .. } | Request::AbsenceSet { .. } => rules::absence(document),
        Request::ContactList { address } => table(CONTACTS, document, &format!("Nobody waits to be let in by {address}.")),
        Request::SentList { address } => table(SENT, document, &format!("{address} has sent nothing, or nothing of late.")),
        Request::MailList { address, .. } => table(MAIL, document, &format!("No mail there of {address}.")),
        Request::QueueList(filter) => table(queue::QUEUE, document, nothing_queued(filter)),
        Request::QueueSummary => queue::summary(document),
        Request::QueueWhy { .. } => queue::story(document),
        Request::QueueRetry(_) => queue::retried(document),
        Request::QueueGiveUp { .. } => queue::given_up(document),
        Request::DomainList => table(domains::DOMAINS, document, "No domains are configured."),
        Request::DomainRecords { .. } => domains::records(document),
        Request::DomainCheck { .. } => domains::checked(document),
        Request::MailShow { .. } => readable(document),
        Request::MailDigest { .. } => field(document, "digest"),
        Request::MailImport { .. } => format!("{} lies in {}.", field(document, "id"), field(document, "mailbox")),
        Request::BackupHold | Request::BackupRelease => field(document, "held_until"),
        Request::IndexStatus { .. } => table(INDEX, document, "There are no accounts yet."),
        Request::IndexRebuild { .. } => rebuilding(document),
        Request::Check => checked(document),
        Request::CheckRepair => mended(document),
        Request::AccountAdd { .. } => format!("{} has a mailbox.", field(document, "address")),
        Request::AccountAlias { address, alias } => format!("{alias} is an alias of {address}."),
        Request::AccountUnalias { address, alias } => unaliased(address, alias, document),
        Request::AccountShow { .. } => account(document),
        Request::AccountPassword { .. } => format!("{} has a new password.", field(document, "address")),
        Request::AccountQuota { .. } => quota(document),
        Request::AccountDelete { .. } => deleted(document),
        Request::AppPasswordAdd { .. } => app_password(document),
        Request::AppPasswordList { address } => table(APP_PASSWORDS, document, &format!("{address} has no app passwords.")),
        Request::AppPasswordRemove { name, .. } if document.get("changed") == Some(&Value::Bool(true)) => {
            format!("{name} lets nobody in any more.")
        }
        Request::AppPasswordRemove { name, .. } => format!("There was no app password {name}."),
        Request::Mode { .. } => format!(
            "screening {}, legacy {}, claims {}",
            field(document, "screening"),
            field(document, "legacy"),
            field(document, "claims")
        ),
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

/// Rows under headings, each on one line however long: a terminal may wrap it, a program that reads it need not guess.
/// Where there are none, `empty` says so.
fn table(columns: &[Column], rows: &Value, empty: &str) -> String {
    let Some(rows) = rows.as_array().filter(|rows| !rows.is_empty()) else { return empty.to_owned() };
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(columns.iter().map(|(heading, _)| *heading).collect::<Vec<_>>());
    for row in rows {
        table.add_row(columns.iter().map(|(_, key)| field(row, key)).collect::<Vec<_>>());
    }
    table.trim_fmt()
}

fn rebuilding(document: &Value) -> String {
    let count = document.get("rebuilding").and_then(Value::as_array).map_or(0, Vec::len);
    let whose = if count == 1 { "The index of one account is" } else { "These indexes are" };
    format!("{whose} made again by the running server; `twoway index status` says how far it is. Searches are right meanwhile, and slower.")
}

fn entries(list: List, address: &Mailbox, document: &Value) -> String {
    match list {
        List::Expected => table(EXPECTED, document, &format!("{address} expects nobody.")),
        List::Allow => table(ENTRIES, document, &format!("{address} has let in nobody by name.")),
        List::Block => table(ENTRIES, document, &format!("{address} keeps out nobody.")),
    }
}

fn nothing_queued(filter: &QueueFilter) -> &'static str {
    let is_whole = filter.domain.is_none() && filter.state.is_none() && filter.sender.is_none();
    if is_whole { "Nothing is on its way." } else { "Nothing like that is on its way." }
}

fn unaliased(address: &Mailbox, alias: &str, document: &Value) -> String {
    if document.get("changed") == Some(&Value::Bool(true)) {
        format!("{alias} is no alias of {address} any more.")
    } else {
        format!("{alias} was no alias of {address}.")
    }
}

fn app_password(document: &Value) -> String {
    let is = |key| field(document, key);
    format!(
        "{}\n\nThis is the only time it is shown. It is good for: {}. The user is {}, or {}/{} where a program never sends its password.",
        is("password"),
        is("scopes"),
        is("address"),
        is("address"),
        is("name")
    )
}

fn account(document: &Value) -> String {
    let is = |key| field(document, key);
    let aliases = if is("aliases").is_empty() { "none".to_owned() } else { is("aliases") };
    [
        format!("address      {}", is("address")),
        format!("aliases      {aliases}"),
        format!("modes        screening {}, legacy {}", is("screening"), is("legacy")),
        format!("made         {}", is("made")),
        format!("mail         {}", messages(document, "mail")),
        format!("on their way {} from here, {} to here", messages(document, "unsent"), messages(document, "uncollected")),
    ]
    .join("\n")
}

fn quota(document: &Value) -> String {
    let line = |what: &str, used: &str, max: &str, limit: &str| {
        let max = document.get(max).and_then(Value::as_u64).map_or("no limit".to_owned(), |max| format!("of {max}"));
        let whose = if document.get(limit).and_then(Value::as_str) == Some("default") { " (as configured)" } else { "" };
        format!("{what}: {}, {max}{whose}", field(document, used))
    };
    let octets = line("octets", "octets", "octets_max", "octets_limit");
    let messages = line("messages", "messages", "messages_max", "messages_limit");
    format!("{}\n{octets}\n{messages}", field(document, "address"))
}

fn deleted(document: &Value) -> String {
    let count = |key| document.get(key).and_then(Value::as_u64).unwrap_or_default();
    let mut lines = vec![format!("{} is deleted, with {}.", field(document, "deleted"), messages(document, "mail"))];
    if count("unsent") > 0 {
        let unsent = messages(document, "unsent");
        lines.push(format!("What it had sent and nobody had collected ends here, and nobody is told: {unsent}."));
    }
    if count("uncollected") > 0 {
        let waiting = messages(document, "uncollected");
        lines.push(format!("What waited for it elsewhere is not fetched; its authors are told that it was not collected: {waiting}."));
    }
    lines.join("\n")
}

fn items<'a>(document: &'a Value, key: &str) -> &'a [Value] {
    document.get(key).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
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

fn mended(document: &Value) -> String {
    let list = |key: &str| document.get(key).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let mut lines: Vec<_> = list("repaired").iter().filter_map(Value::as_str).map(|found| format!("Repaired: {found}")).collect();
    lines.extend(list("unrepaired").iter().map(|left| format!("Not repaired: {} ({})", field(left, "violation"), field(left, "why"))));
    if list("unrepaired").is_empty() {
        lines.push("ok".to_owned());
    }
    lines.join("\n")
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
