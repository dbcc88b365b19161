"""What can be predicted: yes or no, a number, or one of several classes; all that depends on it stands here."""

from trimaran.core.tasks.classes import OneOf
from trimaran.core.tasks.number import Number
from trimaran.core.tasks.task import KINDS, Kind, Task
from trimaran.core.tasks.value import Value
from trimaran.core.tasks.yes_or_no import YesOrNo

__all__ = ["KINDS", "Kind", "Number", "OneOf", "Task", "Value", "YesOrNo"]
