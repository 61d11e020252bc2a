//! firstboot's library: the node spec, which imgbuild writes and firstboot reads.

pub mod spec;
