//! The table of roles, written out a second time by hand and compared cell by cell.

use crate::{Role::*, *};
use std::collections::BTreeMap;

/// a = anywhere, t = from trusted branches, o = for the own branch, - = never.
const EXPECTED: &str = "
                  ward registrar supervisor operator researcher auditor crew patient
read-status       a    a         a          a        a          a       a    a
read-main-chain   a    a         a          a        a          a       a    a
read-side-chain   t    t         t          t        -          t       t    -
submit-storage    o    o         -          -        -          -       -    -
submit-registry   -    -         t          t        -          -       -    -
submit-access     -    -         -          -        -          -       -    -
submit-enrol      -    t         -          -        -          -       -    -
submit-link       o    o         -          -        -          -       -    -
submit-lookup     t    t         t          -        -          -       t    -
search-patients   t    t         t          -        -          -       t    -
keep-identity     -    t         -          -        -          -       -    -
open-identity     t    t         t          -        -          -       t    -
read-links        t    t         t          -        -          -       t    -
keep-record       t    t         -          -        -          -       -    -
fetch-envelopes   t    t         t          -        -          t       t    -
release-keys      t    t         t          -        -          -       t    -
read-audit        -    -         o          -        -          t       -    -
read-side-blocks  -    -         -          -        -          t       -    -
submit-verdict    -    -         -          -        -          t       -    -
close-alarm       -    -         a          a        -          a       -    -
";

fn expected() -> BTreeMap<(Operation, Role), char> {
    let mut lines = EXPECTED.lines().filter(|line| !line.is_empty());
    let roles: Vec<Role> = lines.next().unwrap().split_whitespace().map(|r| r.parse().unwrap()).collect();
    lines
        .flat_map(|line| {
            let mut words = line.split_whitespace();
            let operation: Operation = words.next().unwrap().parse().unwrap();
            let cells: Vec<_> =
                roles.iter().map(|&role| ((operation, role), words.next().unwrap())).collect();
            cells.into_iter().map(|(at, cell)| (at, cell.chars().next().unwrap()))
        })
        .collect()
}

/// A request with the best purpose for the role and a kind that every record-opening role may open.
fn request(operation: Operation, role: Role) -> Request {
    let purpose = Some(Purpose::Emergency);
    let roles = Roles::of(&[role]);
    Request { purpose, kind: Some(RecordKind::Allergy), ..Request::new(operation, roles) }
}

#[test]
fn every_role_and_operation_is_decided_as_the_table_says() {
    let expected = expected();
    for &operation in Operation::ALL {
        for &role in Role::ALL {
            let reach = expected[&(operation, role)];
            for (own_branch, trusted_branch) in [(false, false), (true, false), (false, true), (true, true)] {
                let decision = decide(&Request { own_branch, trusted_branch, ..request(operation, role) });
                let wanted = match reach {
                    'a' => true,
                    't' => trusted_branch,
                    'o' => trusted_branch && own_branch,
                    _ => false,
                };
                assert_eq!(
                    decision.allowed, wanted,
                    "{role} {operation} own={own_branch} trusted={trusted_branch}"
                );
                assert_eq!(decision.allowed, decision.reasons.is_empty(), "{role} {operation}: {decision}");
            }
        }
    }
}

#[test]
fn purposes_are_those_of_the_role() {
    use Purpose::*;
    let expected: &[(Role, &[Purpose])] = &[
        (Ward, &[Treatment, Emergency]),
        (Registrar, &[Treatment, Emergency]),
        (Supervisor, &[Treatment, Payment, Statistics, Emergency, Administration]),
        (Crew, &[Emergency]),
    ];
    for operation in [Operation::SubmitLookup, Operation::ReadLinks, Operation::ReleaseKeys] {
        for (role, allowed) in expected {
            for &purpose in Purpose::ALL {
                let asked = Request {
                    purpose: Some(purpose),
                    own_branch: true,
                    trusted_branch: true,
                    ..request(operation, *role)
                };
                assert_eq!(
                    decide(&asked).allowed,
                    allowed.contains(&purpose),
                    "{role} {operation} {purpose}"
                );
                assert!(
                    !decide(&Request { purpose: None, ..asked }).allowed,
                    "{role} {operation} without a purpose"
                );
            }
        }
    }
}

#[test]
fn kinds_limit_what_keys_are_released() {
    for &kind in RecordKind::ALL {
        for (role, allowed) in
            [(Ward, true), (Supervisor, true), (Crew, kind.is_emergency_subset()), (Auditor, false)]
        {
            let asked =
                Request { trusted_branch: true, kind: Some(kind), ..request(Operation::ReleaseKeys, role) };
            assert_eq!(decide(&asked).allowed, allowed, "{role} {kind}");
        }
    }
    let asked = Request { trusted_branch: true, kind: None, ..request(Operation::ReleaseKeys, Ward) };
    assert_eq!(decide(&asked).to_string(), "needs the kind of the record");
}

#[test]
fn reasons_are_worded_for_the_person_who_asked() {
    let trusted = |operation, role| Request { trusted_branch: true, ..request(operation, role) };
    let cases: &[(Request, &str)] = &[
        (trusted(Operation::SubmitEnrol, Ward), "needs role registrar"),
        (trusted(Operation::SubmitStorage, Auditor), "needs role ward or registrar"),
        (trusted(Operation::SubmitStorage, Ward), "allowed for your own branch only"),
        (trusted(Operation::SubmitVerdict, Supervisor), "needs role auditor"),
        (trusted(Operation::SubmitAccess, Operator), "only a branch's own node does this, no person"),
        (
            trusted(Operation::SearchPatients, Operator),
            "needs role ward, registrar, supervisor or crew; operators see no patient data",
        ),
        (
            request(Operation::ReadSideChain, Researcher),
            "needs role ward, registrar, supervisor, operator, auditor or crew; research participants never see the side chain",
        ),
        (trusted(Operation::ReadSideBlocks, Operator), "needs role auditor; operators see no patient data"),
        (request(Operation::ReadSideChain, Ward), "research participants never see the side chain"),
        (
            Request { purpose: None, ..trusted(Operation::SubmitLookup, Ward) },
            "needs a purpose: treatment or emergency",
        ),
        (
            Request { purpose: Some(Purpose::Research), ..trusted(Operation::ReadLinks, Ward) },
            "role ward may not look up for research, only for treatment or emergency",
        ),
        (
            Request { kind: Some(RecordKind::Receipt), ..trusted(Operation::ReleaseKeys, Crew) },
            "role crew opens only allergies, conditions, medication and visits",
        ),
        (
            Request { roles: Roles::NONE, ..trusted(Operation::ReadMainChain, Ward) },
            "you have no role in this network yet: ask your supervisor for one",
        ),
    ];
    for (asked, words) in cases {
        assert_eq!(decide(asked).to_string(), *words);
    }
}

#[test]
fn one_role_of_several_is_enough_and_the_nearest_gives_the_reasons() {
    let both = Roles::of(&[Operator, Ward]);
    let asked = Request { roles: both, trusted_branch: true, ..request(Operation::SearchPatients, Ward) };
    assert!(decide(&asked).allowed);
    let both = Roles::of(&[Supervisor, Auditor]);
    let asked = Request { roles: both, trusted_branch: true, ..request(Operation::ReadAudit, Ward) };
    assert!(decide(&asked).allowed, "an auditor reads other branches' logs too");
    let refused = decide(&Request { trusted_branch: false, ..asked });
    assert_eq!(refused.reasons, [Reason::ResearchKeepsToMainChain]);
}

#[test]
fn codes_and_names_are_permanent_and_come_back() {
    for (i, &role) in Role::ALL.iter().enumerate() {
        assert_eq!(usize::from(role.code()), i);
        assert_eq!(Role::from_code(role.code()), Some(role));
        assert_eq!(role.name().parse(), Ok(role));
    }
    for (i, &kind) in RecordKind::ALL.iter().enumerate() {
        assert_eq!(usize::from(kind.code()), i + 1);
        assert_eq!(RecordKind::from_code(kind.code()), Some(kind));
    }
    for (i, &purpose) in Purpose::ALL.iter().enumerate() {
        assert_eq!(usize::from(purpose.code()), i + 1);
        assert_eq!(Purpose::parse(purpose.name()), Ok(purpose));
    }
    assert_eq!((Role::ALL.len(), Purpose::ALL.len(), RecordKind::ALL.len()), (8, 6, 12));
    assert_eq!((Role::from_code(8), RecordKind::from_code(0), Purpose::from_code(7)), (None, None, None));
    let unknown = Role::parse("nurse").unwrap_err().to_string();
    assert!(unknown.starts_with("`nurse` is no role; use one of ward, registrar, "), "{unknown}");
}

#[test]
fn role_sets_read_back_and_refuse_unknown_bits() {
    let set = Roles::parse("supervisor, ward").unwrap();
    assert_eq!(set.bits(), 0b101);
    assert_eq!(set.to_string(), "ward, supervisor");
    assert_eq!(Roles::from_bits(set.bits()), Ok(set));
    assert_eq!(Roles::from_bits(0x00ff).unwrap().iter().count(), 8);
    assert_eq!(Roles::from_bits(0x0103), Err(UnknownRoleBits(0x0100)));
    assert!(Roles::parse("ward,nurse").is_err());
}

#[test]
fn giving_a_role_that_can_do_much_takes_two_persons() {
    let two: Vec<Role> = Role::ALL.iter().copied().filter(|role| role.needs_two_persons()).collect();
    assert_eq!(two, [Ward, Registrar, Supervisor, Operator, Auditor, Crew]);
    assert!(Roles::of(&[Researcher, Ward]).needs_two_persons());
    assert!(!Roles::of(&[Researcher, Patient]).needs_two_persons());
    assert!(!Roles::NONE.needs_two_persons());
    // Whatever shows more than the main chain is given by two.
    for rules in table() {
        let touches = rules.trusted_branch.iter().chain(rules.own_branch).any(|o| o.touches_patients());
        assert!(rules.role.needs_two_persons() || !touches, "{}", rules.role);
    }
}

#[test]
fn the_commented_example_is_the_built_in_table() {
    #[derive(serde::Deserialize)]
    #[serde(deny_unknown_fields, rename_all = "kebab-case")]
    struct File {
        version: u32,
        ward: Rules,
        registrar: Rules,
        supervisor: Rules,
        operator: Rules,
        researcher: Rules,
        auditor: Rules,
        crew: Rules,
        patient: Rules,
    }
    #[derive(serde::Deserialize)]
    #[serde(deny_unknown_fields, rename_all = "kebab-case")]
    struct Rules {
        anywhere: Vec<Operation>,
        trusted_branch: Vec<Operation>,
        own_branch: Vec<Operation>,
        purposes: Vec<Purpose>,
        kinds: String,
    }
    let file: File = toml::from_str(include_str!("../../config/roles.toml")).unwrap();
    assert_eq!(file.version, TABLE_VERSION);
    let rules = [
        file.ward,
        file.registrar,
        file.supervisor,
        file.operator,
        file.researcher,
        file.auditor,
        file.crew,
        file.patient,
    ];
    assert_eq!(rules.len(), table().len());
    for (mirrored, built_in) in rules.iter().zip(table()) {
        let role = built_in.role;
        assert_eq!(mirrored.anywhere, built_in.anywhere, "{role}: anywhere");
        assert_eq!(mirrored.trusted_branch, built_in.trusted_branch, "{role}: trusted-branch");
        assert_eq!(mirrored.own_branch, built_in.own_branch, "{role}: own-branch");
        assert_eq!(mirrored.purposes, built_in.purposes, "{role}: purposes");
        assert_eq!(mirrored.kinds, built_in.kinds.name(), "{role}: kinds");
    }
    let order: Vec<Role> = table().iter().map(|rules| rules.role).collect();
    assert_eq!(order, Role::ALL);
}

#[test]
fn no_operation_is_listed_twice_for_a_role() {
    for rules in table() {
        let lists = [rules.anywhere, rules.trusted_branch, rules.own_branch].concat();
        for operation in &lists {
            assert_eq!(lists.iter().filter(|o| *o == operation).count(), 1, "{} {operation}", rules.role);
        }
    }
}

#[test]
fn what_every_branch_can_open_alone_is_allergies_and_conditions() {
    let whole: Vec<_> = RecordKind::ALL.iter().filter(|kind| kind.is_wrapped_whole()).collect();
    assert_eq!(whole, [&RecordKind::Allergy, &RecordKind::Condition]);
}
