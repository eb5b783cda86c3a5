//! What comes from the branches without a question for each piece: the streams, and where everybody stands.

use super::Answer;
use crate::{
    message::{Message, Ticket},
    watching::Watched,
};
use std::{ops::RangeInclusive, time::Duration};
use tokio::sync::mpsc::UnboundedSender;
use wardline_client::{Group, StripRow};
use wardline_ledger::Chain;

/// Rows of the strip that are taken in with every change: more than any screen has.
const STRIP_ROWS: usize = 128;
/// Most rows of the strip that are looked through for older blocks.
const STRIP_DEPTH: usize = 8192;

/// How often to look which branches have answered by now.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Hands over what the group watches whenever it changed. Many changes at once are one.
pub(super) async fn follow(group: Group, ticket: Ticket, sender: UnboundedSender<Answer>) {
    let mut changes = group.watch();
    loop {
        changes.mark_unchanged();
        let side = group.overview().side.is_some();
        let watched = Watched {
            overview: group.overview(),
            main: group.strip(Chain::Main, STRIP_ROWS),
            side: side.then(|| group.strip(Chain::Side, STRIP_ROWS)),
            alarms: group.alarms(),
        };
        // The receiver is gone only when the console is.
        let _ = sender.send(Answer::Watched(ticket, Some(Box::new(watched))));
        if changes.changed().await.is_err() {
            let _ = sender.send(Answer::Watched(ticket, None));
            return;
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// What the strip knows of these heights, as far as it still has them.
pub(super) fn strip_rows(group: &Group, chain: Chain, heights: RangeInclusive<u64>) -> Vec<StripRow> {
    let head = group.strip(chain, 1).rows.first().map_or(*heights.end(), |row| row.height);
    let depth = head.saturating_sub(*heights.start()).saturating_add(1);
    let rows = group.strip(chain, usize::try_from(depth).unwrap_or(usize::MAX).min(STRIP_DEPTH)).rows;
    rows.into_iter().filter(|row| heights.contains(&row.height)).collect()
}

/// Asks all branches, and hands over what is known of those that have answered while others are waited for.
pub(super) async fn refresh(group: Group, ticket: Ticket, sender: UnboundedSender<Answer>) -> Message {
    let refreshed = |known| Message::Refreshed(ticket, Box::new(known));
    let all = group.refresh();
    tokio::pin!(all);
    let mut told = None;
    loop {
        tokio::select! {
            biased;
            known = &mut all => return refreshed(known),
            () = tokio::time::sleep(LOOK_EVERY) => {
                let known = group.overview();
                if known.asking && told.as_ref() != Some(&known) {
                    told = Some(known.clone());
                    let _ = sender.send(Answer::Message(ticket, refreshed(known)));
                }
            }
        }
    }
}
