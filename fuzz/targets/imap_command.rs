//! An IMAP command that is read can be written again and means the same; a URL of a message is read or not.
#![no_main]

use proto::imap::command::parse;
use proto::imap::input::LiteralForm;
use proto::imap::mailbox_name::NameForm;
use proto::imap::url::MessageUrl;

libfuzzer_sys::fuzz_target!(|octets: &[u8]| {
    if let Ok(text) = str::from_utf8(octets) {
        MessageUrl::parse(text);
    }
    for names in [NameForm::ModifiedUtf7, NameForm::Utf8] {
        if let Ok(tagged) = parse(octets, names) {
            let (again, _pauses) = tagged.encode(LiteralForm::NonSynchronising, names);
            assert_eq!(parse(&again, names), Ok(tagged));
        }
    }
});
