"""A few mutants of the safety layer, drawn at random but always the same ones: each has to be noticed."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SAMPLE = ["--sample", "4", "--seed", "1"]


@pytest.mark.timeout(900)
def test_broken_safety_code_is_noticed():
    command = [sys.executable, "-m", "tests.mutation.mutate", *SAMPLE]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "4 of 4 mutants noticed" in result.stdout
