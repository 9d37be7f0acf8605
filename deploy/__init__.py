"""Commands, drivers, operators' interfaces and everything else that connects the arbiter to a robot, files and people."""

import os
import sys

# A process that was started without standard input, output or error gets ones that lead nowhere: libraries ask them things
# already when they are imported.
for _name, _mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
    if getattr(sys, _name) is None:
        setattr(sys, _name, open(os.devnull, _mode))
