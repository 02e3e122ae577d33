"""Progress and remarks go to standard error; results to standard output."""

import sys


def say(remark: str) -> None:
    """Write one remark for the person who waits."""
    print(remark, file=sys.stderr, flush=True)
