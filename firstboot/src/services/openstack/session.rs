//! A session with OpenStack's APIs: a token of Keystone, and the answers got with it.

use crate::host::Host;
use crate::host::http::{Request, Response};
use crate::services::answer_file::AnswerFile;
use contract::answers::ADMIN_PASSWORD;
use serde_json::{Value, json};
use std::time::Duration;

/// How long one answer may take; a service that wakes up is slow.
pub(super) const LIMIT: Duration = Duration::from_secs(20);

/// A token and the addresses that came with it.
pub(super) struct Session<'a> {
    host: &'a Host,
    token: String,
    catalog: Value,
    user: String,
}

impl<'a> Session<'a> {
    pub(super) fn open(
        host: &'a Host,
        keystone: &str,
        answers: &AnswerFile,
    ) -> Result<Session<'a>, String> {
        let user =
            answers.get("CONFIG_KEYSTONE_ADMIN_USERNAME").unwrap_or_else(|| "admin".to_owned());
        let password =
            answers.get(ADMIN_PASSWORD).ok_or("the answer file has no admin password")?;
        let domain = json!({"id": "default"});
        let body = json!({"auth": {
            "identity": {"methods": ["password"],
                         "password": {"user": {"name": user, "domain": domain, "password": password}}},
            "scope": {"project": {"name": "admin", "domain": domain}},
        }});
        let url = format!("{keystone}/auth/tokens");
        let request =
            Request { body: Some(body.to_string()), limit: LIMIT, ..Request::get(url.clone()) };
        let response = send(host, &request)?;
        let token = response.header("x-subject-token").unwrap_or_default().to_owned();
        if response.status != 201 || token.is_empty() {
            return Err(format!("{url} answers {}: {}", response.status, words(&response)));
        }
        host.keep_secret(&token);
        let catalog = parsed(&response, &url)?["token"]["catalog"].clone();
        Ok(Session { host, token, catalog, user })
    }

    pub(super) fn evidence(&self) -> String {
        let count = self.catalog.as_array().map_or(0, Vec::len);
        format!("gives {} a token, {count} services in its catalogue", self.user)
    }

    /// The answer to `path` of the first of `kinds` that the catalogue has.
    pub(super) fn get(&self, kinds: &[&str], path: &str) -> Result<Value, String> {
        let services = || self.catalog.as_array().into_iter().flatten();
        let service = kinds.iter().find_map(|kind| services().find(|one| one["type"] == *kind));
        let service = service.ok_or_else(|| format!("Keystone's catalogue has no {}", kinds[0]))?;
        let endpoints = || service["endpoints"].as_array().into_iter().flatten();
        let public = endpoints().find(|one| one["interface"] == "public").or(endpoints().next());
        let base = public.and_then(|one| one["url"].as_str());
        let base =
            base.ok_or_else(|| format!("Keystone's catalogue has no address of {}", kinds[0]))?;
        // Some catalogues have the version in the address and some have not.
        let base = base.trim_end_matches('/');
        let version = path.split('/').nth(1).unwrap_or_default();
        let base = base.strip_suffix(&format!("/{version}")).unwrap_or(base);
        let url = format!("{base}{path}");
        let request = Request { limit: LIMIT, ..Request::get(url.clone()) };
        let response = send(self.host, &request.header("x-auth-token", self.token.clone()))?;
        if response.status != 200 {
            return Err(format!("{url} answers {}: {}", response.status, words(&response)));
        }
        parsed(&response, &url)
    }
}

/// A page that needs no token.
pub(super) fn get_page(host: &Host, url: String) -> Result<String, String> {
    let response = send(host, &Request { limit: LIMIT, ..Request::get(url.clone()) })?;
    if response.status == 200 {
        return Ok(String::from_utf8_lossy(&response.body).into_owned());
    }
    Err(format!("{url} answers {}: {}", response.status, words(&response)))
}

fn send(host: &Host, request: &Request) -> Result<Response, String> {
    host.runner().http(request).map_err(|error| format!("{} does not answer: {error}", request.url))
}

fn parsed(response: &Response, url: &str) -> Result<Value, String> {
    serde_json::from_slice(&response.body)
        .map_err(|error| format!("{url} does not answer with JSON: {error}"))
}

/// The first words of an error's body.
fn words(response: &Response) -> String {
    let text = String::from_utf8_lossy(&response.body).into_owned();
    let text: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
    text.chars().take(200).collect()
}
