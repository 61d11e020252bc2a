//! Horizon: its login form, with the token that guards it, lets the project's user in, who
//! then sees the list of his instances.

use super::cloud::Cloud;
use super::line::{Proved, Verdict, not_tried};
use crate::host::Fault;
use crate::host::http::{Method, Request, Response};
use crate::services::openstack::controller;
use crate::services::openstack::session::send;
use std::collections::BTreeMap;
use std::time::Duration;

/// How long one page may take: the first ones are slow.
const LIMIT: Duration = Duration::from_secs(90);
/// The pages.
const LOGIN: &str = "/dashboard/auth/login/";
const INSTANCES: &str = "/dashboard/project/instances/";
/// The form's hidden field.
const TOKEN: &str = "csrfmiddlewaretoken";

/// A browser's state.
struct Browser<'a, 'b> {
    cloud: &'a Cloud<'b>,
    base: String,
    cookies: BTreeMap<String, String>,
}

impl Browser<'_, '_> {
    /// Asks for the page at `path`, with a form where there is one.
    fn ask(&mut self, path: &str, form: Option<String>) -> Result<Response, Fault> {
        let url = format!("{}{path}", self.base);
        let method = if form.is_some() { Method::Post } else { Method::Get };
        let cookies: Vec<String> =
            self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let mut request = Request { method, limit: LIMIT, ..Request::get(url.clone()) };
        request.body = form.unwrap_or_default().into_bytes();
        let request = request
            .header("content-type", "application/x-www-form-urlencoded")
            .header("referer", url)
            .header("cookie", cookies.join("; "));
        let response = send(self.cloud.host, &request)?;
        for (_, line) in response.headers.iter().filter(|(name, _)| name == "set-cookie") {
            let pair = line.split(';').next().unwrap_or_default();
            if let Some((name, value)) = pair.split_once('=') {
                self.cloud.host.keep_secret(value);
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        Ok(response)
    }
}

pub(super) fn prove(cloud: &mut Cloud) -> Proved {
    let Some(project) = &cloud.project else { return not_tried("project") };
    let is = |key: &str, value: &str| cloud.answers.get(key).as_deref() == Some(value);
    if is("CONFIG_HORIZON_INSTALL", "n") {
        return Ok(Verdict::Skipped("this cloud has no Horizon".to_owned()));
    }
    if is("CONFIG_HORIZON_SSL", "y") {
        return Ok(Verdict::Skipped("Horizon has a certificate of its own".to_owned()));
    }
    let base = format!("http://{}", controller(cloud.spec));
    let mut browser = Browser { cloud, base, cookies: BTreeMap::new() };
    let page = browser.ask(LOGIN, None)?;
    let token = find_token(&String::from_utf8_lossy(&page.body));
    let token = token.ok_or_else(|| Fault::new("Horizon's login page has no form"))?;
    let form = format!(
        "{TOKEN}={token}&username={}&password={}&region=default&domain=Default&next={INSTANCES}",
        cloud.run, project.password
    );
    let answer = browser.ask(LOGIN, Some(form))?;
    if answer.status != 302 {
        let status = answer.status;
        return Err(Fault::new(format!(
            "Horizon does not let the project's user in: it answers {status} to the form"
        ))
        .hint("/var/log/horizon/horizon.log and /var/log/httpd on the controller"));
    }
    let page = browser.ask(INSTANCES, None)?;
    let text = String::from_utf8_lossy(&page.body);
    if page.status != 200 {
        let status = page.status;
        return Err(Fault::new(format!("Horizon's list of instances answers {status}"))
            .hint("/var/log/horizon/horizon.log and /var/log/httpd on the controller"));
    }
    let expected = cloud.servers.len();
    let names = cloud.servers.iter().map(|server| format!("{}-{}", cloud.run, server.compute));
    let listed = names.filter(|name| text.contains(name.as_str())).count();
    if listed < expected {
        return Err(Fault::new(format!("Horizon lists {listed} of {expected} servers")));
    }
    Ok(Verdict::Proven(format!("the project's user is let in, and sees {expected} servers")))
}

/// The token in the form: `name="csrfmiddlewaretoken" value="…"`, with either quotes.
fn find_token(page: &str) -> Option<String> {
    let (_, rest) = page.split_once(TOKEN)?;
    let (_, rest) = rest.split_once("value=")?;
    let mut chars = rest.chars();
    let quote = chars.next()?;
    Some(chars.take_while(|c| *c != quote).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_token_is_found() {
        let form = "<input type='hidden' name='csrfmiddlewaretoken' value='abc' />";
        assert_eq!(find_token(form).as_deref(), Some("abc"));
        assert_eq!(find_token(&form.replace('\'', "\"")).as_deref(), Some("abc"));
        assert_eq!(find_token("<html>"), None);
    }
}
