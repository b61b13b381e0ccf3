//! Who may make which requests.

use std::net::IpAddr;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use subtle::ConstantTimeEq as _;

use super::Core;
use crate::domain::{Callee, ServiceIdCheck};
use crate::project::Project;
use crate::scenario::Catalog;
use crate::settings::Access;
use crate::validate;
use crate::wire::{ErrorAnswer, MakeCallBody, Violation};

/// The header that chooses a scenario by name.
pub(crate) const SCENARIO_HEADER: &str = "X-Planet-Emulator-Scenario";

/// The headers of a request that matter here.
#[derive(Debug, Default)]
pub(crate) struct RequestHeaders<'a> {
    pub(crate) accept: Option<&'a str>,
    pub(crate) content_type: Option<&'a str>,
    pub(crate) scenario: Option<&'a str>,
}

impl Core {
    /// Checks what comes before the body, once the credentials are known to be good (design 2: the first
    /// failing group answers).
    ///
    /// # Errors
    /// 429 or 400.
    pub(crate) fn admit(
        &self,
        project: &Project,
        headers: &RequestHeaders<'_>,
        source: Option<IpAddr>,
        catalog: &Catalog,
    ) -> Result<(), ErrorAnswer> {
        if !project.is_within_rate_limit(source) {
            return Err(ErrorAnswer::new(429, "TOO_MANY_REQUEST"));
        }
        let mut violations =
            validate::header_violations(headers.accept, headers.content_type, &self.fidelity);
        // A scenario that cannot be had must not silently become another one.
        if let Some(Err(reason)) = headers.scenario.map(|name| catalog.find(name)) {
            let field = SCENARIO_HEADER.to_owned();
            violations.push(Violation { field, reason });
        }
        if violations.is_empty() {
            return Ok(());
        }
        Err(ErrorAnswer::violations(
            "missing or invalid header",
            violations,
        ))
    }

    /// The project that a request belongs to by its credentials.
    ///
    /// # Errors
    /// 401.
    pub(crate) fn authenticate(
        &self,
        authorization: Option<&str>,
    ) -> Result<Arc<Project>, ErrorAnswer> {
        let unauthorized = |message: &'static str| ErrorAnswer::new(401, message);
        let Some(authorization) = authorization else {
            return Err(unauthorized("Authorization header is missing"));
        };
        let credential = basic_credential(authorization);
        let Some((key, secret)) = credential.as_deref().and_then(key_and_secret) else {
            return Err(unauthorized(
                "Authorization must be `Basic` with the base64 of API_KEY:API_SECRET",
            ));
        };
        let Some(project) = self.projects.of_key(key) else {
            let open = self.projects.open();
            return open.ok_or_else(|| unauthorized("ApiKey not found"));
        };
        let credentials = project.settings.credentials.as_ref();
        let expected = credentials.map_or("", |credentials| credentials.api_secret.expose());
        if !bool::from(expected.as_bytes().ct_eq(secret.as_bytes())) {
            return Err(unauthorized("ApiSecret is invalid"));
        }
        Ok(project)
    }

    /// The service IDs against the key's (contract 10-11); nothing to check in open mode.
    pub(super) fn check_permission(
        &self,
        project: &Project,
        body: &MakeCallBody<'_>,
        to: &Callee,
    ) -> Result<(), ErrorAnswer> {
        let Some(own) = project.service_id().map(|id| id.as_str()) else {
            return Ok(());
        };
        let caller = body.caller_service_id();
        // An absent or malformed caller is for the validation of the body to tell.
        let caller_is_own = caller.as_deref().is_none_or(|caller| caller == own);
        let callee_is_own = to.service_id == own;
        let callee_is_known =
            || self.access == Access::Open || self.projects.have_service(&to.service_id);
        let forbidden = |what: &str, id: &str| {
            Err(ErrorAnswer::new(
                403,
                format!("no permission for {what} service ID `{id}`"),
            ))
        };
        match self.fidelity.service_id_check {
            ServiceIdCheck::None => Ok(()),
            ServiceIdCheck::Caller | ServiceIdCheck::Both if !caller_is_own => {
                forbidden("the caller's", caller.as_deref().unwrap_or_default())
            }
            ServiceIdCheck::Callee | ServiceIdCheck::Both if !callee_is_own => {
                forbidden("the callee's", &to.service_id)
            }
            ServiceIdCheck::Caller if !callee_is_known() => {
                forbidden("the callee's", &to.service_id)
            }
            _ => Ok(()),
        }
    }
}

/// What a Basic credential decodes to.
fn basic_credential(authorization: &str) -> Option<String> {
    let (scheme, credential) = authorization.trim().split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    String::from_utf8(STANDARD.decode(credential.trim()).ok()?).ok()
}

/// API key and secret of a decoded credential (contract 1).
fn key_and_secret(credential: &str) -> Option<(&str, &str)> {
    let pair = credential.split_once(':');
    pair.filter(|(key, _)| !key.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_credential_is_the_base64_of_key_colon_secret() {
        let encoded = |text: &str| format!("Basic {}", STANDARD.encode(text));
        for (header, expected) in [
            (encoded("key:secret"), Some(("key", "secret"))),
            (encoded("key:se:cret"), Some(("key", "se:cret"))),
            (encoded("key:"), Some(("key", ""))),
            (
                encoded("key:s").replace("Basic", "bAsIc"),
                Some(("key", "s")),
            ),
            (encoded(":secret"), None),
            (encoded("key"), None),
            ("Basic".to_owned(), None),
            ("Basic %%%".to_owned(), None),
            (encoded("key:secret").replace("Basic", "Bearer"), None),
            (String::new(), None),
        ] {
            let credential = basic_credential(&header);
            let found = credential.as_deref().and_then(key_and_secret);
            assert_eq!(found, expected, "{header}");
        }
    }
}
