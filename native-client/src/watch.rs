//! `tessera-client watch`: a room's mosaics into files, a recording or a pipe.

use std::time::Duration;

use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use crate::error::{SessionError, waiting_line};
use crate::progress::Progress;
use crate::sink::{Sink, SinkError, Target};
use crate::viewer::{View, Viewer, ViewerConfig};

/// How long whoever reads standard output may take to drain it after the end.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(2);

/// Everything that a spectator does.
#[derive(Debug, Clone)]
pub struct Watch {
    /// What is watched.
    pub viewer: ViewerConfig,
    /// Where mosaics go; nowhere without.
    pub out: Option<Target>,
    /// For how long.
    pub time: Option<Duration>,
    /// At most so many mosaics.
    pub max_frames: Option<u64>,
}

/// Watches until it is told to stop, its time is over, it has seen enough, or nobody reads its output.
///
/// # Errors
///
/// Whatever ended it before its time.
pub async fn watch(what: Watch, mut progress: Progress, stop: CancellationToken) -> Result<(), SessionError> {
    let out = what.out.map(Out::new);
    if let Some(most) = what.max_frames {
        progress.expect(most);
    }
    let mut viewer = Viewer::new(what.viewer, stop);
    let limits = Limits { time: what.time, mosaics: what.max_frames };
    let ended = view(&mut viewer, limits, out.as_ref(), &mut progress).await;
    let end = Instant::now();
    let ended = conclude(ended, out, &progress).await;
    if let Some(since) = viewer.since() {
        progress.finish(&viewer.tally().summary(since, end), ended.is_ok());
    }
    ended
}

/// Where mosaics go, and whether somebody may be in no hurry to take them there.
#[derive(Debug)]
struct Out {
    sink: Sink,
    is_read: bool,
}

impl Out {
    fn new(target: Target) -> Self {
        Self { is_read: target == Target::Stdout, sink: Sink::new(target) }
    }
}

/// When it is enough.
#[derive(Debug, Clone, Copy)]
struct Limits {
    time: Option<Duration>,
    mosaics: Option<u64>,
}

/// Carries mosaics to the sink until something ends it.
async fn view(
    viewer: &mut Viewer,
    limits: Limits,
    out: Option<&Out>,
    progress: &mut Progress,
) -> Result<(), SessionError> {
    // The time counts from when the server let us in.
    let mut end = None;
    loop {
        let view = tokio::select! {
            biased;
            () = reached(end) => return Ok(()),
            view = viewer.next() => view?,
        };
        match view {
            None => return Ok(()),
            Some(View::Watching) => {
                progress.state("watching");
                end = end.or_else(|| limits.time.map(|time| Instant::now() + time));
            }
            Some(View::Lost { why, wait }) => {
                progress.state("reconnecting");
                progress.note(&waiting_line(&why, wait));
            }
            Some(View::Mosaic(number, mosaic)) => {
                if let Some(Out { sink, is_read }) = out {
                    // A player that was paused does not keep us from the end. What goes to a file is kept.
                    tokio::select! {
                        biased;
                        kept = sink.keep(number, mosaic) => kept?,
                        () = viewer.stopped(), if *is_read => return Ok(()),
                        () = reached(end), if *is_read => return Ok(()),
                    }
                }
                progress.received(number, None);
                if limits.mosaics.is_some_and(|most| number >= most) {
                    return Ok(());
                }
            }
        }
    }
}

async fn reached(end: Option<Instant>) {
    match end {
        Some(end) => sleep_until(end).await,
        None => std::future::pending().await,
    }
}

/// The one result of watching and writing.
async fn conclude(
    ended: Result<(), SessionError>,
    out: Option<Out>,
    progress: &Progress,
) -> Result<(), SessionError> {
    let Some(Out { sink, is_read }) = out else { return ended };
    let written = sink.finish();
    tokio::pin!(written);
    let written = match timeout(DRAIN_TIMEOUT, &mut written).await {
        Ok(written) => written,
        Err(_) if is_read => Ok(()),
        Err(_) => {
            progress.note("mosaics are still being written; a second Ctrl-C does not wait for them");
            written.await
        }
    };
    match written {
        // Whoever closes a pipe has seen enough: that is no error.
        Err(SinkError::BrokenPipe) => Ok(()),
        Err(error) => Err(error.into()),
        Ok(()) => ended,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake_server::{FakeServer, MOSAIC};
    use crate::identity::Room;
    use crate::progress::{Results, Screen};

    async fn run(server: &FakeServer, out: Target, time: Option<Duration>, max_frames: Option<u64>) {
        let viewer =
            ViewerConfig { server: server.address(), room: Room::default(), max_fps: None, reconnect: true };
        let what = Watch { viewer, out: Some(out), time, max_frames };
        watch(what, Screen::new(Results::Nowhere).progress(""), CancellationToken::new()).await.unwrap();
    }

    #[tokio::test]
    async fn so_many_mosaics_are_files_in_a_folder() {
        let server = FakeServer::start([]);
        let place = tempfile::tempdir().unwrap();
        let target = Target::Folder { folder: place.path().to_owned(), stem: "mosaic".to_owned() };
        run(&server, target, None, Some(3)).await;
        assert_eq!(std::fs::read_dir(place.path()).unwrap().count(), 3);
        assert!(place.path().join("mosaic_3.jpg").is_file());
    }

    #[tokio::test]
    async fn a_recording_holds_whole_mosaics_when_the_time_is_over() {
        let server = FakeServer::start([]);
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("call.mjpeg");
        run(&server, Target::Recording(path.clone()), Some(Duration::from_millis(300)), None).await;
        let recording = std::fs::read(path).unwrap();
        assert!(recording.starts_with(MOSAIC));
        assert_eq!(recording.len() % MOSAIC.len(), 0);
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn a_slow_disk_is_waited_for_until_every_mosaic_is_written() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("pipe");
        // A pipe stands in for the disk: it takes nothing until somebody reads.
        assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
        let out = Out::new(Target::Recording(path.clone()));
        for number in 1..=3 {
            out.sink.keep(number, MOSAIC.into()).await.unwrap();
        }
        let progress = Screen::new(Results::Nowhere).progress("");
        let concluded = conclude(Ok(()), Some(out), &progress);
        tokio::pin!(concluded);
        tokio::time::pause();
        tokio::select! {
            biased;
            _ = &mut concluded => panic!("nothing is written"),
            () = tokio::time::advance(DRAIN_TIMEOUT * 10) => {}
        }
        let reader = std::thread::spawn(move || std::fs::read(path).unwrap());
        concluded.await.unwrap();
        assert_eq!(reader.join().unwrap(), MOSAIC.repeat(3));
    }
}
