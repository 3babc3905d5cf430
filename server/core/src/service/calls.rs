//! The methods by their paths. tonic reads requests and makes heads and errors of responses; the bodies of streams
//! are ours.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use axum::http;
use futures_util::stream::{Empty, empty, unfold};
use tessera_wire::{FrameRequest, FrameResponse, PushFrameResponse, WatchMosaicRequest};
use tonic::server::{Grpc, ServerStreamingService, StreamingService, UnaryService};
use tonic::{Request, Response, Status, Streaming};
use tonic_prost::ProstCodec;

use super::held::HeldBody;
use super::message::Body;
use super::{Service, frames, peer, push, status, watch};
use crate::limits::CallLimits;
use crate::peer::Peer;

type HttpRequest = http::Request<tonic::body::Body>;
type HttpResponse = http::Response<tonic::body::Body>;
type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// The gRPC service, as HTTP.
#[derive(Debug, Clone)]
pub(crate) struct Calls {
    service: Service,
    limits: CallLimits,
}

impl Calls {
    pub(crate) fn new(service: Service, limits: CallLimits) -> Self {
        Self { service, limits }
    }

    async fn answer(self, request: HttpRequest) -> HttpResponse {
        let Some(peer) = request.extensions().get::<Peer>() else { return status::no_peer().into_http() };
        let holding = peer.hold();
        if request.uri().path() == "/VideoProcessingService/StreamFrames" {
            let held = request.map(|body| tonic::body::Body::new(HeldBody::stream(body, holding)));
            return self.dispatch(held).await;
        }
        // The message is held as long as it is in work.
        let holding = Arc::new(Mutex::new(holding));
        let held = |body| HeldBody::single(body, Arc::clone(&holding), self.limits.silent_after);
        let request = request.map(|body| tonic::body::Body::new(held(body)));
        self.dispatch(request).await
    }

    async fn dispatch(&self, request: HttpRequest) -> HttpResponse {
        match request.uri().path() {
            "/VideoProcessingService/StreamFrames" => {
                let mut body = None;
                let opening = Opening { service: &self.service, body: &mut body };
                let response = self.grpc::<FrameResponse, _>().streaming(opening, request).await;
                with_body(response, body)
            }
            "/VideoProcessingService/WatchMosaic" => {
                let mut body = None;
                let opening = Opening { service: &self.service, body: &mut body };
                let response = self.grpc::<FrameResponse, _>().server_streaming(opening, request).await;
                with_body(response, body)
            }
            "/VideoProcessingService/PushFrame" => self.grpc().unary(Push(&self.service), request).await,
            _ => status::no_such_method().into_http(),
        }
    }

    fn grpc<T, U>(&self) -> Grpc<ProstCodec<T, U>>
    where
        T: prost::Message + 'static,
        U: prost::Message + Default + 'static,
    {
        Grpc::new(ProstCodec::default()).max_decoding_message_size(self.limits.max_message_bytes as usize)
    }
}

impl tower_service::Service<HttpRequest> for Calls {
    type Response = HttpResponse;
    type Error = Infallible;
    type Future = BoxFuture<Result<HttpResponse, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: HttpRequest) -> Self::Future {
        let answer = self.clone().answer(request);
        Box::pin(async { Ok(answer.await) })
    }
}

/// A call that begins. tonic gets a stream without messages for the head of the response; what is to be its body is
/// left here. Nothing is left if the call fails at once: then all of the response is tonic's.
struct Opening<'a> {
    service: &'a Service,
    body: &'a mut Option<Body>,
}

type Opened = Result<Response<Empty<Result<FrameResponse, Status>>>, Status>;

impl StreamingService<FrameRequest> for Opening<'_> {
    type Response = FrameResponse;
    type ResponseStream = Empty<Result<FrameResponse, Status>>;
    type Future = Ready<Opened>;

    fn call(&mut self, request: Request<Streaming<FrameRequest>>) -> Self::Future {
        ready(peer(&request).map(|peer| {
            let frames = frames::Frames::new(self.service.clone(), peer, request.into_inner());
            *self.body = Some(Body::new(unfold(frames, async |mut frames| {
                frames.next().await.map(|response| (response, frames))
            })));
            Response::new(empty())
        }))
    }
}

impl ServerStreamingService<WatchMosaicRequest> for Opening<'_> {
    type Response = FrameResponse;
    type ResponseStream = Empty<Result<FrameResponse, Status>>;
    type Future = Ready<Opened>;

    fn call(&mut self, request: Request<WatchMosaicRequest>) -> Self::Future {
        let watch = peer(&request).and_then(|peer| watch::Watch::new(self.service, peer, request.get_ref()));
        ready(watch.map(|watch| {
            *self.body = Some(Body::new(unfold(watch, async |mut watch| {
                watch.next().await.map(|response| (response, watch))
            })));
            Response::new(empty())
        }))
    }
}

fn with_body(response: HttpResponse, body: Option<Body>) -> HttpResponse {
    match body {
        Some(body) => response.map(|_| tonic::body::Body::new(body)),
        None => response,
    }
}

struct Push<'a>(&'a Service);

impl UnaryService<FrameRequest> for Push<'_> {
    type Response = PushFrameResponse;
    type Future = BoxFuture<Result<Response<PushFrameResponse>, Status>>;

    fn call(&mut self, request: Request<FrameRequest>) -> Self::Future {
        let service = self.0.clone();
        Box::pin(async move { push::push(&service, request.into_inner()).await.map(Response::new) })
    }
}
