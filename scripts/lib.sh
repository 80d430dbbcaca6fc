# Shared by the scripts beside it; sourced, never run.
# shellcheck shell=bash

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# One visible line for each step: `step 2 5 "building"`.
step() {
    printf '\033[1m[%s/%s]\033[0m %s\n' "$1" "$2" "$3" >&2
}

warn() {
    printf 'warning: %s\n' "$*" >&2
}

die() {
    printf 'error: %s\n' "$*" >&2
    exit 1
}

# True if version $1 is at least version $2.
at_least() {
    [ "$(printf '%s\n%s\n' "$2" "$1" | sort -V | head -n 1)" = "$2" ]
}

# Stops with the one command that installs or updates Rust, unless it is there and new enough.
need_rust() {
    local wanted found
    wanted=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)
    if ! command -v cargo >/dev/null || ! found=$(cargo --version 2>/dev/null); then
        die "Rust is missing (hotline needs $wanted or newer). Install it with
    curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh -s -- -y
and start again."
    fi
    found=$(printf '%s\n' "$found" | cut -d ' ' -f 2)
    at_least "${found%%-*}" "$wanted" && return
    if command -v rustup >/dev/null; then
        die "Rust $found is too old (hotline needs $wanted or newer). Update it with
    rustup update stable && rustup default stable
and start again."
    fi
    die "Rust $found ($(command -v cargo)) is too old (hotline needs $wanted or newer). Install a newer one beside it with
    curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh -s -- -y
and start again."
}
