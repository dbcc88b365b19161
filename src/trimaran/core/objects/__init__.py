"""Objects and what is built of them: bytes on their way in and out, folders as trees."""

from trimaran.core.objects.streaming import BLOCK, arrive, blocks_of, pour, sizes_of
from trimaran.core.objects.trees import Member, Tree, fetch_tree, members, put_tree, reached, read_tree

__all__ = [
    "BLOCK",
    "Member",
    "Tree",
    "arrive",
    "blocks_of",
    "fetch_tree",
    "members",
    "pour",
    "put_tree",
    "reached",
    "read_tree",
    "sizes_of",
]
