//! Organizations, practitioners and locations that bundles refer to by identifier.
//!
//! It must not hold patients.

use crate::{
    Refusal,
    bundle::{Bundle, Resource},
    mapping,
    references::Index,
};

/// Resources that other bundles refer to as `Type?identifier=system|value`.
#[derive(Debug, Default)]
pub struct Shared {
    pub(crate) resources: Vec<Resource<'static>>,
    pub(crate) index: Index,
}

impl Shared {
    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the resources of a bundle that holds no patient, those already there left out; says how many were added.
    ///
    /// # Errors
    /// What [`crate::read`] refuses, a bundle that holds a patient, and one that holds records without any. Nothing is added then.
    pub fn add(&mut self, json: &[u8]) -> Result<usize, Refusal> {
        let bundle = Bundle::read(json)?;
        if let Some(patient) = bundle.patients().find_map(|at| bundle.resources.get(at)) {
            return Err(Refusal::PatientAmongShared { place: patient.place.clone() });
        }
        // Records of nobody are no shared resources, and must not pass for them unseen.
        let of_nobody = bundle.resources.iter().any(|resource| mapping::is_mapped(&resource.kind));
        if of_nobody || bundle.resources.is_empty() {
            return Err(Refusal::NoPatient);
        }
        let before = self.resources.len();
        for resource in bundle.resources {
            // what is contained serves its container alone, and no bundle can name it
            if resource.within.is_some() || self.index.named(&resource.name()).is_some() {
                continue;
            }
            let position = self.resources.len();
            let resource = Resource { position, shared: true, ..resource.into_owned() };
            self.index.add(&resource);
            self.resources.push(resource);
        }
        Ok(self.resources.len() - before)
    }
}
