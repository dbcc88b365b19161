"""What a model's data looked like when it was trained: the reference that serving and monitoring compare with."""

from trimaran.data.profiles.profile import CATEGORY_LIMIT, ColumnProfile, Profile, read_profile, take_profile, write_profile

__all__ = ["CATEGORY_LIMIT", "ColumnProfile", "Profile", "read_profile", "take_profile", "write_profile"]
