//! `tessera-client join`: a source into a room, and what comes back into a folder.

use std::path::PathBuf;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::error::{SessionError, waiting_line};
use crate::frames::{Frames, Playback};
use crate::progress::Progress;
use crate::session::{Event, Mosaic, Session, SessionConfig};
use crate::sink::{Sink, Target};
use crate::source::SourceSpec;

/// Everything that one client does.
#[derive(Debug, Clone)]
pub struct Join {
    /// Who joins, where and how.
    pub session: SessionConfig,
    /// Where frames come from.
    pub source: SourceSpec,
    /// How fast, how often, how many.
    pub playback: Playback,
    /// The folder for what comes back; nothing is kept without.
    pub save_to: Option<PathBuf>,
}

/// Joins, sends everything, keeps everything, and sums up.
///
/// # Errors
///
/// Whatever ended it before its time.
pub async fn join(what: Join, mut progress: Progress, stop: CancellationToken) -> Result<(), SessionError> {
    let frames = tokio::select! {
        frames = Frames::open(what.source, what.playback) => frames?,
        // A camera may take its time to open.
        () = stop.cancelled() => return Ok(()),
    };
    if let Some(total) = frames.total() {
        progress.expect(total);
    }
    let stem = format!("client_{}_frame", what.session.id.file_name().display());
    let sink = what.save_to.map(|folder| Sink::new(Target::Folder { folder, stem }));
    let mut session = Session::new(what.session, frames, stop);
    let ended = relay(&mut session, sink.as_ref(), &mut progress).await;
    let end = Instant::now();
    let ended = conclude(ended, sink).await;
    if let Some(since) = session.since() {
        progress.finish(&session.tally().summary(since, end), ended.is_ok());
    }
    session.close().await;
    ended
}

/// Carries mosaics from the session to the sink until either ends.
async fn relay(
    session: &mut Session,
    sink: Option<&Sink>,
    progress: &mut Progress,
) -> Result<(), SessionError> {
    while let Some(event) = session.next().await? {
        match event {
            Event::Seated(seat) => progress.state(&format!("slot {}", seat.slot)),
            Event::Lost { why, wait } => {
                progress.state("reconnecting");
                progress.note(&waiting_line(&why, wait));
            }
            Event::Mosaic(mosaic) => keep(mosaic, sink, progress).await?,
        }
    }
    Ok(())
}

/// The one result of the session and of writing.
async fn conclude(ended: Result<(), SessionError>, sink: Option<Sink>) -> Result<(), SessionError> {
    let Some(sink) = sink else { return ended };
    match (sink.finish().await, ended) {
        // A disk that failed is why the session ended.
        (Err(error), _) => Err(error.into()),
        (Ok(()), ended) => ended,
    }
}

async fn keep(mosaic: Mosaic, sink: Option<&Sink>, progress: &mut Progress) -> Result<(), SessionError> {
    if let Some((refusal, true)) = &mosaic.refusal {
        let reason = refusal.reason().as_str_name();
        progress
            .note(&format!("warning: frame {} was refused ({reason}): {}", mosaic.number, refusal.message));
    }
    if let Some(sink) = sink {
        sink.keep(mosaic.number, mosaic.jpeg).await?;
    }
    progress.received(mosaic.number, Some(mosaic.round_trip));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake_server::{Act, FakeServer};
    use crate::pacing::Pace;
    use crate::progress::{Results, Screen};
    use crate::tiles::FrameSize;

    fn what(server: &FakeServer, id: &str, save_to: Option<PathBuf>) -> Join {
        Join {
            session: SessionConfig {
                server: server.address(),
                room: crate::identity::Room::default(),
                id: id.parse().unwrap(),
                name: None,
                frame_size: FrameSize::Tile,
                reconnect: true,
            },
            source: "test-pattern".parse().unwrap(),
            playback: Playback { pace: Pace::Max, repeat: false, max_frames: Some(5) },
            save_to,
        }
    }

    async fn run(what: Join) -> Result<(), SessionError> {
        join(what, Screen::new(Results::Nowhere).progress(""), CancellationToken::new()).await
    }

    #[tokio::test]
    async fn every_mosaic_is_saved_under_the_name_that_the_original_gave_it() {
        let server = FakeServer::start([Act::End { after: 2 }]);
        let place = tempfile::tempdir().unwrap();
        let folder = place.path().join("client1");
        run(what(&server, "client1", Some(folder.clone()))).await.unwrap();
        for number in 1..=5 {
            let mosaic = std::fs::read(folder.join(format!("client_client1_frame_{number}.jpg"))).unwrap();
            assert!(mosaic.starts_with(&[0xFF, 0xD8]), "frame {number}");
        }
        assert_eq!(std::fs::read_dir(folder).unwrap().count(), 5);
    }

    #[tokio::test]
    async fn no_id_saves_outside_its_folder() {
        let server = FakeServer::start([]);
        let place = tempfile::tempdir().unwrap();
        run(what(&server, "../../x", Some(place.path().to_owned()))).await.unwrap();
        assert!(place.path().join("client_.._.._x_frame_5.jpg").is_file());
    }

    #[tokio::test]
    async fn a_disk_that_fails_is_the_error() {
        let server = FakeServer::start([]);
        let place = tempfile::tempdir().unwrap();
        std::fs::create_dir(place.path().join("client_a_frame_1.jpg")).unwrap();
        let error = run(what(&server, "a", Some(place.path().to_owned()))).await.unwrap_err();
        assert!(error.to_string().contains("client_a_frame_1.jpg"), "{error}");
    }
}
