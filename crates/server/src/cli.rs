//! The command line: arguments in, requests out, and what came of them as text or JSON, with an exit status.

mod arguments;
mod consent;
mod files;
mod manual;
mod operator;
mod rules;

use std::ffi::OsString;
use std::io::{Read as _, Write};
use std::path::Path;
use std::process::ExitCode;

use clap::Parser as _;

use crate::admin::request::{Form, List, Password};
use crate::admin::{AdminError, Request, client, text};
use crate::config::Config;
use crate::metrics::health::{self, Health};
use crate::progress::{Progress, Shown};
use crate::{logs, metrics, serve, tls};
use arguments::{Account, AppPasswords, Arguments, Command, ConfigCommand, Contacts, Entries, Expected, History, Index, Mail};

use operator::{Man, Sent};

pub use arguments::{Demo, Peer};

/// Octets of a password read from standard input.
const PASSWORD_OCTETS_MAX: u64 = 1024;

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    tls::install_provider();
    let arguments: Vec<OsString> = std::env::args_os().collect();
    let wants_json = arguments.iter().any(|argument| argument == "--json");
    let status = match Arguments::try_parse_from(&arguments) {
        Ok(parsed) => run(parsed),
        Err(error) if error.use_stderr() && wants_json => Err(AdminError::usage("usage", error.render().to_string().trim_end())),
        Err(error) => error.exit(),
    };
    match status {
        Ok(status) => ExitCode::from(status),
        Err(error) => {
            report(&error, wants_json);
            ExitCode::from(error.fault.exit_status())
        }
    }
}

fn report(error: &AdminError, as_json: bool) {
    if as_json {
        eprintln!("{}", serde_json::json!({ "error": { "code": error.code, "message": error.message } }));
    } else {
        eprintln!("twoway: {}", error.message);
    }
}

/// The exit status, where it was carried out.
fn run(Arguments { config, json, command }: Arguments) -> Result<u8, AdminError> {
    let file = || config.as_deref().ok_or_else(|| AdminError::usage("usage", "this command needs --config FILE"));
    let shown = if json { Shown::ToNobody } else { Shown::ToPeople };
    match command {
        Command::Demo(demo) => crate::demo::run(&demo).map(|()| 0),
        Command::Serve { roles } => {
            let mut config = load(file()?)?;
            if !roles.is_empty() {
                config.roles = roles;
            }
            serve(&config).map(|()| 0)
        }
        Command::Health => health(&load(file()?)?, json),
        Command::Config(ConfigCommand::Check) => {
            let config = load(file()?)?;
            print(json, &serde_json::json!({ "ok": true }), &format!("{} is valid.\n", config.file.display()))?;
            Ok(0)
        }
        Command::Consent(wished) => consent::run(wished, json).map(|()| 0),
        Command::Completions { shell } => manual::completions(shell).map(|()| 0),
        Command::Man(Man { dir }) => manual::pages(dir.as_deref()).map(|()| 0),
        Command::Mail { address, what } if files::is_of_files(&what) => finish(&files::mail(&load(file()?)?, address, what, shown)?, json),
        Command::Backup { directory } => finish(&files::back_up(&load(file()?)?, &directory, shown)?, json),
        Command::Restore { directory, replace } => finish(&files::restore(&load(file()?)?, &directory, replace, shown)?, json),
        command => carry_out(&load(file()?)?, &request(command)?, shown),
    }
}

fn load(file: &Path) -> Result<Config, AdminError> {
    Config::load(file).map_err(|error| AdminError::usage("configuration", error.to_string()))
}

fn health(config: &Config, json: bool) -> Result<u8, AdminError> {
    let unset = || AdminError::usage("health", "listen.metrics is not set: the server answers nowhere");
    match health::ask(metrics::reachable(*config.listen.metrics.first().ok_or_else(unset)?)) {
        Health::Ready => {
            print(json, &serde_json::json!({ "ready": true, "troubles": [] }), "ready\n")?;
            Ok(0)
        }
        Health::Unready(reasons) => {
            let troubles: Vec<&str> = reasons.lines().collect();
            print(json, &serde_json::json!({ "ready": false, "troubles": troubles }), &format!("{reasons}\n"))?;
            Ok(1)
        }
        Health::Unreachable(reason) => Err(AdminError::temporary("unreachable", reason)),
    }
}

fn serve(config: &Config) -> Result<(), AdminError> {
    logs::start(&config.log);
    let failed = |error: serve::StartError| AdminError { fault: error.fault(), code: "start".to_owned(), message: error.to_string() };
    // Before there are threads.
    let privileged = serve::Privileged::take(config).map_err(failed)?;
    let runtime = tokio::runtime::Runtime::new().map_err(|error| AdminError::temporary("runtime", error.to_string()))?;
    let ended = runtime.block_on(serve::run(config, privileged));
    // What is still under way was asked to finish, and had its time.
    runtime.shutdown_background();
    ended.map_err(failed)
}

fn carry_out(config: &Config, request: &Request, shown: Shown) -> Result<u8, AdminError> {
    let waiting = match request {
        Request::Check => Some(Progress::waiting(shown, "checking all that is stored")),
        Request::CheckRepair => Some(Progress::waiting(shown, "checking all that is stored, and repairing")),
        _ => None,
    };
    let answer = client::carry_out(config, request, &mut std::io::stdout().lock());
    drop(waiting);
    let (answer, json) = (answer?, shown == Shown::ToNobody);
    for warning in &answer.warnings {
        eprintln!("twoway: warning: {warning}");
    }
    if !answer.was_raw {
        print(json, &answer.document, &text::render(request, &answer.document))?;
    }
    let is_well = answer.document.get("ok").and_then(serde_json::Value::as_bool).unwrap_or(true);
    Ok(u8::from(!is_well))
}

/// Tells what came of a command that works on files.
fn finish(finished: &files::Finished, json: bool) -> Result<u8, AdminError> {
    for warning in &finished.warnings {
        eprintln!("twoway: warning: {warning}");
    }
    print(json, &finished.document, &finished.text)?;
    let is_well = finished.document.get("ok").and_then(serde_json::Value::as_bool).unwrap_or(true);
    Ok(u8::from(!is_well))
}

fn print(json: bool, document: &serde_json::Value, text: &str) -> Result<(), AdminError> {
    let mut out = std::io::stdout().lock();
    let written = if json { writeln!(out, "{document}") } else { out.write_all(text.as_bytes()) };
    match written {
        // `twoway mail .. list | head` has read enough.
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        other => other.map_err(|error| AdminError::temporary("output", error.to_string())),
    }
}

/// The request that a command stands for.
fn request(command: Command) -> Result<Request, AdminError> {
    let entries = |address, list, what| match what {
        Entries::Add { who } => Request::EntryAdd { address, list, who },
        Entries::Remove { who } => Request::EntryRemove { address, list, who },
        Entries::List => Request::EntryList { address, list },
    };
    Ok(match command {
        Command::Account(account) => account_request(account)?,
        Command::Mode { address, screening, legacy, claims } => {
            let (screening, legacy, claims) = (screening.map(Into::into), legacy.map(Into::into), claims.map(Into::into));
            Request::Mode { address, screening, legacy, claims }
        }
        Command::Allow { address, what } => entries(address, List::Allow, what),
        Command::Block { address, what } => entries(address, List::Block, what),
        Command::Expected { address, what } => match what {
            Expected::Add { who, until, count, reference } => Request::ExpectedAdd { address, who, until, count, reference },
            Expected::Remove { who } => Request::EntryRemove { address, list: List::Expected, who },
            Expected::List => Request::EntryList { address, list: List::Expected },
        },
        Command::History { address, what } => match what {
            History::List => Request::HistoryList { address },
            History::Undo { change } => Request::HistoryUndo { address, change },
        },
        Command::Contacts { address, what } => match what {
            Contacts::List => Request::ContactList { address },
            Contacts::Allow { who } => Request::EntryAdd { address, list: List::Allow, who },
            Contacts::Block { who } => Request::EntryAdd { address, list: List::Block, who },
            Contacts::Dismiss { who } => Request::ContactDismiss { address, who },
        },
        Command::Sent { address, what } => match what {
            Sent::List => Request::SentList { address },
            Sent::Withdraw { id } => Request::SentWithdraw { address, id },
        },
        Command::Mail { address, what } => match what {
            Mail::List { mailbox, limit } => Request::MailList { address, mailbox, limit },
            Mail::Show { id, raw } => Request::MailShow { address, id, form: if raw { Form::Raw } else { Form::Readable } },
            Mail::Export { .. } | Mail::Import { .. } => return Err(AdminError::usage("usage", "this command works on files")),
        },
        Command::Rules { address, what } => rules::rules(address, what)?,
        Command::Absence { address, what } => rules::away(address, what)?,
        Command::Queue(queue) => queue.into(),
        Command::Domain(domain) => domain.into(),
        Command::Index(Index::Status { address }) => Request::IndexStatus { address },
        Command::Index(Index::Rebuild { address }) => Request::IndexRebuild { address },
        Command::Check { repair } => {
            if repair {
                Request::CheckRepair
            } else {
                Request::Check
            }
        }
        Command::Demo(_)
        | Command::Serve { .. }
        | Command::Health
        | Command::Config(_)
        | Command::Consent(_)
        | Command::Completions { .. }
        | Command::Man(_)
        | Command::Backup { .. }
        | Command::Restore { .. } => {
            return Err(AdminError::usage("usage", "this command is not for a server that runs"));
        }
    })
}

fn account_request(account: Account) -> Result<Request, AdminError> {
    Ok(match account {
        Account::Add { address, password_stdin, screening, legacy } => {
            require_stdin(password_stdin)?;
            let (screening, legacy) = (screening.map(Into::into), legacy.map(Into::into));
            Request::AccountAdd { address, password: read_password()?, screening, legacy }
        }
        Account::List => Request::AccountList,
        Account::Alias { address, alias } => Request::AccountAlias { address, alias },
        Account::Unalias { address, alias } => Request::AccountUnalias { address, alias },
        Account::Show { address } => Request::AccountShow { address },
        Account::Password { address, password_stdin } => {
            require_stdin(password_stdin)?;
            Request::AccountPassword { address, password: read_password()? }
        }
        Account::Quota { address, octets, messages } => Request::AccountQuota { address, octets, messages },
        Account::Delete { address } => Request::AccountDelete { address },
        Account::AppPassword { address, what: AppPasswords::Add { name, scopes } } => {
            Request::AppPasswordAdd { address, name, scopes: scopes.into_iter().map(Into::into).collect() }
        }
        Account::AppPassword { address, what: AppPasswords::List } => Request::AppPasswordList { address },
        Account::AppPassword { address, what: AppPasswords::Remove { name } } => Request::AppPasswordRemove { address, name },
    })
}

/// A password among the arguments would stand in the list of processes, for everybody to read.
fn require_stdin(is_given: bool) -> Result<(), AdminError> {
    let missing = || AdminError::usage("usage", "expected --password-stdin, and the password on standard input");
    is_given.then_some(()).ok_or_else(missing)
}

/// All of standard input, without the line end that `echo` adds.
fn read_password() -> Result<Password, AdminError> {
    let unfit = |why: String| AdminError::usage("password", format!("no password on standard input: {why}"));
    let mut text = String::new();
    let read = std::io::stdin().lock().take(PASSWORD_OCTETS_MAX + 1).read_to_string(&mut text);
    let octets = read.map_err(|error| unfit(error.to_string()))?;
    if u64::try_from(octets).is_ok_and(|octets| octets > PASSWORD_OCTETS_MAX) {
        return Err(unfit(format!("more than {PASSWORD_OCTETS_MAX} octets")));
    }
    let line = text.strip_suffix('\n').unwrap_or(&text);
    Ok(Password(line.strip_suffix('\r').unwrap_or(line).to_owned()))
}

#[cfg(test)]
mod tests;
