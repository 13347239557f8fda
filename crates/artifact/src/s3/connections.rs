//! Connections to a server whose certificate is of an own authority: the list
//! of authorities may be replaced while the store is open.

use std::{path::Path, sync::Arc};

use arc_swap::ArcSwap;
use async_trait::async_trait;
use extensions_tls::{ClientTls, ClientTlsSettings, TlsError};
use object_store::{
    Certificate, ClientOptions,
    client::{HttpClient, HttpConnector, HttpError, HttpRequest, HttpResponse, HttpService, ReqwestConnector},
};

/// Makes clients that trust the authorities of a file, and no others.
#[derive(Debug, Clone)]
pub(crate) struct OwnAuthorities(ClientTls);

impl OwnAuthorities {
    pub(crate) fn open(ca_file: &Path) -> Result<Self, TlsError> {
        ClientTls::open(&ClientTlsSettings { ca_file: Some(ca_file.to_owned()), ..ClientTlsSettings::default() }).map(Self)
    }

    fn client(&self, options: &ClientOptions) -> object_store::Result<HttpClient> {
        let pem = self.0.pem();
        let certificates = Certificate::from_pem_bundle(pem.authorities.as_deref().unwrap_or_default())?;
        let options = certificates.into_iter().fold(options.clone().with_no_system_certificates(true), ClientOptions::with_root_certificate);
        ReqwestConnector::default().connect(&options)
    }
}

impl HttpConnector for OwnAuthorities {
    fn connect(&self, options: &ClientOptions) -> object_store::Result<HttpClient> {
        let generation = self.0.generation();
        let current = ArcSwap::from_pointee(Current { generation, client: self.client(options)? });
        Ok(HttpClient::new(Following { authorities: self.clone(), options: options.clone(), current }))
    }
}

/// A client that is made anew when the authorities have changed.
#[derive(Debug)]
struct Following {
    authorities: OwnAuthorities,
    options: ClientOptions,
    current: ArcSwap<Current>,
}

#[derive(Debug)]
struct Current {
    generation: u64,
    client: HttpClient,
}

impl Following {
    fn client(&self) -> HttpClient {
        let current = self.current.load();
        let generation = self.authorities.0.generation();
        if current.generation == generation {
            return current.client.clone();
        }
        let client = self.authorities.client(&self.options).unwrap_or_else(|error| {
            tracing::warn!(%error, "replaced authorities cannot be used for the store; the last good ones stay in force");
            current.client.clone()
        });
        self.current.store(Arc::new(Current { generation, client: client.clone() }));
        client
    }
}

#[async_trait]
impl HttpService for Following {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        self.client().execute(request).await
    }
}
