//! Makes the page: `web-client` as WebAssembly with the glue that loads it, and a Rust file that says where the
//! page's files are. Release builds have them inside, compressed; debug builds read them from disk, so that an
//! edit of `static/` compiles nothing.

use std::error::Error;
use std::fmt::Write as _;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::Command;

use wasm_bindgen_cli_support::Bindgen;

const WASM: &str = "wasm32-unknown-unknown";
/// Set to 1, this leaves the page out: for editors and for machines without the target.
const SKIP: &str = "TESSERA_SKIP_WEB";
/// What the page's program is made of, beside the packages in Cargo.lock.
const SOURCES: [&str; 6] = ["web-client", "proto", "build.rs", "Cargo.toml", "Cargo.lock", "server/build.rs"];

type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() {
    if let Err(error) = run() {
        println!("cargo::error={error}");
    }
}

fn run() -> Result<()> {
    let package = PathBuf::from(var("CARGO_MANIFEST_DIR")?);
    let root = package.parent().ok_or("this package is not within its workspace")?;
    let out = PathBuf::from(var("OUT_DIR")?);
    let is_release = var("PROFILE")? == "release";
    for source in SOURCES {
        println!("cargo::rerun-if-changed={}", root.join(source).display());
    }
    if is_release {
        println!("cargo::rerun-if-changed={}", root.join("static").display());
    }
    println!("cargo::rerun-if-env-changed={SKIP}");

    let glue = out.join("web");
    if std::env::var(SKIP).is_ok_and(|value| value == "1") {
        return Ok(fs::write(out.join("page.rs"), absent())?);
    }
    make_glue(&compile(root, &out)?, &glue)?;
    let folders = [root.join("static"), glue];
    let page = if is_release { embedded(&folders, &out)? } else { on_disk(&folders) };
    Ok(fs::write(out.join("page.rs"), page)?)
}

fn var(name: &str) -> Result<String> {
    std::env::var(name).map_err(|error| format!("{name}: {error}").into())
}

/// Compiles `web-client`, and gives the path of the WebAssembly.
///
/// In a folder of its own, for the outer cargo holds the lock of the usual one until this is done, and under a
/// profile of its own, for those who set a build folder for all.
fn compile(root: &Path, out: &Path) -> Result<PathBuf> {
    // OUT_DIR is target/PROFILE/build/PACKAGE/out.
    let target = out.ancestors().nth(4).ok_or("OUT_DIR is not where cargo puts it")?.join("web");
    let mut cargo = Command::new(var("CARGO")?);
    cargo.current_dir(root).args(["build", "--locked", "--quiet", "-p", "tessera-web", "--target", WASM]);
    cargo.args(["--profile", "web", "--target-dir"]).arg(&target);
    cargo.arg("--config").arg(without_paths(root)?);
    for (name, _) in std::env::vars().filter(|(name, _)| is_ours(name)) {
        cargo.env_remove(name);
    }
    let output = cargo.output()?;
    let messages = String::from_utf8_lossy(&output.stderr);
    if messages.contains("target may not be installed") {
        return Err(format!(
            "the page needs the target {WASM}: run `rustup target add {WASM}` (or leave the page out: {SKIP}=1)"
        )
        .into());
    }
    if !output.status.success() {
        return Err(format!("the page does not compile:\n{messages}")
            .replace('\n', "\ncargo::error=")
            .into());
    }
    Ok(target.join(WASM).join("web/tessera_web.wasm"))
}

/// Everybody can read the page's program: where the packages lie on this machine is nobody's business, and bytes on top
/// of that. Flags that the user has set are kept.
fn without_paths(root: &Path) -> Result<String> {
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| std::env::home_dir().map(|home| home.join(".cargo"))).unwrap_or_default();
    let mut folders = vec![root.to_owned()];
    // Packages of each registry are in a folder of their own; without them there is nothing to hide.
    for folder in fs::read_dir(home.join("registry/src")).into_iter().flatten() {
        folders.push(folder?.path());
    }
    let flags: Vec<_> =
        folders.iter().map(|folder| format!("--remap-path-prefix={}=", folder.display())).collect();
    Ok(format!("target.{WASM}.rustflags={flags:?}"))
}

/// What cargo set for this script and must not reach the cargo inside: flags, wrappers, the target.
fn is_ours(name: &str) -> bool {
    const NAMES: [&str; 8] =
        ["CARGO_ENCODED_RUSTFLAGS", "TARGET", "HOST", "PROFILE", "OPT_LEVEL", "DEBUG", "OUT_DIR", "NUM_JOBS"];
    const PREFIXES: [&str; 6] =
        ["RUSTC", "CARGO_MANIFEST_", "CARGO_CFG_", "CARGO_FEATURE_", "CARGO_PKG_", "DEP_"];
    NAMES.contains(&name) || PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

/// What the command-line tool `wasm-bindgen` does. What it made before and makes no more is not left over.
fn make_glue(wasm: &Path, glue: &Path) -> Result<()> {
    if glue.exists() {
        fs::remove_dir_all(glue)?;
    }
    let mut bindgen = Bindgen::new();
    bindgen.input_path(wasm).web(true)?.typescript(false).omit_default_module_path(false);
    bindgen.remove_name_section(true).remove_producers_section(true);
    Ok(bindgen.generate(glue)?)
}

fn absent() -> String {
    format!("tessera_server_core::Page::absent({:?})", format!("built with {SKIP}=1"))
}

fn on_disk(folders: &[PathBuf]) -> String {
    format!("tessera_server_core::Page::on_disk(&{folders:?})")
}

/// All files with their compressed form, as a constant; the names of the files under `assets/` have the
/// build's own number in front, so that browsers may keep them for ever.
fn embedded(folders: &[PathBuf], out: &Path) -> Result<String> {
    let mut files = Vec::new();
    for folder in folders {
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            let name = path.file_name().ok_or("a file without a name")?.to_string_lossy().into_owned();
            // Folders too: an asset's address has room for a name only.
            let bytes = fs::read(&path).map_err(|error| format!("{}: {error}", path.display()))?;
            files.push((name, bytes));
        }
    }
    files.sort();
    let mut hasher = DefaultHasher::new();
    files.hash(&mut hasher);
    let build = format!("{:016x}", hasher.finish());

    let packed = out.join("packed");
    fs::create_dir_all(&packed)?;
    let mut list = String::new();
    for (name, mut bytes) in files {
        if name == "index.html" {
            bytes = String::from_utf8(bytes)?.replace("\"/assets/", &format!("\"/assets/{build}/")).into();
        }
        let (plain, brotli) = (packed.join(&name), packed.join(format!("{name}.br")));
        fs::write(&brotli, compressed(&bytes)?)?;
        fs::write(&plain, bytes)?;
        writeln!(
            list,
            "    File {{ name: {name:?}, plain: include_bytes!({plain:?}), brotli: include_bytes!({brotli:?}) }},"
        )?;
    }
    Ok(format!(
        "{{ use tessera_server_core::File; tessera_server_core::Page::embedded({build:?}, &[\n{list}]) }}"
    ))
}

fn compressed(bytes: &[u8]) -> Result<Vec<u8>> {
    let mut out = Vec::new();
    // Blocks of 64 KiB, for a program's parts are unlike each other.
    let parameters =
        brotli::enc::BrotliEncoderParams { quality: 11, lgwin: 22, lgblock: 16, ..Default::default() };
    brotli::BrotliCompress(&mut &bytes[..], &mut out, &parameters)?;
    Ok(out)
}
