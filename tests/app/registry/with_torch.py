"""Modules of PyTorch as adopted models; runs where PyTorch is, which ``test_torch.py`` sees to."""

from datetime import UTC, datetime

import numpy as np
import pytest
import torch

from trimaran.app.registry.adopting import adopt
from trimaran.core.canon import digest
from trimaran.core.errors import InputError

UNTIL = datetime(2013, 1, 22, tzinfo=UTC)


class Net(torch.nn.Module):
    """Standardises and weighs; ``last`` makes of the sums what is answered."""

    def __init__(self, known, last, width=1):
        super().__init__()
        features, labels = known
        rows, wanted = torch.tensor(features.to_numpy()), torch.tensor(labels, dtype=torch.float32)
        self.register_buffer("middle", rows.mean(0))
        self.register_buffer("spread", rows.std(0))
        self.weigh, self.dropped, self.last = torch.nn.Linear(rows.shape[1], width), torch.nn.Dropout(0.2), last
        torch.manual_seed(0)
        optimizer = torch.optim.Adam(self.parameters(), lr=0.1)
        for _ in range(200):
            optimizer.zero_grad()
            sums = self.weigh((rows - self.middle) / self.spread)
            loss = (
                torch.nn.functional.binary_cross_entropy_with_logits(sums[:, 0], wanted)
                if width == 1
                else torch.nn.functional.cross_entropy(sums, wanted.long())
            )
            loss.backward()
            optimizer.step()

    def forward(self, rows):
        return self.last(self.dropped(self.weigh((rows - self.middle) / self.spread)))


ANSWERS = {
    "one probability a row": (torch.nn.Sigmoid(), 1),
    "a probability without a second dimension": (torch.nn.Sequential(torch.nn.Sigmoid(), torch.nn.Flatten(0)), 1),
    "a probability of each outcome": (torch.nn.Softmax(1), 2),
}


@pytest.mark.parametrize(("last", "width"), ANSWERS.values(), ids=ANSWERS)
def test_a_module_is_adopted_answers_as_before_and_goes_live(life, known, last, width):
    net = Net(known, last, width)
    state, verdict = adopt(life, net, trained_until=UNTIL)
    assert verdict.outcome in {"pass", "warn"}, verdict.reasons
    version = state.version
    assert version.origin.sort == "PyTorch module"
    assert version.origin.said["model_class"].endswith("Net")
    assert version.origin.said["torch_version"] == torch.__version__
    assert (version.kept_as, version.origin.files["model.onnx"]) == ("onnx", version.native)
    assert digest(life.workspace.objects.get(version.native)) == version.native
    rows = known[0].head(200).to_numpy().astype(np.float32)
    with torch.no_grad():
        expected = net.eval()(torch.tensor(rows)).numpy().reshape(len(rows), -1)[:, -1]
    found = life.workspace.scorer(version)(rows)
    np.testing.assert_allclose(found, expected, atol=1e-6)
    one_by_one = np.concatenate([life.workspace.scorer(version)(row[None]) for row in rows[:20]])
    np.testing.assert_allclose(one_by_one, expected[:20], atol=1e-6)


def test_a_module_is_left_as_it_was(life, known):
    net = Net(known, torch.nn.Sigmoid()).train()
    net.dropped.eval()
    adopt(life, net, trained_until=UNTIL)
    assert (net.training, net.dropped.training, net.last.training) == (True, False, True)
    assert all(parameter.requires_grad for parameter in net.parameters())


def test_a_module_that_takes_another_number_of_features_says_so(life):
    with pytest.raises(InputError, match="Linear does not export to ONNX for"):
        adopt(life, torch.nn.Linear(3, 1), trained_until=UNTIL)


def test_a_module_that_does_not_answer_what_is_asked_says_so_and_nothing_is_written(life, known):
    head = life.ledger.store.head()
    with pytest.raises(InputError):
        adopt(life, Net(known, torch.nn.Identity(), 3), trained_until=UNTIL)
    assert life.ledger.store.head() == head


def test_what_answers_by_more_than_the_rows_is_told_in_the_modules_own_words(life):
    class Picky(torch.nn.Module):
        def forward(self, rows):
            raise ValueError("no rows like these")

    with pytest.raises(InputError, match=r"Picky does not export to ONNX.*no rows like these"):
        adopt(life, Picky(), trained_until=UNTIL)


def test_a_module_that_answers_no_probabilities_is_stopped_at_the_gate(life, known):
    state, verdict = adopt(life, Net(known, torch.nn.Identity()), trained_until=UNTIL)
    assert verdict.outcome == "fail"
    assert state.stage == "refused"
