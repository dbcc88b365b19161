"""What a person with MLflow does, in MLflow's own environment: saves models of every flavour, and opens what was handed out.

``python through_mlflow.py save FOLDER ROWS`` and ``python through_mlflow.py predict MODEL ROWS OUT``; nothing of trimaran is here.
"""

import json
import os
import sys
import warnings
from pathlib import Path

warnings.filterwarnings("ignore")
os.environ["MLFLOW_ALLOW_PICKLE_DESERIALIZATION"] = "true"  # skops files too are behind this switch of MLflow's

import mlflow  # noqa: E402
import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402

TREES = ["sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor"]


def save(folder, rows):
    import lightgbm
    import xgboost
    from mlflow.models import infer_signature
    from skl2onnx import to_onnx
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.linear_model import LogisticRegression

    table = pd.read_csv(rows)
    rows_in, y = table[["wind_now", "trips_before"]].astype("float32"), table["late"]
    signature = infer_signature(rows_in)
    trees = HistGradientBoostingClassifier(max_iter=10, early_stopping=False).fit(rows_in, y)
    mlflow.sklearn.save_model(trees, folder / "skops", signature=signature, skops_trusted_types=TREES)
    mlflow.sklearn.save_model(trees, folder / "pickle", signature=signature, serialization_format="cloudpickle")
    booster = xgboost.XGBClassifier(n_estimators=10).fit(rows_in, y)
    mlflow.xgboost.save_model(booster, folder / "xgboost", signature=signature)
    light = lightgbm.train({"objective": "binary", "verbose": -1}, lightgbm.Dataset(rows_in, y), 10)
    mlflow.lightgbm.save_model(light, folder / "lightgbm", signature=signature)
    line = LogisticRegression().fit(rows_in.to_numpy(), y)
    mlflow.onnx.save_model(to_onnx(line, rows_in[:1].to_numpy()), folder / "onnx", signature=signature)
    answers = {
        "skops": trees.predict_proba(rows_in)[:, 1],
        "pickle": trees.predict_proba(rows_in)[:, 1],
        "xgboost": booster.predict_proba(rows_in)[:, 1],
        "lightgbm": light.predict(rows_in),
        "onnx": line.predict_proba(rows_in.to_numpy())[:, 1],
    }
    (folder / "answers.json").write_text(json.dumps({name: found[:100].tolist() for name, found in answers.items()}))


def predict(model, rows, out):
    loaded = mlflow.pyfunc.load_model(str(model))
    found = loaded.predict(pd.read_csv(rows)[loaded.metadata.get_input_schema().input_names()])
    example = loaded.input_example
    told = {
        "answers": np.asarray(found, dtype=float).tolist(),
        "inputs": loaded.metadata.get_input_schema().input_names(),
        "columns": list(found.columns) if hasattr(found, "columns") else None,
        "example": np.asarray(loaded.predict(example), dtype=float).reshape(-1).tolist() if example is not None else None,
        "ours": sorted(name for name in sys.modules if name.startswith("trimaran")),
    }
    out.write_text(json.dumps(told))


if __name__ == "__main__":
    {"save": save, "predict": predict}[sys.argv[1]](*map(Path, sys.argv[2:]))
