"""Statements, questions and imagined scenes: clauses with a command's words that request nothing."""

from __future__ import annotations

import re
from collections.abc import Iterable

from arbiter.routing.languages.english import english


def _third(verb: str) -> str:
    """Third person: "walks", "reaches", "goes"."""
    return f"{verb}es" if verb.endswith(("s", "x", "ch", "sh", "o")) else f"{verb}s"


def _any(words: Iterable[str]) -> str:
    """A pattern of any of the words."""
    return f"(?:{'|'.join(sorted(words))})"


_VERBS = _any(english().moves)
_THIRD = _any(map(_third, english().moves))
_NO_SUBJECT = _any(english().no_subject)
_PEOPLE = _any(english().people)
_DETERMINED = (
    r"(?:the|a|an|this|that|my|your|his|her|its|our|their|every|each|some|any|most|many|all|no|these|those|both|other|old|young"
    r"|most of the|all the)"
)
_TELLS = re.compile(
    r"^(?:i|he|she|they|we|my|his|her|our|did|does|is|are|was|were|am|has|had|who|whose|what|which|when|why|how|where"
    r"|can|could|would|will|should|shall|may|might|must|do (?:you|they|i|we|robots|humanoids|machines|people|humans)"
    r"|have (?:you|they|i|we)|let (?:me(?! (?:see|hear|have|get) (?:an?|the|your|you|some|that|those) )|him|her|them)) "
    r"|^(?:yesterday|tomorrow|earlier|last (?:time|week|night|year)|next (?:time|week|year)) |^\w+ing (?:\w+ )?(?:is|was|are) "
    r"|^(?:that|this|it) (?:was|is|looks|looked) "
    r"|^(?:if|unless|whenever|suppose|assuming|provided|in case) "
    r"|^(?:nice|lovely|beautiful|awesome|amazing|wonderful|fantastic|brilliant|great|good|impressive|excellent) \w+$"
    r"|^(?:the|some|those|these|every|all the) \w+ (?:(?!need )\w{2,}ed|is|are|was|were|has|had|went|ran|sat|stood) "
    r"|^you (?:are|were) (?!to |going to )|^you \w+[^e]ed |\bhow (?:to|do|does|did|you|i|we)\b"
    r"|^(?:tell|explain|describe|define|recommend|translate|summari[sz]e|spell|recite|remind) "
    # imagined
    r"|^(?:please |just |now )*(?:imagine|imagining|picture|pretend|visuali[sz]e|dream|fancy|think|guess|bet"
    r"|know|believe|hope|wish|consider|remember (?:when|how|that|the)|recall"
    r"|assume (?:that|you|i|we|he|she|they|the)|say that|say (?:you|i|we|he|she|they)|what if"
    r"|(?:let us|let me) (?:say|imagine|pretend|assume|suppose|think|talk))\b"
    # there is
    r"|^(?:there|here|it) (?:is|are|was|were|will be|has|have|had|used|comes?|goes|go)\b(?! (?:a|the) command)"
    # of others
    rf"|^(?:{_DETERMINED} )?(?:\w+ )??(?!{_NO_SUBJECT}\b)(?!\w+ss )\w+s (?:(?:always|often|usually|never|sometimes|also|can|will"
    rf"|should|must|may|do|who|that|to) )*{_VERBS}\b"
    rf"|^(?:{_DETERMINED} )?{_PEOPLE} (?:\w+ )?(?:{_VERBS}|{_THIRD})\b"
    rf"|^{_DETERMINED} (?!left|few|couple|quarter|half|full|more|small|big|tiny|quick|slow|short|long|next|last)(?:\w+ ){{1,2}}"
    rf"(?:{_THIRD}|(?:can|could|would|did|might|does) (?:\w+ )?{_VERBS})\b"
    r"|^(?!(?:do|make|take|give|perform|few|several|couple|some|big|small|little|tiny|more|quick|slow) )\w+"
    r" (?:walks|sits|stands|raises|lifts|lowers|touches|marches|goes|moves|comes|strolls|rotates|retreats|approaches)\b"
    rf"|^(?:it|this|that|one|everyone|everybody|each) (?:always |often |never )?{_THIRD}\b"
    r"|^(?:everyone|everybody|each) \w{2,}ed\b"
    # of another time
    r"|\b(?:yesterday|long ago|(?:days?|weeks?|years?|months?|hours?) ago|last (?:week|night|year|month|summer|winter"
    r"|spring|monday|tuesday|wednesday|thursday|friday|saturday|sunday)"
    r"|every (?:day|morning|evening|night|week|year|sunday)|as a child"
    r"|once upon a time|in (?:the|a|this|that) (?:film|movie|book|story|song|video|dream|poem|novel|play|scene|game))\b"
)


def is_statement(clause: str) -> bool:
    """Whether a canonical clause is a statement, a question or a thought rather than a command."""
    return _TELLS.search(clause) is not None
