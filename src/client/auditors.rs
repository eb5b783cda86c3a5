//! What auditors said last of the sealed records: proven under the verified main chain, and held against it.
//!
//! An auditor's word is shown as the auditor's, never as this console's own check.

use crate::{
    error::ClientError,
    group::{Group, Inner, locked},
};
use std::time::{Duration, Instant};
use wardline_ledger::{
    BranchId, Canonical, Chain, Key, StaffEntry, StaffId, Verdict, VerdictEntry, state::StaffList,
};
use wardline_policy::Role;

/// How often verdicts are proven anew while the chain grows.
const EVERY: Duration = Duration::from_secs(5);

/// An auditor's newest verdict, proven by the main chain's state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditorVerdict {
    /// Who says so.
    pub auditor: StaffId,
    /// The name of the auditor's branch.
    pub branch: String,
    /// What the auditor says.
    pub verdict: Verdict,
    /// When it became final, Unix seconds.
    pub time_s: u64,
    /// Whether the block that it speaks of is the one that this console verified; nothing while that was not compared.
    pub same_chain: Option<bool>,
}

impl Group {
    /// The newest verdict of every auditor who still is one, newest first, each proven under a verified block.
    ///
    /// # Errors
    /// When no branch can prove them.
    pub async fn verdicts(&self) -> Result<Vec<AuditorVerdict>, ClientError> {
        self.inner.in_session()?;
        self.inner.verdicts().await
    }
}

impl Inner {
    async fn verdicts(&self) -> Result<Vec<AuditorVerdict>, ClientError> {
        let malformed = |error: wardline_ledger::DecodeError| {
            ClientError::NoneUsable(format!("a proven verdict is malformed: {error}"))
        };
        let listed = self.proven(Chain::Main, &[Key::Verdicts.bytes()]).await?.values;
        let Some(listed) = listed.into_iter().next().flatten() else { return Ok(Vec::new()) };
        let StaffList(ids) = StaffList::decode(&listed).map_err(malformed)?;
        let keys: Vec<Vec<u8>> =
            ids.iter().flat_map(|id| [Key::Verdict(*id), Key::Staff(*id)]).map(|key| key.bytes()).collect();
        let values = self.proven(Chain::Main, &keys).await?.values;
        let mut verdicts = Vec::new();
        for (id, pair) in ids.into_iter().zip(values.chunks(2)) {
            let [Some(entry), Some(staff)] = pair else { continue };
            let staff = StaffEntry::decode(staff).map_err(malformed)?;
            if !staff.active || !staff.roles.contains(Role::Auditor) {
                continue;
            }
            let VerdictEntry { verdict, time_s, .. } = VerdictEntry::decode(entry).map_err(malformed)?;
            let same_chain = self.is_verified(&verdict).await;
            let BranchId(branch) = staff.branch;
            let branch = self.name_of(branch);
            verdicts.push(AuditorVerdict { auditor: id, branch, verdict, time_s, same_chain });
        }
        verdicts.sort_by_key(|one| (std::cmp::Reverse(one.time_s), one.auditor));
        Ok(verdicts)
    }

    /// Whether the verdict's block is the verified one of its height.
    async fn is_verified(&self, verdict: &Verdict) -> Option<bool> {
        let known = self.walk_back(Chain::Main, verdict.height, verdict.height, None).await.ok()?;
        known.first().map(|known| known.digest == verdict.digest)
    }

    /// Proves the verdicts for the overview, when the main chain has grown since the last time.
    pub(crate) async fn refresh_verdicts_when_due(&self) {
        let Ok(trust) = self.trust(Chain::Main) else { return };
        let height = trust.head().header.height;
        let asked = *locked(&self.verdicts_at);
        if asked.is_some_and(|(known, at)| known >= height || at.elapsed() < EVERY) {
            return;
        }
        // What cannot be proven now stays as it was proven last.
        let Ok(verdicts) = self.verdicts().await else { return };
        *locked(&self.verdicts_at) = Some((height, Instant::now()));
        locked(&self.overview).verdicts = Some(verdicts);
    }
}
