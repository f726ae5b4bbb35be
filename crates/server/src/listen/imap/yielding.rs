//! Long work lets others go first now and then.

use std::task::Poll;

/// Comes back when everything else that is ready had its turn.
pub(super) async fn others_first() {
    let mut has_waited = false;
    std::future::poll_fn(|context| {
        if std::mem::replace(&mut has_waited, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}
