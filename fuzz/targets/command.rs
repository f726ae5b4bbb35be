//! A command line that is read can be said again and means the same.
#![no_main]

use proto::smtp::command::parse;

libfuzzer_sys::fuzz_target!(|line: &[u8]| {
    if let Ok(command) = parse(line) {
        let mut again = Vec::new();
        command.encode(&mut again);
        assert_eq!(parse(again.strip_suffix(b"\r\n").expect("a line end")), Ok(command));
    }
});
