//! Which versions and sources of one extension are past their time. Pure.
//!
//! Both the number and the age must allow it, and what is held — by an entry, a
//! pin, last good, a possible rollback or a review — stays whatever they say.

use extensions_types::Version;

use crate::settings::{RetentionSettings, days_ms};

/// One version as retention sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Kept {
    pub(crate) version: Version,
    /// How long ago it was made, in milliseconds; never overestimated.
    pub(crate) age_ms: u64,
    /// How long ago it was retired; none while it is not.
    pub(crate) retired_ms: Option<u64>,
    /// Whether any environment has ever served it.
    pub(crate) served: bool,
    /// Whether something refers to it, or may want it back.
    pub(crate) held: bool,
    /// Whether its source is stored and wanted by nobody under way.
    pub(crate) source_free: bool,
}

/// What is to go.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Past {
    pub(crate) versions: Vec<Version>,
    pub(crate) sources: Vec<Version>,
}

/// Decides over all versions of one extension that are not deleted, in rising order.
pub(crate) fn past(versions: &[Kept], keep: &RetentionSettings) -> Past {
    let mut past = Past::default();
    let mut newer_drafts = 0;
    for (newer, kept) in versions.iter().rev().enumerate() {
        let draft = !kept.served && kept.retired_ms.is_none();
        let gone = match kept.retired_ms {
            Some(retired_ms) => retired_ms >= days_ms(keep.retired_days),
            None => draft && newer_drafts >= keep.drafts && kept.age_ms >= days_ms(keep.draft_days),
        };
        newer_drafts += u32::from(draft);
        if gone && !kept.held {
            past.versions.push(kept.version);
        } else if kept.source_free && newer >= keep.source_versions as usize && kept.age_ms >= days_ms(keep.source_days) {
            past.sources.push(kept.version);
        }
    }
    past.versions.reverse();
    past.sources.reverse();
    past
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const DAY: u64 = 24 * 60 * 60 * 1_000;
    const KEEP: RetentionSettings =
        RetentionSettings { drafts: 2, draft_days: 10, retired_days: 20, source_versions: 3, source_days: 30, log_days: 1 };

    fn draft(number: u64, days: u64) -> Kept {
        let version = Version::new(number).unwrap();
        Kept { version, age_ms: days * DAY, retired_ms: None, served: false, held: false, source_free: true }
    }

    fn numbers(versions: &[Version]) -> Vec<u64> {
        versions.iter().map(|version| version.get()).collect()
    }

    #[test]
    fn the_newest_drafts_and_the_young_ones_stay() {
        let drafts: Vec<Kept> = (1..=5).map(|number| draft(number, 20 - number * 3)).collect();
        // Ages 17, 14, 11, 8, 5 days: the newest two stay by number, the third by nothing.
        assert_eq!(numbers(&past(&drafts, &KEEP).versions), [1, 2, 3]);
        let young: Vec<Kept> = (1..=5).map(|number| draft(number, 9)).collect();
        assert_eq!(past(&young, &KEEP), Past::default());
    }

    #[test]
    fn what_was_served_goes_only_once_retired_and_old() {
        let served = Kept { served: true, ..draft(1, 900) };
        let retired = |days| Kept { retired_ms: Some(days * DAY), ..served };
        let none = RetentionSettings { drafts: 0, source_versions: 9, ..KEEP };
        assert!(past(&[served], &none).versions.is_empty());
        assert!(past(&[retired(19)], &none).versions.is_empty());
        assert_eq!(numbers(&past(&[retired(20)], &none).versions), [1]);
    }

    #[test]
    fn old_sources_go_before_their_versions() {
        let served: Vec<Kept> = (1..=5).map(|number| Kept { served: true, held: true, ..draft(number, 31) }).collect();
        assert_eq!(numbers(&past(&served, &KEEP).sources), [1, 2]);
        let busy: Vec<Kept> = served.iter().map(|kept| Kept { source_free: false, ..*kept }).collect();
        assert_eq!(past(&busy, &KEEP), Past::default());
    }

    proptest! {
        #[test]
        fn nothing_held_young_or_among_the_newest_ever_goes(
            rows in prop::collection::vec((0u64..60, prop::option::of(0u64..60), any::<bool>(), any::<bool>(), any::<bool>()), 0..20),
            drafts in 0u32..4, days in 0u32..40,
        ) {
            let keep = RetentionSettings { drafts, draft_days: days, retired_days: days, source_versions: drafts, source_days: days, log_days: days };
            let versions: Vec<Kept> = rows.iter().zip(1..).map(|(&(age, retired, served, held, source_free), number)| {
                let retired_ms = retired.map(|retired| retired.min(age) * DAY);
                Kept { retired_ms, served, held, source_free, ..draft(number, age) }
            }).collect();
            let past = past(&versions, &keep);
            for version in past.versions.iter().chain(&past.sources) {
                let kept = versions[(version.get() - 1) as usize];
                prop_assert!(kept.age_ms >= days_ms(days));
            }
            for version in &past.versions {
                let kept = versions[(version.get() - 1) as usize];
                prop_assert!(!kept.held);
                prop_assert!(!kept.served || kept.retired_ms.is_some());
                prop_assert!(!past.sources.contains(version), "a version takes its source with it");
            }
            let kept_drafts = |from: &[Kept]| from.iter().filter(|kept| !kept.served && kept.retired_ms.is_none()).count();
            let left: Vec<Kept> = versions.iter().copied().filter(|kept| !past.versions.contains(&kept.version)).collect();
            prop_assert!(kept_drafts(&left) >= kept_drafts(&versions).min(drafts as usize));
        }
    }
}
