//! What a broken call means: try again, or tell the user what to do.

use std::error::Error as _;
use std::time::Duration;

use tessera_wire::NEEDS_TLS;
use thiserror::Error;
use tonic::{Code, Status};

use crate::address::{ConnectError, ServerAddress};
use crate::frames::FramesError;
use crate::identity::{ClientId, Room};
use crate::sink::SinkError;
use crate::text::excerpt;

/// Why a session ended before its time.
#[derive(Debug, Error)]
pub enum SessionError {
    /// Nobody answers there.
    #[error(
        "no server answers at {server} ({why}): start one with `tessera-server`, or name it with --server"
    )]
    NoServer {
        /// Where one was looked for.
        server: Box<ServerAddress>,
        /// What the system said.
        why: String,
    },
    /// This program may open no more connections.
    #[error(
        "no connection to {server}: this program may not open so many ({why}); `ulimit -n 65536` before it allows \
         more, if the system does"
    )]
    NoDescriptors {
        /// Who was called.
        server: Box<ServerAddress>,
        /// What the system said.
        why: String,
    },
    /// Somebody answers there who does not speak TLS.
    #[error("no TLS came about with {server} ({why}): if that server does without TLS, name it with http://")]
    NoTls {
        /// Who was called.
        server: Box<ServerAddress>,
        /// What happened instead.
        why: String,
    },
    /// Somebody answers there who cannot prove to be the server.
    #[error(
        "the certificate of {server} is not trusted: {why}; if it is the right one, as the server's own \
         log tells, trust it with --ca FILE or --fingerprint SHA256"
    )]
    Untrusted {
        /// Who was called.
        server: Box<ServerAddress>,
        /// What is wrong with it.
        why: String,
    },
    /// The server wants TLS, and says so.
    #[error("{server} does not let us in: {message}")]
    NeedsTls {
        /// The server.
        server: Box<ServerAddress>,
        /// Its words.
        message: String,
    },
    /// Somebody answers there, and hangs up at once.
    #[error(
        "{server} closed the connection without an answer ({why}): if that server takes TLS only, name it with https://"
    )]
    Closed {
        /// Who was called.
        server: Box<ServerAddress>,
        /// What the system said.
        why: String,
    },
    /// Another participant has this id.
    #[error("the id \"{id}\" is taken in room \"{room}\": choose another id")]
    IdTaken {
        /// The id.
        id: String,
        /// The room.
        room: Room,
    },
    /// The token is missing, or does not allow this.
    #[error("{server} does not let us in: {message} (--invite takes an invite link, --token its token)")]
    NotLetIn {
        /// The server.
        server: Box<ServerAddress>,
        /// Its words.
        message: String,
    },
    /// We were in, and may be no longer: the token has expired, or a host ended the seat.
    #[error("{server} ended the stream: {message}")]
    ShutOut {
        /// The server.
        server: Box<ServerAddress>,
        /// Its words.
        message: String,
    },
    /// No place is free.
    #[error("no place in room \"{room}\": {message}")]
    RoomFull {
        /// The room.
        room: Room,
        /// The server's words.
        message: String,
    },
    /// Nobody is there who is meant.
    #[error("{0}: look at the name, and at --room")]
    NotThere(String),
    /// The server does not take what was sent.
    #[error("the server does not take this: {0}")]
    Invalid(String),
    /// Another program holds our session's seat now.
    #[error("another program took over the seat of \"{0}\"; join under another id to be there as well")]
    TakenOver(String),
    /// The connection broke, and was not to be made anew.
    #[error("the connection to {server} broke ({why}); without --no-reconnect it would be made anew")]
    Lost {
        /// The server.
        server: Box<ServerAddress>,
        /// What broke.
        why: String,
    },
    /// Any other end.
    #[error("the server ended the stream with {code:?}: {message}")]
    Ended {
        /// The gRPC code.
        code: Code,
        /// The server's words.
        message: String,
    },
    /// The server answers, but not as one of ours does.
    #[error("the server at {server} does not speak as a Tessera server does: {what}")]
    Foreign {
        /// The server.
        server: Box<ServerAddress>,
        /// What was strange.
        what: String,
    },
    /// The frames came to an early end.
    #[error(transparent)]
    Frames(#[from] FramesError),
    /// A mosaic could not be kept.
    #[error(transparent)]
    Sink(#[from] SinkError),
}

/// Who asks for what: the words of the errors.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked<'a> {
    pub(crate) server: &'a ServerAddress,
    pub(crate) room: &'a Room,
    /// `None` for a spectator.
    pub(crate) id: Option<&'a ClientId>,
    /// Whether the server has let us in before.
    pub(crate) was_in: bool,
}

/// What to do after a call has ended with a status.
#[derive(Debug)]
pub(crate) enum Verdict {
    /// The server or the way to it went away, for the reason given: it may come back.
    TryAgain(String),
    /// Trying again would end the same way.
    GiveUp(SessionError),
}

/// Judges `status`.
pub(crate) fn judge(status: &Status, asked: Asked<'_>) -> Verdict {
    let message = excerpt(status.message());
    if status.metadata().contains_key(NEEDS_TLS) {
        return Verdict::GiveUp(SessionError::NeedsTls { server: Box::new(asked.server.clone()), message });
    }
    let room = asked.room.clone();
    let id = || asked.id.map(ToString::to_string).unwrap_or_default();
    let error = match status.code() {
        // The room that filled up while we were away may have room again.
        Code::ResourceExhausted if asked.was_in => return Verdict::TryAgain(message),
        // We were silent for too long: this machine slept.
        Code::DeadlineExceeded if asked.was_in => return Verdict::TryAgain(message),
        _ if is_break(status) => return judge_break(status, asked),
        Code::ResourceExhausted => SessionError::RoomFull { room, message },
        Code::AlreadyExists => SessionError::IdTaken { id: id(), room },
        Code::NotFound => SessionError::NotThere(message),
        Code::Unauthenticated | Code::PermissionDenied => {
            let server = Box::new(asked.server.clone());
            match asked.was_in {
                true => SessionError::ShutOut { server, message },
                false => SessionError::NotLetIn { server, message },
            }
        }
        Code::InvalidArgument => SessionError::Invalid(message),
        Code::Aborted => SessionError::TakenOver(id()),
        Code::Unimplemented => SessionError::Foreign {
            server: Box::new(asked.server.clone()),
            what: "it lacks this call".to_owned(),
        },
        code => SessionError::Ended { code, message },
    };
    Verdict::GiveUp(error)
}

/// Judges a `status` that says that there is no connection, or none any more.
fn judge_break(status: &Status, asked: Asked<'_>) -> Verdict {
    let (server, why) = (Box::new(asked.server.clone()), describe(status));
    let failure = status.source().and_then(|source| source.downcast_ref::<ConnectError>());
    Verdict::GiveUp(match failure {
        // Also after we were in: it may be another server that answers now.
        Some(ConnectError::Untrusted(_)) => SessionError::Untrusted { server, why },
        _ if asked.was_in => return Verdict::TryAgain(why),
        Some(ConnectError::NoDescriptors(_)) => SessionError::NoDescriptors { server, why },
        Some(ConnectError::NoTls(_)) => SessionError::NoTls { server, why },
        None if status.source().is_some() && !server.is_secure() => SessionError::Closed { server, why },
        Some(ConnectError::Unreachable(_)) | None => SessionError::NoServer { server, why },
    })
}

/// Whether the connection broke or the server stops, rather than that it said no.
///
/// A status that was made here, of an error of HTTP/2 or the socket, has that error as its source; its code
/// may be anything. One that came over the wire has none.
fn is_break(status: &Status) -> bool {
    status.source().is_some() || matches!(status.code(), Code::Unavailable | Code::Unknown | Code::Cancelled)
}

fn describe(status: &Status) -> String {
    match status.message() {
        "" => format!("{:?}", status.code()),
        message => excerpt(message),
    }
}

/// One line for a wait before the next try.
pub(crate) fn waiting_line(why: &str, wait: Duration) -> String {
    format!("the connection broke ({why}); trying again in {:.1} s", wait.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn judged(status: &Status, was_in: bool) -> String {
        let (server, room, id) = (ServerAddress::default(), Room::default(), "anna".parse().unwrap());
        let asked = Asked { server: &server, room: &room, id: Some(&id), was_in };
        match judge(status, asked) {
            Verdict::TryAgain(why) => format!("again: {why}"),
            Verdict::GiveUp(error) => error.to_string(),
        }
    }

    #[test]
    fn what_may_pass_is_tried_again_once_we_were_in() {
        let mut torn = Status::internal("h2 protocol error");
        torn.set_source(Arc::new(std::io::Error::other("reset")));
        let full = Status::resource_exhausted("room full");
        let slept = Status::deadline_exceeded("nothing came for 30s");
        for status in [Status::unavailable("stopping"), Status::unknown("broken pipe"), torn, full, slept] {
            assert!(judged(&status, true).starts_with("again: "), "{status:?}");
            assert!(!judged(&status, false).starts_with("again: "), "{status:?}");
        }
    }

    #[test]
    fn what_stays_wrong_says_what_to_do() {
        for (status, advice) in [
            (Status::already_exists("taken"), "choose another id"),
            (
                Status::not_found("nobody in this room is \"bob\""),
                "is \"bob\": look at the name, and at --room",
            ),
            (Status::unauthenticated("it has expired"), "it has expired"),
            (Status::permission_denied("a host ended it"), "a host ended it"),
            (Status::invalid_argument("too long"), "too long"),
            (Status::aborted("taken over"), "took over the seat of \"anna\""),
            (Status::internal("a bug"), "Internal: a bug"),
        ] {
            for was_in in [false, true] {
                assert!(judged(&status, was_in).contains(advice), "{}", judged(&status, was_in));
            }
        }
    }

    #[test]
    fn of_long_words_of_a_server_the_beginning_is_told() {
        let endless = "x".repeat(100_000);
        for code in [Code::Unauthenticated, Code::Unavailable, Code::InvalidArgument, Code::DataLoss] {
            for was_in in [false, true] {
                let message = judged(&Status::new(code, &endless), was_in);
                assert!(
                    message.contains(&"x".repeat(900)) && message.len() < 1300,
                    "{code:?}: {}",
                    message.len()
                );
            }
        }
    }

    #[test]
    fn whoever_lacks_a_token_is_told_the_flag_and_whoever_was_in_is_not() {
        for status in [Status::unauthenticated("a token"), Status::permission_denied("a token")] {
            assert!(judged(&status, false).contains("--invite"), "{}", judged(&status, false));
            assert!(
                judged(&status, true).ends_with("ended the stream: a token"),
                "{}",
                judged(&status, true)
            );
        }
    }

    #[test]
    fn what_tls_lacks_is_never_tried_again_in_the_same_way() {
        let mut plain = Status::unavailable("this server wants TLS from other machines");
        plain.metadata_mut().insert(NEEDS_TLS, "1".parse().unwrap());
        let untrusted = Status::from(ConnectError::Untrusted("it has expired".to_owned()));
        for (status, words) in
            [(&plain, ["does not let us in", "TLS"]), (&untrusted, ["it has expired", "--ca"])]
        {
            for was_in in [false, true] {
                let message = judged(status, was_in);
                assert!(words.iter().all(|word| message.contains(word)), "{message}");
                assert!(!message.starts_with("again: "), "{message}");
            }
        }
    }

    #[test]
    fn what_a_restart_may_look_like_is_tried_again_once_we_were_in() {
        let mut closed = Status::unknown("transport error");
        closed.set_source(Arc::new(std::io::Error::other("reset")));
        for (status, advice) in
            [(Status::from(ConnectError::NoTls("eof".to_owned())), "http://"), (closed, "https://")]
        {
            assert!(judged(&status, true).starts_with("again: "), "{}", judged(&status, true));
            assert!(judged(&status, false).contains(advice), "{}", judged(&status, false));
        }
    }

    #[test]
    fn the_first_join_says_what_is_missing() {
        let message = judged(&Status::unavailable("connection refused"), false);
        assert!(message.contains("no server answers at http://127.0.0.1:50051"), "{message}");
        assert!(message.contains("tessera-server") && message.contains("--server"), "{message}");
        assert!(
            judged(&Status::resource_exhausted("four are here"), false)
                .contains("no place in room \"main\": four are here")
        );
    }
}
