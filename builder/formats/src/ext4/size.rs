//! The size that a tree asks for.

use super::geometry::BLOCK;
use super::options::ExtKind;
use super::superblock::journal_blocks;
use crate::tree::Tree;

/// Bytes that a filesystem needs to hold `tree`, with some room over: for the check before
/// anything is written.
pub fn required_size(tree: &Tree) -> u64 {
    let data: u64 = tree.entries.values().map(|e| e.size().next_multiple_of(BLOCK)).sum();
    let directories = tree.entries.len() as u64 * 300;
    // Inodes at the default ratio, journal, and a sixteenth for tables and bitmaps.
    let inodes = tree.entries.len() as u64 * 16_384;
    let content = data + directories + journal_blocks(ExtKind::Ext4, data / BLOCK) * BLOCK;
    (content + content / 16).max(inodes) + (16 << 20)
}
