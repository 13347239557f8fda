//! Whether genuine claims hold now, here and for their issuer.
//!
//! Pure: the signature has been checked before, the time is passed in.

use std::{
    str::FromStr,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use extensions_types::{ActorType, CallLabel, TenantId};

use crate::{
    Audience, Principal, Role, Scope, VerifyError,
    claims::{Act, Claims},
    issuer::Issuer,
    principal::Reach,
    words::Flags,
};

/// How far the clocks of issuer and host may differ.
pub const CLOCK_SKEW: Duration = Duration::from_secs(30);

/// A user through a frontend, a service, an agent and its tool; longer chains are a loop.
const ACT_DEPTH_MAX: usize = 4;
const AUDIENCES_MAX: usize = 16;
const ROLES_MAX: usize = 32;
const SCOPE_BYTES_MAX: usize = 1024;

/// Who stands behind `claims`, which `issuer` has signed.
pub(crate) fn judge(claims: &Claims, issuer: &Issuer, audience: Audience, now: SystemTime) -> Result<Principal, VerifyError> {
    let expires = lifetime(claims, now)?;
    meant_for(claims, audience)?;
    let subject = required(claims.sub.as_deref(), "sub")?;
    let scopes = scopes(claims, issuer)?;
    let reach = reach(claims, issuer, &subject, scopes)?;
    Ok(Principal {
        issuer: issuer.name.clone(),
        client_names: [issuer.client_names.clone(), reach.client_names()],
        subject,
        reach,
        actor_type: required::<ActorType>(claims.actor_type.as_deref(), "actor_type")?,
        roles: roles(&claims.roles)?,
        scopes,
        actors: actors(claims.act.as_deref())?,
        expires,
    })
}

fn lifetime(claims: &Claims, now: SystemTime) -> Result<SystemTime, VerifyError> {
    let date = |seconds, claim| UNIX_EPOCH.checked_add(Duration::from_secs(seconds)).ok_or(VerifyError::Claim { claim });
    let expires = date(claims.exp.ok_or(VerifyError::Claim { claim: "exp" })?, "exp")?;
    if expires.checked_add(CLOCK_SKEW).is_none_or(|end| now >= end) {
        return Err(VerifyError::Expired);
    }
    // A token of the future is one of a clock that is wrong: here, or where it was issued.
    for (begins, claim) in [(claims.nbf, "nbf"), (claims.iat, "iat")] {
        let begins = begins.map(|seconds| date(seconds, claim)).transpose()?;
        if begins.is_some_and(|begins| begins > now + CLOCK_SKEW) {
            return Err(VerifyError::NotYetValid);
        }
    }
    Ok(expires)
}

fn meant_for(claims: &Claims, audience: Audience) -> Result<(), VerifyError> {
    let named = claims.aud.as_ref().ok_or(VerifyError::Claim { claim: "aud" })?.as_slice();
    if named.len() > AUDIENCES_MAX {
        return Err(VerifyError::Claim { claim: "aud" });
    }
    if named.iter().any(|name| name == audience.as_str()) { Ok(()) } else { Err(VerifyError::Audience) }
}

fn scopes(claims: &Claims, issuer: &Issuer) -> Result<Flags<Scope>, VerifyError> {
    let text = claims.scope.as_deref().unwrap_or_default();
    if text.len() > SCOPE_BYTES_MAX {
        return Err(VerifyError::Claim { claim: "scope" });
    }
    let scopes = Flags::collect(text.split(' ').filter_map(Scope::of));
    let exceeds = scopes.has(Scope::Operate) && !issuer.may_operate
        || scopes.has(Scope::Delegate) && !issuer.may_delegate
        || scopes.has(Scope::Compile) && !issuer.may_compile;
    if exceeds { Err(VerifyError::ScopeNotOfIssuer) } else { Ok(scopes) }
}

/// A tenant of the issuer's; else a delegating service, a platform operator or a compile worker.
fn reach(claims: &Claims, issuer: &Issuer, subject: &CallLabel, scopes: Flags<Scope>) -> Result<Reach, VerifyError> {
    if let Some(text) = claims.tenant_id.as_deref() {
        let tenant: TenantId = required(Some(text), "tenant_id")?;
        if !issuer.tenants.contain(&tenant) {
            return Err(VerifyError::TenantNotOfIssuer);
        }
        let org = claims.org_id.as_deref().map(|org| required(Some(org), "org_id")).transpose()?;
        return Ok(Reach::Tenant { tenant, org });
    }
    if scopes.has(Scope::Delegate) {
        Ok(Reach::Delegate { grant: issuer.grants.get(subject).cloned() })
    } else if scopes.has(Scope::Operate) {
        Ok(Reach::Platform)
    } else if scopes.has(Scope::Compile) {
        Ok(Reach::Worker)
    } else {
        Err(VerifyError::Tenantless)
    }
}

fn roles(words: &[String]) -> Result<Flags<Role>, VerifyError> {
    if words.len() > ROLES_MAX {
        return Err(VerifyError::Claim { claim: "roles" });
    }
    Ok(Flags::collect(words.iter().filter_map(|word| Role::of(word))))
}

/// The chain of `act`, the nearest actor first.
fn actors(mut act: Option<&Act>) -> Result<Box<[CallLabel]>, VerifyError> {
    let mut chain = Vec::new();
    while let Some(link) = act {
        if chain.len() == ACT_DEPTH_MAX {
            return Err(VerifyError::Claim { claim: "act" });
        }
        chain.push(required(Some(&link.sub), "act")?);
        act = link.act.as_deref();
    }
    Ok(chain.into())
}

fn required<T: FromStr>(text: Option<&str>, claim: &'static str) -> Result<T, VerifyError> {
    text.and_then(|text| text.parse().ok()).ok_or(VerifyError::Claim { claim })
}
