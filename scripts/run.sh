#!/usr/bin/env bash
# From nothing to a hotline that answers: packages, Rust, build, speech model, serve.
# Arguments go to `hotline serve`; without any it serves the demo.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

step 1 5 "looking for the system packages"
scripts/install-packages.sh run
step 2 5 "looking for Rust"
need_rust
step 3 5 "building hotline (release); the first time takes some minutes"
cargo build --release --locked --bin hotline
hotline=${CARGO_TARGET_DIR:-target}/release/hotline
step 4 5 "looking for the speech model (fetched once, 148 MB)"
"$hotline" models fetch \
    || warn "no speech model: calls are answered and recorded, but transcripts are off (try again: $hotline models fetch)"
if [ $# -eq 0 ]; then
    set -- --demo
fi
step 5 5 "serving (hotline serve $*)"
exec "$hotline" serve "$@"
