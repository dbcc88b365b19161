#!/usr/bin/env bash
# Brings the browser that the dashboard's tests drive; says loudly when it cannot.
set -euo pipefail
command -v chromium >/dev/null && exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  apt-get update -qq >/dev/null
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium >/dev/null
  exit 0
fi
echo "NO CHROMIUM: the dashboard's browser tests will be skipped; install it (Debian: apt-get install chromium)" >&2
[ -z "${CI:-}" ] || exit 1
