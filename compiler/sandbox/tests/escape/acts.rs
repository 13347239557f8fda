//! The hostile program, and its harmless twin: one function for each thing that is tried.
#![allow(unsafe_code, reason = "system calls that no library offers, made to be refused")]

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read as _, Write as _},
    net::{TcpListener, TcpStream, UdpSocket},
    os::{
        linux::net::SocketAddrExt as _,
        unix::{
            fs::{PermissionsExt, symlink},
            net::{SocketAddr, UnixStream},
        },
    },
    path::PathBuf,
    process::{Child, Command, ExitCode, Stdio},
    time::{Duration, Instant},
};

use libc::{c_int, c_long};

/// The first argument that makes this binary the hostile program; then the act's name and the token.
pub(crate) const ARGUMENT: &str = "__act";
/// What it answers when the kernel said no.
pub(crate) const REFUSED: u8 = 10;

/// Done, or refused with the kernel's words.
type Act = io::Result<()>;

pub(crate) fn main(arguments: &[String]) -> ExitCode {
    match act(&arguments[0]) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("{error}");
            ExitCode::from(REFUSED)
        }
    }
}

fn act(name: &str) -> Act {
    match name {
        "read-passwd" => show("/etc/passwd"),
        "read-shadow" => show("/etc/shadow"),
        "list-homes" => list_homes(),
        "read-other" => show(folder("OTHER").join("secret")),
        "read-environ" => read_environ(),
        "read-init" => read_init(),
        "inherited" => inherited(),
        "by-handle" => call(libc::SYS_open_by_handle_at, [libc::AT_FDCWD.into(), 0, 0, 0, 0]),
        "tcp-connect" => TcpStream::connect(("127.0.0.1", port("TCP"))).map(drop),
        "tcp-listen" => TcpListener::bind("127.0.0.1:0").map(drop),
        "udp-send" => UdpSocket::bind("127.0.0.1:0").and_then(|socket| socket.send_to(b"x", ("127.0.0.1", port("UDP")))).map(drop),
        "abstract-connect" => UnixStream::connect_addr(&SocketAddr::from_abstract_name(token())?).map(drop),
        "unix-connect" => UnixStream::connect(folder("READS").join("socket")).map(drop),
        "netlink" => call(libc::SYS_socket, [libc::AF_NETLINK.into(), libc::SOCK_RAW.into(), 0, 0, 0]),
        "fork-bomb" => many(10_000, "hold"),
        "daemon" => start("daemon-parent").and_then(ended),
        "daemon-parent" => start("hold").map(drop),
        "kill-all" => kill_all(),
        "kill-host" => call(libc::SYS_kill, [number("HOST_PID"), libc::SIGKILL.into(), 0, 0, 0]),
        "ptrace" => any([call(libc::SYS_ptrace, [libc::PTRACE_ATTACH.into(), 1, 0, 0, 0]), call(libc::SYS_process_vm_readv, [1, 0, 0, 0, 0])]),
        "sleep" | "hold" => hold(),
        "say-and-sleep" => say("running").and_then(|()| hold()),
        "burn" => many(4, "spin").and_then(|()| spin(Duration::from_secs(5))),
        "burn-short" => burn_short(),
        "spin" => spin(Duration::from_secs(5)),
        "spin-short" => spin(Duration::from_millis(30)),
        "memory" => many(4, "memory-part").and_then(|()| hold()),
        "memory-part" => take(30 << 20).and_then(|()| hold()),
        "memfd" => rustix::fs::memfd_create("x", rustix::fs::MemfdFlags::empty()).map(drop).map_err(Into::into),
        "shared-memory" => shared_memory(),
        "sockets" => sockets(),
        "fill-disk" => fill_disk(),
        "many-files" => many_files(),
        "sparse" => File::create("/tmp/sparse").and_then(|file| file.set_len(1 << 40)),
        "sparse-results" => (0..5).try_for_each(|number| File::create(folder("RESULTS").join(number.to_string()))?.set_len(8 << 20)),
        "print" => flood(&mut io::stdout()),
        "print-stderr" => flood(&mut io::stderr()),
        "write-outside" => write_outside(),
        "poison-layer" => poison_layer(),
        "change-sources" => change_sources(),
        "odd-results" => odd_results(),
        "abort" => std::process::abort(),
        "mount" => mount(),
        "unshare" => unshare(),
        "clone-namespace" => clone_namespace(),
        "chroot" => call(libc::SYS_chroot, [c"/tmp".as_ptr() as c_long, 0, 0, 0, 0]),
        "proc-sys" => OpenOptions::new().write(true).open("/proc/sys/kernel/core_pattern").map(drop),
        "io-uring" => io_uring(),
        "surfaces" => surfaces(),
        "mknod" => call(libc::SYS_mknodat, [libc::AT_FDCWD.into(), c"/tmp/disk".as_ptr() as c_long, (libc::S_IFBLK | 0o600).into(), 0x801, 0]),
        "setuid" => call(libc::SYS_setuid, [0; 5]),
        twin => harmless(twin),
    }
}

fn harmless(name: &str) -> Act {
    match name {
        "read-usr" => fs::read("/usr/bin/env").map(drop),
        "read-own" => expect(fs::read_to_string("source")? == "source"),
        "read-reads" => expect(fs::read_to_string(folder("READS").join("sdk"))? == "sdk"),
        "read-layer" => show(folder("LAYER").join("dependency")),
        "read-proc" => fs::read("/proc/self/status").map(drop),
        "own-environ" => expect(String::from_utf8_lossy(&fs::read("/proc/self/environ")?).contains("OWN=own") && std::env::var("OWN").is_ok()),
        "own-memory" => fs::read("/proc/self/maps").map(drop),
        "own-descriptor" => own_descriptor(),
        "own-user" => expect(rustix::process::getuid().as_raw() == 1000),
        "write-own" => write_own(),
        "pair" => pair(),
        "fork-few" => (0..5).try_for_each(|_| start("own-user").and_then(ended)),
        "kill-own" => start("hold").and_then(|mut child| child.kill().and_then(|()| child.wait()).map(drop)),
        "burn-little" => spin(Duration::from_millis(20)),
        "memory-little" => take(8 << 20),
        "print-little" => say(&"x".repeat(1000)),
        other => panic!("no act {other}"),
    }
}

fn variable(name: &str) -> String {
    std::env::var(name).unwrap()
}

fn folder(name: &str) -> PathBuf {
    variable(name).into()
}

fn number(name: &str) -> c_long {
    variable(name).parse().unwrap()
}

fn port(name: &str) -> u16 {
    variable(name).parse().unwrap()
}

fn token() -> String {
    std::env::args().nth(3).unwrap()
}

fn expect(is: bool) -> Act {
    if is { Ok(()) } else { Err(io::Error::other("not what was expected")) }
}

fn say(text: &str) -> Act {
    writeln!(io::stdout(), "{text}")
}

fn show(path: impl Into<PathBuf>) -> Act {
    say(fs::read_to_string(path.into())?.trim_end())
}

fn call(number: c_long, [a, b, c, d, e]: [c_long; 5]) -> Act {
    // SAFETY: what is passed are numbers and pointers to constants; no call here writes to memory of ours.
    match unsafe { libc::syscall(number, a, b, c, d, e) } {
        -1 => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}

/// Done if one of several is; else a refusal, of those another than "no such call" if there is one.
fn any(tried: impl IntoIterator<Item = Act>) -> Act {
    let mut refusals = Vec::new();
    for result in tried {
        match result {
            Ok(()) => return Ok(()),
            Err(error) => refusals.push(error),
        }
    }
    refusals.sort_by_key(|error| error.raw_os_error() == Some(libc::ENOSYS));
    Err(refusals.remove(0))
}

fn start(act: &str) -> io::Result<Child> {
    Command::new("/proc/self/exe").args([ARGUMENT, act, &token()]).stdin(Stdio::null()).spawn()
}

fn ended(mut child: Child) -> Act {
    expect(child.wait()?.success())
}

/// As many as there can be; they stay.
fn many(count: usize, act: &str) -> Act {
    for _ in 0..count {
        let _ = start(act);
    }
    Ok(())
}

fn hold() -> Act {
    loop {
        std::thread::park();
    }
}

fn spin(time: Duration) -> Act {
    let started = Instant::now();
    while started.elapsed() < time {
        std::hint::spin_loop();
    }
    Ok(())
}

/// Children that nobody waits for: the kernel adds their times to nobody's.
fn burn_short() -> Act {
    // SAFETY: no handler is installed, so none can run.
    unsafe { libc::signal(libc::SIGCHLD, libc::SIG_IGN) };
    for _ in 0..200 {
        let _ = start("spin-short")?.wait();
    }
    Ok(())
}

fn take(bytes: usize) -> Act {
    let taken = vec![1_u8; bytes];
    expect(std::hint::black_box(&taken).iter().step_by(4096).all(|byte| *byte == 1))?;
    std::mem::forget(taken);
    Ok(())
}

fn list_homes() -> Act {
    any([fs::read_dir("/home").map(drop), fs::read_dir("/root").map(drop)])
}

fn read_environ() -> Act {
    let mut others = 0;
    for entry in fs::read_dir("/proc")?.flatten() {
        let Ok(environ) = fs::read(entry.path().join("environ")) else { continue };
        others += i32::from(!String::from_utf8_lossy(&environ).contains("OWN=own"));
    }
    if others == 0 { Err(io::Error::other("no process but its own is there")) } else { Ok(()) }
}

fn read_init() -> Act {
    any([
        File::open("/proc/1/mem").map(drop),
        fs::read("/proc/1/environ").map(drop),
        fs::read_dir("/proc/1/fd").map(drop),
        fs::read_dir("/proc/1/root/").map(drop),
    ])
}

fn inherited() -> Act {
    let left_open = variable("LEFT_OPEN").parse::<c_int>().unwrap();
    any((3..64).chain([left_open]).map(|descriptor| call(libc::SYS_fcntl, [descriptor.into(), libc::F_GETFD.into(), 0, 0, 0])))
}

fn own_descriptor() -> Act {
    let mut text = String::new();
    File::open("source")?.read_to_string(&mut text)?;
    expect(text == "source")
}

fn pair() -> Act {
    let (mut one, mut other) = UnixStream::pair()?;
    one.write_all(b"x")?;
    other.read_exact(&mut [0; 1])
}

fn kill_all() -> Act {
    let _ = call(libc::SYS_kill, [-1, libc::SIGKILL.into(), 0, 0, 0]);
    for signal in [libc::SIGKILL, libc::SIGSTOP, libc::SIGTERM, libc::SIGSEGV] {
        let _ = call(libc::SYS_kill, [1, signal.into(), 0, 0, 0]);
    }
    Ok(())
}

fn shared_memory() -> Act {
    // SAFETY: a mapping at a place of the kernel's choice.
    let mapped = unsafe { libc::mmap(std::ptr::null_mut(), 4096, libc::PROT_WRITE, libc::MAP_SHARED | libc::MAP_ANONYMOUS, -1, 0) };
    let mapped = if mapped == libc::MAP_FAILED { Err(io::Error::last_os_error()) } else { Ok(()) };
    any([mapped, call(libc::SYS_shmget, [0, 4096, (libc::IPC_CREAT | 0o600).into(), 0, 0]), File::open("/dev/zero").map(drop)])
}

fn sockets() -> Act {
    let block = vec![1; 64 << 10];
    let mut pairs = Vec::new();
    while let Ok((mut one, other)) = UnixStream::pair() {
        one.set_nonblocking(true)?;
        while one.write(&block).is_ok() {}
        pairs.push((one, other));
    }
    hold()
}

fn fill_disk() -> Act {
    let block = vec![1; 1 << 20];
    let folders = [PathBuf::from("/tmp"), folder("HOME"), folder("RESULTS"), folder("LAYER"), folder("FOLDER"), "/dev/shm".into()];
    for number in 0..1000 {
        if fs::write(folders[number % folders.len()].join(format!("fill-{number}")), &block).is_err() {
            return hold();
        }
    }
    Ok(())
}

fn many_files() -> Act {
    for number in 0..1_000_000 {
        if File::create(format!("/tmp/{number}")).is_err() {
            return hold();
        }
    }
    Ok(())
}

fn flood(to: &mut impl io::Write) -> Act {
    let line = [[b'x'; 999].as_slice(), b"\n"].concat();
    (0..1_000_000).try_for_each(|_| to.write_all(&line))
}

fn write_own() -> Act {
    let folders = [PathBuf::from("/tmp"), folder("HOME"), folder("TMPDIR"), folder("RESULTS"), folder("LAYER"), folder("FOLDER"), "/dev/shm".into()];
    for folder in folders {
        fs::create_dir_all(folder.join("a"))?;
        fs::write(folder.join("a/new"), "new")?;
        fs::rename(folder.join("a/new"), folder.join("newer"))?;
        fs::remove_file(folder.join("newer"))?;
        fs::remove_dir(folder.join("a"))?;
    }
    fs::write("/dev/null", "x")
}

fn write_outside() -> Act {
    let program = std::env::current_exe()?;
    let folders = ["/", "/usr", "/usr/bin", "/etc", "/dev", "/proc"].map(PathBuf::from);
    let files = folders.into_iter().chain([folder("READS"), folder("OTHER")]).map(|folder| folder.join("written"));
    let written = files
        .chain([folder("READS").join("sdk"), program, "/etc/passwd".into()])
        .map(|path| OpenOptions::new().create(true).append(true).open(path).map(drop));
    any(written.collect::<Vec<_>>())
}

fn poison_layer() -> Act {
    let layer = folder("LAYER");
    fs::write(layer.join("dependency"), "poison")?;
    fs::write(layer.join("new"), "poison")?;
    fs::set_permissions(layer.join("dependency"), PermissionsExt::from_mode(0o777))?;
    expect(fs::read_to_string(layer.join("dependency"))? == "poison")?;
    fs::remove_file(layer.join("dependency"))
}

fn change_sources() -> Act {
    fs::write("source", "changed")?;
    fs::write("new", "new")?;
    fs::write("Cargo.lock", "made by the build")
}

/// One plain file, and five things that are none.
fn odd_results() -> Act {
    let results = folder("RESULTS");
    fs::write(results.join("program"), "x")?;
    fs::set_permissions(results.join("program"), PermissionsExt::from_mode(0o6755))?;
    symlink("/etc/passwd", results.join("link"))?;
    symlink("/etc", results.join("folder"))?;
    symlink("/no/such/thing", results.join("dangling"))?;
    symlink("/etc/passwd", "Cargo.lock")?;
    let node = |name: &str, kind| rustix::fs::mknodat(rustix::fs::CWD, results.join(name), kind, rustix::fs::Mode::RWXU, 0);
    node("pipe", rustix::fs::FileType::Fifo)?;
    // A device with number 0 is nothing, and anybody may make it.
    Ok(node("device", rustix::fs::FileType::CharacterDevice)?)
}

fn mount() -> Act {
    let (kind, at) = (c"tmpfs".as_ptr() as c_long, c"/tmp".as_ptr() as c_long);
    any([
        call(libc::SYS_mount, [kind, at, kind, 0, 0]),
        call(libc::SYS_umount2, [at, libc::MNT_DETACH.into(), 0, 0, 0]),
        call(libc::SYS_fsopen, [kind, 0, 0, 0, 0]),
        call(libc::SYS_open_tree, [libc::AT_FDCWD.into(), at, 1, 0, 0]),
        call(libc::SYS_pivot_root, [at, at, 0, 0, 0]),
    ])
}

fn unshare() -> Act {
    let namespaces = [libc::CLONE_NEWUSER, libc::CLONE_NEWNS, libc::CLONE_NEWNET, libc::CLONE_NEWPID, libc::CLONE_NEWIPC, libc::CLONE_NEWUTS];
    any(namespaces.map(|namespace| call(libc::SYS_unshare, [namespace.into(), 0, 0, 0, 0])).into_iter().chain([call(libc::SYS_setns, [0; 5])]))
}

fn clone_namespace() -> Act {
    // SAFETY: as fork; a child, if there were one, leaves at once.
    match unsafe { libc::syscall(libc::SYS_clone, libc::CLONE_NEWUSER | libc::SIGCHLD, 0, 0, 0, 0) } {
        -1 => Err(io::Error::last_os_error()),
        0 => std::process::exit(0),
        _ => Ok(()),
    }
}

fn io_uring() -> Act {
    let parameters = [0_u64; 16];
    call(libc::SYS_io_uring_setup, [1, parameters.as_ptr() as c_long, 0, 0, 0])
}

fn surfaces() -> Act {
    let zeros = [0_u64; 16];
    let zeros = zeros.as_ptr() as c_long;
    any([
        call(libc::SYS_bpf, [0, zeros, 64, 0, 0]),
        call(libc::SYS_perf_event_open, [zeros, 0, -1, -1, 0]),
        call(libc::SYS_add_key, [c"user".as_ptr() as c_long, c"x".as_ptr() as c_long, zeros, 1, -3]),
        call(libc::SYS_keyctl, [0, -3, 1, 0, 0]),
        call(libc::SYS_userfaultfd, [1, 0, 0, 0, 0]),
        call(libc::SYS_kexec_load, [0; 5]),
        call(libc::SYS_init_module, [zeros, 1, zeros, 0, 0]),
        call(libc::SYS_memfd_secret, [0; 5]),
        call(libc::SYS_fanotify_init, [0x200, 0, 0, 0, 0]),
        call(libc::SYS_pidfd_getfd, [0; 5]),
        call(libc::SYS_personality, [0x0040_0000, 0, 0, 0, 0]),
        call(libc::SYS_vmsplice, [1, zeros, 1, 0, 0]),
        call(libc::SYS_mq_open, [c"x".as_ptr() as c_long, libc::O_CREAT.into(), 0o600, 0, 0]),
    ])
}
