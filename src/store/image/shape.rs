//! What a file must look like inside: asked of SQLite itself, of a new file of the same format in memory.

use rusqlite::Connection;

use super::Value;
use crate::error::Result;
use crate::tables::Format;

/// A table or an index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Shape {
    pub name: String,
    /// The table that an index is of.
    pub of: String,
    pub columns: Vec<Column>,
    /// Columns that no two entries have in common.
    pub unique: usize,
    /// Whether rows are found by their number.
    pub by_number: bool,
    /// Of an index: its columns' places in the table, the row's number last when there is one.
    pub from: Vec<usize>,
}

/// A column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Column {
    pub name: String,
    pub kind: Kind,
    pub may_be_null: bool,
    /// It is the row's number, which is not stored again.
    pub is_number: bool,
}

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Integer,
    Text,
    Blob,
}

impl Column {
    fn new(name: &str, kind: Kind) -> Self {
        Self { name: name.to_owned(), kind, may_be_null: false, is_number: false }
    }

    /// Whether it may hold a value.
    pub fn takes(&self, value: &Value) -> bool {
        match value {
            Value::Null => self.may_be_null,
            Value::Integer(_) => self.kind == Kind::Integer,
            Value::Text(_) => self.kind == Kind::Text,
            Value::Blob(_) => self.kind == Kind::Blob,
        }
    }
}

/// One line of the schema: type, name, table, text.
pub(crate) type Entry = (String, String, String, Option<String>);

/// What a format's files look like inside.
pub(crate) struct Expected {
    /// The schema as each release may have left it, by the version that the file began with.
    pub schemas: Vec<Vec<Entry>>,
    pub tables: Vec<Shape>,
    pub indexes: Vec<Shape>,
}

impl Expected {
    pub fn of(format: &Format) -> Result<Self> {
        let mut schemas = Vec::new();
        for (version, schema) in format.formerly.iter().chain([&format.schema]).enumerate() {
            let file = Connection::open_in_memory()?;
            file.execute_batch(schema)?;
            for step in format.steps.iter().skip(version) {
                file.execute_batch(step)?;
            }
            let mut entries =
                file.prepare("SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY name")?;
            let row = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?));
            schemas.push(entries.query_map([], row)?.collect::<rusqlite::Result<_>>()?);
        }
        let file = Connection::open_in_memory()?;
        file.execute_batch(format.schema)?;
        let (mut tables, mut indexes) = (Vec::new(), Vec::new());
        let names = |sql: &str| -> Result<Vec<(String, bool)>> {
            let mut found = file.prepare(sql)?;
            Ok(found.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<rusqlite::Result<_>>()?)
        };
        for (name, without_number) in names(
            "SELECT name, wr FROM pragma_table_list WHERE schema = 'main' AND name NOT LIKE 'sqlite_%'",
        )? {
            let table = table(&file, &name, !without_number)?;
            let of_table = format!("SELECT name, origin = 'pk' FROM pragma_index_list('{name}')");
            for (index, primary) in names(&of_table)? {
                // The primary key of a table without numbers is the table itself.
                if !(primary && without_number) {
                    indexes.push(index_of(&file, &index, &table)?);
                }
            }
            tables.push(table);
        }
        Ok(Self { schemas, tables, indexes })
    }
}

fn table(file: &Connection, name: &str, by_number: bool) -> Result<Shape> {
    let mut found = file.prepare("SELECT name, type, \"notnull\", pk FROM pragma_table_xinfo(?1)")?;
    let mut unique = 0;
    let row = |row: &rusqlite::Row<'_>| {
        let (kind, not_null, key): (String, bool, u32) = (row.get(1)?, row.get(2)?, row.get(3)?);
        let kind = if kind == "INTEGER" { Kind::Integer } else { Kind::Blob };
        unique += usize::from(key > 0);
        let is_number = by_number && key > 0 && kind == Kind::Integer;
        Ok(Column {
            may_be_null: !not_null && !is_number && key == 0,
            is_number,
            ..Column::new(&row.get::<_, String>(0)?, kind)
        })
    };
    let columns = found.query_map([name], row)?.collect::<rusqlite::Result<_>>()?;
    let (name, of) = (name.to_owned(), name.to_owned());
    Ok(Shape { name, of, columns, unique, by_number, from: Vec::new() })
}

fn index_of(file: &Connection, name: &str, table: &Shape) -> Result<Shape> {
    let mut found = file.prepare("SELECT cid FROM pragma_index_xinfo(?1) ORDER BY seqno")?;
    let places: Vec<i64> = found.query_map([name], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
    let number = table.columns.iter().position(|column| column.is_number).unwrap_or_default();
    let from: Vec<usize> = places.into_iter().map(|place| usize::try_from(place).unwrap_or(number)).collect();
    let columns: Vec<Column> = from.iter().filter_map(|place| table.columns.get(*place)).cloned().collect();
    let columns: Vec<Column> =
        columns.into_iter().map(|column| Column { is_number: false, ..column }).collect();
    let unique = columns.len();
    Ok(Shape { name: name.to_owned(), of: table.name.clone(), columns, unique, by_number: false, from })
}

/// The table of tables, which every file begins with.
pub(crate) fn schema() -> Shape {
    let texts = ["type", "name", "tbl_name"].map(|name| Column::new(name, Kind::Text));
    let sql = Column { may_be_null: true, ..Column::new("sql", Kind::Text) };
    let columns = texts.into_iter().chain([Column::new("rootpage", Kind::Integer), sql]).collect();
    by_number("sqlite_schema", columns)
}

/// Where SQLite remembers the highest row number of tables that never use one twice.
pub(crate) fn sequence() -> Shape {
    by_number("sqlite_sequence", vec![Column::new("name", Kind::Text), Column::new("seq", Kind::Integer)])
}

fn by_number(name: &str, columns: Vec<Column>) -> Shape {
    let (name, of) = (name.to_owned(), name.to_owned());
    Shape { name, of, columns, unique: 0, by_number: true, from: Vec::new() }
}
