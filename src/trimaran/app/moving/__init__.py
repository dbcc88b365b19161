"""Moving house: bundles of a product or a workspace, signed, brought in elsewhere; backups, taken while others write."""

from trimaran.app.moving.acts import Bundled, back_up, bring_in, export, restore

__all__ = ["Bundled", "back_up", "bring_in", "export", "restore"]
