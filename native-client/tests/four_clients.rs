//! Four clients with real video at once, through the real server: every frame is answered, and every answer is
//! a picture with everybody in the right place.

mod support;

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use image::imageops::{FilterType, overlay, resize};
use image::{GrayImage, Luma as Gray};
use support::{
    FAST, FRAMES, Luma, RealServer, clip, decoded_by_ffmpeg, figure, psnr, run, session_config, silent,
    skipped, stderr, stdout, watch, within,
};
use tessera_client::frames::Playback;
use tessera_client::join::{Join, join};
use tessera_client::pacing::Pace;
use tessera_client::progress::{Results, Screen};
use tessera_client::source::{Content, SourceSpec};
use tessera_server_core::CancellationToken;
use tessera_wire::FrameResponse;
use tokio::task::JoinSet;

/// The file of mosaic `number` that client `client` saves.
fn saved(folder: &Path, client: usize, number: usize) -> PathBuf {
    folder.join(format!("client{client}/client_client{client}_frame_{number}.jpg"))
}

/// The program's `join` with the clip of client `number`, as fast as it goes.
async fn send_whole_clip(server: SocketAddr, folder: PathBuf, number: usize) {
    let (id, clip, server) = (format!("client{number}"), clip(number), server.to_string());
    let out = folder.join(&id);
    let [clip, out] = [&clip, &out].map(|path| path.to_str().unwrap());
    let output = run(["join", &id, clip, "--server", &server, "--fps", "max", "--out", out]).await;
    assert_eq!(output.status.code(), Some(0), "{id}: {}", stderr(&output));
    let (summary, frames) = (stdout(&output), FRAMES[number - 1]);
    assert_eq!(figure(&summary, "frames sent"), frames, "{id}");
    assert_eq!(figure(&summary, "mosaics received"), frames, "{id}");
    assert_eq!(figure(&summary, "frames refused"), 0, "{id}");
}

/// The work of all `jobs`, side by side.
async fn all(jobs: impl IntoIterator<Item = impl Future<Output = ()> + Send + 'static>) {
    let mut running = JoinSet::new();
    for job in jobs {
        running.spawn(job);
    }
    while let Some(ended) = running.join_next().await {
        ended.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_client_saves_as_many_mosaics_as_it_sent_frames_and_all_of_them_decode_everywhere() {
    let server = RealServer::start();
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    all((1..=4).map(|number| send_whole_clip(server.address, folder.to_owned(), number))).await;

    let ours_alone = skipped("mosaics of four clients in libjpeg-turbo's djpeg and in ffmpeg");
    for (client, frames) in (1..).zip(FRAMES) {
        let files = std::fs::read_dir(folder.join(format!("client{client}"))).unwrap();
        let files: BTreeSet<_> = files.map(|file| file.unwrap().path()).collect();
        let expected: BTreeSet<_> = (1..=frames).map(|number| saved(folder, client, number)).collect();
        assert_eq!(files, expected, "nothing is missing and nothing else is there");
        all(files.into_iter().map(|file| assert_decodes(file, ours_alone))).await;
        if !ours_alone {
            let pattern = folder.join(format!("client{client}/client_client{client}_frame_%d.jpg"));
            let count = decoded_by_ffmpeg("image2", pattern.to_str().unwrap(), Stdio::null()).await;
            assert_eq!(count, frames, "client{client}");
        }
    }
}

/// The mosaic in `file` has its size and is whole for zune-jpeg, and for libjpeg-turbo too unless `ours_alone`.
async fn assert_decodes(file: PathBuf, ours_alone: bool) {
    let mosaic = Luma::of_jpeg(&std::fs::read(&file).unwrap());
    assert_eq!((mosaic.width, mosaic.height), (1280, 960), "{}", file.display());
    if !ours_alone {
        silent("djpeg", &["-outfile", "/dev/null", file.to_str().unwrap()], Stdio::null()).await;
    }
}

/// The first `count` frames of a clip as their tiles show them, in luma and without the edge.
fn expected_tiles(clip: &Path, count: usize) -> Vec<Vec<u8>> {
    let source: SourceSpec = clip.to_str().unwrap().parse().unwrap();
    let mut source = source.open().unwrap();
    let frame = || source.next_frame().unwrap().expect("the clip is long enough").content;
    std::iter::repeat_with(frame).take(count).map(|frame| expected_tile(&frame)).collect()
}

/// A frame in the middle of its tile, its shape kept, scaled by a program that is not ours.
fn expected_tile(frame: &Content) -> Vec<u8> {
    let Content::Picture(picture) = frame else { panic!("a video's frames are pixels") };
    let luma = GrayImage::from_raw(picture.width(), picture.height(), picture.planes()[0].clone()).unwrap();
    let scale = (640.0 / f64::from(luma.width())).min(480.0 / f64::from(luma.height()));
    let [width, height] = [luma.width(), luma.height()].map(|side| even(f64::from(side) * scale));
    let scaled = resize(&luma, width, height, FilterType::CatmullRom);
    let mut tile = GrayImage::from_pixel(640, 480, Gray([0]));
    overlay(&mut tile, &scaled, i64::from(640 - width) / 2, i64::from(480 - height) / 2);
    Luma { width: 640, height: 480, samples: tile.into_raw() }.inner(0, 0, 640, 480)
}

/// The nearest even number: a tile's chroma has one sample for two pixels.
fn even(side: f64) -> u32 {
    (side / 2.0).round() as u32 * 2
}

/// Quadrant `slot` shows `expected`, or is black where nothing is expected.
fn assert_quadrant(mosaic: &Luma, slot: usize, expected: Option<&[u8]>, which: &str) {
    let quadrant = mosaic.quadrant(slot);
    match expected {
        Some(tile) => {
            // In a slow clip the frame before would still have 37.
            let psnr = psnr(&quadrant, tile);
            assert!(psnr > 40.0, "{which}, slot {slot}: {psnr:.1} dB");
        }
        None => assert!(quadrant.iter().all(|&luma| luma == 0), "{which}: slot {slot} is not black"),
    }
}

/// The library's `join` of client `number`, saving into `folder`.
async fn send(server: SocketAddr, folder: PathBuf, number: usize, playback: Playback) {
    let id = format!("client{number}");
    let what = Join {
        session: session_config(server, &id),
        source: clip(number).to_str().unwrap().parse().unwrap(),
        playback,
        save_to: Some(folder.join(&id)),
    };
    let progress = Screen::new(Results::Nowhere).progress("");
    within(join(what, progress, CancellationToken::new())).await.unwrap();
}

/// The mosaic as it is.
async fn look(server: SocketAddr) -> FrameResponse {
    within(watch(server).await.message()).await.unwrap().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_quadrant_is_the_frame_that_its_client_sent_and_black_without_one() {
    const ALONE: usize = 10;
    const TOGETHER: usize = 30;
    let server = RealServer::start();
    let address = server.address;
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    let expected: [Vec<_>; 4] = [1, 2, 3, 4].map(|number| expected_tiles(&clip(number), TOGETHER));

    let before = Luma::of_jpeg(&look(address).await.frame_data);
    (0..4).for_each(|slot| assert_quadrant(&before, slot, None, "before anybody came"));

    // One alone.
    send(address, folder.join("alone"), 1, Playback { max_frames: Some(ALONE as u64), ..FAST }).await;
    for (number, tile) in (1..=ALONE).zip(&expected[0]) {
        let which = format!("mosaic {number} of client1 alone");
        let mosaic = Luma::of_jpeg(&std::fs::read(saved(&folder.join("alone"), 1, number)).unwrap());
        assert_quadrant(&mosaic, 0, Some(tile), &which);
        (1..4).for_each(|slot| assert_quadrant(&mosaic, slot, None, &which));
    }

    // Four together, slow enough to overlap, with a spectator who sees all of them.
    let seen = Arc::new(Mutex::new(Vec::new()));
    let mut mosaics = watch(address).await;
    let spectator = {
        let seen = Arc::clone(&seen);
        tokio::spawn(async move {
            while let Ok(Some(response)) = mosaics.message().await {
                seen.lock().unwrap().push(response);
            }
        })
    };
    let pace = Pace::Every(Duration::from_millis(40));
    let playback = Playback { pace, max_frames: Some(TOGETHER as u64), repeat: false };
    all((1..=4).map(|number| send(address, folder.to_owned(), number, playback))).await;
    spectator.abort();

    for (slot, tiles) in expected.iter().enumerate() {
        for (number, tile) in (1..).zip(tiles) {
            let mosaic = Luma::of_jpeg(&std::fs::read(saved(folder, slot + 1, number)).unwrap());
            assert_quadrant(&mosaic, slot, Some(tile), &format!("mosaic {number} of client{}", slot + 1));
        }
    }
    let seen = std::mem::take(&mut *seen.lock().unwrap());
    let most = seen.iter().map(|response| assert_shows_what_it_says(response, &expected)).max();
    assert_eq!(most, Some(4), "the four were seen together");

    let after = Luma::of_jpeg(&look(address).await.frame_data);
    (0..4).for_each(|slot| assert_quadrant(&after, slot, None, "after all have left"));
}

/// Each quadrant shows the very frame that the response names for its slot; gives how many are taken.
fn assert_shows_what_it_says(response: &FrameResponse, expected: &[Vec<Vec<u8>>; 4]) -> usize {
    if response.frame_data.is_empty() {
        return 0;
    }
    let mosaic = Luma::of_jpeg(&response.frame_data);
    let sent = |slot: usize| {
        let tile = response.tiles.iter().find(|tile| tile.slot as usize == slot)?;
        // 0 is no frame yet; the first is 1.
        expected[slot].get(usize::try_from(tile.sequence).unwrap().checked_sub(1)?)
    };
    let which = format!("mosaic {} of the spectator", response.sequence);
    (0..4).for_each(|slot| assert_quadrant(&mosaic, slot, sent(slot).map(Vec::as_slice), &which));
    (0..4).filter(|&slot| sent(slot).is_some()).count()
}
