//! The lab's HTTP server: its repositories, straight out of ISO files and directories or fetched
//! from web servers, under the very addresses that the nodes have for them, and what nodes are
//! installed from over the network (RFC 9110, RFC 9112).
//!
//! A thread for each connection sends files by sendfile(2), so that neither a large file nor a slow
//! client costs memory. There are no redirections, no listings and no other methods than GET and
//! HEAD.

mod address;
mod answer;
mod connection;
mod feed;
mod fetched;
mod limits;
mod page;
mod range;
mod repository;
mod request;
mod served_tree;
mod server;
mod watcher;

pub use address::{BaseUrl, UnservedUrl, path_parts};
pub use feed::StatusFeed;
pub use page::StatusPage;
pub use range::{RequestedBytes, parse as parse_range};
pub use repository::{ServedRepository, not_served, open};
pub use request::{BadHead, HttpRequest};
pub use served_tree::ServedTree;
pub use server::{Server, bind};
pub use watcher::RequestWatcher;
