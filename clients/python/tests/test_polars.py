"""polars over ADBC and over Arrow."""

import datetime as dt
import math

import polars as pl
import pyarrow.flight as fl

from sensors import YEAR, ask, create

UTC = dt.timezone.utc


def test_read_database_pulls_a_sensor(conn, year):
    got = pl.read_database("SELECT time, value, quality FROM samples WHERE series = 'year/santiago/pv' ORDER BY time", conn)
    want = year["year/santiago/pv"]
    assert got.schema == {"time": pl.Datetime("us", "UTC"), "value": pl.Float64, "quality": pl.String}
    assert got["value"].to_list() == [None if math.isnan(x) else x for x in want["value"]]
    assert got["quality"].to_list() == want["quality"].tolist()


def test_read_database_takes_parameters(conn, year):
    got = pl.read_database(
        "SELECT series, count(*) AS n FROM samples WHERE series LIKE $1 AND time >= $2 GROUP BY 1 ORDER BY 1",
        conn,
        execute_options={"parameters": ("year/%", dt.datetime(2024, 7, 1, tzinfo=UTC))},
    )
    assert got.rows() == sorted((name, int((frame.index >= "2024-07-01T00:00:00+00:00").sum())) for name, frame in year.items())


def test_monthly_means_in_berlin_are_those_of_polars(conn, client, year):
    ours = pl.read_database(
        """SELECT series, local_bucket('1 month', time, 'Europe/Berlin') AS month, count(value) AS n, avg(value) AS mean, stddev(value) AS sd, min(value) AS low, max(value) AS high,
        first(value) AS first, last(value) AS last FROM samples WHERE series LIKE 'year/%' AND value IS NOT NULL GROUP BY 1, 2 ORDER BY 1, 2""",
        conn,
    )
    raw = pl.from_arrow(ask(client, "SELECT series, time, value FROM samples WHERE series LIKE 'year/%' AND value IS NOT NULL"))
    theirs = (
        raw.sort("series", "time")
        .with_columns(month=pl.col("time").dt.convert_time_zone("Europe/Berlin").dt.truncate("1mo").dt.replace_time_zone(None))
        .group_by("series", "month")
        .agg(
            n=pl.len().cast(pl.Int64), mean=pl.col("value").mean(), sd=pl.col("value").std(), low=pl.col("value").min(), high=pl.col("value").max(),
            first=pl.col("value").first(), last=pl.col("value").last(),
        )
        .sort("series", "month")
    )
    exact = ["series", "month", "n", "low", "high", "first", "last"]
    assert ours.select(exact).equals(theirs.select(exact))
    for column in ["mean", "sd"]:
        assert all(math.isclose(a, b, rel_tol=1e-11) for a, b in zip(ours[column], theirs[column]))
    assert ours.height == sum(1 for _ in YEAR) * 14 + 5  # 14 whole months, and the hours of 1 February 2025 there


def test_a_frame_is_written_and_read_back(server, conn):
    create(server, "polars/written", sample_t="1 second")
    frame = pl.DataFrame(
        {"series": ["polars/written"] * 1000, "time": [dt.datetime(2024, 1, 1, tzinfo=UTC) + dt.timedelta(seconds=i) for i in range(1000)], "value": [i / 3 for i in range(1000)]}
    )
    assert frame.write_database("samples", conn, if_table_exists="append", engine="adbc") == 1000
    got = pl.read_database("SELECT series, time, value FROM samples WHERE series = 'polars/written' ORDER BY time", conn)
    assert got.equals(frame.with_columns(pl.col("time").cast(pl.Datetime("us", "UTC"))))


def test_categorical_columns_are_taken_in(server, client):
    from sensors import put, rows

    create(server, "polars/categorical")
    frame = pl.DataFrame({"series": ["polars/categorical"] * 3, "time": [dt.datetime(2024, 1, 1, 0, i, tzinfo=UTC) for i in range(3)], "value": [1.0, 2.0, 3.0]})
    put(client, frame.with_columns(pl.col("series").cast(pl.Categorical)).to_arrow())
    assert rows(ask(client, "SELECT sum(value) FROM samples WHERE series = 'polars/categorical'")) == [(6.0,)]


def test_batches_stream_into_polars(server, year):
    with fl.connect(server.uri) as client:
        reader = client.do_get(fl.Ticket(b"SELECT series, value FROM samples WHERE series LIKE 'year/%'"))
        counts = pl.concat([pl.from_arrow(chunk.data).group_by("series").len() for chunk in reader]).group_by("series").agg(pl.col("len").sum())
    assert dict(counts.rows()) == {name: len(frame) for name, frame in year.items()}
