//! Mail for servers without the extension: what it costs, and what is said of it.

use std::time::Duration;

use delivery::report::SentStatus;
use sim::Sim;

/// A while in which nothing happens by itself.
const LONG: Duration = Duration::from_mins(30);

#[test]
fn messages_to_a_domain_without_the_extension_share_the_connection_that_found_it_so() {
    let mut sim = Sim::seeded(7);
    let [alice] = sim.accounts(["alice@a.test"]);
    let plain = sim.plain_host("legacy.test");
    let dave: mail::address::Mailbox = "dave@legacy.test".parse().unwrap();
    let mut connections = Vec::new();
    for _ in 0..20 {
        let message = alice.submit(dave.clone(), "Hello");
        sim.run_until(crate::SOON, "it is passed on", |_| alice.sent_status(&message) == SentStatus::Relayed);
        connections.push(plain.connections());
    }
    assert_eq!(plain.taken_since(0).len(), 20);
    assert_eq!(connections, [1; 20], "the question whether they speak the extension is asked once, and its session goes on");
    sim.run_for(LONG);
    let message = alice.submit(dave, "Hello again");
    sim.run_until(crate::SOON, "it is passed on", |_| alice.sent_status(&message) == SentStatus::Relayed);
    assert_eq!(plain.connections(), 2, "the answer is not believed for ever");
}
