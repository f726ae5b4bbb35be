//! Modes and counters as METADATA of the account (RFC 5464): for clients without the extension, and for scripts.
//!
//! ```abnf
//! twoway-entry   = "/private/vendor/twoway/" ( mode-entry / counter-entry / mailbox-entry )
//! mode-entry     = "screening" / "legacy" / "claims"
//! counter-entry  = "contacts" / "allowed" / "blocked" / "expected" / "replied-to" / "sites"
//! mailbox-entry  = "requests-mailbox" / "status-mailbox"
//! ```

use delivery::consent::{Claims, EntryList, Legacy, Screening};
use proto::imap::response::code::CodeWord;
use store::made::Made;

use super::account_now;
use crate::acts::Modes;
use crate::listen::imap::talk::{Talk, Trouble, no};

/// Entries to set, by name; none removes one.
type Values = Vec<(String, Option<Vec<u8>>)>;

/// What all their names begin with.
const ROOT: &str = "/private/vendor/twoway/";

/// Counters, with the list that each counts.
const COUNTED: [(&str, EntryList); 5] = [
    ("allowed", EntryList::Allow),
    ("blocked", EntryList::Block),
    ("expected", EntryList::Expected),
    ("replied-to", EntryList::RepliedTo),
    ("sites", EntryList::Site),
];

/// Whether an entry that a client asks for, or what is below it, may be one of these.
pub(in crate::listen::imap) fn is_asked_for(name: &str) -> bool {
    name.starts_with(ROOT) || ROOT.starts_with(name)
}

/// All entries of the account, with their values.
///
/// # Errors
/// The store's.
pub(in crate::listen::imap) async fn entries(talk: &Talk) -> Result<Vec<(String, Vec<u8>)>, Trouble> {
    let account = account_now(talk).await?;
    let store = &talk.node().store;
    let contacts = store.contacts(account.id, talk.node().world.now()).await?;
    let named = |name: &str, value: String| (format!("{ROOT}{name}"), value.into_bytes());
    let mut all = vec![
        named("screening", screening(account.screening).to_owned()),
        named("legacy", legacy(account.legacy).to_owned()),
        named("claims", claims(account.claims).to_owned()),
        named("contacts", contacts.iter().filter(|contact| contact.kind.waits()).count().to_string()),
    ];
    for (name, list) in COUNTED {
        all.push(named(name, store.entries(account.id, list).await?.len().to_string()));
    }
    for made in Made::ALL {
        if let Some(row) = store.mailbox_by_id(account.id, made.id(account.id)).await? {
            let name = if made == Made::Requests { "requests-mailbox" } else { "status-mailbox" };
            all.push(named(name, row.name));
        }
    }
    Ok(all)
}

/// The modes that these values ask for, and what is left of them.
///
/// # Errors
/// One is no mode, or not to be set.
pub(in crate::listen::imap) fn split(values: Values) -> Result<(Option<Modes>, Values), Trouble> {
    let (mut modes, mut others) = (None, Vec::new());
    for (name, value) in values {
        match name.strip_prefix(ROOT) {
            Some(mode) => set(modes.get_or_insert_with(Modes::default), mode, value.as_deref())?,
            None => others.push((name, value)),
        }
    }
    Ok((modes, others))
}

fn set(modes: &mut Modes, name: &str, value: Option<&[u8]>) -> Result<(), Trouble> {
    let unknown = |words: &'static str| Trouble::from(no(CodeWord::Cannot, words));
    let text = value.map(|value| String::from_utf8_lossy(value).to_ascii_lowercase());
    let is = |word: &str| text.as_deref() == Some(word);
    match name {
        "screening" => {
            let all = [Screening::Off, Screening::Observe, Screening::On];
            modes.screening =
                Some(all.into_iter().find(|known| is(screening(*known))).ok_or_else(|| unknown("screening is off, observe or on"))?);
        }
        "legacy" => {
            let all = [Legacy::Deliver, Legacy::Keep, Legacy::Refuse];
            modes.legacy =
                Some(all.into_iter().find(|known| is(legacy(*known))).ok_or_else(|| unknown("legacy is deliver, keep or refuse"))?);
        }
        "claims" => {
            let all = [Claims::Shown, Claims::Hidden];
            modes.claims = Some(all.into_iter().find(|known| is(claims(*known))).ok_or_else(|| unknown("claims is shown or hidden"))?);
        }
        _ => return Err(no(CodeWord::NoPerm, "this entry says what is so: it is not to be set").into()),
    }
    Ok(())
}

const fn screening(mode: Screening) -> &'static str {
    match mode {
        Screening::Off => "off",
        Screening::Observe => "observe",
        Screening::On => "on",
    }
}

const fn legacy(mode: Legacy) -> &'static str {
    match mode {
        Legacy::Deliver => "deliver",
        Legacy::Keep => "keep",
        Legacy::Refuse => "refuse",
    }
}

const fn claims(mode: Claims) -> &'static str {
    match mode {
        Claims::Shown => "shown",
        Claims::Hidden => "hidden",
    }
}
