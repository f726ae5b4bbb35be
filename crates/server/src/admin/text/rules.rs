//! Rules and the absence reply, for people.

use serde_json::Value;

use super::{Column, field, items};

pub(super) const RULES: &[Column] = &[("number", "number"), ("name", "name"), ("if", "if"), ("then", "then")];

/// What rules would do.
pub(super) fn tested(document: &Value) -> String {
    let copies = items(document, "copies").iter().map(|copy| {
        let flags = field(copy, "flags");
        let flags = if flags.is_empty() { String::new() } else { format!(", with {flags}") };
        format!("into {}{flags}", field(copy, "mailbox"))
    });
    let forwards = items(document, "forwards").iter().filter_map(Value::as_str).map(|to| format!("on to {to}"));
    let mut lines: Vec<String> = copies.chain(forwards).collect();
    let why = field(document, "unforwarded");
    if !why.is_empty() {
        lines.push(format!("not sent on: {why}"));
    }
    lines.join("\n")
}

/// What is said, and whether it is said now.
pub(super) fn absence(document: &Value) -> String {
    let Some(absence) = document.get("absence").filter(|absence| !absence.is_null()) else {
        return "Nothing is said of an absence.".to_owned();
    };
    let is_on = document.get("on") == Some(&Value::Bool(true));
    let line =
        |name: &str, key: &str| Some(field(absence, key)).filter(|value| !value.is_empty()).map(|value| format!("{name:<8} {value}"));
    let head = [
        Some(if is_on { "said now".to_owned() } else { "not said now".to_owned() }),
        line("from", "from"),
        line("until", "until"),
        line("days", "days"),
        line("subject", "subject"),
    ];
    let text = absence.get("text").and_then(Value::as_str).unwrap_or_default();
    let text = text.lines().map(mail::message::text::printable);
    head.into_iter().flatten().chain([String::new()]).chain(text).collect::<Vec<_>>().join("\n")
}
