"""Recording a realtime feed for weeks, and replaying it.

`record` fetches an address at a steady interval (`fetch`, `classify`) into an `archive`, whose oldest days its retention
deletes; `replay` yields the polls again and verifies that nothing was lost. `archive_format` is the format on the disk:

    archive/archive.json              the format and the address
    archive/2026-01-13/index.jsonl    one line per attempt (UTC day)
    archive/2026-01-13/081530.250-3f2a9c1d5b7e8a60.gz    the body of one poll

Each distinct body of a day is a file of its own, because then a rename is all that has to be atomic: whenever the process is
killed, a body is stored completely or not at all, no other poll's bytes are ever written again, and one bad sector costs one
poll. `zcat`, `rsync` and `rm` suffice to use, copy or thin out an archive. A day is complete by itself: a body that does not
change over midnight is stored in both days.
"""
