//! Sources that attack whoever builds them. Each ends with a named error or
//! comes to nothing; each has a harmless twin that builds; what they were
//! after is looked for from outside.

use std::{io::ErrorKind, net::TcpListener, path::Path};

use extensions_compile_jobs::{Bundle, NotCompiled};
use extensions_types::Sha256;

use crate::{board::Ended, bundles, scene::Scene};

/// What becomes of an attempt.
#[derive(Debug, Clone, Copy)]
enum Fate {
    /// It builds, and the attempt came to nothing.
    Harmless,
    /// It does not build: one of these codes.
    Named(&'static [&'static str]),
}

struct Row {
    name: &'static str,
    hostile: Bundle,
    twin: Bundle,
    fate: Fate,
    hasty: bool,
}

fn row(name: &'static str, attempt: &str, twin: &str, fate: Fate) -> Row {
    Row { name, hostile: bundles::with_build_script(attempt), twin: bundles::with_build_script(twin), fate, hasty: false }
}

/// `outside`: a folder of the test; `port`: a listener of the test.
fn rows(outside: &Path, port: u16) -> Vec<Row> {
    let outside = outside.display();
    let limits = Fate::Named(&["build_limit", "does_not_build"]);
    let reads = format!(
        "for path in [\"/etc/shadow\", \"/proc/1/environ\", \"{outside}/secret\"] {{ \
         if fs::read(path).is_ok_and(|text| String::from_utf8_lossy(&text).contains(\"secret-of-the-host\") || path == \"/etc/shadow\") {{ panic!(\"ESCAPED {{path}}\") }} }} \
         if fs::read_to_string(\"/etc/passwd\").is_ok_and(|text| text.contains(\"daemon\")) {{ panic!(\"ESCAPED passwd\") }}"
    );
    let connects = format!(
        "if TcpStream::connect((\"127.0.0.1\", {port})).is_ok() {{ panic!(\"ESCAPED\") }} \
         if UdpSocket::bind(\"0.0.0.0:0\").is_ok_and(|socket| socket.send_to(b\"x\", \"192.0.2.1:53\").is_ok()) {{ panic!(\"ESCAPED\") }}"
    );
    let writes = format!(
        "for folder in [\"{outside}\", \"/root\", \"/usr\", \"/etc\", \"/var/tmp\", \"..\", \"../..\"] {{ let _ = fs::write(Path::new(folder).join(\"escaped-{port}\"), \"x\"); }}"
    );
    let poisons = "let out = PathBuf::from(env::var(\"OUT_DIR\").unwrap()); \
         fn spoil(dir: &Path) { for entry in fs::read_dir(dir).into_iter().flatten().flatten() { let path = entry.path(); \
         if path.is_dir() { spoil(&path) } else if path.extension().is_some_and(|end| end == \"rlib\" || end == \"rmeta\" || end == \"rs\") { let _ = fs::write(&path, \"spoilt\"); } } } \
         let top = out.ancestors().nth(4).unwrap(); spoil(top); \
         if let Ok(home) = env::var(\"CARGO_HOME\") { let _ = fs::write(Path::new(&home).join(\"config.toml\"), \"[build]\\nrustc-wrapper = '/bin/false'\\n\"); }";
    let mut rows = vec![
        row("reads files of the host", &reads, "assert!(fs::read(\"Cargo.toml\").is_ok())", Fate::Harmless),
        row("opens sockets", &connects, "let _ = SocketAddr::from(([127, 0, 0, 1], 1));", Fate::Harmless),
        row(
            "writes outside of its scratch",
            &writes,
            "fs::write(Path::new(&env::var(\"OUT_DIR\").unwrap()).join(\"x\"), \"x\").unwrap()",
            Fate::Harmless,
        ),
        row(
            "forks without end",
            "loop { let _ = Command::new(env::current_exe().unwrap()).spawn(); }",
            "assert!(Command::new(\"/bin/true\").status().unwrap().success())",
            limits,
        ),
        row(
            "fills the disk",
            "let mut file = fs::File::create(Path::new(&env::var(\"OUT_DIR\").unwrap()).join(\"x\")).unwrap(); loop { file.write_all(&[7; 1 << 20]).unwrap(); }",
            "fs::write(Path::new(&env::var(\"OUT_DIR\").unwrap()).join(\"x\"), [7; 1 << 20]).unwrap()",
            limits,
        ),
        row("prints without end", "loop { println!(\"{}\", \"x\".repeat(1 << 16)); }", "println!(\"{}\", \"x\".repeat(1 << 10))", limits),
        row(
            "takes memory without end",
            "let mut all = Vec::new(); loop { all.push(vec![7u8; 16 << 20]); }",
            "assert_eq!(vec![7u8; 16 << 20].len(), 16 << 20)",
            limits,
        ),
        row("spoils the dependencies of the next job", poisons, "", Fate::Named(&["does_not_compile", "does_not_build", "build_broken"])),
    ];
    rows.push(Row {
        hasty: true,
        ..row(
            "sleeps",
            "std::thread::sleep(Duration::from_secs(3600))",
            "std::thread::sleep(Duration::from_millis(1))",
            Fate::Named(&["build_limit"]),
        )
    });
    rows.push(Row {
        name: "a proc macro reads, connects and writes",
        hostile: bundles::with_macro(&format!("{reads} {connects} {writes}")),
        twin: bundles::with_macro(""),
        fate: Fate::Harmless,
        hasty: false,
    });
    rows
}

#[test]
fn hostile_sources_are_contained_and_their_twins_build() {
    let scene = Scene::get();
    std::fs::write(scene.outside.path().join("secret"), "secret-of-the-host").unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let port = listener.local_addr().unwrap().port();
    let before = digest(scene.run(scene.board.compile(&bundles::with_source("// before"))));
    let mut wrong = Vec::new();
    for row in rows(scene.outside.path(), port) {
        let board = if row.hasty { &scene.hasty } else { &scene.board };
        let hostile = scene.run(board.compile(&row.hostile));
        if let Err(why) = judge(row.fate, &hostile) {
            wrong.push(format!("{}: {why}", row.name));
        }
        // The next job, on the same prebuilt dependencies.
        let twin = scene.run(scene.board.compile(&row.twin));
        if let Err(error) = &twin.result {
            wrong.push(format!("{}: its twin does not build: {error:?}", row.name));
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
    assert_eq!(listener.accept().unwrap_err().kind(), ErrorKind::WouldBlock, "nobody reached the listener");
    for folder in [scene.outside.path(), "/root".as_ref(), "/usr".as_ref(), "/etc".as_ref(), "/var/tmp".as_ref(), scene.home.path()] {
        assert!(!folder.join(format!("escaped-{port}")).exists(), "{}", folder.display());
    }
    for home in [scene.home.path().to_owned(), scene.home.path().join("jobs")] {
        assert!(!home.join("cargo/config.toml").exists());
    }
    assert_eq!(descendants(), Vec::<String>::new(), "no process of a job is left");
    // Another comment is another source, so that nothing is answered from results.
    let after = digest(scene.run(scene.board.compile(&bundles::with_source("// behind"))));
    assert_eq!(before, after, "no job has changed what the next one gives");
}

fn judge(fate: Fate, ended: &Ended) -> Result<(), String> {
    match (fate, &ended.result) {
        (Fate::Harmless, Ok(_)) => Ok(()),
        (Fate::Named(codes), Err(NotCompiled::Failed(findings))) => {
            let named = findings.iter().any(|one| codes.contains(&one.code.as_str()));
            let escaped = findings.iter().any(|one| one.message.contains("ESCAPED"));
            if named && !escaped { Ok(()) } else { Err(format!("{findings:?}")) }
        }
        (_, result) => Err(format!("{fate:?}, but {result:?}")),
    }
}

fn digest(ended: Ended) -> Sha256 {
    ended.result.unwrap().evidence.component_sha256
}

/// Build scripts of the attempts that still run, by the system's list of processes.
fn descendants() -> Vec<String> {
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    let commands = processes.filter_map(|entry| std::fs::read_to_string(entry.path().join("cmdline")).ok());
    commands.filter(|command| command.contains("/build/rule-")).collect()
}
