//! Domains in words: the zone lines to publish, and what DNS says beside them.

use serde_json::Value;

use super::{Column, field, items, table};

pub(super) const DOMAINS: &[Column] =
    &[("domain", "domain"), ("mailboxes", "accounts"), ("aliases", "aliases"), ("catch-all goes to", "catch_all")];
const RECORDS: &[Column] = &[("name", "name"), ("type", "type"), ("status", "status"), ("found", "found"), ("meaning", "meaning")];
const RIGHTS: &[Column] = &[("address", "address"), ("may", "role"), ("answer", "status"), ("because", "reason")];

/// Lines that a zone file takes as they are, what each is for above it.
pub(super) fn records(document: &Value) -> String {
    let rows = document.as_array().map(Vec::as_slice).unwrap_or_default();
    rows.iter().map(|row| format!("; {}\n{}", field(row, "purpose"), field(row, "line"))).collect::<Vec<_>>().join("\n")
}

pub(super) fn checked(document: &Value) -> String {
    let is_well = document.get("ok") == Some(&Value::Bool(true));
    let verdict = if is_well { "is published as it should be" } else { "is not published as it should be" };
    let mut text = format!("{} {verdict}.\n\n", field(document, "domain"));
    text.push_str(&table(RECORDS, document.get("records").unwrap_or(&Value::Null), ""));
    if !items(document, "rights").is_empty() {
        text.push_str(
            "\n\nWhat other servers answer when this server wants to send for the domain (give notices), or receive (fetch):\n\n",
        );
        text.push_str(&table(RIGHTS, document.get("rights").unwrap_or(&Value::Null), ""));
    }
    text
}
