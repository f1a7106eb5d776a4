# SPDX-License-Identifier: GPL-2.0
"""Small functions that several parts need."""

import subprocess
import sys


def die(message):
    """Ends the script with the status for a failure of the harness."""
    print(f"coverage-report: {message}", file=sys.stderr)
    sys.exit(2)


def output_of(*command, stdin=None):
    """Returns what a command prints."""
    run = subprocess.run(command, input=stdin, stdout=subprocess.PIPE, text=True, check=True)
    return run.stdout


def folder_of(file):
    """Returns the folder that a file is in."""
    return file.rpartition("/")[0]
