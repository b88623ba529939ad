//! Who is compared.

use crate::Result;
use std::path::{Path, PathBuf};

/// The directory of the workspace, as it was when this was compiled.
pub fn bench_dir() -> &'static Path {
    let harness = Path::new(env!("CARGO_MANIFEST_DIR"));
    harness.parent().unwrap_or(harness)
}

/// Everything that is built goes there, whatever the environment says: the programs have to be found.
pub fn target_dir() -> PathBuf {
    bench_dir().join("target")
}

/// A program that runs workloads.
#[derive(Clone, Debug)]
pub struct Peer {
    pub name: String,
    pub program: PathBuf,
    pub environment: Vec<(&'static str, &'static str)>,
    pub source: Source,
}

/// How a peer is built.
#[derive(Clone, Debug, PartialEq)]
pub enum Source {
    /// A package of this workspace.
    Package { package: &'static str, target: PathBuf, flags: Option<&'static str> },
    /// The Go program.
    Go,
    /// It is there already.
    None,
}

impl Peer {
    fn package(name: &str, package: &'static str) -> Peer {
        Peer::with_flags(name, package, target_dir(), None)
    }

    fn with_flags(
        name: &str,
        package: &'static str,
        target: PathBuf,
        flags: Option<&'static str>,
    ) -> Peer {
        Peer {
            name: name.into(),
            program: target.join("release").join(package),
            environment: Vec::new(),
            source: Source::Package { package, target, flags },
        }
    }

    /// One that the user has named.
    pub fn added(name: &str, path: &str) -> Result<Peer> {
        // A relative path is meant from where the user is.
        let program = std::path::absolute(path)?;
        if !program.is_file() {
            return Err(format!("{path} is not a program").into());
        }
        let environment = Vec::new();
        Ok(Peer { name: name.into(), program, environment, source: Source::None })
    }

    /// What it is, for a list.
    pub fn about(&self) -> String {
        let built = match &self.source {
            Source::Package { package, flags: None, .. } => (*package).into(),
            Source::Package { package, flags: Some(flags), .. } => format!("{package} ({flags})"),
            Source::Go => "gopeer, if there is a `go` on the PATH".into(),
            Source::None => self.program.display().to_string(),
        };
        let set: Vec<String> =
            self.environment.iter().map(|(name, value)| format!(" {name}={value}")).collect();
        built + &set.concat()
    }
}

/// Those of this workspace, in the order of the table.
pub fn all() -> Vec<Peer> {
    // What a goroutine of go-lib that is preempted needs kept; and hence a target directory of its own.
    let go_lib_flags = "-C force-frame-pointers=yes -C no-redzone=yes";
    let go_lib_target = target_dir().join("golib");
    let mut may_pool = Peer::package("may+pool20k", "peer-may");
    may_pool.environment.push(("MAY_POOL", "20000"));
    let mut parking_lot = Peer::package("parking_lot", "peer-std-threads");
    parking_lot.environment.push(("LOCKS", "parking_lot"));
    vec![
        Peer::package("gort", "peer-gort"),
        Peer {
            name: "go".into(),
            program: target_dir().join("gopeer"),
            environment: Vec::new(),
            source: Source::Go,
        },
        Peer::with_flags("go-lib", "peer-golib", go_lib_target, Some(go_lib_flags)),
        Peer::package("may", "peer-may"),
        Peer::package("tokio", "peer-tokio"),
        Peer::package("smol", "peer-smol"),
        Peer::package("std", "peer-std-threads"),
        may_pool,
        parking_lot,
        Peer::package("corosensei", "peer-corosensei"),
        Peer::package("epoll", "peer-epoll"),
    ]
}

/// The peers of these names; all for none.
pub fn choose(known: Vec<Peer>, names: &[String]) -> Result<Vec<Peer>> {
    if names.is_empty() {
        return Ok(known);
    }
    let find = |name: &String| {
        let peer = known.iter().find(|peer| peer.name == *name);
        peer.cloned().ok_or_else(|| format!("there is no peer {name}; see `harness list`").into())
    };
    names.iter().map(find).collect()
}

/// The column that the others are compared with.
pub const OURS: &str = "gort";

/// Those that run a few jobs only share a column.
pub fn is_minor(name: &str) -> bool {
    matches!(name, "may+pool20k" | "parking_lot" | "corosensei" | "epoll")
}
