"""pandas over ADBC: a year of sensors pulled, and resampled answers recomputed on the raw data."""

import math

import numpy as np
import pandas as pd
import pytest

from sensors import STATUS, YEAR

FROM, TO = "2024-01-01", "2025-01-01"
NAMES = [name for name, *_ in YEAR]
ZONES = {name: zone for name, _, _, zone in YEAR}


def read(conn, sql, **kwargs):
    return pd.read_sql(sql, conn, **kwargs)


def bins(values, labels):
    """Count, exact sum, mean, least and greatest of the values of each label; labels in order."""
    out = []
    for label, group in values.groupby(labels, sort=True):
        v = group.dropna().to_numpy()
        total = math.fsum(v)
        out.append((label, len(group), len(v), *((total, total / len(v), v.min(), v.max()) if len(v) else (None,) * 4)))
    return out


def same_bins(got, expected):
    """Compares to the bit."""
    rows = [tuple(None if pd.isna(x) else x for x in row) for row in got.itertuples(index=False)]
    assert len(rows) == len(expected)
    for row, want in zip(rows, expected):
        assert row == want, f"got {row}, want {want}"


COLUMNS = "count(*) AS rows, count(value) AS n, sum(value) AS sum, avg(value) AS mean, min(value) AS low, max(value) AS high"


def binned(conn, bucket, name, begin=FROM, end=TO):
    return read(conn, f"SELECT {bucket} AS bin, {COLUMNS} FROM samples WHERE series = '{name}' AND time >= '{begin}' AND time < '{end}' GROUP BY 1 ORDER BY 1")


def cut(frame, begin=FROM, end=TO):
    return frame[(frame.index >= pd.Timestamp(begin, tz="UTC")) & (frame.index < pd.Timestamp(end, tz="UTC"))]


@pytest.mark.parametrize("name", NAMES)
def test_a_year_comes_back_as_it_was_written(conn, year, name):
    got = read(conn, f"SELECT time, value, raw_value, quality, status FROM samples WHERE series = '{name}' AND time >= '{FROM}' AND time < '{TO}' ORDER BY time")
    want = cut(year[name])
    assert len(got) == len(want)
    assert (pd.DatetimeIndex(got["time"]) == want.index).all()
    assert (got["raw_value"].to_numpy() == want["raw"].to_numpy()).all()
    np.testing.assert_array_equal(got["value"].to_numpy(), want["value"].to_numpy())
    assert got["quality"].tolist() == want["quality"].tolist()
    assert got["status"].tolist() == [STATUS[q] for q in want["quality"]]


@pytest.mark.parametrize("name", NAMES)
def test_local_time_is_the_wall_clock_where_the_sensor_stands(conn, year, name):
    got = read(conn, f"SELECT time, local_time FROM samples WHERE series = '{name}' AND time >= '{FROM}' AND time < '{TO}' ORDER BY time")
    want = cut(year[name]).index.tz_convert(ZONES[name]).tz_localize(None)
    assert (pd.DatetimeIndex(got["local_time"]) == want).all()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/Santiago", "Australia/Lord_Howe", "Asia/Kolkata", "UTC"])
@pytest.mark.parametrize("width", ["1 month", "1 day", "1 week", "1 year", "3 months"])
def test_calendar_bins(conn, year, name, zone, width):
    got = binned(conn, f"local_bucket('{width}', time, '{zone}')", name)
    frame = cut(year[name])
    local = frame.index.tz_convert(zone).tz_localize(None)
    day = local.normalize()
    labels = {
        "1 month": lambda: day - pd.to_timedelta(day.day - 1, unit="D"),
        "1 day": lambda: day,
        "1 week": lambda: day - pd.to_timedelta(day.day_of_week, unit="D"),
        "1 year": lambda: pd.to_datetime(day.year.astype(str) + "-01-01"),
        "3 months": lambda: local.to_period("Q").start_time,
    }[width]()
    same_bins(got, bins(frame["value"], labels))


@pytest.mark.parametrize("name, zone", [("year/berlin/boiler", "Europe/Berlin"), ("year/santiago/pv", "America/Santiago"), ("year/lordhowe/tide", "Australia/Lord_Howe")])
@pytest.mark.parametrize("width", ["1 month", "1 day"])
def test_the_instants_of_calendar_bins(conn, year, name, zone, width):
    """time_bucket gives the first instant whose local time has reached the label."""
    got = binned(conn, f"time_bucket('{width}', time, '{zone}')", name)
    frame = cut(year[name])
    local = frame.index.tz_convert(zone)
    labels = local.tz_localize(None).normalize()
    if width == "1 month":
        labels = labels - pd.to_timedelta(labels.day - 1, unit="D")
    instants = pd.DatetimeIndex(labels).map({label: first_instant(label, zone) for label in labels.unique()})
    same_bins(got, bins(frame["value"], instants))


def first_instant(label, zone):
    """The first instant at which the clock in a zone shows a label or a later time, found minute by minute."""
    minutes = pd.date_range(label - pd.Timedelta("16h"), label + pd.Timedelta("16h"), freq="1min", tz="UTC")
    return minutes[np.argmax(minutes.tz_convert(zone).tz_localize(None) >= label)]


def test_a_day_in_santiago_has_25_hours_and_another_23(conn, year):
    got = read(
        conn,
        """SELECT local_bucket('1 day', time, 'America/Santiago') AS day, max(time) - min(time) + interval '5 minutes' AS length, count(*) AS n
        FROM samples WHERE series = 'year/santiago/pv' AND time >= '2024-04-01' AND time < '2024-09-30' GROUP BY 1 ORDER BY 1""",
    )
    hours = dict(zip(got["day"].astype(str), got["n"]))
    frame = year["year/santiago/pv"]
    local = frame.index.tz_convert("America/Santiago")
    for day, slots in [("2024-04-06", 25 * 12), ("2024-09-08", 23 * 12), ("2024-07-01", 24 * 12)]:
        assert hours[day] == (local.strftime("%Y-%m-%d") == day).sum()
        assert 0.9 * slots < hours[day] <= slots


@pytest.mark.parametrize("name", ["year/berlin/pump", "year/santiago/pv", "year/lordhowe/tide"])
@pytest.mark.parametrize("minutes", [60, 30, 15])
def test_clock_bins_keep_the_repeated_hour_apart(conn, year, name, minutes):
    zone = ZONES[name]
    for begin, end in [("2024-03-29", "2024-04-09"), ("2024-10-03", "2024-10-30")]:
        got = binned(conn, f"time_bucket('{minutes} minutes', time, '{zone}')", name, begin, end)
        frame = cut(year[name], begin, end)
        local = frame.index.tz_convert(zone)
        offset = local.tz_localize(None) - frame.index.tz_localize(None)
        floor = local.tz_localize(None).floor(f"{minutes}min") - offset
        change = changes(zone, begin, end)
        # A bin that a clock change cuts begins with the change.
        labels = [max([t, *(c for c in change if t <= c <= u)]) for t, u in zip(floor.tz_localize("UTC"), frame.index)]
        same_bins(got, bins(frame["value"], pd.DatetimeIndex(labels)))


def changes(zone, begin, end):
    """The instants in a range at which the offset of a zone changes."""
    minutes = pd.date_range(begin, end, freq="1min", tz="UTC")
    local = minutes.tz_convert(zone).tz_localize(None) - minutes.tz_localize(None)
    return list(minutes[1:][local[1:] != local[:-1]])


@pytest.mark.parametrize("origin", ["06:00", "22:30"])
def test_gas_days_begin_at_another_hour(conn, year, origin):
    got = binned(conn, f"local_bucket('1 day', time, 'Europe/Berlin', '{origin}')", "year/berlin/boiler")
    frame = cut(year["year/berlin/boiler"])
    hours = pd.Timedelta(origin + ":00")
    local = frame.index.tz_convert("Europe/Berlin").tz_localize(None)
    same_bins(got, bins(frame["value"], (local - hours).normalize() + hours))


def test_bins_are_those_of_the_series_own_zone_where_none_is_named(conn, year):
    for name in NAMES:
        named = binned(conn, f"time_bucket('1 day', time, '{ZONES[name]}')", name)
        own = binned(conn, "time_bucket('1 day', time)", name)
        pd.testing.assert_frame_equal(own, named)


def test_each_series_at_six_in_the_morning_there(conn, year):
    got = read(conn, f"SELECT series, {COLUMNS} FROM samples WHERE series LIKE 'year/%' AND extract(hour FROM local_time) = 6 GROUP BY 1 ORDER BY 1")
    want = []
    for name in sorted(NAMES):
        local = year[name].index.tz_convert(ZONES[name])
        want += bins(year[name]["value"][local.hour == 6], np.full((local.hour == 6).sum(), name))
    same_bins(got, want)


def test_mornings_by_day_across_zones(conn, year):
    got = read(
        conn,
        """SELECT date_trunc('day', local_time) AS day, count(value) AS n, sum(value) AS sum FROM samples
        WHERE series IN ('year/santiago/pv', 'year/lordhowe/tide') AND extract(hour FROM local_time) = 6 AND local_time >= '2024-04-01' AND local_time < '2024-05-01' GROUP BY 1 ORDER BY 1""",
    )
    parts = []
    for name in ["year/santiago/pv", "year/lordhowe/tide"]:
        frame = year[name].copy()
        frame["local"] = frame.index.tz_convert(ZONES[name]).tz_localize(None)
        parts.append(frame[(frame["local"].dt.hour == 6) & (frame["local"] >= "2024-04-01") & (frame["local"] < "2024-05-01")])
    both = pd.concat(parts)
    want = [(day, g["value"].notna().sum(), math.fsum(g["value"].dropna())) for day, g in both.groupby(both["local"].dt.normalize())]
    assert [tuple(r) for r in got.itertuples(index=False)] == want


def test_percent_good_by_month(conn, year):
    name = "year/kolkata/load"
    got = read(conn, f"SELECT local_bucket('1 month', time, 'Asia/Kolkata') AS m, good_pct(quality) AS pct, good_duration(quality)::text AS d FROM samples WHERE series = '{name}' AND time >= '{FROM}' AND time < '{TO}' GROUP BY 1 ORDER BY 1")
    frame = cut(year[name])
    month = frame.index.tz_convert("Asia/Kolkata").tz_localize(None).to_period("M").start_time
    for row, (label, group) in zip(got.itertuples(index=False), frame.groupby(month), strict=True):
        good = (group["quality"] == "good").sum()
        assert row.m == label and row.pct == pytest.approx(100 * good / len(group), rel=1e-15)
        seconds = int(good) * 900
        assert row.d in (f"{seconds // 3600:02}:{seconds // 60 % 60:02}:00", f"{seconds // 86400} days {seconds // 3600 % 24:02}:{seconds // 60 % 60:02}:00")


def test_time_weighted_average_and_integral_are_those_of_the_trapezoids(conn, year):
    for name in NAMES:
        got = read(conn, f"SELECT time_weighted_avg(value) AS twa, integral(value, 'hour') AS i, delta(value) AS d, increase(value) AS inc, state_changes(value) AS sc FROM samples WHERE series = '{name}' AND time >= '{FROM}' AND time < '2024-03-01'")
        v = cut(year[name], FROM, "2024-03-01")["value"].dropna()
        t = (v.index - v.index[0]).total_seconds().to_numpy()
        x = v.to_numpy()
        area = math.fsum((x[1:] + x[:-1]) / 2 * np.diff(t))
        steps = np.diff(x)
        assert got["i"][0] == pytest.approx(area / 3600, rel=1e-12)
        assert got["twa"][0] == pytest.approx(area / t[-1], rel=1e-12)
        assert got["d"][0] == pytest.approx(x[-1] - x[0], abs=1e-12)
        assert got["inc"][0] == pytest.approx(math.fsum(np.where(steps >= 0, steps, x[1:])), rel=1e-12)
        assert got["sc"][0] == (steps != 0).sum()


def test_pivoting_a_year_of_sensors(conn, year):
    got = read(conn, f"SELECT series, time_bucket('1 hour', time) AS hour, avg(value) AS mean FROM samples WHERE series LIKE 'year/%' AND time >= '2024-06-01' AND time < '2024-07-01' GROUP BY 1, 2")
    wide = got.pivot(index="hour", columns="series", values="mean")
    for name in NAMES:
        v = cut(year[name], "2024-06-01", "2024-07-01")["value"]
        # Hours of Kolkata begin at half past in UTC, those of Lord Howe too (in winter).
        offset = "30min" if name in ("year/kolkata/load", "year/lordhowe/tide") else "0min"
        want = v.resample("1h", offset=offset).mean()
        mine = wide[name].dropna()
        pd.testing.assert_series_equal(mine, want.dropna(), check_names=False, check_freq=False, check_index_type=False, rtol=1e-13)


def test_pandas_writes_through_to_sql_in_append_mode(server, conn):
    from sensors import create

    create(server, "pandas/written")
    frame = pd.DataFrame({"series": "pandas/written", "time": pd.date_range("2024-01-01", periods=500, freq="1min", tz="UTC"), "value": np.arange(500) / 8})
    assert frame.to_sql("samples", conn, if_exists="append", index=False) == 500
    got = read(conn, "SELECT series, time, value FROM samples WHERE series = 'pandas/written' ORDER BY time")
    assert got["value"].tolist() == frame["value"].tolist() and (got["time"] == frame["time"]).all()
