//! Who may act for a domain, by what it publishes.

use proptest::prelude::*;

use super::*;
use crate::dns::tests::Zone;
use crate::dns::{Mx, Record};

fn session(ip: &str) -> SessionFacts {
    let operator = || BTreeSet::from(["a.test".parse().unwrap()]);
    // Asserted and certified for the very domain: neither grants anything yet.
    SessionFacts { ip: ip.parse().unwrap(), helo: "mx.a.test".into(), asserted: operator(), certificate_names: operator() }
}

fn ask(role: Role, ip: &str) -> Step<Authority> {
    Authority::check(role, &"alice@a.test".parse().unwrap(), &session(ip))
}

fn told(role: Role, ip: &str, zone: &'static str) -> String {
    match ask(role, ip).finish(|question| Zone::new(zone).answer(question)) {
        Verdict::Authorised { by, evidence } => format!("by {by}: {evidence}"),
        Verdict::Refused(refusal) => format!("refused: {refusal}"),
        Verdict::Temporary(_) => "later".into(),
    }
}

#[test]
fn without_a_record_spf_tells_who_may_give_notices() {
    let table = [
        ("a.test TXT v=spf1 ip4:192.0.2.0/24 -all", "by address: spf ip4:192.0.2.0/24 of a.test"),
        ("a.test TXT v=spf1 ip4:192.0.2.9 -all", "refused: 192.0.2.1 may not give notices for a.test"),
        ("a.test TXT v=spf1 ?ip4:192.0.2.1 -all", "refused: 192.0.2.1 may not give notices for a.test"),
        ("a.test A 192.0.2.1", "refused: 192.0.2.1 may not give notices for a.test"),
        ("a.test TXT v=spf1 +all", "refused: +all of a.test lets pass too many to single out the client"),
        (
            "a.test TXT v=spf1 include:b.test -all
b.test TXT v=spf1 ip4:0.0.0.0/1 ip4:128.0.0.0/1",
            "refused: ip4:128.0.0.0/1 of b.test lets pass too many to single out the client",
        ),
        ("a.test TXT v=spf1 moo", "refused: SPF of a.test is unusable: SPF record of a.test: bad term \"moo\""),
        ("a.test TIMEOUT", "later"),
        (
            "_twoway.a.test TIMEOUT
a.test TXT v=spf1 ip4:192.0.2.1 -all",
            "later",
        ),
    ];
    for (zone, expected) in table {
        assert_eq!(told(Role::Send, "192.0.2.1", zone), expected, "{zone}");
    }
}

#[test]
fn without_a_record_the_exchanges_may_retrieve() {
    let table = [
        (
            "a.test MX 5 m.test
m.test A 192.0.2.1",
            "by address: mx m.test of a.test",
        ),
        ("a.test A 192.0.2.1", "by address: mx a.test of a.test"),
        (
            "a.test MX 0 .
a.test A 192.0.2.1",
            "refused: 192.0.2.1 may not retrieve mail for a.test",
        ),
        (
            "a.test MX 5 m.test
m.test A 192.0.2.9
a.test A 192.0.2.1",
            "refused: 192.0.2.1 may not retrieve mail for a.test",
        ),
        ("b.test A 192.0.2.1", "refused: 192.0.2.1 may not retrieve mail for a.test"),
        (
            "a.test MX 5 m.test
m.test TIMEOUT",
            "later",
        ),
        (
            "a.test MX 5 m.test
a.test MX 9 n.test
m.test TIMEOUT
n.test A 192.0.2.1",
            "by address: mx n.test of a.test",
        ),
        // The record of SPF says nothing about retrieving.
        ("a.test TXT v=spf1 ip4:192.0.2.1 -all", "refused: 192.0.2.1 may not retrieve mail for a.test"),
    ];
    for (zone, expected) in table {
        assert_eq!(told(Role::Receive, "192.0.2.1", zone), expected, "{zone}");
    }
    assert_eq!(
        told(
            Role::Receive,
            "2001:db8::1",
            "a.test MX 5 m.test
m.test AAAA 2001:db8::1"
        ),
        "by address: mx m.test of a.test"
    );
    assert_eq!(told(Role::Receive, "::ffff:192.0.2.1", "a.test A 192.0.2.1"), "by address: mx a.test of a.test");
}

#[test]
fn a_record_takes_the_place_of_the_defaults() {
    let table = [
        ("_twoway.a.test TXT v=TWM1; send=ip4:192.0.2.0/25", "by address: 192.0.2.0/25 of a.test"),
        (
            "_twoway.a.test TXT v=TWM1; send=a:m.test
m.test A 192.0.2.1",
            "by address: a:m.test of a.test",
        ),
        (
            "_twoway.a.test TXT v=TWM1; send=mx
a.test A 192.0.2.1",
            "by address: mx a.test of a.test",
        ),
        (
            "_twoway.a.test TXT v=TWM1; send=none
a.test TXT v=spf1 ip4:192.0.2.1",
            "refused: nobody may give notices for a.test",
        ),
        ("_twoway.a.test TXT v=TWM1; send=novel:x", "refused: 192.0.2.1 may not give notices for a.test"),
        (
            "_twoway.a.test TXT v=TWM1; receive=none
a.test TXT v=spf1 ip4:192.0.2.1",
            "by address: spf ip4:192.0.2.1 of a.test",
        ),
        // A record of the domain above is not inherited.
        ("_twoway.test TXT v=TWM1; send=ip4:192.0.2.1", "refused: 192.0.2.1 may not give notices for a.test"),
        // Unreadable is not absent.
        (
            "_twoway.a.test TXT v=TWM1; mode
a.test TXT v=spf1 ip4:192.0.2.1",
            "later",
        ),
        (
            "_twoway.a.test TXT v=TWM1;
_twoway.a.test TXT v=TWM1;
a.test TXT v=spf1 ip4:192.0.2.1",
            "later",
        ),
        // What is there now outweighs what may be there later, and that outweighs what is not there.
        (
            "_twoway.a.test TXT v=TWM1; send=a:m.test ip4:192.0.2.1
m.test TIMEOUT",
            "by address: 192.0.2.1/32 of a.test",
        ),
        (
            "_twoway.a.test TXT v=TWM1; send=spf a:m.test
a.test TXT v=spf1 all
m.test TIMEOUT",
            "later",
        ),
    ];
    for (zone, expected) in table {
        assert_eq!(told(Role::Send, "192.0.2.1", zone), expected, "{zone}");
    }
}

#[test]
fn the_sets_of_an_operator_count_but_not_those_of_its_operators() {
    let table = [
        ("o.test TXT v=spf1 ip4:192.0.2.1", "by address: spf ip4:192.0.2.1 of o.test"),
        (
            "_twoway.o.test TXT v=TWM1; send=mx
o.test A 192.0.2.1",
            "by address: mx o.test of o.test",
        ),
        (
            "_twoway.o.test TXT v=TWM1; send=d:p.test
p.test TXT v=spf1 ip4:192.0.2.1",
            "refused: 192.0.2.1 may not give notices for a.test",
        ),
        ("_twoway.o.test TIMEOUT", "later"),
    ];
    for (operators, expected) in table {
        let zone = format!(
            "_twoway.a.test TXT v=TWM1; send=d:o.test
{operators}"
        )
        .leak();
        assert_eq!(told(Role::Send, "192.0.2.1", zone), expected, "{zone}");
    }
}

#[test]
fn a_set_that_takes_too_many_queries_is_looked_at_only_so_far() {
    let hosts = |count: usize| (0..count).map(|number| format!("a:h{number}.test")).collect::<Vec<_>>().join(" ");
    let last = |count: usize| {
        format!(
            "_twoway.a.test TXT v=TWM1; send={}
h{}.test A 192.0.2.1",
            hosts(count),
            count - 1
        )
        .leak() as &'static str
    };
    assert_eq!(told(Role::Send, "192.0.2.1", last(17)), "by address: a:h16.test of a.test");
    assert_eq!(told(Role::Send, "192.0.2.1", last(18)), "refused: what a.test publishes takes more than 18 queries");
    let network_behind = format!("_twoway.a.test TXT v=TWM1; send={} ip4:192.0.2.1", hosts(30)).leak();
    assert_eq!(told(Role::Send, "192.0.2.1", network_behind), "by address: 192.0.2.1/32 of a.test");
}

#[test]
fn only_so_many_operators_are_asked_about() {
    let zone =
        |operators: &str| format!("_twoway.a.test TXT v=TWM1; send={operators}\np.test TXT v=spf1 ip4:192.0.2.1").leak() as &'static str;
    assert_eq!(told(Role::Send, "192.0.2.1", zone("d:o.test d:p.test")), "by address: spf ip4:192.0.2.1 of p.test");
    let third = told(Role::Send, "192.0.2.1", zone("d:o.test d:q.test d:p.test"));
    assert_eq!(third, "refused: what a.test publishes takes more than 18 queries");
}

#[test]
fn an_authorisation_is_secure_only_if_every_answer_was() {
    let secure = |question: &_| match Zone::new("a.test A 192.0.2.1").answer(question) {
        Answer::Records { records, .. } => Answer::Records { records, proof: Proof::Secure },
        Answer::NoData(_) => Answer::NoData(Proof::Secure),
        _ => Answer::NoSuchName(Proof::Secure),
    };
    let Verdict::Authorised { evidence, .. } = ask(Role::Receive, "192.0.2.1").finish(secure) else { panic!() };
    assert_eq!(evidence.to_string(), "mx a.test of a.test (DNSSEC)");
}

fn answers() -> impl Strategy<Value = Vec<Answer>> {
    let items =
        prop::sample::select(vec!["spf", "mx", "a:x.test", "a:y.test", "d:o.test", "d:a.test", "d:p.test", "ip4:10.0.0.0/8", "none"]);
    let record = prop::collection::vec(items, 1..30)
        .prop_map(|items| Record::Txt(format!("v=TWM1; send={0}; receive={0}", items.join(" ")).into_bytes()));
    let spf = prop::sample::select(vec!["v=spf1 a mx ptr include:o.test redirect=p.test", "v=spf1 mx:o.test exists:%{i}.x.test"]);
    let mx = (0..60_u8).prop_map(|host| Record::Mx(Mx { preference: 1, exchange: Name::new(&format!("h{host}.test")) }));
    prop::collection::vec(
        prop_oneof![
            3 => record.prop_map(|record| Answer::insecure([record])),
            2 => spf.prop_map(|text| Answer::insecure([Record::Txt(text.as_bytes().to_vec())])),
            2 => prop::collection::vec(mx, 1..40).prop_map(Answer::insecure),
            1 => Just(Answer::NoData(Proof::Insecure)),
            1 => Just(Answer::Temporary("timeout".into())),
        ],
        1..40,
    )
}

proptest! {
    #[test]
    fn an_answer_is_found_within_the_limits_whatever_dns_says(answers in answers(), send in any::<bool>()) {
        let mut step = ask(if send { Role::Send } else { Role::Receive }, "192.0.2.1");
        let mut answers = answers.iter().cycle();
        let mut asked = 0;
        // Our own queries, and one SPF check for the domain and each operator.
        let questions_max = QUERIES_MAX + (1 + OPERATORS_MAX) * 122;
        while let Step::Ask(_, inquiry) = step {
            asked += 1;
            prop_assert!(asked <= questions_max, "{asked} questions");
            step = inquiry.answer(answers.next().unwrap().clone());
        }
    }
}
