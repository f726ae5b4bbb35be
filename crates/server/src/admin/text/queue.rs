//! What is on its way, in words: the summary, the story of one thing, and what became of a wish about it.

use serde_json::Value;

use super::{Column, field, items, messages, table};

pub(super) const QUEUE: &[Column] = &[
    ("id", "id"),
    ("direction", "direction"),
    ("sender", "sender"),
    ("recipient", "recipient"),
    ("state", "state"),
    ("tries", "attempts"),
    ("next", "next_attempt"),
    ("gives up", "gives_up"),
    ("octets", "size_octets"),
    ("detail", "detail"),
];
const STATES: &[Column] = &[("direction", "direction"), ("state", "state"), ("count", "count")];
const DOMAINS: &[Column] = &[("domain", "domain"), ("outgoing", "outgoing"), ("incoming", "incoming")];
const RESTING: &[Column] = &[("left alone", "peer"), ("until", "until")];

pub(super) fn summary(document: &Value) -> String {
    let number = |key| document.get(key).and_then(Value::as_u64).unwrap_or_default();
    if number("total") == 0 {
        return resting_last("Nothing is on its way.".to_owned(), document);
    }
    let of = |key: &str| document.get(key).unwrap_or(&Value::Null);
    let mut parts = vec![
        format!("{} to go out, {} to come in.", number("outgoing"), number("incoming")),
        table(STATES, of("by_state"), ""),
        table(DOMAINS, of("by_domain"), ""),
    ];
    if number("more_domains") > 0 {
        parts.push(format!("and {} domains more", number("more_domains")));
    }
    if document.get("complete") == Some(&Value::Bool(false)) {
        parts.push("There is too much to look at all of it; these are the ones that are due first.".to_owned());
    }
    resting_last(parts.join("\n\n"), document)
}

fn resting_last(text: String, document: &Value) -> String {
    if items(document, "resting").is_empty() {
        return text;
    }
    [text, table(RESTING, document.get("resting").unwrap_or(&Value::Null), "")].join("\n\n")
}

pub(super) fn story(document: &Value) -> String {
    let mut text = one_story(document);
    for other in items(document, "also") {
        text.push_str("\n\nThe same message at its other end, which is here too:\n\n");
        text.push_str(&one_story(other));
    }
    text
}

fn one_story(document: &Value) -> String {
    let is = |key: &str| field(document, key);
    let has = |key: &str| document.get(key).is_some_and(|value| !value.is_null());
    let mut lines = vec![
        format!(
            "{}: {}, from {} to {}, {} octets, here since {}",
            is("id"),
            is("direction"),
            is("sender"),
            is("recipient"),
            is("size_octets"),
            is("received")
        ),
        format!("State: {} since {}; attempts that failed: {}", is("state"), is("since"), is("attempts")),
        is("meaning"),
    ];
    if !is("detail").is_empty() {
        lines.push(format!("Last word: {}", is("detail")));
    }
    if has("evidence") {
        lines.push(format!("Its giver proved its right by {}", is("evidence")));
    }
    if has("next_attempt") {
        lines.push(format!("Next attempt: {}", is("next_attempt")));
    }
    if has("gives_up") {
        lines.push(format!("If nothing changes, at {} {}.", is("gives_up"), is("then")));
    }
    for resting in items(document, "resting") {
        let (peer, until) = (field(resting, "peer"), field(resting, "until"));
        lines.push(format!("{peer} has failed too often and is not dialled before {until}"));
    }
    if has("pinned_until") {
        let (domain, until) = (is("domain"), is("pinned_until"));
        lines.push(format!(
            "{domain} is remembered as speaking two-way mail until {until}: a server of it that does not offer it counts as out of order, \
             and nothing is sent there by ordinary SMTP"
        ));
    }
    if document.get("open") == Some(&Value::Bool(true)) {
        let id = written(&is("id"));
        lines.push(format!("You can:\n  twoway queue retry {id}      tries now, and dials whom it had left alone"));
        lines.push(format!("  twoway queue give-up {id}    {}", is("on_give_up")));
    }
    lines.join("\n")
}

/// An id as it can be typed: one that begins like an option stands behind two hyphens.
fn written(id: &str) -> String {
    if id.starts_with('-') { format!("-- {id}") } else { id.to_owned() }
}

pub(super) fn retried(document: &Value) -> String {
    let woken = field(document, "woken");
    let dialled = if woken.is_empty() { String::new() } else { format!(" Dialled again: {woken}.") };
    format!("Due now: {}.{dialled}", messages(document, "retried"))
}

pub(super) fn given_up(document: &Value) -> String {
    let lines = items(document, "given_up").iter().map(|item| {
        let (id, status) = (field(item, "id"), field(item, "status"));
        let told = match item.get("reported").and_then(Value::as_bool) {
            Some(true) => "; the author is told",
            _ => "",
        };
        format!("{id} ({}) is given up: {status}{told}.", field(item, "direction"))
    });
    lines.collect::<Vec<_>>().join("\n")
}
