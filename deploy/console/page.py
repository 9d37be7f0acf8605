"""The panel of the web page as HTML. All text from outside is escaped."""

from __future__ import annotations

import math
from html import escape

from arbiter.skill import Route
from deploy.console.snapshot import Snapshot

COLOURS = {"run": "#2f9e44", "passive": "#868e96", "hold": "#f08c00", "settle": "#f08c00", "damp": "#e03131", "off": "#e03131"}


def status(snapshot: Snapshot) -> str:
    """Mode, time, battery, the current instruction and where the robot says that it is."""
    label, colour = headline(snapshot)
    battery = "" if math.isnan(snapshot.battery) else f" · battery {100 * snapshot.battery:.0f} %"
    told = snapshot.reason or snapshot.fault or snapshot.stopped
    reason = f"<div>{escape(told)}</div>" if told else ""
    doing = f"<div>“{escape(snapshot.instruction)}”</div>" if snapshot.instruction else ""
    place = f'<div id="place">{escape(snapshot.place)}</div>' if snapshot.place else ""
    return box(
        f'<b id="mode" style="color:{colour}">{escape(label)}</b> '
        f'<span id="clock">{snapshot.time:.1f} s</span>{battery}{reason}{doing}{place}'
    )


def headline(snapshot: Snapshot) -> tuple[str, str]:
    """The robot's state as a word, and its colour. Green: it accepts instructions and carries them out."""
    mode = snapshot.mode.upper()
    if snapshot.fault:
        return f"FAULT · {mode}", COLOURS["damp"]
    if snapshot.stopped and snapshot.mode == "run":
        return "STOPPED", COLOURS["hold"]
    return mode, COLOURS.get(snapshot.mode, COLOURS["passive"])


def branch(snapshot: Snapshot) -> str:
    """The active branch of the tree, one node a line."""
    lines = (
        f'<div style="padding-left:{0.7 * depth:.1f}em">{"└ " if depth else ""}{escape(name)}</div>'
        for depth, name in enumerate(snapshot.branch)
    )
    return box(f'<div id="branch">{"".join(lines)}</div>')


def owners(snapshot: Snapshot) -> str:
    """Who owns which joints."""
    rows = "".join(f"<tr><td>{escape(group)}</td><td><b>{escape(policy)}</b></td></tr>" for group, policy in snapshot.owners)
    return box(f'<table id="owners" style="border-spacing:0.8em 0">{rows}</table>')


def route(found: Route | None) -> str:
    """Outcome and scores of the newest instruction."""
    if found is None:
        return box('<div id="route">nothing asked yet</div>')
    rows = []
    for step in found.steps:
        for call in step:
            values = ", ".join(
                f"{name} {value:.3g}" if isinstance(value, float) else f"{name} {value}"
                for name, value in call.parameters.items()
                if value is not None
            )
            rows.append(
                f"<tr><td><b>{escape(call.skill)}</b></td><td>{bar(call.score)}</td>"
                f"<td>margin {call.margin:.2f}</td></tr><tr><td colspan=3>{escape(values)}</td></tr>"
            )
    outcome = "answered" if found.answers else escape(found.outcome)
    reason = f"<div>{escape(found.reason)}</div>" if found.reason else ""
    return box(
        f'<div id="route">“{escape(found.text)}”: <b>{outcome}</b> in {found.ms:.1f} ms{reason}'
        f'<table style="border-spacing:0.6em 0">{"".join(rows)}</table></div>'
    )


def manual(snapshot: Snapshot) -> str:
    """The list of skills; empty until somebody asks for help."""
    style = "white-space:pre-wrap;font-family:monospace;font-size:0.85em;max-height:20em;overflow-y:auto"
    return box(f'<div id="manual" style="{style}">{escape(snapshot.manual)}</div>') if snapshot.manual else ""


def log(snapshot: Snapshot) -> str:
    """The latest events, newest first."""
    return box(f'<div id="log">{"".join(f"<div>{escape(line)}</div>" for line in reversed(snapshot.log))}</div>')


def bar(score: float) -> str:
    """A score 0..1 as a bar and a number."""
    width = 0 if math.isnan(score) else round(60 * min(1.0, max(0.0, score)))
    return (
        f'<span style="display:inline-block;width:60px;background:#dee2e6"><span style="display:block;height:0.6em;'
        f'width:{width}px;background:#f2903a"></span></span> {score:.2f}'
    )


def box(content: str) -> str:
    return f'<div style="font-size:0.85em;line-height:1.45;padding:0.2em 0.9em;overflow-wrap:anywhere">{content}</div>'
