//! What must hold of any bytes whatever. Each target is a function that panics if it does not.

pub mod caught;
mod frames;
#[path = "../../mosaic/tests/support/oracle/mod.rs"]
mod oracle;

use std::sync::Arc;

use bytes::Bytes;
use frames::Made;
use oracle::{coefficients, expect_cosine, expect_requantised};
use tessera_mosaic::{
    Fit, FrameError, Grid, Ingest, Ingested, Layout, Limits, Picture, Quality, Splicer, TileFormat, TileSize,
    TileSpec, Way,
};
use zune_core::bytestream::ZCursor;
use zune_core::colorspace::ColorSpace;
use zune_core::options::DecoderOptions;
use zune_jpeg::JpegDecoder;

/// So small that a second sees hundreds of frames, and so large that each reduction is made of some.
const LIMITS: Limits = Limits { bytes: 1 << 20, side: 2560, pixels: 1 << 19, scans: 20 };

/// A header that is taken keeps the limits, and says the size that zune-jpeg reads.
pub fn probe(data: &[u8]) {
    let limits = Limits::default();
    let Made { jpeg, .. } = frames::make(data);
    let Ok(header) = tessera_mosaic::probe(&jpeg, &limits) else { return };
    let (width, height) = (header.width(), header.height());
    assert!((1..=limits.side).contains(&width) && (1..=limits.side).contains(&height));
    assert!(width * height <= limits.pixels && jpeg.len() <= limits.bytes);
    if let Some(zunes) = zune_size(&jpeg) {
        assert_eq!((width as usize, height as usize), zunes);
    }
    let followed = [&jpeg, &b"\xFF\xD8\xFF\xC0"[..]].concat();
    let again =
        tessera_mosaic::probe(&followed, &limits).expect("what follows a JPEG is none of its business");
    assert_eq!((again.width(), again.height()), (width, height));
}

/// What is accepted has the frame's coefficients, is decoded by zune-jpeg, and does no harm in a mosaic.
pub fn tile(data: &[u8]) {
    let Made { jpeg, .. } = frames::make(data);
    let Ok(Ingested { tile, way: Way::Accepted }) = ingest(&jpeg) else { return };
    let alone = tile.to_jpeg();
    let coefficients = coefficients::read(&jpeg).expect("a tile's frame is sound");
    assert_eq!(coefficients::read(&alone).as_ref(), Some(&coefficients));
    let luma = expect_decodable(&alone);
    let tiles = [None, Some(Arc::new(tile)), None, None];
    let layout = Layout { grid: Grid::new(2).unwrap(), format: spec().format };
    let mosaic = Splicer::new(layout).splice(&tiles).unwrap();
    let whole = expect_decodable(&mosaic);
    for (y, row) in luma.chunks(64).enumerate() {
        assert_eq!(&whole[y * 128 + 64..][..64], row, "the tile's row {y} in the mosaic");
    }
    let black = |at: usize| whole[at] == 0;
    assert!((0..64).all(|y| (0..64).all(|x| black(y * 128 + x))), "the tile's neighbour is black");
    assert!((64..128).all(|y| (0..128).all(|x| black(y * 128 + x))), "what is below it is black");
}

/// What is transcoded has the frame's coefficients, rounded to the nearest of the tile's steps.
pub fn transcode(data: &[u8]) {
    let Made { jpeg, is_sound, .. } = frames::make(data);
    match ingest(&jpeg) {
        Ok(Ingested { tile, way: Way::Transcoded }) => {
            let tile = tile.to_jpeg();
            expect_decodable(&tile);
            let tile = coefficients::read(&tile).expect("our tile is sound");
            // Frames without Huffman tables are none to the oracle.
            if let Some(frame) = coefficients::read(&jpeg) {
                expect_requantised(&frame, &tile);
            }
        }
        Ok(Ingested { tile, .. }) => _ = expect_decodable(&tile.to_jpeg()),
        Err(error) => assert!(!is_sound, "a sound frame was refused: {error}"),
    }
}

/// What is decoded is what the standard's own cosine transform gives of the coefficients, and what zune-jpeg gives.
pub fn decode(data: &[u8]) {
    let Made { jpeg, is_sound } = frames::make(data);
    let picture = match Ingest::new(LIMITS).decode(&jpeg) {
        Ok(picture) => picture,
        Err(error) => return assert!(!is_sound, "a sound frame was refused: {error}"),
    };
    // Also scaled down, which reduces it while it is decoded.
    let tile = ingest(&jpeg).expect("what can be decoded becomes a tile").tile.to_jpeg();
    expect_decodable(&tile);
    let header = tessera_mosaic::probe(&jpeg, &LIMITS).expect("it was decoded");
    let (width, height) = (picture.width() as usize, picture.height() as usize);
    if (header.width(), header.height()) != (picture.width(), picture.height()) || is_turned(&jpeg) {
        return;
    }
    let coefficients = coefficients::read(&jpeg).filter(|read| read.components.len() == 1 || !is_rgb(&jpeg));
    let Some(luma) = coefficients.map(|mut read| read.components.swap_remove(0)) else { return };
    expect_cosine(&luma, &picture.planes()[0], (width, height));
    // zune-jpeg 0.5 decodes scans of one component wrongly where luma has more blocks than chroma.
    let is_interleaved = jpeg.windows(2).filter(|two| *two == [0xFF, 0xDA]).count() == 1;
    if is_interleaved && luma.is_of_samples() {
        expect_zunes(&jpeg, &picture, (width, height));
    }
}

fn spec() -> TileSpec {
    let format = TileFormat { size: TileSize::new(64, 64).unwrap(), quality: Quality::new(85).unwrap() };
    TileSpec { format, fit: Fit::Stretch }
}

fn ingest(jpeg: &Bytes) -> Result<Ingested, FrameError> {
    Ingest::new(LIMITS).jpeg(jpeg, spec())
}

/// The luma of a tile or a mosaic, which every decoder takes, ours as a tile where it has the size of one.
fn expect_decodable(jpeg: &[u8]) -> Vec<u8> {
    zune_luma(jpeg).expect("zune-jpeg decodes it");
    let bytes = Bytes::copy_from_slice(jpeg);
    let picture = Ingest::new(LIMITS).decode(&bytes).expect("our decoder decodes it");
    if picture.width() == 64 {
        let again = ingest(&bytes).expect("it is taken again");
        assert_eq!((again.way, &again.tile.to_jpeg()[..]), (Way::Accepted, jpeg));
    }
    picture.planes()[0].clone()
}

/// zune-jpeg refuses the frame or gives nearly the same luma.
fn expect_zunes(jpeg: &[u8], picture: &Picture, size: (usize, usize)) {
    let Some(zunes) = zune_luma(jpeg) else { return };
    assert_eq!(zune_size(jpeg), Some(size));
    let most = zunes.iter().zip(&picture.planes()[0]).map(|(a, b)| a.abs_diff(*b)).max();
    assert!(most <= Some(2), "{most:?} from zune-jpeg's");
}

fn zune(jpeg: &[u8]) -> JpegDecoder<ZCursor<&[u8]>> {
    let options = DecoderOptions::default().set_strict_mode(true);
    JpegDecoder::new_with_options(ZCursor::new(jpeg), options.jpeg_set_out_colorspace(ColorSpace::Luma))
}

fn zune_size(jpeg: &[u8]) -> Option<(usize, usize)> {
    let mut decoder = zune(jpeg);
    decoder.decode_headers().ok()?;
    decoder.dimensions()
}

fn zune_luma(jpeg: &[u8]) -> Option<Vec<u8>> {
    zune(jpeg).decode().ok()
}

/// Whether an Exif segment may turn the picture.
fn is_turned(jpeg: &[u8]) -> bool {
    jpeg.windows(4).any(|bytes| bytes == b"Exif")
}

/// Whether the components may be R, G and B.
fn is_rgb(jpeg: &[u8]) -> bool {
    jpeg.windows(5).any(|bytes| bytes == b"Adobe") || jpeg.windows(2).any(|bytes| bytes == b"R\x11")
}
