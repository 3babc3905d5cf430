//! What one would run instead, by the scripts in `peers/`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, ensure};
use bytes::Bytes;
use tessera_mosaic::Picture;

use crate::cpu::on_core;
use crate::frames::{in_folder, repository};
use crate::server::Server;
use crate::setup::{Frames, QUALITY, Setup};
use crate::turns::Cost;

/// How often libjpeg-turbo encodes all pictures in a round.
const ENCODE_ROUNDS: u32 = 4;

/// A script's answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// The program and its version.
    pub name: String,
    /// What one job cost.
    pub cost: Cost,
}

fn script(name: &str) -> PathBuf {
    repository().join("bench/peers").join(name)
}

/// OpenCV's bare pipeline, once for each frame: no network, no gRPC.
///
/// # Errors
///
/// When the script fails.
pub fn opencv(setup: &Setup, frames: &Frames, quality: u32, mosaics: usize) -> anyhow::Result<Answer> {
    run(opencv_command(setup, frames, quality, mosaics))
}

/// The first `mosaics` mosaics of OpenCV's pipeline.
///
/// # Errors
///
/// When the script fails.
pub fn opencv_mosaics(
    setup: &Setup,
    frames: &Frames,
    quality: u32,
    mosaics: usize,
) -> anyhow::Result<Vec<Bytes>> {
    let folder = emptied(setup.out.join(format!("opencv-{quality}")))?;
    let mut command = opencv_command(setup, frames, quality, mosaics);
    command.arg("--save").arg(&folder);
    run(command)?;
    in_folder(&folder)
}

fn opencv_command(setup: &Setup, frames: &Frames, quality: u32, mosaics: usize) -> Command {
    let mut command = on_core(setup.core, &setup.python);
    command.arg(script("opencv_mosaic.py")).arg(&frames.folder);
    command.args(["--mosaics", &mosaics.to_string(), "--quality", &quality.to_string()]);
    command
}

/// ffmpeg's xstack, once for every four frames.
///
/// # Errors
///
/// When the script fails.
pub fn xstack(setup: &Setup, frames: &Frames, quality: u32, mosaics: usize) -> anyhow::Result<Answer> {
    run(xstack_command(setup, frames, quality, mosaics))
}

/// The first `mosaics` mosaics of ffmpeg's xstack.
///
/// # Errors
///
/// When the script fails.
pub fn xstack_mosaics(
    setup: &Setup,
    frames: &Frames,
    quality: u32,
    mosaics: usize,
) -> anyhow::Result<Vec<Bytes>> {
    let folder = emptied(setup.out.join(format!("xstack-{quality}")))?;
    let mut command = xstack_command(setup, frames, quality, mosaics);
    command.arg(&folder);
    run(command)?;
    in_folder(&folder)
}

fn xstack_command(setup: &Setup, frames: &Frames, quality: u32, mosaics: usize) -> Command {
    let mut command = on_core(setup.core, &script("ffmpeg_xstack.sh"));
    command.arg(&frames.folder).args([mosaics.to_string(), quality.to_string()]);
    command
}

/// libjpeg-turbo's encoder, compiled here.
#[derive(Debug)]
pub struct Turbo {
    program: PathBuf,
    planes: PathBuf,
    size: (u32, u32),
}

impl Turbo {
    /// Compiles the program and writes the planes of `pictures`, all of one size, for it.
    ///
    /// # Errors
    ///
    /// When there is no C compiler or no libjpeg.
    pub fn prepare(setup: &Setup, pictures: &[Picture]) -> anyhow::Result<Self> {
        let (program, planes) = (setup.out.join("turbo_encode"), setup.out.join("planes.yuv"));
        let compiled = Command::new("cc")
            .args(["-O2", "-o"])
            .args([&program, &script("turbo_encode.c")])
            .arg("-ljpeg")
            .output()
            .context("cannot run cc: install a C compiler")?;
        let said = String::from_utf8_lossy(&compiled.stderr);
        ensure!(
            compiled.status.success(),
            "turbo_encode.c is not compiled: install libjpeg-turbo's headers (Debian's package \
             libjpeg62-turbo-dev)\n{said}"
        );
        let bytes: Vec<u8> = pictures.iter().flat_map(Picture::planes).flatten().copied().collect();
        fs::write(&planes, bytes).with_context(|| format!("cannot write {}", planes.display()))?;
        Ok(Self { program, planes, size: (pictures[0].width(), pictures[0].height()) })
    }

    /// Encodes all pictures some times.
    ///
    /// # Errors
    ///
    /// When the program fails.
    pub fn run(&self, setup: &Setup) -> anyhow::Result<Answer> {
        let mut command = on_core(setup.core, &self.program);
        command.arg(&self.planes);
        command.args([self.size.0, self.size.1, QUALITY, ENCODE_ROUNDS].map(|number| number.to_string()));
        run(command)
    }
}

/// A server of the original's kind.
///
/// # Errors
///
/// When it does not start.
pub fn grpcio_server(setup: &Setup, quality: u32) -> anyhow::Result<Server> {
    let mut command = on_core(setup.core, &setup.python);
    command.arg(script("grpcio_server.py")).arg(repository().join("proto/video_concat.proto"));
    command.args(["--quality", &quality.to_string()]).stdout(Stdio::piped());
    Server::start(command, |process| process.stdout.take())
}

fn emptied(folder: PathBuf) -> anyhow::Result<PathBuf> {
    if folder.exists() {
        fs::remove_dir_all(&folder).with_context(|| format!("cannot empty {}", folder.display()))?;
    }
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    Ok(folder)
}

fn run(mut command: Command) -> anyhow::Result<Answer> {
    let program = command.get_args().skip(2).take(2).map(|arg| Path::new(arg).display().to_string());
    let program = program.collect::<Vec<_>>().join(" ");
    let output = command.stdin(Stdio::null()).output().context("cannot run taskset")?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{program} failed: {said}");
    let line = String::from_utf8_lossy(&output.stdout);
    answer(&line).with_context(|| format!("{program} does not answer as expected: {line}"))
}

/// A script's line: name, CPU milliseconds and bytes with tabs between them.
fn answer(line: &str) -> Option<Answer> {
    let mut fields = line.trim().split('\t');
    let name = fields.next()?.to_owned();
    let cpu_ms: f64 = fields.next()?.parse().ok()?;
    let bytes = fields.next()?.parse().ok()?;
    Some(Answer { name, cost: Cost { cpu: cpu_ms / 1e3, bytes } })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scripts_answer_is_three_fields() {
        let cost = Cost { cpu: 0.0125, bytes: 3000.0 };
        assert_eq!(answer("OpenCV 4.1\t12.5\t3000\n"), Some(Answer { name: "OpenCV 4.1".to_owned(), cost }));
        assert_eq!(answer("Traceback"), None);
    }
}
