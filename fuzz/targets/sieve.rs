//! Scripts of rules: what was read is written, and reads back as the same.
#![no_main]

use delivery::rules::sieve::{export, read};

libfuzzer_sys::fuzz_target!(|text: &str| {
    if let Ok(script) = read(text) {
        let written = export(&script.rules, script.absence.as_ref()).expect("what came from a script can be said by one");
        assert_eq!(read(&written).as_ref(), Ok(&script), "{written}");
    }
});
