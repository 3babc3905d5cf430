//! Clients that send frames as fast as they are answered.

use std::time::Duration;

use anyhow::{Context, ensure};
use bytes::Bytes;
use futures_util::future::try_join_all;
use futures_util::stream;
use tessera_wire::video_processing_service_client::VideoProcessingServiceClient;
use tessera_wire::{FrameRequest, FrameResponse};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tonic::Streaming;
use tonic::transport::Endpoint;

/// More than a mosaic can have.
const MAX_MESSAGE: usize = 64 << 20;

/// A server that answers nothing for so long has failed.
const PATIENCE: Duration = Duration::from_secs(30);

/// What came back for some frames: a mosaic for each.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Received {
    /// How many mosaics.
    pub mosaics: usize,
    /// Their bytes, all together.
    pub bytes: usize,
}

impl Received {
    fn add(&mut self, mosaic: &Bytes) {
        self.mosaics += 1;
        self.bytes += mosaic.len();
    }
}

/// `client1`, `client2` and so on in one room, each with a connection and a StreamFrames of its own.
#[derive(Debug)]
pub struct Clients {
    streams: Vec<Stream>,
}

impl Clients {
    /// Connects `count` clients, 1 to 4, to the server at `url`; `clientK` has slot K-1.
    ///
    /// # Errors
    ///
    /// When the server does not take them.
    pub async fn join(url: &str, count: usize) -> anyhow::Result<Self> {
        let mut streams = Vec::with_capacity(count);
        for number in 1..=count {
            streams.push(Stream::open(url, format!("client{number}")).await?);
        }
        Ok(Self { streams })
    }

    /// All at once: frame n goes to client n modulo their number, and each sends its next frame when the one
    /// before is answered. Sends `count` frames, again from the first when they are at an end.
    ///
    /// # Errors
    ///
    /// When a frame is refused or a stream ends.
    pub async fn send(&mut self, frames: &[Bytes], count: usize) -> anyhow::Result<Received> {
        let clients = self.streams.len();
        let each = self.streams.iter_mut().enumerate().map(async |(first, stream)| {
            let mut received = Received::default();
            for n in (first..count).step_by(clients) {
                received.add(&stream.exchange(frames[n % frames.len()].clone()).await?);
            }
            anyhow::Ok(received)
        });
        let all = try_join_all(each).await?;
        let sum = |field: fn(&Received) -> usize| all.iter().map(field).sum();
        Ok(Received { mosaics: sum(|one| one.mosaics), bytes: sum(|one| one.bytes) })
    }

    /// One after the other: as [`Self::send`], but nothing is sent before the frame before it is answered, so
    /// that mosaic n shows frame n and those just before it. Gives the mosaics.
    ///
    /// # Errors
    ///
    /// As [`Self::send`].
    pub async fn send_in_turn(&mut self, frames: &[Bytes], count: usize) -> anyhow::Result<Vec<Bytes>> {
        let clients = self.streams.len();
        let mut mosaics = Vec::with_capacity(count);
        for n in 0..count {
            mosaics.push(self.streams[n % clients].exchange(frames[n % frames.len()].clone()).await?);
        }
        Ok(mosaics)
    }
}

/// One StreamFrames.
#[derive(Debug)]
struct Stream {
    id: String,
    requests: mpsc::Sender<FrameRequest>,
    responses: Streaming<FrameResponse>,
}

impl Stream {
    async fn open(url: &str, id: String) -> anyhow::Result<Self> {
        let cannot = || format!("{id} cannot join at {url}");
        let channel = Endpoint::new(url.to_owned())?.connect().await.with_context(cannot)?;
        let mut client = VideoProcessingServiceClient::new(channel).max_decoding_message_size(MAX_MESSAGE);
        let (requests, mut queue) = mpsc::channel(1);
        let outgoing = stream::poll_fn(move |context| queue.poll_recv(context));
        let responses = client.stream_frames(outgoing).await.with_context(cannot)?.into_inner();
        Ok(Self { id, requests, responses })
    }

    /// Sends a frame and waits for its mosaic.
    async fn exchange(&mut self, frame_data: Bytes) -> anyhow::Result<Bytes> {
        let id = &self.id;
        let request = FrameRequest { frame_data, client_id: id.clone(), ..FrameRequest::default() };
        // When the stream is gone, what comes back says why.
        drop(self.requests.send(request).await);
        let response = timeout(PATIENCE, self.responses.message())
            .await
            .with_context(|| format!("{id}: no answer for {PATIENCE:?}"))?
            .with_context(|| format!("{id}: the stream failed"))?
            .with_context(|| format!("{id}: the server ended the stream"))?;
        ensure!(response.refusal.is_none(), "{id}: a frame was refused: {:?}", response.refusal);
        Ok(response.frame_data)
    }
}
