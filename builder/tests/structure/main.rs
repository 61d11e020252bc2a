//! The structure of the source: who imports whom, and the bounds of files and functions.

mod graph;
mod measure;
mod paths;
mod rules;
mod source;
mod text;
