"""What a candidate is measured by: rows of one day count as one cluster, and the profile knows its weeks."""

from trimaran.build import Rival
from trimaran.build.measuring import days_of, measures_of
from trimaran.core.statistics import auc_difference
from trimaran.data.profiles import read_profile


def test_every_interval_of_the_evidence_is_by_day(yard):
    first = yard.trainer.train(yard.definition, yard.snapshot(), yard.job())
    scorer = yard.trainer._compiled.load(yard.objects.get(first.version.compiled))
    test = yard.trainer.sets.make(yard.definition, yard.snapshot()).test
    days = days_of(test.predict_at)
    scores = scorer(test.matrix())
    expected = measures_of(test.labels, scores, yard.definition.value, days=days)
    assert {name: first.evidence.measures[name] for name in expected} == expected
    assert len(set(days.tolist())) == 16

    rival = Rival(1, yard.definition, lambda rows: scorer(rows)[::-1])
    second = yard.trainer.train(yard.definition, yard.snapshot(), yard.job(key="second"), live=rival).evidence.live
    assert second.measures == measures_of(test.labels, scores[::-1], yard.definition.value, days=days)
    assert second.auc_difference == auc_difference(test.labels, scores, scores[::-1], clusters=days)


def test_the_profile_knows_the_weeks_of_both_windows(yard):
    version = yard.trainer.train(yard.definition, yard.snapshot(), yard.job()).version
    profile = read_profile(yard.objects, version.profile)
    trained = (version.trained_to - version.trained_from).days // 7
    assert {len(column.weeks) for column in profile.features.values()} == {len(profile.label_weeks)} == {trained}
    assert len(profile.score_weeks) == 2
