#!/usr/bin/env bash
# Format, clippy, and the dependencies' licences, sources and advisories.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

cargo_deny=0.20.2

scripts/install-packages.sh lint
need_rust
step 1 4 "format"
cargo fmt --all --check
step 2 4 "clippy"
cargo clippy --workspace --all-targets --locked -- -D warnings
step 3 4 "licences, bans and sources of the dependencies"
if ! cargo deny --version >/dev/null 2>&1; then
    echo "installing cargo-deny $cargo_deny, once" >&2
    cargo install cargo-deny --locked --version "$cargo_deny"
fi
cargo deny --locked check --hide-inclusion-graph bans licenses sources
step 4 4 "security advisories"
# The advisory database is a git repository; where it can't be reached that must not fail the lint.
if GIT_TERMINAL_PROMPT=0 timeout 20 git ls-remote --exit-code https://github.com/rustsec/advisory-db HEAD >/dev/null 2>&1; then
    cargo deny --locked check advisories
else
    warn "the advisory database can't be reached from here: advisories were NOT checked"
fi
echo "lint: clean"
