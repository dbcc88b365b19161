"""Pipelines in a workspace: run, recorded, asked why, spun."""

from trimaran.app.pipelines.engines import ENGINES, Place, read_engine
from trimaran.app.pipelines.loading import load_pipeline, read_parameters
from trimaran.app.pipelines.outcome import Outcome
from trimaran.app.pipelines.pipeline import Pipeline, Ways, opened, pipeline
from trimaran.app.pipelines.reasons import Change, Reasons, reasons
from trimaran.app.pipelines.recording import Unended, run_named, runs_of, sheet_of, unended_of
from trimaran.app.pipelines.spinning import Spun, name_of, spin
from trimaran.app.pipelines.viewing import PipelineView, RunList, Runs, StepView

__all__ = [
    "ENGINES",
    "Change",
    "Outcome",
    "Pipeline",
    "PipelineView",
    "Place",
    "Reasons",
    "RunList",
    "Runs",
    "Spun",
    "StepView",
    "Unended",
    "Ways",
    "load_pipeline",
    "name_of",
    "opened",
    "pipeline",
    "read_engine",
    "read_parameters",
    "reasons",
    "run_named",
    "runs_of",
    "sheet_of",
    "spin",
    "unended_of",
]
