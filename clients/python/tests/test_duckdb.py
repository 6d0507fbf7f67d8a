"""DuckDB on Arrow tables from Trellis: the same SQL on both sides has the same answers."""

import math

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.flight as fl
import pytest

import sensors
from sensors import ask, create, put


@pytest.fixture(scope="module")
def both(server):
    """A client of Trellis, and a DuckDB that holds the same tables samples and series."""
    sites = [("duck/a/temp", "temperature", "Europe/Berlin"), ("duck/a/load", "power", "Europe/Berlin"), ("duck/b/temp", "temperature", "America/Santiago"), ("duck/b/load", "power", "UTC")]
    with fl.connect(server.uri) as client:
        for seed, (name, kind, zone) in enumerate(sites):
            create(server, name, sample_t="15 minutes", zone=zone, unit="kW" if kind == "power" else "°C", labels=f'{{"site":"{name[5]}","kind":"{kind}"}}')
            frame = sensors.frame("2024-01-01", "2024-04-01", "15min", 100 + seed)
            put(client, [sensors.long_batch(frame, name)])
        db = duckdb.connect()
        db.execute("SET TimeZone = 'UTC'")
        samples = ask(client, "SELECT * FROM samples WHERE series LIKE 'duck/%'")
        series = ask(client, "SELECT series, type, zone, unit, interpolation, labels, id FROM series WHERE series LIKE 'duck/%'")
        db.register("samples", samples.drop_columns(["edit", "edit_id"]))
        db.register("series", series)
        yield client, db


def close(a, b, tolerance):
    if a is None or b is None:
        return a is None and b is None
    if isinstance(a, float) or isinstance(b, float):
        return a == b or math.isclose(a, b, rel_tol=tolerance, abs_tol=tolerance)
    return a == b


def same(both, sql, theirs=None, tolerance=1e-11, ordered=False):
    client, db = both
    got = sensors.rows(ask(client, sql))
    want = sensors.rows(db.sql(theirs or sql).to_arrow_table())
    if not ordered:
        got, want = sorted(got, key=repr), sorted(want, key=repr)
    assert len(got) == len(want), f"{len(got)} rows, want {len(want)}: {got[:3]} {want[:3]}"
    for g, w in zip(got, want):
        assert all(close(a, b, tolerance) for a, b in zip(g, w, strict=True)), f"got {g}, want {w}"
    assert want, "the question has no answer"


S = "FROM samples WHERE series LIKE 'duck/%'"
P = "FROM (SELECT t.time, t.value AS x, p.value AS y FROM samples t JOIN samples p ON t.time = p.time WHERE t.series = 'duck/a/temp' AND p.series = 'duck/a/load') AS pairs"

AGGREGATES = [
    "count(*)", "count(value)", "count(DISTINCT series)", "count(DISTINCT quality)", "sum(value)", "avg(value)", "min(value)", "max(value)", "stddev(value)", "stddev_samp(value)", "stddev_pop(value)",
    "variance(value)", "var_samp(value)", "var_pop(value)", "min(time)", "max(time)", "min(series)", "max(quality)", "sum(value * 2 + 1)", "avg(abs(value - 20))", "sum(value) / count(value)",
    "count(*) FILTER (WHERE quality = 'bad')", "sum(value) FILTER (WHERE value > 20)", "avg(raw_value)", "sum(status)", "min(status)", "max(status)", "bool_and(value < 1000)", "bool_or(value > 1000)",
    "sum(CASE WHEN value > 20 THEN 1 ELSE 0 END)", "sum(DISTINCT round(value))", "max(value) - min(value)", "min(value) + max(value) * 2", "count(nullif(quality, 'good'))",
]


@pytest.mark.parametrize("aggregate", AGGREGATES)
@pytest.mark.parametrize("group", ["", "GROUP BY series"], ids=["all", "by series"])
def test_aggregates(both, aggregate, group):
    head = "series, " if group else ""
    same(both, f"SELECT {head}{aggregate} AS x {S} {group}")


@pytest.mark.parametrize(
    "ours, theirs",
    [
        ("first(value)", "arg_min(value, time) FILTER (WHERE value IS NOT NULL)"),
        ("last(value)", "arg_max(value, time) FILTER (WHERE value IS NOT NULL)"),
        ("first(value, time)", "arg_min(value, time) FILTER (WHERE value IS NOT NULL)"),
        ("last(raw_value, time)", "arg_max(raw_value, time)"),
        ("last(quality, time)", "arg_max(quality, time)"),
        ("min_by(time, value)", "min(time) FILTER (WHERE value = (SELECT min(value) FROM samples i WHERE i.series = samples.series))"),
        ("max_by(time, value)", "min(time) FILTER (WHERE value = (SELECT max(value) FROM samples i WHERE i.series = samples.series))"),
        ("percentile_cont(0.5) WITHIN GROUP (ORDER BY value)", "quantile_cont(value, 0.5)"),
        ("percentile_cont(0.9) WITHIN GROUP (ORDER BY value)", "quantile_cont(value, 0.9)"),
        ("percentile_disc(0.25) WITHIN GROUP (ORDER BY value)", "quantile_disc(value, 0.25)"),
        ("string_agg(quality, ',' ORDER BY time)", "string_agg(quality, ',' ORDER BY time)"),
    ],
)
def test_aggregates_with_other_names(both, ours, theirs):
    same(both, f"SELECT series, {ours} AS x {S} GROUP BY series", f"SELECT series, {theirs} AS x {S} GROUP BY series")


@pytest.mark.parametrize("fraction", [0.01, 0.25, 0.5, 0.75, 0.99])
def test_approx_percentile_is_within_one_percent_of_a_value_at_that_rank(both, fraction):
    client, db = both
    for series, got in sensors.rows(ask(client, f"SELECT series, approx_percentile(value, {fraction}) {S} GROUP BY series")):
        values = np.sort(db.execute("SELECT value FROM samples WHERE series = ? AND value IS NOT NULL", [series]).fetchnumpy()["value"])
        rank = fraction * (len(values) - 1)
        assert 0.99 * values[math.floor(rank)] <= got <= 1.01 * values[math.ceil(rank)]


@pytest.mark.parametrize("f", ["corr", "covar_pop", "covar_samp", "regr_slope", "regr_intercept", "regr_r2", "regr_count", "regr_avgx", "regr_avgy", "regr_sxx", "regr_syy", "regr_sxy"])
def test_regression(both, f):
    same(both, f"SELECT {f}(y, x) AS r {P}", tolerance=1e-9)
    same(both, f"SELECT date_trunc('month', time) AS m, {f}(y, x) AS r {P} GROUP BY 1", tolerance=1e-9)


@pytest.mark.parametrize("series", ["duck/a/temp", "duck/a/load", "duck/b/temp", "duck/b/load"])
def test_sums_are_exact_to_the_bit(both, series):
    client, _ = both
    values = ask(client, f"SELECT value FROM samples WHERE series = '{series}' AND value IS NOT NULL")["value"].to_numpy()
    (row,) = sensors.rows(ask(client, f"SELECT sum(value), avg(value), sum(value) FILTER (WHERE value > 20), sum(-value), sum(value * 1.1) FROM samples WHERE series = '{series}'"))
    exact = math.fsum(values)
    assert row == (exact, exact / len(values), math.fsum(values[values > 20]), -exact, math.fsum(values * 1.1))
    for day, total in sensors.rows(ask(client, f"SELECT date_trunc('week', time), sum(value) FROM samples WHERE series = '{series}' GROUP BY 1")):
        part = ask(client, f"SELECT value FROM samples WHERE series = '{series}' AND value IS NOT NULL AND date_trunc('week', time) = timestamptz '{day}'")["value"]
        assert total == math.fsum(part.to_numpy())


def test_sums_are_exact_where_adding_in_order_is_not(server, client):
    create(server, "exact/cancel", sample_t="1 second", block_n=512)
    rng = np.random.default_rng(7)
    big = rng.normal(0, 1, 5000) * 10.0 ** rng.integers(-30, 30, 5000)
    values = rng.permutation(np.concatenate([big, -big, rng.normal(0, 1e-20, 100)]))
    times = pa.array(np.arange(len(values)) * 1_000_000, pa.timestamp("us", "UTC"))
    put(client, [pa.record_batch({"series": ["exact/cancel"] * len(values), "time": times, "value": values})])
    sql = "SELECT sum(value), avg(value) FROM samples WHERE series = 'exact/cancel'"
    exact = math.fsum(values)
    assert sensors.rows(ask(client, sql)) == [(exact, exact / len(values))]
    off = fl.FlightCallOptions(headers=[(b"x-trellis-summaries", b"off")])
    assert sensors.rows(ask(client, sql, off)) == [(exact, exact / len(values))]


QUESTIONS = [
    f"SELECT series, date_trunc('month', time) AS m, count(*), sum(value), min(value) {S} GROUP BY 1, 2",
    f"SELECT date_trunc('day', time) AS d, avg(value) {S} GROUP BY 1 HAVING count(*) > 350 ORDER BY 1",
    f"SELECT extract(hour FROM time) AS h, quality, count(*) {S} GROUP BY 1, 2",
    f"SELECT CASE WHEN value < 18 THEN 'low' WHEN value < 22 THEN 'mid' WHEN value IS NULL THEN 'none' ELSE 'high' END AS c, count(*) {S} GROUP BY 1",
    f"SELECT split_part(series, '/', 2) AS site, split_part(series, '/', 3) AS kind, avg(value) {S} GROUP BY 1, 2",
    f"SELECT DISTINCT series, quality {S}",
    f"SELECT series, time, value {S} AND value IS NOT NULL ORDER BY value DESC, series, time LIMIT 20",
    f"SELECT series, time, value {S} ORDER BY time, series LIMIT 10 OFFSET 1000",
    f"SELECT series, time, value {S} AND value > 27 AND quality = 'good'",
    f"SELECT count(*) {S} AND time BETWEEN '2024-02-01 00:00:00+00' AND '2024-02-02 00:00:00+00'",
    f"SELECT count(*) {S} AND value NOT BETWEEN 15 AND 25",
    f"SELECT count(*) {S} AND (quality IN ('bad', 'uncertain') OR value > 25) AND NOT series LIKE '%load'",
    f"SELECT count(*) {S} AND value IS NULL AND raw_value IS NOT NULL",
    f"SELECT count(*) {S} AND extract(dow FROM time) IN (0, 6) AND extract(hour FROM time) >= 18",
    f"SELECT count(*), avg(value) {S} AND local_time >= '2024-02-01 06:00' AND local_time < '2024-02-01 18:00'",
    f"SELECT series, count(*) {S} AND series IN ('duck/a/temp', 'duck/b/load') GROUP BY series",
    "SELECT s.zone, s.unit, count(*), max(t.value) FROM samples t JOIN series s ON s.series = t.series WHERE s.series LIKE 'duck/%' GROUP BY 1, 2",
    "SELECT s.labels->>'site' AS site, s.labels->>'kind' AS kind, avg(t.value) FROM samples t JOIN series s USING (series) WHERE s.labels->>'kind' = 'power' AND s.series LIKE 'duck/%' GROUP BY 1, 2",
    "SELECT s.series, m.high FROM series s LEFT JOIN (SELECT series, max(value) AS high FROM samples WHERE series LIKE 'duck/a%' GROUP BY series) m ON m.series = s.series WHERE s.series LIKE 'duck/%'",
    "SELECT a.time, a.value - b.value AS diff FROM samples a JOIN samples b ON a.time = b.time WHERE a.series = 'duck/a/temp' AND b.series = 'duck/b/temp' AND a.value > b.value + 8",
    f"WITH daily AS (SELECT series, date_trunc('day', time) AS d, avg(value) AS mean {S} GROUP BY 1, 2) SELECT series, min(mean), max(mean), count(*) FROM daily GROUP BY series",
    f"WITH a AS (SELECT series, max(value) AS high {S} GROUP BY 1), b AS (SELECT max(high) AS top FROM a) SELECT a.series, b.top - a.high FROM a, b",
    f"SELECT 'low' AS what, count(*) {S} AND value < 20 UNION ALL SELECT 'high', count(*) {S} AND value >= 20",
    f"SELECT sum(n) FROM (SELECT series, count(*) AS n {S} GROUP BY series HAVING avg(value) > 0) AS x",
    f"SELECT count(*) {S} AND value > (SELECT avg(value) {S})",
    f"SELECT count(*) {S} AND series IN (SELECT series FROM series WHERE unit = 'kW')",
    f"SELECT count(*) {S} AND EXISTS (SELECT 1 FROM series s WHERE s.series = samples.series AND s.zone = 'UTC')",
    f"SELECT floor(value) AS r, count(*) {S} AND value IS NOT NULL GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 5",
    f"SELECT upper(quality) || '-' || length(series)::text AS k, count(*) {S} GROUP BY 1",
    f"SELECT coalesce(value, raw_value, 0) > 20 AS warm, count(*) {S} GROUP BY 1",
    f"SELECT date_trunc('week', time) AS w, extract(isodow FROM time) AS d, count(*) {S} GROUP BY 1, 2",
    f"SELECT series, floor(value / 5) * 5 AS bin, count(*) {S} AND value IS NOT NULL GROUP BY 1, 2",
    f"SELECT DISTINCT date_trunc('month', time) {S} ORDER BY 1",
    f"SELECT greatest(value, 20), least(value, 20) {S} AND time < '2024-01-01 03:00:00+00'",
    f"SELECT series, count(*) AS n, avg(value) AS mean {S} GROUP BY series ORDER BY mean DESC NULLS LAST",
]


@pytest.mark.parametrize("sql", QUESTIONS, ids=range(len(QUESTIONS)))
def test_questions(both, sql):
    same(both, sql, ordered="ORDER BY" in sql and "LIMIT" in sql)


def test_a_bare_null_sorts_as_in_postgresql(both):
    client, _ = both
    values = [v for (v,) in sensors.rows(ask(client, "SELECT value FROM samples WHERE series = 'duck/a/temp' AND time < '2024-01-03' ORDER BY value"))]
    nulls = sum(v is None for v in values)
    assert nulls and values[-nulls:] == [None] * nulls
    assert values[:-nulls] == sorted(values[:-nulls])
    values = [v for (v,) in sensors.rows(ask(client, "SELECT value FROM samples WHERE series = 'duck/a/temp' AND time < '2024-01-03' ORDER BY value DESC"))]
    assert values[:nulls] == [None] * nulls


def test_duckdb_reads_a_stream_of_batches(both):
    client, db = both
    reader = client.do_get(fl.Ticket(f"SELECT series, value {S}".encode())).to_reader()
    got = db.execute("SELECT series, count(*), count(value) FROM reader GROUP BY 1 ORDER BY 1").fetchall()
    assert got == sensors.rows(ask(client, f"SELECT series, count(*), count(value) {S} GROUP BY 1 ORDER BY 1"))


def test_answers_are_the_same_with_summaries_and_without(both):
    client, _ = both
    off = fl.FlightCallOptions(headers=[(b"x-trellis-summaries", b"off")])
    for aggregate in ["count(*), count(value), sum(value), avg(value)", "min(value), max(value), min_by(time, value), max_by(time, value)", "stddev(value), var_pop(value)", "first(value), last(value), delta(value), increase(value)", "time_weighted_avg(value), integral(value), state_changes(value)", "good_pct(quality), good_duration(quality)"]:
        for bucket in ["time_bucket('1 month', time)", "time_bucket('1 day', time, 'America/Santiago')", "time_bucket('1 hour', time, 'Asia/Kolkata')", "series"]:
            sql = f"SELECT series AS s, {bucket} AS b, {aggregate} {S} GROUP BY 1, 2 ORDER BY 1, 2"
            assert ask(client, sql).equals(ask(client, sql, off)), sql
