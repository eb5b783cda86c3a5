//! An unlocked session: a grant, the session's own keys, and the signing of requests and transactions.
//!
//! It must not know the staff's keys; those are gone when a session begins. Its keys are wiped on drop.

use crate::staff::StaffPublic;
use wardline_crypto::{AgreementKey, AgreementPublic, Digest, Domain, SigningKey};
use wardline_ledger::{Body, BranchId, Canonical, Grant, NetworkId, Transaction, evidence::Witness};
use wardline_policy::Roles;
use wardline_wire::Base64;

/// What a person may do until the grant ends or the session is dropped.
pub struct Session {
    staff: StaffPublic,
    grant: Grant,
    /// The grant as every request carries it.
    grant_text: String,
    signing: SigningKey,
    agreement: AgreementKey,
}

impl Session {
    pub(crate) fn new(
        staff: StaffPublic,
        grant: Grant,
        signing: SigningKey,
        agreement: AgreementKey,
    ) -> Self {
        let grant_text = Base64(grant.encode()).to_string();
        Self { staff, grant, grant_text, signing, agreement }
    }

    /// Whose session it is.
    pub const fn staff(&self) -> &StaffPublic {
        &self.staff
    }

    /// The person's branch: records made in this session are at home there.
    pub const fn branch(&self) -> BranchId {
        self.staff.branch
    }

    /// The roles that the key file was made with. The registry decides; a refusal says so.
    pub const fn roles(&self) -> Roles {
        self.staff.roles
    }

    /// Last second in force, Unix seconds.
    pub const fn expires_s(&self) -> u64 {
        self.grant.not_after_s
    }

    /// What the staff key let this session do.
    pub const fn grant(&self) -> &Grant {
        &self.grant
    }

    /// The key that data keys are released to.
    pub fn agreement_public(&self) -> AgreementPublic {
        self.agreement.public()
    }

    pub(crate) const fn agreement(&self) -> &AgreementKey {
        &self.agreement
    }

    pub(crate) fn grant_text(&self) -> &str {
        &self.grant_text
    }

    /// The signature header of a request, over the bytes of its line.
    pub(crate) fn sign_request(&self, line: &[u8]) -> String {
        Base64::from(self.signing.sign(Domain::Request, line).bytes().as_slice()).to_string()
    }

    /// A transaction by this session.
    pub(crate) fn transaction(&self, network: NetworkId, body: Body) -> Transaction {
        Transaction::by_session(network, body, self.grant.clone(), &self.signing)
    }

    /// That this session saw the evidence with this sum.
    pub(crate) fn witness(&self, sum: Digest, seen_s: u64) -> Witness {
        let signature = self.signing.sign(Domain::Evidence, &Witness::signed_bytes(&sum, seen_s));
        Witness { sum, seen_s, grant: self.grant.encode(), signature: signature.encode() }
    }
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "Session of {} at branch {}, until {}",
            self.staff.staff, self.staff.branch, self.grant.not_after_s
        )
    }
}
