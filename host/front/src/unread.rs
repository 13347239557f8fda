//! Answers that wait until their callers take them: piece by piece, and within a
//! memory that all connections share.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use extensions_types::ErrorCode;
use http_body::{Body, Frame, SizeHint};

use crate::{
    body::{BoxError, Ends, ok_trailers},
    budget::{Allowance, Share},
    refused::Refused,
};

/// 32 of the largest answers at once, and half as many of one caller; beyond it callers are told to come back.
pub(crate) const UNREAD_BYTES_MAX: usize = 256 << 20;
/// Larger answers wait in pieces, whoever asks for them.
pub(crate) const WHOLE_BYTES_MAX: usize = 64 << 10;
/// A transport keeps about as much of such an answer, and asks for more when that has left.
const PIECE_BYTES: usize = 16 << 10;

/// An answer that is handed on as fast as its caller takes it, with its share of the memory.
#[derive(Debug)]
pub(crate) struct Pieces {
    rest: Bytes,
    /// None when everything has been handed on.
    ends: Option<Ends>,
    _share: Share,
}

impl Pieces {
    /// Refused where answers that are not read fill the memory.
    pub(crate) fn of(bytes: Bytes, ends: Ends, budget: Allowance<'_>) -> Result<Self, Refused> {
        let mut share = budget.share();
        if share.grow(bytes.len()) {
            return Ok(Self { rest: bytes, ends: Some(ends), _share: share });
        }
        let why = "answers that you, or all callers, have not read fill the host's memory for them; read yours, and try again";
        Err(Refused::new(ErrorCode::Overloaded, why))
    }
}

impl Body for Pieces {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = self.get_mut();
        if this.rest.is_empty() {
            let trailers = this.ends.take().filter(|ends| *ends == Ends::Trailers);
            return Poll::Ready(trailers.map(|_| Ok(Frame::trailers(ok_trailers()))));
        }
        Poll::Ready(Some(Ok(Frame::data(this.rest.split_to(this.rest.len().min(PIECE_BYTES))))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.ends != Some(Ends::Trailers)
    }

    fn size_hint(&self) -> SizeHint {
        match self.ends {
            // No content-length on gRPC: trailers follow.
            Some(Ends::Trailers) => SizeHint::default(),
            Some(Ends::Bare) | None => SizeHint::with_exact(self.rest.len() as u64),
        }
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;

    use super::*;
    use crate::budget::{ByteBudget, Holder};

    const BYTES: usize = 3 * PIECE_BYTES + 7;

    #[tokio::test]
    async fn pieces_are_the_answer_and_its_end() {
        let budget = ByteBudget::new(2 * BYTES);
        let budget = budget.of(Holder::NOBODY);
        for ends in [Ends::Bare, Ends::Trailers] {
            let mut pieces = Pieces::of(vec![7; BYTES].into(), ends, budget).unwrap();
            assert_eq!(pieces.size_hint().exact(), (ends == Ends::Bare).then_some(BYTES as u64));
            for left in [3 * PIECE_BYTES, 2 * PIECE_BYTES, PIECE_BYTES, 0] {
                assert!(!pieces.is_end_stream());
                let piece = pieces.frame().await.unwrap().unwrap().into_data().unwrap();
                assert!(piece.len() <= PIECE_BYTES && pieces.rest.len() <= left);
            }
            assert_eq!(pieces.is_end_stream(), ends == Ends::Bare);
            let last = pieces.frame().await;
            assert_eq!(last.is_some_and(|frame| frame.unwrap().is_trailers()), ends == Ends::Trailers);
            assert!(pieces.frame().await.is_none() && pieces.is_end_stream());
        }
    }

    #[test]
    fn what_is_not_read_is_bounded_and_comes_back() {
        let budget = ByteBudget::new(4 * BYTES);
        let answer = || Pieces::of(vec![7; BYTES].into(), Ends::Bare, budget.of(Holder::NOBODY));
        let held = (answer().unwrap(), answer().unwrap());
        assert_eq!(answer().unwrap_err().refusal.code, ErrorCode::Overloaded);
        drop(held.0);
        assert!(answer().is_ok());
    }
}
