"""Losses and learning rates of PyTorch, told by the hooks that it has for modules and optimisers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

from trimaran.core.ports import FitListener


@contextmanager
def hooks(listener: FitListener) -> Iterator[None]:
    """Tell each loss that is one number, and the learning rate after each step."""
    torch, stepping = import_module("torch"), import_module("torch.optim.optimizer")
    losses = torch.nn.modules.loss._Loss  # noqa: SLF001  what every loss of PyTorch is

    def lost(module: Any, given: Any, value: Any) -> None:  # noqa: ARG001  the signature is theirs
        if listener.listens() and isinstance(module, losses) and getattr(value, "ndim", 1) == 0:
            name = f"{type(module).__name__}{'' if torch.is_grad_enabled() else '_eval'}"
            listener.value(name, float(value.detach()))

    def stepped(optimizer: Any, given: Any, named: Any) -> None:  # noqa: ARG001  likewise
        listener.value("learning_rate", optimizer.param_groups[0]["lr"])

    handles = [
        torch.nn.modules.module.register_module_forward_hook(lost),
        stepping.register_optimizer_step_post_hook(stepped),
    ]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
