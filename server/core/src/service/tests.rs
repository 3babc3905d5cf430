//! What is not done twice, and what is not done at all.

use std::time::{Duration, Instant};

use tessera_mosaic::{Fit, Grid, Picture, Quality, TileFormat, TileSize, encode_jpeg};
use tessera_wire::WatchMosaicRequest;

use super::*;
use crate::counters::Counters;
use crate::limits::Limits;
use crate::lobby::Plan;
use crate::peer::Peer;
use crate::piece::Piece;
use crate::room::KEPT;

struct Call {
    service: Service,
    room: Stay,
    seat: Seat,
}

fn caller(service: &Service) -> Caller {
    let (mut parts, ()) = axum::http::Request::new(()).into_parts();
    parts.extensions.insert(Peer::new(([127, 0, 0, 1], 1).into(), Instant::now()));
    Caller::of(&axum::http::Request::from_parts(parts, ()), service).unwrap()
}

fn application(client_id: &str) -> Application<'_> {
    Application { room: "", client_id, display_name: "", session: "", preferred_slot: None }
}

impl Call {
    fn new() -> Self {
        let format =
            TileFormat { size: TileSize::new(160, 128).unwrap(), quality: Quality::new(85).unwrap() };
        let limits = Limits::default();
        let pool = Arc::new(Pool::new(&limits.frames));
        let lobby = Lobby::new(Plan {
            grid: Grid::new(2).unwrap(),
            tile: TileSpec { format, fit: Fit::Contain },
            pool: Arc::clone(&pool),
            wrap: envelope,
            limits: limits.clone(),
            counters: Counters::default(),
        });
        let (access, stopping) = (Access::default(), CancellationToken::new());
        let service = Service { lobby, pool, access, limits: limits.calls, max_fps: 30, stopping };
        let (_, room, seat) = service.seat(&caller(&service), &application("anna")).unwrap();
        Self { service, room, seat }
    }

    /// Takes in a grey picture that is no tile, and gives the piece that is shown then.
    async fn send(&self, grey: u8, wanted: Wanted) -> Arc<Piece> {
        let picture = Picture::from_gray(300, 200, vec![grey; 300 * 200]).unwrap();
        let frame_data = encode_jpeg(&picture, Quality::new(90).unwrap()).into();
        let request = FrameRequest { frame_data, ..FrameRequest::default() };
        let taken = self.service.take_in(&self.room, self.seat.ticket(), request, wanted, || Ok(true)).await;
        assert!(matches!(taken, Ok(Taken::Used)));
        self.room.seats.snapshot().0.pieces[0].clone().unwrap()
    }
}

#[tokio::test]
async fn a_frame_that_comes_again_is_not_taken_in_again() {
    let call = Call::new();
    let first = call.send(100, Wanted::Now).await;
    let sequence = call.room.seats.sequence();
    assert!(Arc::ptr_eq(&first, &call.send(100, Wanted::Now).await));
    assert!(call.room.seats.sequence() > sequence, "its number and time are new all the same");
    assert!(!Arc::ptr_eq(&first, &call.send(101, Wanted::Now).await));
}

#[tokio::test]
async fn a_frame_that_is_replaced_before_a_mosaic_takes_it_is_never_made_a_tile() {
    let call = Call::new();
    let replaced = call.send(100, Wanted::Later).await;
    let shown = call.send(101, Wanted::Later).await;
    assert!(shown.is_pending());
    let mosaic = call.room.fanout.newest().await;
    assert!(!shown.is_pending() && replaced.is_pending());
    assert!(shown.tile().is_some());
    assert!(Arc::ptr_eq(&mosaic, &call.room.fanout.newest().await));
}

#[tokio::test]
async fn a_frame_that_is_kept_does_not_keep_the_message_that_it_came_in() {
    let call = Call::new();
    let picture = Picture::from_gray(300, 200, vec![100; 300 * 200]).unwrap();
    let jpeg = encode_jpeg(&picture, Quality::new(90).unwrap());
    let message = Bytes::from([&jpeg[..], &[0; 1 << 20]].concat());
    let request = FrameRequest { frame_data: message.slice(..jpeg.len()), ..FrameRequest::default() };
    let ticket = call.seat.ticket();
    let taken = call.service.take_in(&call.room, ticket, request, Wanted::Later, || Ok(true)).await;
    assert!(matches!(taken, Ok(Taken::Used)));
    assert_eq!(call.room.seats.last_frame(ticket).unwrap().0, jpeg);
    assert!(message.is_unique());
}

#[tokio::test]
async fn a_frame_that_is_answered_with_its_mosaic_is_made_a_tile_at_once() {
    assert!(!Call::new().send(100, Wanted::Now).await.is_pending());
}

#[tokio::test(start_paused = true)]
async fn whoever_may_not_come_in_does_not_keep_the_room_either() {
    let Call { service, room, seat } = Call::new();
    room.seats.set_locked(true);
    drop((seat, room));
    tokio::time::sleep(KEPT - Duration::from_secs(1)).await;
    let refused = service.seat(&caller(&service), &application("bert")).map(|_| ()).unwrap_err();
    assert_eq!(refused.code(), tonic::Code::PermissionDenied);
    let spectator = WatchMosaicRequest::default();
    let refused = watch::Watch::new(&service, caller(&service), &spectator).map(|_| ()).unwrap_err();
    assert_eq!(refused.code(), tonic::Code::PermissionDenied);
    assert!(service.lobby.find(&RoomId::main()).is_some());
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert!(service.lobby.find(&RoomId::main()).is_none());
}
