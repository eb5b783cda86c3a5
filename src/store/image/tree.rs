//! One b-tree's rows in their order, with every page checked on the way as SQLite's own integrity check does it.

use super::record::{Placed, Value, values, varint};
use super::shape::Shape;
use super::{Flaw, Image, PAGE, Page, Place, u16_at, u32_at};

/// Levels of a tree at most; SQLite itself refuses more.
const DEPTH: usize = 20;
const TABLE_INTERIOR: u8 = 5;
const TABLE_LEAF: u8 = 13;
const INDEX_INTERIOR: u8 = 2;
const INDEX_LEAF: u8 = 10;

/// Pages that were seen, a bit each.
#[derive(Clone, Default)]
pub(crate) struct Seen(Vec<u64>);

impl Seen {
    pub fn new(pages: u32) -> Self {
        Self(vec![0; pages as usize / 64 + 1])
    }

    /// Notes a page; `false` when it was seen before or is not in the file.
    pub fn note(&mut self, page: u32) -> bool {
        let (word, bit) = (page as usize / 64, 1_u64 << (page % 64));
        let fresh = self.0.get(word).is_some_and(|word| word & bit == 0);
        if let Some(word) = self.0.get_mut(word) {
            *word |= bit;
        }
        fresh
    }

    pub fn has(&self, page: u32) -> bool {
        self.0.get(page as usize / 64).is_some_and(|word| word & (1_u64 << (page % 64)) != 0)
    }
}

/// A row and where its bytes lie.
#[derive(Clone, Debug)]
pub(crate) struct Cell {
    /// The values in the table's order, the row's number among them.
    pub values: Vec<Value>,
    places: Vec<(usize, usize)>,
    /// Payload offset, then where the piece lies.
    pieces: Vec<(usize, Place)>,
    /// The cell in its page.
    pub place: Place,
    /// The page that it is in.
    pub page: Place,
}

impl Cell {
    /// Where bytes `from..to` of a column's value lie; of a longer value the first piece of the file.
    pub fn place_of(&self, column: usize, from: usize, to: usize) -> Place {
        let Some((start, end)) = self.places.get(column) else { return self.place };
        let (from, to) = (start.saturating_add(from).min(*end), start.saturating_add(to).min(*end));
        for (begin, piece) in &self.pieces {
            let Ok(length) = usize::try_from(piece.end - piece.start) else { continue };
            if (*begin..begin + length).contains(&from) {
                let at = |offset: usize| piece.start + (offset - begin) as u64;
                return Place { log: piece.log, start: at(from), end: at(to.min(begin + length)) };
            }
        }
        self.place
    }

    /// Where a whole column's value lies.
    pub fn column(&self, column: usize) -> Place {
        self.place_of(column, 0, usize::MAX)
    }
}

/// A payload's bytes, where its pieces lie, and where its cell ends in the page.
type Payload = (Vec<u8>, Vec<(usize, Place)>, usize);

struct Level {
    page: Page,
    /// Where the page's own header begins.
    start: usize,
    leaf: bool,
    cells: Vec<usize>,
    next: usize,
    /// The child before the next cell was walked.
    descended: bool,
}

/// The rows of one b-tree.
pub(crate) struct Rows<'a> {
    image: &'a Image,
    shape: &'a Shape,
    stack: Vec<Level>,
    root: Option<u32>,
    leaf_depth: Option<usize>,
    before: Option<Vec<Value>>,
    /// Row numbers up to here belong to pages before.
    bound: Option<i64>,
    pub seen: Seen,
    pub flaws: Vec<Flaw>,
}

impl<'a> Rows<'a> {
    pub fn new(image: &'a Image, shape: &'a Shape, root: u32) -> Self {
        let seen = Seen::new(image.pages);
        Self {
            image,
            shape,
            stack: Vec::new(),
            root: Some(root),
            leaf_depth: None,
            before: None,
            bound: None,
            seen,
            flaws: Vec::new(),
        }
    }

    fn flaw(&mut self, place: Place, what: impl Into<String>) {
        self.flaws.push(Flaw::at(place, what));
    }

    fn descend(&mut self, number: u32, named: Place) {
        if self.image.is_cut_off(number) {
            return;
        }
        if number == 0 || number > self.image.pages {
            return self.flaw(named, format!("page {number} is named and not in the file"));
        }
        if self.stack.len() >= DEPTH || !self.seen.note(number) {
            return self.flaw(named, format!("page {number} is used twice"));
        }
        let Some(page) = self.image.page(number) else {
            return self.flaw(Image::place_of(number), format!("page {number} cannot be read"));
        };
        match level(page, number, self.shape.by_number) {
            Ok((level, flaws)) => {
                self.flaws.extend(flaws);
                let depth = self.stack.len();
                if level.leaf && *self.leaf_depth.get_or_insert(depth) != depth {
                    self.flaw(level.page.whole(), "the tree's leaves are not at one depth");
                }
                self.stack.push(level);
            }
            Err(flaw) => self.flaws.push(flaw),
        }
    }

    /// The row of a cell, checked against the one before.
    fn row(&mut self, at: usize) -> Option<Cell> {
        let level = self.stack.last()?;
        let (mut from, table) = (at, self.shape.by_number);
        if !level.leaf {
            from += 4;
        }
        let page = &level.page;
        let cut = Flaw::at(page.place(at, at + 4), "a cell is cut off");
        let Some((length, took)) = page.bytes.get(from..).and_then(varint) else {
            self.flaws.push(cut);
            return None;
        };
        from += took;
        let mut number = None;
        if table {
            let Some((rowid, took)) = page.bytes.get(from..).and_then(varint) else {
                self.flaws.push(cut);
                return None;
            };
            number = Some((rowid.cast_signed(), page.place(from, from + took)));
            from += took;
        }
        let (payload, pieces, end) = match self.payload(length, from) {
            Ok(found) => found,
            Err(flaw) => {
                self.flaws.push(flaw);
                return None;
            }
        };
        let page = &self.stack.last()?.page;
        let (place, whole) = (page.place(at, end), page.whole());
        let mut cell = Cell { values: Vec::new(), places: Vec::new(), pieces, place, page: whole };
        let parsed = match values(&payload) {
            Ok(parsed) => parsed,
            Err((from, to, what)) => {
                cell.places = vec![(0, payload.len())];
                let place = cell.place_of(0, from, to);
                self.flaw(place, what);
                return None;
            }
        };
        self.fill(cell, parsed, number)
    }

    /// Puts the values where the table has them and checks types and order.
    fn fill(&mut self, mut cell: Cell, parsed: Vec<Placed>, number: Option<(i64, Place)>) -> Option<Cell> {
        let shape = self.shape;
        if parsed.len() > shape.columns.len() {
            self.flaw(cell.place, "a row has more values than its table columns");
            return None;
        }
        let mut parsed = parsed.into_iter();
        for column in &shape.columns {
            // A row from before a column was added ends earlier.
            let (value, from, to) = parsed.next().unwrap_or((Value::Null, 0, 0));
            cell.places.push((from, to));
            let value = match number {
                Some((number, _)) if column.is_number && value == Value::Null => Value::Integer(number),
                _ if !column.is_number && column.takes(&value) => value,
                _ => {
                    let place = cell.column(cell.places.len() - 1);
                    self.flaw(place, format!("column {} holds a value of another type", column.name));
                    return None;
                }
            };
            cell.values.push(value);
        }
        let key = match number {
            Some((number, _)) => vec![Value::Integer(number)],
            None => cell.values.get(..shape.unique).unwrap_or_default().to_vec(),
        };
        let place = number.map_or(cell.place, |(_, place)| place);
        let late = number.is_some_and(|(number, _)| self.bound.is_some_and(|bound| number <= bound));
        if late || self.before.as_ref().is_some_and(|before| *before >= key) {
            self.flaw(place, "a row is not in the order of its key");
        }
        self.before = Some(key);
        Some(cell)
    }

    /// A payload's bytes from the page and its overflow pages, their places, and where the cell ends in its page.
    fn payload(&mut self, length: u64, from: usize) -> Result<Payload, Flaw> {
        let Some(level) = self.stack.last() else { return Ok(Default::default()) };
        let local = local(length, self.shape.by_number);
        let page = &level.page;
        let most = u64::from(self.image.pages) * PAGE as u64;
        let cut =
            || Flaw::at(page.place(from, from + local.min(PAGE)), "a cell is longer than its page or file");
        let mut payload =
            page.bytes.get(from..from + local).filter(|_| length <= most).ok_or_else(cut)?.to_vec();
        let mut pieces = vec![(0, page.place(from, from + local))];
        let mut end = from + local;
        let length = usize::try_from(length).map_err(|_| cut())?;
        if payload.len() == length {
            return Ok((payload, pieces, end));
        }
        let mut next = u32_at(&page.bytes, end).ok_or_else(cut)?;
        let mut named = page.place(end, end + 4);
        end += 4;
        while payload.len() < length {
            if next == 0 || next > self.image.pages || !self.seen.note(next) {
                return Err(Flaw::at(named, format!("overflow page {next} is not there or used twice")));
            }
            let page =
                self.image.page(next).ok_or_else(|| Flaw::at(named, "an overflow page cannot be read"))?;
            let take = (length - payload.len()).min(PAGE - 4);
            pieces.push((payload.len(), page.place(4, 4 + take)));
            payload.extend_from_slice(page.bytes.get(4..4 + take).unwrap_or_default());
            (next, named) = (u32_at(&page.bytes, 0).unwrap_or_default(), page.place(0, 4));
        }
        if next != 0 {
            return Err(Flaw::at(named, "an overflow chain goes on behind its row"));
        }
        Ok((payload, pieces, end))
    }
}

impl Iterator for Rows<'_> {
    type Item = Cell;

    fn next(&mut self) -> Option<Cell> {
        if let Some(root) = self.root.take() {
            self.descend(root, Place::file(0, 100));
        }
        loop {
            let table = self.shape.by_number;
            let level = self.stack.last_mut()?;
            let Some(at) = level.cells.get(level.next).copied() else {
                // Behind the last cell: the rightmost child, once, then up.
                let start = level.start;
                if !level.leaf && !level.descended {
                    level.descended = true;
                    let child = u32_at(&level.page.bytes, start + 8).unwrap_or_default();
                    let named = level.page.place(start + 8, start + 12);
                    self.descend(child, named);
                } else {
                    self.stack.pop();
                }
                continue;
            };
            if !level.leaf && !level.descended {
                level.descended = true;
                let child = u32_at(&level.page.bytes, at).unwrap_or_default();
                let named = level.page.place(at, at + 4);
                self.descend(child, named);
                continue;
            }
            level.next += 1;
            level.descended = false;
            if table && !level.leaf {
                // The highest row number of the child that was walked.
                let bound = level.page.bytes.get(at + 4..).and_then(varint);
                let place = level.page.place(at + 4, at + 4 + bound.map_or(1, |(_, took)| took));
                let bound = bound.map(|(bound, _)| bound.cast_signed());
                let too_low = match (&self.before, bound) {
                    (Some(before), Some(bound)) => before.first() > Some(&Value::Integer(bound)),
                    (_, bound) => bound.is_none(),
                };
                if too_low || self.bound.is_some_and(|before| Some(before) >= bound) {
                    self.flaw(place, "a page's border is not in the order of its rows");
                }
                self.bound = bound;
                continue;
            }
            if let Some(cell) = self.row(at) {
                return Some(cell);
            }
        }
    }
}

/// Bytes of a payload that are in its cell.
fn local(length: u64, table: bool) -> usize {
    let most = if table { PAGE - 35 } else { (PAGE - 12) * 64 / 255 - 23 };
    let least = (PAGE - 12) * 32 / 255 - 23;
    match usize::try_from(length) {
        Ok(length) if length <= most => length,
        Ok(length) => {
            let some = least + (length - least) % (PAGE - 4);
            if some <= most { some } else { least }
        }
        Err(_) => PAGE,
    }
}

/// Reads a page's frame: its cells, and that every byte of its content belongs to exactly one of them.
fn level(page: Page, number: u32, table: bool) -> Result<(Level, Vec<Flaw>), Flaw> {
    let start = if number == 1 { 100 } else { 0 };
    let kind = page.bytes.get(start).copied().unwrap_or_default();
    let leaf = match (kind, table) {
        (TABLE_LEAF, true) | (INDEX_LEAF, false) => true,
        (TABLE_INTERIOR, true) | (INDEX_INTERIOR, false) => false,
        _ => {
            return Err(Flaw::at(
                page.place(start, start + 1),
                format!("page {number} is of another kind ({kind})"),
            ));
        }
    };
    let half = |at: usize| usize::from(u16_at(&page.bytes, at).unwrap_or_default());
    let (count, content) = (half(start + 3), half(start + 5));
    let array = start + if leaf { 8 } else { 12 };
    if array + 2 * count > content || content > PAGE {
        return Err(Flaw::at(
            page.place(start + 3, start + 7),
            format!("page {number}: its cells do not fit in it"),
        ));
    }
    let mut flaws = Vec::new();
    let cells: Vec<usize> = (0..count).map(|index| half(array + 2 * index)).collect();
    let mut used = Vec::new();
    for (index, at) in cells.iter().enumerate() {
        let size =
            cell_size(&page.bytes, *at, leaf, table).filter(|size| *at >= content && at + size <= PAGE);
        match size {
            Some(size) => used.push((*at, at + size)),
            None => {
                let place = page.place(array + 2 * index, array + 2 * index + 2);
                flaws.push(Flaw::at(place, format!("page {number}: cell {index} does not fit in it")));
            }
        }
    }
    let mut free = half(start + 1);
    let mut named = page.place(start + 1, start + 3);
    while free != 0 {
        let (next, size) = (half(free), half(free + 2));
        let after = next == 0 || next >= free + size;
        if free < content || size < 4 || free + size > PAGE || !after {
            flaws.push(Flaw::at(named, format!("page {number}: its list of free bytes is damaged")));
            break;
        }
        used.push((free, free + size));
        named = page.place(free, free + 4);
        free = next;
    }
    if flaws.is_empty() {
        used.sort_unstable();
        let mut end = content;
        let mut fragments = 0;
        for (from, to) in used {
            if from < end {
                flaws.push(Flaw::at(
                    page.place(from, end.min(to)),
                    format!("page {number}: bytes are used twice"),
                ));
            }
            fragments += from.saturating_sub(end);
            end = to.max(end);
        }
        fragments += PAGE - end;
        let counted = usize::from(page.bytes.get(start + 7).copied().unwrap_or_default());
        if flaws.is_empty() && fragments != counted {
            let what = format!("page {number}: {fragments} bytes belong to nothing, and it says {counted}");
            flaws.push(Flaw::at(page.place(start + 3, start + 8), what));
        }
    }
    let cells = if flaws.is_empty() { cells } else { fitting(cells, &page.bytes, content, leaf, table) };
    Ok((Level { page, start, leaf, cells, next: 0, descended: false }, flaws))
}

/// The cells of a damaged page that can be read all the same.
fn fitting(cells: Vec<usize>, page: &[u8], content: usize, leaf: bool, table: bool) -> Vec<usize> {
    let fits = |at: &usize| {
        *at >= content && cell_size(page, *at, leaf, table).is_some_and(|size| at + size <= PAGE)
    };
    cells.into_iter().filter(fits).collect()
}

/// Bytes of a cell in its page, never less than four.
fn cell_size(page: &[u8], at: usize, leaf: bool, table: bool) -> Option<usize> {
    let mut from = if leaf { at } else { at + 4 };
    if table && !leaf {
        return Some(from + varint(page.get(from..)?)?.1 - at);
    }
    let (length, took) = varint(page.get(from..)?)?;
    from += took;
    if table {
        from += varint(page.get(from..)?)?.1;
    }
    let local = local(length, table);
    let overflow = if u64::try_from(local).ok()? < length { 4 } else { 0 };
    Some((from + local + overflow - at).max(4))
}
