"""The way to live has room for one: who comes later waits in staging until it is free."""

from datetime import timedelta

from trimaran.app.lifecycle import Lifecycle
from trimaran.app.loading import load_file
from trimaran.app.running import run_once
from trimaran.app.views import portfolio
from trimaran.deploy import Releases


def test_a_version_waits_in_staging_while_another_is_in_shadow(lived, quiet):
    file = lived.data_root / "rides.py"
    file.write_text(file.read_text().replace('shadow="0h"', 'shadow="24h"'))
    life = Lifecycle(lived, load_file(file), quiet)

    def newest():
        return [state.stage for state in life.state.versions.values()][-3:]

    run_once(life)
    assert newest()[1:] == ["live", "shadow"]
    lived.clock.set(lived.clock.now() + timedelta(hours=1))
    run_once(life)
    assert newest() == ["live", "shadow", "staging"]
    life.promotion.advance(lived.clock.now())
    assert newest() == ["live", "shadow", "staging"]
    (card,) = portfolio(lived)
    assert (card.candidate, card.candidate_stage, card.behind) == ("v5", "staging", "v4")
    before, _ = [state.version.number for state in life.state.versions.values()][-2:]
    Releases(lived.ledger, life.definition).roll_back(before, reason="it is not wanted")
    life.promotion.advance(lived.clock.now())
    assert newest() == ["live", "rolled back", "shadow"]
