//! H.264 as MP4 holds it (ISO/IEC 14496-15), made into the byte stream of H.264 Annex B.

use h264_reader::nal::sps::{ChromaFormat, FrameMbsFlags, SeqParameterSet};
use h264_reader::nal::{Nal, RefNal};
use re_mp4::Avc1Box;

use super::colour::{Coding, Matrix};

/// What begins a NAL unit in a byte stream (H.264 §B.1).
const START_CODE: [u8; 4] = [0, 0, 0, 1];

/// A stream's configuration, from its `avcC` box.
#[derive(Debug)]
pub(super) struct Config {
    /// Bytes of the length before each NAL unit: 1, 2 or 4.
    length_bytes: usize,
    /// Sequence and picture parameter sets, as a byte stream.
    parameter_sets: Vec<u8>,
    /// The colours that the first sequence parameter set tells of.
    pub(super) coding: Coding,
}

impl Config {
    /// The configuration in a sample entry, or what the decoder cannot do.
    ///
    /// # Errors
    ///
    /// The kind of H.264 that it is, for people.
    pub(super) fn new(entry: &Avc1Box) -> Result<Self, String> {
        let avcc = &entry.avcc;
        let mut parameter_sets = Vec::new();
        for unit in avcc.sequence_parameter_sets.iter().chain(&avcc.picture_parameter_sets) {
            push_unit(&mut parameter_sets, &unit.bytes);
        }
        let sps = avcc.sequence_parameter_sets.first().and_then(|unit| parse_sps(&unit.bytes));
        if let Some(kind) = sps.as_ref().and_then(unsupported) {
            return Err(kind);
        }
        let length_bytes = usize::from(avcc.length_size_minus_one) + 1;
        Ok(Self { length_bytes, parameter_sets, coding: coding(sps.as_ref()) })
    }

    /// Writes the access unit `sample` to `stream` as a byte stream. Before a `sync` sample come the parameter sets:
    /// decoding begins there.
    ///
    /// # Errors
    ///
    /// When a NAL unit is longer than the sample.
    pub(super) fn byte_stream(
        &self,
        sample: &[u8],
        sync: bool,
        stream: &mut Vec<u8>,
    ) -> Result<(), Overlong> {
        stream.clear();
        if sync {
            stream.extend_from_slice(&self.parameter_sets);
        }
        let mut rest = sample;
        while !rest.is_empty() {
            let (length, after) = rest.split_at_checked(self.length_bytes).ok_or(Overlong)?;
            let length = length.iter().fold(0, |length, byte| length << 8 | usize::from(*byte));
            let (unit, after) = after.split_at_checked(length).ok_or(Overlong)?;
            push_unit(stream, unit);
            rest = after;
        }
        Ok(())
    }
}

/// A NAL unit whose length goes beyond its sample.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Overlong;

fn push_unit(stream: &mut Vec<u8>, unit: &[u8]) {
    // A start code without a unit after it is no byte stream.
    if !unit.is_empty() {
        stream.extend_from_slice(&START_CODE);
        stream.extend_from_slice(unit);
    }
}

/// A sequence parameter set, if it can be read. One that cannot is the decoder's to judge.
fn parse_sps(unit: &[u8]) -> Option<SeqParameterSet> {
    if unit.is_empty() {
        return None;
    }
    SeqParameterSet::from_bits(RefNal::new(unit, &[], true).rbsp_bits()).ok()
}

/// What OpenH264 does not decode of H.264.
fn unsupported(sps: &SeqParameterSet) -> Option<String> {
    let chroma = &sps.chroma_info;
    let depth = 8 + chroma.bit_depth_luma_minus8.max(chroma.bit_depth_chroma_minus8);
    match chroma.chroma_format {
        _ if depth > 8 => Some(format!("H.264 with {depth} bits a sample")),
        _ if sps.frame_mbs_flags != FrameMbsFlags::Frames => Some("interlaced H.264".to_owned()),
        ChromaFormat::YUV420 => None,
        ChromaFormat::Monochrome => Some("monochrome H.264".to_owned()),
        ChromaFormat::YUV422 => Some("4:2:2 H.264".to_owned()),
        ChromaFormat::YUV444 | ChromaFormat::Invalid(_) => Some("4:4:4 H.264".to_owned()),
    }
}

/// The colours that the VUI tells of (H.264 §E.2.1); without it, limited range and BT.601.
fn coding(sps: Option<&SeqParameterSet>) -> Coding {
    let signal = sps.and_then(|sps| sps.vui_parameters.as_ref()?.video_signal_type.as_ref());
    let matrix = signal.and_then(|signal| signal.colour_description.as_ref());
    Coding {
        full_range: signal.is_some_and(|signal| signal.video_full_range_flag),
        matrix: matrix.map_or(Matrix::Bt601, |colour| Matrix::from_number(colour.matrix_coefficients)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(length_bytes: usize) -> Config {
        let coding = Coding { full_range: false, matrix: Matrix::Bt601 };
        Config { length_bytes, parameter_sets: vec![0, 0, 0, 1, 0x67], coding }
    }

    #[test]
    fn lengths_become_start_codes_and_parameter_sets_come_before_sync_samples_only() {
        let mut stream = Vec::new();
        let sample = [0, 2, 0x65, 7, 0, 0, 0, 1, 0x41];
        config(2).byte_stream(&sample, true, &mut stream).unwrap();
        assert_eq!(stream, [0, 0, 0, 1, 0x67, 0, 0, 0, 1, 0x65, 7, 0, 0, 0, 1, 0x41]);
        config(2).byte_stream(&sample, false, &mut stream).unwrap();
        assert_eq!(stream, [0, 0, 0, 1, 0x65, 7, 0, 0, 0, 1, 0x41]);
    }

    #[test]
    fn a_unit_longer_than_its_sample_is_an_error() {
        let mut stream = Vec::new();
        for sample in [&[0, 0, 0][..], &[0, 0, 0, 2, 0x65], &[255, 255, 255, 255, 1]] {
            assert_eq!(config(4).byte_stream(sample, false, &mut stream), Err(Overlong));
        }
    }
}
