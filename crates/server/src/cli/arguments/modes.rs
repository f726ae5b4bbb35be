//! The words of `mode`.

use clap::ValueEnum;
use delivery::consent::{Claims, Legacy, Screening};

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(in crate::cli) enum ScreeningArgument {
    /// Everything authorised is fetched.
    Off,
    /// The same, and who would have waited is shown.
    Observe,
    /// Strangers wait as contact attempts.
    On,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(in crate::cli) enum LegacyArgument {
    /// Delivered.
    Deliver,
    /// Kept aside, shown among the contact attempts.
    Keep,
    /// Refused.
    Refuse,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(in crate::cli) enum ClaimsArgument {
    /// As claimed, and marked so.
    Shown,
    /// Addresses and times only.
    Hidden,
}

impl From<ClaimsArgument> for Claims {
    fn from(argument: ClaimsArgument) -> Self {
        match argument {
            ClaimsArgument::Shown => Self::Shown,
            ClaimsArgument::Hidden => Self::Hidden,
        }
    }
}

impl From<ScreeningArgument> for Screening {
    fn from(argument: ScreeningArgument) -> Self {
        match argument {
            ScreeningArgument::Off => Self::Off,
            ScreeningArgument::Observe => Self::Observe,
            ScreeningArgument::On => Self::On,
        }
    }
}

impl From<LegacyArgument> for Legacy {
    fn from(argument: LegacyArgument) -> Self {
        match argument {
            LegacyArgument::Deliver => Self::Deliver,
            LegacyArgument::Keep => Self::Keep,
            LegacyArgument::Refuse => Self::Refuse,
        }
    }
}
