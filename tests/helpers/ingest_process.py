"""A process whose only work is to ingest an archive, over and over: for each line `url archive` that it reads, a child.

Imports are made once; the child is what gets killed. Prints each child's process id, and how it ended.
"""

import os
import sys
from threading import Event

from headway_prediction.service.live.feed_sources import ArchiveFeed
from headway_prediction.service.live.ingest import Ingest
from headway_prediction.service.store import Store
from helpers.ingested import LINE, LINE_FILTER

AT_ONCE = 1e9


def ingest(url: str, archive: str) -> None:
    """Ingest what the store does not have of an archive, as fast as it goes."""
    going_on = Ingest.resume(Store.open(url), LINE, LINE_FILTER)
    for poll in ArchiveFeed(archive, print, AT_ONCE).polls(Event(), going_on.newest_poll_at):
        going_on.add(poll)
    assert going_on.waiting_polls == 0


def main() -> None:
    """Serve the lines that come in."""
    for line in sys.stdin:
        child = os.fork()
        if not child:
            ingest(*line.split())
            os._exit(0)
        print(child, flush=True)
        print(os.waitpid(child, 0)[1], flush=True)


if __name__ == "__main__":
    main()
