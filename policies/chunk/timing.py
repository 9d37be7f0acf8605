"""When a chunk player asks, blends and gives up."""

from __future__ import annotations

from dataclasses import dataclass

from arbiter.strict.fields import limited


@dataclass(frozen=True, slots=True)
class ChunkTiming:
    """When a chunk player asks, blends and gives up. Seconds.

    Attributes:
        replan: A new chunk is asked for this long after the last one was, to close the loop.
        margin: An answer should be there this long before the plan ends.
        blend: Length of a splice.
        patience: How long the last target is held after the plan ended; then the policy gives up.
        first: How long the first chunk may take.
        camera_age: Age at which a picture counts as lost.
    """

    replan: float = limited(0.5, 0.02, 60.0, "s")
    margin: float = limited(0.06, 0.0, 10.0, "s")
    blend: float = limited(0.2, 0.0, 10.0, "s")
    patience: float = limited(1.0, 0.0, 60.0, "s")
    first: float = limited(10.0, 0.1, 600.0, "s")
    camera_age: float = limited(0.5, 0.02, 60.0, "s")
