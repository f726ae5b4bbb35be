//! SORT: messages in an order (RFC 5256 section 3, RFC 5957; RETURN as RFC 5267 has it).

use mail::summary::Summary;
use mail::time::Timestamp;
use proto::imap::command::sort::{Criterion, Order, Sort, SortKey};
use proto::imap::response::Status;

use super::search::{self, Hit, Ordering, Stamps};
use super::talk::{Talk, Trouble};

/// By what a message is compared.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    Time(Timestamp),
    Octets(u64),
    /// Folded (RFC 5256 section 2.1: `i;unicode-casemap`).
    Text(String),
}

/// Looks for messages, and puts them in order.
pub(super) async fn sort(talk: &mut Talk, command: Sort) -> Result<Status, Trouble> {
    let mut found = search::find(talk, &command.keys, command.returns.as_deref()).await?;
    let mut ranked: Vec<(Vec<Rank>, Hit)> = Vec::with_capacity(found.hits.len());
    let rank = |hit: Hit, item: Stamps, summary: Summary| {
        ranked.push((command.criteria.iter().map(|criterion| of(criterion.by, &item, &summary)).collect(), hit));
    };
    found.place.summaries(&found.hits, rank).await?;
    ranked.sort_by(|(one, first), (other, second)| compare(&command.criteria, one, other).then(first.number.cmp(&second.number)));
    found.hits = ranked.into_iter().map(|(_, hit)| hit).collect();
    search::tell(talk, &found, command.numbering, command.returns.as_deref(), Ordering::Sorted).await
}

fn of(key: SortKey, item: &Stamps, summary: &Summary) -> Rank {
    match key {
        SortKey::Arrival => Rank::Time(item.received),
        // RFC 5256 section 2.2: without a date that can be read, when it arrived.
        SortKey::Date => Rank::Time(summary.sent.map_or(item.received, |sent| sent.at)),
        SortKey::Size => Rank::Octets(item.size_octets),
        SortKey::Subject => Rank::Text(summary.subject.text.clone()),
        SortKey::From => Rank::Text(summary.from.clone()),
        SortKey::To => Rank::Text(summary.to.clone()),
        SortKey::Cc => Rank::Text(summary.cc.clone()),
        SortKey::DisplayFrom => Rank::Text(summary.display_from.clone()),
        SortKey::DisplayTo => Rank::Text(summary.display_to.clone()),
    }
}

/// REVERSE turns its own criterion round; what is equal in all of them stays in the order of the mailbox.
fn compare(criteria: &[Criterion], one: &[Rank], other: &[Rank]) -> std::cmp::Ordering {
    let by_each = criteria.iter().zip(one.iter().zip(other)).map(|(criterion, (one, other))| match criterion.order {
        Order::Ascending => one.cmp(other),
        Order::Descending => other.cmp(one),
    });
    by_each.fold(std::cmp::Ordering::Equal, std::cmp::Ordering::then)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_criterion_counts_first_and_reverse_only_for_itself() {
        let text = |text: &str| Rank::Text(text.to_owned());
        let criteria =
            [Criterion { by: SortKey::Subject, order: Order::Descending }, Criterion { by: SortKey::Size, order: Order::Ascending }];
        let mut rows = vec![vec![text("a"), Rank::Octets(2)], vec![text("b"), Rank::Octets(2)], vec![text("a"), Rank::Octets(1)]];
        rows.sort_by(|one, other| compare(&criteria, one, other));
        assert_eq!(rows, [vec![text("b"), Rank::Octets(2)], vec![text("a"), Rank::Octets(1)], vec![text("a"), Rank::Octets(2)]]);
    }
}
