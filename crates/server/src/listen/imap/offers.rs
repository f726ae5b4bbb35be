//! What is offered to who has authenticated, beyond what the session of `proto` does itself: what works, and nothing else.

use proto::imap::command::twoway;
use proto::imap::limits::Limits;

/// Capabilities, as they are announced. UIDBATCHES is answered and not among them: docs/decisions/uid-batches.md says why.
const EXTENSIONS: [&str; 42] = [
    "UNSELECT",
    "UIDPLUS",
    "CHILDREN",
    "NAMESPACE",
    "SPECIAL-USE",
    "CREATE-SPECIAL-USE",
    "LIST-EXTENDED",
    "LIST-STATUS",
    "STATUS=SIZE",
    "OBJECTID",
    "CONDSTORE",
    "QRESYNC",
    "UTF8=ACCEPT",
    "MULTIAPPEND",
    "CATENATE",
    "URL-PARTIAL",
    "REPLACE",
    "QUOTA",
    "QUOTA=RES-STORAGE",
    "QUOTA=RES-MESSAGE",
    "METADATA",
    "NOTIFY",
    "COMPRESS=DEFLATE",
    "UIDONLY",
    "SAVEDATE",
    "ESEARCH",
    "SEARCHRES",
    "WITHIN",
    "PARTIAL",
    "SORT",
    "SORT=DISPLAY",
    "ESORT",
    "CONTEXT=SEARCH",
    "CONTEXT=SORT",
    "THREAD=ORDEREDSUBJECT",
    "THREAD=REFERENCES",
    "I18NLEVEL=1",
    "MOVE",
    "BINARY",
    "PREVIEW",
    "IMAP4rev2",
    twoway::KEYWORD,
];

/// All of them, with what the limits say.
pub(super) fn extensions(limits: &Limits) -> Vec<String> {
    let fixed = EXTENSIONS.map(str::to_owned);
    fixed.into_iter().chain([format!("APPENDLIMIT={}", limits.message_octets_max)]).collect()
}
