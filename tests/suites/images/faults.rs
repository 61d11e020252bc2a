//! What is left after a fault: kills, full and read-only disks, two builds at once, odd umasks,
//! and the order in which things are written, which is all that can be seen of a power cut.
//! No guest is started. `IMGBUILD_TEST_SEED` repeats a run's random points; `LONG_TESTS=1`
//! makes more of them.

mod cold;
mod full;
mod order;
mod place;
mod read_only;
mod warm;
