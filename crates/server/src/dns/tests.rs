//! Against an authoritative server on loopback: presence, absence and trouble are told apart.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use super::*;
use crate::demo::dns::{DnsServer, Zones};

fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

async fn serve() -> (DnsServer, Resolver) {
    let mut zones = Zones::below([name("a.test"), name("2.0.192.in-addr.arpa")]);
    zones.add(name("mx.a.test"), Record::A("192.0.2.1".parse().unwrap()));
    zones.add(name("mx.a.test"), Record::Aaaa("2001:db8::1".parse().unwrap()));
    zones.add(name("a.test"), Record::Mx(Mx { preference: 10, exchange: Some(name("mx.a.test")) }));
    zones.add(name("null.a.test"), Record::Mx(Mx { preference: 0, exchange: None }));
    zones.add(name("a.test"), Record::Txt(b"v=spf1 mx -all".to_vec()));
    zones.add(name("long.a.test"), Record::Txt(vec![b'x'; 3_000]));
    zones.add(name("_twoway._tcp.a.test"), Record::Srv(Srv { priority: 0, weight: 10, port: 2626, target: Some(name("mx.a.test")) }));
    zones.add(name("_twoway._tcp.null.a.test"), Record::Srv(Srv { priority: 0, weight: 0, port: 0, target: None }));
    zones.add(name("1.2.0.192.in-addr.arpa"), Record::Ptr(name("mx.a.test")));
    zones.add(name("_25._tcp.mx.a.test"), Record::Tlsa(Tlsa { usage: 3, selector: 1, matching: 1, data: vec![7; 32] }));
    let server = DnsServer::start("127.0.0.1:0".parse().unwrap(), zones).await.unwrap();
    let resolver = Resolver::new(&config::Dns { servers: vec![server.address], trust_anchor: None }).unwrap();
    (server, resolver)
}

async fn ask(resolver: &Resolver, name: &str, kind: Kind) -> Answer {
    resolver.ask(Question { name: self::name(name), kind }).await
}

#[tokio::test]
async fn every_kind_of_record_comes_back_as_it_was_published() {
    let (_server, resolver) = serve().await;
    let table = [
        ("mx.a.test", Kind::A, Record::A("192.0.2.1".parse().unwrap())),
        ("MX.A.test.", Kind::Aaaa, Record::Aaaa("2001:db8::1".parse().unwrap())),
        ("a.test", Kind::Mx, Record::Mx(Mx { preference: 10, exchange: Some(name("mx.a.test")) })),
        ("null.a.test", Kind::Mx, Record::Mx(Mx { preference: 0, exchange: None })),
        ("a.test", Kind::Txt, Record::Txt(b"v=spf1 mx -all".to_vec())),
        ("_twoway._tcp.a.test", Kind::Srv, Record::Srv(Srv { priority: 0, weight: 10, port: 2626, target: Some(name("mx.a.test")) })),
        ("_twoway._tcp.null.a.test", Kind::Srv, Record::Srv(Srv { priority: 0, weight: 0, port: 0, target: None })),
        ("1.2.0.192.in-addr.arpa", Kind::Ptr, Record::Ptr(name("mx.a.test"))),
        ("_25._tcp.mx.a.test", Kind::Tlsa, Record::Tlsa(Tlsa { usage: 3, selector: 1, matching: 1, data: vec![7; 32] })),
    ];
    for (asked, kind, record) in table {
        let answer = ask(&resolver, asked, kind).await;
        assert_eq!(answer, Answer::Records { records: vec![record], proof: Proof::Insecure }, "{asked} {kind:?}");
    }
}

#[tokio::test]
async fn an_answer_too_long_for_udp_comes_over_tcp_with_its_strings_joined() {
    let (_server, resolver) = serve().await;
    let answer = ask(&resolver, "long.a.test", Kind::Txt).await;
    assert_eq!(answer.texts().map(<[u8]>::len).collect::<Vec<_>>(), [3_000]);
}

#[tokio::test]
async fn no_such_name_and_no_such_record_are_told_apart() {
    let (_server, resolver) = serve().await;
    assert_eq!(ask(&resolver, "absent.a.test", Kind::A).await, Answer::NoSuchName(Proof::Insecure));
    assert_eq!(ask(&resolver, "a.test", Kind::A).await, Answer::NoData(Proof::Insecure));
    // A name above a name with records exists, though it has none of its own.
    assert_eq!(ask(&resolver, "_tcp.a.test", Kind::Srv).await, Answer::NoData(Proof::Insecure));
}

#[tokio::test]
async fn trouble_is_never_an_absence() {
    let (server, resolver) = serve().await;
    // Refused: not this server's zone.
    assert!(matches!(ask(&resolver, "b.test", Kind::A).await, Answer::Temporary(_)));
    let address = server.address;
    drop(server);
    let resolver = Resolver::new(&config::Dns { servers: vec![address], trust_anchor: None }).unwrap();
    assert!(matches!(ask(&resolver, "a.test", Kind::Mx).await, Answer::Temporary(_)));
}

#[tokio::test]
async fn what_is_published_can_change() {
    let (server, resolver) = serve().await;
    server.publish(|zones| {
        zones.remove(&name("mx.a.test")).add(name("new.a.test"), Record::A("192.0.2.9".parse().unwrap()));
    });
    assert_eq!(ask(&resolver, "new.a.test", Kind::A).await.addresses().count(), 1);
}

#[tokio::test]
async fn an_unsigned_answer_below_a_trust_anchor_is_bogus_and_so_temporary() {
    let (server, _) = serve().await;
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("anchor");
    // A key of nobody's, for the root: the zone has no signatures at all.
    let key = "AwEAAaz/tAm8yTn4Mfeh5eyI96WSVexTBAvkMgJzkKTOiW1vkIbzxeF3+/4RgWOq7HrxRixHlFlExOLAJr5emLvN7SWXgnLh4+B5xQlNVz8Og8kvArMtNROxVQuCaSnIDdD5LKyWbRd2n9WGe2R8PzgCmr3EgVLrjyBxWezF0jLHwVN8efS3rCj/EWgvIWgb9tarpVUDK/b58Da+sqqls3eNbuv7pr+eoZG+SrDK6nWeL3c6H5Apxz7LjVc1uTIdsIXxuOLYA4/ilBmSVIzuDWfdRUfhHdY6+cn8HFRm+2hM8AnXGXws9555KrUB5qihylGa8subX2Nn6UwNR1AkUTV74bU=";
    std::fs::write(&file, format!(". 86400 IN DNSKEY 257 3 8 {key}\n")).unwrap();
    let resolver = Resolver::new(&config::Dns { servers: vec![server.address], trust_anchor: Some(file.clone()) }).unwrap();
    assert!(matches!(ask(&resolver, "a.test", Kind::Mx).await, Answer::Temporary(_)));
    std::fs::write(&file, "nonsense").unwrap();
    assert!(Resolver::new(&config::Dns { servers: vec![server.address], trust_anchor: Some(file) }).is_err());
}
