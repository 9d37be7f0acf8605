"""Skills of third parties, ten utterances each, and phrases that were written for them before anything was measured."""

from types import ModuleType

from arbiter.skill import Skill


def skills_of(module: ModuleType) -> list[Skill]:
    """One of each of a module's skills."""
    return [item() for item in vars(module).values() if isinstance(item, type) and issubclass(item, Skill) and item.name]
