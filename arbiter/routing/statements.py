"""Statements, questions and imagined scenes: clauses with a command's words that request nothing.

What is plainly one by its first words; of the rest, the encoder tells remarks (`structure`).
"""

from __future__ import annotations

import re
from collections.abc import Set

_TELLS = re.compile(
    r"^(?:i|he|she|they|we|my|his|her|our|did|does|is|are|was|were|am|has|had|who|whose|what|which|when|why|how|where"
    r"|can|could|would|will|should|shall|may|might|must|do (?:you|they|i|we|robots|humanoids|machines|people|humans)"
    r"|have (?:you|they|i|we)|let (?:me(?! (?:see|hear|have|get) (?:an?|the|your|you|some|that|those) )|him|her|them)"
    r"|if|unless|whenever|suppose|assuming|provided|in case|imagine|picture|pretend|(?:there|here|it|that|this) (?:is|was)) "
    r"|^(?:nice|lovely|good|great) \w+$|^you (?:are|were) (?!to |going to )|^you \w+[^e]ed |^\w+ing (?:\w+ )?(?:is|was|are) "
)


_DETERMINED = r"(?:the|an?|this|that|these|those|my|your|his|her|its|our|their|every|each|some|many|most|all|old|young)"


class Statements:
    """Tells clauses that are a statement, a question or a thought rather than a command.

    Args:
        verbs: That commands of the skills begin with; of others they tell something: "robots walk", "the path turns left".
        asked: Words of the skills' phrases, none of which is such a subject or such a verb: "two steps turn left", "your hands".
    """

    def __init__(self, verbs: Set[str], asked: Set[str]) -> None:
        verb = "|".join(map(re.escape, sorted(verbs, key=len, reverse=True))) or "(?!)"
        self._asked = asked
        self._of_others = re.compile(
            rf"^(?:{_DETERMINED} )*(?:(?P<subject>(?!\w+ss )\w+s)|people|children)"
            rf" (?:(?:can|will|should|must|may|do|always|often|never) )?(?:{verb})\b"
            rf"|^{_DETERMINED} \w+ (?P<told>(?:{verb})(?:e?s\b|e?d(?= )))"
        )

    def __call__(self, clause: str) -> bool:
        """Whether a canonical clause is one."""
        others = self._of_others.search(clause)
        return _TELLS.search(clause) is not None or (others is not None and self._asked.isdisjoint(others.groups()))
