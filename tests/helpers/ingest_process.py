"""A process that ingests archives: for each line `url archive` on its standard input, a forked child.

Imports are made once; tests kill the child. Prints each child's process id, and its exit status.
"""

import os
import sys
from threading import Event

from headway_prediction.service.live.feed_sources import ArchiveFeed
from headway_prediction.service.live.ingest import Ingest
from headway_prediction.service.store import Store
from helpers.ingested import LINE, LINE_FILTER

UNLIMITED_SPEED = 1e9


def ingest_archive(url: str, archive: str) -> None:
    """Ingest the polls of an archive that the store does not have."""
    ingest = Ingest.resume(Store.open(url), LINE, LINE_FILTER)
    for poll in ArchiveFeed(archive, print, UNLIMITED_SPEED).polls(Event(), ingest.newest_poll_at):
        ingest.add(poll)
    assert ingest.waiting_polls == 0


def main() -> None:
    """Fork a child for each line."""
    for line in sys.stdin:
        child = os.fork()
        if not child:
            ingest_archive(*line.split())
            os._exit(0)
        print(child, flush=True)
        print(os.waitpid(child, 0)[1], flush=True)


if __name__ == "__main__":
    main()
