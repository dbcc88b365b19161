"""Makes a workspace's versions ready to answer: the model verified, the definition as it was at training."""

from __future__ import annotations

from trimaran.app.workspace import Workspace
from trimaran.core.errors import NotFound
from trimaran.core.nouns import ModelVersion, name_of
from trimaran.data.profiles import read_profile
from trimaran.deploy import Dataplane, Ready, Stores


class WorkspaceVersions:
    """Reads versions from a workspace's ledger and objects."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace

    def __call__(self, product: str, number: int, segment: str | None = None) -> Ready:
        """Return the version, ready; raises ``NotFound`` or ``Corrupt``."""
        line = product if segment is None else f"{product}[{segment}]"
        found = self._workspace.ledger.latest(ModelVersion, f"{line}/{name_of(number)}")
        if found is None:
            raise NotFound(f"{line} has no version {name_of(number)}")
        version = found[1]
        return Ready(
            version=version,
            definition=self._workspace.definition(version),
            scorer=self._workspace.scorer(version),
            known=read_profile(self._workspace.objects, version.profile).categories,
        )


def dataplane_of(workspace: Workspace, product: str) -> Dataplane:
    """Return the dataplane of one product of a workspace."""
    stores = Stores(workspace.ledger, workspace.captures, workspace.online, workspace.clock)
    return Dataplane(product, stores, WorkspaceVersions(workspace))
