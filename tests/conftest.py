"""What all tests share: nothing that is tested depends on how fast a machine is."""

from hypothesis import settings

settings.register_profile("gnlab", deadline=None)
settings.load_profile("gnlab")
