#!/usr/bin/env bash
# Makes an environment of PyTorch's own, .torch, with Keras on it, that sees ours: the tests hand modules to adopt, and log fits.
# PyTorch is as large as all the rest.
set -euo pipefail
[ -x .torch/bin/python ] && .torch/bin/python -c 'import torch, trimaran; from importlib.metadata import version; version("keras")' 2>/dev/null && exit 0
plain='torch==2.13.0'
small=$plain
[ "$(uname -s)" = Linux ] && small="$plain+cpu" # without the gigabytes for graphics cards
make_it() {
	"${PYTHON:-python3}" -m venv --clear .torch
	.torch/bin/python - "$(.venv/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')" <<-'END'
		import sys, sysconfig, pathlib
		line = f"import site; site.addsitedir({sys.argv[1]!r})\n"
		pathlib.Path(sysconfig.get_path("purelib"), "ours.pth").write_text(line)
	END
	.torch/bin/python -m pip install -qq --disable-pip-version-check --retries 2 --extra-index-url https://download.pytorch.org/whl/cpu "$1" "keras==3.15.1"
}
{ make_it "$small" || make_it "$plain"; } && .torch/bin/python -c 'import torch' && exit 0
echo "NO PYTORCH: the tests that adopt its modules will be skipped; .torch could not be made" >&2
[ -z "${CI:-}" ] || exit 1
