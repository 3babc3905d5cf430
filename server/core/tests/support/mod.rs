//! The real server on a port of its own, clients that can be cut off, pictures to send and to look at.
#![allow(dead_code, unreachable_pub, reason = "each test file uses its part")]

pub mod either_http;
pub mod grpc_web;
pub mod http;
pub mod nginx;
pub mod programs;
pub mod raw;
pub mod tls;
pub mod tokens;

use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hyper_util::rt::TokioIo;
use tessera_mosaic::{Fit, Grid, Picture, Quality, TileFormat, TileSize, TileSpec, encode_jpeg};
use tessera_server_core::{
    CancellationToken, Config, Counters, Guard, Limits, Listen, LogFormat, Page, Server, Tls,
};
use tessera_wire::video_processing_service_client::VideoProcessingServiceClient;
use tessera_wire::{FrameRequest, FrameResponse, WatchMosaicRequest};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tonic::transport::{Channel, Endpoint, Uri};
use tonic::{Status, Streaming};

/// Nothing here takes so long, unless it hangs.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// Tiles of the tests: small, so that debug builds are quick.
pub const TILE: (u32, u32) = (160, 128);

pub fn config() -> Config {
    let size = TileSize::new(TILE.0, TILE.1).unwrap();
    Config {
        listen: Listen { addresses: vec![([127, 0, 0, 1], 0).into()], is_default: false },
        grid: Grid::new(2).unwrap(),
        tile: TileSpec { format: TileFormat { size, quality: Quality::new(85).unwrap() }, fit: Fit::Stretch },
        max_fps: 1000,
        limits: Limits::default(),
        log: LogFormat::Text,
        tls: Tls::default(),
        guard: Guard::default(),
        key_file: None,
    }
}

/// A server that stops with the test.
pub struct TestServer {
    pub address: SocketAddr,
    pub counters: Counters,
    stopping: CancellationToken,
    served: JoinHandle<()>,
}

impl TestServer {
    pub async fn start() -> Self {
        Self::with(&config()).await
    }

    pub async fn with(config: &Config) -> Self {
        Self::with_page(config, Page::absent("built for a test")).await
    }

    pub async fn with_page(config: &Config, page: Page) -> Self {
        let server = Server::bind(config, page).await.unwrap();
        let (address, counters) = (server.addresses()[0], server.counters());
        let stopping = CancellationToken::new();
        let served = tokio::spawn(server.serve(stopping.clone()));
        Self { address, counters, stopping, served }
    }

    /// Waits until the room has `count` seats, as a spectator sees it.
    pub async fn wait_for_seats(&self, count: usize) {
        let mut viewer = self.client().await.watch(WatchMosaicRequest::default()).await.unwrap();
        let has_count = |response: &FrameResponse| {
            response.layout.as_ref().is_some_and(|layout| layout.places.len() == count)
        };
        viewer.wait_for(has_count).await;
    }

    pub fn stop(&self) {
        self.stopping.cancel();
    }

    /// Waits until the server has stopped.
    pub async fn stopped(self) {
        self.stopping.cancel();
        within(self.served).await.unwrap();
    }

    pub async fn client(&self) -> Client {
        Client::connect(self.address).await
    }

    /// A stream of frames that has its seat.
    pub async fn join(&self, id: &str) -> Frames {
        self.client().await.join(id).await
    }

    /// A spectator's newest mosaic.
    pub async fn look(&self) -> FrameResponse {
        let mut client = self.client().await;
        client.watch(WatchMosaicRequest::default()).await.unwrap().next().await
    }
}

/// `future`'s result, or a failed test if it hangs.
pub async fn within<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(PATIENCE, future).await.expect("this hangs")
}

/// A client on a connection of its own.
#[derive(Clone)]
pub struct Client {
    pub grpc: VideoProcessingServiceClient<Channel>,
    /// The connection's socket, to break it.
    socket: Arc<Mutex<Option<TcpStream>>>,
}

impl Client {
    pub async fn connect(address: SocketAddr) -> Self {
        Self::connect_by(address, |stream| async move { Ok(Box::new(stream) as Box<dyn Bytes>) }).await
    }

    /// Connects, with `dress` around the socket.
    pub async fn connect_by<F, R>(address: SocketAddr, dress: F) -> Self
    where
        F: Fn(tokio::net::TcpStream) -> R + Clone + Send + 'static,
        R: Future<Output = std::io::Result<Box<dyn Bytes>>> + Send + 'static,
    {
        let socket = Arc::new(Mutex::new(None));
        let held = Arc::clone(&socket);
        let connector = Connector(move |_: Uri| {
            let (held, dress) = (Arc::clone(&held), dress.clone());
            async move {
                let stream = TcpStream::connect(address)?;
                *held.lock().unwrap() = Some(stream.try_clone()?);
                stream.set_nonblocking(true)?;
                dress(tokio::net::TcpStream::from_std(stream)?).await.map(TokioIo::new)
            }
        });
        let endpoint = Endpoint::from_shared(format!("http://{address}")).unwrap();
        let channel = within(endpoint.connect_with_connector(connector)).await.unwrap();
        let grpc = VideoProcessingServiceClient::new(channel)
            .max_decoding_message_size(usize::MAX)
            .max_encoding_message_size(usize::MAX);
        Self { grpc, socket }
    }

    /// Breaks the connection as a vanished process does.
    pub fn cut(&self) {
        let socket = self.socket.lock().unwrap().take();
        socket.unwrap().shutdown(Shutdown::Both).unwrap();
    }

    /// A stream of frames that has its seat.
    pub async fn join(&self, id: &str) -> Frames {
        let hello = FrameRequest { client_id: id.to_owned(), ..Default::default() };
        let mut frames = self.begin(Some(hello)).await;
        frames.next().await.unwrap().expect("the stream ended");
        frames
    }

    /// A stream of frames that brings a token and this first request, or how it is refused.
    pub async fn join_with(&self, token: &str, hello: FrameRequest) -> Result<Frames, Status> {
        let (requests, mut sent) = mpsc::channel(8);
        requests.send(hello).await.unwrap();
        let stream = futures_util::stream::poll_fn(move |context| sent.poll_recv(context));
        let responses = within(self.grpc.clone().stream_frames(tokens::with_token(stream, token))).await?;
        Ok(Frames { client: self.clone(), requests: Some(requests), responses: responses.into_inner() })
    }

    /// A stream on which nothing has been said.
    pub async fn frames(&self) -> Frames {
        self.begin(None).await
    }

    /// A stream with its first request. Proxies may keep the head of the response until they have a message to send
    /// with it, so whoever waits for the head before sending anything may wait for ever.
    async fn begin(&self, hello: Option<FrameRequest>) -> Frames {
        let (requests, mut sent) = mpsc::channel(8);
        if let Some(hello) = hello {
            requests.send(hello).await.unwrap();
        }
        let stream = futures_util::stream::poll_fn(move |context| sent.poll_recv(context));
        let responses = within(self.grpc.clone().stream_frames(stream)).await.unwrap().into_inner();
        Frames { client: self.clone(), requests: Some(requests), responses }
    }

    pub async fn watch(&mut self, request: WatchMosaicRequest) -> Result<Mosaics, Status> {
        let responses = within(self.grpc.watch_mosaic(request)).await?.into_inner();
        Ok(Mosaics(responses))
    }
}

/// The bytes of a connection, with TLS or without.
pub trait Bytes: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Bytes for T {}

/// A connector made of a function.
struct Connector<F>(F);

impl<F: FnMut(Uri) -> R, R> tower_service::Service<Uri> for Connector<F>
where
    R: Future<Output = std::io::Result<TokioIo<Box<dyn Bytes>>>> + Send + 'static,
{
    type Response = TokioIo<Box<dyn Bytes>>;
    type Error = std::io::Error;
    type Future = std::pin::Pin<Box<dyn Future<Output = std::io::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, _: &mut std::task::Context<'_>) -> std::task::Poll<std::io::Result<()>> {
        std::task::Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        Box::pin((self.0)(uri))
    }
}

/// A call of StreamFrames.
pub struct Frames {
    pub client: Client,
    requests: Option<mpsc::Sender<FrameRequest>>,
    responses: Streaming<FrameResponse>,
}

impl Frames {
    /// A call that was made otherwise.
    pub fn of(
        client: Client,
        requests: mpsc::Sender<FrameRequest>,
        responses: Streaming<FrameResponse>,
    ) -> Self {
        Self { client, requests: Some(requests), responses }
    }

    pub async fn send(&self, request: FrameRequest) {
        within(self.requests.as_ref().unwrap().send(request)).await.unwrap();
    }

    /// The next response, or how the stream ended.
    pub async fn next(&mut self) -> Result<Option<FrameResponse>, Status> {
        within(self.responses.message()).await
    }

    /// Sends a request and gives its response.
    pub async fn ask(&mut self, request: FrameRequest) -> FrameResponse {
        self.send(request).await;
        self.next().await.unwrap().expect("the stream ended")
    }

    pub async fn show(&mut self, jpeg: impl Into<bytes::Bytes>) -> FrameResponse {
        self.ask(frame(jpeg)).await
    }

    /// The status that the stream ends with.
    pub async fn end(&mut self) -> Status {
        loop {
            match self.next().await {
                Ok(Some(_)) => {}
                Ok(None) => return Status::ok(""),
                Err(status) => return status,
            }
        }
    }

    /// Says that no request follows, and waits until the server has understood.
    pub async fn half_close(mut self) {
        self.requests = None;
        assert_eq!(self.end().await.code(), tonic::Code::Ok);
    }
}

/// A call of WatchMosaic.
pub struct Mosaics(pub Streaming<FrameResponse>);

impl Mosaics {
    pub async fn message(&mut self) -> Result<Option<FrameResponse>, Status> {
        within(self.0.message()).await
    }

    pub async fn next(&mut self) -> FrameResponse {
        self.message().await.unwrap().expect("the stream ended")
    }

    /// The first response that `is_it`.
    pub async fn wait_for(&mut self, is_it: impl Fn(&FrameResponse) -> bool) -> FrameResponse {
        loop {
            let response = self.next().await;
            if is_it(&response) {
                return response;
            }
        }
    }

    /// The first mosaic whose quadrant `slot` is black, or is not.
    pub async fn wait_until_black(&mut self, slot: usize, is_black: bool) -> FrameResponse {
        self.wait_for(|r| !r.frame_data.is_empty() && (quadrant(&r.frame_data, slot) == black()) == is_black)
            .await
    }

    /// The status that the stream ends with.
    pub async fn end(&mut self) -> Status {
        loop {
            match self.message().await {
                Ok(Some(_)) => {}
                Ok(None) => return Status::ok(""),
                Err(status) => return status,
            }
        }
    }
}

/// A request with a frame and nothing else.
pub fn frame(jpeg: impl Into<bytes::Bytes>) -> FrameRequest {
    FrameRequest { frame_data: jpeg.into(), ..Default::default() }
}

/// A picture with soft slopes and a few edges; another for each seed.
pub fn picture(width: u32, height: u32, seed: u32) -> Picture {
    let wave = |n: u32, period: u32| {
        (f64::from(n) / f64::from(period) * std::f64::consts::TAU).sin().mul_add(60.0, 120.0)
    };
    let rgb: Vec<u8> = (0..width * height)
        .flat_map(|n| {
            let (x, y) = (n % width, n / width);
            let box_ = if (x * 8 / width + seed) % 8 == y * 8 / height { 70.0 } else { 0.0 };
            [wave(x + seed * 7, width) + box_, wave(y, height / 2), wave(x + y + seed * 31, width)]
        })
        .map(|sample| sample.clamp(0.0, 255.0).round() as u8)
        .collect();
    Picture::from_rgb(width, height, &rgb).unwrap()
}

pub fn jpeg(picture: &Picture) -> Vec<u8> {
    encode_jpeg(picture, Quality::new(95).unwrap())
}

/// A frame of the tile's size.
pub fn tile_frame(seed: u32) -> Vec<u8> {
    jpeg(&picture(TILE.0, TILE.1, seed))
}

/// The luma of one quadrant of a 2x2 mosaic, decoded by a decoder that is not the server's.
pub fn quadrant(mosaic: &[u8], slot: usize) -> Vec<u8> {
    let decoded = decoded(mosaic);
    let (width, height) = (decoded.width() / 2, decoded.height() / 2);
    let (x, y) = (slot as u32 % 2 * width, slot as u32 / 2 * height);
    inner(&image::imageops::crop_imm(&decoded, x, y, width, height).to_image())
}

/// The luma of a black quadrant.
pub fn black() -> Vec<u8> {
    inner(&image::GrayImage::new(TILE.0, TILE.1))
}

/// The luma of a frame of the tile's size, as [`quadrant`] gives it.
pub fn luma(jpeg: &[u8]) -> Vec<u8> {
    inner(&decoded(jpeg))
}

pub fn decoded(jpeg: &[u8]) -> image::GrayImage {
    image::load_from_memory_with_format(jpeg, image::ImageFormat::Jpeg).unwrap().into_luma8()
}

/// Without the edge, where decoders blend chroma across the seams of a mosaic.
pub fn inner(tile: &image::GrayImage) -> Vec<u8> {
    image::imageops::crop_imm(tile, 2, 2, tile.width() - 4, tile.height() - 4).to_image().into_raw()
}

/// Peak signal-to-noise ratio of two planes, in dB.
pub fn psnr(a: &[u8], b: &[u8]) -> f64 {
    assert_eq!(a.len(), b.len());
    let squares: u64 = a.iter().zip(b).map(|(&a, &b)| u64::from(a.abs_diff(b)).pow(2)).sum();
    10.0 * (255.0 * 255.0 * a.len() as f64 / squares.max(1) as f64).log10()
}

/// Whether quadrant `slot` of the mosaic shows `jpeg`, which has the tile's size.
pub fn shows(mosaic: &[u8], slot: usize, jpeg: &[u8]) -> bool {
    psnr(&quadrant(mosaic, slot), &luma(jpeg)) > 30.0
}
