//! A reply that is read can be written again and stays a reply, in lines of 512 octets.
#![no_main]

use proto::smtp::capabilities::Capabilities;
use proto::smtp::reply::{LINE_OCTETS_MAX, ReplyReader};

libfuzzer_sys::fuzz_target!(|octets: &[u8]| {
    let mut reader = ReplyReader::default();
    for line in octets.split(|octet| *octet == b'\n') {
        let Ok(reply) = reader.line(line, 100) else { return };
        let Some(reply) = reply else { continue };
        drop(Capabilities::of(&reply));
        let mut written = Vec::new();
        reply.encode(&mut written);
        let (mut reader, mut again) = (ReplyReader::default(), None);
        for line in written.split_inclusive(|octet| *octet == b'\n') {
            assert!(again.is_none() && line.len() <= LINE_OCTETS_MAX);
            again = reader.line(line.strip_suffix(b"\r\n").expect("a line end"), 100).expect("a reply line");
        }
        assert_eq!(again.expect("a last line").code, reply.code);
    }
});
