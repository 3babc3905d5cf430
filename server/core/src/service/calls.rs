//! The methods by their paths. tonic reads requests and makes heads and errors of responses; the bodies of streams
//! are ours.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use axum::http;
use futures_util::stream::{Empty, empty, unfold};
use tessera_wire::video_processing_service_server::SERVICE_NAME;
use tessera_wire::{FrameRequest, FrameResponse, WatchMosaicRequest};
use tonic::server::{Grpc, ServerStreamingService, StreamingService, UnaryService};
use tonic::{Request, Response, Status, Streaming};
use tonic_prost::ProstCodec;

use super::caller::{Caller, reached};
use super::held::HeldBody;
use super::message::Body;
use super::{Service, frames, push, rule, status, watch};

type HttpRequest = http::Request<tonic::body::Body>;
type HttpResponse = http::Response<tonic::body::Body>;
type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// The gRPC service, as HTTP.
#[derive(Debug, Clone)]
pub(crate) struct Calls {
    service: Service,
}

impl Calls {
    pub(crate) fn new(service: Service) -> Self {
        Self { service }
    }

    async fn answer(self, request: HttpRequest) -> HttpResponse {
        let Some(method) = Method::of(request.uri().path()) else {
            return status::no_such_method().into_http();
        };
        // Before anything of the body is read.
        let caller = match Caller::of(&request, &self.service) {
            Ok(caller) => caller,
            Err(status) => return status.into_http(),
        };
        match method {
            Method::StreamFrames => self.stream_frames(caller, request).await,
            Method::WatchMosaic => {
                self.single(caller, request, |caller, request| self.watch_mosaic(caller, request)).await
            }
            Method::PushFrame => {
                self.unary(caller, request, |service, caller, request| async move {
                    push::push(&service, &caller, request).await
                })
                .await
            }
            Method::EndSeat => {
                self.unary(caller, request, |service, caller, request| async move {
                    rule::end_seat(&service, &caller, &request)
                })
                .await
            }
            Method::LockRoom => {
                self.unary(caller, request, |service, caller, request| async move {
                    rule::lock_room(&service, &caller, &request)
                })
                .await
            }
        }
    }

    /// Answers a call whose request is one message, within the caller's time.
    async fn single<F: Future<Output = HttpResponse>>(
        &self,
        caller: Caller,
        request: HttpRequest,
        answer: impl FnOnce(Caller, HttpRequest) -> F,
    ) -> HttpResponse {
        let deadline = caller.deadline();
        // The message is held as long as it is in work.
        let holding = Arc::new(Mutex::new(caller.peer.hold()));
        let timeout = self.service.limits.silent_after;
        let request = held(request, |body| HeldBody::single(body, Arc::clone(&holding), timeout));
        tokio::select! {
            response = answer(caller, request) => response,
            () = reached(deadline) => status::deadline().into_http(),
        }
    }

    async fn stream_frames(&self, caller: Caller, request: HttpRequest) -> HttpResponse {
        let holding = caller.peer.hold();
        let request = held(request, |body| HeldBody::stream(body, holding));
        let mut body = None;
        let opening = Opening { service: &self.service, caller: Some(caller), body: &mut body };
        let response = self.grpc::<FrameResponse, _>().streaming(opening, request).await;
        with_body(response, body)
    }

    async fn watch_mosaic(&self, caller: Caller, request: HttpRequest) -> HttpResponse {
        let mut body = None;
        let opening = Opening { service: &self.service, caller: Some(caller), body: &mut body };
        let mut grpc = self.grpc::<FrameResponse, _>();
        let response = grpc.server_streaming(opening, request).await;
        with_body(response, body)
    }

    /// Answers one message with one.
    async fn unary<T, U, F>(
        &self,
        caller: Caller,
        request: HttpRequest,
        answer: impl FnOnce(Service, Caller, T) -> F + Send,
    ) -> HttpResponse
    where
        T: prost::Message + Default + 'static,
        U: prost::Message + Sync + 'static,
        F: Future<Output = Result<U, Status>> + Send + 'static,
    {
        self.single(caller, request, async |caller, request| {
            let call = Some((self.service.clone(), caller));
            let one = One { answer: Some(answer), call, types: PhantomData };
            self.grpc::<U, T>().unary(one, request).await
        })
        .await
    }

    fn grpc<T, U>(&self) -> Grpc<ProstCodec<T, U>>
    where
        T: prost::Message + 'static,
        U: prost::Message + Default + 'static,
    {
        Grpc::new(ProstCodec::default())
            .max_decoding_message_size(self.service.limits.max_message_bytes as usize)
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

fn held(request: HttpRequest, body: impl FnOnce(tonic::body::Body) -> HeldBody) -> HttpRequest {
    request.map(|bytes| tonic::body::Body::new(body(bytes)))
}

/// The methods.
#[derive(Debug, Clone, Copy)]
enum Method {
    StreamFrames,
    WatchMosaic,
    PushFrame,
    EndSeat,
    LockRoom,
}

impl Method {
    fn of(path: &str) -> Option<Self> {
        match path.strip_prefix('/')?.strip_prefix(SERVICE_NAME)? {
            "/StreamFrames" => Some(Self::StreamFrames),
            "/WatchMosaic" => Some(Self::WatchMosaic),
            "/PushFrame" => Some(Self::PushFrame),
            "/EndSeat" => Some(Self::EndSeat),
            "/LockRoom" => Some(Self::LockRoom),
            _ => None,
        }
    }
}

/// A call that begins. tonic gets a stream without messages for the head of the response; what is to be its body is
/// left here. Nothing is left if the call fails at once: then all of the response is tonic's.
struct Opening<'a> {
    service: &'a Service,
    /// Until it is called, which is once.
    caller: Option<Caller>,
    body: &'a mut Option<Body>,
}

type Opened = Result<Response<Empty<Result<FrameResponse, Status>>>, Status>;

impl StreamingService<FrameRequest> for Opening<'_> {
    type Response = FrameResponse;
    type ResponseStream = Empty<Result<FrameResponse, Status>>;
    type Future = Ready<Opened>;

    fn call(&mut self, request: Request<Streaming<FrameRequest>>) -> Self::Future {
        ready(self.caller.take().ok_or_else(status::called_twice).map(|caller| {
            let sending = caller.peer.send();
            let frames = frames::Frames::new(self.service.clone(), caller, request.into_inner());
            let messages =
                unfold(frames, async |mut frames| frames.next().await.map(|response| (response, frames)));
            *self.body = Some(Body::new(messages, sending));
            Response::new(empty())
        }))
    }
}

impl ServerStreamingService<WatchMosaicRequest> for Opening<'_> {
    type Response = FrameResponse;
    type ResponseStream = Empty<Result<FrameResponse, Status>>;
    type Future = Ready<Opened>;

    fn call(&mut self, request: Request<WatchMosaicRequest>) -> Self::Future {
        let Some(caller) = self.caller.take() else { return ready(Err(status::called_twice())) };
        let sending = caller.peer.send();
        let watch = watch::Watch::new(self.service, caller, request.get_ref());
        ready(watch.map(|watch| {
            let messages =
                unfold(watch, async |mut watch| watch.next().await.map(|response| (response, watch)));
            *self.body = Some(Body::new(messages, sending));
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

/// A method that answers one message with one, called once.
struct One<A, T> {
    answer: Option<A>,
    call: Option<(Service, Caller)>,
    types: PhantomData<fn(T)>,
}

impl<A, T, U, F> UnaryService<T> for One<A, T>
where
    A: FnOnce(Service, Caller, T) -> F,
    U: Send + Sync + 'static,
    F: Future<Output = Result<U, Status>> + Send + 'static,
{
    type Response = U;
    type Future = BoxFuture<Result<Response<U>, Status>>;

    fn call(&mut self, request: Request<T>) -> Self::Future {
        let (Some(answer), Some((service, caller))) = (self.answer.take(), self.call.take()) else {
            return Box::pin(ready(Err(status::called_twice())));
        };
        let answer = answer(service, caller, request.into_inner());
        Box::pin(async move { answer.await.map(Response::new) })
    }
}
