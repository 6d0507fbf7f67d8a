"""Writes golden.txt: what Python's zoneinfo says about every zone of one release.

Run with an unpacked wheel of the Python package tzdata as argument:

    python golden.py tzdata/zoneinfo > golden.txt

A line is the name of a zone, the number of its changes of offset or abbreviation from
1840 to 2150, and the CRC-32 of the lines "instant offset abbreviation" for all of them,
the state at the beginning of 1840 being the first.
"""

import pathlib
import sys
import zlib
from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo

EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
BEGIN = datetime(1840, 1, 1, tzinfo=timezone.utc)
END = datetime(2150, 1, 1, tzinfo=timezone.utc)
STEP = timedelta(hours=20)


def state(zone, instant):
    local = instant.astimezone(zone)
    return int(local.utcoffset().total_seconds()), local.tzname()


def change(zone, low, high):
    """The first instant, to the second, at which the state is that of high."""
    after = state(zone, high)
    low, high = int((low - EPOCH).total_seconds()), int((high - EPOCH).total_seconds())
    while high - low > 1:
        middle = (low + high) // 2
        if state(zone, EPOCH + timedelta(seconds=middle)) == after:
            high = middle
        else:
            low = middle
    return EPOCH + timedelta(seconds=high)


def lines(zone):
    at, now = BEGIN, state(zone, BEGIN)
    yield at, now
    while at < END:
        later = at + STEP
        then = state(zone, later)
        if then != now:
            yield change(zone, at, later), then
        at, now = later, then


root = pathlib.Path(sys.argv[1])
print("#", (root / "tzdata.zi").read_text().split("\n", 1)[0].split()[-1])
for path in sorted(p for p in root.rglob("*") if p.is_file()):
    with path.open("rb") as file:
        if file.read(4) != b"TZif":
            continue
        file.seek(0)
        zone = ZoneInfo.from_file(file)
    crc = count = 0
    for at, (offset, name) in lines(zone):
        if at < END:
            line = f"{at:%Y-%m-%dT%H:%M:%S} {offset} {name}\n"
            crc, count = zlib.crc32(line.encode(), crc), count + 1
    print(path.relative_to(root).as_posix(), count - 1, f"{crc:08x}")
