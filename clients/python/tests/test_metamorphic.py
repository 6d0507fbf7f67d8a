"""Questions made at random: with summaries, without them, and in pandas on the raw samples, to the bit.

TRELLIS_SEED repeats a run, TRELLIS_QUESTIONS is how many (100).
"""

import math
import os
import random

import numpy as np
import pandas as pd
import pyarrow.flight as fl
import pytest

import sensors
from sensors import ask, create, put
from server import Server

SEED = int(os.environ.get("TRELLIS_SEED", "0")) or random.SystemRandom().randrange(1, 2**31)
QUESTIONS = int(os.environ.get("TRELLIS_QUESTIONS", "100"))
OFF = fl.FlightCallOptions(headers=[(b"x-trellis-summaries", b"off")])
ZONES = ["UTC", "Europe/Berlin", "America/Santiago", "Australia/Lord_Howe", "Asia/Kathmandu", "America/St_Johns", "Africa/Casablanca", "Pacific/Apia"]
BEGIN, END = pd.Timestamp("2024-02-15", tz="UTC"), pd.Timestamp("2024-05-05", tz="UTC")
# Name, period, samples in a block.
SERIES = [("meta/a", "10min", "10 minutes", 96), ("meta/b", "15min", "15 minutes", 64), ("meta/c", "1h", "1 hour", 512), ("meta/d", "7min", "7 minutes", 100)]


@pytest.fixture(scope="module")
def loaded(binary, tmp_path_factory):
    """A server with some samples in segments, some in memory and some overwritten, and the frames of what is there."""
    server = Server(binary, tmp_path_factory.mktemp("meta") / "data").start()
    rng = np.random.default_rng(SEED)
    frames = {}
    for k, (name, period, sample_t, block_n) in enumerate(SERIES):
        create(server, name, sample_t=sample_t, zone=ZONES[k + 1], block_n=block_n)
        frames[name] = sensors.frame(BEGIN.floor(period), END, period, SEED + k, gaps=0.1, bad=0.1, uncertain=0.1)
        frames[name].index = frames[name].index.floor(period)
    for part in range(3):
        with fl.connect(server.uri) as client:
            for k, (name, frame) in enumerate(frames.items()):
                whole = frame.iloc[part::3]
                put(client, [sensors.long_batch(whole, name)])
                if part == 2:  # some samples are written once more, with other values
                    chosen = frame.index[rng.random(len(frame)) < 0.05]
                    frame.loc[chosen, "raw"] = np.round(frame.loc[chosen, "raw"] * 1.5, 3)
                    frame["value"] = frame["raw"].where(frame["quality"] != "bad")
                    put(client, [sensors.long_batch(frame.loc[chosen], name)])
        if part < 2:
            server.stop()
            server.start()
    for name, zone in zip(frames, ZONES[1:]):
        frames[name]["local"] = frames[name].index.tz_convert(zone).tz_localize(None)
    yield server, frames
    server.stop()


WIDTHS = {
    "1 day": lambda local: local.dt.normalize(),
    "1 month": lambda local: local.dt.to_period("M").dt.start_time,
    "1 week": lambda local: local.dt.normalize() - pd.to_timedelta(local.dt.day_of_week, unit="D"),
    "1 year": lambda local: local.dt.to_period("Y").dt.start_time,
    "1 hour": lambda local: local.dt.floor("h"),
    "12 hours": lambda local: local.dt.floor("12h"),
    "6 hours": lambda local: local.dt.floor("6h"),
}


def condition(rng, frame):
    """A condition in SQL, and the same on a frame."""
    kind = rng.randrange(9)
    if kind == 0:
        return "true", pd.Series(True, frame.index)
    if kind <= 3:
        a, b = sorted(BEGIN + pd.Timedelta(seconds=rng.randrange(int((END - BEGIN).total_seconds()))) for _ in range(2))
        return f"time >= '{a.isoformat()}' AND time < '{b.isoformat()}'", pd.Series((frame.index >= a) & (frame.index < b), frame.index)
    if kind == 4:
        q = rng.choice(["good", "bad", "uncertain"])
        return f"quality = '{q}'", frame["quality"] == q
    if kind == 5:
        q = rng.choice(["good", "bad", "uncertain"])
        return f"quality <> '{q}'", frame["quality"] != q
    if kind == 6:
        x = round(rng.uniform(5, 40), 1)
        op = rng.choice([">", "<=", ">=", "<"])
        v = frame["value"]
        return f"value {op} {x}", {">": v > x, "<=": v <= x, ">=": v >= x, "<": v < x}[op]
    if kind == 7:
        a = rng.randrange(24)
        b = rng.randrange(a, 24)
        hour = frame["local"].dt.hour
        return f"extract(hour FROM local_time) BETWEEN {a} AND {b}", (hour >= a) & (hour <= b)
    day = pd.Timestamp("2024-03-01") + pd.Timedelta(hours=rng.randrange(24 * 50))
    return f"local_time >= '{day}'", frame["local"] >= day


def expected(frame, labels):
    out = []
    for label, part in frame.groupby(labels, sort=True) if len(frame) else []:
        v = part["value"].dropna()
        good = int((part["quality"] == "good").sum())
        row = [label, len(part), len(v), good / len(part) * 100]
        if len(v):
            total = math.fsum(v)
            low, high = v.index[np.argmin(v)], v.index[np.argmax(v)]
            row += [total, total / len(v), v.min(), v.max(), v.iloc[0], v.iloc[-1], low, high]
        else:
            row += [None] * 8
        out.append(tuple(row))
    return out


COLUMNS = "count(*), count(value), good_pct(quality), sum(value), avg(value), min(value), max(value), first(value), last(value), min_by(time, value), max_by(time, value)"
MORE = "stddev(value), var_pop(value), delta(value), increase(value), time_weighted_avg(value), integral(value), state_changes(value), good_duration(quality), last(quality), max(time), min(raw_value)"


@pytest.mark.parametrize("number", range(QUESTIONS))
def test_question(loaded, number):
    server, frames = loaded
    rng = random.Random(SEED * 1000 + number)
    name = rng.choice(list(frames))
    frame = frames[name]
    zone = rng.choice(ZONES)
    width = rng.choice(list(WIDTHS))
    one, keep = condition(rng, frame)
    two, also = condition(rng, frame)
    where = f"series = '{name}' AND ({one}) AND ({two})"
    bucket = "time_bucket" if width == "1 hour" else "local_bucket"
    sql = f"SELECT {bucket}('{width}', time, '{zone}') AS bin, {COLUMNS} FROM samples WHERE {where} GROUP BY 1 ORDER BY 1"
    with fl.connect(server.uri) as client:
        got = ask(client, sql)
        assert got.equals(ask(client, sql, OFF)), f"seed {SEED}: summaries change the answer of {sql}"
        for more in (f"SELECT time_bucket('{width}', time, '{zone}') AS bin, {MORE} FROM samples WHERE {where} GROUP BY 1 ORDER BY 1", f"SELECT {MORE} FROM samples WHERE {where}"):
            assert ask(client, more).equals(ask(client, more, OFF)), f"seed {SEED}: summaries change the answer of {more}"
    chosen = frame[keep & also]
    local = pd.Series(chosen.index.tz_convert(zone).tz_localize(None), chosen.index)
    labels = WIDTHS[width](local)
    if width == "1 hour":  # the repeated hour is two bins, told apart by their offset
        labels -= local - local.index.tz_localize(None)
    want, have = expected(chosen, labels), sensors.rows(got)
    assert len(have) == len(want), f"seed {SEED}: {sql}: {len(have)} rows, want {len(want)}"
    for h, w in zip(have, want):
        assert h[3] == pytest.approx(w[3], rel=1e-15)
        assert (*h[1:3], *h[4:]) == (*w[1:3], *w[4:]), f"seed {SEED}: {sql}"
        if width != "1 hour":  # where a clock change cuts an hour its bin begins with the change: see test_pandas.py
            assert h[0] == w[0], f"seed {SEED}: {sql}"
