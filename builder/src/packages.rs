//! From media to the packages of a build: where they are, which are chosen, which are trusted.

pub mod cache;
pub mod checksum;
pub mod media;
pub mod repo;
pub mod solve;
pub mod trust;
