use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http_body_util::Empty;
use hyper::body::Incoming;
use hyper::header::{ACCEPT, AUTHORIZATION, HeaderValue, LOCATION, USER_AGENT};
use hyper::{Request, Response, StatusCode, Uri};
use percent_encoding::percent_decode_str;
use url::Url;

use super::allow::AllowedHosts;
use super::client::Http;
use super::error::DeliveryError;
use crate::wire::Message;

const MAX_REDIRECTS: usize = 10;

/// One request on the way to an answer: the callback itself, or where a redirect leads.
pub(super) struct Hop {
    message: Message,
    authorization: Option<HeaderValue>,
    redirects: usize,
}

impl Hop {
    pub(super) fn first(message: &Message) -> Self {
        Self {
            message: message.clone(),
            authorization: authorization(message.target.url()),
            redirects: 0,
        }
    }

    /// Sends GET, with no more headers than this and the host's.
    pub(super) async fn send(&self, http: &Http) -> Result<Response<Incoming>, DeliveryError> {
        let mut request = Request::new(Empty::new());
        *request.uri_mut() = Uri::from_maybe_shared(self.message.url().clone().into_bytes())
            .map_err(|_| DeliveryError::Broken("Parsed Url is not a valid Uri".to_owned()))?;
        let headers = request.headers_mut();
        if let Some(authorization) = &self.authorization {
            headers.insert(AUTHORIZATION, authorization.clone());
        }
        headers.insert(ACCEPT, HeaderValue::from_static("*/*"));
        let name = concat!("planet-emulator/", env!("CARGO_PKG_VERSION"));
        headers.insert(USER_AGENT, HeaderValue::from_static(name));
        let response = http.request(request).await;
        response.map_err(|error| self.failed(&error))
    }

    /// Where `response` leads; `None` if it is the answer.
    pub(super) fn next(
        &self,
        response: &Response<Incoming>,
        allowed: &AllowedHosts,
    ) -> Result<Option<Self>, DeliveryError> {
        let Some((from, to)) = self.redirect(response) else {
            return Ok(None);
        };
        if self.redirects == MAX_REDIRECTS {
            let told = format!("more than {MAX_REDIRECTS} redirects");
            return Err(DeliveryError::Broken(told));
        }
        allowed.check(&to)?;
        // Credentials are for none but who they were registered for.
        let authorization = self.authorization.clone();
        Ok(Some(Self {
            authorization: authorization.filter(|_| from.origin() == to.origin()),
            message: Message::to(to),
            redirects: self.redirects + 1,
        }))
    }

    /// From where to where `response` redirects.
    fn redirect(&self, response: &Response<Incoming>) -> Option<(Url, Url)> {
        let is_redirect = matches!(
            response.status(),
            StatusCode::MOVED_PERMANENTLY
                | StatusCode::FOUND
                | StatusCode::SEE_OTHER
                | StatusCode::TEMPORARY_REDIRECT
                | StatusCode::PERMANENT_REDIRECT
        );
        let location = response.headers().get(LOCATION).filter(|_| is_redirect)?;
        let from = Url::parse(self.message.url()).ok()?;
        let to = from.join(std::str::from_utf8(location.as_bytes()).ok()?);
        Some((from, to.ok()?))
    }

    /// What `error` means, which happened here.
    pub(super) fn failed(&self, error: &(dyn std::error::Error + 'static)) -> DeliveryError {
        DeliveryError::of(error, self.message.target.place())
    }
}

/// The credentials that `url` holds.
fn authorization(url: &Url) -> Option<HeaderValue> {
    let decoded = |text| percent_decode_str(text).decode_utf8().ok();
    let user = decoded(url.username())?;
    let password = url.password().and_then(decoded);
    if user.is_empty() && password.is_none() {
        return None;
    }
    let credentials = format!("{user}:{}", password.unwrap_or_default());
    let basic = format!("Basic {}", STANDARD.encode(credentials));
    let mut value = HeaderValue::try_from(basic).ok()?;
    value.set_sensitive(true);
    Some(value)
}
