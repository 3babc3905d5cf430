//! A short load on the fake server, which misbehaves as it is told.

use std::time::Duration;

use super::*;
use crate::fake_server::{Act, FakeServer};
use crate::progress::Results;

fn what(server: &FakeServer, publishers: u32, viewers: u32) -> Bench {
    Bench {
        server: server.address(),
        place: Place::Elsewhere,
        load: Load {
            publishers,
            viewers,
            rooms: rooms(1),
            pace: Pace::Max,
            max_fps: Some(7),
            up: Up::Stream,
            frame_size: FrameSize::Tile,
            source: "test-pattern".parse().unwrap(),
        },
        time: Duration::from_millis(200),
        json: None,
    }
}

fn rooms(count: u32) -> Rooms {
    Rooms::new(&Room::default(), NonZeroU32::new(count).unwrap()).unwrap()
}

async fn run(what: Bench) -> Result<BenchResult, BenchError> {
    measure(what, &Screen::new(Results::Nowhere)).await
}

#[tokio::test]
async fn publishers_and_viewers_are_counted_and_end() {
    let server = FakeServer::start([]);
    let result = run(what(&server, 2, 3)).await.unwrap();
    assert!(result.frames > 0 && result.mosaics > 0, "{result:?}");
    assert!(result.viewer_fps.unwrap().min > 0.0 && result.round_trip_ms.is_some(), "{result:?}");
    // This server does not say whose frames it shows.
    assert!(result.latency_ms.is_none() && result.server.is_none(), "{result:?}");
    assert_eq!(server.watched().len(), 3);
    assert!(server.watched().iter().all(|asked| asked.client_id.is_empty() && asked.max_fps == 7));
    let hellos: Vec<_> = server.hellos().into_iter().map(|hello| hello.client_id).collect();
    assert_eq!(hellos, ["bench-1", "bench-2"]);
}

#[tokio::test]
async fn rooms_are_taken_in_turn() {
    let server = FakeServer::start([]);
    let mut what = what(&server, 3, 2);
    what.load.rooms = rooms(2);
    run(what).await.unwrap();
    let rooms: Vec<_> = server.hellos().into_iter().map(|hello| hello.room).collect();
    assert_eq!(rooms, ["main", "main-2", "main"]);
}

#[tokio::test]
async fn a_token_that_is_for_one_of_the_rooms_is_an_error_in_the_servers_words() {
    let denied = Act::Deny(Status::unauthenticated("the token is for another room"));
    let server = FakeServer::start([Act::Serve, denied]);
    let mut what = what(&server, 2, 0);
    what.load.rooms = rooms(2);
    let error = run(what).await.unwrap_err().to_string();
    assert!(error.contains("the token is for another room"), "{error}");
}

#[tokio::test]
async fn a_stream_that_breaks_is_an_error_at_once() {
    let server = FakeServer::start([Act::Break { after: 3, status: Status::unavailable("stopping") }]);
    let mut what = what(&server, 1, 0);
    what.time = Duration::from_secs(3600);
    let error = run(what).await.unwrap_err();
    assert!(error.to_string().contains("stopping"), "{error}");
}

#[tokio::test]
async fn a_new_tile_is_made_when_the_server_wants_one() {
    let server = FakeServer::start([Act::Retile { width: 128, height: 96 }]);
    run(what(&server, 1, 0)).await.unwrap();
    let streams = server.streams();
    let last = streams[0].last().unwrap();
    let decoded = image::load_from_memory(&last.frame_data).unwrap();
    assert_eq!((decoded.width(), decoded.height()), (128, 96));
    assert!(last.captured_at_us > 0 && last.sequence > 1);
}

#[tokio::test]
async fn at_full_size_frames_go_to_a_server_that_knows_no_seats() {
    let server = FakeServer::start([Act::NoSeat, Act::NoSeat]);
    let tiles = run(what(&server, 1, 0)).await.unwrap_err();
    assert!(tiles.to_string().contains("--full-size"), "{tiles}");
    let mut what = what(&server, 1, 0);
    what.load.frame_size = FrameSize::Full;
    assert!(run(what).await.unwrap().frames > 0);
}

#[test]
fn rooms_are_numbered_from_the_second_on_as_far_as_names_go() {
    let long: Room = "r".repeat(62).parse().unwrap();
    let count = |count| NonZeroU32::new(count).unwrap();
    let rooms = Rooms::new(&long, count(9)).unwrap();
    assert_eq!(
        [0, 1, 9].map(|number| rooms.of(number)),
        [long.clone(), format!("{long}-2").parse().unwrap(), long.clone()]
    );
    assert!(Rooms::new(&long, count(10)).is_err());
    assert_eq!(Rooms::new(&long, count(1)).unwrap().count(), 1);
}
