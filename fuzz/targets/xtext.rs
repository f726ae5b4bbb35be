//! Any text can be written as xtext and read again; xtext that is read can be written again.
#![no_main]

use proto::xtext::{decode, encode};

libfuzzer_sys::fuzz_target!(|text: &str| {
    assert_eq!(decode(&encode(text)).as_deref(), Some(text));
    if let Some(decoded) = decode(text) {
        assert_eq!(decode(&encode(&decoded)), Some(decoded));
    }
});
