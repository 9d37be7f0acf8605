"""Statements, questions and imagined scenes: clauses with a command's words that request nothing."""

from __future__ import annotations

import re

_VERBS = (
    r"(?:walk|march|stroll|wander|step|turn|spin|rotate|wave|sit|stand|bow|raise|lift|lower|point|touch|go|move|come|circle|retreat"
    r"|reverse|sidestep|back|shuffle|head|get|reach|approach|advance|pivot|swivel|slide|stay|greet)"
)
_THIRD = (
    r"(?:walks|marches|strolls|wanders|steps|turns|spins|rotates|waves|sits|stands|bows|raises|lifts|lowers|points|touches"
    r"|goes|moves|comes|circles|retreats|reverses|sidesteps|backs|shuffles|heads|gets|reaches|approaches|advances|pivots)"
)
# Plural words that may stand before a command's verb and are no subject of it.
_NO_SUBJECT = (
    r"(?:always|perhaps|this|yes|us|arms|hands|forwards|backwards|towards|upwards|downwards|onwards|leftwards|rightwards"
    r"|sideways|afterwards|times|seconds|steps|metres|meters|degrees|thanks|please|as|now|is|legs|lets|guys|folks|less)"
)
_DETERMINED = (
    r"(?:the|a|an|this|that|my|your|his|her|its|our|their|every|each|some|any|most|many|all|no|these|those|both|other|old|young"
    r"|most of the|all the)"
)
_PEOPLE = r"(?:people|children|men|women|kids|folk|police|someone|somebody|anyone|anybody|nobody|everything|humans|cattle|sheep)"
_TELLS = re.compile(
    r"^(?:i|he|she|they|we|my|his|her|our|did|does|is|are|was|were|am|has|had|who|whose|what|which|when|why|how|where"
    r"|can|could|would|will|should|shall|may|might|must|do (?:you|they|i|we|robots|humanoids|machines|people|humans)"
    r"|have (?:you|they|i|we)|let (?:me|him|her|them)) "
    r"|^(?:yesterday|tomorrow|earlier|last (?:time|week|night|year)|next (?:time|week|year)) |^\w+ing (?:\w+ )?(?:is|was|are) "
    r"|^(?:if|unless|whenever|suppose|assuming|provided|in case) "
    r"|^(?:nice|lovely|beautiful|awesome|amazing|wonderful|fantastic|brilliant|great|good|impressive|excellent) \w+$"
    r"|^(?:the|some|those|these|every|all the) \w+ (?:\w{2,}ed|is|are|was|were|has|had|went|ran|sat|stood) "
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
