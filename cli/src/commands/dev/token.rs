//! Tokens signed with this machine's development key.

use std::time::{Duration, SystemTime};

use extensions_identity::{Audience, Claims, DevKey, Role, Scope};
use extensions_types::{ActorType, CallLabel, TenantId};
use serde_json::json;

use crate::{
    args::Token,
    dev_state::{self, ISSUER},
    failure::Failure,
    say::Say,
};

/// The token that `ext` uses on this machine: a person with every role.
pub(crate) fn of_developer(key: &DevKey, tenant: &TenantId, life: Duration) -> Result<String, Failure> {
    Ok(key.sign(&of_user(life)?.tenant(tenant).roles(Role::ALL).scopes(&[Scope::Invoke])))
}

/// The token of `ext admin`: the same person as the platform's operator, of no tenant.
pub(crate) fn of_operator(key: &DevKey, life: Duration) -> Result<String, Failure> {
    Ok(key.sign(&of_user(life)?.scopes(&[Scope::Operate])))
}

/// Whoever sits at this machine, for host and registry.
fn of_user(life: Duration) -> Result<Claims, Failure> {
    let subject = std::env::var("USER").ok().and_then(|user| CallLabel::parse(&user).ok());
    let subject = subject.map_or_else(|| label("developer"), Ok)?;
    let claims = Claims::new(ISSUER, &subject, Audience::Runtime, ActorType::User, SystemTime::now() + life);
    Ok(claims.audiences(&[Audience::Runtime, Audience::Registry]))
}

/// Prints the token that was asked for.
pub(crate) fn print(asked: &Token, say: &Say) -> Result<(), Failure> {
    let data = match &asked.data {
        Some(data) => data.clone(),
        None => dev_state::default_data_dir()?,
    };
    let key = dev_state::signing_key(&data)?;
    let roles = words("--role", &asked.roles, Role::ALL, Role::as_str)?;
    let scopes = words("--scope", &asked.scopes, Scope::ALL, Scope::as_str)?;
    let expires = SystemTime::now() + Duration::from_secs(60 * u64::from(asked.minutes));
    let claims = Claims::new(ISSUER, &label(&asked.sub)?, Audience::Runtime, asked.actor, expires)
        .audiences(&[Audience::Runtime, Audience::Registry])
        .roles(if roles.is_empty() { Role::ALL } else { &roles })
        .scopes(&scopes);
    let tenantless = scopes.iter().any(|scope| matches!(scope, Scope::Delegate | Scope::Operate));
    let claims = match &asked.tenant {
        Some(tenant) => claims.tenant(tenant),
        None if tenantless => claims,
        None => claims.tenant(&TenantId::parse("dev").expect("a constant of the grammar")),
    };
    let token = key.sign(&claims);
    say.data(&json!({"token": token}), &token);
    Ok(())
}

fn label(text: &str) -> Result<CallLabel, Failure> {
    CallLabel::parse(text).map_err(|error| Failure::Usage(format!("--sub: {error}")))
}

/// The words of a closed set that were given.
fn words<T: Copy>(flag: &str, texts: &[String], all: &[T], word: fn(T) -> &'static str) -> Result<Vec<T>, Failure> {
    let find = |text: &String| {
        let known = || all.iter().map(|one| word(*one)).collect::<Vec<_>>().join(", ");
        all.iter().copied().find(|one| word(*one) == text).ok_or_else(|| Failure::Usage(format!("{flag} `{text}` is not one of {}", known())))
    };
    texts.iter().map(find).collect()
}
