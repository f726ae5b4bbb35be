//! What a server told, for people and for programs. What others have chosen is made fit for a terminal.

use mail::shown::{claim, visible};
use proto::imap::command::twoway::{Entry, Modes};
use proto::imap::response::twoway::{Contact, ContactKind, Response};
use serde_json::{Value, json};

pub(super) fn contact_document(contact: &Contact) -> Value {
    let evidence = contact.evidence.as_ref();
    json!({
        "sender": contact.sender,
        "kind": contact.kind.as_str().to_ascii_lowercase(),
        "count": contact.count,
        "first": contact.first.to_rfc3339(),
        "last": contact.last.to_rfc3339(),
        "size_octets": contact.size_octets,
        "expires": contact.expires.map(mail::time::Timestamp::to_rfc3339),
        "proof": evidence.map(|evidence| evidence.proof.as_str().to_ascii_lowercase()),
        "retrieved_before": evidence.map(|evidence| evidence.retrieved_before),
        "network": evidence.and_then(|evidence| evidence.network.as_deref()),
        "claimed_name": contact.claimed_name,
        "claimed_subject": contact.claimed_subject,
    })
}

pub(super) fn contact_line(contact: &Contact) -> String {
    let messages = if contact.count == 1 { "message" } else { "messages" };
    let proof = contact.evidence.as_ref().map(|evidence| format!(", proof {}", evidence.proof.as_str().to_ascii_lowercase()));
    let claims = [("name", &contact.claimed_name), ("subject", &contact.claimed_subject)];
    let claims: String =
        claims.iter().filter_map(|(word, said)| Some(format!(", claimed {word} \"{}\"", claim(said.as_deref()?)))).collect();
    let (sender, count, octets) = (visible(&contact.sender), contact.count, contact.size_octets);
    // Nothing lies anywhere of whom is only observed.
    let octets = if contact.kind == ContactKind::Observed { String::new() } else { format!(", {octets} octets") };
    let (kind, last) = (contact.kind.as_str().to_ascii_lowercase(), contact.last.to_rfc3339());
    format!("{sender}: {count} {messages} ({kind}){octets}, latest {last}{}{claims}\n", proof.unwrap_or_default())
}

pub(super) fn entry_document(entry: &Entry) -> Value {
    json!({
        "list": entry.list.as_str().to_ascii_lowercase(),
        "who": entry.who,
        "until": entry.until.map(mail::time::Timestamp::to_rfc3339),
        "count": entry.count,
        "reference": entry.reference,
        "reason": entry.reason,
    })
}

pub(super) fn entry_line(entry: &Entry) -> String {
    let until = entry.until.map(|until| format!(", until {}", until.to_rfc3339())).unwrap_or_default();
    let count = entry.count.map(|count| format!(", {count} more")).unwrap_or_default();
    let reason = entry.reason.as_ref().map(|reason| format!(", \"{}\"", claim(reason))).unwrap_or_default();
    format!("{} {}{until}{count}{reason}\n", entry.list.as_str().to_ascii_lowercase(), visible(&entry.who))
}

pub(super) fn modes_document(modes: Modes) -> Value {
    json!({
        "screening": modes.screening.map(|mode| mode.as_str().to_ascii_lowercase()),
        "legacy": modes.legacy.map(|mode| mode.as_str().to_ascii_lowercase()),
        "claims": modes.claims.map(|mode| mode.as_str().to_ascii_lowercase()),
    })
}

pub(super) fn modes_line(modes: Modes) -> String {
    let words = [
        ("screening", modes.screening.map(proto::imap::command::twoway::Screening::as_str)),
        ("legacy", modes.legacy.map(proto::imap::command::twoway::Legacy::as_str)),
        ("claims", modes.claims.map(proto::imap::command::twoway::Claims::as_str)),
    ];
    words.iter().filter_map(|(mode, word)| Some(format!("{mode} {}\n", word.as_ref()?.to_ascii_lowercase()))).collect()
}

pub(super) fn change_document(told: &Response) -> Value {
    match told {
        Response::Entry(entry) => json!({ "entry": entry_document(entry) }),
        Response::EntryGone(list, who) => json!({ "entry_gone": { "list": list.as_str().to_ascii_lowercase(), "who": who } }),
        Response::Contact(contact) => json!({ "contact": contact_document(contact) }),
        Response::ContactGone(kind, sender) => json!({ "contact_gone": { "kind": kind.as_str().to_ascii_lowercase(), "sender": sender } }),
        Response::Modes(modes) => json!({ "modes": modes_document(*modes) }),
    }
}

pub(super) fn change_line(told: &Response) -> String {
    match told {
        Response::Entry(entry) => format!("entry: {}", entry_line(entry)),
        Response::EntryGone(list, who) => format!("no entry any more: {} {}\n", list.as_str().to_ascii_lowercase(), visible(who)),
        Response::Contact(contact) if contact.kind == ContactKind::Observed => format!("would have waited: {}", contact_line(contact)),
        Response::Contact(contact) => format!("waiting: {}", contact_line(contact)),
        Response::ContactGone(ContactKind::Observed, sender) => format!("not shown as observed any more: {}\n", visible(sender)),
        Response::ContactGone(ContactKind::Notice | ContactKind::Legacy, sender) => {
            format!("nothing waits any more: {}\n", visible(sender))
        }
        Response::Modes(modes) => format!("modes: {}", modes_line(*modes).replace('\n', " ").trim_end()) + "\n",
    }
}
