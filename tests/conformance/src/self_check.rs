//! Our two halves against each other: what the client says, the servers understand, and the other way round.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use crate::arguments::{Shown, check};
use crate::case::{self, Case, Verdict};
use crate::cases;
use crate::certificates::{self, PeerFile, planned_peer};
use crate::crypto::{digest, fresh_word, read_file};
use crate::lab::{Lab, Peers};
use crate::offered::Offered;
use crate::peer::{Seen, Serving};
use crate::report;
use crate::target::{Account, Bounds, Target};
use crate::trace::Trace;

/// An address of this process and this peer alone: between choosing a port and listening there, nobody else takes it.
fn address(peer: usize) -> IpAddr {
    let [_, _, high, low] = std::process::id().to_be_bytes();
    IpAddr::V4(Ipv4Addr::new(127, 77 + u8::try_from(peer).unwrap(), high, low | 1))
}

/// Our own peers, the first of them posing as the server under test.
struct Bench {
    target: Target,
    peers: Peers,
    directory: PathBuf,
}

impl Bench {
    fn new() -> Self {
        let directory = std::env::temp_dir().join(format!("conformance-{}", fresh_word().unwrap()));
        let files: Vec<PeerFile> =
            (0..4).zip(["c", "d", "e", "f"]).map(|(peer, name)| planned_peer(&format!("{name}.test,{}", address(peer))).unwrap()).collect();
        certificates::write(&directory, &files).unwrap();
        let peers = Peers::start(&files, &directory, address(0)).unwrap();
        let account = Account { address: "carol@c.test".into(), password: "secret".into() };
        let target = Target {
            domain: "c.test".into(),
            name: "mx.c.test".into(),
            exchange: SocketAddr::new(address(0), files[0].exchange_port),
            retrieval: SocketAddr::new(address(0), files[0].retrieval_port),
            submission: SocketAddr::new(address(0), files[0].exchange_port),
            ca_pem: read_file(&directory.join("ca.pem")).unwrap(),
            accounts: BTreeMap::from([("open".to_owned(), account.clone()), ("screened".to_owned(), account)]),
            command: None,
            has_records: false,
            bounds: Bounds {
                patience: Duration::from_secs(5),
                quiet: Duration::from_millis(100),
                retrieve_again: None,
                notice_again: None,
            },
        };
        Self { target, peers, directory }
    }

    fn run(&self, ids: &[&str]) -> Vec<case::Outcome> {
        let chosen: Vec<&'static Case> = cases::all().filter(|case| ids.contains(&case.id)).collect();
        assert_eq!(chosen.len(), ids.len());
        case::run(&chosen, &self.target, &self.peers, &mut |_outcome| {}).unwrap()
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.directory).unwrap();
    }
}

#[test]
fn cases_pass_where_our_servers_keep_to_the_protocol() {
    let outcomes = Bench::new().run(&[
        "keyword-after-tls",
        "keyword-not-before-tls",
        "retrieval-port-is-tls",
        "buffered-plaintext",
        "unknown-verb",
        "quit",
    ]);
    for outcome in &outcomes {
        assert_eq!(outcome.verdict, Verdict::Passed, "{}", report::line(outcome, true));
    }
    assert!(report::summary(&outcomes).starts_with("6 passed, 0 failed, 0 skipped"));
}

#[test]
fn cases_fail_where_they_do_not_and_show_what_was_said() {
    // Our servers know no mailbox of this name, and do not insist on a greeting after STARTTLS.
    let outcomes = Bench::new().run(&["notice-accepted", "greet-again-after-tls", "notice-blocked-same-octets"]);
    let verdicts: Vec<&Verdict> = outcomes.iter().map(|outcome| &outcome.verdict).collect();
    let [Verdict::Failed(_), Verdict::Failed(why), Verdict::Skipped(skipped)] = [verdicts[1], verdicts[0], verdicts[2]] else {
        panic!("{verdicts:?}")
    };
    assert!(why.contains("expected"), "{why}");
    assert_eq!(skipped, "needs --command");
    let text = report::line(&outcomes[0], false);
    assert!(text.contains("C: NOTICE FROM:<") && text.contains("S: 550 5.1.1") && text.contains("-- expected"), "{text}");
}

#[test]
fn a_run_in_which_nothing_is_checked_is_no_success() {
    let bench = Bench::new();
    for (only, why) in [("no-such-case", "no case has that"), ("notice-blocked-same-octets", "every case was skipped")] {
        let shown = Shown { only: Some(only.to_owned()), trace: false, markdown: false };
        let error = check(&bench.target, &bench.peers, &shown).unwrap_err();
        assert!(error.to_string().contains(why), "{error}");
    }
}

/// Keeps a message at the bench's first peer and lets our own client retrieve it once.
fn retrieved(serving: Serving) -> (anyhow::Result<Vec<u8>>, String) {
    let bench = Bench::new();
    let trace = Trace::default();
    let lab = Lab::new(&bench.target, &bench.peers, &trace).unwrap();
    let offered = offered(&lab, serving);
    let mut session = lab.retrieval(offered.peer).unwrap();
    session.say(&format!("RETRIEVE ID={} TO:{}", offered.notice.id, offered.notice.to)).unwrap();
    let result = session.served(0).map(|served| {
        assert_eq!(served.reply.value("MAILFROM"), Some(offered.sender.as_str()));
        assert_eq!(lab.see_retrieve(&offered).unwrap(), [Seen::Retrieve { offset: 0 }]);
        let right = served.octets == offered.octets && served.reply.value("DIGEST") == Some(digest(&served.octets).as_str());
        lab.trace.note(if right { "right" } else { "wrong" });
        served.octets
    });
    (result, trace.text())
}

fn offered<'a>(lab: &Lab<'a>, serving: Serving) -> Offered<'a> {
    let offered = lab.honest().unwrap().offer(lab.open().unwrap()).unwrap().served(&[serving]);
    lab.keep(&offered);
    offered
}

#[test]
fn an_honest_serving_is_right_and_every_other_is_wrong_in_its_way() {
    let (octets, text) = retrieved(Serving::Honestly);
    assert!(octets.is_ok() && text.contains("-- right"), "{text}");
    let (octets, text) = retrieved(Serving::WithWrongDigest);
    assert!(octets.is_ok() && text.contains("-- wrong"), "{text}");
    for serving in [
        Serving::CutAfter(5),
        Serving::ClaimingOctets(1_000_000),
        Serving::Saying(b"250 hm\r\n".to_vec()),
        Serving::Saying(vec![b'x'; 9999]),
    ] {
        let (octets, text) = retrieved(serving.clone());
        assert!(octets.is_err(), "{serving:?}: {text}");
    }
}

#[test]
fn confirm_and_decline_are_seen_and_a_finished_case_answers_554() {
    let bench = Bench::new();
    let trace = Trace::default();
    let lab = Lab::new(&bench.target, &bench.peers, &trace).unwrap();
    let offered = offered(&lab, Serving::Honestly).confirmed_by(&["451 4.3.0 not now", "250 2.0.0 done"]);
    lab.keep(&offered);
    let (id, to) = (offered.notice.id.clone(), offered.notice.to.clone());
    let mut session = lab.retrieval(offered.peer).unwrap();
    session.ask(&format!("CONFIRM ID={id} TO:{to}"), "451").unwrap();
    session.ask(&format!("CONFIRM ID={id} TO:{to}"), "250").unwrap();
    session.ask(&format!("DECLINE ID={id} TO:{to} 5.7.1 no"), "250").unwrap();
    session.ask(&format!("CONFIRM ID={id} TO:<other@c.test>"), "550 5.7.1").unwrap();
    session.ask(&format!("CONFIRM ID={id}"), "501").unwrap();
    let seen = offered.peer.seen(&id);
    assert_eq!(seen, [Seen::Confirm, Seen::Confirm, Seen::Decline { status: "5.7.1".into(), text: "no".into() }]);
    assert_eq!(offered.peer.violations().len(), 1);
    drop(lab);
    session.ask(&format!("RETRIEVE ID={id} TO:{to}"), "554 5.4.7").unwrap();
    assert!(trace.text().contains(&format!("C: CONFIRM ID={id}")));
}

#[test]
fn a_verb_that_was_not_offered_is_a_violation_and_one_in_an_older_session_is_none() {
    let bench = Bench::new();
    let trace = Trace::default();
    let lab = Lab::new(&bench.target, &bench.peers, &trace).unwrap();
    let peer = lab.honest().unwrap();
    let mut older = lab.exchange(peer).unwrap();
    peer.strip_keyword(true);
    let mut newer = lab.exchange(peer).unwrap();
    let pending = "PENDING FROM:<a@b.test> TO:<c@d.test>";
    older.ask(pending, "250").unwrap();
    assert_eq!(peer.violations(), Vec::<String>::new());
    newer.ask(pending, "500").unwrap();
    assert_eq!(peer.violations(), [format!("without the keyword: {pending}")]);
}

#[test]
fn notices_to_an_opened_mailbox_are_kept_and_read() {
    let bench = Bench::new();
    let trace = Trace::default();
    let lab = Lab::new(&bench.target, &bench.peers, &trace).unwrap();
    let peer = lab.honest().unwrap();
    let to = peer.fresh_address().unwrap();
    peer.open_mailbox(&to, &trace, &[crate::peer::Answer::Saying("451 4.3.0 later"), crate::peer::Answer::Saying("250 2.0.0 noted")]);
    let notice = lab.other().unwrap().notice(lab.open().unwrap()).unwrap().addressed_to(&format!("<{to}>"));
    let mut session = lab.exchange(peer).unwrap();
    session.ask(&notice.line(), "451").unwrap();
    session.ask(&notice.line(), "250").unwrap();
    assert_eq!(lab.noticed(peer, &to, 2, Duration::from_secs(5)).unwrap().id, notice.id);
    assert_eq!(peer.notices(&to), 2);
    assert!(lab.noticed(peer, &to, 3, Duration::from_millis(50)).is_err());
}

#[test]
fn a_forged_certificate_is_seen_for_what_it_is() {
    let bench = Bench::new();
    let files: Vec<PeerFile> = serde_json::from_slice(&read_file(&bench.directory.join("peers.json")).unwrap()).unwrap();
    let mut target = bench.target.clone();
    target.retrieval = SocketAddr::new(address(3), files[3].retrieval_port);
    target.name = "mx.f.test".into();
    let lab = Lab::new(&target, &bench.peers, &Trace::default()).unwrap();
    assert!(lab.retrieval(lab.honest().unwrap()).is_err());
    assert!(lab.forger().unwrap().wait_collecting_connections(0, Duration::from_secs(5)));
}
