# Names for the lines one types. Each is also a plain cargo line; README.md lists them.

CARGO ?= cargo
WASM := wasm32-unknown-unknown
PYTHON := target/python/.ready
JAVASCRIPT := target/javascript/.ready
PEERS_PYTHON := target/peers/.ready
CLIPS ?= clips/1.mp4 clips/2.mp4 clips/3.mp4 clips/4.mp4

FUZZ_SECONDS ?= 60
FUZZ_TARGETS ?= probe tile transcode decode names tokens headers calls mp4 mjpeg
SOAK_MINUTES ?= 15

.PHONY: help run demo test lint audit bench fuzz soak sanitize bench-deps build-deps test-deps wasm-target

help: ## This list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: wasm-target ## The server on http://localhost:50051
	$(CARGO) run --release

# The clips have other shapes than the tiles: cut, they fill them.
demo: export TESSERA_FIT ?= cover
demo: build-deps wasm-target ## Server and four clients on the sample clips, until Ctrl-C; CLIPS="a.mp4 b.mp4" for others
	$(CARGO) build --release -p tessera-server -p tessera-client
	@exec $(CARGO) run --release -q -p tessera-client -- demo --with-server --loop --no-save $(CLIPS)

test: build-deps test-deps wasm-target $(PYTHON) $(JAVASCRIPT) ## All tests, after installing what they need; SKIP_E2E=1 leaves other programs out
	$(CARGO) test --workspace
	$(CARGO) check -p tessera-mosaic --target $(WASM)

# Nothing here looks into the page, so it is not built.
lint: export TESSERA_SKIP_WEB := 1
lint: build-deps wasm-target ## Formatting, clippy and docs, without a warning
	$(CARGO) fmt --all --check
	$(CARGO) fmt --manifest-path fuzz/Cargo.toml --check
	$(CARGO) clippy --workspace --all-targets -- -D warnings
	$(CARGO) clippy -p tessera-web -p tessera-mosaic --target $(WASM) -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --workspace --no-deps

audit: ## What we build on: licences, bans, sources, and known flaws if their database can be had
	@scripts/audit.sh

bench: build-deps wasm-target $(if $(filter 1,$(PEERS)),bench-deps $(PEERS_PYTHON)) ## What a mosaic costs: a table, target/bench/results.json, bench/report.html; PEERS=1 sets OpenCV, ffmpeg and grpcio beside it
	$(CARGO) build --release -p tessera-server -p tessera-client -p tessera-bench
	$(CARGO) run --release -q -p tessera-bench -- run $(if $(filter 1,$(PEERS)),--peers) $(BENCH_FLAGS)

fuzz: ## Any bytes into whatever reads bytes from outside, FUZZ_SECONDS=60 for each of FUZZ_TARGETS
	@scripts/fuzz.sh $(FUZZ_SECONDS) $(FUZZ_TARGETS)

soak: wasm-target ## Windows with and without each attack, then SOAK_MINUTES=15 of all together: target/soak/table.md, results.json, plot.svg
	$(CARGO) build --release -p tessera-server -p tessera-hostile
	target/release/tessera-hostile soak --minutes $(SOAK_MINUTES) $(SOAK_FLAGS)

# Each sees what the other does not: bytes beyond a buffer, and bytes that nobody wrote.
sanitize: export SKIP_E2E := 1
sanitize: ## The core's tests under the address sanitizer, those of unsafe code under valgrind too, and Miri if it is there
	RUSTFLAGS=-Zsanitizer=address scripts/sanitized.sh $(CARGO) test -q -p tessera-mosaic --lib --tests --target-dir target/sanitize
	@scripts/install.sh valgrind:valgrind
	env CARGO_TARGET_$$(rustc -vV | sed -n 's/^host: //p' | tr a-z- A-Z_)_RUNNER="valgrind -q --error-exitcode=1" \
	  $(CARGO) test -q -p tessera-mosaic --lib -- simd interleave agree
	@if cargo +nightly miri --version >/dev/null 2>&1; then cargo +nightly miri test -p tessera-mosaic --lib interleave; \
	else echo "no Miri here: rustup +nightly component add miri"; fi

build-deps:
	@scripts/install.sh c++:g++

test-deps:
	@[ "$(SKIP_E2E)" = 1 ] || scripts/install.sh cjpeg:libjpeg-turbo-progs djpeg:libjpeg-turbo-progs ffmpeg:ffmpeg \
	  chromium:chromium chromedriver:chromium-driver nginx:nginx-light

bench-deps:
	@scripts/install.sh cc:gcc ffmpeg:ffmpeg jpeglib.h:libjpeg62-turbo-dev

# rustup may be told not to install targets by itself, so it is told to.
wasm-target:
	@rustc --print target-libdir --target $(WASM) 2>/dev/null | xargs -I{} test -d {} \
	  || rustup target add $(WASM) \
	  || { echo "the target $(WASM) is missing: install it with your Rust toolchain"; exit 1; }

# Python for the test of the original's kind of client; without Python that test says that it was skipped.
$(PYTHON): server/core/tests/python/requirements.txt
	@if [ "$(SKIP_E2E)" = 1 ] || ! command -v python3 >/dev/null; then \
	  echo "no Python clients in the tests: SKIP_E2E=1 or no python3"; \
	else scripts/venv.sh target/python $<; fi

# The original's pipeline and its kind of server, for the bench.
$(PEERS_PYTHON): bench/peers/requirements.txt
	@scripts/install.sh python3:python3
	@scripts/venv.sh target/peers $<

# The official JavaScript client, for the test of docs/own-page.md.
$(JAVASCRIPT): server/core/tests/javascript/package-lock.json
	@if [ "$(SKIP_E2E)" = 1 ]; then echo "no JavaScript client in the tests: SKIP_E2E=1"; \
	else scripts/npm.sh target/javascript $(<D); fi
