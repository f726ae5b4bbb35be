//! Plays the handshake once, and explains each step when the servers' own events show that it happened.

use std::time::Duration;

use mail::address::Mailbox;
use mail::id::NoticeId;
use tokio::sync::mpsc::UnboundedReceiver;

use crate::events::Event;
use crate::world::{First, World, first};

/// How long a step may take. All of them together take under a second.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// Which of the two servers an event is from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The origin, a.test.
    Origin,
    /// The destination, b.test.
    Destination,
}

/// The steps of the handshake, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// The origin took the message in.
    Kept,
    /// The destination recorded the notice, and the origin its acceptance.
    Noticed,
    /// The sender is not allowed.
    ContactAttempt,
    /// The recipient allows the sender.
    Allowed,
    /// The octets were handed over, and stored.
    Retrieved,
    /// The origin knows.
    Confirmed,
    /// The author knows.
    SenderTold,
}

impl Step {
    /// All of them.
    pub const ALL: [Self; 7] =
        [Self::Kept, Self::Noticed, Self::ContactAttempt, Self::Allowed, Self::Retrieved, Self::Confirmed, Self::SenderTold];

    /// Its name, as printed.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Kept => "kept",
            Self::Noticed => "noticed",
            Self::ContactAttempt => "contact attempt",
            Self::Allowed => "allowed",
            Self::Retrieved => "retrieved",
            Self::Confirmed => "confirmed",
            Self::SenderTold => "sender told",
        }
    }
}

/// The narration stopped: this step did not happen.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the narration stops before \"{}\": {reason}", step.title())]
pub struct Stopped {
    /// The step that is missing.
    pub step: Step,
    /// What is known about why.
    pub reason: String,
}

/// Listens to both servers, and tells what it hears.
pub struct Narrator<'a> {
    world: &'a dyn World,
    events: UnboundedReceiver<(Side, Event)>,
    heard: Vec<(Side, Event)>,
    patience: Duration,
    say: &'a (dyn Fn(&str) + Sync),
}

impl<'a> Narrator<'a> {
    /// A narrator who has heard nothing yet, and waits so long for each event.
    pub fn new(world: &'a dyn World, events: UnboundedReceiver<(Side, Event)>, patience: Duration, say: &'a (dyn Fn(&str) + Sync)) -> Self {
        Self { world, events, heard: Vec::new(), patience, say }
    }

    /// Tells of a step.
    pub fn tell(&self, step: Step, text: &str) {
        let number = Step::ALL.iter().position(|known| *known == step).map_or(0, |index| index + 1);
        let lines: String = text.lines().flat_map(|line| ["     ", line, "\n"]).collect();
        (self.say)(&format!("  {number}. {}\n{lines}", step.title()));
    }

    /// Waits for an event of a step, among those heard already or to come.
    ///
    /// # Errors
    /// It does not come.
    pub async fn hear<T>(&mut self, step: Step, side: Side, wanted: impl Fn(&Event) -> Option<T>) -> Result<T, Stopped> {
        if let Some(found) = self.heard.iter().find_map(|(from, event)| (*from == side).then(|| wanted(event)).flatten()) {
            return Ok(found);
        }
        let deadline = self.world.after(self.patience);
        loop {
            match first(self.events.recv(), self.world.sleep_until(deadline)).await {
                First::Left(Some((from, event))) => {
                    let found = if from == side { wanted(&event) } else { None };
                    self.heard.push((from, event));
                    if let Some(found) = found {
                        return Ok(found);
                    }
                }
                First::Left(None) => return Err(Stopped { step, reason: "the servers have stopped".to_owned() }),
                First::Right(()) => return Err(Stopped { step, reason: self.last_trouble() }),
            }
        }
    }

    fn last_trouble(&self) -> String {
        let trouble = self.heard.iter().rev().find_map(|(_, event)| match event {
            Event::Deferred { attempt, detail, .. } => Some(format!("the last {attempt} failed: {detail}")),
            Event::Ended { status, detail, .. } => Some(format!("the message is {status}: {detail}")),
            _ => None,
        });
        trouble.unwrap_or_else(|| format!("nothing was heard of it for {} s", self.patience.as_secs()))
    }
}

/// The message's way as far as the contact attempt: what the servers do by themselves. Returns its transfer.
///
/// # Errors
/// A step did not happen.
pub async fn until_contact_attempt(narrator: &mut Narrator<'_>, from: &Mailbox, to: &Mailbox) -> Result<NoticeId, Stopped> {
    let (transfer, size) = narrator
        .hear(Step::Kept, Side::Origin, |event| match event {
            Event::Kept { transfer, from: author, to: recipient, size_octets, .. } if author == from && recipient == to => {
                Some((transfer.clone(), *size_octets))
            }
            _ => None,
        })
        .await?;
    narrator.tell(
        Step::Kept,
        &format!(
            "{from} handed a message for {to} to her own server, by ordinary mail submission.\n\
             {} wrote all {size} octets to disk before it answered 250, and keeps them there.",
            from.domain()
        ),
    );

    narrator.hear(Step::Noticed, Side::Destination, |event| noted(event, &transfer)).await?;
    let host = narrator
        .hear(Step::Noticed, Side::Origin, |event| match event {
            Event::NoticeAccepted { transfer: id, host } if *id == transfer => Some(host.clone()),
            _ => None,
        })
        .await?;
    narrator.tell(
        Step::Noticed,
        &format!(
            "{} told {host} in one line: \"a message from {from} for {to} waits here\". The message itself did not travel.\n\
             {host} looked up in DNS whether that client may speak for {}, recorded the notice, and answered 250.",
            from.domain(),
            from.domain()
        ),
    );

    narrator
        .hear(Step::ContactAttempt, Side::Destination, |event| match event {
            Event::Listed { transfer: id, .. } if *id == transfer => Some(()),
            _ => None,
        })
        .await?;
    narrator.tell(
        Step::ContactAttempt,
        &format!(
            "{to} screens strangers and does not know {from} yet, so the notice became a contact attempt:\n\
             an entry in a list that {to} can look at whenever they like. {} is not told of this.",
            from.domain()
        ),
    );
    Ok(transfer)
}

/// The way from the recipient's consent to the origin's knowledge.
///
/// # Errors
/// A step did not happen.
pub async fn from_consent(narrator: &mut Narrator<'_>, transfer: &NoticeId, from: &Mailbox, to: &Mailbox) -> Result<(), Stopped> {
    let released = narrator
        .hear(Step::Allowed, Side::Destination, |event| match event {
            Event::ConsentChanged { account, released, .. } if account == to && *released > 0 => Some(*released),
            _ => None,
        })
        .await?;
    narrator.tell(Step::Allowed, &format!("{to} allowed {from}. All that waited from them became due: {released} message."));

    narrator
        .hear(Step::Retrieved, Side::Origin, |event| matches!(event, Event::Served { transfer: id } if id == transfer).then_some(()))
        .await?;
    let size = narrator
        .hear(Step::Retrieved, Side::Destination, |event| match event {
            Event::Stored { transfer: id, size_octets, .. } if id == transfer => Some(*size_octets),
            _ => None,
        })
        .await?;
    narrator.tell(
        Step::Retrieved,
        &format!(
            "{} found in DNS where mail from {} is retrieved, checked that server's certificate, fetched {size} octets,\n\
             checked their digest and their From, and stored them durably in {to}'s mailbox.",
            to.domain(),
            from.domain()
        ),
    );

    let reported = narrator
        .hear(Step::Confirmed, Side::Origin, |event| match event {
            Event::Confirmed { transfer: id, reported } if id == transfer => Some(*reported),
            _ => None,
        })
        .await?;
    narrator.tell(
        Step::Confirmed,
        &format!("{} confirmed that the message is safe. Only now did {} let go of its copy.", to.domain(), from.domain()),
    );
    if !reported {
        return Err(Stopped { step: Step::SenderTold, reason: "no report was written for the author".to_owned() });
    }
    Ok(())
}

fn noted(event: &Event, transfer: &NoticeId) -> Option<()> {
    matches!(event, Event::Noted { transfer: id, .. } if id == transfer).then_some(())
}
