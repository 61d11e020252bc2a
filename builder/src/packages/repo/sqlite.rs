//! Reading whole tables of an SQLite 3 file. Source: <https://www.sqlite.org/fileformat2.html>.
//!
//! Repositories of EL7's time carry their metadata as SQLite databases too, and some nothing
//! else. All that is needed of them is every row of a few tables, which needs no SQL and no
//! database engine in C on bytes that may be hostile.

use crate::base::malformed::Malformed;

/// Fields of the file's header.
const MAGIC: &[u8] = b"SQLite format 3\0";
const HEADER: usize = 100;
/// More levels than a b-tree of the largest file has.
const DEEPEST: usize = 32;

/// A database in memory.
pub struct Database {
    bytes: Vec<u8>,
    page_size: usize,
    /// Bytes of a page without the space reserved at its end.
    usable: usize,
}

/// A value of a row.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum SqliteValue<'r> {
    /// NULL, also that of columns added after the row was written.
    Null,
    /// An integer.
    Integer(i64),
    /// Text.
    Text(&'r str),
    /// A floating-point number or a blob, which metadata does not have.
    Other,
}

/// Gets each cell of a table: row number, payload, and its byte offset in the file.
type OnCell<'a> = dyn FnMut(i64, &[u8], usize) -> Result<(), Malformed> + 'a;

impl<'r> SqliteValue<'r> {
    /// Text; NULL is empty.
    pub fn text(self) -> Result<&'r str, Malformed> {
        match self {
            Self::Text(text) => Ok(text),
            Self::Null => Ok(""),
            other => Err(format!("{other:?} where text should be").into()),
        }
    }

    /// An integer that is not negative; NULL is 0.
    pub fn number(self) -> Result<u64, Malformed> {
        match self {
            Self::Integer(n) if n >= 0 => Ok(n.unsigned_abs()),
            Self::Null => Ok(0),
            other => Err(format!("{other:?} where a number should be").into()),
        }
    }
}

/// A table by its place and the names of its columns.
struct Table {
    root: usize,
    columns: Vec<String>,
    /// The column that is the row's number and has no value of its own.
    row_number: Option<usize>,
}

impl Database {
    /// Takes the bytes of a database file.
    ///
    /// # Errors
    /// When they are none, or its text is not UTF-8.
    pub fn open(bytes: Vec<u8>) -> Result<Self, Malformed> {
        if bytes.len() < HEADER || !bytes.starts_with(MAGIC) {
            return Err("not an SQLite database, at byte 0".into());
        }
        let page_size = match u16::from_be_bytes([bytes[16], bytes[17]]) {
            1 => 65536,
            size => usize::from(size),
        };
        let usable = page_size.saturating_sub(usize::from(bytes[20]));
        if !page_size.is_power_of_two() || page_size < 512 || usable < 480 {
            return Err(
                format!("an SQLite database with pages of {page_size} bytes, at byte 16").into()
            );
        }
        if bytes[56..60] != [0, 0, 0, 1] {
            return Err("an SQLite database whose text is not UTF-8, at byte 56".into());
        }
        Ok(Self { bytes, page_size, usable })
    }

    /// Hands every row of `table` to `on`, with the values of `columns` in that order.
    ///
    /// # Errors
    /// When the table or a column is missing or the file is damaged, with the byte; the error of
    /// `on`.
    pub fn rows(
        &self,
        table: &str,
        columns: &[&str],
        on: &mut dyn FnMut(&[SqliteValue]) -> Result<(), Malformed>,
    ) -> Result<(), Malformed> {
        let Table { root, columns: known, row_number } = self.table(table)?;
        let place = |column: &&str| {
            let at = known.iter().position(|c| c == column);
            at.ok_or_else(|| format!("the table {table} has no column {column}"))
        };
        let places: Vec<usize> = columns.iter().map(place).collect::<Result<_, _>>()?;
        let mut pages = self.bytes.len() / self.page_size;
        self.walk(root, 0, &mut pages, &mut |row, payload, at| {
            let mut values = Vec::with_capacity(places.len());
            let record =
                SqliteRecord::read(payload).map_err(|e| format!("{e} of the row at byte {at}"))?;
            for &place in &places {
                let value = match row_number {
                    Some(own) if own == place => SqliteValue::Integer(row),
                    _ => record.value(place).map_err(|e| format!("{e} of the row at byte {at}"))?,
                };
                values.push(value);
            }
            on(&values).map_err(|e| format!("{e} in the row at byte {at}").into())
        })
    }

    /// Finds a table in the schema, which is the table at page 1.
    fn table(&self, name: &str) -> Result<Table, Malformed> {
        let mut found = None;
        let mut pages = self.bytes.len() / self.page_size;
        self.walk(1, 0, &mut pages, &mut |_, payload, _| {
            let record = SqliteRecord::read(payload)?;
            if record.value(0)? == SqliteValue::Text("table")
                && record.value(1)? == SqliteValue::Text(name)
            {
                let root = usize::try_from(record.value(3)?.number()?).unwrap_or(usize::MAX);
                let (columns, row_number) = columns(record.value(4)?.text()?);
                found = Some(Table { root, columns, row_number });
            }
            Ok(())
        })?;
        found.ok_or_else(|| format!("the database has no table {name}").into())
    }

    /// Walks a table's b-tree. `pages` bounds how many pages are read: more than there are
    /// would be a circle.
    fn walk(
        &self,
        number: usize,
        depth: usize,
        pages: &mut usize,
        on: &mut OnCell<'_>,
    ) -> Result<(), Malformed> {
        *pages =
            pages.checked_sub(1).filter(|_| depth < DEEPEST).ok_or("pages that form a loop")?;
        let (start, page) = self.page(number)?;
        let head = if number == 1 { HEADER } else { 0 };
        let damaged = |at: usize| format!("damaged page {number} at byte {}", start + at);
        let kind = page[head];
        let cells = usize::from(u16_at(page, head + 3).ok_or_else(|| damaged(head))?);
        let first = head + if kind == 0x05 { 12 } else { 8 };
        for n in 0..cells {
            let pointer = u16_at(page, first + 2 * n).ok_or_else(|| damaged(first + 2 * n))?;
            let at = usize::from(pointer);
            match kind {
                0x05 => {
                    let child = u32_at(page, at).ok_or_else(|| damaged(at))?;
                    self.walk(child, depth + 1, pages, on)?;
                }
                0x0d => {
                    let (row, payload) = self.cell(page, at).ok_or_else(|| damaged(at))?;
                    on(row, &payload, start + at)?;
                }
                _ => return Err(damaged(head).into()),
            }
        }
        if kind == 0x05 {
            let last = u32_at(page, head + 8).ok_or_else(|| damaged(head + 8))?;
            self.walk(last, depth + 1, pages, on)?;
        }
        Ok(())
    }

    fn page(&self, number: usize) -> Result<(usize, &[u8]), Malformed> {
        let start = number.checked_sub(1).and_then(|n| n.checked_mul(self.page_size));
        let page = start.and_then(|s| Some((s, self.bytes.get(s..s.checked_add(self.usable)?)?)));
        page.ok_or_else(|| {
            format!("page {number} is not there: the file ends at byte {}", self.bytes.len()).into()
        })
    }

    /// A row's number and bytes, put together from overflow pages where it is long.
    fn cell<'p>(&'p self, page: &'p [u8], at: usize) -> Option<(i64, std::borrow::Cow<'p, [u8]>)> {
        let mut rest = page.get(at..)?;
        let length = usize::try_from(varint(&mut rest)?).ok()?;
        let row = varint(&mut rest)?;
        if length <= self.usable - 35 {
            return Some((row, rest.get(..length)?.into()));
        }
        if length > self.bytes.len() {
            return None;
        }
        let least = (self.usable - 12) * 32 / 255 - 23;
        let fitting = least + (length - least) % (self.usable - 4);
        let local = if fitting <= self.usable - 35 { fitting } else { least };
        let mut payload = rest.get(..local)?.to_vec();
        let mut next = u32_at(rest, local)?;
        while payload.len() < length {
            let (_, page) = self.page(next).ok()?;
            next = u32_at(page, 0)?;
            let wanted = (length - payload.len()).min(self.usable - 4);
            payload.extend_from_slice(page.get(4..4 + wanted)?);
        }
        Some((row, payload.into()))
    }
}

/// A row: the types of its values, and where they begin.
struct SqliteRecord<'p> {
    payload: &'p [u8],
    types: Vec<(i64, usize)>,
}

impl<'p> SqliteRecord<'p> {
    fn read(payload: &'p [u8]) -> Result<Self, Malformed> {
        let damaged = || "damaged head".to_owned();
        let mut rest = payload;
        let header = varint(&mut rest).and_then(|n| usize::try_from(n).ok()).ok_or_else(damaged)?;
        let types_end = payload.len() - rest.len();
        let mut list = payload.get(types_end..header).ok_or_else(damaged)?;
        let mut types = Vec::new();
        let mut at = header;
        while !list.is_empty() {
            let kind = varint(&mut list).ok_or_else(damaged)?;
            types.push((kind, at));
            at = at.checked_add(size(kind).ok_or_else(damaged)?).ok_or_else(damaged)?;
        }
        Ok(Self { payload, types })
    }

    fn value(&self, place: usize) -> Result<SqliteValue<'p>, Malformed> {
        let Some(&(kind, at)) = self.types.get(place) else { return Ok(SqliteValue::Null) };
        let size = size(kind).unwrap_or(0);
        let bytes = at.checked_add(size).and_then(|end| self.payload.get(at..end));
        let bytes = bytes.ok_or_else(|| format!("column {place} is beyond the end"))?;
        Ok(match kind {
            0 => SqliteValue::Null,
            1..=6 => SqliteValue::Integer(integer(bytes)),
            8 => SqliteValue::Integer(0),
            9 => SqliteValue::Integer(1),
            13.. if kind % 2 == 1 => {
                let text = std::str::from_utf8(bytes);
                SqliteValue::Text(text.map_err(|_| format!("column {place} is not UTF-8"))?)
            }
            _ => SqliteValue::Other,
        })
    }
}

/// Bytes of a value by its serial type.
fn size(kind: i64) -> Option<usize> {
    match kind {
        0 | 8 | 9 => Some(0),
        1..=4 => usize::try_from(kind).ok(),
        5 => Some(6),
        6 | 7 => Some(8),
        12.. => usize::try_from((kind - 12) / 2).ok(),
        _ => None,
    }
}

/// A signed big-endian integer of any length up to eight bytes.
fn integer(bytes: &[u8]) -> i64 {
    let sign = if bytes.first().is_some_and(|b| b & 0x80 != 0) { -1 } else { 0 };
    bytes.iter().fold(sign, |value, &b| value << 8 | i64::from(b))
}

/// SQLite's variable-length integer: seven bits a byte, the ninth byte whole.
fn varint(bytes: &mut &[u8]) -> Option<i64> {
    let mut value = 0u64;
    for n in 0..9 {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        if n == 8 {
            value = value << 8 | u64::from(byte);
            break;
        }
        value = value << 7 | u64::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            break;
        }
    }
    Some(value.cast_signed())
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<usize> {
    let value = u32::from_be_bytes(bytes.get(at..at.checked_add(4)?)?.try_into().ok()?);
    usize::try_from(value).ok()
}

/// Names of the columns of a CREATE TABLE, and the one that stands for the row's number.
fn columns(sql: &str) -> (Vec<String>, Option<usize>) {
    let list =
        sql.split_once('(').map_or("", |(_, rest)| rest.rsplit_once(')').map_or(rest, |(l, _)| l));
    let definitions: Vec<&str> = list.split(',').map(str::trim).collect();
    let name = |d: &&str| {
        let word = d.split_ascii_whitespace().next().unwrap_or_default();
        word.trim_matches(['"', '`', '[', ']', '\'']).to_owned()
    };
    let upper = |d: &&str| d.to_ascii_uppercase().contains("INTEGER PRIMARY KEY");
    let row_number = definitions.iter().position(upper);
    (definitions.iter().map(name).collect(), row_number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers() {
        let mut bytes: &[u8] = &[0x81, 0x00, 0x7f];
        assert_eq!((varint(&mut bytes), varint(&mut bytes)), (Some(128), Some(127)));
        let mut all: &[u8] = &[0xff; 9];
        assert_eq!(varint(&mut all), Some(-1));
        assert_eq!(varint(&mut &[0x80][..]), None);
        assert_eq!((integer(&[0xff, 0xfe]), integer(&[1, 0])), (-2, 256));
    }

    #[test]
    fn column_names() {
        let sql =
            "CREATE TABLE packages (  pkgKey INTEGER PRIMARY KEY,  \"pkgId\" TEXT,  name TEXT)";
        let (names, row_number) = columns(sql);
        assert_eq!(names, ["pkgKey", "pkgId", "name"]);
        assert_eq!(row_number, Some(0));
    }
}
