//! SPF over any records: it is decided after a bounded number of questions, and no pass is owed to a record that nobody published.
#![no_main]

use std::net::IpAddr;

use delivery::dns::{Answer, Inquiry, Kind, Mx, Name, Proof, Record, Step};
use delivery::spf::{Check, Explain, LOOKUPS_MAX, NAMES_MAX, Outcome};
use libfuzzer_sys::arbitrary::Unstructured;
use mail::time::Timestamp;

/// Questions of one check: its record, and for each of the terms a record or a list with all its names, and an explanation.
const QUESTIONS_MAX: usize = (LOOKUPS_MAX as usize + 2) * (NAMES_MAX + 2);

libfuzzer_sys::fuzz_target!(|octets: &[u8]| {
    let mut octets = Unstructured::new(octets);
    let ip: IpAddr = if octets.arbitrary().unwrap_or(true) { "192.0.2.7" } else { "2001:db8::7" }.parse().expect("an address");
    let mut check = Check::of_sender(ip, &"alice@a.test".parse().expect("a mailbox"), "mx.a.test");
    check.explain = Explain::To { receiver: "mx.b.test".to_owned(), now: Timestamp::from_millis(1_700_000_000_000) };
    let mut published = Vec::new();
    let mut step = Inquiry::begin(check);
    for _question in 0..=QUESTIONS_MAX {
        match step {
            Step::Done(Outcome::Pass(owed)) => {
                assert!(published.contains(&owed.domain), "{owed:?}, of {published:?}");
                return;
            }
            Step::Done(Outcome::Fail { explanation }) => {
                // It stands in a reply.
                assert!(explanation.is_none_or(|text| text.bytes().all(|octet| (b' '..=b'~').contains(&octet))));
                return;
            }
            Step::Done(_) => return,
            Step::Ask(question, inquiry) => {
                let answer = answer(question.kind, ip, &mut octets);
                if answer.texts().any(|text| text.to_ascii_lowercase().starts_with(b"v=spf1")) {
                    published.push(question.name);
                }
                step = inquiry.answer(answer);
            }
        }
    }
    panic!("more than {QUESTIONS_MAX} questions");
});

fn answer(kind: Kind, ip: IpAddr, octets: &mut Unstructured<'_>) -> Answer {
    let name = Name::new("mx.a.test").expect("a name");
    match octets.int_in_range(0..=9_u8).unwrap_or(9) {
        0 => Answer::NoData(Proof::Insecure),
        1 => Answer::NoSuchName(Proof::Insecure),
        2 => Answer::Temporary("a timeout".to_owned()),
        count => Answer::insecure((2..count).map_while(|_record| match (kind, ip) {
            (Kind::Txt, _) => {
                let length = octets.int_in_range(0..=200).ok()?;
                let terms = octets.bytes(length).ok()?;
                Some(Record::Txt([b"v=spf1 ".as_slice(), terms].concat()))
            }
            (Kind::Mx, _) => Some(Record::Mx(Mx { preference: octets.arbitrary().ok()?, exchange: Some(name.clone()) })),
            (Kind::Ptr, _) => Some(Record::Ptr(name.clone())),
            (Kind::A, IpAddr::V4(ip)) => Some(Record::A(ip)),
            (Kind::Aaaa, IpAddr::V6(ip)) => Some(Record::Aaaa(ip)),
            _ => None,
        })),
    }
}
