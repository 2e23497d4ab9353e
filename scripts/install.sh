#!/bin/sh
# Installs larder and its man page: downloads the release for this machine, checks its sums, puts it in place.
#
#   curl -fsSL https://github.com/larder-oci/larder/releases/latest/download/install.sh | sh
#
# LARDER_VERSION   the version to install, such as 0.1.0 (default: the latest)
# LARDER_INSTALL   the folder to install into (default: ~/.local/bin)
# LARDER_RELEASES  the address of the releases (default: https://github.com/larder-oci/larder/releases)
# XDG_DATA_HOME    the folder of man/man1/larder.1 (default: ~/.local/share)

# The braces make the shell read the script to its end first, so that a script cut short runs nothing.
{
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
    fail "neither curl nor wget is installed"
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
    fail "none of sha256sum, shasum and openssl is installed"
  fi | cut -c 1-64
}

# sum_of NAME SUMS
sum_of() {
  awk -v name="$1" '$2 == name || $2 == "*" name { print $1 }' "$2"
}

# verify FILE NAME SUMS
verify() {
  expected=$(sum_of "$2" "$3")
  [ -n "$expected" ] || fail "SHA256SUMS does not name $2"
  actual=$(sha256 "$1")
  [ -n "$actual" ] || exit 1
  [ "$actual" = "$expected" ] || fail "the sum of $2 is $actual, but SHA256SUMS says $expected: nothing was installed"
}

# explain_failure: a known reason why larder does not run here
explain_failure() {
  case $(ldd --version 2>&1) in
    *musl*) echo ": it needs glibc, and this system has musl" ;;
  esac
}

# install_binary FILE FOLDER: by a rename, so that larder is the old or the new one at every moment
install_binary() {
  [ ! -d "$2/larder" ] || fail "$2/larder is a folder"
  mkdir -p "$2" || fail "cannot create $2: name another folder with LARDER_INSTALL"
  staged=$2/.larder.$$
  cp "$1" "$staged" || fail "cannot write to $2: name another folder with LARDER_INSTALL"
  chmod 755 "$staged"
  version=$("$staged" --version) || fail "the larder for $target does not run on this machine$(explain_failure)"
  mv -f "$staged" "$2/larder"
  echo "installed $version"
  echo "       as $2/larder"
}

# man_folder: nothing without a home folder; a relative XDG_DATA_HOME is ignored, as its specification says
man_folder() {
  case ${XDG_DATA_HOME:-} in
    /*) echo "$XDG_DATA_HOME/man/man1" ;;
    *) [ -z "${HOME:-}" ] || echo "$HOME/.local/share/man/man1" ;;
  esac
}

# install_man_page FILE FOLDER: a failure is only reported, because larder is installed already
install_man_page() {
  if mkdir -p "$2" 2>/dev/null && cp "$1" "$2/larder.1" 2>/dev/null; then
    chmod 644 "$2/larder.1"
    echo "       its man page as $2/larder.1"
  else
    echo "install: cannot write the man page to $2" >&2
  fi
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
    *[!0-9A-Za-z.+-]*) fail "LARDER_VERSION is \"$version\", which is not a version" ;;
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
  man=$(man_folder)
  # A release may have no man page.
  [ -n "$(sum_of larder.1 "$work/SHA256SUMS")" ] || man=''
  if [ -n "$man" ]; then
    download "$address/larder.1" "$work/larder.1"
    verify "$work/larder.1" larder.1 "$work/SHA256SUMS"
  fi
  install_binary "$work/$name" "$folder"
  [ -z "$man" ] || install_man_page "$work/larder.1" "$man"
  case :$PATH: in
    *":$folder:"*) ;;
    *) echo "$folder is not on your PATH: add it, for example with  export PATH=\"$folder:\$PATH\"" ;;
  esac
}

main
}
