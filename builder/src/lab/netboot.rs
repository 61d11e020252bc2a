//! Installing nodes over the network: DHCP and TFTP for the lab's nodes, and for nobody else, and
//! which of them are installed at their next boot. The HTTP server beside them is `lab::serve`.

mod boot_progress;
mod boot_view;
mod dhcp_answer;
mod dhcp_message;
mod dhcp_server;
mod interface;
mod probe;
mod servers;
mod tftp_request;
mod tftp_server;
mod tree;
mod watcher;

pub use boot_progress::{BootEvent, BootProgress, BootState};
pub use boot_view::BootView;
pub use dhcp_answer::{DhcpAnswer, DhcpMode, DhcpPort, answer};
pub use dhcp_message::{BadDhcp, DhcpMessage, code, kind};
pub use interface::LabInterface;
pub use servers::BootServers;
pub use tftp_request::{BadTftp, TftpRequest, TransferOptions};
pub use tftp_server::plain_path;
pub use tree::PxeTree;
