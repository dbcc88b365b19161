#!/usr/bin/env bash
# Makes an environment of MLflow's own, .mlflow: the tests hand models to it and take models from it; none of it comes near ours.
set -euo pipefail
[ -x .mlflow/bin/python ] && .mlflow/bin/python -c 'import mlflow, onnxruntime, xgboost, lightgbm, skops' 2>/dev/null && exit 0
python="${PYTHON:-python3}"
.uv/bin/uv venv --quiet --clear --python "$python" .mlflow
.uv/bin/uv pip install --quiet --python .mlflow/bin/python 'mlflow>=3,<4' scikit-learn skops xgboost-cpu lightgbm onnx onnxruntime skl2onnx 'protobuf<7' && exit 0
echo "NO MLFLOW: the tests that exchange models with it will be skipped; .mlflow could not be made" >&2
[ -z "${CI:-}" ] || exit 1
