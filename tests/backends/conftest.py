"""A real Ray cluster of several nodes on this machine, shared by the tests of a module that ask for one."""

from importlib import import_module

import pytest

from trimaran.core.config import silence_ray

NODE = {"object_store_memory": 80_000_000, "include_dashboard": False}


class Nodes:
    """A cluster, and its nodes by what they are for."""

    def __init__(self, made):
        self.made = made
        self.address = made.address

    def add(self):
        """Return a new node with one core."""
        return self.made.add_node(num_cpus=1, **NODE)

    def kill(self, node=None):
        """Kill a node, without a farewell: the newest, where none is named."""
        self.made.remove_node(node or self.made.list_all_nodes()[-1], allow_graceful=False)

    def __len__(self):
        return len(self.made.list_all_nodes())


@pytest.fixture(scope="module")
def cluster():
    """Three nodes: one that only leads, as on a machine nobody computes on, and two with a core each."""
    silence_ray()
    # Imported where a cluster is asked for: it takes a second that the other tests of this room need not wait.
    ray, cluster_utils = import_module("ray"), import_module("ray.cluster_utils")
    made = cluster_utils.Cluster(initialize_head=True, head_node_args=NODE | {"num_cpus": 0})
    nodes = Nodes(made)
    for _ in range(2):
        nodes.add()
    yield nodes
    ray.shutdown()
    made.shutdown()
