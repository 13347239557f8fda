//! The front's threads: one accepts and conducts the drain, the others serve.
//!
//! Each serving thread has a current-thread runtime of its own, so that a call
//! stays on the core that received it. A runtime owns its tasks: when its
//! thread ends, they are gone.

use std::{
    fmt, io,
    net::SocketAddr,
    path::PathBuf,
    sync::{Arc, Mutex},
    thread::JoinHandle,
    time::Duration,
};

use prometheus_client::registry::Registry;
use tokio::{
    runtime::{Builder, Runtime},
    sync::{mpsc, watch},
    task::JoinSet,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    budget::{BODY_BYTES_MAX, ByteBudget, Holders},
    connection::{self, Protocols, Worker},
    drain::{Drained, Draining, Handle, Phase},
    grpc::{self, Readiness},
    handout::{Accepted, HANDOUT_QUEUE, Handout, Socket, Stream},
    listener::{Listener, accept_loop},
    listeners::Listeners,
    metrics::{Metrics, Scrape},
    mount::Mount,
    seats::{FOLLOWERS_MAX, Seats, WATCHERS_MAX},
    service::Service,
    settings::{FrontSettings, SettingsError},
    shared::Shared,
    unread::UNREAD_BYTES_MAX,
};

/// Why a front did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A setting cannot work.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// An address cannot be listened on.
    #[error("cannot listen on {address}")]
    Bind {
        /// The address or path.
        address: String,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// A thread or its runtime could not be made.
    #[error("cannot start an I/O thread")]
    Thread(#[source] io::Error),
    /// The descriptors of proto/ do not fit the reflection service.
    #[error("cannot set up gRPC reflection")]
    Reflection(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// Where a front listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Addresses {
    /// gRPC and HTTP.
    pub tcp: Option<SocketAddr>,
    /// The same.
    pub unix: Option<PathBuf>,
    /// Metrics and admin.
    pub admin: Option<SocketAddr>,
}

/// Running listeners. Dropping it cuts every call; drain first.
pub struct Front {
    handle: Handle,
    addresses: Addresses,
    /// The way to the I/O threads for what is attached.
    callers: Option<Handout>,
    acceptor: Option<JoinHandle<Drained>>,
    workers: Vec<JoinHandle<()>>,
}

impl Front {
    /// Binds, then serves `service`, and beside it `mount`, on threads of its own.
    /// Its counts join `registry`.
    ///
    /// # Errors
    /// Says which setting, address or thread was the problem; nothing keeps running.
    pub fn start<S: Service>(
        settings: &FrontSettings,
        service: Arc<S>,
        mount: Option<Arc<dyn Mount>>,
        registry: Arc<Mutex<Registry>>,
    ) -> Result<Self, StartError> {
        settings.check()?;
        let runtime = OwnRuntime::new()?;
        let within = runtime.get().enter();
        let listeners = Listeners::bind(settings)?;
        drop(within);
        let metrics = Metrics::new(settings.io_threads);
        let draining = Draining::new();
        let readiness = Readiness::new(&*service);
        let shared = Arc::new(Shared {
            health: grpc::health_server(&service, &draining, &readiness),
            reflection: settings.reflection.then(grpc::reflection).transpose().map_err(StartError::Reflection)?,
            watchers: Seats::new(WATCHERS_MAX),
            followers: Seats::new(FOLLOWERS_MAX),
            mount,
            holders: Holders::default(),
            bodies: ByteBudget::new(BODY_BYTES_MAX),
            body_read: settings.timeouts.body_read,
            answer_read: settings.timeouts.answer_read,
            unread: ByteBudget::new(UNREAD_BYTES_MAX),
            draining: Arc::clone(&draining),
            metrics: Arc::clone(&metrics),
            registry: Arc::clone(&registry),
            service: Arc::clone(&service),
        });
        let addresses = listeners.addresses(settings);
        // From here on, dropping `front` ends what has been started.
        let handle = Handle { draining: Arc::clone(&draining) };
        let mut front = Self { handle, addresses, callers: None, acceptor: None, workers: Vec::with_capacity(settings.io_threads) };
        let (threads, all_ended) = front.start_workers(settings, &shared)?;
        let callers = Handout::of_callers(settings, threads, &metrics);
        let loops = listeners.with_handouts(&callers);
        front.callers = Some(callers);
        let notice = settings.drain_notice;
        let conduct = async move { conduct(loops, &*service, &readiness, &draining, &metrics, notice, all_ended).await };
        let acceptor = std::thread::Builder::new().name("front-accept".into());
        front.acceptor = Some(acceptor.spawn(move || runtime.get().block_on(conduct)).map_err(StartError::Thread)?);
        registry.lock().unwrap_or_else(std::sync::PoisonError::into_inner).register_collector(Box::new(Scrape(Arc::clone(&shared.metrics))));
        Ok(front)
    }

    /// The ways to the serving threads, and a channel that closes when all have ended.
    fn start_workers<S: Service>(&mut self, settings: &FrontSettings, shared: &Arc<Shared<S>>) -> Result<Workers, StartError> {
        let protocols = Arc::new(Protocols::new(settings));
        let (running, all_ended) = mpsc::channel::<()>(1);
        let mut threads = Vec::with_capacity(settings.io_threads);
        for number in 0..settings.io_threads {
            let runtime = OwnRuntime::new()?;
            let (sender, sockets) = mpsc::channel(HANDOUT_QUEUE);
            let worker = Arc::new(Worker { closing: CancellationToken::new(), shard: shared.metrics.shard(number) });
            let serve = serve(Arc::clone(shared), worker, Arc::clone(&protocols), sockets, shared.draining.phases());
            let running = running.clone();
            let thread = std::thread::Builder::new().name(format!("front-io-{number}"));
            let work = move || {
                runtime.get().block_on(serve);
                drop(runtime);
                drop(running);
            };
            self.workers.push(thread.spawn(work).map_err(StartError::Thread)?);
            threads.push(sender);
        }
        Ok((threads, all_ended))
    }

    /// Drains it, now or later.
    #[must_use]
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// Where it listens, with the ports that were chosen.
    #[must_use]
    pub fn addresses(&self) -> &Addresses {
        &self.addresses
    }

    /// Serves a stream of this process as if it had been accepted, on one I/O thread (from 0 on);
    /// false where that has no room for it, or there is none.
    #[must_use]
    pub fn attach(&self, thread: usize, stream: Box<dyn Stream + Send + Unpin>) -> bool {
        let room = self.callers.as_ref().filter(|_| !self.handle.is_draining());
        room.is_some_and(|callers| callers.hand_to(thread, Socket::Attached(stream)))
    }

    /// Blocks until a drain has ended and every thread is gone. It does not begin one.
    #[must_use]
    pub fn join(mut self) -> Drained {
        self.join_threads()
    }

    fn join_threads(&mut self) -> Drained {
        // A thread that panicked has nothing to report; the others still count.
        let drained = self.acceptor.take().and_then(|thread| thread.join().ok());
        for thread in self.workers.drain(..) {
            let _ = thread.join();
        }
        drained.unwrap_or(Drained { finished: 0, cut: 0 })
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        self.handle.drain(Duration::ZERO);
        if self.acceptor.is_none() {
            // No conductor: a start that failed halfway, or one that was joined.
            self.handle.draining.cut();
        }
        self.join_threads();
    }
}

impl fmt::Debug for Front {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Front").field("addresses", &self.addresses).field("threads", &self.workers.len()).finish_non_exhaustive()
    }
}

type Workers = (Vec<mpsc::Sender<Accepted>>, mpsc::Receiver<()>);

/// A runtime that may be dropped anywhere: a start can fail within another runtime.
struct OwnRuntime(Option<Runtime>);

impl OwnRuntime {
    fn new() -> Result<Self, StartError> {
        Builder::new_current_thread()
            .enable_all()
            .on_thread_park(extensions_admission::looked_at_io)
            .build()
            .map(|runtime| Self(Some(runtime)))
            .map_err(StartError::Thread)
    }

    fn get(&self) -> &Runtime {
        self.0.as_ref().expect("it is there until the drop")
    }
}

impl Drop for OwnRuntime {
    fn drop(&mut self) {
        // Drops the tasks and waits for nothing; there are no blocking ones.
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

/// The accepting thread's life.
async fn conduct<S: Service>(
    loops: Vec<(Listener, Handout)>,
    service: &S,
    readiness: &Readiness,
    draining: &Draining,
    metrics: &Metrics,
    notice: Duration,
    mut all_ended: mpsc::Receiver<()>,
) -> Drained {
    let mut accepting = JoinSet::new();
    for (listener, handout) in loops {
        accepting.spawn(accept_loop(listener, handout, draining.phases()));
    }
    let idle = async {
        while accepting.join_next().await.is_some() {}
        let _ = all_ended.recv().await;
    };
    let drain = draining.conduct(metrics, notice, idle);
    tokio::select! {
        drained = drain => drained,
        never = readiness.watch(service, draining) => match never {},
    }
}

/// A serving thread's life: takes sockets until the front closes, then waits
/// for its connections until they have ended or are cut.
async fn serve<S: Service>(
    shared: Arc<Shared<S>>,
    worker: Arc<Worker>,
    protocols: Arc<Protocols>,
    mut sockets: mpsc::Receiver<Accepted>,
    mut phases: watch::Receiver<Phase>,
) {
    let connections = TaskTracker::new();
    let mut closing = phases.clone();
    let closing = async move { drop(closing.wait_for(|phase| *phase >= Phase::Closing).await) };
    tokio::pin!(closing);
    loop {
        tokio::select! {
            biased;
            () = closing.as_mut() => break,
            socket = sockets.recv() => match socket {
                None => break,
                Some(accepted) => drop(connections.spawn(connection::serve(accepted, Arc::clone(&shared), Arc::clone(&worker), Arc::clone(&protocols)))),
            },
        }
    }
    worker.closing.cancel();
    connections.close();
    tokio::select! {
        () = connections.wait() => {}
        _ = phases.wait_for(|phase| *phase == Phase::Cut) => {}
    }
}
