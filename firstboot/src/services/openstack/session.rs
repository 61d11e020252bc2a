//! A session with OpenStack's APIs: a token of Keystone, and the answers got with it.

use crate::host::Host;
use crate::host::http::{Method, Request, Response};
use crate::services::answer_file::AnswerFile;
use contract::answers::ADMIN_PASSWORD;
use serde_json::{Value, json};
use std::time::Duration;

/// How long one answer may take; a service that wakes up is slow.
pub(crate) const LIMIT: Duration = Duration::from_secs(20);
/// Keystone itself, in place of what the catalogue says of it: that may be its old API.
pub(crate) const IDENTITY: &[&str] = &["identity"];

/// Who logs in, and for which project.
pub(crate) struct Login {
    /// The user's name.
    pub(crate) user: String,
    /// The password.
    pub(crate) password: String,
    /// The project's name.
    pub(crate) project: String,
}

impl Login {
    /// The administrator of the answer file.
    pub(crate) fn admin(answers: &AnswerFile) -> Result<Login, String> {
        let user = answers.get("CONFIG_KEYSTONE_ADMIN_USERNAME");
        let password =
            answers.get(ADMIN_PASSWORD).ok_or("the answer file has no admin password")?;
        let user = user.unwrap_or_else(|| "admin".to_owned());
        Ok(Login { user, password, project: "admin".to_owned() })
    }
}

/// A token and the addresses that came with it.
pub(crate) struct Session<'a> {
    host: &'a Host,
    keystone: String,
    token: String,
    catalog: Value,
    user: String,
}

impl<'a> Session<'a> {
    pub(crate) fn open(
        host: &'a Host,
        keystone: &str,
        login: &Login,
    ) -> Result<Session<'a>, String> {
        let Login { user, password, project } = login;
        let domain = json!({"id": "default"});
        let body = json!({"auth": {
            "identity": {"methods": ["password"],
                         "password": {"user": {"name": user, "domain": domain, "password": password}}},
            "scope": {"project": {"name": project, "domain": domain}},
        }});
        let url = format!("{keystone}/auth/tokens");
        let request = Request { limit: LIMIT, ..Request::json(Method::Post, url.clone(), &body) };
        let response = send(host, &request)?;
        let token = response.header("x-subject-token").unwrap_or_default().to_owned();
        if response.status != 201 || token.is_empty() {
            return Err(format!("{url} answers {}: {}", response.status, words(&response)));
        }
        host.keep_secret(&token);
        let catalog = parsed(&response, &url)?["token"]["catalog"].clone();
        let (keystone, user) = (keystone.to_owned(), user.clone());
        Ok(Session { host, keystone, token, catalog, user })
    }

    pub(super) fn evidence(&self) -> String {
        let count = self.catalog.as_array().map_or(0, Vec::len);
        format!("gives {} a token, {count} services in its catalogue", self.user)
    }

    /// Whether the catalogue has one of `kinds`.
    pub(crate) fn has(&self, kinds: &[&str]) -> bool {
        let mut services = self.catalog.as_array().into_iter().flatten();
        services.any(|one| kinds.iter().any(|kind| one["type"] == *kind))
    }

    /// The address of `path` at the first of `kinds` that the catalogue has.
    fn find_url(&self, kinds: &[&str], path: &str) -> Result<String, String> {
        if kinds == IDENTITY {
            return Ok(format!("{}{path}", self.keystone));
        }
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
        Ok(format!("{base}{path}"))
    }

    /// The answer to `path` of the first of `kinds` that the catalogue has.
    pub(crate) fn get(&self, kinds: &[&str], path: &str) -> Result<Value, String> {
        self.call(Method::Get, kinds, path, &Value::Null)
    }

    /// As [`Session::get`], of any method: what is sent and answered is JSON, or nothing.
    pub(crate) fn call(
        &self,
        method: Method,
        kinds: &[&str],
        path: &str,
        body: &Value,
    ) -> Result<Value, String> {
        let mut request = match body {
            Value::Null => Request { method, ..Request::get(path) },
            body => Request::json(method, path, body),
        };
        request.limit = LIMIT;
        let response = self.ask(kinds, request)?;
        if response.body.is_empty() {
            return Ok(Value::Null);
        }
        parsed(&response, path)
    }

    /// The answer to `request`, whose address is a path at the first of `kinds` that the
    /// catalogue has.
    pub(crate) fn ask(&self, kinds: &[&str], request: Request) -> Result<Response, String> {
        let url = self.find_url(kinds, &request.url)?;
        let request = Request { url, ..request }.header("x-auth-token", self.token.clone());
        let response = send(self.host, &request)?;
        if !(200..300).contains(&response.status) {
            let (url, status) = (&request.url, response.status);
            return Err(match request.method {
                Method::Get => format!("{url} answers {status}: {}", words(&response)),
                other => format!("{} {url} answers {status}: {}", other.as_str(), words(&response)),
            });
        }
        Ok(response)
    }
}

/// A page that needs no token.
pub(crate) fn get_page(host: &Host, url: String) -> Result<String, String> {
    let response = send(host, &Request { limit: LIMIT, ..Request::get(url.clone()) })?;
    if response.status == 200 {
        return Ok(String::from_utf8_lossy(&response.body).into_owned());
    }
    Err(format!("{url} answers {}: {}", response.status, words(&response)))
}

pub(crate) fn send(host: &Host, request: &Request) -> Result<Response, String> {
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
