#!/usr/bin/env bash
# Sets a NUC or a Jetson up for the robot. May be run again at any time.
#
#   deploy/install/install.sh [--tree FILE] [--cpus LIST] [--user NAME] [--dry-run]
#
# What it does: packages, environment, groups, udev rules, CAN units, the service (not enabled, not started), and on a Jetson
# the power mode. What it asks of root goes through sudo, line by line, and is printed first.
set -euo pipefail

folder="$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)"
tree="default.yaml"
user="$(id -un)"
cpus="$(seq -s ' ' 1 "$(( $(nproc) > 1 ? $(nproc) - 1 : 0 ))")"
dry=""

while [ $# -gt 0 ]; do
  case "$1" in
    --tree) tree="$2"; shift 2 ;;
    --cpus) cpus="$2"; shift 2 ;;
    --user) user="$2"; shift 2 ;;
    --dry-run) dry=1; shift ;;
    *) echo "install.sh: unknown option $1; allowed: --tree FILE, --cpus LIST, --user NAME, --dry-run" >&2; exit 2 ;;
  esac
done
cpus="${cpus:-0}"
home="$(getent passwd "$user" | cut -d: -f6)"

run() { echo "+ $*"; [ -n "$dry" ] || "$@"; }
root() { if [ "$(id -u)" = 0 ]; then run "$@"; else run sudo "$@"; fi; }

fill() { # fill FILE TARGET: the template with this machine's values, to TARGET
  echo "+ fill $1 -> $2"
  local text
  text="$(sed -e "s|@FOLDER@|$folder|g" -e "s|@USER@|$user|g" -e "s|@TREE@|$tree|g" -e "s|@CPUS@|$cpus|g" -e "s|@HOME@|${home:-/nonexistent}|g" "$1")"
  if [ -n "$dry" ]; then printf '%s\n' "$text"; return; fi
  if [ "$(id -u)" = 0 ]; then printf '%s\n' "$text" > "$2"; else printf '%s\n' "$text" | sudo tee "$2" > /dev/null; fi
}

jetson() { [ -f /etc/nv_tegra_release ]; }

root apt-get update
root apt-get install -y --no-install-recommends curl ca-certificates can-utils iproute2 v4l-utils
uv="$(command -v uv || true)"
if [ -z "$uv" ]; then
  run sh -c "curl -LsSf https://astral.sh/uv/install.sh | sh"
  uv="${XDG_BIN_HOME:-$HOME/.local/bin}/uv"
fi
run env -C "$folder" "$uv" sync --extra robot --extra viewer

for group in dialout video input; do root usermod -aG "$group" "$user"; done
fill "$folder/deploy/install/99-policy-arbiter.rules" /etc/udev/rules.d/99-policy-arbiter.rules
fill "$folder/deploy/install/can-up@.service" /etc/systemd/system/can-up@.service
fill "$folder/deploy/install/policy-arbiter.service" /etc/systemd/system/policy-arbiter.service
root udevadm control --reload
root systemctl daemon-reload
root modprobe can_raw

if jetson; then
  root nvpmodel -m 0
  root jetson_clocks
  echo "TensorRT engines are built on the device: see docs/how-to/run-on-the-robot.md, section Jetson"
fi

echo "installed. Next: log out and in (groups), then python -m deploy.doctor; docs/how-to/run-on-the-robot.md goes on from there."
