//! Whether a file is built as SQLite builds it: every page in use once, every b-tree whole and in order, every index
//! saying what its table says; and SQLite's own opinion of it.

use rusqlite::{Connection, OpenFlags};
use std::collections::BTreeSet;
use wardline_crypto::{Digest, OsEntropy, array};

use super::rows::encoded;
use super::{Fault, StoppedFile};
use crate::image::shape::{Shape, sequence};
use crate::image::{Cell, Flaw, Image, PAGE, Rows, Value, u32_at};

/// SQLite never uses the page in which its lock bytes would lie.
const LOCK_PAGE: u32 = 0x4000_0000 / PAGE as u32 + 1;
/// Faults that are told of one table; one cause has many effects.
const TOLD: usize = 50;

impl StoppedFile {
    /// Tells everything that is wrong with how the file is built. Returns whether nothing is, so that what its rows
    /// say is all that the node would read.
    pub fn structure(&self, tell: &mut dyn FnMut(Fault)) -> bool {
        let whole = std::cell::Cell::new(true);
        let mut tell = |fault: Fault| {
            whole.set(whole.get() && fault.doubt);
            tell(fault);
        };
        for (table, row, flaw) in &self.flaws {
            tell(self.told(table.clone(), row.clone(), flaw.clone()));
        }
        if self.image.is_empty() {
            return false;
        }
        let mut seen = crate::image::Seen::new(self.image.pages);
        let schema = crate::image::shape::schema();
        let sequence = sequence();
        let first = [(&schema, 1)].into_iter();
        let counted = self.roots.get(&sequence.name).map(|root| (&sequence, *root));
        let named = self.shapes().filter_map(|shape| Some((shape, *self.roots.get(&shape.name)?)));
        for (shape, root) in first.chain(counted).chain(named) {
            self.tree(shape, root, &mut seen, &mut tell);
        }
        for index in &self.expected.indexes {
            if let Some(table) = self.expected.tables.iter().find(|table| table.name == index.of) {
                self.index(index, table, &mut tell);
            }
        }
        self.free_pages(&mut seen, &mut tell);
        for page in (1..=self.image.pages).filter(|page| *page != LOCK_PAGE && !seen.has(*page)).take(TOLD) {
            let flaw = Flaw::at(Image::place_of(page), format!("page {page} belongs to nothing"));
            tell(self.told(None, None, flaw));
        }
        if whole.get() && !self.image.has_log() {
            self.second_opinion(&mut tell);
        }
        whole.get()
    }

    fn tree(&self, shape: &Shape, root: u32, seen: &mut crate::image::Seen, tell: &mut dyn FnMut(Fault)) {
        let mut rows = Rows::new(&self.image, shape, root);
        for _ in &mut rows {}
        for flaw in rows.flaws.into_iter().take(TOLD) {
            tell(self.told(Some(shape.name.clone()), None, flaw));
        }
        for page in (1..=self.image.pages).filter(|page| rows.seen.has(*page)) {
            if !seen.note(page) {
                let flaw = Flaw::at(Image::place_of(page), format!("page {page} is used twice"));
                tell(self.told(Some(shape.name.clone()), None, flaw));
            }
        }
    }

    /// Compares an index with its table without keeping either in memory.
    fn index(&self, index: &Shape, table: &Shape, tell: &mut dyn FnMut(Fault)) {
        let (Some(index_root), Some(table_root)) = (self.roots.get(&index.name), self.roots.get(&table.name))
        else {
            return;
        };
        let of_row = |cell: &Cell| {
            index.from.iter().map(|at| cell.values.get(*at).cloned()).collect::<Option<Vec<_>>>()
        };
        let entries = || Rows::new(&self.image, index, *index_root);
        let rows = || Rows::new(&self.image, table, *table_root);
        let mut balance = Balance::new(array(&mut OsEntropy));
        rows().filter_map(|cell| of_row(&cell)).for_each(|values| balance.add(&values));
        entries().for_each(|cell| balance.take(&cell.values));
        if balance.is_even() {
            return;
        }
        let known: BTreeSet<_> =
            rows().filter_map(|cell| of_row(&cell)).map(|values| hash(&values)).collect();
        let strange = entries().find(|cell| !known.contains(&hash(&cell.values)));
        let indexed: BTreeSet<_> = entries().map(|cell| hash(&cell.values)).collect();
        let missing =
            rows().find(|cell| of_row(cell).is_some_and(|values| !indexed.contains(&hash(&values))));
        if strange.is_none() && missing.is_none() {
            let flaw = Flaw::at(Image::place_of(*index_root), "the index has an entry more than once");
            tell(self.told(Some(index.name.clone()), None, flaw));
        }
        if let Some(cell) = strange {
            let flaw = Flaw::at(cell.place, "the index has an entry for no row");
            tell(self.told(Some(index.name.clone()), None, flaw));
        }
        if let Some(cell) = missing {
            let flaw = Flaw::at(cell.place, format!("the row is not in the index {}", index.name));
            tell(self.told(Some(table.name.clone()), None, flaw));
        }
    }

    fn free_pages(&self, seen: &mut crate::image::Seen, tell: &mut dyn FnMut(Fault)) {
        let Some((first, mut trunk, count)) = self.image.free_list() else { return };
        let mut tell = |place, what: String| tell(self.told(None, None, Flaw::at(place, what)));
        let (mut named, mut found) = (first.place(32, 36), 0_u32);
        while trunk != 0 {
            if trunk > self.image.pages || !seen.note(trunk) {
                return tell(named, format!("free page {trunk} is not there or used twice"));
            }
            let Some(page) = self.image.page(trunk) else {
                return tell(named, format!("free page {trunk} cannot be read"));
            };
            found += 1;
            let leaves = u32_at(&page.bytes, 4).unwrap_or_default() as usize;
            if leaves > PAGE / 4 - 2 {
                return tell(page.place(4, 8), format!("free page {trunk} names more pages than fit in it"));
            }
            for index in 0..leaves {
                let at = 8 + 4 * index;
                let leaf = u32_at(&page.bytes, at).unwrap_or_default();
                if leaf == 0 || leaf > self.image.pages || !seen.note(leaf) {
                    tell(page.place(at, at + 4), format!("free page {leaf} is not there or used twice"));
                }
                found += 1;
            }
            (trunk, named) = (u32_at(&page.bytes, 0).unwrap_or_default(), page.place(0, 4));
        }
        if found != count {
            tell(first.place(36, 40), format!("the header says {count} free pages, and there are {found}"));
        }
    }

    /// SQLite's own check, of a file that it is told never changes: it then makes no file and writes nothing.
    fn second_opinion(&self, tell: &mut dyn FnMut(Fault)) {
        let opinion = || -> rusqlite::Result<Vec<String>> {
            let flags = OpenFlags::SQLITE_OPEN_READ_ONLY
                | OpenFlags::SQLITE_OPEN_URI
                | OpenFlags::SQLITE_OPEN_NO_MUTEX;
            let file = Connection::open_with_flags(self.uri(), flags)?;
            file.execute_batch("PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON;")?;
            let mut check = file.prepare("PRAGMA integrity_check(20)")?;
            check.query_map([], |row| row.get(0))?.collect()
        };
        let said = opinion().unwrap_or_else(|error| vec![error.to_string()]);
        for line in said.into_iter().filter(|line| line != "ok") {
            let page =
                line.split("page ").nth(1).and_then(|rest| rest.split([' ', ':']).next()?.parse().ok());
            let place = page.map(Image::place_of);
            let flaw = Flaw { place, what: format!("SQLite's own check: {line}"), may_be_a_crash: false };
            tell(self.told(None, None, flaw));
        }
    }

    fn uri(&self) -> String {
        use std::os::unix::ffi::OsStrExt;
        let path = std::path::absolute(&self.path).unwrap_or_else(|_| self.path.clone());
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/-_.".contains(&byte);
        let escape =
            |byte: &u8| if plain(*byte) { char::from(*byte).to_string() } else { format!("%{byte:02x}") };
        let path: String = path.as_os_str().as_bytes().iter().map(escape).collect();
        format!("file:{path}?mode=ro&immutable=1")
    }
}

/// Whether the same was added and taken, each as often. Whoever could choose what is compared could choose it so that
/// plain hashes come out even: the key is drawn for each comparison and known to nobody.
struct Balance {
    key: [u8; 32],
    sums: [u64; 4],
}

impl Balance {
    const fn new(key: [u8; 32]) -> Self {
        Self { key, sums: [0; 4] }
    }

    fn add(&mut self, values: &[Value]) {
        self.change(values, u64::wrapping_add);
    }

    fn take(&mut self, values: &[Value]) {
        self.change(values, u64::wrapping_sub);
    }

    fn change(&mut self, values: &[Value], by: fn(u64, u64) -> u64) {
        let hash = Digest::of_parts(&[&self.key, &encoded(values)]);
        for (sum, bytes) in self.sums.iter_mut().zip(hash.bytes().as_chunks::<8>().0) {
            *sum = by(*sum, u64::from_be_bytes(*bytes));
        }
    }

    fn is_even(&self) -> bool {
        self.sums == [0; 4]
    }
}

fn hash(values: &[Value]) -> Digest {
    Digest::of(&encoded(values))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_compared_comes_out_even_when_it_is_the_same_and_only_then() {
        let value = |number| [Value::Integer(number)];
        let balance = |key, added: &[i64], taken: &[i64]| {
            let mut balance = Balance::new([key; 32]);
            added.iter().for_each(|number| balance.add(&value(*number)));
            taken.iter().for_each(|number| balance.take(&value(*number)));
            balance
        };
        assert!(balance(1, &[1, 2, 3], &[3, 1, 2]).is_even());
        assert!(!balance(1, &[1, 2], &[1, 3]).is_even());
        assert!(!balance(1, &[1], &[1, 1, 1]).is_even(), "two of one kind do not cancel out");
        // What is solved to come out even under one key does not under another.
        assert_ne!(balance(1, &[1], &[2]).sums, balance(2, &[1], &[2]).sums);
    }
}
