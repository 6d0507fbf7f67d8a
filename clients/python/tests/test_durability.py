"""kill -9 at random points while batches come in, and SIGTERM: what was acknowledged is there.

TRELLIS_KILLS is the number of kills (5); TRELLIS_SEED repeats a run.
"""

import contextlib
import datetime as dt
import json
import os
import random
import threading
import time

import pyarrow as pa
import pyarrow.flight as fl

from sensors import SAMPLES, ask, create, put, rows

KILLS = int(os.environ.get("TRELLIS_KILLS", "5"))
SEED = int(os.environ.get("TRELLIS_SEED", "0")) or random.SystemRandom().randrange(1, 2**31)
SERIES = [f"crash/{k}" for k in range(4)]
US = pa.timestamp("us", "UTC")
SECOND = 1_000_000
SCHEMA = pa.schema([("series", pa.string()), ("time", US), ("value", pa.float64())])


def value(series, slot):
    """The value of a slot, so that what is read can be checked without keeping it."""
    return float((slot * 2_654_435_761 + SERIES.index(series) * 97) % 1_000_003) / 8


class Writer(threading.Thread):
    """Writes one series after its last acknowledged slot until the connection breaks."""

    def __init__(self, uri, series, begin, rng):
        super().__init__(daemon=True)
        self.uri, self.series, self.begin, self.rng = uri, series, begin, rng
        self.sent = self.acknowledged = begin
        self.error = None

    def run(self):
        writer = None
        try:
            with fl.connect(self.uri) as client:
                writer, reader = client.do_put(SAMPLES, SCHEMA)
                base, seen = self.acknowledged, 0
                while True:
                    n = self.rng.choice([1, 10, 500, 5000])
                    slots = range(self.sent, self.sent + n)
                    columns = [[self.series] * n, pa.array([s * SECOND for s in slots], US), [value(self.series, s) for s in slots]]
                    self.sent += n
                    writer.write_batch(pa.record_batch(columns, schema=SCHEMA))
                    seen = json.loads(reader.read().to_pybytes())["rows"]
                    self.acknowledged = base + seen
        except (pa.ArrowException, OSError, AttributeError) as e:  # a stream that has ended reads None
            self.error = e
        finally:
            if writer is not None:
                with contextlib.suppress(pa.ArrowException, OSError):
                    writer.close()


def check(server, writers):
    """Every acknowledged slot is there with its value, and nothing is there that was not sent."""
    with fl.connect(server.uri) as client:
        for w in writers:
            begin = dt.datetime.fromtimestamp(w.begin, dt.timezone.utc).isoformat()
            table = ask(client, f"SELECT time, value FROM samples WHERE series = '{w.series}' AND time >= '{begin}' ORDER BY time")
            slots = [t // SECOND for t in table["time"].cast(pa.int64()).to_pylist()]
            w.stored = w.begin + len(slots)
            assert slots == list(range(w.begin, w.stored)), f"seed {SEED}: {w.series} has gaps"
            assert w.acknowledged <= w.stored <= w.sent, f"seed {SEED}: {w.series}: {w.acknowledged} acknowledged, {w.stored} stored, {w.sent} sent"
            assert table["value"].to_pylist() == [value(w.series, s) for s in slots], f"seed {SEED}: {w.series} has wrong values"
            everything = ask(client, f"SELECT count(*), min(time), max(time) FROM samples WHERE series = '{w.series}'")
            assert rows(everything)[0][0] == w.stored, f"seed {SEED}: {w.series} has lost samples of earlier rounds"


def check_values(server, stored):
    """The values of all rounds, read anew and in any order."""
    with fl.connect(server.uri) as client:
        for name, n in stored.items():
            seen = 0
            for chunk in client.do_get(fl.Ticket(f"SELECT time, value FROM samples WHERE series = '{name}'".encode())):
                times = chunk.data.column("time").cast(pa.int64()).to_pylist()
                assert chunk.data.column("value").to_pylist() == [value(name, t // SECOND) for t in times], f"seed {SEED}: {name} has wrong values"
                seen += len(times)
            assert seen == n, f"seed {SEED}: {name}"


def test_what_was_acknowledged_survives_kill_9(fresh):
    rng = random.Random(SEED)
    fresh.flags = tuple(os.environ.get("TRELLIS_CRASH_FLAGS", "").split())
    fresh.start()
    for name in SERIES:
        create(fresh, name, sample_t="1 second", block_n=512)
    stored = dict.fromkeys(SERIES, 0)
    acknowledged = 0
    for _ in range(KILLS):
        writers = [Writer(fresh.uri, name, stored[name], random.Random(rng.random())) for name in SERIES]
        for w in writers:
            w.start()
        time.sleep(rng.uniform(0.02, 1.5))
        fresh.kill()
        for w in writers:
            w.join(60)
            assert not w.is_alive(), "a writer hangs after its server is gone"
        fresh.start()
        check(fresh, writers)
        acknowledged += sum(w.acknowledged - stored[w.series] for w in writers)
        stored = {w.series: w.stored for w in writers}
    assert acknowledged > 0
    check_values(fresh, stored)
    print(f"seed {SEED}: {KILLS} kills, {acknowledged} samples acknowledged, none lost")
    fresh.stop()


def test_sigterm_in_the_middle_loses_nothing(fresh):
    fresh.flags = ("--shutdown-timeout", "2s")
    fresh.start()
    for name in SERIES:
        create(fresh, name, sample_t="1 second")
    stored = dict.fromkeys(SERIES, 0)
    for _ in range(2):
        writers = [Writer(fresh.uri, name, stored[name], random.Random(SEED)) for name in SERIES]
        for w in writers:
            w.start()
        time.sleep(0.5)
        fresh.stop()
        for w in writers:
            w.join(60)
            assert not w.is_alive() and w.error is not None
        fresh.start()
        check(fresh, writers)
        stored = {w.series: w.stored for w in writers}
        assert all(n > 0 for n in stored.values())
    check_values(fresh, stored)
    fresh.stop()


def test_a_stop_does_not_wait_for_streams_that_never_end(fresh):
    """A collector keeps its stream open for days: a stop ends it after the batch at hand, long before its timeout."""
    fresh.flags = ("--shutdown-timeout", "60s")
    fresh.start()
    create(fresh, SERIES[0], sample_t="1 second")
    with fl.connect(fresh.uri) as client:
        writer, reader = client.do_put(SAMPLES, SCHEMA)
        writer.write_batch(pa.record_batch([[SERIES[0]], pa.array([0], US), [1.0]], schema=SCHEMA))
        assert reader.read() is not None
        began = time.monotonic()
        fresh.stop(seconds=90)
        assert time.monotonic() - began < 20
        with contextlib.suppress(pa.ArrowException, OSError):
            writer.close()
    fresh.start()
    with fl.connect(fresh.uri) as client:
        assert rows(ask(client, "SELECT value FROM samples")) == [(1.0,)]
    fresh.stop()


def test_everything_is_as_before_after_a_stop_and_a_kill(fresh):
    """Types, qualities, edits of the catalog: the same answers before, after a kill and after a stop."""
    fresh.start()
    create(fresh, "same/double", zone="America/Santiago", unit="bar", labels='{"site": "x"}')
    create(fresh, "same/mode", "enum", states='["off","auto"]')
    create(fresh, "same/text", "text", sample_t="1 hour")
    base = dt.datetime(2024, 1, 1, tzinfo=dt.timezone.utc)
    with fl.connect(fresh.uri) as client:
        times = pa.array([base + dt.timedelta(minutes=i) for i in range(3000)], US)
        put(client, [pa.record_batch({"series": ["same/double"] * 3000, "time": times, "value": [i / 7 if i % 11 else None for i in range(3000)], "quality": [["good", "uncertain", "bad"][i % 3] for i in range(3000)]})])
        put(client, [pa.record_batch({"series": ["same/mode"] * 3000, "time": times, "value": [["off", "auto"][i // 7 % 2] for i in range(3000)]})])
        put(client, [pa.record_batch({"series": ["same/text"] * 3000, "time": times, "text": [f"note {i}" for i in range(3000)]})])

    def answers():
        with fl.connect(fresh.uri) as client:
            return [
                ask(client, sql).to_pydict()
                for sql in [
                    "SELECT * FROM samples ORDER BY series, time",
                    "SELECT * FROM series ORDER BY series",
                    "SELECT series, time_bucket('1 day', time), count(*), sum(value), stddev(value), first(text), last(quality), good_pct(quality) FROM samples GROUP BY 1, 2 ORDER BY 1, 2",
                ]
            ]

    before = answers()
    fresh.kill()
    fresh.start()
    assert answers() == before, "after a kill"
    fresh.stop()
    fresh.start()
    assert answers() == before, "after a stop"
    fresh.kill()
    fresh.start()
    assert answers() == before, "after a stop and a kill"
    fresh.stop()


def test_a_second_server_is_refused_and_the_directory_is_free_after_a_kill(fresh, binary):
    import pytest

    from server import Refused, Server

    fresh.start()
    second = Server(binary, fresh.data)
    second.log = fresh.log.with_suffix(".second")
    with pytest.raises(Refused):
        second.start()
    assert fresh.alive
    fresh.kill()
    second.start()
    second.stop()
