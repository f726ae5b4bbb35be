//! What lies in mailboxes: messages behind their trace fields, and reports to authors.

/// Whether these octets are the content behind trace fields, and nothing else.
pub fn is_behind_traces(octets: &[u8], content: &[u8]) -> bool {
    let Some(front) = octets.strip_suffix(content) else { return false };
    let front = String::from_utf8_lossy(front);
    front.lines().all(|line| line.starts_with([' ', '\t']) || line.starts_with("Return-Path:") || line.starts_with("Received:"))
}

/// What a report says: ENVID, and the action for each recipient; nothing if it is none of ours.
pub fn report(octets: &[u8]) -> Option<(String, Vec<(String, String)>)> {
    let text = String::from_utf8_lossy(octets);
    let statuses = text.split("/delivery-status\r\n").nth(1).or_else(|| text.split("/global-delivery-status\r\n").nth(1))?;
    let statuses = statuses.split("\r\n--").next()?;
    let field = |name: &str, block: &str| {
        let line = block.lines().find(|line| line.to_ascii_lowercase().starts_with(name))?;
        Some(line.split_once(':')?.1.trim().to_owned())
    };
    let envelope_id = field("original-envelope-id:", statuses)?;
    let mut actions = vec![];
    for block in statuses.split("\r\n\r\n") {
        if let (Some(recipient), Some(action)) = (field("final-recipient:", block), field("action:", block)) {
            let address = recipient.split_once(';').map_or(recipient.as_str(), |(_, address)| address.trim()).to_owned();
            actions.push((address, action));
        }
    }
    Some((envelope_id, actions))
}
