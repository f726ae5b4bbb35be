//! Faults put in on purpose, to see whether the simulation finds them: without the feature `mutants`, which only its own
//! build turns on, none is ever in.

/// One fault: one line that is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mutant {
    /// The destination confirms, and only then stores.
    ConfirmBeforeStore,
    /// The origin takes what it sent for delivered.
    DeleteWhenSent,
    /// The destination stores what it has already. Two lines: its row and its mailbox both know the key.
    StoreNotKeyed,
    /// The origin records Served when the octets have left.
    ServedRecordedLate,
    /// A message that could not be kept is answered 250.
    MessageTakenUnkept,
    /// Everybody is let in.
    EverybodyLetIn,
    /// Anybody may act for any domain.
    NoAuthority,
    /// Octets are stored that are not those announced.
    DigestIgnored,
    /// Allowing somebody releases nothing that waits.
    AllowReleasesNothing,
    /// Pushed mail that is to be kept aside is answered for, and is not there.
    KeptAsideNowhere,
    /// A notice that was put off is not given again.
    NoticeNotRepeated,
    /// What another server puts off is taken for passed on.
    RelayPutOffIsTaken,
    /// One handshake that is lost makes a server one without the extension.
    OneLostHandshakeIsEnough,
    /// What was served can be taken back.
    ServedTakenBack,
    /// A repeated confirmation is reported again.
    ConfirmationReportedAgain,
    /// A reply to NOTICE takes longer where the recipient screens.
    ScreeningTimed,
    /// A session that ends leaves a task behind.
    SessionLeavesTask,
    /// A session that ends leaves memory behind.
    SessionLeavesMemory,
}

/// Whether any can be put in. What is built for people to run refuses to be built with them.
pub const ARE_POSSIBLE: bool = cfg!(feature = "mutants");

impl Mutant {
    /// Whether this fault is in, on this thread.
    #[cfg(not(feature = "mutants"))]
    pub const fn is_in(self) -> bool {
        false
    }

    /// Whether this fault is in, on this thread.
    #[cfg(feature = "mutants")]
    pub fn is_in(self) -> bool {
        switch::IN.with(|put_in| put_in.get() == Some(self))
    }
}

/// Puts one fault in, on this thread; or none.
#[cfg(feature = "mutants")]
pub fn put_in(mutant: Option<Mutant>) {
    switch::IN.with(|put_in| put_in.set(mutant));
}

#[cfg(feature = "mutants")]
mod switch {
    use std::cell::Cell;

    use super::Mutant;

    thread_local! {
        pub(super) static IN: Cell<Option<Mutant>> = const { Cell::new(None) };
    }
}
