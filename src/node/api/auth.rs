//! Who asks: from a request's headers to a [`Caller`], every check in order, cheap before dear, deny by default.
//!
//! A `Caller` is made nowhere else, and every handler but those of the two public routes takes one.

use super::{blocking, error::ApiError, release::Grounds, sessions::NotAccepted};
use crate::{
    branch::{Branch, RunningChain},
    verified::Remembering,
};
use axum::http::HeaderMap;
use std::{sync::Arc, time::Duration};
use wardline_crypto::{Domain, Signature};
use wardline_ledger::{
    BranchId, Canonical, Chain, Grant, GrantError, NetworkPolicy, StaffEntry, StateUnavailable, StateView,
    state,
};
use wardline_policy::{Decision, Operation, Purpose, RecordKind, Roles};
use wardline_wire::{Base64, RequestLine, header_name};

/// How long a request waits for this node to reach the heights that its console has verified.
const BEHIND_WAIT: Duration = Duration::from_secs(2);

/// What the headers of a signed request say. Nothing of it is checked yet.
pub(crate) struct Claim {
    grant: Grant,
    counter: u64,
    min_main: u64,
    min_side: u64,
    signature: Signature,
}

/// An authenticated member of staff with one request.
pub(crate) struct Caller {
    /// The registry's entry at this node's own height; at side-chain routes it holds on both chains.
    pub staff: StaffEntry,
    pub grant: Grant,
    /// The network's policy at that height.
    pub policy: NetworkPolicy,
    /// Whether the person belongs to this very branch.
    pub own_branch: bool,
    /// Whether the person's branch is on the side chain.
    pub trusted_branch: bool,
    /// The bytes that the session key signed, and the signature.
    pub line: Vec<u8>,
    pub signature: Signature,
}

/// What of a request is signed beside its headers.
pub(crate) struct Signed<'a> {
    pub method: &'a str,
    pub target: &'a str,
    pub body: &'a [u8],
}

impl Claim {
    /// Reads the headers strictly: each exactly once, in its one spelling.
    pub fn read(headers: &HeaderMap) -> Result<Self, ApiError> {
        let grant: Base64 = parse(headers, header_name::GRANT)?;
        let signature: Base64 = parse(headers, header_name::SIGNATURE)?;
        let signature: [u8; 64] =
            signature.0.try_into().map_err(|_| ApiError::BadHeader(header_name::SIGNATURE))?;
        Ok(Self {
            grant: Grant::decode(&grant.0).map_err(|_| ApiError::BadHeader(header_name::GRANT))?,
            counter: parse(headers, header_name::COUNTER)?,
            min_main: parse(headers, header_name::MIN_MAIN)?,
            min_side: parse(headers, header_name::MIN_SIDE)?,
            signature: Signature::from_bytes(signature),
        })
    }

    /// Waits a little until this node is at the heights that the console has verified elsewhere. It never answers
    /// from a state that is older than what the asker has seen.
    pub async fn reach_heights(&self, branch: &Branch) -> Result<(), ApiError> {
        reach(&branch.main, self.min_main).await?;
        match &branch.side {
            Some(side) => reach(side, self.min_side).await,
            None => Ok(()),
        }
    }

    /// Checks the grant by the state at this node's own height, and that whoever gave it may do `operation` where the
    /// route alone says which, before anything dear is done for the asker.
    pub async fn check_grant(
        &self,
        branch: &Arc<Branch>,
        chain: Chain,
        operation: Option<Operation>,
    ) -> Result<(), ApiError> {
        let (branch, grant) = (Arc::clone(branch), self.grant.clone());
        blocking(move || {
            let standing = standing(&branch, chain, &grant)?;
            let Some(operation) = operation else { return Ok(()) };
            let decision = wardline_policy::decide(&standing.asks(operation, branch.id));
            if decision.allowed { Ok(()) } else { Err(ApiError::Forbidden(decision)) }
        })
        .await
    }

    /// Checks the request's signature and number, and the grant again, as the body may have taken its time.
    pub async fn authenticate(
        self,
        branch: &Arc<Branch>,
        chain: Chain,
        signed: Signed<'_>,
    ) -> Result<Caller, ApiError> {
        let line = RequestLine {
            network: &branch.network,
            branch: branch.id.0,
            boot: &branch.boot,
            counter: self.counter,
            min_main: self.min_main,
            min_side: self.min_side,
            method: signed.method,
            target: signed.target,
            body: signed.body,
        }
        .bytes();
        let branch = Arc::clone(branch);
        blocking(move || {
            if !self.grant.session.verify(Domain::Request, &line, &self.signature) {
                return Err(ApiError::BadSignature);
            }
            let standing = standing(&branch, chain, &self.grant)?;
            let accepted = branch.sessions.accept(&self.grant, self.counter, branch.clock.now_s());
            accepted.map_err(|refused| match refused {
                NotAccepted::Replayed => ApiError::Replayed,
                NotAccepted::Full => ApiError::TooManySessions,
            })?;
            let Standing { staff, policy, trusted_branch } = standing;
            let own_branch = staff.branch == branch.id;
            let (grant, signature) = (self.grant, self.signature);
            Ok(Caller { staff, grant, policy, own_branch, trusted_branch, line, signature })
        })
        .await
    }
}

impl Caller {
    /// Reads anew what the person is, in the states that the decision is made by: between the checks at the door and
    /// the decision the request may have waited, and the person may have been revoked.
    pub fn renew(&mut self, branch: &Branch, at: &Grounds<'_>) -> Result<(), ApiError> {
        let now_s = branch.clock.now_s();
        let main = standing_in(branch, at.main, &self.grant, now_s)?;
        let standing = main.narrowed_to(standing_in(branch, at.side, &self.grant, now_s)?);
        self.own_branch = standing.staff.branch == branch.id;
        self.trusted_branch = standing.trusted_branch;
        self.staff = standing.staff;
        self.policy = standing.policy;
        Ok(())
    }

    /// Whether the grant still holds at the heights of now, for an answer that takes long.
    pub fn still(&self, branch: &Branch, chain: Chain) -> Result<(), ApiError> {
        standing(branch, chain, &self.grant).map(|_| ())
    }

    /// The table's decision on an operation of this caller.
    pub fn decide(
        &self,
        operation: Operation,
        purpose: Option<Purpose>,
        kind: Option<RecordKind>,
    ) -> Decision {
        self.decide_for(operation, purpose, kind, self.own_branch)
    }

    /// The same where what is asked for belongs to a branch of its own: `own_branch` says whether to the caller's.
    pub fn decide_for(
        &self,
        operation: Operation,
        purpose: Option<Purpose>,
        kind: Option<RecordKind>,
        own_branch: bool,
    ) -> Decision {
        wardline_policy::decide(&wardline_policy::Request {
            operation,
            roles: self.staff.roles,
            purpose,
            own_branch,
            trusted_branch: self.trusted_branch,
            kind,
        })
    }

    /// Goes on only when a transaction's grant is the one that this request was signed under.
    pub fn holds(&self, grant: &Grant) -> Result<(), ApiError> {
        if *grant == self.grant { Ok(()) } else { Err(ApiError::Session(GrantError::OtherStaff)) }
    }

    /// Goes on only when the table allows the operation.
    pub fn may(&self, operation: Operation) -> Result<(), ApiError> {
        let decision = self.decide(operation, None, None);
        if decision.allowed { Ok(()) } else { Err(ApiError::Forbidden(decision)) }
    }
}

fn parse<T: std::str::FromStr>(headers: &HeaderMap, name: &'static str) -> Result<T, ApiError> {
    let mut values = headers.get_all(name).iter();
    let value = values.next().ok_or(ApiError::Unsigned(name))?;
    if values.next().is_some() {
        return Err(ApiError::BadHeader(name));
    }
    value.to_str().ok().and_then(|text| text.parse().ok()).ok_or(ApiError::BadHeader(name))
}

async fn reach(chain: &RunningChain, height: u64) -> Result<(), ApiError> {
    let mut progress = chain.application.progress();
    let reached = tokio::time::timeout(BEHIND_WAIT, progress.wait_for(|now| now.applied >= height)).await;
    match reached {
        Ok(Ok(_)) => Ok(()),
        _ => Err(ApiError::Behind { chain: chain.application.chain(), height: chain.application.height() }),
    }
}

/// A person as the chains have them at this node's height.
struct Standing {
    staff: StaffEntry,
    policy: NetworkPolicy,
    trusted_branch: bool,
}

/// Who gave the grant, if the grant holds. At side-chain routes it must hold on both chains, so that whoever is
/// revoked on one of them is out.
fn standing(branch: &Branch, chain: Chain, grant: &Grant) -> Result<Standing, ApiError> {
    let now_s = branch.clock.now_s();
    let main = standing_on(branch, Chain::Main, grant, now_s)?;
    match chain {
        Chain::Main => Ok(main),
        Chain::Side => Ok(main.narrowed_to(standing_on(branch, Chain::Side, grant, now_s)?)),
    }
}

impl Standing {
    /// The request to do an operation at `branch`, as far as it is known before its body.
    fn asks(&self, operation: Operation, branch: BranchId) -> wardline_policy::Request {
        wardline_policy::Request {
            operation,
            roles: self.staff.roles,
            purpose: None,
            own_branch: self.staff.branch == branch,
            trusted_branch: self.trusted_branch,
            kind: None,
        }
    }

    /// What a person is on the side chain, less what the main chain does not know of.
    fn narrowed_to(self, side: Self) -> Self {
        let roles =
            self.staff.roles.iter().filter(|role| side.staff.roles.contains(*role)).collect::<Roles>();
        Self {
            staff: StaffEntry { roles, ..side.staff },
            policy: side.policy,
            trusted_branch: self.trusted_branch && side.trusted_branch,
        }
    }
}

fn standing_on(branch: &Branch, chain: Chain, grant: &Grant, now_s: u64) -> Result<Standing, ApiError> {
    let running = branch.chain(chain).ok_or(ApiError::NoRoute)?;
    running.application.at_one_height(|view, _| standing_in(branch, view, grant, now_s))
}

fn standing_in(
    branch: &Branch,
    view: &dyn StateView,
    grant: &Grant,
    now_s: u64,
) -> Result<Standing, ApiError> {
    let standing = read_standing(view, grant)?.ok_or(ApiError::UnknownStaff)?;
    let view = Remembering { view, verified: &branch.verified };
    grant.verify_in(&view, &branch.network, &standing.staff, now_s, standing.policy.grant_max_s)?;
    Ok(standing)
}

fn read_standing(view: &dyn StateView, grant: &Grant) -> Result<Option<Standing>, StateUnavailable> {
    let Some(staff) = state::staff(view, grant.staff)? else { return Ok(None) };
    let participant = state::participant(view, staff.branch)?;
    Ok(Some(Standing {
        trusted_branch: participant.is_some_and(|branch| branch.active && branch.trusted),
        policy: state::policy(view)?,
        staff,
    }))
}

impl From<StateUnavailable> for ApiError {
    fn from(error: StateUnavailable) -> Self {
        Self::internal(error)
    }
}
