#!/usr/bin/env bash
# in_window.sh FOLDER SCRIPT [ARGUMENT...]: run FOLDER/SCRIPT in a real Blender with a window, in the
# chroot that window_chroot.sh made. FOLDER is /share in there: scripts and samples go in, pictures and
# results come out. There is no network, and everything that was started ends with this command.
#   WINDOW_SIZE=1280x800   the screen's and Blender's size
#   TIME_LIMIT=180         seconds after which everything is killed, this command too
#   EVENTS=simulated       what Blender reacts to: its own simulated events, or real ones
#   SHOWN="FOLDER=NAME ..." folders of this machine that are /mnt/NAME in there, read-only
# Exit code 77 where there can be no window, 3 where the script fails at once.
set -euo pipefail
[ $# -ge 2 ] || { echo "window: in_window.sh FOLDER SCRIPT [ARGUMENT...]" >&2; exit 2; }
share=$(realpath "$1")
shift
cd "$(dirname "$0")/.."
bash scripts/window_chroot.sh
root=$PWD/build/window/root
shaders=$PWD/build/window/shaders # compiled once: saves half of a session's start
mkdir -p "$shaders"
size=${WINDOW_SIZE:-1280x800}
case ${EVENTS:-simulated} in
  simulated) events=--enable-event-simulate ;;
  real) events= ;;
  *) echo "window: EVENTS is simulated or real" >&2; exit 2 ;;
esac

# The mounts, the processes, the abstract sockets and the network's interfaces of a session are its
# own: nothing leaks into this machine, and two sessions at once do not meet.
exec timeout --signal=KILL "${TIME_LIMIT:-180}" \
  unshare --mount --propagation private --pid --net --ipc --fork --kill-child \
  bash -c '
    set -euo pipefail
    root=$1 shaders=$2 share=$3 size=$4 events=$5 shown=$6
    shift 6
    mount --bind "$root" "$root"
    mount -o remount,bind,ro "$root"
    mount -t proc proc "$root/proc"
    mount -t tmpfs tmpfs "$root/tmp"
    mount --bind "$share" "$root/share"
    mount --bind "$shaders" "$root/var/cache/shaders"
    mount -t tmpfs tmpfs "$root/mnt"
    for each in $shown; do
      mkdir "$root/mnt/${each##*=}"
      mount --bind "${each%=*}" "$root/mnt/${each##*=}"
      mount -o remount,bind,ro "$root/mnt/${each##*=}"
    done
    mount -t tmpfs tmpfs "$root/dev"
    mkdir "$root/dev/shm"
    for device in null zero full random urandom; do
      touch "$root/dev/$device"
      mount --bind "/dev/$device" "$root/dev/$device"
    done
    ln -s /proc/self/fd "$root/dev/fd"
    mkdir -p "$root/tmp/runtime" "$root/tmp/blender"
    chmod 700 "$root/tmp/runtime"
    # Not by exec: an X server does not tell a first process that it is ready.
    chroot "$root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 HOME=/tmp \
      LIBGL_ALWAYS_SOFTWARE=1 XDG_RUNTIME_DIR=/tmp/runtime BLENDER_USER_RESOURCES=/tmp/blender \
      MESA_SHADER_CACHE_DIR=/var/cache/shaders PYTHONDONTWRITEBYTECODE=1 \
      xvfb-run --auto-servernum --server-args="-screen 0 ${size}x24 -dpi 96" \
      blender --factory-startup --gpu-backend opengl ${events:+"$events"} \
      --window-geometry 0 0 "${size%x*}" "${size#*x}" --python-exit-code 3 \
      --python-expr "import sys; sys.path.insert(0, \"/share\")" --python "/share/$1" \
      -- "${@:2}" || exit $?
  ' _ "$root" "$shaders" "$share" "$size" "$events" "${SHOWN:-}" "$@"
