//! What one would run instead: OpenCV, by the script in `peers/`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use anyhow::{Context, ensure};
use bytes::Bytes;

use crate::frames::repository;
use crate::server::on_core;

/// OpenCV's bare pipeline over the frames of a folder: no network, no gRPC.
#[derive(Debug)]
pub struct OpenCv {
    /// A Python that has what `peers/requirements.txt` lists.
    pub python: PathBuf,
    /// Where the frames are.
    pub frames: PathBuf,
    /// The mosaics' JPEG quality.
    pub quality: u32,
    /// The one processor to run on, if only one.
    pub core: Option<usize>,
}

/// What a run of the pipeline cost.
#[derive(Debug, Clone, PartialEq)]
pub struct PeerCost {
    /// The program and its version.
    pub name: String,
    /// CPU time for a mosaic in milliseconds, on average.
    pub cpu_ms: f64,
    /// A mosaic's bytes, on average.
    pub bytes: usize,
}

impl OpenCv {
    /// Makes `count` mosaics and tells what they cost.
    ///
    /// # Errors
    ///
    /// When the script fails.
    pub fn run(&self, count: usize) -> anyhow::Result<PeerCost> {
        let output = self.script(count, &[])?;
        let line = String::from_utf8_lossy(&output.stdout);
        cost(&line).with_context(|| format!("the script's answer is not as expected: {line}"))
    }

    /// Makes `count` mosaics as files in `folder` and gives them, those before the first full one too.
    ///
    /// # Errors
    ///
    /// When the script fails or the files cannot be read.
    pub fn mosaics(&self, count: usize, folder: &Path) -> anyhow::Result<Vec<Bytes>> {
        fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
        self.script(count, &["--save", &folder.to_string_lossy()])?;
        (0..count)
            .map(|n| {
                let path = folder.join(format!("{n:04}.jpg"));
                Ok(fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?.into())
            })
            .collect()
    }

    fn script(&self, count: usize, more: &[&str]) -> anyhow::Result<Output> {
        let script = repository().join("bench/peers/opencv_mosaic.py");
        let output = on_core(self.core, &self.python)
            .arg(&script)
            .arg(&self.frames)
            .args(["--mosaics", &count.to_string(), "--quality", &self.quality.to_string()])
            .args(more)
            .output()
            .with_context(|| format!("cannot run {}", self.python.display()))?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "{} failed: {said}", script.display());
        Ok(output)
    }
}

/// The script's answer: name, milliseconds and bytes with tabs between them.
fn cost(line: &str) -> Option<PeerCost> {
    let mut fields = line.trim().split('\t');
    let name = fields.next()?.to_owned();
    let cpu_ms = fields.next()?.parse().ok()?;
    let bytes = fields.next()?.parse().ok()?;
    Some(PeerCost { name, cpu_ms, bytes })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scripts_answer_is_three_fields() {
        let expected = PeerCost { name: "OpenCV 4.1".to_owned(), cpu_ms: 12.5, bytes: 3000 };
        assert_eq!(cost("OpenCV 4.1\t12.5\t3000\n"), Some(expected));
        assert_eq!(cost("Traceback"), None);
    }
}
