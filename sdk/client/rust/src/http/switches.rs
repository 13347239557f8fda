//! What operators ask of one host alone, on its admin listener: its switches, and
//! what is used there.

use bytes::Bytes;
use extensions_types::{Environment, ExtensionId, Switch, SwitchTarget, TenantId};
use http::{HeaderMap, Method};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::{HttpClient, problem, whole};
use crate::{
    ANSWER_BYTES_MAX, InvokeError,
    retry::{self, Effect},
};

const SWITCHES: &str = "/admin/v1/switches";

#[derive(Serialize)]
struct Off<'c> {
    target: &'c SwitchTarget,
    why: &'c str,
    #[serde(skip_serializing_if = "Option::is_none")]
    until_ms: Option<u64>,
    abort: bool,
}

#[derive(Serialize)]
struct On<'c> {
    target: &'c SwitchTarget,
}

#[derive(Deserialize)]
struct Changed {
    changed: bool,
}

#[derive(Deserialize)]
struct Listed {
    switches: Vec<Switch>,
}

impl HttpClient {
    /// What the host holds off by itself, beside its environment's control.
    ///
    /// # Errors
    /// When the host refuses or is not reached; so does every method here.
    pub async fn switches(&self) -> Result<Vec<Switch>, InvokeError> {
        self.admin::<Listed>(Method::GET, SWITCHES, &()).await.map(|listed| listed.switches)
    }

    /// Switches something off on this host alone; it survives restarts.
    #[allow(clippy::missing_errors_doc, reason = "as switches")]
    pub async fn switch_off(&self, target: &SwitchTarget, why: &str, until_ms: Option<u64>, abort: bool) -> Result<(), InvokeError> {
        self.admin::<Changed>(Method::POST, SWITCHES, &Off { target, why, until_ms, abort }).await.map(drop)
    }

    /// Takes such a switch away; false where there was none.
    #[allow(clippy::missing_errors_doc, reason = "as switches")]
    pub async fn switch_on(&self, target: &SwitchTarget) -> Result<bool, InvokeError> {
        self.admin::<Changed>(Method::DELETE, SWITCHES, &On { target }).await.map(|done| done.changed)
    }

    /// What control allows an extension, and what its tenant uses of it on this
    /// host: `quota` and `use` of the document that docs/operations.md describes.
    #[allow(clippy::missing_errors_doc, reason = "as switches")]
    pub async fn in_use(&self, env: Environment, tenant: &TenantId, extension: &ExtensionId) -> Result<serde_json::Value, InvokeError> {
        let path = format!("/admin/v1/control?env={env}&tenant_id={tenant}&extension_id={extension}");
        self.admin(Method::GET, &path, &()).await
    }

    /// Setting and lifting twice does no more than once.
    async fn admin<T: DeserializeOwned>(&self, method: Method, path: &str, content: &impl Serialize) -> Result<T, InvokeError> {
        let body = match method {
            Method::GET => Bytes::new(),
            _ => serde_json::to_vec(content).map_err(|error| InvokeError::protocol(error.to_string()))?.into(),
        };
        let answer = retry::within(self.settings.timeout, self.settings.retries, Effect::Once, |_| {
            let sent = self.send(method.clone(), path.to_owned(), HeaderMap::new(), body.clone());
            async move {
                let (head, body) = sent.await?.into_parts();
                let body = whole(body, ANSWER_BYTES_MAX).await?;
                if head.status.is_success() { Ok(body) } else { Err(problem::failed(head.status, &head.headers, &body)) }
            }
        })
        .await?;
        serde_json::from_slice(&answer).map_err(|_| InvokeError::protocol("the host's answer is not understood; is this client older than the host?"))
    }
}
