//! A guest who speaks gRPC as everybody does, from any address, with or without good intentions.

use std::time::Duration;

use tessera_wire::video_processing_service_client::VideoProcessingServiceClient;
use tessera_wire::{FrameRequest, FrameResponse, PushFrameResponse, Seat, WatchMosaicRequest};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Status, Streaming};

use crate::target::Target;

/// Requests of a stream that wait here to be sent.
const WAITING: usize = 8;

/// A connection of its own.
#[derive(Debug, Clone)]
pub struct Guest {
    grpc: VideoProcessingServiceClient<Channel>,
    token: Option<MetadataValue<Ascii>>,
}

impl Guest {
    /// Connects.
    ///
    /// # Errors
    ///
    /// When there is no connection.
    pub async fn connect(target: Target) -> Result<Self, Status> {
        let endpoint =
            Endpoint::from_shared(format!("http://{}", target.server)).expect("an address is an authority");
        let endpoint =
            endpoint.local_address(Some(target.from.into())).connect_timeout(Duration::from_secs(10));
        let channel = endpoint.connect().await.map_err(|error| Status::unavailable(error.to_string()))?;
        let grpc = VideoProcessingServiceClient::new(channel)
            .max_decoding_message_size(usize::MAX)
            .max_encoding_message_size(usize::MAX);
        Ok(Self { grpc, token: None })
    }

    /// With a token in each call from now on.
    #[must_use]
    pub fn with_token(self, token: &str) -> Self {
        let token = format!("Bearer {token}").parse().expect("tokens are text of a header");
        Self { token: Some(token), ..self }
    }

    /// A stream of frames that has said `hello`, and the answer.
    ///
    /// # Errors
    ///
    /// As the server answers.
    pub async fn join(&self, hello: FrameRequest) -> Result<(Frames, FrameResponse), Status> {
        let (requests, waiting) = mpsc::channel(WAITING);
        // A server may answer nothing before it has the first message.
        requests.try_send(hello).expect("there is room for one");
        let call = self.request(ReceiverStream::new(waiting));
        let responses = self.grpc.clone().stream_frames(call).await?.into_inner();
        let mut frames = Frames { requests, responses };
        let welcome = frames.next().await?;
        Ok((frames, welcome))
    }

    /// A seat by WatchMosaic, or the view of a spectator.
    ///
    /// # Errors
    ///
    /// As the server answers.
    pub async fn watch(&self, request: WatchMosaicRequest) -> Result<Streaming<FrameResponse>, Status> {
        Ok(self.grpc.clone().watch_mosaic(self.request(request)).await?.into_inner())
    }

    /// One frame.
    ///
    /// # Errors
    ///
    /// As the server answers.
    pub async fn push(&self, request: FrameRequest) -> Result<PushFrameResponse, Status> {
        Ok(self.grpc.clone().push_frame(self.request(request)).await?.into_inner())
    }

    fn request<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        if let Some(token) = &self.token {
            request.metadata_mut().insert("authorization", token.clone());
        }
        request
    }
}

/// A call of StreamFrames.
#[derive(Debug)]
pub struct Frames {
    requests: mpsc::Sender<FrameRequest>,
    responses: Streaming<FrameResponse>,
}

impl Frames {
    /// Sends a request, as soon as the server takes it.
    ///
    /// # Errors
    ///
    /// When the stream has ended.
    pub async fn send(&self, request: FrameRequest) -> Result<(), Status> {
        self.requests.send(request).await.map_err(|_| Status::aborted("the stream has ended"))
    }

    /// The next answer.
    ///
    /// # Errors
    ///
    /// How the stream ended.
    pub async fn next(&mut self) -> Result<FrameResponse, Status> {
        self.responses.message().await?.ok_or_else(|| Status::ok("the stream has ended"))
    }

    /// Sends a request and gives its answer.
    ///
    /// # Errors
    ///
    /// How the stream ended.
    pub async fn ask(&mut self, request: FrameRequest) -> Result<FrameResponse, Status> {
        // A stream that has ended says why in its answer.
        self.send(request).await.ok();
        self.next().await
    }

    /// Sends a frame and gives its answer.
    ///
    /// # Errors
    ///
    /// How the stream ended.
    pub async fn show(&mut self, jpeg: impl Into<bytes::Bytes>) -> Result<FrameResponse, Status> {
        self.ask(FrameRequest { frame_data: jpeg.into(), ..Default::default() }).await
    }

    /// Both directions, for whoever sends without looking at the answers.
    pub fn split(self) -> (mpsc::Sender<FrameRequest>, Streaming<FrameResponse>) {
        (self.requests, self.responses)
    }
}

/// The first message of somebody with this id.
pub fn hello(id: &str) -> FrameRequest {
    FrameRequest { client_id: id.to_owned(), ..Default::default() }
}

/// A wish to watch from a seat.
pub fn seated(id: &str) -> WatchMosaicRequest {
    WatchMosaicRequest { client_id: id.to_owned(), ..Default::default() }
}

/// A frame for a seat.
pub fn push(seat: &Seat, sequence: u64, jpeg: impl Into<bytes::Bytes>) -> FrameRequest {
    FrameRequest { frame_data: jpeg.into(), session: seat.session.clone(), sequence, ..Default::default() }
}

/// The first message of a stream.
///
/// # Errors
///
/// How the stream ended without one.
pub async fn first(stream: &mut Streaming<FrameResponse>) -> Result<FrameResponse, Status> {
    stream.message().await?.ok_or_else(|| Status::ok("the stream has ended"))
}
