//! Frames to measure with: those of the sample clips, as a camera's encoder would send them.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};
use bytes::Bytes;
use jpeg_encoder::{ChromaSubsamplingMethod, Encoder, ImageBuffer, JpegColorType, SamplingFactor};
use tessera_client::source::{Content, SourceSpec};
use tessera_mosaic::{Fit, Ingest, Picture, TileSize};

/// Frames are taken this far apart, so that few of them show much of a clip.
const STRIDE: usize = 5;

/// What a camera's JPEG has; a video call's page sends less.
pub const CAMERA_QUALITY: u8 = 90;

/// How far a sample's grain reaches either way. The sample clips are computed pictures, smoother than what any
/// camera takes; with so much of a sensor's noise their frames are about as large as those of real video at that
/// size: 120 kB at 1280x720, and tiles of 50 to 65 kB at 640x480, where each pixel has more to show.
fn grain_of(size: TileSize) -> u8 {
    if size.width() > 640 { 4 } else { 8 }
}

/// `count` pictures of `size`, a frame of each of the four sample clips in turn, filled without bars and grained
/// like a camera's.
///
/// # Errors
///
/// When a clip cannot be read.
pub fn pictures(size: TileSize, count: usize) -> anyhow::Result<Vec<Picture>> {
    let clips = [1, 2, 3, 4].map(|number| repository().join(format!("clips/{number}.mp4")));
    let each = count.div_ceil(clips.len());
    let clips: Vec<Vec<Picture>> =
        clips.iter().map(|clip| some_of(clip, size, each)).collect::<anyhow::Result<_>>()?;
    Ok((0..count).map(|n| clips[n % 4][n / 4].clone()).collect())
}

/// `count` frames of one clip, again from its beginning if it is too short.
fn some_of(clip: &Path, size: TileSize, count: usize) -> anyhow::Result<Vec<Picture>> {
    let cannot = || format!("cannot read {}", clip.display());
    let spec: SourceSpec = clip.to_string_lossy().parse().with_context(cannot)?;
    let mut source = spec.open().with_context(cannot)?;
    let mut ingest = Ingest::default();
    let mut pictures = Vec::with_capacity(count);
    let mut index = 0;
    while pictures.len() < count {
        let Some(frame) = source.next_frame().with_context(cannot)? else { break };
        if index % STRIDE == 0 {
            let Content::Picture(picture) = frame.content else { bail!("{} is no video", clip.display()) };
            let mut picture = ingest.scale(&picture, size, Fit::Cover);
            grain(picture.planes_mut()[0], grain_of(size), index as u32);
            pictures.push(picture);
        }
        index += 1;
    }
    ensure!(!pictures.is_empty(), "{} has no frames", clip.display());
    for n in pictures.len()..count {
        pictures.push(pictures[n % pictures.len()].clone());
    }
    Ok(pictures)
}

/// Adds noise, the same for the same `seed`: two dice for each sample, so that little of it is common and much
/// is rare.
fn grain(plane: &mut [u8], reach: u8, seed: u32) {
    let mut state = seed.wrapping_mul(0x9E37_79B9) | 1;
    let mut die = || {
        // xorshift32: G. Marsaglia, "Xorshift RNGs", 2003.
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        (state >> 16) as u8 % (reach + 1)
    };
    for sample in plane {
        *sample = sample.saturating_add(die()).saturating_sub(die());
    }
}

/// `picture` as a camera sends it: baseline 4:2:0 with the standard's Huffman tables and no restart markers,
/// made by an encoder that is not ours.
///
/// # Panics
///
/// When a side is above 65535, which no picture of a tile's size has.
pub fn camera_jpeg(picture: &Picture, quality: u8) -> Bytes {
    let mut jpeg = Vec::new();
    let mut encoder = Encoder::new(&mut jpeg, quality);
    encoder.set_sampling_factor(SamplingFactor::F_2_2);
    encoder.set_chroma_subsampling_method(ChromaSubsamplingMethod::Average);
    encoder.encode_image(Planar(picture)).expect("a tile's sides fit 16 bits");
    jpeg.into()
}

/// A picture as the encoder reads it: every chroma sample for each of its four pixels.
struct Planar<'a>(&'a Picture);

impl ImageBuffer for Planar<'_> {
    fn get_jpeg_color_type(&self) -> JpegColorType {
        JpegColorType::Ycbcr
    }

    fn width(&self) -> u16 {
        self.0.width() as u16
    }

    fn height(&self) -> u16 {
        self.0.height() as u16
    }

    fn fill_buffers(&self, y: u16, buffers: &mut [Vec<u8>; 4]) {
        let (width, y) = (self.0.width() as usize, usize::from(y));
        let [luma, cb, cr] = self.0.planes();
        let chroma_width = width.div_ceil(2);
        buffers[0].extend_from_slice(&luma[y * width..][..width]);
        for (plane, buffer) in [cb, cr].into_iter().zip(&mut buffers[1..]) {
            let row = &plane[y / 2 * chroma_width..][..chroma_width];
            buffer.extend((0..width).map(|x| row[x / 2]));
        }
    }
}

/// The JPEGs of a folder, in the order of their names.
///
/// # Errors
///
/// When the folder cannot be read or has none.
pub fn in_folder(folder: &Path) -> anyhow::Result<Vec<Bytes>> {
    let cannot = || format!("cannot read {}", folder.display());
    let mut paths: Vec<PathBuf> = fs::read_dir(folder)
        .with_context(cannot)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<_, _>>()
        .with_context(cannot)?;
    paths.retain(|path| path.extension().is_some_and(|ending| ending == "jpg"));
    paths.sort();
    ensure!(!paths.is_empty(), "{} has no .jpg files", folder.display());
    paths.iter().map(|path| Ok(fs::read(path).with_context(cannot)?.into())).collect()
}

/// Writes frames into a folder, which is made, in the order that [`in_folder`] reads.
///
/// # Errors
///
/// When they cannot be written.
pub fn write(folder: &Path, frames: &[Bytes]) -> anyhow::Result<()> {
    let cannot = || format!("cannot write to {}", folder.display());
    fs::create_dir_all(folder).with_context(cannot)?;
    for (n, frame) in frames.iter().enumerate() {
        fs::write(folder.join(format!("{n:04}.jpg")), frame).with_context(cannot)?;
    }
    Ok(())
}

/// The repository that this program was built in.
pub fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new("."))
}
