//! Which branch an organization's records belong to: a map that people write, else a rule that never changes its mind.

use serde::Deserialize;
use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};
use wardline_crypto::Digest;
use wardline_fhir::Organization;

/// A branch that records can be kept at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    pub id: u16,
    pub name: String,
}

/// How an organization came to its branch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum How {
    /// The map names it.
    Map,
    /// By the rule.
    Rule,
}

impl How {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Map => "map",
            Self::Rule => "rule",
        }
    }
}

/// import.toml.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    /// Key, id or name of an organization → name of its branch.
    #[serde(default)]
    organizations: BTreeMap<String, toml::Spanned<String>>,
}

/// The assignment of organizations to branches.
pub struct Branches {
    places: Vec<Place>,
    map: BTreeMap<String, u16>,
    assigned: BTreeMap<Organization, (u16, How)>,
}

impl Branches {
    /// Takes the branches, one at least, and reads the map if there is one.
    pub fn new(places: Vec<Place>, map: Option<&Path>) -> Result<Self, String> {
        let mut branches = Self { places, map: BTreeMap::new(), assigned: BTreeMap::new() };
        if let Some(path) = map {
            let text = std::fs::read_to_string(path)
                .map_err(|error| format!("cannot read {}: {error}", path.display()))?;
            branches.read(&text).map_err(|error| format!("{}: {error}", path.display()))?;
        }
        Ok(branches)
    }

    fn read(&mut self, text: &str) -> Result<(), String> {
        let file: File = toml::from_str(text).map_err(|error| {
            let line = line_of(text, error.span().map_or(0, |span| span.start));
            format!("line {line}: {}", error.message())
        })?;
        for (organization, branch) in file.organizations {
            let place = self.places.iter().find(|place| place.name == *branch.as_ref()).ok_or_else(|| {
                let line = line_of(text, branch.span().start);
                let names: Vec<&str> = self.places.iter().map(|place| place.name.as_str()).collect();
                format!(
                    "line {line}: `{}` is no branch that keeps records, only {}",
                    branch.as_ref(),
                    names.join(", ")
                )
            })?;
            self.map.insert(organization, place.id);
        }
        Ok(())
    }

    /// The branch of an organization; the same organization always has the same one.
    pub fn of(&mut self, organization: &Organization) -> u16 {
        if let Some((branch, _)) = self.assigned.get(organization) {
            return *branch;
        }
        let named = [&organization.key, &organization.id, &organization.name];
        let mapped = named.into_iter().find_map(|name| self.map.get(name).copied());
        let (branch, how) = match mapped {
            Some(branch) => (branch, How::Map),
            None => (by_rule(&self.places, &organization.key), How::Rule),
        };
        self.assigned.insert(organization.clone(), (branch, how));
        branch
    }

    /// The branch that keeps what nobody says where it was made: the first one.
    pub fn keeper(&self) -> u16 {
        self.places.first().map_or(0, |place| place.id)
    }

    pub fn name(&self, branch: u16) -> &str {
        self.places.iter().find(|place| place.id == branch).map_or("unknown", |place| &place.name)
    }

    /// Everything that was assigned so far.
    pub fn assigned(&self) -> impl Iterator<Item = (&Organization, u16, How)> {
        self.assigned.iter().map(|(organization, (branch, how))| (organization, *branch, *how))
    }

    /// Lines of the map that named no organization of these files, so that a slip of the pen is noticed.
    pub fn unused(&self) -> Vec<&str> {
        let used: BTreeSet<&str> = self
            .assigned
            .keys()
            .flat_map(|organization| [&*organization.key, &*organization.id, &*organization.name])
            .collect();
        self.map.keys().map(String::as_str).filter(|name| !used.contains(name)).collect()
    }
}

/// Counted from 1.
fn line_of(text: &str, at: usize) -> usize {
    text.get(..at).unwrap_or_default().matches('\n').count() + 1
}

/// Of all branches the one whose name gives, together with the organization's key, the greatest SHA-256 (rendezvous
/// hashing): it depends on nothing else, and a new branch takes over only what becomes its own.
fn by_rule(places: &[Place], key: &str) -> u16 {
    let score = |place: &Place| {
        Digest::of_parts(&[b"wardline organization\0", place.name.as_bytes(), b"\0", key.as_bytes()])
    };
    places.iter().max_by_key(|place| *score(place).bytes()).map_or(0, |place| place.id)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(names: &[&str]) -> Vec<Place> {
        (1..).zip(names).map(|(id, name)| Place { id, name: (*name).to_owned() }).collect()
    }

    fn organization(number: u32) -> Organization {
        Organization {
            key: format!("https://example.org|{number}"),
            id: format!("org-{number}"),
            name: format!("Clinic {number}"),
        }
    }

    #[test]
    fn the_rule_spreads_and_a_new_branch_takes_only_its_own() {
        let (four, five) = (
            places(&["North", "South", "East", "West"]),
            places(&["North", "South", "East", "West", "Harbour"]),
        );
        let mut count = BTreeMap::new();
        for number in 0..400 {
            let key = organization(number).key;
            let (before, after) = (by_rule(&four, &key), by_rule(&five, &key));
            assert!(after == before || after == 5, "moved between old branches");
            *count.entry(before).or_insert(0) += 1;
        }
        assert!(count.len() == 4 && count.values().all(|n| (60..140).contains(n)), "{count:?}");
        // what was printed once holds for ever
        assert_eq!(by_rule(&four, "https://example.org|1"), 4);
    }

    #[test]
    fn the_example_is_read() {
        let mut branches = Branches::new(places(&["North", "South"]), None).unwrap();
        branches.read(include_str!("../../../config/import.toml")).unwrap();
        assert_eq!(branches.unused().len(), 2);
    }

    #[test]
    fn the_map_goes_before_the_rule_and_its_slips_are_told() {
        let mut branches = Branches::new(places(&["North", "South"]), None).unwrap();
        branches
            .read("[organizations]\n\"Clinic 1\" = \"South\"\n\"org-2\" = \"North\"\n\"Clinik 3\" = \"North\"\n")
            .unwrap();
        assert_eq!([1, 2].map(|n| branches.of(&organization(n))), [2, 1]);
        branches.of(&organization(3));
        assert_eq!(branches.unused(), ["Clinik 3"]);
        let hows: Vec<How> = branches.assigned().map(|(_, _, how)| how).collect();
        assert_eq!(hows, [How::Map, How::Map, How::Rule]);

        let mut branches = Branches::new(places(&["North"]), None).unwrap();
        let error = branches.read("[organizations]\n\"a\" = \"North\"\n\"b\" = \"Nort\"\n").unwrap_err();
        assert_eq!(error, "line 3: `Nort` is no branch that keeps records, only North");
        assert!(branches.read("organisations = 1").unwrap_err().contains("organisations"));
    }
}
