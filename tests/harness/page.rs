//! A lab's page as a browser sees it.

use crate::oracle;
use serde_json::Value;

/// The page's address in what `imgbuild watch --web` or `imgbuild serve --web` printed.
///
/// # Panics
/// When it is not there.
pub fn find_url(printed: &str) -> String {
    let at = printed.find("http://127.0.0.1:").expect("the page's address");
    printed[at..].lines().next().expect("a line").trim().to_owned()
}

/// Its headers and its text.
///
/// # Panics
/// When the server does not answer.
pub fn fetch(url: &str) -> String {
    oracle::ok("curl", ["-s", "-S", "-i", "--max-time", "20", url])
}

/// What its server tells it first.
///
/// # Panics
/// When that does not come within 20 seconds.
pub fn first_event(url: &str) -> Value {
    let command = format!("curl -s -N --max-time 20 {url}events | grep -m 1 ^data:");
    let line = oracle::ok("sh", ["-c", &command]);
    let json = line.trim().strip_prefix("data: ").expect("an event");
    serde_json::from_str(json).unwrap_or_else(|e| panic!("{e}: {line}"))
}

/// What a browser makes of it in a language.
///
/// # Panics
/// When the browser fails.
pub fn render(url: &str, language: &str) -> String {
    let home = tempfile::tempdir().expect("temporary directory");
    let profile = format!("--user-data-dir={}", home.path().display());
    let url = format!("{url}?lang={language}");
    let fixed = ["--headless", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=10000"];
    oracle::ok("chromium", [&fixed[..], &["--dump-dom", &profile, &url]].concat())
}
