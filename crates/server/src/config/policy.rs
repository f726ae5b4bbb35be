//! `[timers]`, `[limits]`, `dial_ports` and `[lab]`: the protocol's timers, the sessions' limits, and what may be dialled.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use delivery::dialling::Dialling;
use delivery::schedule::Timers;
use jiff::SpanRelativeTo;
use mail::time::Timestamp;
use proto::limits::{Limits, Timeouts};
use store::quota::Quota;
use toml::de::DeValue;

use super::reader::{Section, integer};

const DURATION: &str = r#"a duration such as "5 min" or "4h""#;
const DURATIONS: &str = r#"a list of durations such as ["0s", "5 min"]"#;

/// A length of time in words: `5 min`, `4h`, `1 day 12h`. Days have 24 hours; months and years have no length.
pub fn parse_duration(text: &str) -> Option<Duration> {
    let span: jiff::Span = text.trim().parse().ok()?;
    span.to_duration(SpanRelativeTo::days_are_24_hours()).ok()?.try_into().ok()
}

/// A point in time: RFC 3339, or a length of time from now.
pub fn parse_moment(text: &str, now: Timestamp) -> Option<Timestamp> {
    text.parse().ok().or_else(|| Some(now + parse_duration(text)?))
}

pub(super) fn timers(section: &Section<'_, '_>) -> Timers {
    let default = Timers::default();
    let one = |key, default| section.or(key, default, DURATION, |value| parse_duration(value.as_str()?));
    let many = |key, default| {
        section.or(key, default, DURATIONS, |value| {
            let delays: Option<Vec<_>> = value.as_array()?.iter().map(|item| parse_duration(item.as_ref().as_str()?)).collect();
            delays.filter(|delays| !delays.is_empty())
        })
    };
    let timers = Timers {
        notice: many("notice", default.notice),
        notice_give_up: one("notice_give_up", default.notice_give_up),
        notice_repeat: many("notice_repeat", default.notice_repeat),
        retrieve: many("retrieve", default.retrieve),
        retrieve_late: one("retrieve_late", default.retrieve_late),
        retention: one("retention", default.retention),
        confirm_grace: one("confirm_grace", default.confirm_grace),
        settle_grace: one("settle_grace", default.settle_grace),
        lease: one("lease", default.lease),
        memory: one("memory", default.memory),
        delay_notifying: one("delay_notifying", default.delay_notifying),
        delay_waiting: one("delay_waiting", default.delay_waiting),
        keep_legacy: one("keep_legacy", default.keep_legacy),
    };
    if timers.settle_grace >= timers.confirm_grace {
        // The origin must still listen when the destination confirms for the last time.
        section.fault::<()>("confirm_grace", "not longer than settle_grace", "a longer time than timers.settle_grace");
    }
    section.refuse_unknown();
    timers
}

pub(super) fn limits(section: &Section<'_, '_>) -> Limits {
    let default = Limits::default();
    let number =
        |key, default: u64| section.or(key, default, "a whole number above 0", |value| integer(value).filter(|number| *number > 0));
    let count = |key, default: usize| {
        let number = number(key, u64::try_from(default).unwrap_or(u64::MAX));
        usize::try_from(number).unwrap_or(usize::MAX)
    };
    let small = |key, default: u32| u32::try_from(number(key, u64::from(default))).unwrap_or(u32::MAX);
    Limits {
        message_octets_max: number("message_octets_max", default.message_octets_max),
        discarded_octets_max: number("discarded_octets_max", default.discarded_octets_max),
        recipients_max: count("recipients_max", default.recipients_max),
        commands_max: small("commands_max", default.commands_max),
        errors_max: small("errors_max", default.errors_max),
        messages_max: small("messages_max", default.messages_max),
        unknown_recipients_max: small("unknown_recipients_max", default.unknown_recipients_max),
        auth_failures_max: small("auth_failures_max", default.auth_failures_max),
        auth_failures_per_hour_max: small("auth_failures_per_hour_max", default.auth_failures_per_hour_max),
        octets_per_second_min: number("octets_per_second_min", default.octets_per_second_min),
        buffered_octets_max: count("buffered_octets_max", default.buffered_octets_max),
        output_octets_max: count("output_octets_max", default.output_octets_max),
        content_chunk_octets_max: count("content_chunk_octets_max", default.content_chunk_octets_max),
        unanswered_max: count("unanswered_max", default.unanswered_max),
        unanswered_retrievals_max: count("unanswered_retrievals_max", default.unanswered_retrievals_max),
        notices_max: number("notices_max", default.notices_max),
        notices_per_minute_client_max: small("notices_per_minute_client_max", default.notices_per_minute_client_max),
        notices_per_minute_domain_max: small("notices_per_minute_domain_max", default.notices_per_minute_domain_max),
        dialled_per_address_max: count("dialled_per_address_max", default.dialled_per_address_max),
        assertions_max: number("assertions_max", default.assertions_max),
        keep_max: section.or("keep_max", default.keep_max, DURATION, |value| parse_duration(value.as_str()?)),
        reply_line_octets_max: count("reply_line_octets_max", default.reply_line_octets_max),
        reply_lines_max: count("reply_lines_max", default.reply_lines_max),
        pipelined_max: count("pipelined_max", default.pipelined_max),
        timeouts: timeouts(&section.section("timeouts")),
    }
}

/// 0 is no limit.
pub(super) fn quota(section: &Section<'_, '_>) -> Quota {
    let max = |key| Some(section.or(key, 0, "a whole number; 0 for no limit", integer)).filter(|max| *max > 0);
    Quota { octets_max: max("mailbox_octets_max"), messages_max: max("mailbox_messages_max") }
}

fn timeouts(section: &Section<'_, '_>) -> Timeouts {
    let default = Timeouts::default();
    let one = |key, default| section.or(key, default, DURATION, |value| parse_duration(value.as_str()?));
    let timeouts = Timeouts {
        command: one("command", default.command),
        content: one("content", default.content),
        write: one("write", default.write),
        session: one("session", default.session),
        handshake: one("handshake", default.handshake),
        greeting: one("greeting", default.greeting),
        reply: one("reply", default.reply),
        data_initiation: one("data_initiation", default.data_initiation),
        data_end: one("data_end", default.data_end),
    };
    section.refuse_unknown();
    timeouts
}

/// On the Internet, unless `lab.enabled` says otherwise.
pub(super) fn dialling(root: &Section<'_, '_>) -> Dialling {
    let ports = root.or("dial_ports", BTreeSet::new(), "a list of ports from 1 to 65535", |value| {
        value.as_array()?.iter().map(|item| port(item.as_ref())).collect()
    });
    let section = root.section("lab");
    let is_lab = section.or("enabled", false, "true or false", DeValue::as_bool);
    let hosts = section.section("mx_ports");
    let mut mx_ports = BTreeMap::new();
    for (host, value) in hosts.entries() {
        match (host.parse(), port(value)) {
            (Ok(host), Some(port)) => drop(mx_ports.insert(host, port)),
            (Err(_), _) => drop(hosts.fault::<()>(&host, "no host name", "the name of an MX host and a port")),
            (_, None) => drop(hosts.fault::<()>(&host, "no port", "a port from 1 to 65535")),
        }
    }
    if !mx_ports.is_empty() && !is_lab {
        section.fault::<()>("mx_ports", "set outside a lab", "lab.enabled = true beside it");
    }
    section.refuse_unknown();
    if is_lab { Dialling::Lab { ports, mx_ports } } else { Dialling::Internet { ports } }
}

fn port(value: &DeValue<'_>) -> Option<u16> {
    integer(value).and_then(|number| u16::try_from(number).ok()).filter(|port| *port > 0)
}
