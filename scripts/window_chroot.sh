#!/usr/bin/env bash
# Makes build/window/root: a small Debian with a real Blender, a virtual screen and software OpenGL,
# in which tests drive Blender's window (see in_window.sh). Made once; what is ready is kept.
# Exit code 77 where it cannot be made, with the reason on stderr.
set -euo pipefail
cd "$(dirname "$0")/.."

suite=sid # the only one with a Blender that the extension supports
folder=build/window
root=$folder/root
packages=(
  blender python3-numpy python3-requests python3-cattr python3-zstandard # what Blender runs on
  python3-torch                                                          # what the engines run on
  xvfb xauth imagemagick python3-xlib                                    # a screen, and its user
  libgl1-mesa-dri libegl1 libegl-mesa0 libglx-mesa0 ca-certificates
)
safetensors=$(grep '^safetensors==' requirements.txt)

say() { echo "window: $*" >&2; }
skip() { say "no window here: $*"; exit 77; }

[ "$(uname)" = Linux ] || skip "this is not Linux"
[ "$(id -u)" = 0 ] || skip "making one needs root"
unshare --mount --pid --net --ipc --fork true 2>/dev/null ||
  skip "this machine does not permit new namespaces"

mkdir -p "$folder"
exec 9>"$folder/lock"
flock 9 # two sessions at once make one

wanted="$suite ${packages[*]} $safetensors"
ready=$folder/ready
if [ -x "$root/usr/bin/blender" ] && [ "$(cat "$ready" 2>/dev/null)" = "$wanted" ]; then
  exit 0
fi
rm -f "$ready"

if ! command -v mmdebstrap >/dev/null; then
  command -v apt-get >/dev/null || skip "mmdebstrap is missing, and there is no apt-get to install it"
  say "installing mmdebstrap"
  { apt-get update -qq &&
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq mmdebstrap debian-archive-keyring; } \
    >"$folder/log" 2>&1 || skip "mmdebstrap could not be installed ($folder/log)"
fi
[ -x .venv/bin/python ] || skip "there is no .venv; run make setup"

# The mirror that this machine's own apt uses, if it is one of Debian's.
mirror=$(sed -nE 's/^(URIs: *|deb (\[[^]]*\] *)?)(https?:[^ ]*debian)\/?( .*)?$/\3/p' \
  /etc/apt/sources.list.d/debian.sources /etc/apt/sources.list 2>/dev/null | head -n 1 || true)
mirror=${mirror:-http://deb.debian.org/debian}
release=$(mktemp)
trap 'rm -f "$release"' EXIT
/usr/lib/apt/apt-helper -qq download-file "$mirror/dists/$suite/InRelease" "$release" \
  >/dev/null 2>&1 || skip "$mirror does not answer, and the first run needs it"

say "making $root from $mirror (2.5 GB; a few minutes)"
rm -rf "$root" "$root.part"
# Of /usr/share/locale only Blender's own translations stay. Release files may be older than they say
# they may be: some mirrors are snapshots.
unshare --mount --propagation private mmdebstrap --mode=root --variant=apt --components=main \
  --aptopt='Acquire::Check-Valid-Until "false"' --aptopt='Acquire::Check-Date "false"' \
  --aptopt='Acquire::Retries "3"' --aptopt='APT::Install-Recommends "false"' \
  --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/doc/*' \
  --dpkgopt='path-exclude=/usr/share/locale/*' \
  --dpkgopt='path-include=/usr/share/locale/languages' \
  --dpkgopt='path-include=/usr/share/locale/*/LC_MESSAGES/blender.mo' \
  --include="$(IFS=,; echo "${packages[*]}")" \
  "$suite" "$root.part" "$mirror" >"$folder/log" 2>&1 ||
  skip "mmdebstrap failed ($folder/log): $(grep '^E:' "$folder/log" | head -n 1)"

in_blender() {
  HOME=/tmp chroot "$root.part" blender --background --factory-startup --python-exit-code 3 \
    --python-expr "$1"
}
python=$(in_blender 'import sys; print("python", *sys.version_info[:2])' |
  sed -nE 's/^python ([0-9]+) ([0-9]+)$/\1.\2/p') || skip "Blender does not start there"
.venv/bin/python -m pip install --quiet --disable-pip-version-check --root-user-action ignore \
  --target "$root.part/usr/local/lib/python$python/dist-packages" --python-version "$python" \
  --only-binary=:all: --no-deps "$safetensors" >>"$folder/log" 2>&1 ||
  skip "$safetensors for Python $python could not be installed ($folder/log)"
in_blender 'import safetensors.torch, torch' >>"$folder/log" 2>&1 ||
  skip "PyTorch does not start in this Blender ($folder/log)"
# Sessions see the folder read-only, so Python could not keep what it compiles.
chroot "$root.part" python3 -m compileall -q -j 0 /usr/share/blender/scripts /usr/local/lib \
  >>"$folder/log" 2>&1 || true
rm -rf "$root.part"/var/cache/apt/* "$root.part"/var/lib/apt/lists/*
mkdir -p "$root.part/share" "$root.part/var/cache/shaders"
mv "$root.part" "$root"
echo "$wanted" >"$ready"
say "ready: $root"
