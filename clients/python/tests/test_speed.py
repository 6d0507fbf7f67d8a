"""Ten years at 1 Hz by month and by local day: no block decoded, the same bits without summaries.

Nothing here is asserted about time; medians are printed (pytest -s). TRELLIS_YEARS is how many years (1).
"""

import datetime as dt
import os
import re
import statistics
import time

import adbc_driver_flightsql.dbapi as adbc
import numpy as np
import pyarrow as pa
import pyarrow.flight as fl
import pytest

from sensors import SAMPLES, ask, create, rows
from server import Server

YEARS = float(os.environ.get("TRELLIS_YEARS", "1"))
BEGIN = 1_420_070_400  # 2015-01-01T00:00:00Z
SECONDS = int(YEARS * 365.25 * 86_400) // 86_400 * 86_400
BATCH = 500_000


def values(begin, n):
    """Hundredths, so that pandas, DuckDB and integers can check them: a day's triangle and noise from a hash."""
    s = np.arange(begin, begin + n, dtype=np.int64)
    day = np.abs(s % 86_400 - 43_200) // 36
    noise = (s * 2_654_435_761 >> 7) % 101 - 50
    return (2_000 + day + noise) / 100


@pytest.fixture(scope="module")
def long_series(binary, tmp_path_factory):
    """A server with the series in segments: it was stopped and started after loading."""
    server = Server(binary, tmp_path_factory.mktemp("speed") / "data").start()
    create(server, "speed/1hz", sample_t="1 second", zone="America/Santiago")
    schema = pa.schema([("time", pa.timestamp("us", "UTC")), ("speed/1hz", pa.float64())])
    began = time.perf_counter()
    with fl.connect(server.uri) as client:
        writer, reader = client.do_put(SAMPLES, schema)
        with writer:
            for at in range(0, SECONDS, BATCH):
                n = min(BATCH, SECONDS - at)
                times = pa.array((BEGIN + at + np.arange(n)) * 1_000_000, pa.timestamp("us", "UTC"))
                writer.write_batch(pa.record_batch([times, values(BEGIN + at, n)], schema=schema))
                reader.read()
            writer.done_writing()
    seconds = time.perf_counter() - began
    print(f"\n{SECONDS:,} samples written in {seconds:.1f} s: {SECONDS / seconds / 1e6:.1f} M/s")
    server.stop()
    server.start()
    yield server
    server.stop()


@pytest.fixture
def client(long_series):
    with fl.connect(long_series.uri) as c:
        yield c


def blocks(client, sql, options=None):
    """How many blocks a question had answered by summary and how many decoded."""
    text = "\n".join(line for (line,) in rows(ask(client, "EXPLAIN ANALYZE " + sql, options)))
    found = re.search(r"(\d+) answered by summary, (\d+) decoded", text)
    assert found, text
    return int(found[1]), int(found[2])


def median(work, times=15):
    """Milliseconds, the median of some runs."""
    spent = []
    for _ in range(times):
        began = time.perf_counter()
        work()
        spent.append((time.perf_counter() - began) * 1e3)
    return statistics.median(spent)


AGGREGATES = "count(*) AS n, sum(value) AS sum, avg(value) AS mean, min(value) AS low, max(value) AS high, stddev(value) AS sd, first(value) AS first, last(value) AS last"
OFF = fl.FlightCallOptions(headers=[(b"x-trellis-summaries", b"off")])
QUESTIONS = {
    "by month in UTC": "time_bucket('1 month', time, 'UTC')",
    "by month in Berlin": "time_bucket('1 month', time, 'Europe/Berlin')",
    "by day in Santiago": "time_bucket('1 day', time)",
    "by hour in UTC": "time_bucket('1 hour', time, 'UTC')",
    "all": "'all'",
}


@pytest.mark.parametrize("bucket", QUESTIONS.values(), ids=QUESTIONS.keys())
def test_no_block_is_decoded_and_the_bits_are_the_same_without_summaries(long_series, client, bucket, request):
    sql = f"SELECT {bucket} AS bin, {AGGREGATES} FROM samples WHERE series = 'speed/1hz' GROUP BY 1 ORDER BY 1"
    summarized, decoded = blocks(client, sql)
    assert decoded == 0 and summarized > 0
    with_summaries = ask(client, sql)
    assert blocks(client, sql, OFF)[1] > 0, "summaries were used though they were off"
    without = ask(client, sql, OFF)
    assert with_summaries.equals(without)
    with adbc.connect(long_series.uri, autocommit=True) as conn, conn.cursor() as cur:

        def work():
            cur.execute(sql)
            cur.fetch_arrow_table()

        print(f"\n{request.node.callspec.id}: {with_summaries.num_rows} bins; pyarrow {median(lambda: ask(client, sql)):.2f} ms, ADBC {median(work):.2f} ms, without summaries {median(lambda: ask(client, sql, OFF), 3):.0f} ms")


def test_bins_that_cut_every_block_have_the_same_bits_too(long_series, client):
    sql = f"SELECT time_bucket('1 hour', time, 'Asia/Kathmandu') AS bin, {AGGREGATES} FROM samples WHERE series = 'speed/1hz' AND time < '2015-02-01' GROUP BY 1 ORDER BY 1"
    assert ask(client, sql).equals(ask(client, sql, OFF))


def test_a_question_that_cuts_blocks_decodes_only_the_edges(long_series, client):
    sql = f"SELECT {AGGREGATES} FROM samples WHERE series = 'speed/1hz' AND time >= '2015-02-01 00:10:07+00' AND time < '2015-11-30 13:59:59+00'"
    summarized, decoded = blocks(client, sql)
    assert decoded <= 2 and summarized > 0
    assert ask(client, sql).equals(ask(client, sql, OFF))


def test_the_answers_are_those_of_integers(long_series, client):
    """Sums of hundredths are exact in integers; numpy computes them from the formula."""
    table = ask(client, f"SELECT time_bucket('1 month', time, 'UTC') AS bin, {AGGREGATES} FROM samples WHERE series = 'speed/1hz' GROUP BY 1 ORDER BY 1")
    for row in table.to_pylist():
        begin = int(row["bin"].timestamp())
        after = (row["bin"].replace(day=1) + dt.timedelta(days=32)).replace(day=1)
        n = min(int(after.timestamp()), BEGIN + SECONDS) - begin
        v = values(begin, n)
        hundredths = np.rint(v * 100).astype(np.int64)
        assert row["n"] == n
        assert (row["low"], row["high"], row["first"], row["last"]) == (v.min(), v.max(), v[0], v[-1])
        assert abs(row["sum"] - int(hundredths.sum()) / 100) <= 1e-6
        assert row["mean"] == row["sum"] / n
        assert row["sd"] == pytest.approx(float(np.std(v, ddof=1)), rel=1e-10)


def test_a_write_into_the_middle_is_seen_at_once_and_keeps_summaries(long_series, client):
    sql = f"SELECT time_bucket('1 month', time, 'UTC') AS bin, {AGGREGATES} FROM samples WHERE series = 'speed/1hz' GROUP BY 1 ORDER BY 1"
    before = ask(client, sql)
    at = dt.datetime(2015, 3, 1, 12, tzinfo=dt.timezone.utc)
    change = pa.record_batch({"time": pa.array([at + dt.timedelta(seconds=i) for i in range(3600)], pa.timestamp("us", "UTC")), "speed/1hz": [1e6] * 3600})
    writer, reader = client.do_put(SAMPLES, change.schema)
    with writer:
        writer.write_batch(change)
        reader.read()
        writer.done_writing()
    after = ask(client, sql)
    assert after["high"].to_pylist()[2] == 1e6
    rest = [i for i in range(before.num_rows) if i != 2]
    assert after.take(rest).equals(before.take(rest))
    assert after.equals(ask(client, sql, OFF))
    print(f"\nafter a write into the middle: {median(lambda: ask(client, sql)):.2f} ms, {blocks(client, sql)[1]} blocks decoded")
