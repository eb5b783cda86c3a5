//! Asking several branches for one thing: the next is asked when one fails or is slow.

use crate::{branch::Branch, error::ClientError};
use futures::{StreamExt, stream::FuturesUnordered};
use std::{collections::VecDeque, sync::Arc, time::Duration};

/// How long a branch may take before another is asked as well.
pub(crate) const HEDGE: Duration = Duration::from_millis(750);

/// The first answer that holds, with the branch that gave it.
///
/// # Errors
/// When no branch gives one: silence and bad answers told apart.
pub(crate) async fn first_good<T, W: Future<Output = Result<T, ClientError>>>(
    branches: Vec<Arc<Branch>>,
    ask: impl Fn(Arc<Branch>) -> W,
) -> Result<(Arc<Branch>, T), ClientError> {
    let mut next = VecDeque::from(branches);
    let mut running = FuturesUnordered::new();
    let mut failures = Vec::new();
    let mut newest: Option<Arc<Branch>> = None;
    loop {
        if running.is_empty() {
            let Some(branch) = next.pop_front() else { return Err(none_of(failures)) };
            newest = Some(branch.clone());
            running.push(named(branch.clone(), ask(branch)));
        }
        tokio::select! {
            Some((branch, result)) = running.next() => match result {
                Ok(answer) => return Ok((branch, answer)),
                Err(error) => failures.push((branch.name().to_owned(), error)),
            },
            () = tokio::time::sleep(HEDGE), if !next.is_empty() => {
                if let Some(slow) = newest.take() {
                    slow.suspect();
                }
                if let Some(branch) = next.pop_front() {
                    newest = Some(branch.clone());
                    running.push(named(branch.clone(), ask(branch)));
                }
            }
        }
    }
}

async fn named<T>(branch: Arc<Branch>, work: impl Future<Output = T>) -> (Arc<Branch>, T) {
    (branch, work.await)
}

/// One error for many.
pub(crate) fn none_of(failures: Vec<(String, ClientError)>) -> ClientError {
    let silent =
        |error: &ClientError| matches!(error, ClientError::Branch { error, .. } if error.is_silence());
    let all_silent = failures.iter().all(|(_, error)| silent(error));
    if all_silent {
        let names: Vec<String> = failures.into_iter().map(|(name, _)| name).collect();
        return ClientError::AllSilent(names.join(", "));
    }
    // One sentence that all say is said once.
    let mut details = failures.iter().map(|(_, error)| match error {
        ClientError::Branch { error, .. } => error.to_string(),
        other => other.to_string(),
    });
    if let Some(first) = details.next()
        && failures.len() > 1
        && details.all(|detail| detail == first)
    {
        return ClientError::EveryBranch(first);
    }
    // Errors name their branch themselves.
    let told: Vec<String> = failures.iter().map(|(_, error)| error.to_string()).collect();
    match failures.into_iter().next() {
        Some((_, only)) if told.len() == 1 => only,
        _ => ClientError::NoneUsable(told.join("; ")),
    }
}
