//! LIST and LSUB: which mailboxes there are (RFC 9051 section 6.3.9, RFC 5258, RFC 5819, RFC 6154, RFC 3501 section 6.3.9).

mod tree;

use proto::imap::command::list::{List, ListReturn, ListSelection, Lsub};
use proto::imap::mailbox_name::{DELIMITER, MailboxName, Pattern};
use proto::imap::response::code::CodeWord;
use proto::imap::response::mailbox::{Attribute, Listed};
use proto::imap::response::{Data, Status};

use super::status;
use super::talk::{Talk, Trouble, no, ok};
use tree::{Tree, Wanted};

/// Octets of all names times octets of all patterns: what comparing them takes. A client asks for a handful of patterns.
const WORK_MAX: usize = 100_000_000;

/// LIST.
pub(super) async fn list(talk: &mut Talk, command: List) -> Result<Status, Trouble> {
    if let [pattern] = &command.patterns[..]
        && pattern.is_empty()
        && command.selection.is_empty()
    {
        talk.tell(&Data::Delimiter(Some(DELIMITER))).await?;
        return Ok(ok("this stands between names"));
    }
    let tree = tree(talk).await?;
    let patterns = patterns(&tree, &command.reference, &command.patterns)?;
    let extended = command.returns.is_some() || !command.selection.is_empty() || command.patterns.len() > 1;
    let returns = command.returns.unwrap_or_default();
    let has = |selection| command.selection.contains(&selection);
    let wanted = Wanted {
        subscribed: has(ListSelection::Subscribed),
        special_use: has(ListSelection::SpecialUse),
        recursive: has(ListSelection::RecursiveMatch),
        tells_subscribed: has(ListSelection::Subscribed) || returns.options.contains(&ListReturn::Subscribed),
        extended,
    };
    for (listed, row) in tree.list(&patterns, wanted) {
        let name = listed.name.clone();
        talk.tell(&Data::List(listed)).await?;
        // RFC 5819 section 2: nothing for what cannot be selected.
        if let Some(row) = row.filter(|_| !returns.status.is_empty()) {
            let values = status::values(talk, row, &returns.status).await?;
            talk.tell(&Data::MailboxStatus(name, values)).await?;
        }
    }
    Ok(ok("these"))
}

/// LSUB.
pub(super) async fn lsub(talk: &mut Talk, command: Lsub) -> Result<Status, Trouble> {
    let tree = tree(talk).await?;
    let patterns = patterns(&tree, &command.reference, &[command.pattern])?;
    for listed in tree.lsub(&patterns) {
        talk.tell(&Data::Lsub(listed)).await?;
    }
    Ok(ok("these"))
}

async fn tree(talk: &Talk) -> Result<Tree, Trouble> {
    let (store, account) = (&talk.node().store, talk.account.id);
    Ok(Tree::of(store.mailboxes(account).await?, &store.subscriptions(account).await?))
}

fn patterns(tree: &Tree, reference: &str, patterns: &[String]) -> Result<Vec<Pattern>, Trouble> {
    let patterns: Vec<Pattern> = patterns.iter().map(|pattern| Pattern::new(&format!("{reference}{pattern}"))).collect();
    let octets: usize = patterns.iter().map(|pattern| pattern.as_str().len()).sum();
    if octets.saturating_mul(tree.octets()) > WORK_MAX {
        return Err(no(CodeWord::Limit, "these are too many patterns").into());
    }
    Ok(patterns)
}

/// What LIST says of a mailbox that is there, and nothing more.
pub(super) fn plain(name: MailboxName) -> Listed {
    Listed::new(name)
}

/// What LIST says of a mailbox that is gone.
pub(super) fn gone(name: MailboxName) -> Listed {
    Listed { attributes: vec![Attribute::NonExistent, Attribute::NoSelect], ..Listed::new(name) }
}
