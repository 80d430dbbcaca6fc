#!/usr/bin/env bash
# All tests. Arguments go to `cargo test`.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

step 1 4 "looking for the system packages"
scripts/install-packages.sh test
need_rust
step 2 4 "building hotline and its tests; the first time takes some minutes"
cargo build --locked --bin hotline
step 3 4 "looking for the speech model (fetched once, 148 MB)"
"${CARGO_TARGET_DIR:-target}/debug/hotline" models fetch \
    || warn "no speech model: the test that goes the whole way to the transcript will fail"
step 4 4 "running the tests"
exec cargo test --workspace --locked --no-fail-fast "$@" </dev/null
