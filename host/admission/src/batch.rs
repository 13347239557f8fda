//! Many inputs of one request: what is the same for all is done once, then each
//! goes the way of a call, with an instance, a permit and a record of its own.
//!
//! A few are underway at once, so that inputs that leave their first slice share
//! the slow lane's threads; whose turn it is decides the engine, for each input as
//! for any other call. The thread's other work has its turn in between.

use std::{
    sync::{
        Arc, OnceLock,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    thread::available_parallelism,
    time::{Duration, Instant},
};

use bytes::Bytes;
use extensions_engine::Failure;
use extensions_identity::Principal;
use extensions_types::{CallLabel, ErrorCode};
use futures_util::{StreamExt as _, stream};

use crate::{
    Account, Admission, Answer, Asked, Refusal,
    prepared::{Prepared, of_call},
    underway::Underway,
};

/// Inputs of one batch. A hundred make the way to the host cheap beside the
/// calls; a thousand are still answered within a second.
pub const BATCH_INPUTS_MAX: usize = 1_000;
/// Outputs and messages of one batch: what a host holds for one request, as for
/// the largest answer of a single call.
pub const BATCH_OUTPUT_BYTES_MAX: usize = 8 << 20;
/// No batch takes longer than the longest call may, so that no drain waits longer either.
const TIME_MAX: Duration = Duration::from_secs(30);
/// Inputs that end at once, before the thread's other work is looked at: admission
/// takes a few microseconds for each, also for those that it refuses. The engine
/// itself bounds guests' time.
const INPUTS_PER_TURN: usize = 32;

/// One call for each of its inputs.
#[derive(Debug, Clone)]
pub struct BatchRequest<'r> {
    /// Of what, by whom; the time is for all inputs together.
    pub asked: Asked<'r>,
    /// One JSON value each.
    pub inputs: Vec<Bytes>,
}

/// What a batch gave.
#[derive(Debug)]
pub struct BatchAnswer {
    /// Given or made up; the same for all inputs.
    pub correlation: CallLabel,
    /// One for each input, in their order: an answer, or the refusal of this input.
    pub results: Vec<Result<Answer, Refusal>>,
}

impl Admission {
    /// Answers each input of a batch.
    ///
    /// # Errors
    /// What is refused for all inputs: none has run then.
    pub async fn invoke_batch(&self, principal: &Principal, request: BatchRequest<'_>) -> Result<BatchAnswer, Refusal> {
        let BatchRequest { asked, inputs } = request;
        let asked = Asked { timeout: Some(asked.timeout.map_or(TIME_MAX, |timeout| timeout.min(TIME_MAX))), ..asked };
        let context = self.context(principal, &asked)?;
        let correlation = context.correlation.clone();
        let size = u32::try_from(inputs.len()).unwrap_or(u32::MAX);
        let first = self.accounts.open_batch(Arc::clone(&context), size);
        if inputs.is_empty() || inputs.len() > BATCH_INPUTS_MAX {
            let refusal = Refusal::new(ErrorCode::BadRequest, format!("a batch has 1 to {BATCH_INPUTS_MAX} inputs, this one has {}", inputs.len()));
            first.refused(asked.extension_id, &refusal, None);
            return Err(of_call(refusal, &context));
        }
        let request = self.prepare(principal, &asked, &first).await?;
        // What is noted before any input runs is the first one's.
        let mut first = Some(first);
        let answered = Answered::default();
        let begin = |input| {
            let account = first.take().unwrap_or_else(|| self.accounts.open_next_of_batch(Arc::clone(&context), size));
            self.answer_input(&request, input, account, &answered)
        };
        let results = all(inputs, at_once(), begin).await;
        Ok(BatchAnswer { correlation, results })
    }

    async fn answer_input(&self, request: &Prepared<'_>, input: Bytes, account: Arc<Account>, answered: &Answered) -> Result<Answer, Refusal> {
        let accepted = Instant::now();
        if let Some(refusal) = not_worth_beginning(request.deadline, accepted, answered) {
            account.refused(request.extension, &refusal, None);
            return Err(of_call(refusal, &account.context));
        }
        let answer = self.answer(Underway { accepted, input, account, request }).await;
        answer.map(|answer| answered.take(answer))
    }
}

/// Why an input does not begin any more.
fn not_worth_beginning(deadline: Option<Instant>, now: Instant, answered: &Answered) -> Option<Refusal> {
    if deadline.is_some_and(|deadline| deadline <= now) {
        return Some(Refusal::new(ErrorCode::Deadline, "the batch's time was over before this input's turn came; it did not run"));
    }
    answered.is_full().then(|| Refusal::new(ErrorCode::OutputLimit, format!("{}; it did not run", too_much())))
}

/// Bytes of outputs and messages that a batch holds so far.
#[derive(Debug, Default)]
struct Answered(AtomicUsize);

impl Answered {
    fn is_full(&self) -> bool {
        self.0.load(Relaxed) > BATCH_OUTPUT_BYTES_MAX
    }

    /// The answer, without its output where that is too much.
    fn take(&self, answer: Answer) -> Answer {
        let result = answer.result.as_ref().map_or_else(|failure| failure.message.len(), Bytes::len);
        let fallback = answer.fallback.as_ref().map_or(0, |fallback| fallback.message.len());
        self.0.fetch_add(result + fallback, Relaxed);
        if !self.is_full() {
            return answer;
        }
        Answer {
            result: Err(Failure::new(ErrorCode::OutputLimit, format!("{}; it ran, and its answer is lost", too_much()))),
            fallback: None,
            ..answer
        }
    }
}

fn too_much() -> String {
    format!("the outputs of this batch are larger than {BATCH_OUTPUT_BYTES_MAX} bytes together: send fewer inputs in one")
}

/// As many inputs of a batch are underway as this machine has cores: with more of
/// them a batch would only hold more slots.
fn at_once() -> usize {
    // Asked for once: the answer is a matter of system calls.
    static CORES: OnceLock<usize> = OnceLock::new();
    *CORES.get_or_init(|| available_parallelism().map_or(1, std::num::NonZero::get))
}

/// Runs `begin` for each input, at most `at_once` of them at a time and begun in
/// their order; gives the results in that order, too.
async fn all<I, T, F: Future<Output = T>>(inputs: Vec<I>, at_once: usize, mut begin: impl FnMut(I) -> F) -> Vec<T> {
    let mut results: Vec<Option<T>> = inputs.iter().map(|_| None).collect();
    let begun = inputs.into_iter().enumerate().map(|(at, input)| {
        let answer = begin(input);
        async move { (at, answer.await) }
    });
    let mut ended = stream::iter(begun).buffer_unordered(at_once);
    let mut in_turn = 0;
    while let Some((at, result)) = ended.next().await {
        results[at] = Some(result);
        in_turn += 1;
        if in_turn == INPUTS_PER_TURN {
            in_turn = 0;
            tokio::task::yield_now().await;
        }
    }
    // Each input has ended.
    results.into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use extensions_engine::Stats;
    use extensions_types::Version;
    use futures_util::FutureExt as _;
    use tokio::sync::oneshot;

    use super::*;

    #[test]
    fn results_are_in_order_and_few_inputs_are_underway() {
        let (senders, receivers): (Vec<_>, Vec<_>) = (0..4).map(|_| oneshot::channel::<char>()).unzip();
        let begun = RefCell::new(Vec::new());
        let mut receivers = receivers.into_iter();
        let mut running = std::pin::pin!(all((0..4).collect(), 2, |input| {
            begun.borrow_mut().push(input);
            let receiver = receivers.next().unwrap();
            async move { receiver.await.unwrap() }
        }));
        let mut senders: Vec<_> = senders.into_iter().map(Some).collect();
        assert!(running.as_mut().now_or_never().is_none());
        assert_eq!(*begun.borrow(), [0, 1]);
        let mut end = |at: usize, answer| senders[at].take().unwrap().send(answer).unwrap();
        // The second ends first: its place is the third's.
        end(1, 'b');
        assert!(running.as_mut().now_or_never().is_none());
        assert_eq!(*begun.borrow(), [0, 1, 2]);
        end(2, 'c');
        end(0, 'a');
        end(3, 'd');
        assert_eq!(running.now_or_never().unwrap(), ['a', 'b', 'c', 'd']);
    }

    /// What ends at once must not keep its thread's other tasks waiting.
    #[tokio::test]
    async fn a_thread_has_turns_for_others_while_a_batch_is_answered() {
        let ended = Arc::new(AtomicUsize::new(0));
        let seen = Arc::clone(&ended);
        let neighbour = tokio::spawn(async move { seen.load(Relaxed) });
        all((0..BATCH_INPUTS_MAX).collect(), 2, |_| {
            ended.fetch_add(1, Relaxed);
            std::future::ready(())
        })
        .await;
        assert!(neighbour.await.unwrap() <= INPUTS_PER_TURN + 2);
    }

    fn answer(result: Result<Bytes, Failure>) -> Answer {
        let correlation = CallLabel::parse("c-1").unwrap();
        Answer { result, served_version: Version::new(1).unwrap(), correlation, stats: Stats::default(), fallback: None }
    }

    #[test]
    fn outputs_are_bounded_together() {
        let answered = Answered::default();
        let half = || answer(Ok(Bytes::from(vec![b' '; BATCH_OUTPUT_BYTES_MAX / 2])));
        assert!(answered.take(half()).result.is_ok() && answered.take(half()).result.is_ok());
        let now = Instant::now();
        assert!(not_worth_beginning(None, now, &answered).is_none(), "all that fits has been answered");
        let failure = answered.take(answer(Err(Failure::new(ErrorCode::Rejected, "x")))).result.unwrap_err();
        assert_eq!(failure.code, ErrorCode::OutputLimit);
        assert_eq!(not_worth_beginning(None, now, &answered).unwrap().code, ErrorCode::OutputLimit);
    }

    #[test]
    fn an_input_whose_time_is_over_does_not_begin() {
        let (now, answered) = (Instant::now(), Answered::default());
        let late = |deadline| not_worth_beginning(deadline, now, &answered).map(|refusal| refusal.code);
        assert_eq!(late(Some(now)), Some(ErrorCode::Deadline));
        assert_eq!((late(Some(now + Duration::from_millis(1))), late(None)), (None, None));
    }
}
