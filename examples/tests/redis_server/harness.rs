//! A server of one's own for each test, and clients that say what they expect.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

/// Longer than anything takes, unless it hangs.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Where cargo puts the example: beside the folder of the test's own program.
pub fn example() -> PathBuf {
    let test = std::env::current_exe().expect("a test knows its path");
    test.ancestors().nth(2).expect("target/PROFILE/deps/TEST").join("examples/redis_server")
}

/// A running server, which ends with its handle.
pub struct Server {
    child: Option<Child>,
    pub address: SocketAddr,
}

impl Server {
    pub fn start(options: &[&str]) -> Server {
        let mut child = Command::new(example())
            .args(["--port", "0"])
            .args(options)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the example starts");
        // A byte at a time, so that what follows is left for `stop`.
        let mut line = Vec::new();
        let stdout = child.stdout.as_mut().expect("it is piped");
        while !line.ends_with(b"\n") {
            let mut byte = [0];
            stdout.read_exact(&mut byte).expect("it says where it listens");
            line.extend(byte);
        }
        let line = String::from_utf8(line).expect("text");
        let address = line.trim().rsplit(' ').next().and_then(|it| it.parse().ok());
        Server { child: Some(child), address: address.expect("an address") }
    }

    pub fn connect(&self) -> Client {
        let stream = TcpStream::connect(self.address).expect("the server listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a socket");
        stream.set_write_timeout(Some(PATIENCE)).expect("a socket");
        Client { stream: BufReader::new(stream) }
    }

    /// The most bytes of memory that it has ever had.
    #[cfg(target_os = "linux")]
    pub fn peak(&self) -> usize {
        let id = self.child.as_ref().expect("it runs").id();
        let status = std::fs::read_to_string(format!("/proc/{id}/status")).expect("it runs");
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let number = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse().ok());
        number.map(|kilobytes: usize| kilobytes << 10).unwrap_or_else(|| panic!("{status}"))
    }

    pub fn signal(&self, signal: &str) {
        let id = self.child.as_ref().expect("it runs").id();
        let command = format!("kill -{signal} {id}");
        let status = Command::new("sh").args(["-c", &command]).status().expect("a shell");
        assert!(status.success(), "{command}");
    }

    /// From now on nobody reads what it says.
    pub fn stop_listening(&mut self) {
        let child = self.child.as_mut().expect("it runs");
        (child.stdout, child.stderr) = (None, None);
    }

    /// Waits for its end after a signal.
    pub fn output(mut self) -> Output {
        self.child.take().expect("it runs").wait_with_output().expect("it ends")
    }

    /// Waits until a line of `INFO` is as expected, which it may become at any time.
    #[track_caller]
    pub fn wait_for(&self, line: &str) {
        let mut client = self.connect();
        let start = std::time::Instant::now();
        while !client.call("INFO").contains(&format!("{line}\\r\\n")) {
            assert!(start.elapsed() < PATIENCE, "{line} in {}", client.call("INFO"));
            std::thread::yield_now();
        }
    }

    /// The number that `INFO` gives for `key`.
    pub fn info(&self, key: &str) -> usize {
        let info = self.connect().call("INFO");
        let value = info.split("\\r\\n").find_map(|line| line.strip_prefix(key)?.strip_prefix(':'));
        value.and_then(|value| value.parse().ok()).unwrap_or_else(|| panic!("{key} in {info}"))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().expect("it is ours");
            child.wait().expect("it ends");
        }
    }
}

/// A connection. Replies are told as text: `OK`, `-ERR ...`, `7`, `"bulk"`, `nil`, `[1 "a"]`, `{"k" 1}`, `~[...]` for
/// a set, `>[...]` for what was not asked for.
pub struct Client {
    stream: BufReader<TcpStream>,
}

impl Client {
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.try_send(bytes).expect("the server reads");
    }

    pub fn try_send(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        self.stream.get_mut().write_all(bytes.as_ref())
    }

    /// What writes to it while another reads.
    pub fn sender(&self) -> TcpStream {
        self.stream.get_ref().try_clone().expect("a socket")
    }

    /// Sends words as an array of bulk strings.
    pub fn request<T: AsRef<[u8]>>(&mut self, words: &[T]) {
        let mut bytes = format!("*{}\r\n", words.len()).into_bytes();
        for word in words {
            bytes.extend(format!("${}\r\n", word.as_ref().len()).as_bytes());
            bytes.extend(word.as_ref());
            bytes.extend(b"\r\n");
        }
        self.send(bytes);
    }

    /// Sends the words of a line, and returns the reply.
    pub fn call(&mut self, line: &str) -> String {
        self.request(&line.split(' ').collect::<Vec<_>>());
        self.reply()
    }

    #[track_caller]
    pub fn ask(&mut self, line: &str, expected: &str) {
        assert_eq!(self.call(line), expected, "{line}");
    }

    #[track_caller]
    pub fn expect(&mut self, expected: &str) {
        assert_eq!(self.reply(), expected);
    }

    /// The connection ends, after what has been read so far.
    #[track_caller]
    pub fn expect_end(&mut self) {
        let mut rest = Vec::new();
        match self.stream.read_to_end(&mut rest) {
            Ok(_) => assert_eq!(rest.escape_ascii().to_string(), ""),
            Err(error) => assert_eq!(error.kind(), io::ErrorKind::ConnectionReset, "{error}"),
        }
    }

    /// All that comes until the end of the connection.
    pub fn rest(&mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        match self.stream.read_to_end(&mut rest) {
            Err(error) if error.kind() != io::ErrorKind::ConnectionReset => panic!("{error}"),
            _ => rest,
        }
    }

    #[track_caller]
    pub fn reply(&mut self) -> String {
        self.try_reply().expect("a reply")
    }

    pub fn try_reply(&mut self) -> io::Result<String> {
        let mut line = String::new();
        self.stream.read_line(&mut line)?;
        let Some(line) = line.strip_suffix("\r\n") else {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, format!("{line:?}")));
        };
        let (sign, text) = line.split_at(1);
        let len = || text.parse::<usize>().unwrap_or_else(|_| panic!("a length in {line:?}"));
        Ok(match sign {
            "+" | ":" | "," => text.into(),
            "-" => line.into(),
            "_" => "nil".into(),
            "$" | "*" if text == "-1" => "nil".into(),
            "$" | "=" => {
                let mut bytes = vec![0; len() + 2];
                self.stream.read_exact(&mut bytes)?;
                let bytes = bytes.strip_suffix(b"\r\n").expect("the end of a line");
                format!("\"{}\"", bytes.escape_ascii())
            }
            "*" => format!("[{}]", self.elements(len())?),
            "~" => format!("~[{}]", self.elements(len())?),
            ">" => format!(">[{}]", self.elements(len())?),
            "%" => format!("{{{}}}", self.elements(2 * len())?),
            _ => panic!("what is {line:?}?"),
        })
    }

    fn elements(&mut self, len: usize) -> io::Result<String> {
        let elements: io::Result<Vec<String>> = (0..len).map(|_| self.try_reply()).collect();
        Ok(elements?.join(" "))
    }
}
