"""Logs what libraries do while a run is under way, by the hooks that they have for it; off unless it is asked for."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from functools import wraps
from importlib import import_module
from itertools import count
from typing import Any

from trimaran.app.runs.run import ActiveRun, as_setting
from trimaran.app.runs.starting import active_run
from trimaran.core.errors import Fault, InputError

_INSIDE: ContextVar[bool] = ContextVar("inside a fit", default=False)
_LONGEST = 500


@contextmanager
def autolog(*libraries: str) -> Iterator[None]:
    """Log what the fits of some libraries are given and how they go into the run that is under way, as long as it lasts.

    ``sklearn``, ``xgboost``, ``lightgbm``, ``torch`` and ``keras``; by default those of them that are imported. Raises
    ``InputError`` for another one, or one that is not installed.
    """
    wanted = libraries or tuple(name for name in LIBRARIES if name in sys.modules)
    unknown = [name for name in wanted if name not in LIBRARIES]
    if unknown:
        remedy = f"choose from: {', '.join(LIBRARIES)}"
        raise InputError("autolog", [Fault(what=f"{name!r} is not known", remedy=remedy) for name in unknown])
    with ExitStack() as stack:
        for name in wanted:
            try:
                stack.enter_context(LIBRARIES[name]())
            except ModuleNotFoundError as error:
                fault = Fault(what=f"{name} is not installed ({error})", remedy=f"install it, or leave {name} out")
                raise InputError("autolog", [fault]) from error
        yield


@contextmanager
def _sklearn() -> Iterator[None]:
    from sklearn.utils import all_estimators  # noqa: PLC0415  a heavy library that only this needs

    kinds = {base for _, kind in all_estimators() for base in kind.__mro__ if "fit" in vars(base)}
    changed: list[tuple[type, Callable[..., Any]]] = [(kind, vars(kind)["fit"]) for kind in kinds]
    for kind, fit in changed:
        kind.fit = _told(fit)  # type: ignore[attr-defined]  # put back below
    try:
        yield
    finally:
        for kind, fit in changed:
            kind.fit = fit  # type: ignore[attr-defined]  # as it was


def _told(fit: Callable[..., Any]) -> Callable[..., Any]:
    """Return a fit that does what it did and says so to the run that is under way; fits inside of it are its own affair."""

    @wraps(fit)
    def telling(estimator: Any, *given: Any, **named: Any) -> Any:
        run = active_run()
        if run is None or _INSIDE.get():
            return fit(estimator, *given, **named)
        mark = _INSIDE.set(True)
        try:
            fitted = fit(estimator, *given, **named)
        finally:
            _INSIDE.reset(mark)
        _say(run, type(estimator).__name__, estimator.get_params(deep=False))
        rows: Any = given[0] if given else named.get("X")
        shape = getattr(rows, "shape", None) or ((len(rows),) if hasattr(rows, "__len__") else ())
        run.log_metrics({name: float(size) for name, size in zip(("fit_rows", "fit_columns"), shape, strict=False)})
        for name in ("best_score_", "n_iter_", "train_score_", "validation_score_"):
            _log_values(run, name.rstrip("_"), getattr(estimator, name, None))
        best = getattr(estimator, "best_params_", None)
        if isinstance(best, Mapping):
            _say(run, "best", best)
        return fitted

    return telling


@contextmanager
def _xgboost() -> Iterator[None]:
    xgboost = import_module("xgboost")

    class Telling(xgboost.callback.TrainingCallback):  # type: ignore[name-defined,misc]  # imported by name
        """XGBoost's own kind of callback."""

        def after_iteration(self, model: Any, epoch: int, evals_log: Any) -> bool:  # noqa: ARG002  the signature is theirs
            run = active_run()
            for data, measures in (evals_log or {}).items() if run is not None else ():
                for measure, values in measures.items():
                    newest = values[-1]
                    run.log_metric(f"{data}/{measure}", newest[0] if isinstance(newest, tuple) else newest, epoch)  # type: ignore[union-attr]  # looked at above
            return False

    with _boosting("xgboost", ("xgboost", "xgboost.sklearn", "xgboost.training"), Telling):
        yield


@contextmanager
def _lightgbm() -> Iterator[None]:
    def telling() -> Callable[[Any], None]:
        def callback(env: Any) -> None:
            run = active_run()
            for data, measure, value, *_ in (env.evaluation_result_list or ()) if run is not None else ():
                run.log_metric(f"{data}/{measure}", value, env.iteration)  # type: ignore[union-attr]  # looked at above

        callback.order = 25  # type: ignore[attr-defined]  # as LightGBM sorts its own: after the evaluation is recorded
        return callback

    with _boosting("lightgbm", ("lightgbm", "lightgbm.sklearn", "lightgbm.engine"), telling):
        yield


@contextmanager
def _boosting(library: str, modules: tuple[str, ...], callback: Callable[[], Any]) -> Iterator[None]:
    """Give every ``train`` of a library one more callback; what it takes and returns stays as it is."""
    homes = [import_module(name) for name in modules]
    plain = homes[0].train

    @wraps(plain)
    def train(*given: Any, **named: Any) -> Any:
        run = active_run()
        if run is None:
            return plain(*given, **named)
        named["callbacks"] = [*(named.get("callbacks") or ()), callback()]
        _say(run, library, given[0] if given else named.get("params", {}))
        return plain(*given, **named)

    before = [(home, home.train) for home in homes if hasattr(home, "train")]
    for home, _ in before:
        home.train = train  # type: ignore[attr-defined]  # put back below
    try:
        yield
    finally:
        for home, kept in before:
            home.train = kept  # type: ignore[attr-defined]  # as it was


@contextmanager
def _torch() -> Iterator[None]:
    torch = import_module("torch")
    losses = torch.nn.modules.loss._Loss  # noqa: SLF001  what every loss of PyTorch is

    def lost(module: Any, given: Any, value: Any) -> None:  # noqa: ARG001  the signature is theirs
        run = active_run()
        if run is not None and isinstance(module, losses) and getattr(value, "ndim", 1) == 0:
            run.log_metric(f"{type(module).__name__}{'' if torch.is_grad_enabled() else '_eval'}", float(value.detach()))

    def stepped(optimizer: Any, given: Any, named: Any) -> None:  # noqa: ARG001  likewise
        run = active_run()
        if run is not None:
            run.log_metric("learning_rate", optimizer.param_groups[0]["lr"])

    handles = [
        torch.nn.modules.module.register_module_forward_hook(lost),
        import_module("torch.optim.optimizer").register_optimizer_step_post_hook(stepped),
    ]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


@contextmanager
def _keras() -> Iterator[None]:
    keras = import_module("keras")

    class Telling(keras.callbacks.Callback):  # type: ignore[name-defined,misc]  # imported by name
        """Keras' own kind of callback."""

        def on_epoch_end(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
            run = active_run()
            if run is not None:
                run.log_metrics({name: float(value) for name, value in (logs or {}).items()}, epoch)

    plain = keras.Model.fit

    @wraps(plain)
    def fit(model: Any, *given: Any, **named: Any) -> Any:
        if active_run() is not None:
            named["callbacks"] = [*(named.get("callbacks") or ()), Telling()]
        return plain(model, *given, **named)

    keras.Model.fit = fit
    try:
        yield
    finally:
        keras.Model.fit = plain


LIBRARIES: Mapping[str, Callable[[], Any]] = {
    "sklearn": _sklearn,
    "xgboost": _xgboost,
    "lightgbm": _lightgbm,
    "torch": _torch,
    "keras": _keras,
}
"""What can be logged, and how; each is switched on while its block lasts."""


def _say(run: ActiveRun, what: str, parameters: Mapping[str, Any]) -> None:
    """Log what a fit was given; of a second fit in the run, whose values differ, under the name of what was fitted."""
    said = {name: value if len(repr(value)) <= _LONGEST else repr(value)[:_LONGEST] for name, value in parameters.items()}
    run.set_tags({f"fitted {what}": "yes"})
    for number in count(1):
        told = {(name if number == 1 else f"{what} {number}: {name}"): value for name, value in said.items()}
        if not any(
            name in run.parameters and run.parameters[name] != as_setting(name, value) for name, value in told.items()
        ):
            run.log_parameters(told)
            return


def _log_values(run: ActiveRun, name: str, value: Any) -> None:
    """Log a number, or a list of them as steps."""
    if value is None:
        return
    values = value.ravel().tolist() if hasattr(value, "ravel") else list(value) if hasattr(value, "__iter__") else [value]
    for one in values:
        if isinstance(one, int | float):
            run.log_metric(name, one)
