//! What tells that something was not written for FHIR R4: its resource types, its profiles, and elements that other
//! releases have where R4 has another or none.
//!
//! A sieve, no validator: what R4 does not know but no other release would read differently is left, and counted.

use crate::{Refusal, json::Node, refusal::Release};

/// The resource types of R4 (4.0.1), sorted.
const TYPES: &[&str] = &[
    "Account",
    "ActivityDefinition",
    "AdverseEvent",
    "AllergyIntolerance",
    "Appointment",
    "AppointmentResponse",
    "AuditEvent",
    "Basic",
    "Binary",
    "BiologicallyDerivedProduct",
    "BodyStructure",
    "Bundle",
    "CapabilityStatement",
    "CarePlan",
    "CareTeam",
    "CatalogEntry",
    "ChargeItem",
    "ChargeItemDefinition",
    "Claim",
    "ClaimResponse",
    "ClinicalImpression",
    "CodeSystem",
    "Communication",
    "CommunicationRequest",
    "CompartmentDefinition",
    "Composition",
    "ConceptMap",
    "Condition",
    "Consent",
    "Contract",
    "Coverage",
    "CoverageEligibilityRequest",
    "CoverageEligibilityResponse",
    "DetectedIssue",
    "Device",
    "DeviceDefinition",
    "DeviceMetric",
    "DeviceRequest",
    "DeviceUseStatement",
    "DiagnosticReport",
    "DocumentManifest",
    "DocumentReference",
    "EffectEvidenceSynthesis",
    "Encounter",
    "Endpoint",
    "EnrollmentRequest",
    "EnrollmentResponse",
    "EpisodeOfCare",
    "EventDefinition",
    "Evidence",
    "EvidenceVariable",
    "ExampleScenario",
    "ExplanationOfBenefit",
    "FamilyMemberHistory",
    "Flag",
    "Goal",
    "GraphDefinition",
    "Group",
    "GuidanceResponse",
    "HealthcareService",
    "ImagingStudy",
    "Immunization",
    "ImmunizationEvaluation",
    "ImmunizationRecommendation",
    "ImplementationGuide",
    "InsurancePlan",
    "Invoice",
    "Library",
    "Linkage",
    "List",
    "Location",
    "Measure",
    "MeasureReport",
    "Media",
    "Medication",
    "MedicationAdministration",
    "MedicationDispense",
    "MedicationKnowledge",
    "MedicationRequest",
    "MedicationStatement",
    "MedicinalProduct",
    "MedicinalProductAuthorization",
    "MedicinalProductContraindication",
    "MedicinalProductIndication",
    "MedicinalProductIngredient",
    "MedicinalProductInteraction",
    "MedicinalProductManufactured",
    "MedicinalProductPackaged",
    "MedicinalProductPharmaceutical",
    "MedicinalProductUndesirableEffect",
    "MessageDefinition",
    "MessageHeader",
    "MolecularSequence",
    "NamingSystem",
    "NutritionOrder",
    "Observation",
    "ObservationDefinition",
    "OperationDefinition",
    "OperationOutcome",
    "Organization",
    "OrganizationAffiliation",
    "Parameters",
    "Patient",
    "PaymentNotice",
    "PaymentReconciliation",
    "Person",
    "PlanDefinition",
    "Practitioner",
    "PractitionerRole",
    "Procedure",
    "Provenance",
    "Questionnaire",
    "QuestionnaireResponse",
    "RelatedPerson",
    "RequestGroup",
    "ResearchDefinition",
    "ResearchElementDefinition",
    "ResearchStudy",
    "ResearchSubject",
    "RiskAssessment",
    "RiskEvidenceSynthesis",
    "Schedule",
    "SearchParameter",
    "ServiceRequest",
    "Slot",
    "Specimen",
    "SpecimenDefinition",
    "StructureDefinition",
    "StructureMap",
    "Subscription",
    "Substance",
    "SubstanceNucleicAcid",
    "SubstancePolymer",
    "SubstanceProtein",
    "SubstanceReferenceInformation",
    "SubstanceSourceMaterial",
    "SubstanceSpecification",
    "SupplyDelivery",
    "SupplyRequest",
    "Task",
    "TerminologyCapabilities",
    "TestReport",
    "TestScript",
    "ValueSet",
    "VerificationResult",
    "VisionPrescription",
];

/// The form of an element that tells another release.
#[derive(Clone, Copy)]
enum Form {
    /// That it is there at all.
    Any,
    /// A string, where R4 has an object or a list.
    Text,
    /// One object, where R4 has a string or a list, or nothing.
    Object,
    /// A list, where R4 has one value.
    List,
}

use Form::{Any, List, Object, Text};
use Release::{Dstu2, R5, Stu3};

/// Elements that tell another release: they would be overlooked or misread, and the record be wrong.
const TELLING: &[(&str, &str, Form, Release)] = &[
    ("AllergyIntolerance", "assertedDate", Any, Stu3),
    ("AllergyIntolerance", "clinicalStatus", Text, Stu3),
    ("AllergyIntolerance", "substance", Any, Dstu2),
    ("AllergyIntolerance", "type", Object, R5),
    ("Claim", "organization", Any, Stu3),
    ("Claim", "traceNumber", Any, R5),
    ("Condition", "assertedDate", Any, Stu3),
    ("Condition", "clinicalStatus", Text, Stu3),
    ("Condition", "dateRecorded", Any, Dstu2),
    ("DiagnosticReport", "context", Any, Stu3),
    ("DocumentReference", "class", Any, Stu3),
    ("DocumentReference", "indexed", Any, Stu3),
    ("Encounter", "actualPeriod", Any, R5),
    ("Encounter", "class", List, R5),
    ("Encounter", "class", Text, Dstu2),
    ("Encounter", "reason", Any, Stu3),
    ("ExplanationOfBenefit", "organization", Any, Stu3),
    ("ExplanationOfBenefit", "traceNumber", Any, R5),
    ("FamilyMemberHistory", "notDone", Any, Stu3),
    ("ImagingStudy", "availability", Any, Stu3),
    ("Immunization", "administeredProduct", Any, R5),
    ("Immunization", "notGiven", Any, Stu3),
    ("Immunization", "vaccinationProtocol", Any, Stu3),
    ("Immunization", "wasNotGiven", Any, Dstu2),
    ("MedicationAdministration", "medication", Any, R5),
    ("MedicationAdministration", "notGiven", Any, Stu3),
    ("MedicationAdministration", "wasNotGiven", Any, Dstu2),
    ("MedicationRequest", "context", Any, Stu3),
    ("MedicationRequest", "medication", Any, R5),
    ("MedicationStatement", "medication", Any, R5),
    ("MedicationStatement", "taken", Any, Stu3),
    ("MedicationStatement", "wasNotTaken", Any, Dstu2),
    ("Observation", "bodyStructure", Any, R5),
    ("Observation", "comment", Any, Stu3),
    ("Observation", "comments", Any, Dstu2),
    ("Observation", "context", Any, Stu3),
    ("Observation", "related", Any, Stu3),
    ("Patient", "animal", Any, Stu3),
    ("Patient", "careProvider", Any, Dstu2),
    ("Procedure", "context", Any, Stu3),
    ("Procedure", "notDone", Any, Stu3),
    ("Procedure", "notPerformed", Any, Dstu2),
    ("Procedure", "occurrenceDateTime", Any, R5),
    ("Procedure", "occurrencePeriod", Any, R5),
];

/// How profiles of other releases of the core specification begin and end.
const PROFILES: &[(&str, &str, Release)] = &[
    ("http://hl7.org/fhir/1.0/", "|1.0.2", Dstu2),
    ("http://hl7.org/fhir/DSTU2/", "|1.0.1", Dstu2),
    ("http://hl7.org/fhir/3.0/", "|3.0.2", Stu3),
    ("http://hl7.org/fhir/STU3/", "|3.0.1", Stu3),
    ("http://hl7.org/fhir/5.0/", "|5.0.0", R5),
];

/// Whether R4 has a resource type of this name.
pub(crate) fn is_type(name: &str) -> bool {
    TYPES.binary_search(&name).is_ok()
}

/// Checks a resource.
///
/// # Errors
/// [`Refusal::OtherRelease`] with the telling element.
pub(crate) fn check(node: &Node<'_>, kind: &str, place: &str) -> Result<(), Refusal> {
    let of_kind = TELLING.iter().filter(|(telling_kind, ..)| *telling_kind == kind);
    for (_, element, form, release) in of_kind {
        let tells = node.get(element).is_some_and(|node| match form {
            Any => true,
            Text => node.peek().is_some(),
            Object => node.is_object(),
            List => node.is_list(),
        });
        if tells {
            return Err(Refusal::OtherRelease { place: format!("{place}.{element}"), release: *release });
        }
    }
    check_profiles(node, &format!("{place}."))
}

/// Checks the profiles that a resource or bundle claims; `prefix` is its path with a point, or nothing.
///
/// # Errors
/// [`Refusal::OtherRelease`] with the profile.
pub(crate) fn check_profiles(node: &Node<'_>, prefix: &str) -> Result<(), Refusal> {
    let profiles = node.get("meta").map(|meta| meta.list("profile")).unwrap_or_default();
    for (at, profile) in profiles.iter().enumerate() {
        let url = profile.peek().unwrap_or_default();
        let core = url.starts_with("http://hl7.org/fhir/StructureDefinition/");
        let other =
            PROFILES.iter().find(|(start, end, _)| url.starts_with(start) || (core && url.ends_with(end)));
        if let Some((_, _, release)) = other {
            let place = format!("{prefix}meta.profile[{at}]");
            return Err(Refusal::OtherRelease { place, release: *release });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_types_are_sorted_and_as_many_as_r4_has() {
        assert!(TYPES.is_sorted());
        assert_eq!(TYPES.len(), 146);
        assert!(is_type("Patient") && !is_type("MedicationOrder") && !is_type("DomainResource"));
    }
}
