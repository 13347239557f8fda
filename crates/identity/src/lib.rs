//! Verifies tokens and derives the execution context of a call.
//!
//! One library for host, registry and command line. The way of a token:
//! [`Verifier`] (signature, issuer, claims) → [`Principal`] (who, and what they
//! may do) → [`ExecutionContext`](extensions_types::ExecutionContext) (for
//! whom one call runs). Whatever is unknown is refused: an issuer, a key, an
//! algorithm, a missing claim, a tenant outside the issuer's or the grant's.
//!
//! No call asks an issuer over the network: keys at a URL are fetched by a thread
//! beside, and a call waits for it only as long as `verify_again` says. Times are
//! passed in, except where a connection's rate is counted. No header is trusted
//! for more than a name within a grant, and none says where a key is.

mod bearer;
mod channel;
mod claims;
mod context;
mod correlation;
mod dev_key;
mod error;
mod issuer;
mod judge;
mod jwk;
mod key_source;
mod keys;
mod memory;
mod principal;
mod recent;
mod remote;
mod settings;
mod status;
mod token;
mod verifier;
mod words;

#[cfg(test)]
mod tests;

pub use bearer::bearer;
pub use channel::Channel;
pub use claims::Claims;
pub use context::{Asked, ContextRefusal};
pub use correlation::new_correlation;
pub use dev_key::{DevKey, KeyRejected};
pub use error::{SettingsError, VerifyError};
pub use extensions_tls::{PeerName, PeerNames};
pub use issuer::Grant;
pub use judge::CLOCK_SKEW;
pub use memory::CACHE_LIFE;
pub use principal::{Audit, Principal};
pub use settings::{GrantSettings, IdentitySettings, IssuerSettings, Tenants};
pub use status::KeySource;
pub use token::TOKEN_BYTES_MAX;
pub use verifier::Verifier;
pub use words::{Algorithm, Audience, Role, Scope};
