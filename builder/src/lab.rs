//! The lab that the images are for: its secrets, its virtual machines, its nodes' status.

pub mod netboot;
pub mod secrets;
pub mod serve;
pub mod vm;
pub mod watch;
