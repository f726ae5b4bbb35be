//! Where a domain's servers are, by what it publishes.

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::dns::tests::Zone;
use crate::dns::{Mx, Record};

fn internet() -> Dialling {
    Dialling::Internet { ports: BTreeSet::from([4626]) }
}

fn lab() -> Dialling {
    Dialling::Lab { ports: BTreeSet::new(), mx_ports: BTreeMap::from([("m.test".parse().unwrap(), 4025)]) }
}

fn told(route: &Route) -> String {
    match route {
        Route::Targets(targets) => {
            let target = |target: &Target| format!("{}:{} {:?}", target.host, target.port, target.tls);
            targets.iter().map(target).collect::<Vec<_>>().join(", ")
        }
        Route::Nowhere(nowhere) => format!("{}: {nowhere}", nowhere.status()),
        Route::Temporary(_) => "later".into(),
    }
}

fn retrieval(zone: &'static str, dialling: &Dialling) -> String {
    told(&retrieval_service(&"a.test".parse().unwrap(), dialling, 7).finish(|question| Zone::new(zone).answer(question)))
}

#[test]
fn mail_is_retrieved_from_the_service_else_from_the_exchanges() {
    let table = [
        ("_twoway._tcp.a.test SRV 0 10 2626 r.test", "r.test:2626 Implicit"),
        ("_twoway._tcp.a.test SRV 9 0 2626 s.test\n_twoway._tcp.a.test SRV 1 0 25 r.test", "r.test:25 Implicit, s.test:2626 Implicit"),
        ("_twoway._tcp.a.test SRV 0 0 4626 r.test\na.test MX 5 m.test", "r.test:4626 Implicit"),
        ("_twoway._tcp.a.test SRV 0 0 0 .\na.test MX 5 m.test", "5.4.4: the domain says that it sends nothing"),
        ("_twoway._tcp.a.test SRV 0 0 22 r.test\na.test MX 5 m.test", "5.4.4: the domain names no host and port that may be dialled"),
        ("_twoway._tcp.a.test SRV 0 0 2626 127.0.0.1", "5.4.4: the domain names no host and port that may be dialled"),
        ("a.test MX 9 n.test\na.test MX 5 m.test", "m.test:25 StartTls, n.test:25 StartTls"),
        ("a.test A 192.0.2.1", "a.test:25 StartTls"),
        ("a.test MX 0 .", "5.7.27: the domain has a null MX and no retrieval service"),
        ("a.test MX 0 .\n_twoway._tcp.a.test SRV 0 0 2626 r.test", "r.test:2626 Implicit"),
        ("b.test A 192.0.2.1", "5.4.4: the domain does not exist"),
        ("_twoway._tcp.a.test TIMEOUT\na.test MX 5 m.test", "later"),
        ("a.test TIMEOUT", "later"),
    ];
    for (zone, expected) in table {
        assert_eq!(retrieval(zone, &internet()), expected, "{zone}");
    }
}

#[test]
fn a_lab_dials_its_exchanges_on_ports_of_its_own() {
    assert_eq!(retrieval("a.test MX 5 m.test\na.test MX 6 n.test", &lab()), "m.test:4025 StartTls, n.test:25 StartTls");
    assert_eq!(retrieval("_twoway._tcp.a.test SRV 0 0 40000 m.test", &lab()), "m.test:40000 Implicit");
    assert_eq!(retrieval("_twoway._tcp.a.test SRV 0 0 22 m.test", &lab()), "5.4.4: the domain names no host and port that may be dialled");
}

#[test]
fn notices_go_to_the_exchanges_whatever_the_service() {
    let zone = Zone::new("_twoway._tcp.a.test SRV 0 0 2626 r.test\na.test MX 5 m.test");
    let route = exchange_hosts(&"a.test".parse().unwrap(), &internet(), 1).finish(|question| zone.answer(question));
    assert_eq!(told(&route), "m.test:25 StartTls");
}

#[test]
fn equals_are_drawn_by_weight_and_repeatably() {
    let srv = |weight, host| Srv { priority: 1, weight, port: 2626, target: Name::new(host) };
    let (light, heavy, none) = (srv(10, "light.test"), srv(90, "heavy.test"), srv(0, "none.test"));
    let first = |seed| order_services(vec![&light, &heavy, &none], &mut Chance(seed))[0].target.clone().unwrap().to_string();
    let draws: Vec<_> = (0..2_000).map(first).collect();
    let count = |host: &str| draws.iter().filter(|drawn| drawn.as_str() == host).count();
    assert!((1_650..1_900).contains(&count("heavy.test")), "{}", count("heavy.test"));
    assert!((130..300).contains(&count("light.test")), "{}", count("light.test"));
    assert!((1..80).contains(&count("none.test")), "{}", count("none.test"));
    assert_eq!(draws, (0..2_000).map(first).collect::<Vec<_>>());
}

#[test]
fn at_most_eight_targets_are_tried() {
    let domain = "a.test".parse().unwrap();
    let hosts = (0..30).map(|host| Record::Mx(Mx { preference: host, exchange: Name::new(&format!("h{host}.test")) }));
    let answer = Answer::insecure(hosts);
    let Route::Targets(targets) = exchange_hosts(&domain, &internet(), 1).finish(|_| answer.clone()) else { panic!() };
    assert_eq!(targets.len(), TARGETS_MAX);
    assert_eq!(targets.last().unwrap().host.as_str(), "h7.test");
}

#[test]
fn a_domain_is_without_address_only_if_that_is_certain_of_each_of_its_hosts() {
    let many: &'static str = "a.test MX 1 a.b\na.test MX 2 b.b\na.test MX 3 c.b\na.test MX 4 d.b\na.test MX 5 e.b\na.test MX 6 f.b\n\
        a.test MX 7 g.b\na.test MX 8 h.b\na.test MX 9 i.b";
    for (zone, expected) in [
        ("a.test TXT no-mail-here", true),
        ("a.test MX 5 m.test", true),
        ("a.test MX 5 m.test\nm.test TXT x", true),
        ("a.test MX 5 m.test\na.test MX 6 n.test", true),
        ("a.test A 192.0.2.1", false),
        ("a.test AAAA 2001:db8::1", false),
        ("a.test MX 5 m.test\nm.test A 192.0.2.1", false),
        ("a.test MX 5 m.test\na.test MX 6 n.test\nn.test AAAA 2001:db8::1", false),
        // Not to be dialled, and an address all the same.
        ("a.test MX 5 m.test\nm.test A 127.0.0.1", false),
        ("a.test MX 5 m.test\nm.test TIMEOUT", false),
        ("a.test MX 5 m.test\na.test MX 6 n.test\nn.test TIMEOUT", false),
        ("a.test TIMEOUT", false),
        // These have reasons of their own.
        ("a.test MX 0 .", false),
        ("b.test A 192.0.2.1", false),
        (many, false),
    ] {
        let found = addressless(&"a.test".parse().unwrap()).finish(|question| Zone::new(zone).answer(question));
        assert_eq!(found, expected, "{zone}");
    }
}

#[test]
fn addresses_that_may_not_be_dialled_are_never_among_the_usable() {
    let dialled = |zone: &'static str, dialling: &Dialling| match addresses_of(&"m.test".parse().unwrap(), dialling)
        .finish(|question| Zone::new(zone).answer(question))
    {
        Addresses::Usable { addresses, .. } => addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "),
        Addresses::Forbidden(_) => "forbidden".into(),
        Addresses::None => "none".into(),
        Addresses::Temporary(_) => "later".into(),
    };
    let table = [
        ("m.test A 1.1.1.1\nm.test A 1.1.1.2\nm.test AAAA 2606:4700::1", "2606:4700::1 1.1.1.1 1.1.1.2"),
        ("m.test A 127.0.0.1\nm.test A 1.1.1.1", "1.1.1.1"),
        ("m.test A 10.0.0.1\nm.test AAAA ::1", "forbidden"),
        ("m.test AAAA ::ffff:127.0.0.1", "forbidden"),
        ("m.test TXT x", "none"),
        ("x.test TXT x", "none"),
        ("m.test TIMEOUT", "later"),
        ("m.test A 1.1.1.1\nm.test TIMEOUT", "1.1.1.1"),
        ("m.test A 10.0.0.1\nm.test TIMEOUT", "later"),
    ];
    for (zone, expected) in table {
        assert_eq!(dialled(zone, &internet()), expected, "{zone}");
    }
    assert_eq!(dialled("m.test A 127.0.0.3", &lab()), "127.0.0.3");
}

#[test]
fn the_extension_is_absent_only_if_the_best_exchange_says_so_and_none_offers_it() {
    use Absence::{Certain, Unproved};
    use Extension::{NotOffered, NotReached, Offered, WithoutTls};
    use TlsFailure::{Passing, Refused};
    let now = Timestamp::EPOCH;
    let live = Some(Pin { until: now + Duration::from_secs(1) });
    let expired = Some(Pin { until: now });
    let table = [
        (&[] as &[(u16, Extension)], None, Unproved),
        (&[(5, NotOffered)], None, Certain),
        (&[(5, Offered)], None, Unproved),
        (&[(5, NotReached)], None, Unproved),
        (&[(5, NotReached), (9, NotOffered)], None, Unproved),
        (&[(5, NotOffered), (9, NotReached)], None, Certain),
        (&[(9, Offered), (5, NotOffered)], None, Unproved),
        (&[(5, NotOffered), (5, Offered)], None, Unproved),
        (&[(5, NotOffered), (5, NotReached)], None, Certain),
        (&[(5, NotOffered)], live, Unproved),
        (&[(5, NotOffered)], expired, Certain),
        (&[(5, WithoutTls(Refused))], None, Absence::WithoutTls(Refused)),
        (&[(5, WithoutTls(Passing))], None, Absence::WithoutTls(Passing)),
        (&[(5, WithoutTls(Passing)), (5, WithoutTls(Refused))], None, Absence::WithoutTls(Refused)),
        (&[(5, WithoutTls(Passing)), (5, NotReached)], None, Absence::WithoutTls(Passing)),
        (&[(5, WithoutTls(Passing)), (5, NotOffered)], None, Certain),
        (&[(5, WithoutTls(Refused)), (9, NotOffered)], None, Absence::WithoutTls(Refused)),
        (&[(5, WithoutTls(Refused)), (9, Offered)], None, Unproved),
        (&[(5, NotReached), (9, WithoutTls(Refused))], None, Unproved),
        (&[(5, WithoutTls(Refused))], live, Unproved),
    ];
    for (hosts, pin, expected) in table {
        let findings: Vec<_> = hosts.iter().map(|&(preference, extension)| HostFinding { preference, extension }).collect();
        assert_eq!(absence(&findings, pin, now), expected, "{hosts:?} {pin:?}");
    }
}

fn answers() -> impl Strategy<Value = Answer> {
    let host = || prop_oneof![9 => "[a-z]{1,3}\\.test", 1 => Just(".".to_owned())].prop_map(|host| Name::new(&host));
    let record = prop_oneof![
        (any::<u16>(), any::<u16>(), any::<u16>(), host()).prop_map(|(priority, weight, port, target)| Record::Srv(Srv {
            priority: priority % 3,
            weight,
            port,
            target
        })),
        (any::<u16>(), host()).prop_map(|(preference, exchange)| Record::Mx(Mx { preference, exchange })),
        any::<[u8; 4]>().prop_map(|octets| Record::A(octets.into())),
        any::<[u8; 16]>().prop_map(|octets| Record::Aaaa(octets.into())),
    ];
    prop_oneof![
        8 => prop::collection::vec(record, 0..40).prop_map(Answer::insecure),
        1 => Just(Answer::NoData(Proof::Insecure)),
        1 => Just(Answer::Temporary("timeout".into())),
    ]
}

proptest! {
    #[test]
    fn whatever_dns_says_only_what_may_be_dialled_is(answer in answers(), chance in any::<u64>()) {
        let (domain, dialling) = ("a.test".parse().unwrap(), internet());
        let mut asked = 0;
        let route = retrieval_service(&domain, &dialling, chance).finish(|_| {
            asked += 1;
            answer.clone()
        });
        prop_assert!(asked <= 2);
        if let Route::Targets(targets) = route {
            prop_assert!((1..=TARGETS_MAX).contains(&targets.len()));
            prop_assert!(targets.iter().all(|target| dialling.permits_port(target.port)));
        }
        if let Addresses::Usable { addresses, .. } = addresses_of(&domain, &dialling).finish(|_| answer.clone()) {
            prop_assert!((1..=ADDRESSES_MAX).contains(&addresses.len()));
            prop_assert!(addresses.iter().all(|&address| dialling.permits_address(address)));
        }
    }
}
