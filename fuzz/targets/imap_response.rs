//! A response that is read can be written again, and what is written reads back the same.
#![no_main]

use proto::imap::mailbox_name::NameForm;
use proto::imap::response::{Response, parse};

libfuzzer_sys::fuzz_target!(|octets: &[u8]| {
    for names in [NameForm::ModifiedUtf7, NameForm::Utf8] {
        let write = |response: &Response| match response {
            Response::Told(data) => Some(data.encode(names)),
            Response::Answer(tag, status) => Some(status.encode(tag, names)),
            Response::Continuation(_) | Response::Unknown(_) => None,
        };
        let Some(written) = parse(octets, names).ok().and_then(|response| write(&response)) else { continue };
        let again = parse(&written, names).unwrap_or_else(|error| panic!("{}: {error}", written.escape_ascii()));
        let again = write(&again).expect("it can be written");
        assert!(again == written, "{} becomes {}", written.escape_ascii(), again.escape_ascii());
    }
});
