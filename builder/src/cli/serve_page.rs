//! `imgbuild serve --web`: the page of the nodes that are installed.

use crate::base::error::{Context, Result};
use crate::base::interrupt;
use crate::lab::netboot::BootView;
use crate::lab::secrets::Store;
use crate::lab::serve::{self, Server, StatusFeed, StatusPage};
use crate::lab::watch::{ask_nodes, open_lab};
use crate::plan::install::NetworkPlan;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

/// How often nodes are asked.
const INTERVAL: Duration = Duration::from_secs(2);

/// The page, served until a signal ends the process.
pub struct LabPage {
    /// What the boot servers see goes there.
    pub view: Arc<BootView>,
    /// Its address.
    pub url: String,
}

impl LabPage {
    /// Serves it at `address`. Nodes that run are asked with the lab's secrets, where `state`, the
    /// directory of all labs' states, has them.
    ///
    /// # Errors
    /// An environment error when nobody may listen there; an input error of damaged secrets.
    pub fn start(address: SocketAddr, plan: &NetworkPlan, state: &Path) -> Result<Self> {
        let operator = match Store::exists(state, &plan.lab) {
            true => Some(open_lab(&Store::open(state, &plan.lab)?)?),
            false => None,
        };
        let listener = serve::bind(address)?;
        let address = listener.local_addr().or_environment(|| "cannot listen".to_owned())?;
        let (view, feed) = (Arc::new(BootView::new(plan)), Arc::new(StatusFeed::default()));
        let page = StatusPage::new(Arc::clone(&feed));
        let this = Self { view: Arc::clone(&view), url: page.url(address) };
        let server = Server::new(Vec::new())?.with_page(page);
        thread::spawn(move || server.run(&[listener], &interrupt::requested));
        let lab = plan.lab.clone();
        thread::spawn(move || {
            let mut before = None;
            while !interrupt::requested() {
                let answered = operator.as_ref().map(|(pki, targets)| {
                    let answers = ask_nodes(pki, targets);
                    let view = answers.view(&lab, targets);
                    answers.details(view)
                });
                let now = view.combine(answered);
                if before.as_ref() != Some(&now) {
                    // Maps with non-string keys are what JSON cannot hold; there are none.
                    feed.publish(&serde_json::to_string(&now).unwrap_or_default());
                    before = Some(now);
                }
                thread::sleep(INTERVAL);
            }
            feed.end();
        });
        Ok(this)
    }
}
