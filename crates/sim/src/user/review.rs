//! Reviewing contact requests, as somebody does whose mail program moves their messages.

use delivery::consent::{EntryList, Who};
use mail::address::Mailbox;
use server::acts::{Acts, Wish};
use server::node::Node;
use store::made::{Made, Request};
use store::{Account, StoreError};

use super::User;

impl User {
    /// Whose requests lie in the mailbox of contact requests, in the order of their UIDs.
    pub fn requests(&self) -> Vec<Mailbox> {
        let account = self.account;
        let looked = self.ask(move |node| Box::pin(async move { requests(&node, &account_of(&node, account).await?).await }));
        self.sim.sure(looked).into_iter().map(|request| request.sender).collect()
    }

    /// Moves somebody's request to INBOX. Whether there was one.
    pub fn move_request_to_inbox(&self, who: &Mailbox) -> bool {
        let (account, who) = (self.account, who.clone());
        let moved = self.ask(move |node| {
            Box::pin(async move {
                let account = account_of(&node, account).await?;
                let found = requests(&node, &account).await?.into_iter().find(|request| request.sender == who);
                let Some(request) = found else { return Ok(false) };
                let wish = Wish::new(EntryList::Allow, Who::Address(request.sender), "contact request moved to INBOX").of(request.kind);
                let done = Acts::of(&node, &account, "imap").add(wish).await;
                done.map(|_changed| true).map_err(|error| StoreError::Unavailable(error.message))
            })
        });
        self.sim.sure(moved)
    }
}

async fn account_of(node: &Node, account: mail::id::AccountId) -> Result<Account, StoreError> {
    let found = node.store.account_by_id(account).await?;
    found.ok_or_else(|| StoreError::Unavailable("the account is no more".to_owned()))
}

async fn requests(node: &Node, account: &Account) -> Result<Vec<Request>, StoreError> {
    let Some(mailbox) = node.store.refresh_made(account.id, Made::Requests, node.world.now()).await? else { return Ok(Vec::new()) };
    let items = node.store.items(account.id, mailbox.id, 0, 1_000).await?;
    node.store.requests_of(account.id, items.iter().map(|item| item.uid).collect()).await
}
