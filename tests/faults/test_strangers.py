"""A writer killed between its write and its flush: whoever finds what it wrote and calls it done has it on the disk."""

import pytest

STORES = ("ledger, found", "ledger, sent again", "captures")


@pytest.mark.parametrize("store", STORES)
def test_what_is_found_of_a_writer_killed_before_its_flush_survives_a_power_cut(watched, counting, store):
    with counting(f"stranger killed, power cut: {store}") as count:
        kills, lost = watched("stranger", store)
        count.add("after the answer", {"kills": kills, "acknowledged": kills, "lost": lost, "doubled": [], "dangling": []})
        assert count.injected >= 4
