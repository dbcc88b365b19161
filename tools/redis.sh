#!/usr/bin/env bash
# Brings the Redis that the tests of features by key start for themselves; says loudly when it cannot.
set -euo pipefail
command -v redis-server >/dev/null && exit 0
command -v valkey-server >/dev/null && exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  apt-get update -qq >/dev/null
  # The package alone: a run level of a machine that is going down starts no service.
  RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive apt-get install -y -qq redis-server >/dev/null && exit 0
fi
echo "NO REDIS: the tests of features by key on it will be skipped; install it (Debian: apt-get install redis-server)" >&2
[ -z "${CI:-}" ] || exit 1
