//! The enums of the wire to and from the platform's words.
//!
//! A number that this version does not know is refused, never guessed.

use extensions_types as types;

use crate::v1;

/// A number outside an enum of runtime.proto.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{number} is no {word} of runtime.proto; send one of its names, or leave the field out")]
pub struct UnknownNumber {
    /// The enum's word.
    pub word: &'static str,
    /// What was sent.
    pub number: i32,
}

/// The actor type of a field; none when unspecified.
///
/// # Errors
/// When the number is not of the enum.
pub fn actor_type(number: i32) -> Result<Option<types::ActorType>, UnknownNumber> {
    let known = v1::ActorType::try_from(number).map_err(|_| UnknownNumber { word: "actor_type", number })?;
    Ok(match known {
        v1::ActorType::Unspecified => None,
        v1::ActorType::User => Some(types::ActorType::User),
        v1::ActorType::Agent => Some(types::ActorType::Agent),
        v1::ActorType::System => Some(types::ActorType::System),
    })
}

/// The risk tier of a field; none when unspecified.
///
/// # Errors
/// When the number is not of the enum.
pub fn risk_tier(number: i32) -> Result<Option<types::RiskTier>, UnknownNumber> {
    let known = v1::RiskTier::try_from(number).map_err(|_| UnknownNumber { word: "risk_tier", number })?;
    Ok(match known {
        v1::RiskTier::Unspecified => None,
        v1::RiskTier::Low => Some(types::RiskTier::Low),
        v1::RiskTier::Medium => Some(types::RiskTier::Medium),
        v1::RiskTier::High => Some(types::RiskTier::High),
    })
}

/// The kind of a field; none when unspecified.
///
/// # Errors
/// When the number is not of the enum.
pub fn kind(number: i32) -> Result<Option<types::Kind>, UnknownNumber> {
    let known = v1::ExtensionKind::try_from(number).map_err(|_| UnknownNumber { word: "kind", number })?;
    Ok(match known {
        v1::ExtensionKind::Unspecified => None,
        v1::ExtensionKind::ProcessHook => Some(types::Kind::ProcessHook),
        v1::ExtensionKind::DomainHook => Some(types::Kind::DomainHook),
        v1::ExtensionKind::AgentTool => Some(types::Kind::AgentTool),
    })
}

impl From<types::ActorType> for v1::ActorType {
    fn from(actor: types::ActorType) -> Self {
        match actor {
            types::ActorType::User => Self::User,
            types::ActorType::Agent => Self::Agent,
            types::ActorType::System => Self::System,
        }
    }
}

impl From<types::RiskTier> for v1::RiskTier {
    fn from(tier: types::RiskTier) -> Self {
        match tier {
            types::RiskTier::Low => Self::Low,
            types::RiskTier::Medium => Self::Medium,
            types::RiskTier::High => Self::High,
        }
    }
}

impl From<types::Kind> for v1::ExtensionKind {
    fn from(kind: types::Kind) -> Self {
        match kind {
            types::Kind::ProcessHook => Self::ProcessHook,
            types::Kind::DomainHook => Self::DomainHook,
            types::Kind::AgentTool => Self::AgentTool,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_has_its_number_and_comes_back() {
        for &word in types::ActorType::ALL {
            assert_eq!(actor_type(v1::ActorType::from(word) as i32), Ok(Some(word)));
        }
        for &word in types::RiskTier::ALL {
            assert_eq!(risk_tier(v1::RiskTier::from(word) as i32), Ok(Some(word)));
        }
        for &word in types::Kind::ALL {
            assert_eq!(kind(v1::ExtensionKind::from(word) as i32), Ok(Some(word)));
        }
        assert_eq!((actor_type(0), risk_tier(0), kind(0)), (Ok(None), Ok(None), Ok(None)));
    }

    #[test]
    fn an_unknown_number_is_refused() {
        for number in [-1, 4, i32::MAX] {
            assert_eq!(actor_type(number).unwrap_err().number, number);
            assert_eq!(risk_tier(number).unwrap_err().number, number);
            assert_eq!(kind(number).unwrap_err().number, number);
        }
    }
}
