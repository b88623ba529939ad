//! Who answers what.

use crate::body::Failure;
use crate::echo;
use crate::exchange::Exchange;
use crate::files::Files;
use crate::limits::Limits;
use crate::send_file;
use crate::slow;
use crate::status::Status;
use crate::target::Target;
use crate::wire::Transport;

/// Methods that are known, though not everywhere allowed.
const METHODS: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

/// What is served, and within which limits.
pub(crate) struct Site {
    pub(crate) files: Files,
    pub(crate) limits: Limits,
}

impl Site {
    /// Answers a request. `Refused`: it has not been answered, unless a response had begun.
    pub(crate) fn answer<T: Transport>(&self, ex: &mut Exchange<'_, '_, T>) -> Result<(), Failure> {
        let method = ex.request.method;
        if !METHODS.contains(&method) {
            return Err(Status::NOT_IMPLEMENTED.into());
        }
        if method == "OPTIONS" && ex.request.target == "*" {
            ex.respond(Status::NO_CONTENT).field("Allow", METHODS.join(", ")).end();
            return Ok(());
        }
        let target = Target::parse(ex.request.target)?;
        let allowed: &[&str] = match target.path {
            "/echo" => &["POST", "PUT"],
            _ => &["GET", "HEAD"],
        };
        if !allowed.contains(&method) {
            let allow = format!("{}, OPTIONS", allowed.join(", "));
            match method {
                "OPTIONS" => ex.respond(Status::NO_CONTENT).field("Allow", allow).end(),
                _ => ex.respond(Status::METHOD_NOT_ALLOWED).field("Allow", allow).content(""),
            }
            return Ok(());
        }
        match target.path {
            "/echo" => echo::answer(ex),
            "/slow" => slow::answer(ex, &target),
            _ => send_file::answer(ex, &target, &self.files),
        }
    }
}
