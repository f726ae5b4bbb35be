//! Structures of messages, well and badly formed.

use super::*;

/// The tree in one line: `multipart/mixed(text/plain[5] ..)`, octets of each body in brackets.
fn shape(part: &Part) -> String {
    let media = format!("{}/{}", part.kind, part.subtype);
    match &part.inside {
        Inside::Content => format!("{media}[{}]", part.body.len()),
        Inside::Parts(parts) => format!("{media}({})", parts.iter().map(shape).collect::<Vec<_>>().join(" ")),
        Inside::Message(_, message) => format!("{media}<{}>", shape(message)),
    }
}

fn numbers(path: &[u32]) -> Vec<NonZeroU32> {
    path.iter().map(|number| NonZeroU32::new(*number).unwrap()).collect()
}

pub(super) const MIXED: &str = "From: a@a.test\r\nContent-Type: multipart/mixed; boundary=\"x y\"\r\n\r\npreamble\r\n--x y\r\n\r\nhello\r\n--x y \r\n\
    Content-Type: message/rfc822\r\n\r\nSubject: inner\r\nContent-Type: multipart/alternative; boundary=z\r\n\r\n--z\r\n\
    Content-Type: text/html; charset=utf-8\r\nContent-Language: en, de\r\n\r\n<p>\r\n--z\r\n\r\nplain\r\nlines\r\n\r\n--z--\r\n\r\n\
    --x y\r\nContent-Type: image/png; name*0=\"a;b\"; name*1=c\r\nContent-Transfer-Encoding: base64\r\n\
    Content-Disposition: attachment; filename=\"q\\\"t.png\"; size=3\r\nContent-ID: <i@a>\r\n\r\nAAAA\r\n--x y--\r\nepilogue\r\n";

#[test]
fn each_part_is_found_where_it_stands() {
    let part = Part::read(MIXED.as_bytes());
    assert_eq!(
        shape(&part),
        "multipart/mixed(text/plain[5] message/rfc822<multipart/alternative(text/html[3] text/plain[14])> image/png[4])"
    );
    let body = |path: &[u32]| part.find(&numbers(path)).and_then(|found| MIXED.get(found.body.clone()));
    assert_eq!(body(&[1]), Some("hello"));
    assert_eq!(body(&[2, 1]), Some("<p>"));
    assert_eq!(body(&[2, 2]), Some("plain\r\nlines\r\n"));
    assert_eq!(body(&[3]), Some("AAAA"));
    assert!(body(&[]).unwrap().starts_with("preamble") && body(&[]).unwrap().ends_with("epilogue\r\n"));
    assert!(body(&[2]).unwrap().starts_with("Subject: inner") && body(&[2]).unwrap().ends_with("--z--\r\n"));
    for path in [&[4][..], &[1, 1], &[2, 3], &[3, 1], &[2, 1, 1]] {
        assert_eq!(body(path), None, "{path:?}");
    }
    let image = part.find(&numbers(&[3])).unwrap();
    assert!(MIXED.get(image.header.clone()).unwrap().starts_with("Content-Type: image/png;"));
    assert_eq!((image.encoding.as_str(), image.id.as_deref()), ("base64", Some("<i@a>")));
    let named = |parameters: &[Parameter]| parameters.iter().map(|one| format!("{}={}", one.name, one.value)).collect::<Vec<_>>();
    assert_eq!(named(&image.parameters), ["name*0=a;b", "name*1=c"]);
    let disposition = image.disposition.as_ref().unwrap();
    assert_eq!(
        (disposition.kind.as_str(), named(&disposition.parameters)),
        ("attachment", vec!["filename=q\"t.png".to_owned(), "size=3".to_owned()])
    );
    assert_eq!(part.find(&numbers(&[2, 1])).unwrap().languages, ["en", "de"]);
    assert_eq!(part.find(&numbers(&[2, 2])).unwrap().lines, 2);
    let Inside::Message(envelope, _) = &part.find(&numbers(&[2])).unwrap().inside else { panic!("no message") };
    assert_eq!(envelope.subject.as_deref(), Some("inner"));
}

#[test]
fn what_is_no_multipart_has_one_part() {
    let message = "Subject: x\r\n\r\nbody\r\n";
    let part = Part::read(message.as_bytes());
    assert_eq!((shape(&part).as_str(), part.lines), ("text/plain[6]", 1));
    assert_eq!(part.find(&numbers(&[1])).map(|found| found.body.clone()), Some(14..20));
    assert_eq!(part.find(&numbers(&[1, 1])), None);
    for lines in [0, 254, 255, 256, 1000] {
        assert_eq!(Part::read(format!("\r\n{}x", "\n".repeat(lines)).as_bytes()).lines, lines);
    }
    assert_eq!(part.find(&numbers(&[2])), None);
}

#[test]
fn malformed_messages_have_some_structure() {
    for (message, expected) in [
        ("", "text/plain[0]"),
        ("\r\n", "text/plain[0]"),
        ("no header\r\nat all\r\n", "text/plain[19]"),
        ("Subject: only\r\n", "text/plain[0]"),
        ("Content-Type: nonsense\r\n\r\nx", "text/plain[1]"),
        ("Content-Type: multipart/mixed\r\n\r\nx", "text/plain[1]"),
        ("Content-Type: multipart/mixed; boundary=x\r\n\r\nno parts", "text/plain[8]"),
        ("Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n\r\nnever ends", "multipart/mixed(text/plain[10])"),
        ("Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n--x\r\n--x--", "multipart/mixed(text/plain[0] text/plain[0])"),
        ("Content-Type: multipart/mixed; boundary=x\n\n--x\n\na\nb\n--x--\n", "multipart/mixed(text/plain[3])"),
        (
            "Content-Type: multipart/digest; boundary=x\r\n\r\n--x\r\n\r\nSubject: a\r\n\r\nb\r\n--x--",
            "multipart/digest(message/rfc822<text/plain[1]>)",
        ),
        (
            "Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\nContent-Type: multipart/mixed; boundary=y\r\n\r\n--y\r\n\r\na\r\n--x\r\n\r\nb\r\n--x--",
            "multipart/mixed(multipart/mixed(text/plain[1]) text/plain[1])",
        ),
        // RFC 2231 section 3.
        (
            "Content-Type: multipart/mixed;\r\n boundary*1=\"b c\";\r\n boundary*0=a\r\n\r\n--ab c\r\n\r\nx\r\n--ab c--",
            "multipart/mixed(text/plain[1])",
        ),
        // Text behind a boundary, and a boundary that begins like another.
        (
            "Content-Type: multipart/mixed; boundary=q\r\n\r\n--q\r\n\r\na\r\n--q b\r\n\r\nc\r\n--q--d\r\ne",
            "multipart/mixed(text/plain[1] text/plain[1])",
        ),
        (
            "Content-Type: multipart/mixed; boundary=a\r\n\r\n--a\r\nContent-Type: multipart/mixed; boundary=ab\r\n\r\n\
             --ab\r\n\r\n1\r\n--ab x\r\n\r\n2\r\n--ab-- x\r\n--a x\r\n\r\n3\r\n--a--",
            "multipart/mixed(multipart/mixed(text/plain[1] text/plain[1]) text/plain[1])",
        ),
        ("Content-Type: multipart/mixed (a); boundary=x\t(b); n=\"o (p)\"\r\n\r\n--x\r\n\r\na\r\n--x--", "multipart/mixed(text/plain[1])"),
        ("Content-Type: message/rfc822\r\nContent-Transfer-Encoding: base64\r\n\r\nAAAA", "message/rfc822[4]"),
    ] {
        assert_eq!(shape(&Part::read(message.as_bytes())), expected, "{message}");
    }
}

#[test]
fn bombs_are_read_in_bounds() {
    let nested = |n: u32| format!("Content-Type: multipart/mixed; boundary=b{n}\r\n\r\n--b{n}\r\n");
    let deep = (0..10_000).map(nested).collect::<Vec<_>>().concat();
    let mut depth = 0;
    let mut part = &Part::read(deep.as_bytes());
    while let Inside::Parts(parts) = &part.inside {
        part = &parts[0];
        depth += 1;
    }
    assert_eq!(depth, DEPTH_MAX - 1);
    let wide = format!("Content-Type: multipart/mixed; boundary=x\r\n\r\n{}", "--x\r\n\r\n".repeat(100_000));
    let Inside::Parts(parts) = Part::read(wide.as_bytes()).inside else { panic!("no parts") };
    assert_eq!(parts.len(), PARTS_MAX - 1);
    Part::read("Content-Type: message/rfc822\r\n\r\n".repeat(100_000).as_bytes());
}

#[test]
fn an_envelope_says_what_the_header_section_says() {
    let header = "From: =?utf-8?q?Andr=C3=A9?= <andre@a.test>, \"B, \\\"B\\\"\" <b@b.test>\r\nTo: team: c@c.test, d@d.test (Dora);, undisclosed:;\r\n\
        Cc: plain, < f @f.test>, Gil <g (home) @ (of) g.test>\r\nBcc: <@relay.test,@other.test:e@e.test>\r\nReply-To:\r\nSubject: folded\r\n text\r\nMessage-ID: <1@a>\r\n\r\n";
    let envelope = EnvelopeStructure::read(&HeaderSection::read(header.as_bytes()));
    let mailbox = |name: Option<&str>, local: &str, domain: &str| EnvelopeAddress::Mailbox {
        name: name.map(str::to_owned),
        route: None,
        local: local.to_owned(),
        domain: domain.to_owned(),
    };
    let group = |name: &str| EnvelopeAddress::GroupStart(name.to_owned());
    assert_eq!(envelope.from, [mailbox(Some("=?utf-8?q?Andr=C3=A9?="), "andre", "a.test"), mailbox(Some("B, \"B\""), "b", "b.test")]);
    assert_eq!((&envelope.sender, &envelope.reply_to), (&envelope.from, &envelope.from));
    assert_eq!(
        envelope.to,
        [
            group("team"),
            mailbox(None, "c", "c.test"),
            mailbox(Some("Dora"), "d", "d.test"),
            EnvelopeAddress::GroupEnd,
            group("undisclosed"),
            EnvelopeAddress::GroupEnd
        ]
    );
    assert_eq!(envelope.cc, [mailbox(None, "plain", ""), mailbox(None, "f ", "f.test"), mailbox(Some("Gil"), "g", "g.test")]);
    let routed = EnvelopeAddress::Mailbox {
        name: None,
        route: Some("@relay.test,@other.test".to_owned()),
        local: "e".to_owned(),
        domain: "e.test".to_owned(),
    };
    assert_eq!(envelope.bcc, [routed]);
    assert_eq!(EnvelopeStructure::unpack(&envelope.pack()), Some(envelope.clone()));
    assert_eq!((envelope.subject.as_deref(), envelope.message_id.as_deref()), (Some("folded text"), Some("<1@a>")));
    assert_eq!((envelope.date, envelope.in_reply_to), (None, None));
}

proptest::proptest! {
    #[test]
    fn any_octets_have_a_structure_within_them(
        lines in proptest::collection::vec("(--x|--x--|--y|Content-Type: multipart/mixed; boundary=(x|y)|Content-Type: message/rfc822|From: [a-z:;,<>\"() ]{0,20}||a)", 0..40),
    ) {
        let message = lines.join("\r\n");
        let mut due = vec![Part::read(message.as_bytes())];
        while let Some(part) = due.pop() {
            proptest::prop_assert!(part.header.end == part.body.start && part.body.end <= message.len(), "{:?}", part);
            let inside = match part.inside {
                Inside::Content => vec![],
                Inside::Parts(parts) => parts,
                Inside::Message(_, message) => vec![*message],
            };
            for inner in &inside {
                proptest::prop_assert!(part.body.start <= inner.header.start && inner.body.end <= part.body.end, "{:?}", inner);
            }
            due.extend(inside);
        }
    }
}
