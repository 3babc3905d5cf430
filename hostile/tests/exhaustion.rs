//! Guests who want more than their share, beside bystanders who must not notice. The server's limits are those of
//! [`FLAGS`](tessera_hostile::stage::FLAGS); with the defaults, and for long, the same is tried by `make soak`.
//!
//! | row | test |
//! | --- | --- |
//! | 5,000 silent connections | `silent_connections_over_the_limit_are_closed_at_once_and_the_others_in_time` |
//! | slow header, preface | `slow_headers_and_prefaces_are_closed_in_time` |
//! | slow body | `a_body_that_never_ends_is_ended_as_silence` |
//! | a viewer that never reads: HTTP/2 | `a_window_that_never_opens_is_ended_though_pings_are_answered` |
//! | a viewer that never reads: HTTP/1 | `a_viewer_that_reads_nothing_is_ended` |
//! | 100 viewers at 1 kB/s | `slow_viewers_slow_nobody` |
//! | a publisher at 1,000 fps, StreamFrames | `frames_without_end_are_slowed_and_all_answered` |
//! | a publisher at 1,000 fps, PushFrame | `pushes_without_end_are_resource_exhausted_and_the_seat_stays` |
//! | 10,000 rooms | `rooms_over_the_limit_are_resource_exhausted` |
//! | 10,000 ids | `ids_without_end_are_resource_exhausted` |
//! | no file descriptors left | `without_descriptors_it_waits_and_recovers` of process.rs |
//! | joining and leaving 500 times a second | `joining_and_leaving_without_end_leaves_nothing` |
//! | frames that take as long as any may, from many seats | `dear_frames_delay_nobody_else` |
//! | messages that are announced and never sent | `messages_that_never_come_as_a_whole_are_bounded` |
//! | large messages and frames that stay | `frames_that_are_shown_are_bounded_for_each_address` |

use std::cell::Cell;
use std::sync::LazyLock;
use std::time::Duration;

use futures_util::future::{join_all, try_join_all};
use tessera_hostile::attack::h2::{Connection, Ending, Frame, grpc};
use tessera_hostile::attack::slow::{self, Opening};
use tessera_hostile::attack::{jpeg, swarm};
use tessera_hostile::guest::{self, Guest};
use tessera_hostile::pictures;
use tessera_hostile::stage::{Stage, TILE};
use tessera_hostile::target::within;
use tokio::time::timeout;
use tonic::Code;

static STAGE: LazyLock<Stage> = LazyLock::new(|| Stage::start(&[]));

/// What [`tessera_hostile::stage::FLAGS`] allow one address.
const CONNECTIONS: usize = 64;
/// Silence is borne for a second; on a busy machine a few pass until that is seen.
const CLOSED: Duration = Duration::from_secs(5);
/// And rooms.
const ROOMS: usize = 10;
/// And all addresses together.
const ALL_ROOMS: usize = 20;
/// Bytes of messages of one address.
const HELD: usize = 16 << 20;

#[tokio::test]
async fn silent_connections_over_the_limit_are_closed_at_once_and_the_others_in_time() {
    STAGE
        .row(async |stage| {
            let before = stage.counters().held().connections;
            // On a busy machine the first are closed before the last are there.
            let many = stage.counters().wait_for(|held| held.connections >= before + CONNECTIONS / 2);
            let (sockets, _) =
                within(async { tokio::join!(swarm::connections(stage.target(), 200), many) }).await;
            let mut sockets = sockets.unwrap();
            // One more may be seen before it is closed.
            let over = stage.counters().wait_for(|held| held.connections > before + CONNECTIONS + 1);
            let all_closed = timeout(CLOSED, join_all(sockets.iter_mut().map(slow::closed)));
            tokio::select! {
                held = over => panic!("{held:?}"),
                closed = all_closed => drop(closed.expect("silence is borne")),
            }
        })
        .await;
}

#[tokio::test]
async fn slow_headers_and_prefaces_are_closed_in_time() {
    STAGE
        .row(async |stage| {
            let target = stage.target();
            let all = Opening::ALL.map(|opening| timeout(CLOSED, opening.until_closed(target)));
            for (closed, opening) in join_all(all).await.into_iter().zip(Opening::ALL) {
                closed.unwrap_or_else(|_| panic!("{opening:?} is borne")).unwrap();
            }
        })
        .await;
}

#[tokio::test]
async fn a_body_that_never_ends_is_ended_as_silence() {
    STAGE
        .row(async |stage| {
            let ending = within(slow::slow_body(stage.target(), grpc(&guest::hello("slow")))).await.unwrap();
            assert_eq!(ending, Ending::Stream);
        })
        .await;
}

#[tokio::test]
async fn a_window_that_never_opens_is_ended_though_pings_are_answered() {
    STAGE
        .row(async |stage| {
            within(slow::closed_window(stage.target())).await.unwrap();
        })
        .await;
}

#[tokio::test]
async fn a_viewer_that_reads_nothing_is_ended() {
    STAGE
        .row(async |stage| {
            let before = stage.counters().held();
            let mut socket = within(slow::unread(stage.target())).await.unwrap();
            within(stage.counters().wait_for(|held| held.connections > before.connections)).await;
            within(stage.counters().wait_for(|held| held.connections == before.connections)).await;
            within(slow::closed(&mut socket)).await;
        })
        .await;
}

#[tokio::test]
async fn slow_viewers_slow_nobody() {
    STAGE
        .row(async |stage| {
            let target = stage.target();
            // They have their time; that the others do not notice is what counts.
            let reading = join_all((0..40).map(|_| slow::slow_reader(target, 1000)));
            timeout(Duration::from_secs(3), reading).await.ok();
        })
        .await;
}

#[tokio::test]
async fn frames_without_end_are_slowed_and_all_answered() {
    STAGE
        .row(async |stage| {
            let jpeg = pictures::frame(TILE.0, TILE.1, 1);
            let answered = within(swarm::frames(stage.target(), "fast", jpeg, 1000)).await.unwrap();
            assert_eq!(answered, 1000);
        })
        .await;
}

#[tokio::test]
async fn pushes_without_end_are_resource_exhausted_and_the_seat_stays() {
    STAGE
        .row(async |stage| {
            let guest = Guest::connect(stage.target()).await.unwrap();
            let mut mosaics = within(guest.watch(guest::seated("fast"))).await.unwrap();
            let seat = within(guest::first(&mut mosaics)).await.unwrap().seat.unwrap();
            let jpeg = pictures::frame(TILE.0, TILE.1, 1);
            let pushing = async {
                loop {
                    let refused = swarm::pushes(&guest, &seat, &jpeg, 512).await;
                    if let Some(code) = refused.first() {
                        return *code;
                    }
                }
            };
            let code = timeout(Duration::from_secs(8), pushing).await.expect("all pushes are taken");
            assert_eq!(code, Code::ResourceExhausted);
            within(guest::first(&mut mosaics)).await.unwrap();
        })
        .await;
}

#[tokio::test]
async fn rooms_over_the_limit_are_resource_exhausted() {
    STAGE
        .row(async |stage| {
            let enter = async |who, count| {
                let answers = within(swarm::rooms_of(stage.target(), who, count)).await.unwrap();
                let refused: Vec<_> =
                    answers.iter().filter_map(|answer| answer.as_ref().err()).copied().collect();
                let rooms: Vec<_> = answers.into_iter().flatten().collect();
                assert_eq!(refused, vec![Code::ResourceExhausted; count - rooms.len()]);
                rooms
            };
            // One address has as many as it may.
            let viewers = stage.counters().held().viewers;
            let first = enter("of the first", ROOMS + 10).await;
            assert_eq!((first.len(), stage.counters().held().rooms), (ROOMS, 1 + ROOMS));
            within(stage.counters().wait_for(|held| held.viewers == viewers + ROOMS)).await;
            // Another one has what is left of all: one less than it may, as the bystanders have one.
            let second = enter("of the second", ROOMS).await;
            assert_eq!((second.len(), stage.counters().held().rooms), (ROOMS - 1, ALL_ROOMS));
            // And for a third there is none, but those that are there.
            assert_eq!(enter("of the third", 3).await.len(), 0);
            assert_eq!(enter("of the first", 1).await.len(), 1);
            assert_eq!(stage.counters().held().rooms, ALL_ROOMS);
            // Those that stand empty make way.
            drop(second);
            within(stage.counters().wait_for(|held| held.viewers == viewers + ROOMS)).await;
            assert_eq!(enter("of the third", ROOMS).await.len(), ROOMS - 1);
        })
        .await;
}

#[tokio::test]
async fn ids_without_end_are_resource_exhausted() {
    STAGE
        .row(async |stage| {
            let (taken, refused) = within(swarm::seats(stage.target(), "crowd", 100)).await.unwrap();
            assert_eq!(refused, Some(Code::ResourceExhausted));
            assert!(taken <= 47, "two of 49 seats are the bystanders', and {taken} were taken");
        })
        .await;
}

#[tokio::test]
async fn joining_and_leaving_without_end_leaves_nothing() {
    STAGE
        .row(async |stage| {
            // As one address may join 120 times a minute, there are many of them, none of which is refused.
            let names: [_; 10] = std::array::from_fn(|n| format!("moth {n}"));
            let moths = names.each_ref().map(|name| swarm::come_and_go(stage.target(), name, 100));
            let came = within(try_join_all(moths)).await.unwrap();
            assert_eq!(came, [(100, None); 10]);
        })
        .await;
}

#[tokio::test]
async fn messages_that_never_come_as_a_whole_are_bounded() {
    STAGE
        .row(async |stage| {
            let before = stage.counters().held().bytes;
            let target = stage.target();
            let hold = async |n| {
                let mut connection = Connection::open(target, &[]).await.unwrap();
                connection.send(&Frame::call(1, "StreamFrames")).await.unwrap();
                let begun = [&grpc(&guest::hello(&format!("hoarder {n}")))[..], &[0, 0, 0x70, 0, 0]].concat();
                connection.fill(1, begun, 0x6F_FFFF).await
            };
            // Six of seven megabytes each are more than one address may hold.
            let hoarding = join_all((0..6).map(hold));
            let watching = stage.counters().wait_for(|held| held.bytes > before + HELD + (1 << 20));
            tokio::select! {
                held = watching => panic!("{held:?}"),
                endings = within(hoarding) => assert!(endings.iter().any(|&ending| ending != Ending::Closed)),
            }
        })
        .await;
}

#[tokio::test]
async fn frames_that_are_shown_are_bounded_for_each_address() {
    STAGE
        .row(async |stage| {
            // Good tiles, behind three megabytes of comments each: one address may have sixteen.
            let (target, frame) = (stage.target(), jpeg::padded(TILE, 3 << 20));
            let mut refusals = Vec::new();
            let mut standing = Vec::new();
            for n in 0..8 {
                let guest = Guest::connect(target).await.unwrap();
                let (seat, welcome) = guest.join(guest::hello(&format!("keeper {n}"))).await.unwrap();
                let push = guest::push(&welcome.seat.unwrap(), 1, frame.clone());
                refusals.extend(guest.push(push).await.unwrap().refusal.map(|refusal| refusal.message));
                standing.push(seat);
            }
            assert_eq!(refusals.len(), 3, "{refusals:?}");
            assert!(refusals[0].contains("--max-held-bytes-per-ip"), "{refusals:?}");
            // Others may have used it up: nobody is ended for that.
            let guest = Guest::connect(target).await.unwrap();
            let (mut seat, _) = guest.join(guest::hello("late")).await.unwrap();
            for _ in 0..25 {
                assert!(seat.show(frame.clone()).await.unwrap().refusal.is_some());
            }
            assert!(seat.show(jpeg::canonical(TILE)).await.unwrap().refusal.is_none());
        })
        .await;
}

/// One address, and frames of a megabyte: as many seats as it may have bytes for. Who waited for his turn among them would
/// be answered as often as they are.
#[tokio::test]
async fn dear_frames_delay_nobody_else() {
    const SEATS: usize = 14;
    const FRAMES: usize = 3;
    STAGE
        .row(async |stage| {
            let join = async |target, id: String| {
                let guest = Guest::connect(target).await.unwrap();
                guest.join(guest::hello(&id)).await.unwrap().0
            };
            let target = stage.target();
            let spenders = join_all((0..SEATS).map(|n| join(target, format!("spender {n}")))).await;
            let mut other = join(stage.target(), "other".to_owned()).await;
            let dear = jpeg::dear();
            // The same frame again would cost no worker.
            let tiles = [1, 2].map(|n| pictures::frame(TILE.0, TILE.1, n));
            let spend = async |mut frames: guest::Frames| {
                for _ in 0..FRAMES {
                    assert_eq!(frames.show(dear.clone()).await.unwrap().refusal, None);
                }
            };
            let answers = Cell::new(0);
            let show = async {
                for tile in tiles.iter().cycle() {
                    other.show(tile.clone()).await.unwrap();
                    answers.set(answers.get() + 1);
                }
            };
            tokio::select! {
                _ = join_all(spenders.into_iter().map(spend)) => {}
                () = show => {}
            }
            let answers = answers.get();
            // By turns it would have about as many as each of them; as it uses the least, it has a thousand.
            assert!(answers > 20 * FRAMES, "{answers} answers to one, while others had {FRAMES} each");
        })
        .await;
}
