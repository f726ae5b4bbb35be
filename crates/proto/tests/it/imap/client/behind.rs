//! Commands that do not wait for each other's answers.

use super::*;

#[test]
fn commands_go_behind_each_other_and_are_done_in_their_order() {
    let mut dialogue = Dialogue::greeted("XTWOWAY");
    let modes = dialogue.session.ask_behind(Modes::default()).unwrap();
    let entries = dialogue.session.ask_behind(Entries::new(vec![], page(9, None))).unwrap();
    let change = dialogue.session.ask_behind(Change::allow(vec!["a@a.test".to_owned()])).unwrap();
    dialogue.client("c1 XTWOWAY MODES\r\nc2 XTWOWAY ENTRIES PAGE 9\r\nc3 XTWOWAY ALLOW (a@a.test)\r\n");
    // The server does them as it likes (RFC 9051 section 5.5).
    dialogue.server("* XTWOWAY ENTRY ALLOW b@b.test\r\nc3 NO not you\r\n* XTWOWAY MODES (SCREENING ON)\r\nc1 OK these\r\nc2 OK those\r\n");
    let Heard::Beside(modes, event) = modes.hear(dialogue.next()) else { panic!("not its own") };
    let Heard::Part(entries) = entries.hear(event) else { panic!("no part") };
    let Heard::Part(modes) = modes.hear(dialogue.next()) else { panic!("no part") };
    assert!(matches!(modes.hear(dialogue.next()), Heard::Answer(modes) if modes.screening == Some(Screening::On)));
    assert!(matches!(entries.hear(dialogue.next()), Heard::Answer(rows) if rows.rows.len() == 1));
    assert!(matches!(change.hear(dialogue.next()), Heard::Unanswered(Unanswered::Refused(_))));
    dialogue.quiet();
    dialogue.send("NOOP");
    dialogue.client("c4 NOOP\r\n");
    dialogue.server("c2 OK again\r\n");
    assert_eq!(dialogue.session.next(), Err(Misbehaved::Unasked));
}

#[test]
fn what_has_to_be_waited_for_is_not_sent_behind() {
    let mut dialogue = Dialogue::greeted("");
    dialogue.send("NOOP");
    for line in ["IDLE", "LOGOUT", "APPEND INBOX {5+}\r\n", "SEARCH SUBJECT {2+}\r\n\u{e9}"] {
        assert_eq!(dialogue.session.send_behind(command(line)), Err(Misuse::NotNow), "{line}");
    }
    let sent = (0..100).take_while(|_| dialogue.session.send_behind(Command::Noop).is_ok()).count();
    assert_eq!(sent, ClientLimits::default().behind_max);
    dialogue.server("c1 OK\r\n");
    dialogue.done(Condition::Ok);
    dialogue.session.send_behind(Command::Noop).unwrap();
    let mut dialogue = Dialogue::greeted("");
    dialogue.send("SEARCH SUBJECT {2+}\r\n\u{e9}");
    assert_eq!(dialogue.session.send_behind(Command::Noop), Err(Misuse::NotNow), "the literal waits");
    let mut dialogue = Dialogue::greeted("");
    dialogue.send("IDLE");
    assert_eq!(dialogue.session.send_behind(Command::Noop), Err(Misuse::NotNow));
    let mut dialogue = Dialogue::greeted("");
    dialogue.send("NOOP");
    dialogue.session.send_behind(Command::Noop).unwrap();
    dialogue.server("* BYE enough\r\n");
    assert!(matches!(dialogue.next(), Event::Closing(_)));
    dialogue.quiet();
    assert_eq!(dialogue.session.send_behind(Command::Noop), Err(Misuse::NotNow));
}
