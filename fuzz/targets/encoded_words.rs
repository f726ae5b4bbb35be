//! Encoded-words as people read them: never a control character, and in ASCII without `=?` nothing is changed but white space around.
#![no_main]

use mail::message::text::{comment, decode, unfold};

libfuzzer_sys::fuzz_target!(|value: &[u8]| {
    let text = unfold(value);
    let decoded = decode(&text);
    assert!(!decoded.chars().any(char::is_control), "{decoded:?}");
    if !text.contains("=?") && !text.chars().any(char::is_control) {
        assert_eq!(decoded, text.trim());
    }
    if let Some((inside, after)) = comment(&text) {
        assert_eq!(inside.len() + after.len() + 2, text.len());
    }
});
