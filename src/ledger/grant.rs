//! A session grant: a staff member's key lets a session's keys act for at most a shift.

use crate::codec::{Canonical, DecodeError, Reader, Writer};
use crate::id::{NetworkId, StaffId};
use crate::registry::StaffEntry;
use crate::state::StateView;
use wardline_crypto::{AgreementPublic, Domain, PublicKey, Signature, SigningKey};

/// What an unlocked staff key signs before it is wiped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// The network it is for.
    pub network: NetworkId,
    /// Who gives it.
    pub staff: StaffId,
    /// The giver's key epoch; a key change ends every earlier grant.
    pub key_epoch: u32,
    /// The session's Ed25519 key: signs requests and transactions.
    pub session: PublicKey,
    /// The session's X25519 key: data keys are released to it.
    pub session_agreement: AgreementPublic,
    /// First second in force, Unix seconds.
    pub not_before_s: u64,
    /// Last second in force, Unix seconds.
    pub not_after_s: u64,
    /// By the staff member's signing key, [`Domain::Grant`] over everything before it.
    pub signature: Signature,
}

/// Why a grant does not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum GrantError {
    /// It is for another network.
    #[error("the session is for another network; unlock again")]
    OtherNetwork,
    /// It names somebody else.
    #[error("the session is another person's")]
    OtherStaff,
    /// The staff member is not active.
    #[error("this member of staff is not active any more")]
    Inactive,
    /// The staff member's key was changed since.
    #[error("the staff key was changed since the session began; unlock again")]
    OldKey,
    /// It begins after now.
    #[error("the session has not begun: check the clocks")]
    NotYet,
    /// It ended before now.
    #[error("the session is over; unlock again")]
    Over,
    /// It ends before it begins or lasts longer than the network allows.
    #[error("the session lasts longer than the network allows; unlock again")]
    TooLong,
    /// The signature is not the registered staff key's.
    #[error("the session is not signed by the registered staff key")]
    Signature,
}

impl Grant {
    /// The grant with its signature made by the staff key, whatever signature it had.
    #[must_use]
    pub fn signed(mut self, key: &SigningKey) -> Self {
        self.signature = key.sign(Domain::Grant, &self.signed_bytes());
        self
    }

    /// Checks the grant against the giver's registered entry at `now_s`; it may last at most `max_s` seconds.
    ///
    /// # Errors
    /// The first rule that it breaks, cheapest first.
    pub fn verify(
        &self,
        network: &NetworkId,
        staff: &StaffEntry,
        now_s: u64,
        max_s: u32,
    ) -> Result<(), GrantError> {
        self.check_terms(network, staff, now_s, max_s)?;
        let signed = staff.signing.verify(Domain::Grant, &self.signed_bytes(), &self.signature);
        if signed { Ok(()) } else { Err(GrantError::Signature) }
    }

    /// The same over `view`, which may remember that the signature verified before.
    ///
    /// # Errors
    /// The first rule that it breaks, cheapest first.
    pub fn verify_in(
        &self,
        view: &dyn StateView,
        network: &NetworkId,
        staff: &StaffEntry,
        now_s: u64,
        max_s: u32,
    ) -> Result<(), GrantError> {
        self.check_terms(network, staff, now_s, max_s)?;
        let signed = view.verifies(&staff.signing, Domain::Grant, &self.signed_bytes(), &self.signature);
        if signed { Ok(()) } else { Err(GrantError::Signature) }
    }

    /// Everything but the signature.
    fn check_terms(
        &self,
        network: &NetworkId,
        staff: &StaffEntry,
        now_s: u64,
        max_s: u32,
    ) -> Result<(), GrantError> {
        if self.network != *network {
            return Err(GrantError::OtherNetwork);
        }
        if self.staff != staff.id {
            return Err(GrantError::OtherStaff);
        }
        if !staff.active {
            return Err(GrantError::Inactive);
        }
        if self.key_epoch != staff.key_epoch {
            return Err(GrantError::OldKey);
        }
        match self.not_after_s.checked_sub(self.not_before_s) {
            Some(lifetime) if lifetime <= u64::from(max_s) => {}
            _ => return Err(GrantError::TooLong),
        }
        if now_s < self.not_before_s {
            return Err(GrantError::NotYet);
        }
        if now_s > self.not_after_s {
            return Err(GrantError::Over);
        }
        Ok(())
    }

    fn signed_bytes(&self) -> Vec<u8> {
        let mut w = Writer::default();
        self.write_unsigned(&mut w);
        w.into_bytes()
    }

    fn write_unsigned(&self, w: &mut Writer) {
        self.network.write(w);
        self.staff.write(w);
        w.u32(self.key_epoch);
        self.session.write(w);
        self.session_agreement.write(w);
        w.u64(self.not_before_s);
        w.u64(self.not_after_s);
    }
}

impl Canonical for Grant {
    fn write(&self, w: &mut Writer) {
        self.write_unsigned(w);
        self.signature.write(w);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            network: NetworkId::read(r)?,
            staff: StaffId::read(r)?,
            key_epoch: r.u32("key epoch")?,
            session: PublicKey::read(r)?,
            session_agreement: AgreementPublic::read(r)?,
            not_before_s: r.u64("grant start")?,
            not_after_s: r.u64("grant end")?,
            signature: Signature::read(r)?,
        })
    }
}
