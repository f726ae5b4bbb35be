//! THREAD: messages below those that they answer (RFC 5256 section 4).

use std::num::NonZeroU32;

use mail::thread::{Forest, Threadable, by_references, by_subject};
use proto::imap::command::Numbering;
use proto::imap::command::sort::{Algorithm, Thread};
use proto::imap::response::thread::{Place, Threads};
use proto::imap::response::{Data, Status};

use super::search::{self, Text};
use super::talk::{Talk, Trouble, ok};

/// Looks for messages, and tells their threads.
pub(super) async fn thread(talk: &mut Talk, command: Thread) -> Result<Status, Trouble> {
    let found = search::find(talk, &command.keys, None).await?;
    let keyed = found.place.keyed(&found.hits).await?;
    let keys = &keyed.keys;
    let messages = keyed.hits.iter().filter_map(|(hit, place)| {
        let row = keys.row(*place)?;
        Some(Threadable {
            number: if command.numbering == Numbering::Uid { hit.uid } else { hit.number },
            sent: row.sent.map_or(row.stamps.received, |sent| sent.at),
            subject: keys.text(row, Text::Subject).into(),
            is_reply: row.is_reply,
            message_id: keys.message_id(row).map(Into::into),
            references: keys.text(row, Text::References).lines().map(Into::into).collect(),
        })
    });
    let messages: Vec<Threadable<'_>> = messages.collect();
    let forest = match command.algorithm {
        Algorithm::References => by_references(&messages),
        Algorithm::OrderedSubject => by_subject(&messages),
    };
    talk.tell(&Data::Thread(written(&forest))).await?;
    Ok(ok("threaded"))
}

fn written(forest: &Forest) -> Threads {
    let mut threads = Threads::default();
    let mut due: Vec<(Option<Place>, usize)> = forest.roots.iter().rev().map(|root| (None, *root)).collect();
    while let Some((below, index)) = due.pop() {
        let Some(node) = forest.nodes.get(index) else { continue };
        let place = threads.add(below, node.number.and_then(NonZeroU32::new));
        due.extend(node.children.iter().rev().map(|child| (Some(place), *child)));
    }
    threads
}
