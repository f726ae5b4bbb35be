//! The demo tells what happened, and only that.

use std::sync::Mutex;
use std::time::Duration;

use delivery::dns::{Name, Record};
use server::demo::narrate::{PATIENCE, Step, Stopped};
use server::demo::play::play;
use server::demo::stage::Stage;
use server::demo::zones;

/// Long enough for a step that happens, short enough for one that does not.
const SHORT: Duration = Duration::from_secs(4);

/// Plays, and returns what was told.
async fn played(stage: &mut Stage, patience: Duration) -> (Result<(), Stopped>, Vec<String>) {
    let told = Mutex::new(Vec::new());
    let ended = play(stage, patience, &|text| told.lock().unwrap().push(text.to_owned())).await;
    (ended, told.into_inner().unwrap())
}

fn titles(told: &[String]) -> Vec<&str> {
    told.iter().filter_map(|text| text.lines().next()?.trim().split_once(". ")).map(|(_, title)| title).collect()
}

/// The service that is published for a.test is another host's, whose certificate the retrieval port can't show.
fn mislead(stage: &Stage) {
    let service = zones::retrieval_service(&zones::parse("a.test").unwrap()).unwrap();
    let other = Name::new("other.a.test").unwrap();
    let (address, port) = (stage.origin.address, stage.origin.port("retrieval"));
    let std::net::IpAddr::V4(address) = address else { panic!("not IPv4") };
    stage.dns.publish(|zones| {
        let srv = delivery::dns::Srv { priority: 0, weight: 0, port, target: Some(other.clone()) };
        zones.remove(&service).add(service.clone(), Record::Srv(srv)).add(other.clone(), Record::A(address));
    });
}

async fn close_and_check(stage: Stage) {
    for actor in [&stage.origin, &stage.destination] {
        assert_eq!(actor.running.node.store.check().await.unwrap(), Vec::<String>::new(), "{}", actor.domain);
    }
    stage.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_step_is_told_once_it_has_happened() {
    server::tls::install_provider();
    let folder = tempfile::tempdir().unwrap();
    let mut stage = Stage::open(folder.path(), &[]).await.unwrap();
    let (ended, told) = played(&mut stage, PATIENCE).await;
    assert_eq!(ended, Ok(()));
    assert_eq!(titles(&told), Step::ALL.map(Step::title));
    close_and_check(stage).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_notice_that_is_refused_stops_the_narration_there() {
    server::tls::install_provider();
    let folder = tempfile::tempdir().unwrap();
    let mut stage = Stage::open(folder.path(), &[]).await.unwrap();
    // Nobody may speak for a.test any more.
    let domain = Name::from(&zones::parse("a.test").unwrap());
    stage.dns.publish(|zones| {
        zones.remove(&domain).add(domain.clone(), Record::Txt(b"v=spf1 -all".to_vec()));
    });
    let (ended, told) = played(&mut stage, SHORT).await;
    let stopped = ended.unwrap_err();
    assert_eq!(stopped.step, Step::Noticed);
    assert!(stopped.reason.contains("550") && stopped.reason.contains("not authorised"), "{stopped}");
    assert_eq!(titles(&told), ["kept"]);
    close_and_check(stage).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_can_not_be_retrieved_stops_the_narration_there() {
    server::tls::install_provider();
    let folder = tempfile::tempdir().unwrap();
    let mut stage = Stage::open(folder.path(), &[]).await.unwrap();
    mislead(&stage);
    let (ended, told) = played(&mut stage, SHORT).await;
    let stopped = ended.unwrap_err();
    assert_eq!(stopped.step, Step::Retrieved);
    assert!(stopped.reason.contains("not verified"), "{stopped}");
    assert_eq!(titles(&told), ["kept", "noticed", "contact attempt", "allowed"]);
    close_and_check(stage).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waited_arrives_after_a_stop_in_the_middle() {
    server::tls::install_provider();
    let folder = tempfile::tempdir().unwrap();
    let alice = "alice@a.test".parse().unwrap();
    let bob = "bob@b.test".parse().unwrap();
    let mut stage = Stage::open(folder.path(), &[]).await.unwrap();
    mislead(&stage);
    let (ended, _) = played(&mut stage, SHORT).await;
    assert_eq!(ended.unwrap_err().step, Step::Retrieved);
    stage.close().await;

    let stage = Stage::open(folder.path(), &[]).await.unwrap();
    assert!(!stage.is_first_start);
    let store = &stage.destination.running.node.store;
    let account = store.account(&bob).await.unwrap().unwrap().id;
    let deadline = tokio::time::Instant::now() + PATIENCE;
    while store.mail_list(account).await.unwrap().is_empty() {
        assert!(tokio::time::Instant::now() < deadline, "what waited did not arrive");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let origin = &stage.origin.running.node.store;
    let sender = origin.account(&alice).await.unwrap().unwrap().id;
    assert_eq!(origin.sent(sender).await.unwrap().len(), 1);
    close_and_check(stage).await;
}
