"""The pages of pipelines: the list of their runs, and one run with its graph, its steps and why they ran; and the same as JSON."""

from __future__ import annotations

from litestar import get
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery
from litestar.response import Template

from trimaran.app import figures
from trimaran.app.pipelines import PipelineView, RunList
from trimaran.doors.dashboard.access import ACCESS, Access
from trimaran.doors.dashboard.rendering import chart
from trimaran.doors.dashboard.shelf import Shelf

READ = {ACCESS: Access.READ}
_SHOWN = 200


@get("/pipelines", opt=READ, sync_to_thread=True, name="pipelines")
def pipelines_page(shelf: NamedDependency[Shelf], *, pipeline: FromQuery[str] = "") -> Template:
    """Show the newest runs of a pipeline, or of all."""
    return Template("pipelines.html", context={"found": shelf.pipelines.newest(pipeline, most=_SHOWN)})


@get("/pipelines/{pipeline:str}/{name:str}", opt=READ, sync_to_thread=True, name="pipeline")
def pipeline_page(shelf: NamedDependency[Shelf], pipeline: FromPath[str], name: FromPath[str]) -> Template:
    """Show one run: its graph, what became of each step and why, what it printed and what it made."""
    view = shelf.pipelines.one(pipeline, name)
    told = {one.told.name: one.told for one in view.steps}
    graph = chart(figures.graph_figure(view.run.edges, told), "graph", f"The steps of {pipeline}, {name}")
    return Template("pipeline.html", context={"view": view, "graph": graph})


@get("/api/v1/pipelines", opt=READ, sync_to_thread=True)
def pipelines(shelf: NamedDependency[Shelf], *, pipeline: FromQuery[str] = "") -> RunList:
    """Return the newest runs of a pipeline, or of all."""
    return shelf.pipelines.newest(pipeline, most=_SHOWN)


@get("/api/v1/pipelines/{pipeline:str}/{name:str}", opt=READ, sync_to_thread=True)
def pipeline_of(shelf: NamedDependency[Shelf], pipeline: FromPath[str], name: FromPath[str]) -> PipelineView:
    """Return one run: what became of each step, why, what it stood on, printed and made."""
    return shelf.pipelines.one(pipeline, name)
