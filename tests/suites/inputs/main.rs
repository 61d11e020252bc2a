//! What a user writes (profiles, kickstarts) and what others wrote: read, refused with one clear
//! message for each fault, turned into a plan.

mod authority_cases;
mod bad_input;
mod conventions;
mod documents;
mod first_steps;
mod golden_plans;
mod kickstart;
mod kickstart_cases;
mod kickstart_lines;
mod kickstart_normal;
mod kickstart_packages;
mod node_files;
mod packstack_cases;
mod parsers;
mod profile;
mod profile_cases;
mod real_kickstarts;
mod shipped;
mod storage_cases;
