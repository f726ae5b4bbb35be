//! What a domain publishes: an unknown tag changes nothing, and neither does white space between tags.
#![no_main]

use delivery::policy::Policy;

libfuzzer_sys::fuzz_target!(|text: &[u8]| {
    // A tag that stands there twice is an error.
    let is_twice = text.to_ascii_lowercase().windows(9).any(|window| window == b"x-unknown");
    if let Ok(policy) = Policy::parse(text) {
        for more in ["; x-unknown=any thing", " ; \t"] {
            let again = Policy::parse(&[text, more.as_bytes()].concat());
            assert!(again.as_ref() == Ok(&policy) || is_twice, "{more:?}: {again:?}, not {policy:?}");
        }
    }
});
