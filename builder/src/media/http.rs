//! An http(s) repository as a medium.

use super::Medium;
use crate::error::{Error, Result};
use crate::interrupt;
use std::io::Read;
use std::thread::sleep;
use std::time::Duration;
use ureq::Agent;

/// Attempts for one file; the pause before attempt n is 2ⁿ⁻¹ half seconds.
const ATTEMPTS: u32 = 5;

pub struct Http {
    url: String,
    agent: Agent,
}

impl Http {
    pub fn new(url: &str) -> Self {
        let config = Agent::config_builder()
            .timeout_connect(Some(Duration::from_secs(20)))
            .timeout_recv_response(Some(Duration::from_secs(60)))
            .user_agent(concat!("imgbuild/", env!("CARGO_PKG_VERSION")))
            .build();
        Self { url: url.trim_end_matches('/').to_owned(), agent: config.into() }
    }

    fn once(&self, url: &str) -> Result<Box<dyn Read + Send>, (bool, String)> {
        match self.agent.get(url).call() {
            Ok(response) => Ok(Box::new(response.into_body().into_reader())),
            // The server's final word, unless it says that it is busy.
            Err(ureq::Error::StatusCode(code)) => {
                Err((code == 429 || code >= 500, format!("the server answered {code}")))
            }
            Err(e) => Err((true, e.to_string())),
        }
    }
}

impl Medium for Http {
    fn location(&self) -> String {
        self.url.clone()
    }

    fn name(&self) -> String {
        self.url.rsplit('/').next().unwrap_or("media").to_owned()
    }

    fn open(&self, path: &str) -> Result<Box<dyn Read + Send + '_>> {
        let url = format!("{}/{path}", self.url);
        let mut pause = Duration::from_millis(500);
        for attempt in 1.. {
            interrupt::check()?;
            match self.once(&url) {
                Ok(reader) => return Ok(reader),
                Err((transient, _)) if transient && attempt < ATTEMPTS => sleep(pause),
                Err((_, why)) => {
                    return Err(Error::input(format!("cannot fetch {url}: {why} (attempt {attempt})"))
                        .hint("check the address and the network, or give ISO files or folders as --media"));
                }
            }
            pause *= 2;
        }
        Err(Error::interrupted())
    }

    fn repositories(&self) -> Result<Vec<String>> {
        // A web server need not list folders: the URL is to be the repository's own.
        self.open("repodata/repomd.xml").map(|_| vec![String::new()])
    }
}
