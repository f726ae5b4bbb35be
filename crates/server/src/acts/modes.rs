//! By which rules a mailbox lives.

use delivery::consent::{Claims, Legacy, Screening};

use super::Acts;
use crate::admin::AdminError;

/// The rules of a mailbox; what is not named stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Modes {
    /// What happens to notices from strangers.
    pub screening: Option<Screening>,
    /// What happens to pushed mail from strangers.
    pub legacy: Option<Legacy>,
    /// Whether what strangers claim is shown.
    pub claims: Option<Claims>,
}

impl Acts<'_> {
    /// Changes what is named.
    ///
    /// # Errors
    /// The store is not available.
    pub async fn set_modes(&self, modes: Modes) -> Result<(), AdminError> {
        let Modes { screening, legacy, claims } = modes;
        if screening.is_some() || legacy.is_some() {
            self.store.set_mode(self.account.id, screening, legacy).await?;
            // What waits may be due by the new mode.
            self.due.raise();
        }
        if let Some(claims) = claims {
            self.store.set_claims(self.account.id, claims).await?;
        }
        Ok(())
    }
}
