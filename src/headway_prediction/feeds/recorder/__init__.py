"""Recording a feed for weeks, and playing it again.

`record` asks an address at a steady pace (`fetch`, `politeness`) and hands what came to an `archive`; `retention` deletes
its oldest days, `replay` gives its polls again, and `verify` proves that nothing was lost.

    archive/archive.json              the format and the address
    archive/2026-01-13/index.jsonl    one line per attempt (UTC day), see `index`
    archive/2026-01-13/081530.250-3f2a9c1d5b7e8a60.gz    the body of one poll

Each distinct body of a day is a file of its own, and not a piece of one file for the day, because then a rename is all that
has to be atomic: whenever the process is killed, a body is there whole or not at all, no other poll's bytes are ever touched
again, and one bad sector costs one poll. `zcat`, `rsync` and `rm` suffice to use, copy or thin out an archive. A day is
whole by itself: a body that stood still over midnight is stored on either side.
"""
