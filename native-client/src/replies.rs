//! Responses on their way from the network to tonic: each sign of the server is noted, and what tonic would crash of
//! is taken out.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use http_body_util::BodyExt as _;
use tokio::time::{Instant, sleep_until};
use tonic::body::Body;
use tonic::codegen::Service;
use tonic::codegen::http::{Request, Response};
use tonic::transport::{Channel, Error};
use tonic::{Extensions, Status};

/// Details of a status, which nobody here reads. tonic 0.14 panics if they are no base64, and anybody between may send
/// that.
const DETAILS: &str = "grpc-status-details-bin";

/// A channel whose responses can be trusted as far as tonic trusts them.
#[derive(Debug, Clone)]
pub(crate) struct Replies(pub(crate) Channel);

impl Service<Request<Body>> for Replies {
    type Response = Response<Body>;
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let reply = self.0.call(request);
        Box::pin(async { reply.await.map(watched) })
    }
}

/// The response without details, head and trailers, and with the time of its latest piece among its extensions.
fn watched(reply: Response<Body>) -> Response<Body> {
    let heard = Heard::now();
    let (mut head, body) = reply.into_parts();
    head.headers.remove(DETAILS);
    head.extensions.insert(heard.clone());
    let body = body.map_frame(move |mut frame| {
        heard.note();
        if let Some(trailers) = frame.trailers_mut() {
            trailers.remove(DETAILS);
        }
        frame
    });
    Response::from_parts(head, Body::new(body))
}

/// When something of a response came last, be it a part of a message: a large one may take long on a slow way.
#[derive(Debug, Clone)]
pub(crate) struct Heard(Arc<Mutex<Instant>>);

impl Heard {
    fn now() -> Self {
        Self(Arc::new(Mutex::new(Instant::now())))
    }

    /// That of the response with these extensions.
    pub(crate) fn of(extensions: &Extensions) -> Self {
        extensions.get().cloned().unwrap_or_else(Self::now)
    }

    fn note(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    fn last(&self) -> Instant {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until nothing has come for `time`, which counts from `begin` at the earliest: a lost connection.
    pub(crate) async fn silence(&self, begin: Instant, time: Duration) -> Status {
        loop {
            let end = self.last().max(begin) + time;
            if end <= Instant::now() {
                return Status::unavailable(format!("nothing came for {} s", time.as_secs()));
            }
            sleep_until(end).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::{TcpListener, TcpStream};
    use tonic::Code;

    use super::*;
    use crate::address::ServerAddress;

    /// A frame of HTTP/2 (RFC 9113 section 4.1).
    fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
        let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
        [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
    }

    /// A field that no table remembers (RFC 7541 section 6.2.2).
    fn field(name: &str, value: &str) -> Vec<u8> {
        let text = |text: &str| [&[u8::try_from(text.len()).unwrap()], text.as_bytes()].concat();
        [vec![0], text(name), text(value)].concat()
    }

    const HEADERS: u8 = 1;
    const SETTINGS: u8 = 4;
    const ACK: u8 = 1;
    const END_HEADERS: u8 = 4;
    const END: u8 = 4 | 1;

    /// Reads until a call has come, and answers with `frames`, whatever they are.
    async fn answer(mut connection: TcpStream, frames: Vec<u8>) {
        let mut preface = [0; 24];
        connection.read_exact(&mut preface).await.unwrap();
        connection.write_all(&frame(SETTINGS, 0, 0, &[])).await.unwrap();
        loop {
            let mut head = [0; 9];
            connection.read_exact(&mut head).await.unwrap();
            let mut payload = vec![0; u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize];
            connection.read_exact(&mut payload).await.unwrap();
            match head[3] {
                SETTINGS if head[4] != ACK => {
                    connection.write_all(&frame(SETTINGS, ACK, 0, &[])).await.unwrap();
                }
                HEADERS => break connection.write_all(&frames).await.unwrap(),
                _ => {}
            }
        }
        // Until the client has had enough.
        drop(connection.read_to_end(&mut Vec::new()).await);
    }

    /// What a call comes to that is answered with `frames`.
    async fn called(frames: Vec<u8>) -> Status {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address: ServerAddress = listener.local_addr().unwrap().to_string().parse().unwrap();
        tokio::spawn(async move { answer(listener.accept().await.unwrap().0, frames).await });
        let mut client = address.connect().await.unwrap();
        let mut stream = match client.watch_mosaic(tessera_wire::WatchMosaicRequest::default()).await {
            Ok(stream) => stream.into_inner(),
            Err(status) => return status,
        };
        stream.message().await.unwrap_err()
    }

    #[tokio::test]
    async fn broken_details_of_a_status_crash_nothing_in_the_head_or_in_the_trailers() {
        let head = [vec![0x88], field("content-type", "application/grpc")].concat();
        let status = ["grpc-status", "grpc-message", DETAILS];
        let status =
            [field(status[0], "5"), field(status[1], "nobody"), field(status[2], "no base64!")].concat();
        let at_once = frame(HEADERS, END, 1, &[head.clone(), status.clone()].concat());
        let later = [frame(HEADERS, END_HEADERS, 1, &head), frame(HEADERS, END, 1, &status)].concat();
        for frames in [at_once, later] {
            let status = called(frames).await;
            assert_eq!((status.code(), status.message()), (Code::NotFound, "nobody"));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn silence_counts_from_the_latest_piece_and_not_before_its_begin() {
        let heard = Heard::now();
        let start = Instant::now();
        let minute = Duration::from_secs(60);
        let piece = async {
            tokio::time::sleep(minute / 2).await;
            heard.note();
            std::future::pending::<()>().await;
        };
        tokio::select! {
            status = heard.silence(start, minute) => assert_eq!(status.message(), "nothing came for 60 s"),
            () = piece => {}
        }
        assert_eq!(start.elapsed(), minute * 3 / 2);
        heard.silence(Instant::now(), minute).await;
        assert_eq!(start.elapsed(), minute * 5 / 2);
    }
}
