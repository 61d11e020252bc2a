//! Directory records (ECMA-119 9.1) with their system use entries.

use super::plan::{Place, Plan};
use super::rockridge::{self, Continuations};
use super::{Error, SECTOR, both16, both32, date};

/// Most bytes of one extent: whole sectors below 4 GiB.
const LONGEST_EXTENT: u64 = 0xffff_f800;
/// Longest record: its length is an even byte.
const LONGEST_RECORD: usize = 254;

const DIRECTORY: u8 = 0x02;
const CONTINUES: u8 = 0x80;

/// A directory's bytes, in whole sectors.
pub(super) struct Directory {
    pub records: Vec<u8>,
    /// Lies right after the records.
    pub continuations: Vec<u8>,
}

/// What a record says beside its system use entries.
struct Fields<'a> {
    identifier: &'a [u8],
    lba: u32,
    bytes: u32,
    flags: u8,
    time: i64,
}

impl<'a> Fields<'a> {
    fn of_directory(identifier: &'a [u8], place: &Place, time: i64) -> Self {
        let Place { lba, bytes, .. } = *place;
        Self { identifier, lba, bytes, flags: DIRECTORY, time }
    }

    /// The record, padded to the byte where system use entries start.
    fn bytes(&self) -> Vec<u8> {
        let mut record = vec![0, 0];
        record.extend(both32(self.lba));
        record.extend(both32(self.bytes));
        record.extend(date::to_short(self.time));
        record.extend([self.flags, 0, 0]);
        record.extend(both16(1));
        record.push(self.identifier.len() as u8);
        record.extend_from_slice(self.identifier);
        record.resize(record.len().next_multiple_of(2), 0);
        record[0] = record.len() as u8;
        record
    }
}

/// The root directory's record for the volume descriptor.
pub(super) fn root(plan: &Plan<'_>) -> Vec<u8> {
    let place = &plan.directories[0];
    Fields::of_directory(&[0], place, plan.item(place).entry.mtime).bytes()
}

/// Writes records into sectors, which they must not cross.
struct Writer {
    records: Vec<u8>,
    continuations: Continuations,
}

impl Writer {
    fn add(&mut self, fields: &Fields<'_>, system_use: Vec<Vec<u8>>) {
        let mut record = fields.bytes();
        let room = LONGEST_RECORD - record.len();
        record.extend(self.continuations.fit(system_use, room));
        record.resize(record.len().next_multiple_of(2), 0);
        record[0] = record.len() as u8;
        let sector = SECTOR as usize;
        if self.records.len() % sector + record.len() > sector {
            self.records.resize(self.records.len().next_multiple_of(sector), 0);
        }
        self.records.extend(record);
    }
}

/// Directory `index` of the plan.
pub(super) fn directory(plan: &Plan<'_>, index: usize) -> Result<Directory, Error> {
    let place = &plan.directories[index];
    let item = plan.item(place);
    let after = place.lba.saturating_add((u64::from(place.bytes) / SECTOR) as u32);
    let mut writer = Writer { records: Vec::new(), continuations: Continuations::new(after) };

    let mut dot = rockridge::attributes(item);
    if index == 0 {
        dot.insert(0, rockridge::announcement());
        dot.push(rockridge::extension());
    }
    writer.add(&Fields::of_directory(&[0], place, item.entry.mtime), dot);
    let parent = &plan.directories[place.parent];
    let above = plan.item(parent);
    let fields = Fields::of_directory(&[1], parent, above.entry.mtime);
    writer.add(&fields, rockridge::attributes(above));

    for &child in &item.children {
        add_child(plan, child, &mut writer)?;
    }
    let sectors = writer.records.len().next_multiple_of(SECTOR as usize);
    writer.records.resize(sectors, 0);
    Ok(Directory { records: writer.records, continuations: writer.continuations.finish() })
}

fn add_child(plan: &Plan<'_>, child: usize, writer: &mut Writer) -> Result<(), Error> {
    let item = &plan.tree.items[child];
    let identifier = item.identifier.bytes(item.is_dir());
    let system_use = rockridge::entries(item)?;
    let time = item.entry.mtime;
    if let Some(place) = plan.place_of(child) {
        writer.add(&Fields::of_directory(&identifier, place, time), system_use);
        return Ok(());
    }
    let (mut lba, mut left) = plan.data_of(child);
    loop {
        let bytes = left.min(LONGEST_EXTENT);
        left -= bytes;
        let flags = if left > 0 { CONTINUES } else { 0 };
        let fields = Fields { identifier: &identifier, lba, bytes: bytes as u32, flags, time };
        writer.add(&fields, system_use.clone());
        if left == 0 {
            return Ok(());
        }
        // Within the plan's sectors, which 32 bits number.
        lba += (bytes / SECTOR) as u32;
    }
}
