//! What a sandbox and its helper say to each other, over one socket.
//!
//! The request comes first, with its length; the answer is the last thing that the helper
//! says, with descriptors of what the job left. While the job runs, the socket is the
//! lifeline: a parent that closes its side, or ends, ends the job.

use std::{
    io::{self, IoSlice, IoSliceMut, Read, Write},
    mem::MaybeUninit,
    os::{
        fd::{AsFd, BorrowedFd, OwnedFd},
        unix::net::UnixStream,
    },
};

use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags, recvmsg, sendmsg};
use serde::{Deserialize, Serialize};

use crate::{Bound, Capabilities, Job, Usage};

/// The first argument that makes a binary the helper.
pub(crate) const ARGUMENT: &str = "__sandbox";
/// Arguments and environment of an exec are bounded by the kernel to less.
const REQUEST_BYTES_MAX: u32 = 4 << 20;
/// An answer is a few words; the helper bounds the reasons that it sends.
const ANSWER_BYTES_MAX: usize = 64 << 10;
/// The results and the folder's upper layer.
const DESCRIPTORS_MAX: usize = 2;

#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Request {
    Probe,
    Run(Box<Job>),
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Answer {
    Probed(Box<Capabilities>),
    Ended { status: Status, usage: Usage },
    Limit { which: Bound, used: u64, allowed: u64 },
    NotStarted(String),
    Setup { step: String, reason: String },
    Cancelled,
}

/// How a job's first process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Status {
    Exit(i32),
    Signal(i32),
}

pub(crate) fn send_request(mut socket: &UnixStream, request: &Request) -> io::Result<()> {
    let text = serde_json::to_vec(request)?;
    let length = u32::try_from(text.len()).ok().filter(|length| *length <= REQUEST_BYTES_MAX);
    let length = length.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "arguments and environment are too large"))?;
    socket.write_all(&length.to_le_bytes())?;
    socket.write_all(&text)
}

pub(crate) fn receive_request(mut socket: &UnixStream) -> io::Result<Request> {
    let mut length = [0; 4];
    socket.read_exact(&mut length)?;
    let length = u32::from_le_bytes(length);
    if length > REQUEST_BYTES_MAX {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut text = vec![0; length as usize];
    socket.read_exact(&mut text)?;
    Ok(serde_json::from_slice(&text)?)
}

pub(crate) fn send_answer(socket: &UnixStream, answer: &Answer, descriptors: &[BorrowedFd<'_>]) -> io::Result<()> {
    let text = serde_json::to_vec(answer)?;
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(DESCRIPTORS_MAX))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if !descriptors.is_empty() {
        control.push(SendAncillaryMessage::ScmRights(descriptors));
    }
    let sent = sendmsg(socket, &[IoSlice::new(&text)], &mut control, SendFlags::NOSIGNAL)?;
    let mut rest = socket;
    rest.write_all(&text[sent..])
}

/// Reads until the helper is gone.
pub(crate) fn receive_answer(socket: impl AsFd) -> io::Result<(Answer, Vec<OwnedFd>)> {
    let (mut text, mut descriptors) = (Vec::new(), Vec::new());
    loop {
        let mut part = [0; 4096];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(DESCRIPTORS_MAX))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let got = match recvmsg(&socket, &mut [IoSliceMut::new(&mut part)], &mut control, RecvFlags::CMSG_CLOEXEC) {
            Ok(got) => got.bytes,
            Err(rustix::io::Errno::INTR) => continue,
            Err(error) => return Err(error.into()),
        };
        for message in control.drain() {
            if let RecvAncillaryMessage::ScmRights(received) = message {
                descriptors.extend(received);
            }
        }
        text.extend_from_slice(&part[..got]);
        if got == 0 || text.len() > ANSWER_BYTES_MAX {
            return Ok((serde_json::from_slice(&text)?, descriptors));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_carries_descriptors() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let null = std::fs::File::open("/dev/null").unwrap();
        send_answer(&theirs, &Answer::Setup { step: "x".repeat(10_000), reason: "y".into() }, &[null.as_fd(), null.as_fd()]).unwrap();
        drop(theirs);
        let (answer, descriptors) = receive_answer(&ours).unwrap();
        assert!(matches!(answer, Answer::Setup { step, .. } if step.len() == 10_000));
        assert_eq!(descriptors.len(), 2);
    }

    #[test]
    fn a_request_of_any_length_is_not_believed() {
        let (mut ours, theirs) = UnixStream::pair().unwrap();
        ours.write_all(&u32::MAX.to_le_bytes()).unwrap();
        assert!(receive_request(&theirs).is_err());
        drop(theirs);
        let (ours, theirs) = UnixStream::pair().unwrap();
        drop(ours);
        assert!(receive_request(&theirs).is_err());
    }
}
