//! One line each way: what is read, what is refused and how.

//! Commands as they come, and what each decoder refuses.

use mail::address::ReversePath;
use mail::envelope::{Body, ReportWish, ReturnWish};

use super::*;

fn command(line: &str) -> Command {
    parse(line.as_bytes()).unwrap()
}

#[test]
fn a_command_reads_back_as_it_was_written() {
    for line in [
        "HELO mx.a.test",
        "EHLO [192.0.2.1]",
        "EHLO [IPv6:2001:db8::1]",
        "MAIL FROM:<>",
        "MAIL FROM:<alice@a.test> SIZE=1000 BODY=8BITMIME SMTPUTF8 RET=HDRS ENVID=QQ314159",
        "MAIL FROM:<alice@a.test> BODY=BINARYMIME RET=FULL ENVID=a+2Bb+20c",
        r#"MAIL FROM:<"a> b"@a.test> SIZE=1"#,
        "RCPT TO:<postmaster>",
        "RCPT TO:<bob@b.test>",
        "RCPT TO:<bob@b.test> NOTIFY=NEVER",
        "RCPT TO:<bob@b.test> NOTIFY=SUCCESS,FAILURE,DELAY ORCPT=rfc822;bob+2Bx@b.test",
        "DATA",
        "BDAT 0 LAST",
        "BDAT 86",
        "RSET",
        "NOOP",
        "QUIT",
        "VRFY bob",
        "HELP",
        "STARTTLS",
        "AUTH LOGIN",
        "AUTH PLAIN AGEAYg==",
        "AUTH SCRAM-SHA-256 =",
        "CONFIRM ID=0123456789abcdefghijkl TO:<bob@b.test>",
    ] {
        assert_eq!(command(line).to_string(), line);
        let mut encoded = Vec::new();
        command(line).encode(&mut encoded);
        assert_eq!(encoded, format!("{line}\r\n").as_bytes());
    }
}

#[test]
fn what_clients_write_oddly_and_clearly_is_understood() {
    assert_eq!(command("mail from: <Alice@A.test> size=7  "), command("MAIL FROM:<Alice@a.test> SIZE=7"));
    assert_eq!(command("RCPT TO:<@x.test,@y.test:bob@b.test>"), command("RCPT TO:<bob@b.test>"));
    assert_eq!(command("RCPT TO:<PostMaster>"), command("RCPT TO:<postmaster>"));
    assert_eq!(command("bdat 5 last"), Command::Bdat(Chunk { octets: 5, place: ChunkPlace::Last }));
    assert_eq!(command("NOOP whatever"), Command::Noop);
    assert_eq!(command("MAIL FROM:<a@b.test> AUTH=<>").to_string(), "MAIL FROM:<a@b.test>");
}

#[test]
fn parameters_carry_what_the_envelope_needs() {
    let Command::Mail(mail) = command("MAIL FROM:<a@b.test> RET=FULL BODY=binarymime ENVID=x+2By") else { panic!("not MAIL") };
    assert_eq!((mail.returns, mail.body, mail.envelope_id.as_deref()), (Some(ReturnWish::Full), Some(Body::BinaryMime), Some("x+y")));
    assert_eq!(command("MAIL FROM:<>"), Command::Mail(Mail::new(ReversePath::Null)));
    let Command::Rcpt(rcpt) = command("RCPT TO:<a@b.test> NOTIFY=failure ORCPT=rfc822;A+40b") else { panic!("not RCPT") };
    assert_eq!(rcpt.report, ReportWish::On { success: false, failure: true, delay: false });
    assert_eq!(rcpt.original.as_deref(), Some("rfc822;A@b"));
}

#[test]
fn what_is_wrong_with_a_line_decides_its_reply() {
    let long_path = format!("MAIL FROM:<{}@a.test>", "a".repeat(1200));
    let long_rcpt = format!("RCPT TO:<bob@b.test> ORCPT=rfc822;{}", "x".repeat(1000));
    let long_noop = format!("NOOP {}", "x".repeat(506));
    let long_id = format!("MAIL FROM:<a@b.test> ENVID={}", "x".repeat(101));
    for (line, code, status) in [
        ("", 500, "5.5.2"),
        ("HELLO x", 500, "5.5.2"),
        ("GET / HTTP/1.1", 500, "5.5.2"),
        ("NOOP\ta", 500, "5.5.2"),
        ("NOOP \0", 500, "5.5.2"),
        ("NOOP \u{7f}", 500, "5.5.2"),
        ("EXPN list", 502, "5.5.1"),
        ("ETRN x", 502, "5.5.1"),
        ("EHLO", 501, "5.5.4"),
        ("EHLO a b", 501, "5.5.4"),
        ("EHLO a<b", 501, "5.5.4"),
        ("VRFY", 501, "5.5.4"),
        ("DATA x", 501, "5.5.4"),
        ("RSET x", 501, "5.5.4"),
        ("QUIT now", 501, "5.5.4"),
        ("STARTTLS x", 501, "5.5.4"),
        ("AUTH", 501, "5.5.4"),
        ("AUTH PLAIN a b", 501, "5.5.4"),
        ("BDAT", 501, "5.5.4"),
        ("BDAT -1", 501, "5.5.4"),
        ("BDAT +1", 501, "5.5.4"),
        ("BDAT 1 FIRST", 501, "5.5.4"),
        ("BDAT 99999999999999999999", 501, "5.5.4"),
        ("MAIL", 501, "5.5.4"),
        ("MAIL TO:<a@b.test>", 501, "5.5.4"),
        ("MAIL FROM:a@b.test", 501, "5.1.7"),
        ("MAIL FROM:<a@b.test", 501, "5.1.7"),
        ("MAIL FROM:<a@[192.0.2.1]>", 501, "5.1.7"),
        ("MAIL FROM:<a>", 501, "5.1.7"),
        ("MAIL FROM:<a@b.test>SIZE=1", 501, "5.5.4"),
        ("MAIL FROM:<a@b.test>  SIZE=1", 501, "5.5.4"),
        ("MAIL FROM:<a@b.test> SIZE", 501, "5.5.4"),
        ("MAIL FROM:<a@b.test> SIZE=x", 501, "5.5.4"),
        ("MAIL FROM:<a@b.test> SIZE=1 SIZE=1", 501, "5.5.4"),
        ("MAIL FROM:<a@b.test> BODY=9BIT", 501, "5.5.4"),
        ("MAIL FROM:<a@b.test> SMTPUTF8=yes", 501, "5.5.4"),
        ("MAIL FROM:<a@b.test> ENVID=+0A", 501, "5.5.4"),
        ("MAIL FROM:<a@b.test> HOLDFOR=1", 555, "5.5.4"),
        ("MAIL FROM:<a@b.test> HOLDFOR=1", 555, "5.5.4"),
        ("RCPT TO:<>", 501, "5.1.3"),
        ("RCPT TO:<b>", 501, "5.1.3"),
        ("RCPT TO:<b@b.test> NOTIFY=NEVER,SUCCESS", 501, "5.5.4"),
        ("RCPT TO:<b@b.test> NOTIFY=", 501, "5.5.4"),
        ("RCPT TO:<b@b.test> ORCPT=bob", 501, "5.5.4"),
        ("RCPT TO:<b@b.test> ORCPT=rfc822;a=b", 501, "5.5.4"),
        ("RCPT TO:<b@b.test> NOTIFY=NEVER NOTIFY=NEVER", 501, "5.5.4"),
        ("RCPT TO:<b@b.test> SIZE=1", 555, "5.5.4"),
        ("NOTICE FROM:<a@b.test>", 501, "5.5.4"),
        (&long_path, 500, "5.5.6"),
        (&long_rcpt, 500, "5.5.6"),
        (&long_noop, 500, "5.5.6"),
        (&long_id, 501, "5.5.4"),
    ] {
        let reply = parse(line.as_bytes()).expect_err(line).reply();
        assert_eq!((reply.code, reply.status.unwrap().to_string().as_str()), (code, status), "{line}");
    }
    assert_eq!(parse(b"NOOP \xff"), Err(CommandError::NotText));
}

#[test]
fn a_password_is_not_shown_in_a_log() {
    assert!(!format!("{:?}", command("AUTH PLAIN AGEAc2VjcmV0")).contains("AGEA"));
}

proptest::proptest! {
    #[test]
    fn no_line_makes_reading_panic_and_what_is_read_can_be_said_again(line in "(MAIL FROM:<|RCPT TO:<|BDAT |AUTH |EHLO |)[ -~\u{e9}]{0,60}") {
        if let Ok(command) = parse(line.as_bytes()) {
            let again = command.to_string();
            proptest::prop_assert_eq!(parse(again.as_bytes()), Ok(command), "{}", again);
        }
    }
}
