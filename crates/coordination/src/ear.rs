//! A subscription: logs in, subscribes, and hears until it breaks.

use std::{io, time::Duration};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    time::{Instant, sleep_until, timeout},
};

use crate::{
    link::Duplex,
    resp::{Frame, Frames, Nonsense},
    shared::Shared,
};

/// Bytes read at once.
const READ_BYTES: usize = 16 << 10;
/// A silent Redis is asked for a sign of life after this time.
const PING_AFTER: Duration = Duration::from_secs(1);
/// A connection is given up after this many operations' time without an answer to it.
const SILENT_OPERATIONS: u32 = 3;

/// What was heard in the channel.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Sound {
    Message(Vec<u8>),
    /// Longer than any of ours; it was not kept.
    TooLong,
}

/// Why listening ended.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EarError {
    #[error("cannot connect to Redis")]
    Connect(#[source] io::Error),
    #[error("the connection to Redis broke")]
    Broken(#[from] io::Error),
    #[error("Redis refused: {0}")]
    Refused(String),
    #[error(transparent)]
    Nonsense(#[from] Nonsense),
    #[error("Redis was silent for {} ms", .0.as_millis())]
    Silent(Duration),
}

pub(crate) struct Ear {
    stream: Box<dyn Duplex>,
    frames: Frames,
    chunk: Vec<u8>,
    /// When something arrived last.
    heard: Instant,
    /// When it was asked for a sign of life after that.
    asked: Option<Instant>,
    /// One operation's time.
    operation: Duration,
}

impl Ear {
    /// Listens to `channel`.
    pub(crate) async fn open(shared: &Shared, channel: &str) -> Result<Self, EarError> {
        let within = shared.connect_within();
        timeout(within, Self::subscribe(shared, channel)).await.map_err(|_| EarError::Silent(within))?
    }

    async fn subscribe(shared: &Shared, channel: &str) -> Result<Self, EarError> {
        let login = shared.login().await.map_err(EarError::Connect)?;
        let stream = shared.dial().await.map_err(EarError::Connect)?;
        let operation = shared.settings.timeout();
        let mut ear = Self { stream, frames: Frames::default(), chunk: vec![0; READ_BYTES], heard: Instant::now(), asked: None, operation };
        if let Some((user, password)) = login {
            let mut auth = redis::cmd("AUTH");
            if let Some(user) = user {
                auth.arg(user);
            }
            ear.say(auth.arg(password)).await?;
            ear.answered().await?;
        }
        ear.say(redis::cmd("SUBSCRIBE").arg(channel)).await?;
        ear.answered().await?;
        Ok(ear)
    }

    async fn say(&mut self, command: &redis::Cmd) -> Result<(), EarError> {
        let sent = timeout(self.operation, self.stream.write_all(&command.get_packed_command())).await;
        Ok(sent.map_err(|_| EarError::Silent(self.operation))??)
    }

    async fn answered(&mut self) -> Result<(), EarError> {
        match self.frame().await? {
            Frame::Error(text) => Err(EarError::Refused(text)),
            Frame::Line(_) | Frame::Array(_) => Ok(()),
        }
    }

    /// The next message of the channel.
    pub(crate) async fn next(&mut self) -> Result<Sound, EarError> {
        loop {
            match self.frame().await? {
                Frame::Error(text) => return Err(EarError::Refused(text)),
                Frame::Array(mut elements) if elements.first() == Some(&Some(b"message".to_vec())) => {
                    return Ok(elements.pop().flatten().map_or(Sound::TooLong, Sound::Message));
                }
                // An answer to a sign of life.
                Frame::Array(_) | Frame::Line(_) => {}
            }
        }
    }

    async fn frame(&mut self) -> Result<Frame, EarError> {
        loop {
            if let Some(frame) = self.frames.next()? {
                return Ok(frame);
            }
            let due = self.asked.map_or(self.heard + PING_AFTER, |asked| asked + self.operation * SILENT_OPERATIONS);
            tokio::select! {
                read = self.stream.read(&mut self.chunk) => {
                    let count = read?;
                    if count == 0 {
                        return Err(EarError::Broken(io::ErrorKind::UnexpectedEof.into()));
                    }
                    self.frames.push(&self.chunk[..count]);
                    (self.heard, self.asked) = (Instant::now(), None);
                }
                () = sleep_until(due) => {
                    if self.asked.is_some() {
                        return Err(EarError::Silent(self.operation * SILENT_OPERATIONS));
                    }
                    self.say(&redis::cmd("PING")).await?;
                    self.asked = Some(Instant::now());
                }
            }
        }
    }
}
