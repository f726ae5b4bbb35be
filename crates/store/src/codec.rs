//! Values as columns hold them: names for what has names, JSON for the state machines' states.

use delivery::consent::{Claims, Legacy, Screening};
use mail::envelope::{Body, ReportWish, ReturnWish};
use mail::id::NoticeId;
use mail::notice::Kind;
use serde::Serialize;

use crate::backend::Row;
use crate::{Result, StoreError};

/// The JSON of a value.
pub(crate) fn to_json<T: Serialize>(value: &T) -> Result<String> {
    serde_json::to_string(value).map_err(|error| StoreError::Damaged(format!("a value that JSON cannot hold: {error}")))
}

pub(crate) fn screening_name(screening: Screening) -> &'static str {
    match screening {
        Screening::Off => "off",
        Screening::Observe => "observe",
        Screening::On => "on",
    }
}

pub(crate) fn screening(name: &str) -> Result<Screening> {
    let all = [Screening::Off, Screening::Observe, Screening::On];
    all.into_iter().find(|known| screening_name(*known) == name).ok_or_else(|| unknown("screening mode", name))
}

pub(crate) fn legacy_name(legacy: Legacy) -> &'static str {
    match legacy {
        Legacy::Deliver => "deliver",
        Legacy::Keep => "keep",
        Legacy::Refuse => "refuse",
    }
}

pub(crate) fn legacy(name: &str) -> Result<Legacy> {
    let all = [Legacy::Deliver, Legacy::Keep, Legacy::Refuse];
    all.into_iter().find(|known| legacy_name(*known) == name).ok_or_else(|| unknown("legacy mode", name))
}

pub(crate) fn claims_name(claims: Claims) -> &'static str {
    match claims {
        Claims::Shown => "shown",
        Claims::Hidden => "hidden",
    }
}

pub(crate) fn claims(name: &str) -> Result<Claims> {
    let all = [Claims::Shown, Claims::Hidden];
    all.into_iter().find(|known| claims_name(*known) == name).ok_or_else(|| unknown("claims mode", name))
}

pub(crate) fn returns_name(returns: Option<ReturnWish>) -> &'static str {
    match returns {
        None => "",
        Some(ReturnWish::Headers) => "HDRS",
        Some(ReturnWish::Full) => "FULL",
    }
}

pub(crate) fn returns(name: &str) -> Result<Option<ReturnWish>> {
    match name {
        "" => Ok(None),
        "HDRS" => Ok(Some(ReturnWish::Headers)),
        "FULL" => Ok(Some(ReturnWish::Full)),
        other => Err(unknown("RET", other)),
    }
}

pub(crate) fn body(name: &str) -> Result<Body> {
    Body::parse(name).ok_or_else(|| unknown("BODY", name))
}

/// Reads a REF, or none.
pub(crate) fn reference(row: &mut Row) -> Result<Option<NoticeId>> {
    let reference = row.text_or_null()?.map(|text| text.parse::<NoticeId>()).transpose();
    reference.map_err(|error| StoreError::Damaged(format!("a REF in a column: {error}")))
}

pub(crate) fn kind(name: &str) -> Result<Kind> {
    Kind::parse(name).ok_or_else(|| unknown("KIND", name))
}

/// A NOTIFY parameter, or NULL where there was none.
pub(crate) fn report_wish(row: &mut Row) -> Result<ReportWish> {
    let Some(name) = row.text_or_null()? else { return Ok(ReportWish::Unsaid) };
    ReportWish::parse(&name).ok_or_else(|| unknown("NOTIFY", &name))
}

fn unknown(what: &str, name: &str) -> StoreError {
    StoreError::Damaged(format!("a column holds {name:?} as {what}"))
}
