//! What a file may say, and what is said about one that is wrong.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

mod documented;
mod mutated;

use super::*;
use std::time::Duration;

const LEAST: &str = "hostname = \"mx.a.test\"\ndomains = [\"a.test\"]\ndata_dir = \"data\"\n";

fn parse(text: &str) -> Result<Config, Vec<Fault>> {
    Config::parse(Path::new("etc/twoway.toml"), text).map_err(|error| match error {
        ConfigError::Faulty(faults) => faults,
        ConfigError::Unreadable { error, .. } => panic!("{error}"),
    })
}

#[test]
fn three_keys_are_enough_and_the_rest_are_the_protocols_defaults() {
    let config = parse(LEAST).unwrap();
    assert_eq!(config.hostname.as_str(), "mx.a.test");
    assert_eq!(config.data_dir, Path::new("etc/data"));
    assert_eq!(config.store, Database::Sqlite);
    assert_eq!(config.timers, Timers::default());
    assert_eq!(config.limits, Limits::default());
    assert_eq!(config.listen, Listen::default());
    assert_eq!(config.dialling, Dialling::Internet { ports: BTreeSet::new() });
}

fn everything() -> String {
    format!(
        "{LEAST}store = \"postgresql://u:p@db/x\"\noutbound_address = [\"127.0.0.2\", \"::1\"]\ndial_ports = [26]\n\
         [dns]\nservers = [\"127.0.0.1:5300\", \"::1\"]\ntrust_anchor = \"/k\"\n\
         [tls]\ncert = \"c.pem\"\nkey = \"/k.pem\"\nextra_ca = \"ca.pem\"\n\
         [listen]\nsubmission = \"127.0.0.2:0\"\nexchange = [\"127.0.0.2:2525\", \"[::1]:2525\"]\nimap = \"127.0.0.2:1143\"\n\
         [timers]\nnotice = [\"0s\", \"5 min\"]\nretention = \"2 days\"\nlease = \"1m 30s\"\n\
         [limits]\nmessage_octets_max = 1_000_000\nconnections_max = 7\nmailbox_octets_max = 5_000_000\n[limits.timeouts]\ncommand = \"10s\"\n\
         [log]\nformat = \"json\"\nfilter = \"warn,server=debug\"\n\
         [lab]\nenabled = true\nmx_ports = {{ \"mx.b.test\" = 2526 }}\n"
    )
}

#[test]
fn everything_can_be_said() {
    let config = parse(&everything()).unwrap();
    assert_eq!(config.store, Database::Postgres("postgresql://u:p@db/x".to_owned()));
    assert!(!format!("{config:?}").contains("u:p"), "a password in the debug output");
    assert_eq!(config.outbound.len(), 2);
    assert_eq!(config.dns.servers, ["127.0.0.1:5300".parse().unwrap(), "[::1]:53".parse().unwrap()]);
    assert_eq!(config.tls.identity, Some(Identity { cert: "etc/c.pem".into(), key: "/k.pem".into() }));
    assert_eq!(config.listen.exchange.len(), 2);
    assert_eq!(config.timers.notice, [Duration::ZERO, Duration::from_mins(5)]);
    assert_eq!(config.timers.retention, Duration::from_hours(48));
    assert_eq!(config.timers.lease, Duration::from_secs(90));
    assert_eq!(config.limits.message_octets_max, 1_000_000);
    assert_eq!(config.quota, Quota { octets_max: Some(5_000_000), messages_max: None });
    assert_eq!(config.limits.timeouts.command, Duration::from_secs(10));
    assert_eq!(config.connections.all_max, 7);
    assert_eq!(config.log.format, LogFormat::Json);
    assert_eq!(config.dialling.exchange_port(&"mx.b.test".parse().unwrap()), 2526);
    assert!(matches!(&config.dialling, Dialling::Lab { ports, .. } if ports.contains(&26)));
}

#[test]
fn every_fault_names_line_key_and_what_was_expected() {
    let table = [
        ("hostnam = \"x\"", 4, "hostnam", "expected hostname"),
        ("frobnicate = 1", 4, "frobnicate", "expected one of "),
        ("store = \"mysql\"", 4, "store", "postgresql://"),
        ("store = 3", 4, "store", "found 3"),
        ("outbound_address = \"mx.a.test\"", 4, "outbound_address", "an IP address"),
        ("outbound_address = [\"127.0.0.1\", \"127.0.0.2\"]", 4, "outbound_address", "one of each family"),
        ("dial_ports = [0]", 4, "dial_ports", "a list of ports"),
        ("dns = 5", 4, "dns", "expected a table"),
        ("[dns]\nservers = \"127.0.0.1\"", 5, "dns.servers", "a list of addresses"),
        ("[dns]\nserver = []", 5, "dns.server", "expected dns.servers"),
        ("[tls]\ncert = \"c.pem\"", 4, "tls.key", "the key of tls.cert"),
        ("[listen]\n\nexchange = \"25\"", 6, "listen.exchange", "an address and port"),
        ("[listen]\nsmtp = \"[::]:25\"", 5, "listen.smtp", "unknown key"),
        ("[timers]\nlease = \"2 parsecs\"", 5, "timers.lease", "a duration such as"),
        ("[timers]\nlease = 120", 5, "timers.lease", "a duration such as"),
        ("[timers]\nlease = \"-1s\"", 5, "timers.lease", "a duration such as"),
        ("[timers]\nlease = \"1 month\"", 5, "timers.lease", "a duration such as"),
        ("[timers]\nnotice = []", 5, "timers.notice", "a list of durations"),
        ("[timers]\nconfirm_grace = \"1d\"", 5, "timers.confirm_grace", "a longer time than"),
        ("[limits]\nrecipients_max = 0", 5, "limits.recipients_max", "above 0"),
        ("[limits]\nrecipients_max = -5", 5, "limits.recipients_max", "found -5"),
        ("[limits.timeouts]\ncomand = \"1s\"", 5, "limits.timeouts.comand", "expected limits.timeouts.command"),
        ("[log]\nformat = \"xml\"", 5, "log.format", r#""text" or "json""#),
        ("[log]\nfilter = \"a=b=c\"", 5, "log.filter", "a level such as"),
        ("[lab]\nmx_ports = { \"mx.b.test\" = 1 }", 5, "lab.mx_ports", "lab.enabled = true"),
        ("[lab]\nenabled = true\nmx_ports = { \"mx.b.test\" = 70000 }", 6, "lab.mx_ports.mx.b.test", "a port from 1 to 65535"),
        ("[lab]\nenabled = \"yes\"", 5, "lab.enabled", "true or false"),
        ("x y", 4, "", "not TOML"),
    ];
    for (wrong, line, key, words) in table {
        let faults = parse(&format!("{LEAST}{wrong}\n")).expect_err(wrong);
        let fault = faults.iter().find(|fault| fault.key == key).unwrap_or_else(|| panic!("{wrong}: {faults:?}"));
        assert_eq!(fault.line, line, "{wrong}: {fault}");
        let shown = fault.to_string();
        assert!(shown.starts_with(&format!("etc/twoway.toml:{line}: {key}")), "{wrong}: {shown}");
        assert!(shown.contains(words) && shown.contains("; expected "), "{wrong}: {shown}");
    }
}

#[test]
fn all_faults_are_told_at_once_and_in_order() {
    let faults = parse("domains = []\nhostname = 7\n[log]\nformat = \"xml\"\n").unwrap_err();
    let keys: Vec<&str> = faults.iter().map(|fault| fault.key.as_str()).collect();
    assert_eq!(keys, ["domains", "data_dir", "hostname", "log.format"]);
}

#[test]
fn a_url_that_is_wrong_is_not_repeated() {
    let faults = parse(&format!("{LEAST}store = \"mysql://u:secret@db/x\"\n")).unwrap_err();
    assert!(!faults[0].to_string().contains("secret"), "{}", faults[0]);
}

#[test]
fn the_example_for_administrators_is_valid() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/admin/twoway.toml");
    let config = Config::load(&file).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(config.timers, Timers::default());
    // What is commented out is what holds anyway: with the comments removed, the file still reads.
    let text = std::fs::read_to_string(&file).unwrap();
    let said: String =
        text.lines().map(|line| line.strip_prefix('#').filter(|rest| !rest.starts_with(' ')).unwrap_or(line).to_owned() + "\n").collect();
    let said = said.replacen("store = \"sqlite\"\n", "", 1).replacen("enabled = false", "enabled = true", 1);
    let spoken = Config::parse(&file, &said).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(spoken.timers, Timers::default());
}
