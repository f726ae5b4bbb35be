//! A list of addresses that we read is one that mail-parser reads as the same addresses: no two programs may disagree on whom a
//! message is from.
#![no_main]

use mail::address::Domain;
use mail::message::address_list::{self, Address};
use mail_parser::MessageParser;

libfuzzer_sys::fuzz_target!(|value: &[u8]| {
    // Line ends would end the field. mail-parser keeps comments inside an address, and takes a quoted local part for a name.
    if value.iter().any(|octet| b"\r\n(\"".contains(octet)) {
        return;
    }
    let Ok(ours) = address_list::read(value) else { return };
    let ours: Vec<String> = ours.into_iter().flat_map(mailboxes).collect();
    let message = [b"From: ".as_slice(), value, b"\r\n\r\n"].concat();
    let parsed = MessageParser::new().parse(&message).expect("a message");
    let theirs: Vec<String> =
        parsed.from().map(|from| from.iter().filter_map(|address| address.address().map(str::to_owned)).collect()).unwrap_or_default();
    assert_eq!(ours.len(), theirs.len(), "{ours:?} and {theirs:?}");
    for (ours, theirs) in ours.iter().zip(&theirs) {
        assert_eq!(plain(ours), plain(theirs));
    }
});

fn mailboxes(address: Address) -> Vec<String> {
    match address {
        Address::Mailbox(one) => vec![one.mailbox.to_string()],
        Address::Group { members, .. } => members.into_iter().map(|member| member.mailbox.to_string()).collect(),
    }
}

/// mail-parser keeps white space, the case of domains and their U-labels.
fn plain(address: &str) -> String {
    let address = address.replace([' ', '\t'], "");
    let (local, domain) = address.rsplit_once('@').unwrap_or((&address, ""));
    let domain = domain.parse::<Domain>().map_or_else(|_unfit| format!("no domain: {domain}"), |domain| domain.to_string());
    format!("{local}@{domain}")
}
