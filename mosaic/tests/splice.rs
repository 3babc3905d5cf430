//! Splicing tiles is the same as encoding the whole picture.

mod support;

use std::sync::Arc;

use proptest::prelude::*;
use support::{Foreign, format, joined, layout, picture, psnr};
use tessera_mosaic::{Ingest, Limits, Picture, Splicer, Tile, TileFormat, TileSpec, Way, encode_jpeg};

fn tile(picture: &Picture, format: TileFormat) -> Arc<Tile> {
    let spec = TileSpec { format, fit: tessera_mosaic::Fit::Stretch };
    Arc::new(Ingest::default().picture(picture, spec))
}

fn foreign_tile(picture: &Picture, format: TileFormat) -> Arc<Tile> {
    let jpeg = Foreign::tile(format.quality.get(), format.size.width()).encode(picture);
    let spec = TileSpec { format, fit: tessera_mosaic::Fit::Stretch };
    let ingested = Ingest::new(Limits::default()).jpeg(&jpeg, spec).unwrap();
    assert_eq!(ingested.way, Way::Accepted);
    Arc::new(ingested.tile)
}

fn decode(jpeg: Vec<u8>) -> Picture {
    let limits = Limits { side: 65500, pixels: u32::MAX, bytes: usize::MAX, ..Limits::default() };
    Ingest::new(limits).decode(&jpeg.into()).unwrap()
}

/// The scan's data. In front of it this stranger numbers the components otherwise.
fn scan(jpeg: &[u8]) -> &[u8] {
    let at = jpeg.windows(2).position(|marker| marker == [0xFF, 0xDA]).unwrap();
    &jpeg[at + 14..]
}

#[test]
fn a_tile_alone_is_a_mosaic_of_one() {
    let format = format(320, 240, 70);
    let tile = tile(&picture(320, 240, 5), format);
    let mosaic = Splicer::new(layout(1, format)).splice(&[Some(tile.clone())]).unwrap();
    assert_eq!(mosaic, tile.to_jpeg());
}

#[test]
fn an_absent_tile_is_black_and_no_neighbour_of_it_changes() {
    let format = format(64, 64, 85);
    let pictures: Vec<_> = (0..4).map(|seed| picture(64, 64, seed)).collect();
    let splicer = Splicer::new(layout(2, format));
    let mut tiles: Vec<_> = pictures.iter().map(|p| Some(tile(p, format))).collect();
    tiles[2] = None;
    let mosaic = decode(splicer.splice(&tiles).unwrap());
    for y in 0..64 {
        let row = &mosaic.planes()[0][(64 + y) * 128..][..64];
        assert!(row.iter().all(|&luma| luma == 0));
    }
    tiles[2] = Some(tile(&Picture::black(64, 64).unwrap(), format));
    assert_eq!(decode(splicer.splice(&tiles).unwrap()), mosaic);
}

#[test]
fn a_mosaic_of_no_tiles_is_black_and_tiles_beyond_the_grid_are_left_out() {
    let format = format(64, 64, 85);
    let splicer = Splicer::new(layout(2, format));
    let empty = splicer.splice(&[]).unwrap();
    assert!(decode(empty.clone()).planes()[0].iter().all(|&luma| luma == 0));
    let beyond = [None, None, None, None, Some(tile(&picture(64, 64, 1), format))];
    assert_eq!(splicer.splice(&beyond).unwrap(), empty);
}

#[test]
fn a_tile_of_another_size_or_quality_is_not_spliced() {
    let splicer = Splicer::new(layout(2, format(64, 64, 85)));
    for other in [format(64, 80, 85), format(64, 64, 84)] {
        let tile = tile(&picture(64, other.size.height(), 1), other);
        assert!(splicer.splice(&[Some(tile)]).is_err());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Over grids, tile sizes and qualities. `mosaic/tests/other_programs.rs` does the same with our encoder
    /// and libjpeg-turbo's.
    #[test]
    fn spliced_tiles_are_the_bytes_of_the_whole_picture_encoded(
        side in 1u32..=7, (columns, rows) in (4u32..=9, 4u32..=9), quality in 1u32..=100, seed in any::<u16>(),
    ) {
        let format = format(columns * 16, rows * 16, quality);
        let (width, height) = (format.size.width(), format.size.height());
        let pictures: Vec<_> = (0..side * side).map(|n| picture(width, height, u32::from(seed) + n)).collect();
        let tiles: Vec<_> = pictures.iter().map(|picture| Some(foreign_tile(picture, format))).collect();
        let mosaic = Splicer::new(layout(side, format)).splice(&tiles).unwrap();
        let whole = Foreign::tile(quality as u8, width).encode(&joined(&pictures, side));
        prop_assert!(scan(&mosaic) == scan(&whole));
    }

    /// Over grids, tile sizes, qualities, empty slots, and tiles of different encoders: exactly, in luma; a
    /// decoder that smooths chroma blends it across the seams, as in any JPEG of that picture.
    #[test]
    fn a_mosaic_has_the_pixels_of_its_tiles(
        side in 1u32..=7, (columns, rows) in (4u32..=9, 4u32..=9), quality in 1u32..=100, seed in any::<u16>(),
        absent in any::<u64>(),
    ) {
        let format = format(columns * 16, rows * 16, quality);
        let (width, height) = (format.size.width(), format.size.height());
        let tiles: Vec<_> = (0..side * side).map(|slot| {
            let picture = picture(width, height, u32::from(seed) + slot);
            let encode = if slot % 2 == 0 { tile } else { foreign_tile };
            (absent >> slot & 1 == 0).then(|| encode(&picture, format))
        }).collect();
        let mosaic = decode(Splicer::new(layout(side, format)).splice(&tiles).unwrap());
        for (slot, tile) in (0..).zip(&tiles) {
            let tile = tile.clone().unwrap_or_else(|| Arc::new(Tile::black(format)));
            let alone = decode(tile.to_jpeg());
            let (left, top) = ((slot % side * width) as usize, (slot / side * height) as usize);
            for (y, row) in alone.planes()[0].chunks(width as usize).enumerate() {
                let begin = (top + y) * mosaic.width() as usize + left;
                prop_assert_eq!(&mosaic.planes()[0][begin..][..width as usize], row);
            }
        }
    }

    /// Pictures of any size survive our encoder as well as they survive a stranger's: a coefficient in the
    /// middle between two steps may go either way, which on few pixels weighs much.
    #[test]
    fn a_picture_of_any_size_can_be_encoded(width in 1u32..90, height in 1u32..90, seed in any::<u16>()) {
        let picture = picture(width, height, seed.into());
        let ours = decode(encode_jpeg(&picture, format(64, 64, 90).quality));
        let theirs = decode(Foreign::plain(90).encode(&picture).to_vec());
        prop_assert_eq!((ours.width(), ours.height()), (width, height));
        let [ours, theirs] = [ours, theirs].map(|decoded| psnr(&decoded.planes()[0], &picture.planes()[0]));
        let luck = 40.0 / f64::from(width * height);
        prop_assert!(ours > theirs - 0.2 - luck, "{} dB, a stranger {} dB", ours, theirs);
    }
}
