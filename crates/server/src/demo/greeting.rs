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
            "    ports: submission {} (STARTTLS), submissions {} (TLS), exchange {}, retrieval {}\n           imap {} (STARTTLS), imaps {} (TLS)\n",
            actor.port("submission"),
            actor.port("submissions"),
            actor.port("exchange"),
            actor.port("retrieval"),
            actor.port("imap"),
            actor.port("imaps")
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

/// Whether bob has let alice in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Acquaintance {
    /// He has: what she sends him arrives.
    Allowed,
    /// He has not: it waits until he does.
    Stranger,
}

/// Lines to paste: a message from alice to bob, and what becomes of it.
pub fn invitation(stage: &Stage, acquaintance: Acquaintance) -> String {
    let (origin, destination) = (&stage.origin, &stage.destination);
    let password = origin.account("alice@a.test").map(|account| account.password.clone()).unwrap_or_default();
    let twoway = std::env::current_exe().map_or_else(|_unknown| "twoway".to_owned(), |path| path.display().to_string());
    let (submission, ca) = (origin.port("submission"), origin.ca_pem.display());
    let (a, b) = (origin.config_file.display(), destination.config_file.display());
    let arrives = match acquaintance {
        Acquaintance::Allowed => "Bob has let her in, so it arrives at once.",
        Acquaintance::Stranger => "Bob does not know her yet, so it waits until he lets her in.",
    };
    let send = format!(
        "Your turn, in another terminal. Send as alice to bob, with swaks. {arrives}\n\n\
         \x20 swaks --server {address}:{submission} --tls --auth PLAIN --auth-user alice@a.test --auth-password {password} \\\n\
         \x20       --from alice@a.test --to bob@b.test --header 'Subject: Hello'\n\n\
         or with curl:\n\n\
         \x20 printf 'From: alice@a.test\\r\\nTo: bob@b.test\\r\\nSubject: Hello\\r\\n\\r\\nHi Bob\\r\\n' | curl -sS -T - --ssl-reqd --cacert {ca} \\\n\
         \x20       --resolve {host}:{submission}:{address} smtp://{host}:{submission} --user alice@a.test:{password} \\\n\
         \x20       --mail-from alice@a.test --mail-rcpt bob@b.test\n\n",
        host = origin.hostname,
        address = origin.address
    );
    let theirs = destination.account("bob@b.test").map(|account| account.password.clone()).unwrap_or_default();
    let mail = format!(
        "  {twoway} mail bob@b.test list --config {b}\n  {twoway} sent alice@a.test list --config {a}\n\n\
         or read the last message in any mail program, by IMAP at {read_at}, or with curl:\n\n\
         \x20 curl -sS --cacert {ca} --resolve {reader}:{imaps}:{read_at} --user bob@b.test:{theirs} 'imaps://{reader}:{imaps}/INBOX;MAILINDEX=*'\n\n",
        read_at = destination.address,
        reader = destination.hostname,
        imaps = destination.port("imaps"),
    );
    let decide =
        format!("  {twoway} contacts bob@b.test list --config {b}\n  {twoway} contacts bob@b.test allow alice@a.test --config {b}\n");
    let look = match acquaintance {
        Acquaintance::Allowed => format!(
            "Look what lies in bob's mailbox, and what alice knows:\n\n{mail}\
             Make her a stranger again, send once more, and decide:\n\n\
             \x20 {twoway} allow bob@b.test remove alice@a.test --config {b}\n{decide}\n"
        ),
        Acquaintance::Stranger => format!("Look who waits, let her in, and look what arrived and what alice knows:\n\n{decide}{mail}"),
    };
    format!("{send}{look}Ctrl-C ends the demo.\n")
}
