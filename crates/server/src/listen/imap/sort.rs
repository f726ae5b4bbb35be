//! SORT: messages in an order (RFC 5256 section 3, RFC 5957; RETURN as RFC 5267 has it).

use mail::time::Timestamp;
use proto::imap::command::sort::{Criterion, Order, Sort, SortKey};
use proto::imap::response::Status;

use super::search::{self, Hit, Keyed, Ordering, Text, update};
use super::talk::{Talk, Trouble};

/// Looks for messages, and puts them in order.
pub(super) async fn sort(talk: &mut Talk, command: Sort) -> Result<Status, Trouble> {
    let mut found = search::find(talk, &command.keys, command.returns.as_deref()).await?;
    let keyed = found.place.keyed(&found.hits).await?;
    found.hits = in_order(&keyed, &command.criteria);
    let status = search::tell(talk, &found, command.numbering, command.returns.as_deref(), Ordering::Sorted).await?;
    let (returns, criteria) = (command.returns.as_deref(), Some(&command.criteria[..]));
    let kept = update::Wish { returns, numbering: command.numbering, keys: &command.keys, criteria };
    update::keep(talk, &kept, &found.hits).await?;
    Ok(status)
}

/// Messages in order.
pub(super) fn in_order(keyed: &Keyed, criteria: &[Criterion]) -> Vec<Hit> {
    let columns = criteria.iter().map(|criterion| {
        let mut column = column(keyed, criterion.by);
        // RFC 5256 section 3: REVERSE turns its own criterion round.
        if criterion.order == Order::Descending {
            for value in &mut column {
                *value = !*value;
            }
        }
        column
    });
    let order = order(&columns.collect::<Vec<_>>(), keyed.hits.len());
    order.into_iter().filter_map(|place| keyed.hits.get(place).map(|(hit, _)| *hit)).collect()
}

/// For each message a number that compares as what it is sorted by.
fn column(keyed: &Keyed, key: SortKey) -> Vec<u64> {
    let keys = &keyed.keys;
    // A time before 1970 is less than one after it.
    let time = |time: Timestamp| time.as_millis().cast_unsigned() ^ (1 << 63);
    let rows = keyed.hits.iter().map(|(_, place)| keys.row(*place));
    let text = match key {
        SortKey::Arrival => return rows.map(|row| row.map_or(0, |row| time(row.stamps.received))).collect(),
        // RFC 5256 section 2.2: without a date that can be read, when it arrived.
        SortKey::Date => {
            return rows.map(|row| row.map_or(0, |row| time(row.sent.map_or(row.stamps.received, |sent| sent.at)))).collect();
        }
        SortKey::Size => return rows.map(|row| row.map_or(0, |row| row.stamps.size_octets)).collect(),
        SortKey::Subject => Text::Subject,
        SortKey::From => Text::From,
        SortKey::To => Text::To,
        SortKey::Cc => Text::Cc,
        SortKey::DisplayFrom => Text::DisplayFrom,
        SortKey::DisplayTo => Text::DisplayTo,
    };
    // RFC 5256 section 2.1: `i;unicode-casemap`.
    let ranks = keys.ranks(text);
    keyed.hits.iter().map(|(_, place)| ranks.get(*place).copied().map_or(0, u64::from)).collect()
}

/// The places of so many messages in order; what is equal in all columns stays in the order of the mailbox.
fn order(columns: &[Vec<u64>], count: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..count).collect();
    match columns {
        [only] => order.sort_by_cached_key(|place| only.get(*place).copied()),
        several => order.sort_by(|one, other| {
            let by_each = several.iter().map(|column| column.get(*one).cmp(&column.get(*other)));
            by_each.fold(std::cmp::Ordering::Equal, std::cmp::Ordering::then)
        }),
    }
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_criterion_counts_first_and_what_is_equal_stays_where_it_was() {
        assert_eq!(order(&[vec![!1, !2, !1], vec![2, 2, 1]], 3), [1, 2, 0]);
        assert_eq!(order(&[vec![2, 1, 2, 1]], 4), [1, 3, 0, 2]);
        assert_eq!(order(&[], 2), [0, 1]);
    }
}
