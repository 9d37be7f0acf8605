"""Frames around one command: conditions, later times, politeness, talk about it, ways of doing it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from training.router.grids.spoken import crossed, refused
from training.router.phrases import Phrase
from training.router.plans import builtin_vocabulary, parse_given_plan

CONDITIONS = (
    *("if the light turns green, {0}", "as soon as somebody opens the door {0}", "whenever I clap my hands, {0}"),
    *("in case someone shows up, {0}", "unless the floor is wet, {0}", "provided that nobody is near, {0}"),
    *("the moment you hear the bell, {0}", "should the phone ring, {0}", "every time the dog barks, {0}"),
    *("only when I nod, {0}", "assuming the battery is full, {0}", "until the kettle boils, {0}", "when the music starts {0}"),
    *("{0} if the light turns green", "{0} when the timer goes off", "{0} the moment you hear the bell"),
    *("{0} as soon as she sits down", "{0} whenever somebody knocks", "{0} unless the floor is wet"),
    *("{0} once the music starts", "{0} provided nobody is near", "{0} in case the door opens"),
    *("{0} every time I snap my fingers", "{0} but only if the room is empty", "{0} should anybody come in"),
    *("{0} as long as no one is watching", "{0} until the kettle boils", "{0} on my signal", "{0} at the sound of the bell"),
    *("{0}, if and only if Tom says so", "please {0} when he waves at you", "can you {0} if it rains"),
)
UNCONDITIONAL = ("{0} right now", "{0} straight away", "now then, {0}", "this time {0}", "{0} once", "go on, {0}")
LATER = (
    *("in ten minutes {0}", "at three o'clock {0}", "tomorrow morning, {0}", "later on, {0}", "next week {0}"),
    *("after lunch {0}", "tonight {0}", "in half an hour, {0}", "an hour from now, {0}", "at midnight {0}"),
    *("five seconds from now, {0}", "on Friday, {0}", "some other time, {0}", "in a little while, {0}"),
    *("{0} in ten minutes", "{0} at half past four", "{0} tomorrow", "{0} later", "{0} next time", "{0} after dinner"),
    *("{0} this evening", "{0} in an hour or so", "{0} in five seconds", "{0} at noon", "{0} on Monday"),
    *("{0} two minutes from now", "{0} some day", "{0} a bit later", "{0} before the end of the day"),
    *("please {0} in twenty seconds", "could you {0} at 5 pm", "{0} before you go to bed"),
)
POLITE = (
    *("do you think you could {0}", "might you be able to {0}", "I'd be ever so grateful if you could {0}"),
    *("I was wondering whether you might {0}", "if it's not too much trouble, {0}", "if you don't mind, {0}"),
    *("when you have a moment, {0}", "whenever you're ready, {0}", "be a dear and {0}", "do me a favour and {0}"),
    *("how about you {0}", "why don't you {0}", "I need you to {0}", "let me see you {0}", "may I ask you to {0}"),
    *("it would be lovely if you could {0}", "go ahead and {0}", "feel free to {0}", "I would like you to {0}"),
    *("{0} if you please", "{0} if you would", "{0} for me, would you", "{0} when you get the chance"),
    *("{0}, thank you very much", "I'd appreciate it if you would {0}", "could you possibly {0}", "any chance you could {0}"),
    *("would you mind {0g}", "how about {0g}", "mind {0g} for me", "would you be so kind as to {0}", "kindly {0}"),
    *("excuse me, {0}", "sorry to bother you, but could you {0}", "hey robot, {0} please", "pretty please {0}"),
    *("my friend, would you {0}", "it's time to {0}", "what about {0g}", "all I ask is that you {0}", "can I get you to {0}"),
    *("could I trouble you to {0}", "I want to see you {0}", "I think you should {0}", "now you can {0}"),
    *("would it be possible for you to {0}", "what I'd like is for you to {0}", "I beg you to {0}", "do {0}, will you"),
    *("if I may, I would ask you to {0}", "your next job is to {0}"),
)
QUESTIONS = (
    *("how long does {0g} take?", "what happens when you {0}?", "do you like {0g}?", "did you {0} yesterday?"),
    *("who taught you how to {0}?", "why should a robot {0}?", "what does it mean to {0}?", "have you ever tried {0g}?"),
    *("how often do you {0} in a day?", "is {0g} hard for you?", "what would happen if you were to {0}?"),
    *("when did you last {0}?", "how do robots {0}?", "is there a way to {0} without falling?"),
)
REMARKS = (
    *("{0g} is a lot of fun", "my brother hates {0g}", "I used to {0} every day", "she told me to {0}"),
    *("yesterday you would not {0}", "some robots can {0}", "I am tired of {0g}", "he will {0} on the stage"),
    *("they say that {0g} is healthy", "my aunt likes to {0} at parties", "we saw a dancer {0}", "nobody asked you to {0}"),
    *("in the film the hero has to {0}", "it took me years to learn {0g}"),
)
WAYS = (
    *(("{0} like a butler", "butler"), ("{0} on tiptoe", "tiptoe"), ("{0} elegantly", "elegantly")),
    *(("{0} with a smile", "smile"), ("{0} without a sound", "sound"), ("{0} with your eyes closed", "eyes")),
    *(("{0} in style", "style"), ("{0} as if you were the queen", "queen"), ("proudly {0}", "proudly")),
    *(("{0} with bent knees", "knees"), ("{0} in zigzag", "zigzag"), ("{0} to the rhythm of the song", "rhythm")),
    *(("gracefully {0}", "gracefully"), ("{0} like an old man", "old"), ("{0} with a lot of energy", "energy")),
    *(("{0} under the lamp", "lamp"), ("{0} towards the window", "window"), ("{0} beside the table", "table")),
)
LASTING = (
    ("walk forward {}", "walk_forward"),
    ("wave your left hand {}", "wave_left"),
    ("turn right {}", "turn_right"),
    ("point ahead {}", "point_at"),
)
DURATIONS = (("for three seconds", 3.0), ("for ten seconds", 10.0), ("until I say stop", 20.0), ("for half a minute", 20.0))


def conditions() -> Iterator[Phrase]:
    """Refused wherever the condition stands; the same commands without one are not."""
    yield from crossed(CONDITIONS, "condition", 6, refused)
    yield from crossed(UNCONDITIONAL, "plain", 6)


def later() -> Iterator[Phrase]:
    """Refused wherever the time stands; a duration and "until I say stop" are not."""
    yield from crossed(LATER, "later", 6, refused)
    for said, seconds in DURATIONS:
        for frame, skill in LASTING:
            wanted = parse_given_plan(f"{skill} duration={seconds}", builtin_vocabulary())
            yield Phrase(frame.format(said), (wanted,), "parameters", frame=said)


def politeness() -> Iterator[Phrase]:
    """The command, whatever stands around it."""
    yield from crossed(POLITE, "polite", 4)


def talk() -> Iterator[Phrase]:
    """Questions and remarks that hold a command move nothing."""
    yield from crossed(QUESTIONS, "question", 5, refused)
    yield from crossed(REMARKS, "remark", 5, refused, start=3)


def qualifiers() -> Iterator[Phrase]:
    """A way that no skill has is named in a note, or the command is refused."""
    for i, (frame, word) in enumerate(WAYS):
        for phrase in crossed((frame,), "qualifier", 7, start=i * 7):
            yield replace(phrase, refusable=True, notes=((word,),))
