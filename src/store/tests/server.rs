//! A `PostgreSQL` server of the tests' own: in a temporary folder, on a Unix socket, gone when the test process is gone,
//! however it ends. Shared by all tests of a process; each makes a database of its own in it.
//!
//! Depends on nothing of the crate, so that other test programs can include this file.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{ChildStdin, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// Runs as the server's user: makes the cluster, serves until its standard input ends, cleans up. The input is a pipe of
/// the test process, which the kernel closes when that ends in whatever way.
const KEEPER: &str = r#"
cd "$1" || exit 1
"$2/initdb" -D "$1/data" -U hotline -A trust -E UTF8 --locale=C --no-sync >"$1/log" 2>&1 || exit 1
"$2/postgres" -D "$1/data" -k "$1" -c listen_addresses= -c max_connections=400 -c fsync=off \
    -c full_page_writes=off -c synchronous_commit=off -c autovacuum=off -c shared_buffers=32MB >>"$1/log" 2>&1 </dev/null &
server=$!
read -r _
kill -QUIT "$server"
wait "$server"
cd / && rm -rf "$1"
"#;

/// The server runs.
pub struct Server {
    folder: PathBuf,
    /// Held open as long as the server is to run.
    keeper: ChildStdin,
}

/// The address of a new, empty database on the server that this process shares.
pub fn new_database() -> String {
    static SERVER: OnceLock<Server> = OnceLock::new();
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let server = SERVER.get_or_init(Server::start);
    server.database(&format!("t{}", COUNT.fetch_add(1, Ordering::Relaxed)))
}

impl Server {
    /// A server that no other test uses, with an empty database at this address: for a test in which it goes away.
    pub fn own() -> (Self, String) {
        let server = Self::start();
        let url = server.database("own");
        (server, url)
    }

    /// It is gone, as after a crash, before this returns.
    pub fn stop(self) {
        drop(self.keeper);
        let folder = self.folder;
        for _ in 0..1_200 {
            if !folder.exists() {
                return;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("PostgreSQL did not end within a minute; see {}", folder.join("log").display());
    }

    fn database(&self, name: &str) -> String {
        let created = Command::new(bin().join("psql"))
            .args(["-X", "-q", "-U", "hotline", "-d", "postgres", "-h"])
            .arg(&self.folder)
            .arg("-c")
            .arg(format!("CREATE DATABASE {name}"))
            .stdin(Stdio::null())
            .output()
            .expect("psql runs");
        assert!(created.status.success(), "psql: {}", String::from_utf8_lossy(&created.stderr));
        format!("postgres://hotline@localhost/{name}?host={}", self.folder.display())
    }

    #[expect(clippy::zombie_processes, reason = "it is waited for by the kernel's own: it ends after this process")]
    fn start() -> Self {
        let folder = tempfile::Builder::new().prefix("hotline-pg-").tempdir().expect("a temporary folder").keep();
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).expect("the folder is ours");
        let mut command = as_server_user(&folder);
        command.args(["-c", KEEPER, "keeper"]).arg(&folder).arg(bin());
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("a shell runs");
        let keeper = child.stdin.take().expect("it was asked for");
        for _ in 0..1_200 {
            let ready = fs::read_to_string(folder.join("data/postmaster.pid"));
            if ready.is_ok_and(|text| text.lines().nth(7).is_some_and(|line| line.trim() == "ready")) {
                return Self { folder, keeper };
            }
            if let Ok(Some(status)) = child.try_wait() {
                let log = fs::read_to_string(folder.join("log")).unwrap_or_default();
                panic!("PostgreSQL did not start ({status}): {log}");
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("PostgreSQL did not start within a minute; see {}", folder.join("log").display());
    }
}

/// A shell; the server refuses to be root, so it is another user's then, and the folder with it.
fn as_server_user(folder: &Path) -> Command {
    let id = |args: &[&str]| {
        let output = Command::new("id").args(args).output().ok().filter(|output| output.status.success())?;
        String::from_utf8(output.stdout).ok()?.trim().parse::<u32>().ok()
    };
    if id(&["-u"]) != Some(0) {
        return Command::new("sh");
    }
    let user = ["postgres", "nobody"].into_iter().find_map(|name| Some((name, id(&["-u", name])?, id(&["-g", name])?)));
    let (name, uid, gid) = user.expect("PostgreSQL refuses to run as root, and there is no user postgres or nobody");
    std::os::unix::fs::chown(folder, Some(uid), Some(gid)).expect("root may");
    if on_path("setpriv").is_some() {
        let mut command = Command::new("setpriv");
        command.args([&format!("--reuid={uid}"), &format!("--regid={gid}"), "--clear-groups", "sh"]);
        command
    } else if on_path("runuser").is_some() {
        let mut command = Command::new("runuser");
        command.args(["-u", name, "--", "sh"]);
        command
    } else {
        panic!("PostgreSQL refuses to run as root, and there is neither setpriv nor runuser; install util-linux");
    }
}

/// The folder of PostgreSQL's programs.
fn bin() -> PathBuf {
    let complete = |folder: &Path| ["initdb", "postgres", "psql"].iter().all(|name| folder.join(name).exists());
    // Debian keeps the server's programs off the path.
    let mut versions: Vec<PathBuf> = fs::read_dir("/usr/lib/postgresql")
        .map(|entries| entries.flatten().map(|entry| entry.path().join("bin")).collect())
        .unwrap_or_default();
    versions.sort();
    if let Some(found) = versions.into_iter().rev().find(|folder| complete(folder)) {
        return found;
    }
    let folder = on_path("initdb").and_then(|program| Some(fs::canonicalize(program).ok()?.parent()?.to_owned()));
    folder.filter(|folder| complete(folder)).expect(
        "PostgreSQL's initdb, postgres and psql are needed for the tests: \
         `scripts/install-packages.sh test` installs them (package `postgresql`)",
    )
}

fn on_path(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(program)).find(|file| file.exists())
}
