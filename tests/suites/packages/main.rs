//! Media, repositories and packages: how they are read, fetched, chosen, and who vouches for them.

mod formats_iso;
mod formats_iso_append;
mod hostile_repodata;
mod hostile_rpm;
mod iso_corpus;
mod iso_media;
mod lock;
mod media_cli;
mod media_http;
mod own_packages;
mod packages_el7;
mod repodata;
mod serve;
mod serve_fetched;
mod solver;
mod trust_build;
mod trust_el7;
mod trust_made;
