//! Which messages of a mailbox fit: cheap questions first, in pages, so that others have their turn and memory is bounded.

use std::collections::BTreeMap;
use std::sync::Arc;

use mail::id::MailId;
use mail::message::HeaderSection;
use mail::searchable::Searchable;
use mail::summary::Summary;
use proto::imap::view::Message;
use store::StoreError;
use store::search_index::{Reading, Sought, Stamps, TextExtent};

use super::answer::Hit;
use super::content;
use super::place::Place;
use super::plan::{Facts, Plan, Text, WhenSent};
use crate::listen::imap::yielding;

/// Messages looked at between two turns of others.
const PAGE: usize = 5_000;
/// Texts looked at in one transaction: half a megabyte, mostly; six, where all are long and read from the mail itself.
const TEXTS_AT_ONCE: usize = 200;
/// Header sections looked at in one transaction: the same.
const HEADS_AT_ONCE: usize = 1_500;
/// Texts are read in a row, where at least one of so many messages is looked at.
const DENSE: u32 = 3;
/// Messages of so few texts are read without asking the segments.
const WITHOUT_SEGMENTS_MAX: usize = 100;
/// Texts of one search that segments are asked about.
const RULED_OUT_MAX: usize = 16;
/// Octets of text that are looked at, of a message that is read itself.
const BODY_OCTETS_MAX: usize = 16 << 20;

/// A message that is not decided yet.
struct Open<'a> {
    number: u32,
    message: &'a Message,
    item: Option<Stamps>,
    sent: WhenSent,
}

impl Open<'_> {
    fn fits(&self, plan: &Plan, texts: &[Option<bool>]) -> Option<bool> {
        let Self { number, message, item, sent } = *self;
        plan.fits(&Facts { number, message, item, sent, texts })
    }

    fn hit(&self) -> Hit {
        Hit { number: self.number, uid: self.message.uid.get(), modseq: self.message.modseq }
    }
}

/// The messages that fit, in the order of the mailbox.
///
/// # Errors
/// The store's.
pub(super) async fn matching(place: &Place, plan: &Plan) -> Result<Vec<Hit>, StoreError> {
    let mut hits = Vec::new();
    let mut open = Vec::new();
    for (index, message) in place.view.contents().iter().enumerate() {
        if index % PAGE == PAGE - 1 {
            yielding::others_first().await;
        }
        if place.view.is_gone(message.uid.get()) {
            continue;
        }
        let one = Open { number: u32::try_from(index + 1).unwrap_or(u32::MAX), message, item: None, sent: WhenSent::NotRead };
        sort_in(one, plan, &[], &mut hits, &mut open);
    }
    if !open.is_empty() {
        open = ask_items(place, plan, open, &mut hits).await?;
    }
    if plan.asks_sent && !open.is_empty() {
        open = ask_summaries(place, plan, open, &mut hits).await?;
    }
    if !open.is_empty() && !plan.texts.is_empty() {
        open = ask_segments(place, plan, open, &mut hits).await?;
        open = ask_texts(place, plan, open, &mut hits).await?;
    }
    read_messages(place, plan, open, &mut hits).await?;
    hits.sort_unstable_by_key(|hit| hit.number);
    Ok(hits)
}

fn sort_in<'a>(one: Open<'a>, plan: &Plan, texts: &[Option<bool>], hits: &mut Vec<Hit>, open: &mut Vec<Open<'a>>) {
    match one.fits(plan, texts) {
        Some(true) => hits.push(one.hit()),
        Some(false) => {}
        None => open.push(one),
    }
}

/// What items say: dates, sizes, and which mail they show. What is remembered of a message is not asked for.
async fn ask_items<'a>(place: &Place, plan: &Plan, open: Vec<Open<'a>>, hits: &mut Vec<Hit>) -> Result<Vec<Open<'a>>, StoreError> {
    let (mut left, mut unknown) = (Vec::new(), Vec::new());
    match place.known() {
        Some(keys) => {
            let places: Vec<Option<usize>> = keys.places(open.iter().map(|one| one.message.uid.get())).collect();
            for (one, place) in open.into_iter().zip(places) {
                match place.and_then(|place| keys.row(place)) {
                    Some(row) => {
                        sort_in(Open { item: Some(row.stamps), sent: WhenSent::Says(row.sent), ..one }, plan, &[], hits, &mut left);
                    }
                    None => unknown.push(one),
                }
            }
        }
        None => unknown = open,
    }
    let uids: Vec<u32> = unknown.iter().map(|one| one.message.uid.get()).collect();
    let items = place.stamps(&uids).await?;
    for one in unknown {
        // One that is not there any more fits nothing.
        let Ok(found) = items.binary_search_by_key(&one.message.uid.get(), |item| item.uid) else { continue };
        sort_in(Open { item: items.get(found).copied(), ..one }, plan, &[], hits, &mut left);
    }
    Ok(left)
}

async fn ask_summaries<'a>(place: &Place, plan: &Plan, open: Vec<Open<'a>>, hits: &mut Vec<Hit>) -> Result<Vec<Open<'a>>, StoreError> {
    let (unknown, mut left): (Vec<_>, Vec<_>) = open.into_iter().partition(|one| one.sent == WhenSent::NotRead);
    let mut due = unknown.into_iter();
    loop {
        let page: Vec<Open<'a>> = due.by_ref().take(PAGE).collect();
        if page.is_empty() {
            return Ok(left);
        }
        let mails = page.iter().filter_map(|one| one.item.map(|item| item.mail)).collect();
        let summaries = place.node.store.summaries(place.account, mails).await?;
        for one in page {
            let sent =
                one.item.and_then(|item| summaries.get(&item.mail)).map_or(WhenSent::NotRead, |summary| WhenSent::Says(summary.sent));
            sort_in(Open { sent, ..one }, plan, &[], hits, &mut left);
        }
    }
}

/// What segments rule out.
async fn ask_segments<'a>(place: &Place, plan: &Plan, open: Vec<Open<'a>>, hits: &mut Vec<Hit>) -> Result<Vec<Open<'a>>, StoreError> {
    if open.len() <= WITHOUT_SEGMENTS_MAX {
        return Ok(open);
    }
    let sought: Vec<Sought> = plan.texts.iter().take(RULED_OUT_MAX).map(Text::ruled_out_by).collect();
    let mut places: Vec<(MailId, usize)> =
        open.iter().enumerate().filter_map(|(index, one)| one.item.map(|item| (item.mail, index))).collect();
    places.sort_unstable();
    // One bit for each text that a message does not have.
    let mut ruled_out = vec![0_u16; open.len()];
    let mut after = Some(0);
    while let Some(segment) = after {
        let page = place.node.store.rule_out(place.account, sought.clone(), segment).await?;
        for (text, mails) in page.mails.iter().enumerate() {
            for mail in mails {
                let from = places.partition_point(|(known, _)| known < mail);
                // The same mail may be shown twice in a mailbox.
                for (_, index) in places.iter().skip(from).take_while(|(known, _)| known == mail) {
                    if let Some(bits) = ruled_out.get_mut(*index) {
                        *bits |= 1 << text;
                    }
                }
            }
        }
        after = page.next;
    }
    let mut left = Vec::new();
    for (one, bits) in open.into_iter().zip(ruled_out) {
        let known: Vec<Option<bool>> =
            (0..plan.texts.len()).map(|text| (text < RULED_OUT_MAX && bits >> text & 1 == 1).then_some(false)).collect();
        sort_in(one, plan, &known, hits, &mut left);
    }
    Ok(left)
}

/// What the texts in the index say.
async fn ask_texts<'a>(place: &Place, plan: &Plan, open: Vec<Open<'a>>, hits: &mut Vec<Hit>) -> Result<Vec<Open<'a>>, StoreError> {
    let is_of_fields = plan.texts.iter().all(|text| matches!(text, Text::Field(..)));
    let (extent, at_once) = if is_of_fields { (TextExtent::Heads, HEADS_AT_ONCE) } else { (TextExtent::Whole, TEXTS_AT_ONCE) };
    let mut left = Vec::new();
    let mut due = open.into_iter();
    loop {
        let page: Vec<Open<'a>> = due.by_ref().take(at_once).collect();
        let (Some(first), Some(last)) = (page.first(), page.last()) else { return Ok(left) };
        let count = u32::try_from(page.len()).unwrap_or(u32::MAX);
        let reading = Reading { extent, is_dense: last.number - first.number < count.saturating_mul(DENSE) };
        let mails = page.iter().filter_map(|one| one.item.map(|item| item.mail)).collect();
        let texts: Arc<Vec<Text>> = Arc::clone(&plan.texts);
        let look = move |text: &Searchable| texts.iter().map(|wanted| wanted.is_in(text)).collect::<Vec<_>>();
        let known: BTreeMap<MailId, Vec<Option<bool>>> = place.node.store.look_at_texts(place.account, mails, reading, look).await?;
        for one in page {
            let known = one.item.and_then(|item| known.get(&item.mail)).map(Vec::as_slice).unwrap_or_default();
            sort_in(one, plan, known, hits, &mut left);
        }
    }
}

/// What the messages themselves say: those that the index has not seen, or not wholly.
async fn read_messages(place: &Place, plan: &Plan, open: Vec<Open<'_>>, hits: &mut Vec<Hit>) -> Result<(), StoreError> {
    for page in open.chunks(content::MESSAGES_AT_ONCE) {
        let mails: Vec<MailId> = page.iter().filter_map(|one| one.item.map(|item| item.mail)).collect();
        let mut contents = content::Contents::of(&place.node, place.account, mails).await?;
        let part = if plan.texts.is_empty() { content::Part::Head } else { content::Part::Whole };
        while let Some((mail, octets)) = contents.next(part).await? {
            let text = if plan.texts.is_empty() { Searchable::default() } else { Searchable::read(&octets, BODY_OCTETS_MAX) };
            let known: Vec<Option<bool>> = plan.texts.iter().map(|wanted| Some(wanted.is_in_message(&octets, &text))).collect();
            let sent = Summary::read(&HeaderSection::read(&octets)).sent;
            let shown = page.iter().filter(|one| one.item.is_some_and(|item| item.mail == mail));
            hits.extend(shown.filter(|one| Open { sent: WhenSent::Says(sent), ..**one }.fits(plan, &known) == Some(true)).map(Open::hit));
            yielding::others_first().await;
        }
    }
    Ok(())
}
