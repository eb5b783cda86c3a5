//! What the words of `wardline init` mean, and every reason to refuse them. Makes nothing.

use crate::cli::{
    Result,
    network::{BranchPlan, Plan, StaffPlan},
    private::folder_name,
};
use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr, SocketAddr},
};
use wardline_ledger::MAX_NAME;
use wardline_node::DEMO;
use wardline_policy::{Role, Roles};
use wardline_record::sanitise;

/// A record counts when two trusted branches keep it, so one alone can keep none.
const TRUSTED_LEAST: usize = 2;
/// With fewer than four voters nobody may fail.
pub const TOLERANT_LEAST: usize = 4;
/// With fewer than three administrators nobody may lose a key: two must sign.
pub const ADMINISTRATORS: usize = 3;
/// Between the ports of two branches on one machine.
const PORT_STEP: u16 = 10;

/// What was asked for, in its own words.
#[derive(Debug)]
pub struct Wish<'a> {
    pub name: &'a str,
    pub branches: &'a [String],
    pub participants: &'a [String],
    pub base_port: u16,
    pub administrators: Option<usize>,
    pub staff: &'a [String],
}

/// One participant as it was written: `NAME`, `NAME=IP` or `NAME=IP:PORT`.
struct Place<'a> {
    name: &'a str,
    ip: Option<IpAddr>,
    port: Option<u16>,
    trusted: bool,
}

impl Wish<'_> {
    /// The group that was asked for.
    ///
    /// # Errors
    /// The first word that cannot stand, and what would.
    pub fn plan(&self) -> Result<Plan> {
        let name = self.name.trim();
        check_name("the group's name", name)?;
        if name.eq_ignore_ascii_case(DEMO) {
            return Err(format!(
                "`{name}` is the name of demonstrations, whose keys lie open: choose another --name"
            )
            .into());
        }
        let places = self.places()?;
        let branches = addresses(&places, self.base_port)?;
        let staff = self.staff_plans(&branches)?;
        Ok(Plan { name: name.to_owned(), branches, staff, one_passphrase: false })
    }

    fn places(&self) -> Result<Vec<Place<'_>>> {
        let trusted = self.branches.iter().map(|text| (text, true));
        let others = self.participants.iter().map(|text| (text, false));
        let places =
            trusted.chain(others).map(|(text, trusted)| place(text, trusted)).collect::<Result<Vec<_>>>()?;
        let mut folders: BTreeMap<String, &str> = BTreeMap::new();
        for Place { name, .. } in &places {
            let folder = folder_name(name);
            match folders.insert(folder.clone(), name) {
                Some(other) if other == *name => {
                    return Err(
                        format!("`{name}` is given twice: every participant has a name of its own").into()
                    );
                }
                Some(other) => {
                    return Err(format!(
                        "`{other}` and `{name}` would have the same folder `{folder}`: rename one"
                    )
                    .into());
                }
                None => {}
            }
        }
        if self.branches.len() < TRUSTED_LEAST {
            return Err(format!(
                "a group needs {TRUSTED_LEAST} branches at least, because two must keep each record; {TOLERANT_LEAST} tolerate one that fails"
            )
            .into());
        }
        Ok(places)
    }

    /// The administrators, each trusted branch's import key, and who was asked for.
    fn staff_plans(&self, branches: &[BranchPlan]) -> Result<Vec<StaffPlan>> {
        let trusted = self.branches.len();
        let mut staff: Vec<StaffPlan> = (0..self.administrators.unwrap_or(ADMINISTRATORS.min(trusted)))
            .map(|number| StaffPlan {
                file: format!("admin-{}", number + 1),
                name: format!("Administrator {}", number + 1),
                // at different branches, so that no branch's loss takes two of them
                branch: number % trusted,
                // signs for the registry and sees no patient
                roles: vec![Role::Operator],
            })
            .collect();
        for text in self.staff {
            let person = person(text, branches)?;
            if staff.iter().any(|other| other.file.eq_ignore_ascii_case(&person.file)) {
                return Err(format!("--staff `{text}`: there is a key file `{}` already", person.file).into());
            }
            staff.push(person);
        }
        for (number, branch) in branches.iter().enumerate().filter(|(_, branch)| branch.trusted) {
            let file = format!("import-{}", folder_name(&branch.name));
            if staff.iter().any(|other| other.file.eq_ignore_ascii_case(&file)) {
                return Err(format!(
                    "`{file}` is the import key of {}: choose another file name",
                    branch.name
                )
                .into());
            }
            let name: String = format!("Import key of {}", branch.name);
            let name = if name.len() > MAX_NAME { file.clone() } else { name };
            staff.push(StaffPlan { file, name, branch: number, roles: vec![Role::Ward, Role::Registrar] });
        }
        Ok(staff)
    }
}

fn check_name(what: &str, name: &str) -> Result<()> {
    let wrong = if name.is_empty() {
        "is empty"
    } else if name.len() > MAX_NAME {
        "is too long: 100 bytes are allowed"
    } else if name.chars().any(|c| c.is_control() || sanitise::is_unsafe(c)) {
        "has a control character"
    } else if folder_name(name).is_empty() {
        "needs a letter or a digit"
    } else {
        return Ok(());
    };
    Err(format!("{what} {wrong}").into())
}

fn place(text: &str, trusted: bool) -> Result<Place<'_>> {
    let (name, address) = text.split_once('=').map_or((text, None), |(name, address)| (name, Some(address)));
    let name = name.trim();
    check_name(&format!("the participant's name in `{}`", sanitise::line(text)), name)?;
    if name.contains(':') {
        return Err(
            format!("`{text}`: a name has no colon; an address follows `=`, as in North=10.1.0.10").into()
        );
    }
    let (ip, port) = match address.map(str::trim) {
        None => (None, None),
        Some(address) => {
            let (ip, port) = ip_and_port(address).ok_or_else(|| {
                format!("`{text}`: `{address}` is not an IP address such as 10.1.0.10 or 10.1.0.10:7443 (names are not looked up)")
            })?;
            (Some(ip), port)
        }
    };
    if ip.is_some_and(|ip| ip.is_unspecified() || ip.is_multicast() || ip == IpAddr::V4(Ipv4Addr::BROADCAST))
    {
        return Err(format!("`{text}`: that is not the address of one machine").into());
    }
    if port == Some(0) {
        return Err(format!("`{text}`: port 0 is none").into());
    }
    Ok(Place { name, ip, port, trusted })
}

fn ip_and_port(text: &str) -> Option<(IpAddr, Option<u16>)> {
    if let Ok(address) = text.parse::<SocketAddr>() {
        return Some((address.ip(), Some(address.port())));
    }
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    bare.parse().ok().map(|ip| (ip, None))
}

/// Three ports for each, from the base port on; the next branch on the same machine begins ten further.
fn addresses(places: &[Place<'_>], base_port: u16) -> Result<Vec<BranchPlan>> {
    let given = places.iter().filter(|place| place.ip.is_some()).count();
    if let Some(bare) = places.iter().find(|place| place.ip.is_none() && given > 0) {
        return Err(format!(
            "`{name}` has no address and others have: write {name}=IP, or leave all out to try the group on this machine",
            name = bare.name
        )
        .into());
    }
    let ips: Vec<IpAddr> =
        places.iter().map(|place| place.ip.unwrap_or(Ipv4Addr::LOCALHOST.into())).collect();
    if let Some((place, ip)) = places.iter().zip(&ips).find(|(_, ip)| ip.is_loopback())
        && !ips.iter().all(IpAddr::is_loopback)
    {
        return Err(format!("`{}` is at {ip}, which no other machine can reach", place.name).into());
    }
    let mut on_machine: BTreeMap<IpAddr, u16> = BTreeMap::new();
    let mut taken: BTreeMap<SocketAddr, &str> = BTreeMap::new();
    let mut plans = Vec::new();
    for (place, ip) in places.iter().zip(ips) {
        let before = on_machine.entry(ip).or_default();
        let next = before.checked_mul(PORT_STEP).and_then(|offset| base_port.checked_add(offset));
        *before += 1;
        let first = place.port.or(next).filter(|port| *port > 0 && *port <= u16::MAX - 2);
        let first = first
            .ok_or_else(|| format!("`{}` needs three ports from 1 to 65535: choose another", place.name))?;
        let plan = BranchPlan {
            name: place.name.to_owned(),
            trusted: place.trusted,
            api: SocketAddr::new(ip, first),
            main: SocketAddr::new(ip, first + 1),
            side: place.trusted.then(|| SocketAddr::new(ip, first + 2)),
        };
        for address in [plan.api, plan.main].into_iter().chain(plan.side) {
            if let Some(other) = taken.insert(address, place.name) {
                return Err(format!("`{other}` and `{}` would both listen on {address}", place.name).into());
            }
        }
        plans.push(plan);
    }
    Ok(plans)
}

/// `FILE:NAME:BRANCH:ROLE+ROLE`; only the person's name may have colons.
fn person(text: &str, branches: &[BranchPlan]) -> Result<StaffPlan> {
    let wrong = |what: String| format!("--staff `{}`: {what}", sanitise::line(text));
    let parts = text.split_once(':').and_then(|(file, rest)| {
        let (rest, roles) = rest.rsplit_once(':')?;
        let (name, branch) = rest.rsplit_once(':')?;
        Some((file.trim(), name.trim(), branch.trim(), roles.trim()))
    });
    let (file, name, branch, roles) = parts
        .ok_or_else(|| wrong("write FILE:NAME:BRANCH:ROLE+ROLE, as in lee:Nurse Lee:North:ward".into()))?;
    if file.is_empty() || !file.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_') {
        return Err(wrong("the file's name has letters, digits, `-` and `_` alone".into()).into());
    }
    check_name("the person's name", name).map_err(|error| wrong(error.to_string()))?;
    let number = branches.iter().position(|plan| folder_name(&plan.name) == folder_name(branch));
    let number = number.ok_or_else(|| wrong(format!("there is no branch `{branch}`")))?;
    let roles: Roles = roles
        .split('+')
        .map(|role| Role::parse(role.trim()))
        .collect::<std::result::Result<_, _>>()
        .map_err(|error| wrong(error.to_string()))?;
    Ok(StaffPlan { file: file.into(), name: name.into(), branch: number, roles: roles.iter().collect() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(branches: &[&str], participants: &[&str], staff: &[&str]) -> Result<Plan> {
        let owned = |words: &[&str]| words.iter().map(ToString::to_string).collect::<Vec<_>>();
        let wish = Wish {
            name: "Sunrise",
            branches: &owned(branches),
            participants: &owned(participants),
            base_port: 7443,
            administrators: None,
            staff: &owned(staff),
        };
        wish.plan()
    }

    #[test]
    fn machines_of_their_own_have_the_same_ports_and_one_machine_has_them_in_steps() {
        let apis = |plan: Plan| plan.branches.iter().map(|b| b.api.to_string()).collect::<Vec<_>>();
        let apart = plan(&["North=10.1.0.10", "South=[fd00::1]", "East=10.3.0.10:9000"], &[], &[]).unwrap();
        assert_eq!(apis(apart), ["10.1.0.10:7443", "[fd00::1]:7443", "10.3.0.10:9000"]);
        let together = plan(&["North", "South"], &["Institute"], &[]).unwrap();
        assert_eq!(together.branches[1].side.unwrap().port(), 7455);
        assert_eq!(together.branches[2].side, None);
        assert_eq!(apis(together), ["127.0.0.1:7443", "127.0.0.1:7453", "127.0.0.1:7463"]);
    }

    #[test]
    fn administrators_are_spread_and_see_no_patient() {
        let files = |plan: Plan| {
            let admins = plan.staff.into_iter().filter(|person| person.file.starts_with("admin-"));
            admins.map(|person| (person.branch, person.roles)).collect::<Vec<_>>()
        };
        let operator = vec![Role::Operator];
        let four = files(plan(&["A", "B", "C", "D"], &[], &[]).unwrap());
        assert_eq!(four, [(0, operator.clone()), (1, operator.clone()), (2, operator.clone())]);
        assert_eq!(files(plan(&["A", "B"], &[], &[]).unwrap()), [(0, operator.clone()), (1, operator)]);
    }

    #[test]
    fn a_person_is_read_with_all_that_was_said() {
        let person =
            plan(&["North Wing", "B"], &[], &["lee:Nurse: Lee:north wing:ward+registrar"]).unwrap().staff[2]
                .clone();
        assert_eq!((person.file.as_str(), person.name.as_str(), person.branch), ("lee", "Nurse: Lee", 0));
        assert_eq!(person.roles, [Role::Ward, Role::Registrar]);
    }

    #[test]
    fn what_cannot_stand_is_refused_by_its_name() {
        let refused = |branches: &[&str], staff: &[&str], says: &str| {
            let error = plan(branches, &[], staff).unwrap_err().to_string();
            assert!(error.contains(says), "{branches:?} {staff:?}: {error}");
            assert!(!error.contains('\n') && !error.contains('\u{1b}'), "{error:?}");
        };
        for (branches, says) in [
            (&["A"][..], "2 branches at least"),
            (&["A", "A"], "given twice"),
            (&["Nord Ost", "Nord-Ost"], "same folder `nord-ost`"),
            (&["A", ""], "is empty"),
            (&["A", "../.."], "letter or a digit"),
            (&["A", "B\u{1b}[2J"], "control character"),
            (&["A", &"x".repeat(101)], "too long"),
            (&["A=10.0.0.1", "B"], "`B` has no address"),
            (&["A=10.0.0.1", "B=127.0.0.1"], "no other machine"),
            (&["A=host.example", "B=10.0.0.1"], "not an IP address"),
            (&["A=10.0.0.1:99999", "B=10.0.0.1"], "not an IP address"),
            (&["A=0.0.0.0", "B=10.0.0.1"], "address of one machine"),
            (&["A=10.0.0.1:65535", "B=10.0.0.2"], "three ports"),
            (&["A=10.0.0.1:7000", "B=10.0.0.1:7002"], "both listen on 10.0.0.1:7002"),
            (&["A:10.0.0.1", "B"], "no colon"),
        ] {
            refused(branches, &[], says);
        }
        for (staff, says) in [
            ("lee", "FILE:NAME:BRANCH:ROLE"),
            ("../lee:Lee:A:ward", "letters, digits"),
            ("lee::A:ward", "is empty"),
            ("lee:Lee:Z:ward", "no branch `Z`"),
            ("lee:Lee:A:boss", "`boss` is no role"),
            ("lee:Lee:A:", "is no role"),
            ("admin-1:Lee:A:ward", "already"),
            ("import-a:Lee:A:ward", "import key of A"),
        ] {
            refused(&["A", "B"], &[staff], says);
        }
    }
}
