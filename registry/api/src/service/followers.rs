//! Who waits for a compile, and what they are told: each draft once, whoever listens.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use extensions_types::{Refusal, TenantId};
use futures_util::{Stream, stream};
use tokio::{sync::watch, time::Instant};

use super::{CompileView, refuse::overloaded};
use crate::board::Draft;

/// Compiles that somebody waits for, of everyone.
const FOLLOWED_MAX: usize = 64;
/// Of one tenant: others must find room.
const FOLLOWED_OF_TENANT_MAX: usize = 8;
/// Progress that is kept for those who join later: a build of a large rule tells some hundred lines.
const LINES_MAX: usize = 1_000;
/// Its texts, together.
const BYTES_MAX: usize = 1 << 20;

/// Compiles by draft, as those who wait see them.
#[derive(Debug, Default)]
pub(super) struct Followers(Mutex<BTreeMap<Draft, Arc<Followed>>>);

/// One compile: what it told so far.
#[derive(Debug)]
pub(super) struct Followed {
    log: Mutex<Log>,
    /// Counts what the log has told.
    told: watch::Sender<usize>,
    since: Instant,
}

#[derive(Debug, Default)]
struct Log {
    lines: Vec<CompileView>,
    bytes: usize,
    end: Option<Result<CompileView, Refusal>>,
    /// When those who wait were told last that nobody works for them.
    lonely: Option<Instant>,
}

impl Followers {
    /// Joins those who wait for a draft.
    pub(super) fn join(&self, draft: &Draft) -> Result<Arc<Followed>, Refusal> {
        let mut all = lock(&self.0);
        if let Some(there) = all.get(draft) {
            return Ok(Arc::clone(there));
        }
        if all.len() >= FOLLOWED_MAX {
            all.retain(|_, followed| followed.told.receiver_count() > 0);
        }
        let of_tenant = |tenant: &TenantId| all.keys().filter(|(of, _)| of.tenant == *tenant).count();
        if all.len() >= FOLLOWED_MAX || of_tenant(&draft.0.tenant) >= FOLLOWED_OF_TENANT_MAX {
            return Err(overloaded("as many compiles as there is room for are waited for; this one goes on without being watched: try again"));
        }
        let followed = Arc::new(Followed { log: Mutex::default(), told: watch::Sender::new(0), since: Instant::now() });
        all.insert(draft.clone(), Arc::clone(&followed));
        Ok(followed)
    }

    /// Tells those who wait, if anyone does.
    pub(super) fn tell(&self, draft: &Draft, line: CompileView) {
        let followed = lock(&self.0).get(draft).cloned();
        if let Some(followed) = followed {
            followed.tell(line);
        }
    }

    /// Says how it ended, to whoever waits.
    pub(super) fn end(&self, draft: &Draft, end: Result<CompileView, Refusal>) {
        let followed = lock(&self.0).remove(draft);
        if let Some(followed) = followed {
            lock(&followed.log).end = Some(end);
            followed.told.send_replace(usize::MAX);
        }
    }

    /// Every draft that is waited for; what nobody waits for any more is forgotten.
    pub(super) fn all(&self) -> Vec<(Draft, Arc<Followed>)> {
        let mut all = lock(&self.0);
        all.retain(|_, followed| followed.told.receiver_count() > 0 || followed.since.elapsed() < Duration::from_secs(60));
        all.iter().map(|(draft, followed)| (draft.clone(), Arc::clone(followed))).collect()
    }
}

impl Followed {
    fn tell(&self, line: CompileView) {
        let mut log = lock(&self.log);
        let bytes = line.text_bytes();
        if log.lines.len() < LINES_MAX && log.bytes + bytes <= BYTES_MAX {
            log.bytes += bytes;
            log.lines.push(line);
        }
        let told = log.lines.len();
        drop(log);
        self.told.send_replace(told);
    }

    /// For how long it has been waited for.
    pub(super) fn waits(&self) -> Duration {
        self.since.elapsed()
    }

    /// Tells `line` unless something like it was told within `every`.
    pub(super) fn tell_rarely(&self, every: Duration, line: CompileView) {
        let mut log = lock(&self.log);
        if log.lonely.is_some_and(|at| at.elapsed() < every) {
            return;
        }
        log.lonely = Some(Instant::now());
        drop(log);
        self.tell(line);
    }

    /// Everything that it told, and tells, and how it ends.
    pub(super) fn follow(self: Arc<Self>) -> impl Stream<Item = Result<CompileView, Refusal>> + Send {
        let told = self.told.subscribe();
        stream::unfold(Some((self, told, 0)), |following| async {
            let (followed, mut told, next) = following?;
            loop {
                // Marked before the look: what comes after it wakes.
                told.borrow_and_update();
                match followed.at(next) {
                    Some((item, true)) => return Some((item, None)),
                    Some((item, false)) => return Some((item, Some((followed, told, next + 1)))),
                    // The sender is its own, so it cannot be gone.
                    None => told.changed().await.ok()?,
                }
            }
        })
    }

    /// Line `next`, or the end behind the last; and whether it is the end.
    fn at(&self, next: usize) -> Option<(Result<CompileView, Refusal>, bool)> {
        let log = lock(&self.log);
        log.lines.get(next).map(|line| (Ok(line.clone()), false)).or_else(|| log.end.clone().map(|end| (end, true)))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use extensions_artifact::Owned;
    use extensions_types::{ErrorCode, ExtensionId, Version};
    use futures_util::StreamExt as _;

    use super::*;

    fn draft(tenant: &str, number: u64) -> Draft {
        (Owned::new(TenantId::parse(tenant).unwrap(), ExtensionId::parse("x").unwrap()), Version::new(number).unwrap())
    }

    fn line(text: &str) -> CompileView {
        CompileView::StepStarted { step: text.to_owned() }
    }

    #[tokio::test]
    async fn who_joins_late_hears_everything_and_the_end_once() {
        let followers = Followers::default();
        let one = draft("acme", 1);
        let first = followers.join(&one).unwrap();
        followers.tell(&one, line("a"));
        let second = followers.join(&one).unwrap();
        assert!(Arc::ptr_eq(&first, &second));
        let early = tokio::spawn(first.follow().collect::<Vec<_>>());
        followers.tell(&one, line("b"));
        followers.end(&one, Ok(line("end")));
        let expected = [Ok(line("a")), Ok(line("b")), Ok(line("end"))];
        assert_eq!(early.await.unwrap(), expected);
        assert_eq!(Arc::clone(&second).follow().collect::<Vec<_>>().await, expected);
        assert!(!Arc::ptr_eq(&followers.join(&one).unwrap(), &second), "an ended one is not joined");
    }

    #[tokio::test]
    async fn one_tenant_leaves_room_for_others() {
        let followers = Followers::default();
        let all: Vec<_> =
            (1..=FOLLOWED_OF_TENANT_MAX as u64).map(|number| Box::pin(followers.join(&draft("acme", number)).unwrap().follow())).collect();
        assert_eq!(followers.join(&draft("acme", 100)).unwrap_err().code, ErrorCode::Overloaded);
        assert!(followers.join(&draft("acme", 1)).is_ok(), "joining takes no room");
        assert!(followers.join(&draft("other", 1)).is_ok());
        drop(all);
        followers.end(&draft("acme", 1), Ok(line("end")));
        assert!(followers.join(&draft("acme", 100)).is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn what_nobody_waits_for_is_forgotten() {
        let followers = Followers::default();
        drop(followers.join(&draft("acme", 1)).unwrap());
        let stays = followers.join(&draft("acme", 2)).unwrap();
        let listening = stays.follow();
        assert_eq!(followers.all().len(), 2);
        tokio::time::advance(Duration::from_secs(61)).await;
        assert_eq!(followers.all().len(), 1);
        drop(listening);
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let followers = Followers::default();
        let one = draft("acme", 1);
        let followed = followers.join(&one).unwrap();
        for _ in 0..100 {
            followers.tell(&one, CompileView::Diagnostic { level: "error".into(), text: "x".repeat(16 << 10) });
        }
        assert!(lock(&followed.log).bytes <= BYTES_MAX && lock(&followed.log).lines.len() < 100);
        for _ in 0..2_000 {
            followers.tell(&one, CompileView::Diagnostic { level: String::new(), text: String::new() });
        }
        assert_eq!(lock(&followed.log).lines.len(), LINES_MAX);
    }
}
