//! PostgreSQL, or what speaks its protocol: a connection that comes back when it broke.
//!
//! The client blocks, and must not be used on a thread of an asynchronous runtime: its owner is a thread of ours.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use mail::id::AccountId;
use postgres::config::{Host, SslMode};
use postgres::error::SqlState;
use postgres::types::private::BytesMut;
use postgres::types::{IsNull, ToSql, Type, to_sql_checked};
use postgres::{Client, Config, NoTls, Statement};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::backend::{Access, Backend, Row, Sql, Trouble, Tx, Value};
use crate::{OpenError, StoreError};

/// How long to wait for the server to take a connection.
const CONNECT_WITHIN: Duration = Duration::from_secs(5);
/// How long the server's machine may be silent before its connection counts as broken.
const SILENCE_MAX: Duration = Duration::from_secs(30);
/// It is asked whether it is still there after so much of that, while it owes us an answer as well.
const PROBED_AFTER: Duration = Duration::from_secs(10);
/// And asked again so often.
const PROBED_EVERY: Duration = Duration::from_secs(5);
/// How long a statement may take: far longer than any of ours does, but for those that are about whole tables ([`Tx::take_time`]).
const STATEMENT_MILLIS: u32 = 30_000;

/// Where the server is, who we are, and which schema is ours.
#[derive(Clone)]
pub struct PostgresUrl {
    config: Config,
    schema: Option<String>,
    tls: Option<MakeRustlsConnect>,
}

impl PostgresUrl {
    /// Reads `postgresql://user:password@host:port/database`. Besides the options that PostgreSQL's own programs
    /// know: `schema`, which is made if it is not there, and `sslrootcert`, a PEM file of whom to trust, instead
    /// of the system's list. With TLS the server's certificate is always verified; without `sslmode`, TLS is
    /// required of every server that is not on this machine.
    ///
    /// # Errors
    /// The text is no such URL, or the certificates cannot be read.
    pub fn parse(url: &str) -> Result<Self, OpenError> {
        let Parts { mut config, schema, roots, mode } = Parts::parse(url)?;
        let mode = mode.unwrap_or(if is_local(&config) { SslMode::Disable } else { SslMode::Require });
        // What an administrator sees in pg_stat_activity.
        let name = schema.as_ref().map_or_else(|| "twoway".to_owned(), |schema| format!("twoway {schema}"));
        let path = schema.as_ref().map(|schema| format!(" -c search_path={schema}")).unwrap_or_default();
        config.ssl_mode(mode).connect_timeout(CONNECT_WITHIN).tcp_user_timeout(SILENCE_MAX).application_name(&name);
        config.keepalives(true).keepalives_idle(PROBED_AFTER).keepalives_interval(PROBED_EVERY);
        // Every statement of ours finds its rows by an index. A scan of a table that is still small would make
        // transactions that do not touch each other wait for one another (SERIALIZABLE locks what it reads).
        config.options(&format!(
            "-c enable_seqscan=off -c jit=off -c statement_timeout={STATEMENT_MILLIS} -c client_min_messages=warning{path}"
        ));
        let tls = if mode == SslMode::Disable { None } else { Some(connector(roots.as_deref())?) };
        Ok(Self { config, schema, tls })
    }

    /// Whether `parse` reads this, whatever files it names.
    pub fn is_url(text: &str) -> bool {
        (text.starts_with("postgresql://") || text.starts_with("postgres://")) && Parts::parse(text).is_ok()
    }

    fn connect(&self) -> Result<Client, postgres::Error> {
        let mut client = match &self.tls {
            Some(tls) => self.config.connect(tls.clone())?,
            None => self.config.connect(NoTls)?,
        };
        if let Some(schema) = &self.schema {
            client.batch_execute(&format!("CREATE SCHEMA IF NOT EXISTS {schema}"))?;
        }
        Ok(client)
    }
}

/// What a URL says.
struct Parts {
    config: Config,
    schema: Option<String>,
    roots: Option<String>,
    mode: Option<SslMode>,
}

impl Parts {
    fn parse(url: &str) -> Result<Self, OpenError> {
        let (front, options) = url.split_once('?').unwrap_or((url, ""));
        let (mut schema, mut roots, mut mode, mut kept) = (None, None, None, Vec::new());
        for option in options.split('&').filter(|option| !option.is_empty()) {
            match option.split_once('=') {
                Some(("schema", name)) => schema = Some(schema_name(name)?),
                Some(("sslrootcert", file)) => roots = Some(file.to_owned()),
                Some(("sslmode", name)) => mode = Some(ssl_mode(name)?),
                _ => kept.push(option),
            }
        }
        let plain = if kept.is_empty() { front.to_owned() } else { format!("{front}?{}", kept.join("&")) };
        let config = plain.parse().map_err(|error| OpenError::Url(format!("not a PostgreSQL URL: {}", in_words(&error))))?;
        Ok(Self { config, schema, roots, mode })
    }
}

/// A name that needs no quotes.
fn schema_name(name: &str) -> Result<String, OpenError> {
    let known = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    let fits = name.bytes().all(known) && name.bytes().next().is_some_and(|byte| byte.is_ascii_lowercase());
    if fits { Ok(name.to_owned()) } else { Err(OpenError::Url(format!("schema={name}: expected lowercase letters, digits and _"))) }
}

fn ssl_mode(name: &str) -> Result<SslMode, OpenError> {
    match name {
        "disable" => Ok(SslMode::Disable),
        "prefer" => Ok(SslMode::Prefer),
        "require" | "verify-ca" | "verify-full" => Ok(SslMode::Require),
        other => Err(OpenError::Url(format!("sslmode={other}: expected disable, prefer, require or verify-full"))),
    }
}

fn is_local(config: &Config) -> bool {
    config.get_hosts().iter().all(|host| match host {
        Host::Unix(_) => true,
        Host::Tcp(name) => name == "localhost" || name.parse().is_ok_and(|address: std::net::IpAddr| address.is_loopback()),
    })
}

fn connector(roots: Option<&str>) -> Result<MakeRustlsConnect, OpenError> {
    let mut trusted = rustls::RootCertStore::empty();
    match roots {
        Some(file) => {
            let error = |error| OpenError::Url(format!("sslrootcert={file}: {error}"));
            for certificate in CertificateDer::pem_file_iter(file).map_err(error)? {
                let added = trusted.add(certificate.map_err(error)?);
                added.map_err(|error| OpenError::Url(format!("sslrootcert={file}: {error}")))?;
            }
        }
        None => {
            let (_added, _ignored) = trusted.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = config.map_err(|error| OpenError::Url(format!("TLS: {error}")))?;
    Ok(MakeRustlsConnect::new(config.with_root_certificates(trusted).with_no_client_auth()))
}

/// What the server said, or what went wrong on the way to it, and why.
fn in_words(error: &postgres::Error) -> String {
    if let Some(said) = error.as_db_error() {
        return said.message().to_owned();
    }
    let mut words = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        let why = error.to_string();
        if !words.ends_with(&why) {
            words = format!("{words}: {why}");
        }
        cause = error.source();
    }
    words
}

/// A connection to a PostgreSQL server, made when it is needed.
pub struct Postgres {
    url: PostgresUrl,
    connection: Option<Connection>,
    trouble: Trouble,
    /// By the transaction under way.
    touched: BTreeSet<AccountId>,
}

struct Connection {
    client: Client,
    statements: BTreeMap<Sql, Statement>,
}

impl Postgres {
    /// Not connected yet.
    pub fn new(url: &PostgresUrl) -> Self {
        Self { url: url.clone(), connection: None, trouble: Trouble::None, touched: BTreeSet::new() }
    }

    fn connection(&mut self) -> Result<&mut Connection, StoreError> {
        self.connection.as_mut().ok_or_else(|| StoreError::Unavailable("the connection to the database broke".to_owned()))
    }

    fn failed(&mut self, error: &postgres::Error) -> StoreError {
        let code = error.code();
        let is = |known: &[SqlState]| code.is_some_and(|code| known.contains(code));
        // A violated key may be the trace of another transaction, and is none when the same runs again.
        if is(&[SqlState::T_R_SERIALIZATION_FAILURE, SqlState::T_R_DEADLOCK_DETECTED, SqlState::UNIQUE_VIOLATION]) {
            self.trouble = Trouble::Conflict;
        } else if code.is_none() || is(&[SqlState::ADMIN_SHUTDOWN, SqlState::CRASH_SHUTDOWN, SqlState::CANNOT_CONNECT_NOW]) {
            self.trouble = Trouble::Lost;
            self.connection = None;
        }
        let text = in_words(error);
        let is_ours = is(&[SqlState::SYNTAX_ERROR, SqlState::UNDEFINED_TABLE, SqlState::UNDEFINED_COLUMN, SqlState::UNIQUE_VIOLATION]);
        let is_ours = is_ours || is(&[SqlState::NOT_NULL_VIOLATION, SqlState::DATATYPE_MISMATCH, SqlState::DATA_CORRUPTED]);
        if is_ours { StoreError::Damaged(text) } else { StoreError::Unavailable(text) }
    }

    fn script(&mut self, text: &str) -> Result<(), StoreError> {
        let done = self.connection()?.client.batch_execute(text);
        done.map_err(|error| self.failed(&error))
    }

    fn run<T>(
        &mut self,
        sql: Sql,
        params: &[Value<'_>],
        run: impl FnOnce(&mut Client, &Statement, &[&(dyn ToSql + Sync)]) -> Result<T, postgres::Error>,
    ) -> Result<T, StoreError> {
        let Connection { client, statements } = self.connection()?;
        let statement = match statements.get(&sql) {
            Some(prepared) => Ok(prepared.clone()),
            None => client.prepare(&translated(sql)),
        };
        let params: Vec<&(dyn ToSql + Sync)> = params.iter().map(|value| value as &(dyn ToSql + Sync)).collect();
        let result = statement.and_then(|statement| {
            let result = run(client, &statement, &params);
            statements.insert(sql, statement);
            result
        });
        result.map_err(|error| self.failed(&error))
    }
}

/// Parameters as PostgreSQL writes them. Our statements hold no other question mark.
fn translated(sql: Sql) -> String {
    sql.text().replace('?', "$")
}

impl ToSql for Value<'_> {
    fn to_sql(&self, target: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        match self {
            Value::Null => Ok(IsNull::Yes),
            Value::Int(value) if *target == Type::INT4 => i32::try_from(*value)?.to_sql(target, out),
            Value::Int(value) => value.to_sql(target, out),
            Value::Text(value) => value.as_ref().to_sql(target, out),
            Value::Blob(value) => value.as_ref().to_sql(target, out),
        }
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

fn value(row: &postgres::Row, column: usize, kind: &Type) -> Result<Value<'static>, postgres::Error> {
    let value = match *kind {
        Type::INT4 => row.try_get::<_, Option<i32>>(column)?.map(|value| Value::Int(i64::from(value))),
        Type::BYTEA => row.try_get::<_, Option<Vec<u8>>>(column)?.map(|value| Value::Blob(value.into())),
        Type::INT8 => row.try_get::<_, Option<i64>>(column)?.map(Value::Int),
        _ => row.try_get::<_, Option<String>>(column)?.map(|value| Value::Text(value.into())),
    };
    Ok(value.unwrap_or(Value::Null))
}

impl Tx for Postgres {
    fn execute(&mut self, sql: Sql, params: &[Value<'_>]) -> Result<u64, StoreError> {
        self.run(sql, params, |client, statement, params| client.execute(statement, params))
    }

    fn query(&mut self, sql: Sql, params: &[Value<'_>]) -> Result<Vec<Row>, StoreError> {
        let rows = self.run(sql, params, |client, statement, params| client.query(statement, params))?;
        let damaged = |error: postgres::Error| StoreError::Damaged(in_words(&error));
        rows.iter()
            .map(|row| {
                let columns = row.columns().iter().enumerate();
                let values = columns.map(|(index, column)| value(row, index, column.type_()).map_err(damaged));
                Ok(Row::new(values.collect::<Result<_, _>>()?))
            })
            .collect()
    }

    fn take_time(&mut self) -> Result<(), StoreError> {
        self.script("SET LOCAL statement_timeout = 0")
    }

    fn touch(&mut self, account: AccountId) {
        self.touched.insert(account);
    }
}

impl Backend for Postgres {
    fn begin(&mut self, access: Access) -> Result<(), StoreError> {
        self.touched.clear();
        if self.connection.as_ref().is_none_or(|connection| connection.client.is_closed()) {
            self.connection = None;
            let client = self.url.connect().map_err(|error| {
                // The same again at once would not succeed either: whoever asks comes later.
                StoreError::Unavailable(format!("no connection to the database: {}", in_words(&error)))
            })?;
            self.connection = Some(Connection { client, statements: BTreeMap::new() });
        }
        self.script(match access {
            Access::Read => "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
            Access::Write => "BEGIN ISOLATION LEVEL SERIALIZABLE",
        })
    }

    fn commit(&mut self) -> Result<(), StoreError> {
        self.script("COMMIT")
    }

    fn rollback(&mut self) {
        if self.connection.is_none() {
            return;
        }
        let trouble = self.trouble;
        if let Err(error) = self.script("ROLLBACK") {
            tracing::warn!(%error, "a transaction could not be rolled back: its connection is closed");
            self.connection = None;
        }
        self.trouble = if trouble == Trouble::None { self.trouble } else { trouble };
    }

    fn touched(&mut self) -> BTreeSet<AccountId> {
        std::mem::take(&mut self.touched)
    }

    fn is_shared(&self) -> bool {
        true
    }

    fn trouble(&mut self) -> Trouble {
        std::mem::replace(&mut self.trouble, Trouble::None)
    }

    fn run_script(&mut self, script: &str) -> Result<(), StoreError> {
        // Texts compare by octets, as with SQLite, whatever the database's language is.
        let script = script.replace("BLOB", "BYTEA").replace(" TEXT", " TEXT COLLATE \"C\"").replace("/* clustered */", "");
        self.script(&script)
    }

    fn prepare(&mut self, sql: Sql) -> Result<(), StoreError> {
        let prepared = self.connection()?.client.prepare(&translated(sql));
        prepared.map(drop).map_err(|error| self.failed(&error))
    }
}
