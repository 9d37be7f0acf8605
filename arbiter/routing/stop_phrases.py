"""Ways to say stop that are built of parts rather than fixed phrases: what is forbidden (any motion at all), what is to
end (an activity, as such), and what is about to go wrong; and words of stopping that tell of something else."""

from __future__ import annotations

import re

# Any motion, or going on with it: to forbid it is to stop. "Do not wave" forbids one thing and is no stop.
_MOTION = (
    r"(?:mov(?:e|es|ing|ements?)|motions?|budg(?:e|ing)|stir(?:ring)?|twitch(?:ing)?|flinch(?:ing)?|proceed(?:ing)?"
    r"|continu(?:e|es|ing)|advanc(?:e|es|ing)|(?:go|going|carry|carrying|press|pressing) (?:on|around)"
    r"|keep(?:ing)? (?:on|at it|going|moving)"
    r"|(?:another|one more|one|a single|an extra|even one|any more) (?:\w+ )?"
    r"(?:steps?|moves?|inch|centimet(?:er|re)|movements?|motions?|muscle|foot|met(?:er|re))"
    r"|(?:take|make) any (?:more )?(?:steps?|moves?|movements?)|an inch"
    r"|(?:a|one) (?:muscle|inch|finger|step further|step closer)|(?:any|even) (?:further|farther|closer|longer|more)"
    r"|\w+ (?:any ?more|any longer|any (?:further|farther|closer|nearer)|further|farther)|anything(?: else| more)?$)"
)
_FORBIDDEN = re.compile(
    r"\b(?:do not|never|not|no|no more|nobody|no one|none of you|refrain from|avoid|abstain from|forbid(?:den)?|prohibited"
    r"|against|without any more)"
    r"(?: (?!and |then |while |but |or |as |if |when |before |after |until |your |the |stop )\w+){0,4}?"
    rf" {_MOTION}\b"
)
_ENDING = (
    r"(?:cut(?: out)?|knock off|quit|drop|ditch|leave off|lay off|give up|pack in|wrap up|ceas(?:e|ing)|(?:be )?done with"
    r"|enough|enough with|enough of|had enough of|no more of|away with|put an end to|bring (?:to )?an end(?: to)?|end"
    r"|finish(?: up)?|terminate|suspend|abandon|break off|interrupt|cancel|kill|exit|call off|hold off(?: on)?)"
)
_ACTIVITY = (
    r"(?:(?:the|your|this|that|all|with|current|any) )*(?:\w+ )?"
    r"(?:walking|moving|turning|waving|bowing|stepping|rotating|spinning|marching|circling|pointing|reaching|touching|sitting"
    r"|standing|going|motions?|movements?|activity|activities|actions?|operations?|man(?:oeu|eu)vers?|programs?|process)"
)
_ENDS = re.compile(
    rf"\b{_ENDING} {_ACTIVITY}\b|\b{_ENDING} (?:the|your|this|that) (?:walk|turn|wave|bow|circle|gesture|spin|march|demo|show)$"
    r"|^no more \w+$|^(?:nobody|no one) (?:take|make|go|walk|step|budge)s?\b"
    r"|^(?:relax|release|free|loosen) your (?:motors|joints)$"
    r"|\bno more \w+ing\b|\b(?:it|this|that|everything|you) to (?:end|cease|finish|be over)$"
    r"|\b(?:turn|switch|shut|power) (?:it|this|that|everything|yourself)(?: all)? (?:off|down)$|\bcut (?:the |all )?power\b"
    r"|\b(?:make|let) (?:it|this|that) (?:all )?end$|^cancel it all$|^arrest (?:your|the|all) (?:motion|movement)s?$"
    r"|^put (?:it|that|this|yourself|everything) on (?:pause|hold)$"
)
_OFF = re.compile(
    r"\b(?:motors?|motion|power|engines?|actuators?|servos?|robot|system|drives?) (?:off|down|out)$|^(?:action|program|motion"
    r"|command|task|legs?|feet|arms?|body|all|everything) (?:cancel|end|off|abort|hold)$"
)
# Told without a command: "you are going to fall", "this is dangerous".
_WARNING = re.compile(
    r"^(?:(?:watch it|hey|no|oh no|oh|careful|robot|please|wait) )*"
    r"(?:(?:you|it|we|he|she|they|the robot) (?:are|is|am|will)(?: (?:going|about))?(?: to| gonna)? (?:be )?"
    r"(?:fall|crash|hit|break|tip|trip|collid|burn|on fire|hurt)(?:e|ing|ting|ping)?"
    r"|(?:this|that|it|you) (?:is|are) (?:getting |too |very |really |so )*(?:dangerous|unsafe|not safe))\b"
    r"(?!.*\b(?:to|if|when|because)\b)"
    r"|^(?:please )?(?:be careful|too dangerous|mind the \w+|careful (?:of|with|the) .*|mind your (?:step|feet|head)"
    r"|watch (?:where you|your step).*|(?:you (?:are going|are|went|have gone) )?(?:way |much )?too (?:far|fast)"
    r"|look out for .*|heads up)$"
)
# "Wait, someone is there": a reason follows, no command and nothing to wait for.
_WAIT = re.compile(r"^(?:wait|hold up|hang on) (?:there is|someone|somebody|something|no|for (?:it|me|us|him|her|them))\b")
_SUFFICES = re.compile(
    r"^(?:(?:that|this|it) (?:is|will be|should|does|will) )?(?:quite |more than )?(?:sufficient|suffices?)$"
    r"|^(?:that|this) (?:should|does|will) (?:do it|do|it)$|^i (?:have )?(?:had|have) (?:quite |more than )?enough\b"
)
# Nothing but one of these, after politeness.
WHOLE = frozenset(
    (
        "that will be all|calm down|settle down|simmer down|relax|chill|chill out|take five|take a break|take a breather"
        "|sit tight|drop it|can it"
        "|stow it|nix|nix it|nix that|scrap it|scrap that|scrub|scrub that|scrub it|negative|let up|ease up|tools down|down tools"
        "|cool your jets|cool your heels|slow your roll|take it easy|stay your hand|hands off|park it|silence|immobile|motionless"
        "|immobilize|immobilise|not any further|not further|not any closer|be done|desist now|no go|wait please|the end"
        "|fin|finito"
        "|i am done|i am done with you|i am done with this"
        "|go limp|let it be|hold your feet|hold your legs|it is over|that is over|this is over|over and out|cut cut"
        "|i give up|mercy|help me|help us|somebody help|someone help|somebody help me|someone help me"
        "|time|time up|times up|too far"
        "|too much|too close|too fast|oh no|uh oh|oops|ouch|ow|argh|aargh|quiet|peace|nothing more|nothing else"
        "|enough said|say no more"
        "|last step|put on the brakes|apply the brakes|step on the brakes|hold off|hold off on that|hold that thought|hang fire"
        "|finish up|finish here|finish it|be done with it|have done with it|hit the break|deactivate|deactivate yourself|disarm"
        "|go to sleep|go to sleep mode|sleep mode|sleep|that does it|that is all for now|ctrl c|control c|escape|exit program"
        "|you shall not pass|quite it"
    ).split("|")
)
FOREIGN_WHOLE = frozenset(
    (
        "halten|halt an|stehen bleiben|bleib stehen|bleib stehn|bleiben sie stehen|bleib da|bleib hier|bleiben|warte"
        "|warten|warte kurz"
        "|stillgestanden|stillstehen|still gestanden|steh still|nicht weiter|nicht weitergehen|keinen schritt weiter"
        "|kein schritt weiter|nicht gehen|nicht laufen|beweg dich nicht|bewege dich nicht|keine bewegung|aufpassen"
        "|achtung|vorsicht"
        "|ruhe|schluss damit|das reicht|es reicht|reicht|reicht's|abbrechen|abbruch|reicht s|nein|aus|sofort stehenbleiben"
        "|lass das|lass es"
        "|hor damit auf|hor auf damit|mach halt|warten sie|halten sie an|horen sie auf"
        "|no mas|alto ahi|quieto ahi|quieta|quietos|espera|espere|esperate|para de|deja de moverte|no te muevas|no se mueva"
        "|ni un paso mas|detenlo|paralo|ya para|ya parale|parale|frena|frene|ya es suficiente|suficiente|no sigas|deja eso"
        "|attends|attendez|pas bouger|bouge pas|ne bouge plus|ne bougez plus|plus un geste|plus un pas|c'est assez|c est assez"
        "|immobile|stoppez|on arrete|on s'arrete|freine|freinez|du calme|n'avance plus|n avance plus|non|c'est bon"
        "|aspetta|aspetti|alt|fermi|fermo li|fermo la|ferma tutto|non ti muovere|non muoverti|non muovere|finiscila|piantala"
        "|basta cosi|frena|chega|espera ai|pare ja|para com isso|parou|wacht|genoeg|hou op|sta stil|stil|stanna|nog"
        "|czekaj|dosc|dost"
    ).split("|")
)
_TOLD = re.compile(
    r"^(?:(?:yesterday|last \w+|today) )?(?:he|she|they|we|i|it|(?:my|his|her|our|their) (?:\w+ )?\w+"
    r"|the (?!robot|machine|thing|motor)(?:\w+ )?\w+)"
    r" (?:(?:has|have|had|just|never|always|usually|sometimes|often|finally|suddenly|simply|only|once|can not|could not) )*"
    r"(?:stopped|stops|froze|frozen|freezes|halted|halts|ceased|ceases|aborted|aborts|stop (?=\w+ing\b))"
    r"(?! (?:it|you|now|please)\b)"
)
_GOES_ON = re.compile(
    r"\b(?:not (?:have|need|want you|ask you|required|necessary|supposed|told|meant)(?: you)? to|need not"
    r"|(?:you|it|he) (?:must|should|may|shall) not(?: ever)?|no (?:need|reason|cause)(?: for you)? to|not necessary to)"
    r" (?:stop|halt|freeze|abort|pause)\b(?!,? (?:stop|halt|freeze))"
    r"|\bnon ?-?stop\b|\bstopping (?:distance|power|time|point)s?\b|\bone[- ]stop shop|\bstop[- ]and[- ]go\b"
)
# What typing errors of ways to say stop are mended to.
WORDS = frozenset(
    "stop halt freeze abort cease desist enough wait hold pause cancel quit terminate suspend interrupt discontinue brake"
    " brakes move motion moving further cut off end finish emergency danger careful knock that is hang another step not".split()
)


def without_told(text: str) -> str:
    """A normalised text without words of stopping that tell of others ("the rain has stopped") or say to go on."""
    return _GOES_ON.sub(" ", _TOLD.sub(" ", text))


def is_stop_phrase(plain: str) -> bool:
    """Whether words (single spaces, no punctuation) forbid all motion, end an activity or warn."""
    return any(pattern.search(plain) for pattern in (_FORBIDDEN, _ENDS, _OFF, _WARNING, _WAIT, _SUFFICES))
