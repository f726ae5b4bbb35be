//! Mail as files of other programs: a message written into an mbox comes out as it was, in whatever pieces; a mailbox's name that
//! is written as a file's name is read back; lines that begin a message are found or not, and nothing panics.
#![no_main]

use mail::folder::{from_file_name, to_file_name};
use mail::marks::{self, Front, Lettered};
use mail::mbox::{Quoting, read_from_line};
use mail::message::HeaderSection;

libfuzzer_sys::fuzz_target!(|octets: &[u8]| {
    let quoted = pass(Quoting::quote(), octets, 5);
    assert_eq!(quoted, pass(Quoting::quote(), octets, 1));
    assert!(!quoted.split(|octet| *octet == b'\n').any(|line| line.starts_with(b"From ")));
    assert_eq!(pass(Quoting::unquote(), &quoted, 3), octets);
    read_from_line(octets);
    marks::front(octets);
    let flags = marks::from_fields(&HeaderSection::read(octets));
    let fields = marks::fields(&flags);
    assert_eq!(marks::front(fields.as_bytes()), Front::Marks(flags, fields.len()));
    if let Ok(name) = str::from_utf8(octets) {
        let lettered = Lettered::read(name);
        assert_eq!(Lettered::read(&lettered.write()), lettered);
        lettered.flags(name);
        from_file_name(name);
        if let Some(file) = to_file_name(name) {
            assert!(file.is_ascii() && !file.contains('/') && !file.contains(".."), "{file:?}");
            assert_eq!(from_file_name(&file), name);
        }
    }
});

fn pass(mut quoting: Quoting, octets: &[u8], piece_octets: usize) -> Vec<u8> {
    let mut out = Vec::new();
    octets.chunks(piece_octets).for_each(|piece| quoting.push(piece, &mut out));
    quoting.finish(&mut out);
    out
}
