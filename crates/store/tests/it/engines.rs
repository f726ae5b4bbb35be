//! The engines: a PostgreSQL for the tests, and what must be the same on both.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use delivery::consent::Screening;
use delivery::schedule::Jitter;
use store::Store;
use store::backend::{Access, Backend};
use store::postgres::{Postgres, PostgresUrl};

use crate::fixture::{self, Engine};

/// Starts a server of our own that listens on a socket in a directory of its own, says where, and ends with us:
/// when its standard input does. What else we have open (locks of whoever runs us, say) it does not hold.
const PRIVATE_SERVER: &str = r#"
set -e
for open in /proc/self/fd/*; do
    open="${open##*/}"
    if [ "$open" -gt 2 ]; then eval "exec $open>&-"; fi
done
bin=$(find /usr/lib/postgresql/*/bin -name initdb 2>/dev/null | sort -V | tail -n 1)
bin=$(dirname "${bin:-$(command -v initdb)}")
dir=$(mktemp -d /tmp/twoway-store-test.XXXXXX)
cd "$dir"
"$bin/initdb" --pgdata data --username twoway --auth trust --encoding UTF8 --locale C --no-sync >initdb.log 2>&1
"$bin/pg_ctl" --pgdata data --log log --silent --wait --options "-k $dir -c listen_addresses= -c max_connections=300" start >&2
echo "$dir"
read -r _end || true
"$bin/pg_ctl" --pgdata data --silent --mode immediate stop >&2 || true
cd /; rm -rf "$dir"
"#;

struct Server {
    url: String,
    /// Its standard input stays open as long as this process lives.
    child: Option<Child>,
}

fn server() -> &'static str {
    static SERVER: OnceLock<Server> = OnceLock::new();
    &SERVER
        .get_or_init(|| match std::env::var("TWOWAY_TEST_POSTGRES") {
            Ok(url) => Server { url, child: None },
            Err(_unset) => private_server(),
        })
        .url
}

fn private_server() -> Server {
    // PostgreSQL refuses to run as root.
    let is_root = Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout.starts_with(b"0\n"));
    // A session of its own: what kills our process group, or interrupts it, must leave alive who stops the server.
    let mut command = Command::new("setsid");
    if is_root {
        command.args(["runuser", "-u", "postgres", "--"]);
    }
    let spawned = command.args(["bash", "-c", PRIVATE_SERVER]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
    let mut child = spawned.expect("PostgreSQL must be installed, or TWOWAY_TEST_POSTGRES name a server: these tests run on it");
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let directory = line.trim();
    assert!(!directory.is_empty(), "PostgreSQL could not be started; is it installed? Or let TWOWAY_TEST_POSTGRES name a server");
    let url = format!("postgresql://twoway@{}/postgres", directory.replace('/', "%2F"));
    Server { url, child: Some(child) }
}

#[test]
fn a_server_of_our_own_ends_with_us() {
    // The server that these tests run on may be elsewhere, and its programs not here.
    if std::env::var_os("TWOWAY_TEST_POSTGRES").is_some() {
        return;
    }
    let mut server = private_server();
    let socket = server.url.trim_start_matches("postgresql://twoway@").trim_end_matches("/postgres").replace("%2F", "/");
    let pid = std::fs::read_to_string(format!("{socket}/data/postmaster.pid")).unwrap().lines().next().unwrap().to_owned();
    let stat = |pid: &str| std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let session = |pid: &str| stat(pid).rsplit(')').next().unwrap().split_whitespace().nth(3).unwrap().to_owned();
    let mut watcher = server.child.take().unwrap();
    assert_ne!(session(&watcher.id().to_string()), session("self"), "what kills us and our group would kill who stops the server");
    // As our end does, however it comes.
    drop(watcher.stdin.take());
    assert!(watcher.wait().unwrap().success());
    // What has ended may still be in the table of processes, as a zombie, until its parent looks.
    let is_running = std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "));
    assert!(!is_running, "the server still runs");
    assert!(!std::path::Path::new(&socket).exists(), "its directory is still there");
}

/// The URL of a schema that nobody has used.
pub(crate) fn fresh_schema() -> String {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let number = NUMBER.fetch_add(1, Ordering::SeqCst);
    let server = server();
    let separator = if server.contains('?') { '&' } else { '?' };
    let url = format!("{server}{separator}schema=t{}_{number}", std::process::id());
    drop_schema(&url);
    url
}

pub(crate) fn drop_schema(url: &str) {
    let (_, schema) = url.split_once("schema=").unwrap();
    let script = format!("DROP SCHEMA IF EXISTS {schema} CASCADE");
    with_postgres(url, |backend| {
        backend.begin(Access::Write).unwrap();
        backend.run_script(&script).unwrap();
        backend.commit().unwrap();
    });
}

/// The client must not be used on a thread of an asynchronous runtime.
pub(crate) fn with_postgres(url: &str, work: impl FnOnce(&mut Postgres) + Send) {
    let url = PostgresUrl::parse(url).unwrap();
    std::thread::scope(|scope| scope.spawn(move || work(&mut Postgres::new(&url))).join()).unwrap();
}

on_both_engines! {
    async fn every_statement_is_understood(it: &mut Fixture) {
        it.with_backend(|backend| {
            for sql in Store::statements() {
                backend.begin(Access::Read).unwrap();
                if let Err(error) = backend.prepare(sql) {
                    panic!("{}\n{error}", sql.text());
                }
                backend.rollback();
            }
        });
    }
}

/// Refuses a statement that may not take as long as it needs. Nothing here is large enough to take half a minute.
const UNHURRIED: &str = "
    CREATE FUNCTION is_unhurried() RETURNS BOOLEAN LANGUAGE plpgsql VOLATILE COST 0.0001 AS $$ BEGIN
        IF current_setting('statement_timeout') <> '0' THEN RAISE EXCEPTION 'a statement about a whole table has a bound'; END IF;
        RETURN TRUE;
    END $$;
    CREATE FUNCTION only_unhurried() RETURNS TRIGGER LANGUAGE plpgsql AS $$ BEGIN
        PERFORM is_unhurried();
        RETURN NULL;
    END $$;";

#[test]
fn what_reads_or_writes_whole_tables_takes_as_long_as_it_needs() {
    fixture::run(Engine::Postgres, async |it: &mut fixture::Fixture| {
        it.account("alice@a.test", Screening::Off).await;
        // One table for each kind of look, each with a row.
        it.meddle("INSERT INTO orphan (part, object, since) VALUES (0, '0000/x', 0)");
        it.meddle(UNHURRIED);
        for table in ["lease", "directory", "orphan"] {
            it.meddle(&format!("ALTER TABLE {table} RENAME TO {table}_rows"));
            it.meddle(&format!("CREATE VIEW {table} AS SELECT * FROM {table}_rows WHERE is_unhurried()"));
        }
        for table in ["mailbox", "account", "search_segment", "entry"] {
            it.meddle(&format!(
                "CREATE TRIGGER unhurried AFTER UPDATE OR DELETE ON {table} FOR EACH STATEMENT EXECUTE FUNCTION only_unhurried()"
            ));
        }
        assert_eq!(it.store.check().await.unwrap(), Vec::<String>::new());
        // A repair also finishes what was begun with single names, by an index.
        it.meddle("DROP VIEW directory; ALTER TABLE directory_rows RENAME TO directory");
        // Something to repair, so that all is looked at.
        it.meddle("INSERT INTO lease_rows (part, owner, epoch, until) VALUES (5000, '', 0, -1)");
        let aside: std::sync::Arc<dyn object_store::ObjectStore> = std::sync::Arc::new(object_store::memory::InMemory::new());
        assert_eq!(it.store.repair(&aside, Jitter::NONE).await.unwrap().repaired.len(), 1);
        assert_eq!(it.store.renew_after_restore().await.unwrap().mailboxes, 1);
    });
}

#[test]
fn a_migration_takes_as_long_as_it_needs() {
    let url = fresh_schema();
    with_postgres(&url, |backend| {
        backend.begin(Access::Write).unwrap();
        backend.run_script(UNHURRIED).unwrap();
        // Before the first step, as if the program had made it.
        backend.run_script("CREATE TABLE migration (part BIGINT NOT NULL, version BIGINT NOT NULL, PRIMARY KEY (part, version))").unwrap();
        backend.run_script("CREATE TRIGGER unhurried AFTER INSERT ON migration EXECUTE FUNCTION only_unhurried()").unwrap();
        backend.commit().unwrap();
        store::schema::migrate(backend).unwrap();
    });
    drop_schema(&url);
}
