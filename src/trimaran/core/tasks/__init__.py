"""What can be predicted: yes or no, a number, one of several classes, an order in groups; all that depends on it stands here."""

from trimaran.core.tasks.classes import OneOf
from trimaran.core.tasks.number import Number
from trimaran.core.tasks.ranking import GRADED, PLACES, Ranking, blocks, evenly, in_groups, shuffled, unsplit
from trimaran.core.tasks.task import KINDS, NUMBERS, Kind, Task
from trimaran.core.tasks.value import Value
from trimaran.core.tasks.yes_or_no import YesOrNo

__all__ = [
    "GRADED",
    "KINDS",
    "NUMBERS",
    "PLACES",
    "Kind",
    "Number",
    "OneOf",
    "Ranking",
    "Task",
    "Value",
    "YesOrNo",
    "blocks",
    "evenly",
    "in_groups",
    "shuffled",
    "unsplit",
]
