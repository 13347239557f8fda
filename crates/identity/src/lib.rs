//! Verifies tokens and derives the execution context of a call.
//!
//! One library for host, registry and command line. The way of a token:
//! [`Verifier`] (signature, issuer, claims) → [`Principal`] (who, and what they
//! may do) → [`ExecutionContext`](extensions_types::ExecutionContext) (for
//! whom one call runs). Whatever is unknown is refused: an issuer, a key, an
//! algorithm, a missing claim, a tenant outside the issuer's or the grant's.
//!
//! It never asks an issuer over the network, never reads a clock for a decision
//! (callers pass the time) and never trusts a header for more than a name
//! within a grant.

mod bearer;
mod claims;
mod context;
mod correlation;
mod dev_key;
mod error;
mod failures;
mod issuer;
mod judge;
mod keys;
mod principal;
mod settings;
mod token;
mod verifier;
mod words;

#[cfg(test)]
mod tests;

pub use bearer::bearer;
pub use claims::Claims;
pub use context::{Asked, ContextRefusal};
pub use correlation::new_correlation;
pub use dev_key::{DevKey, KeyRejected};
pub use error::{SettingsError, VerifyError};
pub use failures::Failures;
pub use issuer::Grant;
pub use judge::CLOCK_SKEW;
pub use principal::{Audit, Principal};
pub use settings::{GrantSettings, IdentitySettings, IssuerSettings, Tenants};
pub use token::TOKEN_BYTES_MAX;
pub use verifier::{CACHE_LIFE, Verifier};
pub use words::{Algorithm, Audience, Role, Scope};
