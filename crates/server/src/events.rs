//! What happens to messages, as it happens: for the log, and for whoever listens (the demo's narration).

use std::sync::Arc;

use mail::address::Mailbox;
use mail::id::{MailId, MessageId, NoticeId};

/// Something a person would want to know about a message. Told after the commit that makes it true.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The origin took a message in, and answered for it.
    Kept {
        /// The message.
        message: MessageId,
        /// Its transfer to this recipient.
        transfer: NoticeId,
        /// The responsible address.
        from: Mailbox,
        /// The recipient.
        to: Mailbox,
        /// Of the content.
        size_octets: u64,
    },
    /// The destination accepted the notice; the origin has recorded that.
    NoticeAccepted {
        /// The transfer.
        transfer: NoticeId,
        /// The destination's host.
        host: String,
    },
    /// The destination recorded a notice.
    Noted {
        /// The transfer, by the origin's id.
        transfer: NoticeId,
        /// The responsible address.
        from: Mailbox,
        /// The recipient.
        to: Mailbox,
    },
    /// The destination decided: a contact attempt.
    Listed {
        /// The transfer.
        transfer: NoticeId,
        /// Who waits.
        from: Mailbox,
        /// For whom.
        to: Mailbox,
    },
    /// The destination decided: to be retrieved. Or the recipient allowed the sender.
    Due {
        /// The transfer.
        transfer: NoticeId,
        /// Who is let in.
        from: Mailbox,
        /// By whom.
        to: Mailbox,
    },
    /// The recipient changed a list.
    ConsentChanged {
        /// Whose list.
        account: Mailbox,
        /// In words: `allow alice@a.test`.
        change: String,
        /// How many waiting messages became due.
        released: u32,
    },
    /// The origin committed Served: the last octet may leave.
    Served {
        /// The transfer.
        transfer: NoticeId,
    },
    /// The destination put the message into the mailbox.
    Stored {
        /// The transfer.
        transfer: NoticeId,
        /// Whose mailbox.
        to: Mailbox,
        /// As retrieved.
        size_octets: u64,
    },
    /// The origin heard, and recorded, that the message is safe at the destination.
    Confirmed {
        /// The transfer.
        transfer: NoticeId,
        /// Whether a report went to the author.
        reported: bool,
    },
    /// The destination recorded that the origin knows.
    Done {
        /// The transfer.
        transfer: NoticeId,
    },
    /// A message was pushed here by ordinary SMTP, and answered for.
    Received {
        /// Names it, in the mailbox and aside.
        mail: MailId,
        /// Whom it claims to be from.
        from: Mailbox,
        /// Whose mailbox.
        to: Mailbox,
        /// `delivered`, `kept` aside, or `dropped`.
        became: &'static str,
        /// As it came.
        size_octets: u64,
    },
    /// A transfer ended otherwise.
    Ended {
        /// The transfer.
        transfer: NoticeId,
        /// Its status, as the sender sees it.
        status: &'static str,
        /// Why.
        detail: String,
    },
    /// An attempt failed and will be made again.
    Deferred {
        /// The transfer.
        transfer: NoticeId,
        /// What was attempted: `notice`, `retrieve`, `confirm`, `decline`.
        attempt: &'static str,
        /// Why it failed.
        detail: String,
    },
}

impl Event {
    /// Which it is and how it went, in words of ours: for counting.
    pub const fn what(&self) -> (&'static str, &'static str) {
        match self {
            Self::Kept { .. } => ("kept", ""),
            Self::NoticeAccepted { .. } => ("notice-accepted", ""),
            Self::Noted { .. } => ("noted", ""),
            Self::Listed { .. } => ("listed", ""),
            Self::Due { .. } => ("due", ""),
            Self::ConsentChanged { .. } => ("consent-changed", ""),
            Self::Served { .. } => ("served", ""),
            Self::Stored { .. } => ("stored", ""),
            Self::Confirmed { reported: true, .. } => ("confirmed", "reported"),
            Self::Confirmed { reported: false, .. } => ("confirmed", ""),
            Self::Done { .. } => ("done", ""),
            Self::Received { became, .. } => ("received", became),
            Self::Ended { status, .. } => ("ended", status),
            Self::Deferred { attempt, .. } => ("deferred", attempt),
        }
    }

    /// What it is about, where that has a name: the message, the transfer.
    const fn names(&self) -> (Option<MessageId>, Option<&NoticeId>) {
        match self {
            Self::Kept { message, transfer, .. } => (Some(*message), Some(transfer)),
            Self::NoticeAccepted { transfer, .. }
            | Self::Noted { transfer, .. }
            | Self::Listed { transfer, .. }
            | Self::Due { transfer, .. }
            | Self::Served { transfer }
            | Self::Stored { transfer, .. }
            | Self::Confirmed { transfer, .. }
            | Self::Done { transfer }
            | Self::Ended { transfer, .. }
            | Self::Deferred { transfer, .. } => (None, Some(transfer)),
            Self::ConsentChanged { .. } | Self::Received { .. } => (None, None),
        }
    }
}

type Listener = dyn Fn(&Event) + Send + Sync;

/// Where events go. Cheap to clone; tells nobody by default.
#[derive(Clone, Default)]
pub struct Events {
    listener: Option<Arc<Listener>>,
}

impl Events {
    /// Tells this listener, on the task where the event happens: it must be quick.
    pub fn to(listener: impl Fn(&Event) + Send + Sync + 'static) -> Self {
        Self { listener: Some(Arc::new(listener)) }
    }

    /// The same, and tells this listener as well.
    #[must_use]
    pub fn and(self, also: impl Fn(&Event) + Send + Sync + 'static) -> Self {
        match self.listener {
            None => Self::to(also),
            Some(listener) => Self::to(move |event| {
                listener(event);
                also(event);
            }),
        }
    }

    /// Logs the event and tells the listener.
    pub fn tell(&self, event: &Event) {
        let (message, transfer) = event.names();
        tracing::info!(target: "twoway::event", ?event, message = message.map(tracing::field::display), transfer = transfer.map(NoticeId::as_str));
        if let Some(listener) = &self.listener {
            listener(event);
        }
    }
}
