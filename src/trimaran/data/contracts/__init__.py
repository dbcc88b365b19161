"""What a table may hold: deliveries are judged here, and refused rows keep their reasons."""

from trimaran.data.contracts.contract import REASONS, Delivery, identity, judge_delivery

__all__ = ["REASONS", "Delivery", "identity", "judge_delivery"]
