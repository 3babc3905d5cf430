//! `tessera-client join`: a source into a room, and what comes back into a folder.

use std::path::PathBuf;

use tokio_util::sync::CancellationToken;

use crate::error::{SessionError, waiting_line};
use crate::frames::{Frames, Playback};
use crate::progress::{Progress, Screen};
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
    /// What tells its lines from those of other clients; empty if it is alone.
    pub label: String,
}

/// Joins, sends everything, keeps everything, and sums up.
///
/// # Errors
///
/// Whatever ended it before its time.
pub async fn join(what: Join, screen: &Screen, stop: CancellationToken) -> Result<(), SessionError> {
    let frames = tokio::select! {
        frames = Frames::open(what.source, what.playback) => frames?,
        // A camera may take its time to open.
        () = stop.cancelled() => return Ok(()),
    };
    let mut progress = screen.progress(&what.label, frames.total());
    let sink = match what.save_to {
        Some(folder) => {
            let stem = format!("client_{}_frame", what.session.id.file_name().display());
            Some(Sink::open(Target::Folder { folder, stem }).await?)
        }
        None => None,
    };
    let mut session = Session::new(what.session, frames, stop);
    let ended = relay(&mut session, sink, &mut progress).await;
    if let Some(elapsed) = session.elapsed() {
        let heading = if what.label.is_empty() { "Done" } else { &what.label };
        progress.finish(&format!("{heading}:\n{}", session.tally().summary(elapsed)));
    }
    session.close().await;
    ended
}

/// Carries mosaics from the session to the sink until either ends.
async fn relay(
    session: &mut Session,
    sink: Option<Sink>,
    progress: &mut Progress,
) -> Result<(), SessionError> {
    let ended = async {
        while let Some(event) = session.next().await? {
            match event {
                Event::Seated(seat) => progress.state(&format!("slot {}", seat.slot)),
                Event::Lost { why, wait } => {
                    progress.state("reconnecting");
                    progress.note(&waiting_line(&why, wait));
                }
                Event::Mosaic(mosaic) => keep(mosaic, sink.as_ref(), progress).await?,
            }
        }
        Ok(())
    }
    .await;
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
        progress.note(&format!("warning: frame {} was refused ({reason}): {}", mosaic.number, refusal.message));
    }
    if let Some(sink) = sink {
        sink.keep(mosaic.number, mosaic.jpeg).await?;
    }
    progress.received(mosaic.number, Some(mosaic.round_trip));
    Ok(())
}
