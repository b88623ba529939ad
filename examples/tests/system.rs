//! The examples that talk to others: another program, a client.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;

/// Where cargo puts examples: beside the folder of the test's own program.
fn example(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("a test knows its path");
    let profile = test.ancestors().nth(2).expect("target/PROFILE/deps/TEST");
    profile.join("examples").join(name)
}

fn start(name: &str, arguments: &[&str]) -> Child {
    let mut command = Command::new(example(name));
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().expect("the example starts")
}

#[test]
fn parallel() {
    let mut child = start("parallel", &["4"]);
    let mut stdin = child.stdin.take().unwrap();
    for n in 0..20 {
        writeln!(stdin, "echo {n}; echo {n}").unwrap();
    }
    writeln!(stdin, "exec 1>&-; exit 1").unwrap();
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 40);
    assert!(lines.chunks(2).all(|pair| pair[0] == pair[1]), "{text}");
}

#[test]
fn proxy() {
    let upstream = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = upstream.local_addr().unwrap().to_string();
    let (tx, connected) = mpsc::channel();
    let echo = move |mut stream: TcpStream| {
        let mut text = Vec::new();
        stream.read_to_end(&mut text).unwrap();
        stream.write_all(&text).unwrap();
    };
    // Each on its own: which of the two is connected first is not said.
    let server = thread::spawn(move || {
        for stream in upstream.incoming().take(2) {
            tx.send(thread::spawn(move || echo(stream.unwrap()))).unwrap();
        }
    });
    let mut proxy = start("proxy", &["127.0.0.1:0", &address]);
    let mut told = BufReader::new(proxy.stdout.take().unwrap()).lines().map(Result::unwrap);
    let listening = told.next().unwrap();
    let listening = listening.strip_prefix("listening on ").unwrap();

    let mut first = TcpStream::connect(listening).unwrap();
    let mut second = TcpStream::connect(listening).unwrap();
    let text = vec![b'x'; 1 << 20];
    first.write_all(&text).unwrap();
    first.shutdown(Shutdown::Write).unwrap();
    let mut answer = Vec::new();
    first.read_to_end(&mut answer).unwrap();
    assert!(answer == text);

    server.join().unwrap();
    let asked = Command::new("kill").arg(proxy.id().to_string()).status().unwrap();
    assert!(asked.success());
    assert_eq!(told.next().unwrap(), "SIGTERM: no new connections");
    // The second goes on.
    second.write_all(b"hello").unwrap();
    second.shutdown(Shutdown::Write).unwrap();
    let mut answer = String::new();
    second.read_to_string(&mut answer).unwrap();
    assert_eq!(answer, "hello");
    assert_eq!(told.next().unwrap(), "2 connection(s) served");
    assert!(proxy.wait().unwrap().success());
    connected.into_iter().for_each(|echo| echo.join().unwrap());
}

#[test]
fn bad_arguments_are_refused() {
    for (name, arguments) in
        [("proxy", &["127.0.0.1:0"][..]), ("parallel", &["0"]), ("parallel", &["x"])]
    {
        let output = start(name, arguments).wait_with_output().unwrap();
        assert!(!output.status.success());
        assert!(!output.stderr.is_empty());
    }
}
