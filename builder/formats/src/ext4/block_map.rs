//! Files mapped block by block, as in ext2 and ext3: twelve blocks in the inode, then blocks of
//! numbers, blocks of numbers of those, and once more.

use super::alloc::Run;
use super::geometry::BLOCK;
use super::inode::Inode;

/// Numbers of data blocks in the inode; three more are of blocks of numbers.
const DIRECT: usize = 12;
const NUMBERS: usize = (BLOCK / 4) as usize;
const LEVELS: usize = 3;

impl Inode {
    /// Maps `runs` block by block. `allocate` gives a block for numbers, which is returned with
    /// its bytes. `None` when it does not fit.
    pub fn map_blocks(
        &mut self,
        runs: &[Run],
        mut allocate: impl FnMut() -> Option<u64>,
    ) -> Option<Vec<(u64, Vec<u8>)>> {
        let numbers = runs.iter().flat_map(|&(start, length)| start..start + length);
        // A filesystem without `64bit` has no more blocks than 32 bits count.
        let numbers: Vec<u32> = numbers.map(|number| number as u32).collect();
        self.blocks += numbers.len() as u64;
        let (direct, mut rest) = numbers.split_at(numbers.len().min(DIRECT));
        put_numbers(&mut self.map, direct);
        let mut written = Vec::new();
        for level in 1..=LEVELS {
            let (now, later) = rest.split_at(rest.len().min(NUMBERS.pow(level as u32)));
            if now.is_empty() {
                break;
            }
            let top = map_below(now, level, &mut allocate, &mut written)?;
            put_numbers(&mut self.map[(DIRECT + level - 1) * 4..], &[top]);
            rest = later;
        }
        self.blocks += written.len() as u64;
        rest.is_empty().then_some(written)
    }
}

/// The block that leads to all of `numbers`.
fn map_below(
    numbers: &[u32],
    level: usize,
    allocate: &mut impl FnMut() -> Option<u64>,
    written: &mut Vec<(u64, Vec<u8>)>,
) -> Option<u32> {
    let block = allocate()?;
    let mut bytes = vec![0; BLOCK as usize];
    if level == 1 {
        put_numbers(&mut bytes, numbers);
    } else {
        let chunks = numbers.chunks(NUMBERS.pow(level as u32 - 1));
        let below = chunks.map(|chunk| map_below(chunk, level - 1, allocate, written));
        put_numbers(&mut bytes, &below.collect::<Option<Vec<u32>>>()?);
    }
    written.push((block, bytes));
    Some(block as u32)
}

fn put_numbers(to: &mut [u8], numbers: &[u32]) {
    for (slot, number) in to.chunks_exact_mut(4).zip(numbers) {
        slot.copy_from_slice(&number.to_le_bytes());
    }
}
