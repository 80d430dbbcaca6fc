#!/usr/bin/env bash
# CPU, packets and lateness under load. Arguments go to bench/run.py.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

step 1 3 "looking for the system packages"
scripts/install-packages.sh bench
need_rust
step 2 3 "building hotline and the bench's peers (release); the first time takes some minutes"
cargo build --release --locked --bin hotline --example bench_peer --example bench_events --example bench_pages
step 3 3 "measuring"
target=${CARGO_TARGET_DIR:-target}
exec python3 bench/run.py --hotline "$target/release/hotline" --peer "$target/release/examples/bench_peer" \
    --tools "$target/release/examples/bench_events" --pages "$target/release/examples/bench_pages" "$@"
