//! A server for tests, which speaks the wire and misbehaves as it is told.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use tessera_wire::refusal::Reason;
use tessera_wire::video_processing_service_server::{VideoProcessingService, VideoProcessingServiceServer};
use tessera_wire::{
    EndSeatRequest, EndSeatResponse, FrameRequest, FrameResponse, LockRoomRequest, LockRoomResponse,
    PushFrameResponse, Refusal, Seat, WatchMosaicRequest,
};
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{Notify, mpsc};
use tokio_stream::wrappers::{ReceiverStream, TcpListenerStream};
use tonic::{Request, Response, Status, Streaming};

use crate::address::ServerAddress;

/// What the server does on one stream. Streams that come after the last act are served well.
#[derive(Debug, Clone)]
pub(crate) enum Act {
    /// Answers everything.
    Serve,
    /// Does not let in.
    Deny(Status),
    /// Ends with a status after so many answers to frames.
    Break { after: usize, status: Status },
    /// Ends without a word after so many answers to frames.
    End { after: usize },
    /// Answers so many frames, or shows so many mosaics, then takes what comes and says nothing.
    Fall { silent_after: usize },
    /// Takes a call, and says nothing at all.
    Mute,
    /// Answers frames four at a time, when it has four.
    Batches,
    /// Answers each frame with these bytes, or shows them, whatever they are.
    Answer(&'static [u8]),
    /// Refuses every second frame.
    Refuse,
    /// Announces another tile with the second answer to a frame.
    Retile { width: u32, height: u32 },
    /// Lets in, and forgets to say where.
    NoSeat,
}

/// The session that this server gives.
pub(crate) const SESSION: &str = "0123456789abcdef0123456789abcdef";
/// With this each mosaic begins (T.81 table B.1); behind it this server shows the frame as it came, JPEG or not.
pub(crate) const SOI: &[u8] = &[0xFF, 0xD8];
/// What this server shows those who watch.
pub(crate) const MOSAIC: &[u8] = b"\xFF\xD8mosaic";
/// The slot that this server gives.
pub(crate) const SLOT: u32 = 2;

/// A running server; dropping it breaks its connections without a word.
#[derive(Debug)]
pub(crate) struct FakeServer {
    address: SocketAddr,
    log: Log,
    runtime: Option<Runtime>,
}

#[derive(Debug, Clone, Default)]
struct Log {
    acts: Arc<Mutex<VecDeque<Act>>>,
    hellos: Arc<Mutex<Vec<FrameRequest>>>,
    /// The frames of each stream.
    streams: Arc<Mutex<Vec<Vec<FrameRequest>>>>,
    watched: Arc<Mutex<Vec<WatchMosaicRequest>>>,
    /// Told of each request that is in the lists above.
    taken: Arc<Notify>,
}

impl FakeServer {
    pub(crate) fn start(acts: impl IntoIterator<Item = Act>) -> Self {
        Self::start_at(([127, 0, 0, 1], 0).into(), acts)
    }

    /// Starts where another one was.
    pub(crate) fn start_at(address: SocketAddr, acts: impl IntoIterator<Item = Act>) -> Self {
        let log = Log { acts: Arc::new(Mutex::new(acts.into_iter().collect())), ..Log::default() };
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let (sender, bound) = std::sync::mpsc::channel();
        let service = VideoProcessingServiceServer::new(log.clone());
        runtime.spawn(async move {
            let listener = TcpListener::bind(address).await.unwrap();
            sender.send(listener.local_addr().unwrap()).unwrap();
            let incoming = TcpListenerStream::new(listener);
            tonic::transport::Server::builder()
                .add_service(service)
                .serve_with_incoming(incoming)
                .await
                .unwrap();
        });
        Self { address: bound.recv().unwrap(), log, runtime: Some(runtime) }
    }

    pub(crate) fn socket(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn address(&self) -> ServerAddress {
        self.address.to_string().parse().unwrap()
    }

    /// The first messages of all streams.
    pub(crate) fn hellos(&self) -> Vec<FrameRequest> {
        self.log.hellos.lock().unwrap().clone()
    }

    /// The frames of each stream.
    pub(crate) fn streams(&self) -> Vec<Vec<FrameRequest>> {
        self.log.streams.lock().unwrap().clone()
    }

    /// Waits until the first stream has brought so many frames.
    pub(crate) async fn has_taken(&self, frames: usize) {
        while self.streams().first().is_none_or(|stream| stream.len() < frames) {
            self.log.taken.notified().await;
        }
    }

    /// Waits until somebody wants to watch.
    pub(crate) async fn asked_to_watch(&self) {
        while self.watched().is_empty() {
            self.log.taken.notified().await;
        }
    }

    /// Who watched.
    pub(crate) fn watched(&self) -> Vec<WatchMosaicRequest> {
        self.log.watched.lock().unwrap().clone()
    }
}

impl Drop for FakeServer {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

fn seat(tile_width: u32, tile_height: u32) -> Seat {
    let session = SESSION.to_owned();
    Seat { session, slot: SLOT, tile_width, tile_height, quality: 85, fit: 1, host: false }
}

/// The answer to frame `index`, counted from 0, of a stream.
fn answer(act: &Act, index: usize, request: &FrameRequest) -> FrameResponse {
    let frame_data = [SOI, &request.frame_data].concat().into();
    let mut response = FrameResponse { frame_data, ..FrameResponse::default() };
    match act {
        Act::Answer(bytes) => response.frame_data = Bytes::from_static(bytes),
        Act::Refuse if index % 2 == 1 => {
            let message = "cut off".to_owned();
            response.refusal = Some(Refusal { reason: Reason::Malformed.into(), message });
        }
        Act::Retile { width, height } if index == 1 => response.seat = Some(seat(*width, *height)),
        _ => {}
    }
    response
}

impl Log {
    fn next_act(&self) -> Act {
        self.acts.lock().unwrap().pop_front().unwrap_or(Act::Serve)
    }

    async fn serve(
        self,
        act: Act,
        mut requests: Streaming<FrameRequest>,
        responses: mpsc::Sender<Result<FrameResponse, Status>>,
    ) -> Option<()> {
        let hello = requests.message().await.ok()??;
        self.hellos.lock().unwrap().push(hello);
        let stream = {
            let mut streams = self.streams.lock().unwrap();
            streams.push(Vec::new());
            streams.len() - 1
        };
        let seat = (!matches!(act, Act::NoSeat)).then(|| seat(64, 64));
        let frame_data = Bytes::from_static(b"welcome");
        responses.send(Ok(FrameResponse { frame_data, seat, ..FrameResponse::default() })).await.ok()?;
        let mut batch = Vec::new();
        for index in 0.. {
            match &act {
                Act::Break { after, status } if *after == index => {
                    return responses.send(Err(status.clone())).await.ok();
                }
                Act::End { after } if *after == index => return None,
                _ => {}
            }
            let request = requests.message().await.ok()??;
            batch.push(answer(&act, index, &request));
            self.streams.lock().unwrap()[stream].push(request);
            self.taken.notify_one();
            match act {
                Act::Fall { silent_after } if index >= silent_after => continue,
                Act::Batches if batch.len() < 4 => continue,
                _ => {}
            }
            for response in batch.drain(..) {
                responses.send(Ok(response)).await.ok()?;
            }
        }
        None
    }
}

#[tonic::async_trait]
impl VideoProcessingService for Log {
    type StreamFramesStream = ReceiverStream<Result<FrameResponse, Status>>;
    type WatchMosaicStream = ReceiverStream<Result<FrameResponse, Status>>;

    async fn stream_frames(
        &self,
        request: Request<Streaming<FrameRequest>>,
    ) -> Result<Response<Self::StreamFramesStream>, Status> {
        let act = self.next_act();
        if let Act::Deny(status) = act {
            return Err(status);
        }
        let (sender, receiver) = mpsc::channel(1);
        tokio::spawn(self.clone().serve(act, request.into_inner(), sender));
        Ok(Response::new(ReceiverStream::new(receiver)))
    }

    async fn push_frame(&self, _: Request<FrameRequest>) -> Result<Response<PushFrameResponse>, Status> {
        Err(Status::unimplemented("of no use here"))
    }

    async fn end_seat(&self, _: Request<EndSeatRequest>) -> Result<Response<EndSeatResponse>, Status> {
        Err(Status::unimplemented("of no use here"))
    }

    async fn lock_room(&self, _: Request<LockRoomRequest>) -> Result<Response<LockRoomResponse>, Status> {
        Err(Status::unimplemented("of no use here"))
    }

    async fn watch_mosaic(
        &self,
        request: Request<WatchMosaicRequest>,
    ) -> Result<Response<Self::WatchMosaicStream>, Status> {
        let act = self.next_act();
        self.watched.lock().unwrap().push(request.into_inner());
        self.taken.notify_one();
        match act {
            Act::Deny(status) => return Err(status),
            Act::Mute => std::future::pending().await,
            _ => {}
        }
        let (sender, receiver) = mpsc::channel(1);
        tokio::spawn(async move {
            for index in 0.. {
                if let Act::Break { after, status } = &act
                    && *after == index
                {
                    drop(sender.send(Err(status.clone())).await);
                    break;
                }
                if matches!(act, Act::Fall { silent_after } if silent_after == index) {
                    return sender.closed().await;
                }
                let shown = if let Act::Answer(bytes) = act { bytes } else { MOSAIC };
                let picture = FrameResponse { frame_data: Bytes::from_static(shown), ..Default::default() };
                let unchanged = FrameResponse::default();
                if sender.send(Ok(picture)).await.is_err() || sender.send(Ok(unchanged)).await.is_err() {
                    break;
                }
            }
        });
        Ok(Response::new(ReceiverStream::new(receiver)))
    }
}
