//! Video in an MP4 file: H.264, decoded by OpenH264.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{fmt, vec};

use openh264::OpenH264API;
use openh264::decoder::{DecodedYUV, Decoder, DecoderConfig, Flush};
use openh264::formats::YUVSource;
use re_mp4::{Mp4, Sample, StsdBoxContent, Track, TrackKind, TrakBox};
use tessera_mosaic::{Picture, PictureError};

use super::boxes::Boxes;
use super::colour::Conversion;
use super::h264::{Config, Overlong};
use super::orientation::Turn;
use super::{Content, DEFAULT_FRAME_RATE, Frame, MAX_FRAME_BYTES, Source, SourceError};

/// The first video track of an MP4 file. Samples are read one by one, so memory does not grow with the file: beside a
/// frame's bytes and the decoder's 16 pictures, the index takes about a hundred bytes a frame.
pub(super) struct Mp4Source {
    path: PathBuf,
    file: File,
    config: Config,
    decoder: Decoder,
    /// In decoding order; those not yet decoded.
    samples: vec::IntoIter<Sample>,
    /// In display order; those not yet shown. `None` is decoded but never shown.
    times: vec::IntoIter<Option<Duration>>,
    /// Decoded and not yet given out, in display order.
    ready: VecDeque<Picture>,
    conversion: Conversion,
    turn: Turn,
    frame_rate: f64,
    frame_count: u64,
}

impl Mp4Source {
    /// Opens the file at `path`.
    ///
    /// # Errors
    ///
    /// [`SourceError::Codec`] when its video is not what OpenH264 decodes; else when it cannot be read or is broken.
    pub(super) fn open(path: &Path) -> Result<Self, SourceError> {
        let broken = |reason: &dyn fmt::Display| broken(path, reason);
        let io = |error| SourceError::Io { path: path.to_owned(), error };
        let mut file = File::open(path).map_err(io)?;
        let size = file.metadata().map_err(io)?.len();
        let mp4 = parse(&mut file, size).map_err(|reason| broken(&reason))?;
        let track = video_track(&mp4).ok_or_else(|| broken(&"it has no video track"))?;
        let trak = track.trak(&mp4);
        let config = h264_config(trak, path)?;
        let times = show_times(track, trak, mp4.moov.mvhd.timescale.into());
        Ok(Self {
            path: path.to_owned(),
            file,
            conversion: Conversion::new(config.coding),
            config,
            decoder: new_decoder().map_err(|error| broken(&error))?,
            frame_rate: frame_rate(track),
            frame_count: times.iter().flatten().count() as u64,
            samples: track.samples.clone().into_iter(),
            times: times.into_iter(),
            ready: VecDeque::new(),
            turn: Turn::of_track(&trak.tkhd),
        })
    }

    /// Decodes one sample. A decoder that reorders gives an earlier one's picture, or none yet.
    fn decode(&mut self, sample: &Sample) -> Result<(), SourceError> {
        let at = |reason: String| broken(&self.path, &format_args!("frame {}: {reason}", sample.id + 1));
        let bytes = read_sample(&mut self.file, sample).map_err(&at)?;
        let mut stream = Vec::with_capacity(bytes.len() + 256);
        self.config
            .byte_stream(&bytes, sample.is_sync, &mut stream)
            .map_err(|Overlong| at("a NAL unit is longer than its sample".to_owned()))?;
        let undecodable =
            |error: openh264::Error| at(format!("OpenH264 gives it up, state {}", error.native_code()));
        let decoded = self.decoder.decode(&stream).map_err(undecodable)?;
        if let Some(yuv) = decoded {
            self.ready.push_back(picture(&yuv).map_err(|error| at(error.to_string()))?);
        }
        Ok(())
    }

    /// Takes out what the decoder kept back for reordering.
    fn flush(&mut self) -> Result<(), SourceError> {
        let rest = self.decoder.flush_remaining().map_err(|error| broken(&self.path, &error))?;
        for yuv in rest {
            self.ready.push_back(picture(&yuv).map_err(|error| broken(&self.path, &error))?);
        }
        Ok(())
    }

    /// The next picture in display order.
    fn next_picture(&mut self) -> Result<Option<Picture>, SourceError> {
        while self.ready.is_empty() {
            let Some(sample) = self.samples.next() else {
                self.flush()?;
                break;
            };
            self.decode(&sample)?;
        }
        Ok(self.ready.pop_front())
    }

    fn finish(&self, mut picture: Picture) -> Result<Content, SourceError> {
        self.conversion.apply(&mut picture);
        let turned = self.turn.apply(picture).map_err(|error| broken(&self.path, &error))?;
        Ok(Content::Picture(turned))
    }
}

impl Source for Mp4Source {
    fn next_frame(&mut self) -> Result<Option<Frame>, SourceError> {
        while let Some(picture) = self.next_picture()? {
            if let Some(at) = self.times.next().flatten() {
                return Ok(Some(Frame { at, content: self.finish(picture)? }));
            }
        }
        Ok(None)
    }

    fn frame_rate(&self) -> f64 {
        self.frame_rate
    }

    fn frame_count(&self) -> Option<u64> {
        Some(self.frame_count)
    }
}

fn broken(path: &Path, reason: &dyn fmt::Display) -> SourceError {
    SourceError::Broken { path: path.to_owned(), reason: reason.to_string() }
}

/// The boxes of the file, without its media data.
fn parse(file: &mut File, size: u64) -> Result<Mp4, String> {
    let boxes = Boxes::survey(file, size).map_err(|error| error.to_string())?;
    // re_mp4 indexes its tables without a check: tables that contradict each other make it panic.
    match catch_unwind(AssertUnwindSafe(|| Mp4::read(boxes, size))) {
        Ok(parsed) => parsed.map_err(|error| error.to_string()),
        Err(_) => Err("its sample tables contradict each other".to_owned()),
    }
}

fn video_track(mp4: &Mp4) -> Option<&Track> {
    mp4.tracks().values().find(|track| track.kind == Some(TrackKind::Video) || is_video(track.trak(mp4)))
}

/// Whether a track of an unknown codec holds video, by its handler (ISO/IEC 14496-12 §8.4.3).
fn is_video(trak: &TrakBox) -> bool {
    trak.mdia.hdlr.handler_type.value == *b"vide"
}

fn h264_config(trak: &TrakBox, path: &Path) -> Result<Config, SourceError> {
    let codec = |codec: String| SourceError::Codec { path: path.to_owned(), codec };
    let contents = &trak.mdia.minf.stbl.stsd.contents;
    let StsdBoxContent::Avc1(avc1) = contents else { return Err(codec(codec_name(contents))) };
    Config::new(avc1).map_err(codec)
}

fn codec_name(contents: &StsdBoxContent) -> String {
    match contents {
        StsdBoxContent::Av01(_) => "AV1".to_owned(),
        StsdBoxContent::Avc1(_) => "H.264".to_owned(),
        StsdBoxContent::Hvc1(_) | StsdBoxContent::Hev1(_) => "H.265".to_owned(),
        StsdBoxContent::Vp08(_) => "VP8".to_owned(),
        StsdBoxContent::Vp09(_) => "VP9".to_owned(),
        StsdBoxContent::Unknown(four) => format!("of the kind {four}"),
        StsdBoxContent::Mp4a(_) | StsdBoxContent::Tx3g(_) => "no video".to_owned(),
    }
}

fn new_decoder() -> Result<Decoder, openh264::Error> {
    // Flushing after each frame would give them in decoding order.
    let config = DecoderConfig::new().flush_after_decode(Flush::NoFlush);
    Decoder::with_api_config(OpenH264API::from_source(), config)
}

fn read_sample(file: &mut File, sample: &Sample) -> Result<Vec<u8>, String> {
    if sample.size > MAX_FRAME_BYTES {
        return Err(format!("{} bytes are more than a frame may have", sample.size));
    }
    let mut bytes = vec![0; sample.size as usize];
    file.seek(SeekFrom::Start(sample.offset))
        .and_then(|_| file.read_exact(&mut bytes))
        .map_err(|error| format!("{} bytes at {}: {error}", sample.size, sample.offset))?;
    Ok(bytes)
}

/// The decoder's planes without what lies between their rows. H.264 crops 4:2:0 by pairs: its sides are even.
fn picture(yuv: &DecodedYUV<'_>) -> Result<Picture, PictureError> {
    let (width, height) = yuv.dimensions();
    let (y_stride, cb_stride, cr_stride) = yuv.strides();
    let planes = [
        tight(yuv.y(), y_stride, width, height),
        tight(yuv.u(), cb_stride, width.div_ceil(2), height.div_ceil(2)),
        tight(yuv.v(), cr_stride, width.div_ceil(2), height.div_ceil(2)),
    ];
    Picture::from_planes(width as u32, height as u32, planes)
}

fn tight(plane: &[u8], stride: usize, width: usize, height: usize) -> Vec<u8> {
    let mut tight = Vec::with_capacity(width * height);
    for row in plane.chunks(stride).take(height) {
        tight.extend_from_slice(&row[..width.min(row.len())]);
    }
    tight
}

/// Frames per second, from the first frame to the last. The duration that the file claims is often another.
fn frame_rate(track: &Track) -> f64 {
    let times = track.samples.iter().map(|sample| sample.decode_timestamp);
    let (Some(first), Some(last)) = (times.clone().min(), times.max()) else { return DEFAULT_FRAME_RATE };
    let rate = (track.samples.len() - 1) as f64 * track.timescale as f64 / (last as f64 - first as f64);
    if rate.is_finite() && rate > 0.0 { rate } else { DEFAULT_FRAME_RATE }
}

/// When each frame is shown, in display order, the first shown at zero. `None` for what the edit list cuts away.
fn show_times(track: &Track, trak: &TrakBox, movie_timescale: u64) -> Vec<Option<Duration>> {
    let mut times: Vec<i64> = track.samples.iter().map(|sample| sample.composition_timestamp).collect();
    times.sort_unstable();
    let kept = edit(trak, movie_timescale).map_or(i64::MIN..i64::MAX, |edit| {
        let origin = composition_origin(track, trak);
        edit.start.saturating_sub(origin)..edit.end.saturating_sub(origin)
    });
    let first = times.iter().copied().find(|time| kept.contains(time)).unwrap_or(0);
    let shown = |time: i64| duration(time.saturating_sub(first), track.timescale);
    times.into_iter().map(|time| kept.contains(&time).then(|| shown(time))).collect()
}

/// The part of the media that is shown, in the track's ticks (ISO/IEC 14496-12 §8.6.6): that of the first edit that is
/// not empty, as cutting without re-encoding writes it. A list of several is not followed: all is shown.
fn edit(trak: &TrakBox, movie_timescale: u64) -> Option<std::ops::Range<i64>> {
    let entries = &trak.edts.as_ref()?.elst.as_ref()?.entries;
    let mut edits = entries.iter().filter(|entry| !is_empty(entry.media_time));
    let (entry, None) = (edits.next()?, edits.next()) else { return None };
    let start = i64::try_from(entry.media_time).ok()?;
    let ticks = u128::from(entry.segment_duration) * u128::from(trak.mdia.mdhd.timescale);
    // Rounded up: the two clocks differ, and the last frame must not fall to that.
    let length = i64::try_from(ticks.div_ceil(u128::from(movie_timescale.max(1)))).ok()?;
    // A length of zero means to the end (fragmented files).
    Some(start..if length == 0 { i64::MAX } else { start.saturating_add(length) })
}

/// An empty edit, which only delays: its media time is -1, in 32 or 64 bits.
fn is_empty(media_time: u64) -> bool {
    media_time == u64::MAX || media_time == u64::from(u32::MAX)
}

/// What re_mp4 took from every composition time, so that they begin at zero. Edits count from before that.
fn composition_origin(track: &Track, trak: &TrakBox) -> i64 {
    if trak.mdia.minf.stbl.stsz.sample_count == 0 {
        // All samples are in fragments, and those times it leaves alone.
        return 0;
    }
    let offsets = trak.mdia.minf.stbl.ctts.iter().flat_map(|ctts| &ctts.entries);
    let shift = offsets.map(|entry| -i64::from(entry.sample_offset)).max().unwrap_or(0).max(0);
    // The first sample is decoded at zero; it was shifted by both.
    track.samples.first().map_or(0, |sample| sample.decode_timestamp).saturating_neg().saturating_sub(shift)
}

fn duration(ticks: i64, timescale: u64) -> Duration {
    let nanoseconds = u128::from(ticks.unsigned_abs()) * 1_000_000_000 / u128::from(timescale.max(1));
    Duration::from_nanos(u64::try_from(nanoseconds).unwrap_or(u64::MAX))
}
