"""The earlier name of deploy.rig."""

import runpy
import sys

if __name__ == "__main__":
    print("deploy.bench is called deploy.rig now", file=sys.stderr)
    runpy.run_module("deploy.rig", run_name="__main__", alter_sys=True)
