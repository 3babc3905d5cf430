//! A foreign JPEG to pixels, upright: baseline ones by our own decoder, which is strict and planar, the rest by
//! the zune decoder.

use bytes::Bytes;
use zune_core::bytestream::ZCursor;
use zune_core::colorspace::ColorSpace;
use zune_core::options::DecoderOptions;
use zune_jpeg::JpegDecoder;
use zune_jpeg::errors::DecodeErrors;

use crate::baseline::{Plan, Reduction, Workspace};
use crate::limits::{FrameError, Limits};
use crate::orientation::Orientation;
use crate::picture::{Picture, PictureError};
use crate::probe::Header;

/// Decodes `jpeg`, whose marker segments have been probed, to a picture with `reduction` fewer samples if its decoder
/// can give fewer. Says how many fewer it gave.
pub(crate) fn decode(
    jpeg: &Bytes,
    header: &Header<'_>,
    limits: &Limits,
    reduction: Reduction,
    workspace: &mut Workspace,
) -> Result<(Picture, Reduction), FrameError> {
    let orientation = header.orientation;
    let stored = if orientation.transposes() { reduction.transposed() } else { reduction };
    match Plan::new(header, stored) {
        Some(plan) => Ok((upright(plan.decode(jpeg, workspace)?, orientation), reduction)),
        None => Ok((upright(decode_by_zune(jpeg, header, limits)?, orientation), Reduction::NONE)),
    }
}

fn decode_by_zune(jpeg: &Bytes, header: &Header<'_>, limits: &Limits) -> Result<Picture, FrameError> {
    expect_usual_sampling(header)?;
    let options = DecoderOptions::default()
        .set_strict_mode(true)
        .set_max_width(limits.side as usize)
        .set_max_height(limits.side as usize)
        .jpeg_set_max_scans(limits.scans);
    let jpeg = &jpeg[..header.end];
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(jpeg), options);
    decoder.decode_headers().map_err(refusal)?;
    let (space, convert) = pixels(decoder.input_colorspace(), header)?;
    decoder.set_options(options.jpeg_set_out_colorspace(space));
    let pixels = decoder.decode().map_err(refusal)?;
    convert(header.width(), header.height(), pixels).map_err(wrong_length)
}

/// Refuses what zune-jpeg 0.5 panics at or takes for broken. It is legal, and nobody sends it.
fn expect_usual_sampling(header: &Header<'_>) -> Result<(), FrameError> {
    let unsupported = |what: &str| Err(FrameError::Unsupported(format!("JPEG with {what}")));
    let factors = header.frame.components.iter().map(|[_, factors, _]| (factors >> 4, factors & 15));
    let first = factors.clone().next().unwrap_or_default();
    for (across, down) in factors {
        if ![across, down].iter().all(|factor| [1, 2, 4].contains(factor)) {
            return unsupported("sampling factors other than 1, 2 and 4");
        }
        if across > first.0 || down > first.1 {
            return unsupported("more samples of a colour than of the first");
        }
        if (first.1, down) == (4, 2) {
            return unsupported("the sampling factor 2 under 4");
        }
    }
    Ok(())
}

/// Makes a picture of a size of decoded pixels.
type Convert = fn(u32, u32, Vec<u8>) -> Result<Picture, PictureError>;

/// What to have decoded, which is what zune-jpeg takes the JPEG to hold, so that it leaves the samples as they are; and how
/// a picture is made of them, by what the JPEG does hold.
fn pixels(input: Option<ColorSpace>, header: &Header<'_>) -> Result<(ColorSpace, Convert), FrameError> {
    let space = match (header.frame.components.len(), input) {
        (1, _) => return Ok((ColorSpace::Luma, Picture::from_gray)),
        // By an Adobe segment it means four components, until it counts them.
        (_, Some(ColorSpace::YCbCr | ColorSpace::YCCK)) => ColorSpace::YCbCr,
        (_, Some(ColorSpace::RGB | ColorSpace::CMYK)) => ColorSpace::RGB,
        (count, Some(space)) => {
            return Err(FrameError::Unsupported(format!("JPEG of {count} components in {space:?}")));
        }
        (_, None) => return Err(FrameError::Malformed("it has no frame header".to_owned())),
    };
    let convert: Convert = if header.is_ycbcr {
        |width, height, pixels| Picture::from_ycbcr(width, height, &pixels)
    } else {
        |width, height, pixels| Picture::from_rgb(width, height, &pixels)
    };
    Ok((space, convert))
}

/// Whose fault it is that the decoder stopped.
fn refusal(error: DecodeErrors) -> FrameError {
    match error {
        DecodeErrors::Unsupported(what) => FrameError::Unsupported(format!("JPEG with {what:?}")),
        other => FrameError::Malformed(format!("{other:?}")),
    }
}

fn wrong_length(error: PictureError) -> FrameError {
    FrameError::Malformed(error.to_string())
}

/// `picture` turned as the camera that took it was held.
fn upright(picture: Picture, orientation: Orientation) -> Picture {
    if orientation.is_upright() {
        return picture;
    }
    let (width, height) = (picture.width(), picture.height());
    let (width, height) = if orientation.transposes() { (height, width) } else { (width, height) };
    let planes =
        [0, 1, 2].map(|index| turned(&picture.planes[index], picture.plane_size(index), orientation));
    Picture::from_planes(width, height, planes).unwrap_or(picture)
}

/// One plane of `width` x `height` samples, turned.
fn turned(plane: &[u8], (width, height): (u32, u32), orientation: Orientation) -> Vec<u8> {
    let (width, height) = (width as usize, height as usize);
    let (columns, rows) = if orientation.transposes() { (height, width) } else { (width, height) };
    let mut out = vec![0; plane.len()];
    // By blocks that the caches hold: a column read alone fetches a line of memory for each sample.
    for (top, left) in
        (0..rows).step_by(BLOCK).flat_map(|row| (0..columns).step_by(BLOCK).map(move |column| (row, column)))
    {
        for row in top..rows.min(top + BLOCK) {
            let y = if orientation.mirrors_y() { rows - 1 - row } else { row };
            for column in left..columns.min(left + BLOCK) {
                let x = if orientation.mirrors_x() { columns - 1 - column } else { column };
                out[row * columns + column] =
                    if orientation.transposes() { plane[x * width + y] } else { plane[y * width + x] };
            }
        }
    }
    out
}

/// Samples of a side of what is turned at a time.
const BLOCK: usize = 64;
