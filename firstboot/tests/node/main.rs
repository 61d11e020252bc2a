//! firstboot against a double of a node, and against real programs.

mod answers;
mod assets;
mod binary;
mod chronyd;
mod double;
mod engine;
mod journald;
mod namespace;
mod steps;
