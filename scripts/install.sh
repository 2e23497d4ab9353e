#!/bin/sh
# Installs larder: downloads the release for this machine, checks its sum, puts it in place.
#
#   curl -fsSL https://github.com/larder-oci/larder/releases/latest/download/install.sh | sh
#
# LARDER_VERSION   the version to install, such as 0.1.0 (default: the latest)
# LARDER_INSTALL   the folder to install into (default: ~/.local/bin)
# LARDER_RELEASES  where releases are (default: https://github.com/larder-oci/larder/releases)
set -eu

fail() {
  echo "install: $*" >&2
  exit 1
}

target() {
  case $(uname -m) in
    x86_64 | amd64) machine=x86_64 ;;
    aarch64 | arm64) machine=aarch64 ;;
    *) fail "there is no larder for $(uname -m) processors" ;;
  esac
  case $(uname -s) in
    Linux) echo "$machine-unknown-linux-gnu" ;;
    Darwin) echo "$machine-apple-darwin" ;;
    *) fail "there is no larder for $(uname -s) here; on Windows, use install.ps1" ;;
  esac
}

# download URL FILE
download() {
  if command -v curl >/dev/null; then
    case $1 in
      https:*) curl -fsSL --proto '=https' --tlsv1.2 -o "$2" "$1" ;;
      *) curl -fsSL -o "$2" "$1" ;;
    esac
  elif command -v wget >/dev/null; then
    wget -q -t 2 -O "$2" "$1"
  else
    fail "neither curl nor wget is there to download with"
  fi || fail "cannot download $1"
}

sha256() {
  if command -v sha256sum >/dev/null; then
    sha256sum <"$1"
  elif command -v shasum >/dev/null; then
    shasum -a 256 <"$1"
  elif command -v openssl >/dev/null; then
    openssl dgst -sha256 -r <"$1"
  else
    fail "none of sha256sum, shasum and openssl is there to check the download with"
  fi | cut -c 1-64
}

# verify FILE NAME SUMS
verify() {
  expected=$(awk -v name="$2" '$2 == name || $2 == "*" name { print $1 }' "$3")
  [ -n "$expected" ] || fail "SHA256SUMS does not name $2"
  actual=$(sha256 "$1")
  [ -n "$actual" ] || exit 1
  [ "$actual" = "$expected" ] || fail "the sum of $2 is $actual, but SHA256SUMS says $expected: nothing was installed"
}

# lack: what this system has not got that larder needs, if that is known
lack() {
  case $(ldd --version 2>&1) in
    *musl*) echo ": it needs glibc, and this system has musl" ;;
  esac
}

# place FILE FOLDER: a rename, so that larder is the old one or the new one at every moment
place() {
  [ ! -d "$2/larder" ] || fail "$2/larder is a folder"
  mkdir -p "$2" || fail "cannot create $2: name another folder with LARDER_INSTALL"
  staged=$2/.larder.$$
  cp "$1" "$staged" || fail "cannot write to $2: name another folder with LARDER_INSTALL"
  chmod 755 "$staged"
  version=$("$staged" --version) || fail "the larder for $target does not run on this machine$(lack)"
  mv -f "$staged" "$2/larder"
  echo "installed $version"
  echo "       as $2/larder"
}

clean() {
  [ -z "$staged" ] || rm -f "$staged"
  [ -z "$work" ] || rm -rf "$work"
}

main() {
  releases=${LARDER_RELEASES:-https://github.com/larder-oci/larder/releases}
  folder=${LARDER_INSTALL:-${HOME:?is not set: name a folder with LARDER_INSTALL}/.local/bin}
  version=${LARDER_VERSION:-}
  case $version in
    *[!0-9A-Za-z.+-]*) fail "LARDER_VERSION is \"$version\", which is no version" ;;
    "") address=$releases/latest/download ;;
    *) address=$releases/download/v${version#v} ;;
  esac
  target=$(target)
  name=larder-$target

  work='' staged=''
  trap clean EXIT
  trap 'exit 130' INT
  trap 'exit 143' HUP TERM
  work=$(mktemp -d)
  download "$address/SHA256SUMS" "$work/SHA256SUMS"
  download "$address/$name" "$work/$name"
  verify "$work/$name" "$name" "$work/SHA256SUMS"
  place "$work/$name" "$folder"
  case :$PATH: in
    *":$folder:"*) ;;
    *) echo "$folder is not on your PATH: add it, for example with  export PATH=\"$folder:\$PATH\"" ;;
  esac
}

# Only the last line runs anything, so that a script cut short does nothing.
main
