//! What is to be started, and how.

use super::{Child, ExitStatus, Output, Stdio};
use crate::blocking;
use crate::sched::as_a_plain_thread;
use std::ffi::OsStr;
use std::fmt;
use std::io;
use std::path::Path;
use std::process::{CommandArgs, CommandEnvs};

/// A program to be started, with its arguments and surroundings, like [`std::process::Command`].
///
/// ```
/// use gort::process::Command;
///
/// # gort::run(|| {
/// let output = Command::new("sh").args(["-c", "echo $GREETING"]).env("GREETING", "hello").output()?;
/// assert!(output.status.success());
/// assert_eq!(output.stdout, b"hello\n");
/// # std::io::Result::Ok(()) }).unwrap();
/// ```
///
/// What std's can do besides on Unix (`uid`, `process_group`, `pre_exec`) is reached through [`as_std_mut`](Self::as_std_mut).
pub struct Command {
    command: std::process::Command,
    /// Which of the three streams the user has said something about.
    chosen: [bool; 3],
}

impl Command {
    /// A command that starts `program`, which is looked for in `PATH` unless it is a path, without arguments, in the
    /// surroundings and with the three streams of this process.
    pub fn new(program: impl AsRef<OsStr>) -> Command {
        Command::from(std::process::Command::new(program))
    }

    /// Adds an argument. [`get_envs`](Self::get_envs) has an example.
    pub fn arg(&mut self, argument: impl AsRef<OsStr>) -> &mut Command {
        self.command.arg(argument);
        self
    }

    /// Adds arguments. [`Command`] has an example.
    pub fn args(&mut self, arguments: impl IntoIterator<Item: AsRef<OsStr>>) -> &mut Command {
        self.command.args(arguments);
        self
    }

    /// Sets a variable of the environment. [`Command`] has an example.
    pub fn env(&mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> &mut Command {
        self.command.env(name, value);
        self
    }

    /// Sets variables of the environment. [`env_remove`](Self::env_remove) has an example.
    pub fn envs<N: AsRef<OsStr>, V: AsRef<OsStr>>(
        &mut self,
        variables: impl IntoIterator<Item = (N, V)>,
    ) -> &mut Command {
        self.command.envs(variables);
        self
    }

    /// Takes a variable out of the environment.
    ///
    /// ```
    /// use gort::process::Command;
    ///
    /// # gort::run(|| {
    /// let mut command = Command::new("/bin/sh");
    /// command.args(["-c", "echo $A$B$C"]).envs([("A", "1"), ("B", "2"), ("C", "3")]).env_remove("B");
    /// assert_eq!(command.output()?.stdout, b"13\n");
    /// # std::io::Result::Ok(()) }).unwrap();
    /// ```
    pub fn env_remove(&mut self, name: impl AsRef<OsStr>) -> &mut Command {
        self.command.env_remove(name);
        self
    }

    /// Starts with an empty environment. [`current_dir`](Self::current_dir) has an example.
    pub fn env_clear(&mut self) -> &mut Command {
        self.command.env_clear();
        self
    }

    /// The folder to start in.
    ///
    /// ```
    /// use gort::process::Command;
    ///
    /// # gort::run(|| {
    /// let mut command = Command::new("/bin/sh");
    /// command.args(["-c", "echo $NAME in $PWD"]).current_dir("/").env_clear().env("NAME", "somebody");
    /// assert_eq!(command.output()?.stdout, b"somebody in /\n");
    /// # std::io::Result::Ok(()) }).unwrap();
    /// ```
    pub fn current_dir(&mut self, path: impl AsRef<Path>) -> &mut Command {
        self.command.current_dir(path);
        self
    }

    /// What the program reads from. If nothing is said, from what this process does; with [`output`](Self::output) from nothing.
    ///
    /// ```
    /// use gort::process::{Command, Stdio};
    /// use std::io::Write;
    ///
    /// # gort::run(|| {
    /// let mut child = Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    /// let mut input = child.stdin.take().unwrap();
    /// gort::go!(move || input.write_all(&[b'.'; 1 << 20])); // and is dropped: the end
    /// assert_eq!(child.wait_with_output()?.stdout.len(), 1 << 20);
    /// assert!(Command::new("cat").output()?.stdout.is_empty()); // there was nothing to read
    /// # std::io::Result::Ok(()) }).unwrap();
    /// ```
    pub fn stdin(&mut self, from: impl Into<Stdio>) -> &mut Command {
        self.chosen[0] = true;
        self.command.stdin(from);
        self
    }

    /// What the program writes to. If nothing is said, what this process does; with [`output`](Self::output) it is read.
    ///
    /// ```
    /// use gort::process::{Command, Stdio};
    /// use std::io::Read;
    ///
    /// # gort::run(|| {
    /// let mut child = Command::new("echo").arg("hello").stdout(Stdio::piped()).spawn()?;
    /// let mut text = String::new();
    /// child.stdout.take().unwrap().read_to_string(&mut text)?; // while it runs
    /// assert_eq!(text, "hello\n");
    /// assert!(child.wait()?.success());
    /// # std::io::Result::Ok(()) }).unwrap();
    /// ```
    pub fn stdout(&mut self, to: impl Into<Stdio>) -> &mut Command {
        self.chosen[1] = true;
        self.command.stdout(to);
        self
    }

    /// What the program writes errors to, as [`stdout`](Self::stdout).
    ///
    /// ```
    /// use gort::process::{Command, Stdio};
    ///
    /// let mut shell = Command::new("sh");
    /// let output = shell.args(["-c", "echo out; echo wrong >&2"]).stderr(Stdio::null()).output()?;
    /// assert_eq!(output.stdout, b"out\n");
    /// assert!(output.stderr.is_empty()); // which was not kept
    /// # std::io::Result::Ok(())
    /// ```
    pub fn stderr(&mut self, to: impl Into<Stdio>) -> &mut Command {
        self.chosen[2] = true;
        self.command.stderr(to);
        self
    }

    /// Starts the program, and does not wait for it. That takes a millisecond or so, and holds no processor.
    ///
    /// ```
    /// let mut child = gort::process::Command::new("true").spawn()?;
    /// println!("started {}", child.id());
    /// assert!(child.wait()?.success());
    /// # std::io::Result::Ok(())
    /// ```
    ///
    /// # Errors
    /// The system's: there is no such program, no right to run it, no process or descriptor is to be had. Nothing has been
    /// started then.
    pub fn spawn(&mut self) -> io::Result<Child> {
        Child::new(blocking(|| as_a_plain_thread(|| self.command.spawn()))?)
    }

    /// Starts the program, and blocks until it ends.
    ///
    /// ```
    /// let status = gort::process::Command::new("false").status()?;
    /// assert_eq!(status.code(), Some(1));
    /// # std::io::Result::Ok(())
    /// ```
    ///
    /// # Errors
    /// As [`spawn`](Self::spawn), and as [`Child::wait`].
    pub fn status(&mut self) -> io::Result<ExitStatus> {
        self.spawn()?.wait()
    }

    /// Starts the program, and blocks until it ends; returns what it has written.
    ///
    /// ```
    /// use gort::process::Command;
    ///
    /// # gort::run(|| {
    /// let output = Command::new("sh").args(["-c", "echo wrong >&2; exit 3"]).output()?;
    /// assert_eq!(output.status.code(), Some(3)); // which is no error of this process's
    /// assert_eq!((&output.stdout[..], &output.stderr[..]), (&b""[..], &b"wrong\n"[..]));
    ///
    /// let error = Command::new("no such program").output().unwrap_err();
    /// assert_eq!(error.kind(), std::io::ErrorKind::NotFound);
    /// # std::io::Result::Ok(()) }).unwrap();
    /// ```
    ///
    /// # Errors
    /// As [`spawn`](Self::spawn), and as [`Child::wait_with_output`].
    pub fn output(&mut self) -> io::Result<Output> {
        self.set_unchosen([Stdio::null(), Stdio::piped(), Stdio::piped()]);
        let child = self.spawn();
        self.set_unchosen([Stdio::inherit(), Stdio::inherit(), Stdio::inherit()]);
        child?.wait_with_output()
    }

    fn set_unchosen(&mut self, [stdin, stdout, stderr]: [Stdio; 3]) {
        if !self.chosen[0] {
            self.command.stdin(stdin);
        }
        if !self.chosen[1] {
            self.command.stdout(stdout);
        }
        if !self.chosen[2] {
            self.command.stderr(stderr);
        }
    }

    /// The program's name.
    pub fn get_program(&self) -> &OsStr {
        self.command.get_program()
    }

    /// The arguments, without the program's name.
    pub fn get_args(&self) -> CommandArgs<'_> {
        self.command.get_args()
    }

    /// What was said of the environment; `None`: taken out.
    ///
    /// ```
    /// use gort::process::Command;
    ///
    /// let mut command = Command::new("make");
    /// command.arg("all").env("V", "1").env_remove("LANG");
    /// assert_eq!(command.get_program(), "make");
    /// assert!(command.get_args().eq(["all"]));
    /// assert!(command.get_envs().any(|(name, value)| name == "LANG" && value.is_none()));
    /// assert_eq!(command.get_current_dir(), None);
    /// assert_eq!(format!("{command:?}"), format!("{:?}", command.as_std())); // the command line
    /// ```
    pub fn get_envs(&self) -> CommandEnvs<'_> {
        self.command.get_envs()
    }

    /// The folder to start in, if one was said.
    pub fn get_current_dir(&self) -> Option<&Path> {
        self.command.get_current_dir()
    }

    /// The same as std's.
    pub fn as_std(&self) -> &std::process::Command {
        &self.command
    }

    /// The same as std's, to be told more. What it is told of the three streams [`output`](Self::output) does not
    /// know of: say that here.
    ///
    /// ```
    /// use gort::process::Command;
    /// use std::os::unix::process::CommandExt;
    ///
    /// let mut command = Command::new("sh");
    /// command.args(["-c", "echo $0"]).as_std_mut().arg0("shell").process_group(0);
    /// assert!(command.output()?.status.success());
    /// # std::io::Result::Ok(())
    /// ```
    pub fn as_std_mut(&mut self) -> &mut std::process::Command {
        &mut self.command
    }

    /// The same as std's.
    pub fn into_std(self) -> std::process::Command {
        self.command
    }
}

/// As std's: the command line, with what was said of the environment before it.
impl fmt::Debug for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.command.fmt(f)
    }
}

impl From<std::process::Command> for Command {
    fn from(command: std::process::Command) -> Command {
        Command { command, chosen: [false; 3] }
    }
}
