"""What a candidate is measured by: rows of one day count as one cluster, and the profile knows its weeks."""

import json

from trimaran.build import Rival, read_evidence
from trimaran.build.measuring import days_of, measures_of
from trimaran.core.statistics import auc_difference
from trimaran.data.profiles import read_profile


def test_every_interval_of_the_evidence_is_by_day(yard):
    first = yard.trainer.train(yard.definition, yard.snapshot(), yard.job())
    scorer = yard.trainer._compiled.load(yard.objects.get(first.version.compiled))
    test = yard.trainer.sets.make(yard.definition, yard.snapshot()).test
    days = days_of(test.predict_at)
    scores = scorer(test.matrix())
    expected = measures_of(yard.definition.task, test.labels, scores, days=days)
    assert {name: first.evidence.measures[name] for name in expected} == expected
    assert len(set(days.tolist())) == 16

    rival = Rival(1, yard.definition, lambda rows: scorer(rows)[::-1])
    second = yard.trainer.train(yard.definition, yard.snapshot(), yard.job(key="second"), live=rival).evidence.live
    assert second.measures == measures_of(yard.definition.task, test.labels, scores[::-1], days=days)
    assert second.differences["auc"] == auc_difference(test.labels, scores, scores[::-1], clusters=days)


def test_the_profile_knows_the_weeks_of_both_windows(yard):
    version = yard.trainer.train(yard.definition, yard.snapshot(), yard.job()).version
    profile = read_profile(yard.objects, version.profile)
    trained = (version.trained_to - version.trained_from).days // 7
    assert {len(column.weeks) for column in profile.features.values()} == {len(profile.label_weeks)} == {trained}
    assert len(profile.score_weeks) == 2


def test_evidence_of_the_first_form_still_reads(yard):
    found = yard.trainer.train(yard.definition, yard.snapshot(), yard.job())
    rival = Rival(1, yard.definition, yard.trainer._native.load(yard.objects.get(found.version.native)))
    second = yard.trainer.train(yard.definition, yard.snapshot(), yard.job(key="second"), live=rival)
    said = json.loads(yard.objects.get(second.run.artifacts["evidence"]))
    old = {name: part for name, part in said.items() if name not in {"task", "goal", "classes", "confusion"}}
    old["live"] = {**old["live"], "auc_difference": old["live"].pop("differences")["auc"]}
    old["weeks"] = [{**week, "auc": week.pop("measures")["auc"]} for week in old["weeks"]]
    assert read_evidence(yard.objects, yard.objects.put(json.dumps(old).encode())) == second.evidence
