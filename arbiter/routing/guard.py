"""The stop guard: words that mean stop, found by spelling alone.

It runs first, on the thread that took the words, before anything that could fail. It prefers a stop too many: only
texts that plainly say the opposite ("don't stop"), or that plan a stop as the last of several steps, are let through.
"""

from __future__ import annotations

import re
import string

from arbiter.routing.stop_phrases import FOREIGN_WHOLE, WHOLE, is_stop_phrase, without_told
from arbiter.routing.text import expand, normalise, strip_politeness

STOP_WORDS = ("stop", "halt", "freeze", "whoa", "abort", "cease", "desist", "emergency", "standstill", "stopp", "estop")
_MORE_SPELLINGS = ("woah", "whoah", "woa", "wooah", "mayday", "stopit", "stahp", "stawp", "staph", "nooo", "noooo")
# Other languages' words that English lacks; accents are gone when they are compared. Those it has count only alone.
_FOREIGN = tuple(
    "halte anhalten aufhoren aufhoeren stehenbleiben arrete arretez arreter arretes arretons detengase detenganse detenerse "
    "parate parad parese fermati fermatevi fermate fermarsi smettila basta yamete tomare stanna sluta stoi stoj stoy stoppen "
    "ophouden zatrzymaj zastavit prestan megallj pysahdy durdur tingzhi".split()
)
_FOREIGN_WHOLE = frozenset(
    "para|pare|parem|paren|parar|alto|detente|deten|ferma|fermo|smetti|arret|genug|assez|schluss|ya basta|quieto|dejalo|alto ahi"
    "|dur|stans|seis|ting|ne bouge pas|ne bougez pas|ca suffit|nicht bewegen|bleib stehen|hor auf|hoer auf|sta fermo|stai fermo"
    "|no te muevas|nao se mexa".split("|")
)
_OTHER_SCRIPTS = re.compile(
    "🛑|⛔|стоп|стой|остановись|зупинись|停|止|とまれ|やめ|ストップ|멈춰|정지|그만|توقف|قف|رك|रुक|σταματ|στοπ|עצור"
)

# English words within one edit of a stop word; they are not typing errors of it.
OTHER_WORDS = frozenset(
    (
        "step shop top tops atop slop stow stomp strop swop stoup stoops stock store story storm soap soup spot stab "
        "stag star stay stew "
        "hal hat half hall hale halo hart haft salt malt hilt holt hath halts hast shalt cart "
        "ease breeze frieze freezer who who's woe whop about abbot aboard abbots abort's crease tease lease cess case "
        "cede chase "
        "ceases decease peace geese resist desists persist emergence stoop stoping"
    ).split()
) - {"halts", "desists", "ceases", "stoping"}
_INNOCENT = frozenset(
    ("nonstop", "stopwatch", "stopover", "doorstop", "backstop", "shortstop", "unstoppable", "christopher", "stopgap")
)

_PHRASES = re.compile(
    r"\b(?:(?:cut|knock|quit|call|kill|end|cool|hold|drop|break|wrap|shut|pack|jack|leave|chuck) (?:it|that|this) ?(?:out"
    r"|off|up|now|down|in|there)?$"
    r"|cut (?:it|that|this) out|knock (?:it|that|this) off|quit (?:it|that|this|moving|walking|turning|waving|doing"
    r"|what)|call it off"
    r"|hold (?:it|up$|on$|on a|on now|on there|everything|your horses$)|hang on$|hang on a"
    r"|(?:that|this) (?:is|s) (?:quite |more than |really |about )?enough|that'?s (?:quite |more than )?enough"
    r"|enough(?: already| now| please)?$|^enough\b|had enough"
    r"|enough (?:of (?:that|this)|with (?:that|this|the))|that will do$|that'?ll do$|no more$|no further"
    r"|not another step|not (?:one|a single) more (?:step|move|inch)|not one step"
    r"|do not (?:you )?(?:dare |even |ever |you dare )*(?:to )?(?:move|budge|stir|take another|take one more|take any"
    r"|(?:go|come|get|move|walk|step) (?:any )?(?:further|farther|more|closer|nearer|faster|near|past|beyond)|go on$|walk any"
    r"|walk on|walk another|come any|continue|proceed|advance|carry on"
    r"|keep (?:on|\w+ing)|do (?:anything|a thing)(?: else)?$|approach)"
    r"|(?:nobody|no one) moves?\b|(?:quit|leave off|give up) (?:your |the |all |all the )?\w+ing\b"
    r"|wait (?:(?:a|one|just a|for a) (?:sec|second|minute|min|moment|mo|tick)|up|now|wait|stop)\b"
    r"|come to (?:a )?(?:complete |full |dead )?(?:rest|stand still|stand-still)"
    r"|^(?!.*\b(?:release|off|fix|repair|check|about)\b).*\b(?:brakes?|hand ?brakes?|the anchors)(?: on)?$"
    r"|brakes? (?:now|hard|please)"
    r"|put an? (?:end|stop) to (?:it|this|that|everything)$|bring (?:it|this|that|everything|things) to an? (?:end|stop|halt)$"
    r"|(?:it|this|that) (?:must|has to|needs to|should) (?:end|cease|be over)$"
    r"|hold (?:all |your |that |any )+(?:movement|motion)s?$"
    r"|(?:seize|sees|seas) (?:moving|all|movement|motion|walking)|^hold back$"
    r"|(?:that|this) is (?:good|fine|perfect|great) (?:right )?(?:there|here)$"
    r"|(?:right )?(?:there|here) is (?:good|fine|perfect)$"
    r"|(?:kill|cut|shut off|shut down|turn off|switch off|power off|power down|disable|disengage|de-energi[sz]e) "
    r"(?:the |your |all |all the |all your )?(?:motors?$|motors now|power$|engines?|actuators?|servos?|drives?|robot"
    r"|program|process|everything|movement|motion|yourself)"
    r"|(?:cancel|discontinue|interrupt|suspend|terminate|end|pause|abandon|drop|break off) (?:(?:that|this|it|everything|all"
    r"|motion|movement)$"
    r"|what (?:you|i)\b|(?:the |your |this |that |all |any |current |last |previous )+(?:motions?|movements?|actions?|mission"
    r"|task|command|order|walk|walking|turn|gesture|activity|activities|program|demo|routine))"
    r"|no more (?:moves|movement|motion|steps|\w+ing)$|\b(?:no|hang on|hold on) wait$|wait no$"
    r"|do not \w+ (?:\w+ )?(?:any ?more|any longer)$|kill switch|red button|panic button|stand down|never mind|nevermind"
    r"|(?:forget|give up)(?: about)? (?:it|that)$|(?:give it|leave) (?:up|off)$|call it a (?:day|night)|cut it short"
    r"|end of (?:motion|movement|program)$"
    r"|^pull (?:up(?: short)?|over)$"
    r"|back off now$|watch out|look out$|^look out(?! (?:of|the|over|at|to|on|for the)\b)|danger\b|time out$|timeout$"
    r"|^pause (?:there|here|now|for|a|right|it|that|this|everything|the robot)\b|^do not(?: (?:do|try) (?:that|it"
    r"|this)(?: again)?| you dare)?$|(?:no|wait|oh) do not$|hold on do not\b|end it (?:here|there|now)$"
    r"|(?:finish|discontinue|be done|have done|done) (?:with )?(?:the |your |that |this |all )*\w+ing$"
    r"|^no (?:moving|movement|motion)$"
    r"|(?:power|switch|turn|shut|close) (?:yourself|itself|everything|the (?:robot|motors?|power|system|machine|thing)) "
    r"(?:off|down)"
    r"|(?:^|^just |\bgive (?:me|us) |\bhold (?:up|on) (?:for |just )?|\bhang on )(?:a|one|1|half a)"
    r" (?:sec|second|minute|min|moment|mo|tick)$|hold the phone|as far as you (?:go|get)$|(?:that|it) is a wrap$|out of control"
    r"|stay (?:back|away)$|keep (?:away|back|off)(?: from (?:me|us|here))?$"
    r"|^at ease$|(?:that|this) is too (?:far|much)$|(?:stay|remain|be|get) frozen$|stand easy$"
    r"|far enough$|(?:go |come )?no (?:farther|closer)$|not so fast|that is (?:it|all|plenty)$|(?:we|you) are (?:done"
    r"|finished)|time is up|leave it(?: be| alone)?$"
    r"|shut it off|shut (?:it )?off$|break off$|hold (?:your )?fire$|hold there$|come to rest$|stand fast$"
    r"|drop everything|lock up now|belay (?:that|this|it)"
    r"|no no no|not any ?more$|not a (?:muscle|move)$|no more of (?:that|this|it)$|do not do (?:that|it|this)(?: again)?$"
    r"|give (?:over$|it a rest)|pull the plug|pack it in|call it quits|lay off$|ease off$|break it off)"
)
# Texts that are nothing but one of these (after politeness) are stops.
_WHOLE = frozenset(
    (
        "wait|pause|enough|cancel|quit|end|terminate|suspend|discontinue|brake|brakes|basta|hold|off|kill|no|nope|no no"
        "|shut down|shutdown|power off|power down|turn off|switch off|turn it off|switch it off|disengage|cut|cut power"
        "|stand down|no more|easy|easy now|easy there|easy easy|steady on|plenty|watch it|mind out|interrupt|shut off"
        "|help|steady|careful|danger|red light|game over|over|exit|top|sto|shop|atop|tsop|alto|para|arrete|ferma"
        "|right there|cool it|relax now|hold up|hold on|hang on|wait wait|all stop|sop|stip|stob|stap|finish|finished"
        "|done|all done|that will do|belay|avast|conclude|break|panic|sos|end now|not now|no way"
    ).split("|")
)
_FILLER = re.compile(
    r"\b(?:please|pls|now|ok|okay|robot|hey|just|oh|god|my|right|immediately|at once|you|ye|thanks|thank"
    r"|(?<!wait )(?<!wait right )(?<!over )there|everyone|everybody|guys|folks|people|sir|mate|buddy|pal|boy|girl|man|dude|bro"
    r"|pig|tiger|cowboy|machine|bot|fella|friend|nelly"
    r"|ya|ja|aqui|ahi|doch|mal|endlich|agora|ahora|maintenant|jetzt|sofort|subito|bitte"
    r"|adesso|inmediatamente|tout|vite|mas|schnell|por favor|per favore|s'il (?:te|vous) plait)\b"
)
_TRAILING = re.compile(
    r"(?: (?:please|pls|now|right now|ok|okay|robot|bot|already|immediately|at once|thanks|thank you|mate|buddy|pal|man|dude"
    r"|bro|sir|everyone|everybody|for me|will you|would you|can you"
    r"|for (?:now|today|good|the moment|a while)|with you))+$"
)

# What is not a stop although the word is in it.
_INNOCENT_PHRASES = re.compile(
    r"\b(?:bus|tram|pit|next|last|truck|door|rest) stops?\b|\bstop (?:signs?|lights?|motion (?:video|animation|film|movie"
    r"|picture)s?|words?|watch|codons?)\b"
    r"|\bfreeze (?:the account|some|the berries|the meat|the screen|dried|my account)\b|\bemergency (?:room|contact"
    r"|exit|services?|number|kit|fund)\b"
)
_DO_NOT_STOP = re.compile(
    r"(?:^|[,.;!?] ?|\b(?:please|and|but|no|robot|ok|okay|yet|so|just|then|walking|going|moving|on) )"
    r"(?:do not|never|do not you|do not ever|do not you ever)(?: ever| just| dare| yet| please)* stop\b(?!,? (?:stop"
    r"|halt))"
    r"|\bwithout (?:ever )?(?:stopping|a stop|stop|halting|pausing|freezing)\b|\bno need to stop\b|\bnon-stop\b"
    r"|\bdo not halt\b|\bdo not freeze\b"
    r"|\b(?:until|till|unless|before) (?:i|we|you|someone) (?:say|tell you to|shout|yell|ask you to|hear"
    r"|call)(?: the word)? (?:stop|halt|freeze|enough)\b"
)
# "walk forward for 3 seconds, then stop": a plan whose last step is a stop.
_PLANNED = re.compile(
    r"^(?:(?:please|ok|okay|robot|now|first|hey|could you|can you|would you|just) ?,? ?)*"
    r"(?P<verb>walk|turn|step|march|rotate|spin|wave|sidestep|raise|lift|lower|bow|stroll|pivot|go|move|come|sit"
    r"|stand up|back up|strafe|shuffle)\b"
    r"(?P<middle>[^!?]*?)(?:,|;)? ?\b(?:and then|then|and finally|and)\b,? (?:please |just )?(?:stop|halt|freeze"
    r"|come to a (?:stop|halt|standstill))"
    r"(?: there| moving| walking| turning| please| right there)*[.! ]*$"
)
_NOT_PLANNED = re.compile(r"\b(?:no|not|never|stop|halt|enough|off|it|ahead|on|quit|cease|freeze|abort|wait|slower)\b")
_QUANTITY = re.compile(
    r"\b(?:forwards?|backwards?|left|right|straight|back|closer|here|circle|[0-9]|seconds?|met(?:er|re)s?|degrees?)"
)

LONG = 1000  # characters
_LONG_STOP = re.compile(r"stop|halt|freeze|abort|emergency|whoa", re.IGNORECASE)
_LEET = str.maketrans("01357", "oiest")
_ASKED = re.compile(
    r"^(?:(?:can|could|would|will) you |you (?:can|may|should|must|need to|have to) |i (?:want|need) you to |i said "
    r"|i told you to |let us |take a"
    r" |make a )+"
)
_DRAWN_OUT = re.compile(r"(?:wh?o+a*h? ?)+|ho+|no{2,}|(?:no+){3,}")  # "wo wo", "whooaa", "nonono"
_DRAWN = re.compile(r"([a-z])\1{2,}")  # "waaait": no English word has a letter three times
_E_STOP = re.compile(r"\be[- ]stop")
_SPELLED = re.compile(r"\b(?:[a-z0-9][\s.\-,]+){3,}[a-z0-9]\b")
_TOKEN = re.compile(r"[a-z0-9]+")


def _edits(word: str) -> set[str]:
    letters = string.ascii_lowercase
    splits = [(word[:i], word[i:]) for i in range(len(word) + 1)]
    edits = {a + b[1:] for a, b in splits if b}
    edits |= {a + b[1] + b[0] + b[2:] for a, b in splits if len(b) > 1}
    edits |= {a + c + b[1:] for a, b in splits if b for c in letters}
    edits |= {a + c + b for a, b in splits for c in letters}
    return edits


def _squeeze(word: str) -> str:
    return re.sub(r"(.)\1+", r"\1", word)


_STOPS_ALONE = _WHOLE | WHOLE | _FOREIGN_WHOLE | FOREIGN_WHOLE
_TORN = frozenset(("stop", "halt", "freeze", "abort", "cease", "enough", "emergency"))  # in two: "st op"
_EXACT = frozenset(STOP_WORDS + _MORE_SPELLINGS + _FOREIGN)
_CLOSE = frozenset().union(*(_edits(word) for word in STOP_WORDS)) - OTHER_WORDS | _EXACT
_NEAR_STOP = (_edits("stop") | {"spot"}) & OTHER_WORDS  # "spot moving"
_MOVING = frozenset("moving walking turning waving spinning bowing marching rotating circling".split())
_SQUEEZED = frozenset(_squeeze(word) for word in (*STOP_WORDS, "woah", "whoah"))


def _is_stop_word(word: str, following: str) -> bool:
    if word in _CLOSE or (following in _MOVING and word in _NEAR_STOP):
        return True
    if any(c.isdigit() for c in word) and any(c.isalpha() for c in word):
        word = word.translate(_LEET)
        if word in _EXACT:
            return True
    if word == "stoop" or (_squeeze(word) != word and _squeeze(word) in _SQUEEZED):
        return not (word == "stoop" and following in ("down", "forward", "forwards", "low", "over", "a", "slightly"))
    return "stop" in word and word not in _INNOCENT


def _spelled_out(match: re.Match) -> str:
    return "".join(_TOKEN.findall(match.group()))


def _planned(text: str) -> bool:
    match = _PLANNED.match(text)
    if match is None or _NOT_PLANNED.search(match["middle"]):
        return False
    return match["verb"] not in ("go", "move", "come") or _QUANTITY.search(match["middle"]) is not None


def stop_guard(text: str) -> bool:
    """Whether `text` asks to stop. Pure spelling: no model, no lock, microseconds."""
    if len(text) > LONG:  # no instruction, and the tick may be waiting: a stop too many is the better mistake
        return _LONG_STOP.search(text) is not None
    if not text.isascii() and _OTHER_SCRIPTS.search(text.lower()):
        return True
    text = normalise(text)
    return _means_stop(text) or (drawn := _DRAWN.sub(r"\1", text)) != text and _means_stop(drawn)


def _means_stop(text: str) -> bool:
    text = _E_STOP.sub("estop", expand(text))
    text = _SPELLED.sub(_spelled_out, text)
    text = _INNOCENT_PHRASES.sub(" ", without_told(_DO_NOT_STOP.sub(" ", text)))
    tokens = _TOKEN.findall(text)
    followed = list(zip(tokens, [*tokens[1:], ""], strict=False))
    if any(_is_stop_word(word, following) or word + following in _TORN for word, following in followed):
        return not _planned(text)
    plain = " ".join(tokens)
    trimmed = _TRAILING.sub("", plain)
    polite = " ".join(_TOKEN.findall(strip_politeness(text)))
    if any(_PHRASES.search(said) or is_stop_phrase(said) for said in {plain, trimmed, polite}):
        return True
    bare = " ".join(_FILLER.sub(" ", _ASKED.sub("", plain)).split())
    repeated = set(bare.split())
    bare = repeated.pop() if len(repeated) == 1 else bare  # "cancel cancel"
    return not _STOPS_ALONE.isdisjoint((plain, bare, polite)) or _DRAWN_OUT.fullmatch(bare) is not None
