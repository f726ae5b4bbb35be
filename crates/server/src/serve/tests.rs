//! A whole server on loopback: it greets, obeys the command line, turns away who is too many, and stops.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]
#![allow(clippy::disallowed_methods, reason = "a client of the server, outside every World")]

use super::*;
use crate::admin::request::{Form, List, Password, Request};
use crate::admin::{AdminError, client};
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

fn config(directory: &Path, more: &str) -> Config {
    let text = format!(
        "hostname = \"mx.a.test\"\ndomains = [\"a.test\"]\ndata_dir = \"data\"\n\
         [listen]\nsubmission = \"127.0.0.1:0\"\nsubmissions = \"127.0.0.1:0\"\nexchange = \"127.0.0.1:0\"\nretrieval = \"127.0.0.1:0\"\n\
         [dns]\nservers = [\"127.0.0.1:9\"]\n{more}"
    );
    Config::parse(&directory.join("twoway.toml"), &text).unwrap_or_else(|error| panic!("{error}"))
}

/// The first line a service says.
async fn greeting(address: SocketAddr) -> (String, std::net::TcpStream) {
    tokio::task::spawn_blocking(move || {
        let stream = std::net::TcpStream::connect(address).unwrap();
        let mut line = String::new();
        BufReader::new(&stream).read_line(&mut line).unwrap();
        (line, stream)
    })
    .await
    .unwrap()
}

async fn ask(config: &Config, request: Request) -> Result<serde_json::Value, AdminError> {
    let config = config.clone();
    let asked = move || client::carry_out(&config, &request, &mut std::io::sink()).map(|answer| answer.document);
    tokio::task::spawn_blocking(asked).await.unwrap()
}

fn alice() -> Request {
    let password = Password("secret".to_owned());
    Request::AccountAdd { address: "alice@a.test".parse().unwrap(), password, screening: None, legacy: None }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_starts_greets_obeys_and_stops() {
    let directory = tempfile::tempdir().unwrap();
    let config = config(directory.path(), "");
    let running = start(&config, Events::default()).await.unwrap_or_else(|error| panic!("{error}"));
    for service in ["submission", "exchange"] {
        let (line, mut stream) = greeting(running.addresses[service][0]).await;
        assert!(line.starts_with("220 mx.a.test "), "{service}: {line}");
        stream.write_all(b"QUIT\r\n").unwrap();
    }
    let mode = std::fs::metadata(&running.admin_socket).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);

    let added = ask(&config, alice()).await.unwrap();
    assert_eq!(added["address"], "alice@a.test");
    let error = ask(&config, alice()).await.unwrap_err();
    assert_eq!((error.fault, error.code.as_str()), (Fault::Refused, "taken"));
    let list = Request::EntryList { address: "alice@a.test".parse().unwrap(), list: List::Allow };
    assert_eq!(ask(&config, list).await.unwrap(), serde_json::json!([]));
    let id = running.node.new_mail_id();
    let show = Request::MailShow { address: "alice@a.test".parse().unwrap(), id, form: Form::Raw };
    assert_eq!(ask(&config, show).await.unwrap_err().code, "no-such-message");

    let second = start(&config, Events::default()).await.err().unwrap();
    assert!(matches!(second, StartError::Locked(_)), "{second}");
    assert!(std::fs::exists(&running.admin_socket).unwrap(), "the second start took nothing from the first");

    let socket = running.admin_socket.clone();
    let stopping = running.world.now();
    let world = Arc::clone(&running.world);
    running.stop().await;
    assert!(world.now().since(stopping) < STOPPING / 2, "nothing was under way");
    assert!(!std::fs::exists(socket).unwrap());

    // With nobody listening, the command line opens the store itself.
    let accounts = ask(&config, Request::AccountList).await.unwrap();
    assert_eq!(accounts[0]["address"], "alice@a.test");
    assert_eq!(ask(&config, Request::Check).await.unwrap(), serde_json::json!({ "ok": true, "violations": [] }));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_connection_too_many_is_told_so() {
    let directory = tempfile::tempdir().unwrap();
    let config = config(directory.path(), "[limits]\nconnections_per_address_max = 1\n");
    let running = start(&config, Events::default()).await.unwrap_or_else(|error| panic!("{error}"));
    let address = running.addresses["submission"][0];
    let (first, stream) = greeting(address).await;
    assert!(first.starts_with("220 "), "{first}");
    let (second, _) = greeting(address).await;
    assert!(second.starts_with("421 4.7.0 mx.a.test "), "{second}");
    drop(stream);
    running.stop().await;
}

#[tokio::test]
async fn a_port_that_is_taken_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut config = config(directory.path(), "");
    config.listen.exchange = vec![taken.local_addr().unwrap()];
    let error = start(&config, Events::default()).await.err().unwrap();
    assert!(error.to_string().starts_with(&format!("listen.exchange: {}: ", taken.local_addr().unwrap())), "{error}");
    assert_eq!(error.fault(), Fault::Usage);
}
