//! What a person needs to take part in the demo: addresses, passwords, ports, and lines to paste.

use delivery::consent::Screening;

use crate::demo::stage::{Actor, Stage};

/// Who and what is there.
pub fn introduction(stage: &Stage) -> String {
    let mut parts = vec![String::from("Two mail servers and a DNS are running in this process, on loopback addresses only.\n\n")];
    for actor in [&stage.origin, &stage.destination] {
        let Actor { domain, hostname, address, .. } = actor;
        parts.push(format!("  {domain}  ({hostname}, {address})\n"));
        parts.push(format!(
            "    ports: submission {} (STARTTLS), submissions {} (TLS), exchange {}, retrieval {}\n",
            actor.port("submission"),
            actor.port("submissions"),
            actor.port("exchange"),
            actor.port("retrieval")
        ));
        for account in &actor.accounts {
            let strangers = match account.screening {
                Screening::Off => "takes mail from anyone",
                Screening::Observe => "takes mail from anyone, and watches who would wait",
                Screening::On => "strangers wait as contact attempts",
            };
            parts.push(format!("    {:<14} password {}   {strangers}\n", account.address.to_string(), account.password));
        }
        parts.push(format!("    configuration: {}\n\n", actor.config_file.display()));
    }
    parts.push(format!("  DNS: {}   certificates: {}\n", stage.dns.address, stage.origin.ca_pem.display()));
    parts.concat()
}

/// Lines to paste: a message from alice to carol and to bob, and what became of it.
pub fn invitation(stage: &Stage) -> String {
    let (origin, destination) = (&stage.origin, &stage.destination);
    let password = origin.account("alice@a.test").map(|account| account.password.clone()).unwrap_or_default();
    let twoway = std::env::current_exe().map_or_else(|_unknown| "twoway".to_owned(), |path| path.display().to_string());
    let (submission, ca) = (origin.port("submission"), origin.ca_pem.display());
    let (a, b) = (origin.config_file.display(), destination.config_file.display());
    let mut parts = vec![String::from("Your turn. Send as alice, with swaks:\n\n")];
    parts.push(format!(
        "  swaks --server {}:{submission} --tls --auth PLAIN --auth-user alice@a.test --auth-password {password} \\\n\
             \x20       --from alice@a.test --to bob@b.test --header 'Subject: Hello'\n\n",
        origin.address
    ));
    parts.push(format!(
            "or with curl:\n\n\
             \x20 printf 'From: alice@a.test\\r\\nTo: bob@b.test\\r\\nSubject: Hello\\r\\n\\r\\nHi Bob\\r\\n' | curl -T - --ssl-reqd --cacert {ca} \\\n\
             \x20       --resolve {host}:{submission}:{address} smtp://{host}:{submission} --user alice@a.test:{password} \\\n\
             \x20       --mail-from alice@a.test --mail-rcpt bob@b.test\n\n",
            host = origin.hostname,
            address = origin.address
        ),
    );
    parts.push(format!(
        "and look, from another terminal:\n\n\
             \x20 {twoway} contacts bob@b.test list --config {b}\n\
             \x20 {twoway} contacts bob@b.test allow alice@a.test --config {b}\n\
             \x20 {twoway} mail bob@b.test list --config {b}\n\
             \x20 {twoway} sent alice@a.test list --config {a}\n\n\
             Ctrl-C ends the demo.\n"
    ));
    parts.concat()
}
