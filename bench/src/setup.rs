//! What is measured with: the frames, the programs, the processor.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, ensure};
use bytes::Bytes;
use tessera_mosaic::{
    Fit, Grid, Ingest, Layout, Picture, Quality, Splicer, Tile, TileFormat, TileSize, TileSpec,
};

use crate::frames::{self, CAMERA_QUALITY};
use crate::results::FrameSet;

/// Frames that are sent over and over; a multiple of four keeps a clip in its slot.
const FRAMES: usize = 48;

/// The quality of our mosaics, and of others' when the two are compared.
pub const QUALITY: u32 = 85;
/// What the original encodes its mosaics at: OpenCV's default.
pub const ORIGINALS_QUALITY: u32 = 95;

/// Frames of one kind, in memory and in a folder for other programs.
#[derive(Debug)]
pub struct Frames {
    /// What they are, in a few words.
    pub name: String,
    /// The JPEGs.
    pub jpegs: Vec<Bytes>,
    /// Where the same JPEGs are, and nothing else.
    pub folder: PathBuf,
}

/// Everything to measure with.
#[derive(Debug)]
pub struct Setup {
    /// 640x480 tiles, as `tessera-client` sends them.
    pub tiles: Frames,
    /// 640x480 by another encoder: no restart markers, other quantisation tables.
    pub small: Frames,
    /// 1280x720, as a camera's encoder makes them.
    pub large: Frames,
    /// The pixels of `small`, before they were encoded.
    pub pictures: Vec<Picture>,
    /// What is measured has this processor for itself.
    pub core: usize,
    /// Those who load it run here.
    pub other_core: usize,
    /// How often each is measured; the median counts.
    pub rounds: usize,
    /// Where what is made goes.
    pub out: PathBuf,
    /// The server's program.
    pub server: PathBuf,
    /// The client's program.
    pub client: PathBuf,
    /// This program.
    pub bench: PathBuf,
    /// A Python that has what `peers/requirements.txt` lists.
    pub python: PathBuf,
}

impl Frames {
    /// As the results list them.
    pub fn listed(&self) -> FrameSet {
        let bytes = self.jpegs.iter().map(Bytes::len).sum::<usize>() / self.jpegs.len();
        FrameSet { name: self.name.clone(), count: self.jpegs.len(), bytes }
    }

    /// Writes `jpegs` where other programs can read them.
    fn laid_out(name: &str, jpegs: Vec<Bytes>, folder: PathBuf) -> anyhow::Result<Self> {
        if folder.exists() {
            fs::remove_dir_all(&folder).with_context(|| format!("cannot empty {}", folder.display()))?;
        }
        frames::write(&folder, &jpegs)?;
        Ok(Self { name: name.to_owned(), jpegs, folder })
    }
}

/// The three kinds of frames, and the pixels of the small ones.
#[derive(Debug)]
pub struct AllFrames {
    /// See [`Setup::tiles`].
    pub tiles: Frames,
    /// See [`Setup::small`].
    pub small: Frames,
    /// See [`Setup::large`].
    pub large: Frames,
    /// See [`Setup::pictures`].
    pub pictures: Vec<Picture>,
}

impl AllFrames {
    /// Of the sample clips, or of the folders `vga` and `720p` in `own`, written to folders in `out`.
    ///
    /// # Errors
    ///
    /// When they cannot be read or written.
    pub fn prepare(own: Option<&Path>, out: &Path) -> anyhow::Result<Self> {
        let (small, large) = match own {
            Some(own) => (of_folder(&own.join("vga"))?, of_folder(&own.join("720p"))?),
            None => (of_clips(640, 480)?, of_clips(1280, 720)?),
        };
        let mut ingest = Ingest::default();
        let pictures = small.iter().map(|jpeg| ingest.decode(jpeg)).collect::<Result<Vec<_>, _>>()?;
        ensure!(
            pictures.iter().all(|picture| (picture.width(), picture.height()) == (640, 480)),
            "the frames in vga must be 640x480"
        );
        let tiles = pictures.iter().map(|picture| ingest.picture(picture, spec()).to_jpeg().into()).collect();
        let lay = |name, jpegs, folder| Frames::laid_out(name, jpegs, out.join("frames").join(folder));
        Ok(Self {
            tiles: lay("640x480 canonical tiles", tiles, "tiles")?,
            small: lay("640x480 baseline JPEG", small, "vga")?,
            large: lay("1280x720 baseline JPEG", large, "720p")?,
            pictures,
        })
    }
}

/// At most so many as are sent over and over, a multiple of four.
fn of_folder(folder: &Path) -> anyhow::Result<Vec<Bytes>> {
    let mut jpegs = frames::in_folder(folder)?;
    jpegs.truncate(FRAMES.min(jpegs.len() / 4 * 4));
    ensure!(!jpegs.is_empty(), "{} has fewer than four frames", folder.display());
    Ok(jpegs)
}

/// Frames of the sample clips, as a camera's encoder makes them.
///
/// # Errors
///
/// When the clips cannot be read.
pub fn of_clips(width: u32, height: u32) -> anyhow::Result<Vec<Bytes>> {
    let pictures = frames::pictures(TileSize::new(width, height)?, FRAMES)?;
    Ok(pictures.iter().map(|picture| frames::camera_jpeg(picture, CAMERA_QUALITY)).collect())
}

/// Tiles of `size` as the comparisons want them: stretched, as OpenCV's `resize` does.
pub fn spec_of(size: TileSize) -> TileSpec {
    let quality = Quality::new(QUALITY).expect("85 is between 1 and 100");
    TileSpec { format: TileFormat { size, quality }, fit: Fit::Stretch }
}

/// 640x480 tiles: the original's.
pub fn spec() -> TileSpec {
    spec_of(TileSize::new(640, 480).expect("sides are multiples of 16"))
}

/// Joins tiles of `spec` two by two.
pub fn splicer(spec: TileSpec) -> Splicer {
    Splicer::new(Layout { grid: Grid::new(2).expect("2 is a grid"), format: spec.format })
}

/// One call's codec, as the server has it: takes frames in, puts mosaics out.
#[derive(Debug)]
pub struct Codec {
    ingest: Ingest,
    splicer: Splicer,
    latest: Vec<Option<Arc<Tile>>>,
}

impl Default for Codec {
    fn default() -> Self {
        Self { ingest: Ingest::default(), splicer: splicer(spec()), latest: vec![None; 4] }
    }
}

impl Codec {
    /// Takes frame `n` in, which is the one of slot `n` modulo 4.
    ///
    /// # Errors
    ///
    /// When it is refused.
    pub fn take(&mut self, n: usize, jpeg: &Bytes) -> anyhow::Result<()> {
        let tile = self.ingest.jpeg(jpeg, spec()).context("a frame is refused")?.tile;
        self.latest[n % 4] = Some(Arc::new(tile));
        Ok(())
    }

    /// The mosaic of the four latest.
    ///
    /// # Errors
    ///
    /// None: the tiles are of the splicer's format.
    pub fn mosaic(&self) -> anyhow::Result<Vec<u8>> {
        Ok(self.splicer.splice(&self.latest)?)
    }
}
