//! What a search finds in a message.

use super::*;

fn read(message: &str) -> Searchable {
    Searchable::read(message.replace('\n', "\r\n").as_bytes(), 100_000)
}

fn has(message: &Searchable, text: &str) -> bool {
    message.has(&Needle::new(text))
}

#[test]
fn fields_are_found_by_name() {
    let message = read("Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\n an alle\nX-Empty:\nReceived: a\nReceived: b\nDKIM-Signature: zzz\n\nText\n");
    for (name, text, expected) in [
        ("subject", "gr\u{fc}\u{df}e an", true),
        ("SUBJECT", "GRU\u{308}SSE", true),
        ("subject", "text", false),
        ("subject", "", true),
        ("ubject", "", false),
        ("x-empty", "", true),
        ("x-empty", "a", false),
        ("x-none", "", false),
        ("received", "b", true),
    ] {
        assert_eq!(message.has_in_field(name, &Needle::new(text)), expected, "{name} {text}");
    }
    assert!(!has(&message, "zzz") && !Searchable::keeps_field("dkim-signature"));
    let header = HeaderSection::read(b"DKIM-Signature: zzz\r\n\r\n");
    assert!(field_has(&header, "dkim-signature", &Needle::new("Z")) && !field_has(&header, "subject", &Needle::new("")));
    assert!(!message.has_in_body(&Needle::new("subject")) && message.has_in_body(&Needle::new("text")) && has(&message, "subject: gr"));
}

#[test]
fn an_address_is_found_however_it_is_written() {
    let text = "From: <eve (at work)@ (our) e.test>\r\nTo: Bob (bob@home) <bob@b.test>\r\nSubject: a @ b\r\n\r\n";
    let (message, header) = (Searchable::read(text.as_bytes(), 100), HeaderSection::read(text.as_bytes()));
    for (name, wanted, expected) in [
        ("from", "eve@e.test", true),
        ("from", "eve (at work)", true),
        ("to", "bob@b.test", true),
        ("to", "bob@home", true),
        ("subject", "a@b", false),
        ("subject", "a @ b", true),
    ] {
        let needle = Needle::new(wanted);
        assert_eq!((message.has_in_field(name, &needle), field_has(&header, name, &needle)), (expected, expected), "{name} {wanted}");
    }
}

#[test]
fn every_text_inside_is_found_and_no_markup() {
    let message = read(
        "Subject: outer\nContent-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: text/plain; charset=iso-8859-1\n\
         Content-Transfer-Encoding: quoted-printable\n\nK=E4se und Br=\not\n--b\nContent-Type: text/html; charset=utf-8\n\
         Content-Transfer-Encoding: base64\n\nPHA+RmV0dDxiPmdlZHJ1Y2t0PC9iPiAmYW1wOyBzY2jDtm48L3A+PHN0eWxlPnB7Y29sb3I6cmVkfTwvc3R5bGU+\n\
         --b\nContent-Type: application/pdf; name=\"=?utf-8?q?Pr=C3=BCfung.pdf?=\"\nContent-Transfer-Encoding: base64\n\nQUJD\n\
         --b\nContent-Type: message/rfc822\n\nSubject: inner =?utf-8?q?=C3=9Cber?=\nFrom: Eve <eve@e.test>\n\nforwarded text\n--b--\n",
    );
    for text in
        ["outer", "k\u{e4}se und brot", "Fettgedruckt & sch\u{f6}n", "pr\u{fc}fung.pdf", "inner \u{fc}ber", "eve@e.test", "forwarded TEXT"]
    {
        assert!(has(&message, text), "{text} in {message:?}");
    }
    for text in ["color", "<p>", "QUJD", "PHA", "K=E4"] {
        assert!(!has(&message, text), "{text}");
    }
    assert!(message.is_whole);
}

#[test]
fn every_script_is_found_in_its_charset() {
    for (charset, octets, text) in [
        ("utf-8", "会议记录".as_bytes().to_vec(), "议记"),
        ("gb18030", b"\xbb\xe1\xd2\xe9".to_vec(), "会议"),
        ("windows-1251", b"\xcf\xf0\xe8\xe2\xe5\xf2".to_vec(), "привет"),
        ("utf-8", "مرحبا بالعالم".as_bytes().to_vec(), "بالعالم"),
        ("windows-1256", b"\xe3\xd1\xcd\xc8\xc7".to_vec(), "مرحبا"),
        ("utf-8", "cafe\u{301}".as_bytes().to_vec(), "CAF\u{c9}"),
    ] {
        let mut message = format!("Content-Type: text/plain; charset={charset}\r\n\r\n").into_bytes();
        message.extend(octets);
        assert!(Searchable::read(&message, 1000).has_in_body(&Needle::new(text)), "{charset} {text}");
    }
}

#[test]
fn a_message_of_any_size_is_bounded_and_says_so() {
    let long = Searchable::read(format!("Subject: x\r\n\r\n{}needle", "word ".repeat(100_000)).as_bytes(), 1000);
    assert!(!long.is_whole && long.body.len() < 1100);
    let many = "X: y\r\n".repeat(50_000);
    let head = Searchable::read(many.as_bytes(), 1000);
    assert!(!head.is_whole && head.head.len() < HEAD_OCTETS_MAX + 1000);
    assert!(Searchable::read(b"", 1000).is_whole);
}

#[test]
fn a_plain_body_is_known_where_it_stands() {
    for (head, is_plain) in [
        ("", true),
        ("Content-Type: text/plain\r\n", true),
        ("Content-Type: text/markdown; charset=\"UTF-8\"\r\nContent-Transfer-Encoding: 8bit\r\n", true),
        ("Content-Type: text/plain; charset=unknown\r\n", true),
        ("Content-Type: text/plain; charset=iso-8859-1\r\n", false),
        ("Content-Type: text/plain\r\nContent-Transfer-Encoding: base64\r\n", false),
        ("Content-Type: text/plain\r\nContent-Transfer-Encoding: quoted-printable\r\n", false),
        ("Content-Type: text/html\r\n", false),
        ("Content-Type: image/png\r\n", false),
        ("Content-Type: message/rfc822\r\n", false),
        ("Content-Type: multipart/mixed; boundary=b\r\n", false),
    ] {
        let body = "Gr\u{fc}\u{df}e  =20\r\n\r\n--b\r\n\r\nx\r\n--b--\r\n";
        let message = [format!("Subject: x\r\n{head}\r\n{body}").as_bytes(), b"\xe4"].concat();
        let plain = plain_body(&message, &Part::read(&message));
        assert_eq!(plain.is_some(), is_plain, "{head}");
        if let Some(at) = plain {
            assert_eq!(of_plain_body(&message[at..]), Searchable::read(&message, 10_000).body);
        }
    }
}

proptest::proptest! {
    #[test]
    fn a_plain_body_says_the_same_where_it_stands(body in "[a-zA-Z \t\r\n\u{e4}\u{301}\u{4f1a}=<&-]{0,200}") {
        let message = format!("Subject: x\r\n\r\n{body}");
        let at = plain_body(message.as_bytes(), &Part::read(message.as_bytes()));
        proptest::prop_assert_eq!(at.map(|at| of_plain_body(&message.as_bytes()[at..])), Some(Searchable::read(message.as_bytes(), 10_000).body));
    }
}
