//! The parts of a well-formed message stand where mail-parser finds them; those of any other lie within each other, in order.
//!
//! Well-formed is what is written here from the fuzzer's choices: boundaries that end, bodies without lines like boundaries,
//! encodings that are what they say. On anything else the two may differ: ours looks for the boundaries of all multiparts
//! around it, reads a multipart without parts as text, and leaves an encoded message in one piece where mail-parser opens it.
//! Behind a message of several parts that is itself a part, mail-parser passes over parts: there, what it finds must be ours.
#![no_main]

use std::ops::Range;

use data_encoding::BASE64;
use mail::structure::{Inside, Part};
use mail_parser::{Message, MessageParser, PartType};

const DEPTH_MAX: usize = 6;

/// What the fuzzer chooses.
struct Choices<'a> {
    octets: &'a [u8],
    boundaries: usize,
    /// Multiparts around what is being written.
    open: usize,
    /// Whether a message within a multipart holds more than one part: behind it, mail-parser passes over some.
    is_deep: bool,
}

impl Choices<'_> {
    fn one(&mut self) -> u8 {
        let (first, rest) = self.octets.split_first().unwrap_or((&0, &[]));
        self.octets = rest;
        *first
    }

    /// Lines of text. mail-parser finds a boundary within a line too, so that nothing there looks like one.
    fn text(&mut self) -> String {
        let count = usize::from(self.one() % 40).min(self.octets.len());
        let (chosen, rest) = self.octets.split_at(count);
        self.octets = rest;
        let mut text = String::new();
        for octet in chosen {
            match octet {
                b'\n' => text.push_str("\r\n"),
                b'-' if text.ends_with('-') => text.push('x'),
                b' '..=b'~' => text.push(char::from(*octet)),
                _ => text.push('x'),
            }
        }
        text
    }

    /// Writes a part behind the fields of its own that stand already.
    fn part(&mut self, depth: usize, in_digest: bool, within_message: bool, out: &mut String) {
        let kind = self.one() % 9;
        self.is_deep |= matches!(kind, 5..=7) && within_message && self.open > 0;
        let encoding = [
            "",
            "Content-Transfer-Encoding: 7bit\r\n",
            "Content-Transfer-Encoding: base64\r\n",
            "Content-Transfer-Encoding: Quoted-Printable\r\n",
        ];
        match kind {
            5 | 6 if depth < DEPTH_MAX => self.multipart(depth, kind == 6, out),
            7 if depth < DEPTH_MAX => {
                out.push_str("Content-Type: message/rfc822\r\n\r\nSubject: inside\r\n");
                self.part(depth + 1, false, true, out);
            }
            _ => {
                let chosen = usize::from(self.one() % 4);
                let media = ["text/plain; charset=utf-8", "text/html", "image/png", "application/octet-stream"][usize::from(kind % 4)];
                // In a digest, what does not say what it is is a message.
                if kind != 8 || in_digest {
                    out.push_str(&format!("Content-Type: {media}\r\n"));
                }
                out.push_str(encoding[chosen]);
                out.push_str("\r\n");
                let text = self.text();
                match chosen {
                    2 => out.push_str(&BASE64.encode(text.as_bytes())),
                    3 => out.push_str(&text.replace('=', "=3D")),
                    _ => out.push_str(&text),
                }
            }
        }
    }

    fn multipart(&mut self, depth: usize, digest: bool, out: &mut String) {
        self.boundaries += 1;
        let boundary = format!("b{}x", self.boundaries);
        let subtype = if digest { "digest" } else { "mixed" };
        out.push_str(&format!("Content-Type: multipart/{subtype}; boundary=\"{boundary}\"\r\n\r\n"));
        if self.one() % 2 == 1 {
            out.push_str("preamble\r\n");
        }
        self.open += 1;
        for _ in 0..=self.one() % 3 {
            out.push_str(&format!("--{boundary}\r\n"));
            self.part(depth + 1, digest, false, out);
            out.push_str("\r\n");
        }
        self.open -= 1;
        out.push_str(&format!("--{boundary}--"));
        // At the end of a message, an epilogue is as good as none.
        if self.one() % 2 == 1 {
            out.push_str("\r\nepilogue");
        }
    }
}

fn our_leaves(part: &Part, leaves: &mut Vec<Range<usize>>) {
    match &part.inside {
        Inside::Content => leaves.push(part.body.clone()),
        Inside::Parts(parts) => parts.iter().for_each(|part| our_leaves(part, leaves)),
        Inside::Message(_, message) => our_leaves(message, leaves),
    }
}

fn their_leaves(message: &Message<'_>, at: usize, leaves: &mut Vec<Range<usize>>) {
    let part = &message.parts[at];
    match &part.body {
        PartType::Multipart(parts) => {
            let parts = parts.iter().map(|part| usize::try_from(*part).expect("an index"));
            // Where it passes over parts, it may say that one is inside itself.
            parts.filter(|part| *part > at).for_each(|part| their_leaves(message, part, leaves));
        }
        PartType::Message(inner) => their_leaves(inner, 0, leaves),
        _ => leaves.push(usize::try_from(part.offset_body).expect("an offset")..usize::try_from(part.offset_end).expect("an offset")),
    }
}

/// A part lies within what it is inside of, behind the one before it.
fn check_order(part: &Part, within: &Range<usize>) {
    assert!(within.start <= part.header.start && part.header.end <= part.body.start);
    assert!(part.body.start <= part.body.end && part.body.end <= within.end, "{part:?} in {within:?}");
    match &part.inside {
        Inside::Content => {}
        Inside::Message(_, message) => check_order(message, &part.body),
        Inside::Parts(parts) => {
            let mut rest = part.body.clone();
            for inner in parts {
                check_order(inner, &rest);
                rest.start = inner.body.end;
            }
        }
    }
}

libfuzzer_sys::fuzz_target!(|octets: &[u8]| {
    check_order(&Part::read(octets), &(0..octets.len()));

    let mut text = "From: a@a.test\r\nMIME-Version: 1.0\r\n".to_owned();
    let mut choices = Choices { octets, boundaries: 0, open: 0, is_deep: false };
    choices.part(0, false, false, &mut text);
    text.push_str("\r\n");
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    let part = Part::read(text.as_bytes());
    check_order(&part, &(0..text.len()));
    our_leaves(&part, &mut ours);
    let message = MessageParser::default().parse(text.as_bytes()).expect("it has a header section");
    their_leaves(&message, 0, &mut theirs);
    if choices.is_deep {
        theirs.retain(|leaf| !ours.contains(leaf));
        assert_eq!(theirs, [], "{text}");
    } else {
        assert_eq!(ours, theirs, "{text}");
    }
});
