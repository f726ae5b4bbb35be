//! The numbers there are, and the pages that speak of them.

use std::collections::BTreeSet;
use std::path::Path;

use prometheus_client::encoding::text::encode;

use super::*;

/// The text of a server to which everything has happened once.
fn text() -> String {
    let metrics = Metrics::default();
    let held = metrics.connected(Service::Exchange);
    metrics.turned_away(Service::Submission);
    metrics.session_ended(
        Role::Submission,
        Counts { commands: 7, errors: 2, auth_failures: 1, messages: 1, unknown_recipients: 3, notices: 0, assertions: 0 },
    );
    metrics.tls_failed();
    metrics.happened(&Event::Done { transfer: "a".repeat(22).parse().unwrap() });
    metrics.dialled("open");
    metrics.asked(Duration::from_millis(20), false);
    metrics.stored("write", 3, Duration::from_millis(2));
    metrics.store_waiting.get_or_create(&[("access", "write")]).set(0);
    for family in [&metrics.transfers, &metrics.arrivals] {
        family.get_or_create(&[("state", "due")]).set(1);
    }
    for family in [&metrics.transfers_oldest_seconds, &metrics.arrivals_oldest_seconds] {
        family.get_or_create(&[("state", "due")]).set(1.5);
    }
    let mut registry = Registry::default();
    metrics.register(registry.sub_registry_with_prefix("twoway"));
    registry.register_collector(Box::new(system::System));
    let mut text = String::new();
    encode(&mut text, &registry).unwrap();
    drop(held);
    text
}

/// Words of a text that look like names of metrics, without what a query adds to them.
fn names(text: &str) -> BTreeSet<String> {
    let words = text.split(|character: char| !character.is_ascii_alphanumeric() && character != '_');
    let words = words.filter(|word| word.starts_with("twoway_") || word.starts_with("process_"));
    words
        .map(|word| ["_total", "_bucket", "_count", "_sum"].iter().find_map(|end| word.strip_suffix(end)).unwrap_or(word).to_owned())
        .collect()
}

fn page(name: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/admin").join(name)).unwrap()
}

#[test]
fn what_happened_is_counted() {
    let text = text();
    for line in [
        "twoway_connections_total{service=\"exchange\"} 1",
        "twoway_connections_open{service=\"exchange\"} 1",
        "twoway_connections_refused_total{service=\"submission\"} 1",
        "twoway_commands_refused_total{role=\"submission\"} 2",
        "twoway_events_total{event=\"done\",how=\"\"} 1",
        "twoway_store_batch_operations_sum{access=\"write\"} 3.0",
        "twoway_dns_failures_total 1",
        "# TYPE process_cpu_seconds counter",
    ] {
        assert!(text.lines().any(|other| other == line), "{line} is not in\n{text}");
    }
}

#[test]
fn the_page_lists_every_metric_and_the_rules_ask_for_none_that_is_not_there() {
    let there = names(&text().lines().filter(|line| line.starts_with("# TYPE")).collect::<String>().replace("# TYPE", " "));
    assert_eq!(names(&page("watch.md")), there);
    let rules = page("twoway-rules.yml");
    let missing: Vec<_> = names(&rules).difference(&there).cloned().collect();
    assert!(missing.is_empty(), "{missing:?}");
    let alerts: Vec<&str> = rules.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")).collect();
    assert!(alerts.len() > 5);
    for alert in alerts {
        assert!(page("watch.md").contains(&format!("| `{alert}` |")), "{alert} is not explained");
    }
}
