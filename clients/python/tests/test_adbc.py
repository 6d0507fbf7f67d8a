"""ADBC (`adbc-driver-flightsql`): the way in for the Python DB-API, pandas, polars and DuckDB."""

import datetime as dt
import threading
import time

import adbc_driver_flightsql
import adbc_driver_flightsql.dbapi as adbc
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from sensors import create

UTC = dt.timezone.utc
BASE = dt.datetime(2024, 6, 1, tzinfo=UTC)


def count(cur, name):
    cur.execute("SELECT count(*) FROM samples WHERE series = $1", (name,))
    return cur.fetchone()[0]


def test_it_connects_and_selects(cur):
    cur.execute("SELECT 1 AS one, 'two' AS two")
    assert [d[0] for d in cur.description] == ["one", "two"]
    assert cur.fetchone() == (1, "two")
    assert cur.fetchone() is None


PARAMETERS = [
    ("bigint", 2**62, "$1::bigint", 2**62),
    ("negative", -5, "$1::bigint + 1", -4),
    ("double", 0.1, "$1::double precision", 0.1),
    ("text", "it's ü", "$1::text", "it's ü"),
    ("empty text", "", "$1::text", ""),
    ("boolean", True, "$1::boolean", True),
    ("null", None, "$1::double precision", None),
    ("timestamptz", BASE, "$1::timestamptz", BASE),
    ("other zone", dt.datetime(2024, 6, 1, 5, 30, tzinfo=dt.timezone(dt.timedelta(hours=5, minutes=30))), "$1::timestamptz", BASE),
    ("timestamp", dt.datetime(2024, 6, 1, 12, 0, 0, 1), "$1::timestamp", dt.datetime(2024, 6, 1, 12, 0, 0, 1)),
    ("date", dt.date(2024, 2, 29), "$1::date", dt.date(2024, 2, 29)),
    ("time", dt.time(23, 59, 59), "$1::time", dt.time(23, 59, 59)),
    ("duration", dt.timedelta(hours=1, seconds=1), "$1::interval", pa.MonthDayNano([0, 0, 3601 * 10**9])),
    ("text as number", "42", "$1::bigint", 42),
    ("text as instant", "2024-06-01 00:00+00", "$1::timestamptz", BASE),
]


@pytest.mark.parametrize("value, expression, expected", [p[1:] for p in PARAMETERS], ids=[p[0] for p in PARAMETERS])
def test_a_parameter_of_every_type_comes_back(cur, value, expression, expected):
    cur.execute(f"SELECT {expression} AS x", (value,))
    assert cur.fetch_arrow_table()["x"].to_pylist() == [expected]


def test_the_type_of_a_parameter_follows_from_where_it_stands(server, cur):
    create(server, "adbc/where")
    cur.execute("INSERT INTO samples (series, time, value) VALUES ($1, $2, $3)", ("adbc/where", BASE, 1.5))
    cur.execute("SELECT value FROM samples WHERE series = $1 AND time >= $2 AND time < $3 AND value > $4", ("adbc/where", BASE, BASE + dt.timedelta(days=1), 1))
    assert cur.fetchall() == [(1.5,)]
    cur.execute("SELECT value FROM samples WHERE series = $1 AND time >= $2", ("adbc/where", "2024-06-01"))
    assert cur.fetchall() == [(1.5,)]


def test_parameters_may_be_used_twice_and_in_any_order(cur):
    cur.execute("SELECT $2::text || $1::text || $2::text", ("a", "b"))
    assert cur.fetchone() == ("bab",)


def test_too_few_and_too_many_parameters_are_refused(cur):
    for given in [(), (1,), (1, 2, 3)]:
        with pytest.raises(adbc.Error):
            cur.execute("SELECT $1::bigint + $2::bigint", given)
            cur.fetchall()


def test_the_schemas_of_a_statement_are_known_before_it_runs(server, conn, cur):
    schema = cur.adbc_prepare("SELECT value FROM samples WHERE series = $1 AND time >= $2 AND value < $3")
    assert [f.type for f in schema] == [pa.string(), pa.timestamp("us", "UTC"), pa.float64()]
    assert cur.adbc_execute_schema("SELECT series, avg(value) AS mean FROM samples GROUP BY 1") == pa.schema([("series", pa.string()), ("mean", pa.float64())])


def test_execute_reports_how_many_rows_were_written(server, cur):
    create(server, "adbc/rowcount")
    cur.execute("INSERT INTO samples (series, time, value) VALUES ('adbc/rowcount', '2024-01-01 00:00+00', 1), ('adbc/rowcount', '2024-01-01 00:01+00', 2)")
    assert cur.rowcount == 2
    cur.execute("UPDATE series SET unit = 'bar' WHERE series = $1", ("adbc/rowcount",))
    assert cur.rowcount == 1
    cur.execute("SELECT unit FROM series WHERE series = 'adbc/rowcount'")
    assert cur.fetchall() == [("bar",)]


def test_executemany_inserts_a_row_for_each_tuple(server, cur):
    create(server, "adbc/many")
    given = [("adbc/many", BASE + dt.timedelta(minutes=i), float(i) if i % 10 else None) for i in range(100)]
    cur.executemany("INSERT INTO samples (series, time, value) VALUES ($1, $2, $3)", given)
    cur.execute("SELECT series, time, value FROM samples WHERE series = 'adbc/many' ORDER BY time")
    assert cur.fetchall() == given


def test_executemany_takes_arrow_tables(server, cur):
    create(server, "adbc/many-arrow")
    table = pa.table({"series": ["adbc/many-arrow"] * 3, "time": pa.array([BASE + dt.timedelta(minutes=i) for i in range(3)], pa.timestamp("ns", "UTC")), "value": [1, 2, 3]})
    cur.executemany("INSERT INTO samples (series, time, value) VALUES ($1, $2, $3)", table)
    assert count(cur, "adbc/many-arrow") == 3


@pytest.mark.parametrize("shape", ["table", "batch", "reader", "pandas", "polars"])
def test_adbc_ingest_appends(server, cur, shape):
    name = f"adbc/ingest/{shape}"
    create(server, name)
    times = [BASE + dt.timedelta(minutes=i) for i in range(1000)]
    table = pa.table({"series": [name] * 1000, "time": pa.array(times, pa.timestamp("us", "UTC")), "value": [i / 4 for i in range(1000)]})
    data = {
        "table": lambda: table,
        "batch": lambda: table.to_batches()[0],
        "reader": lambda: table.to_reader(100),
        "pandas": lambda: pa.Table.from_pandas(pd.DataFrame({"series": name, "time": times, "value": [i / 4 for i in range(1000)]}), preserve_index=False),
        "polars": lambda: pl.from_arrow(table).to_arrow(),
    }[shape]()
    assert cur.adbc_ingest("samples", data, mode="append") == 1000
    cur.execute("SELECT count(*), sum(value), min(time), max(time) FROM samples WHERE series = $1", (name,))
    assert cur.fetchone() == (1000, sum(i / 4 for i in range(1000)), times[0], times[-1])


def test_adbc_ingest_creates_series_rows(cur):
    table = pa.table({"series": ["adbc/bulk/a", "adbc/bulk/b"], "type": ["double", "text"], "sample_t": ["1 second", "1 hour"], "zone": ["Europe/Berlin", None]})
    assert cur.adbc_ingest("series", table, mode="append") == 2
    cur.execute("SELECT series, type, sample_t::text, zone FROM series WHERE series LIKE 'adbc/bulk/%' ORDER BY 1")
    assert cur.fetchall() == [("adbc/bulk/a", "double", "00:00:01", "Europe/Berlin"), ("adbc/bulk/b", "text", "01:00:00", "UTC")]


def test_adbc_ingest_in_other_modes_and_tables_is_refused(server, cur):
    table = pa.table({"series": ["x"], "time": pa.array([BASE], pa.timestamp("us", "UTC")), "value": [1.0]})
    for name, mode in [("samples", "create"), ("samples", "replace"), ("nonsense", "append"), ("nonsense", "create")]:
        with pytest.raises(adbc.Error):
            cur.adbc_ingest(name, table, mode=mode)


def test_fetching_in_every_shape(cur):
    sql = "SELECT n, n / 2.0 AS half, CASE WHEN n % 2 = 0 THEN 'even' END AS parity FROM generate_series(1, 4) AS g(n)"
    expected = [(1, 0.5, None), (2, 1.0, "even"), (3, 1.5, None), (4, 2.0, "even")]
    cur.execute(sql)
    assert cur.fetchall() == expected
    cur.execute(sql)
    assert cur.fetchmany(3) == expected[:3] and cur.fetchone() == expected[3]
    cur.execute(sql)
    assert list(zip(*cur.fetch_arrow_table().to_pydict().values())) == expected
    cur.execute(sql)
    frame = cur.fetch_df()
    assert frame["half"].tolist() == [0.5, 1.0, 1.5, 2.0] and frame["parity"].isna().tolist() == [True, False, True, False]
    cur.execute(sql)
    assert cur.fetch_polars().rows() == expected
    cur.execute(sql)
    assert sum(batch.num_rows for batch in cur.fetch_record_batch()) == 4


def test_info_names_the_product(conn):
    info = conn.adbc_get_info()
    assert info["vendor_name"].lower() == "trellis"
    assert info["vendor_version"]
    assert info["driver_name"].startswith("ADBC Flight SQL")


def test_table_types(conn):
    assert "TABLE" in conn.adbc_get_table_types()


def objects(conn, **filters):
    """catalog → schema → table → columns."""
    out = {}
    for catalog in conn.adbc_get_objects(**filters).read_all().to_pylist():
        schemas = out.setdefault(catalog["catalog_name"], {})
        for schema in catalog["catalog_db_schemas"] or []:
            tables = schemas.setdefault(schema["db_schema_name"], {})
            for table in schema["db_schema_tables"] or []:
                tables[table["table_name"]] = [c["column_name"] for c in table["table_columns"] or []]
    return out


def test_objects_by_depth_and_filter(conn):
    everything = objects(conn)
    assert list(everything) == ["trellis"]
    assert {"public", "system"} <= set(everything["trellis"])
    assert {"samples", "series", "edits"} <= set(everything["trellis"]["public"])
    assert {"segments", "blocks", "snapshots", "functions", "settings", "queries"} <= set(everything["trellis"]["system"])
    assert everything["trellis"]["public"]["samples"][:5] == ["series", "time", "value", "int_value", "text"]
    assert objects(conn, depth="catalogs") == {"trellis": {}}
    assert set(objects(conn, depth="db_schemas")["trellis"]) == set(everything["trellis"])
    assert objects(conn, depth="tables")["trellis"]["public"]["samples"] == []
    assert list(objects(conn, table_name_filter="sam%")["trellis"]["public"]) == ["samples"]
    assert set(objects(conn, db_schema_filter="sys%")["trellis"]) == {"system"}


def test_the_schema_of_a_table_is_that_of_its_rows(conn, cur):
    for table, schema in [("samples", "public"), ("series", "public"), ("edits", "public"), ("segments", "system"), ("queries", "system")]:
        known = conn.adbc_get_table_schema(table, db_schema_filter=schema)
        cur.execute(f"SELECT * FROM {schema}.{table} LIMIT 0")
        got = cur.fetch_arrow_table().schema
        assert [(f.name, f.type) for f in known] == [(f.name, f.type) for f in got]
    with pytest.raises(adbc.Error):
        conn.adbc_get_table_schema("nonsense")


ERRORS = [
    ("SELECT nonsense FROM samples", "42703", "character 8"),
    ("SELECT value\nFROM smaples", "42P01", "character 19"),
    ("SELEC 1", "42601", "character 1"),
    ("SELECT (1", "42601", None),
    ("SELECT 1 / 0", "22012", "character 10"),
    ("SELECT 'x'::double precision", "22P02", "character 8"),
    ("SELECT value FROM samples WHERE time > 'yesterdey'", "22007", "character 40"),
    ("SELECT time_bucket('1 day', time, 'Mars/Olympus') FROM samples", "22023", "character 35"),
    ("SELECT series, avg(value) FROM samples", "42803", "character 8"),
    ("SELECT nonsense(1)", "42883", "character 8"),
    ("DROP TABLE samples", "0A000", None),
    ("INSERT INTO series (series, type, sample_t) VALUES ('adbc/zero', 'double', '0 seconds')", "22023", None),
    ("INSERT INTO samples (series, time, value) VALUES ('adbc/nobody', now(), 1)", "42704", "character 51"),
    ("SET nonsense = 1", "42704", None),
    ("SELECT 1; SELECT 2", "42601", None),
]


@pytest.mark.parametrize("sql, state, place", ERRORS, ids=[e[0][:40].replace("\n", " ") for e in ERRORS])
def test_an_error_has_its_sqlstate_and_position(cur, sql, state, place):
    with pytest.raises(adbc.Error) as raised:
        cur.execute(sql)
        cur.fetchall()
    message = str(raised.value)
    assert state in message, message
    if place:
        place = int(place.split()[1])
        assert f"character {place}" in message or caret(message, sql) == place, message
    cur.execute("SELECT 1")
    assert cur.fetchone() == (1,)


def caret(message, sql):
    """The position in the statement that the line with the caret points at, counted from 1."""
    lines = message.split("\n")
    for above, line in zip(lines, lines[1:]):
        if line.split()[:1] == ["^"] and above.startswith("LINE "):
            head, _, text = above.partition(": ")
            before = sum(len(s) + 1 for s in sql.split("\n")[: int(head[5:]) - 1])
            return before + line.index("^") - len(head) - 2 + 1
    return None


def test_constraint_errors_are_integrity_errors_or_say_so(server, cur):
    create(server, "adbc/duplicate")
    with pytest.raises(adbc.Error, match="23505"):
        cur.execute("INSERT INTO series (series, type, sample_t) VALUES ('adbc/duplicate', 'double', '1 second')")


def test_transactions_are_refused_clearly(server):
    with pytest.warns(Warning, match="autocommit"), pytest.raises(adbc.Error, match="(?i)transaction|autocommit"):
        with adbc.connect(server.uri) as conn:
            conn.adbc_connection.set_autocommit(False)
            conn.commit()


def test_connections_without_autocommit_work_for_reading(server):
    """pandas and polars open connections without asking for autocommit."""
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with adbc.connect(server.uri) as conn, conn.cursor() as cur:
            cur.execute("SELECT 1")
            assert cur.fetchone() == (1,)


ENDLESS = "SELECT count(*) FROM generate_series(1, 100000) AS a(x), generate_series(1, 100000) AS b(y) WHERE x * y % 11 = 3"


def test_a_running_statement_is_cancelled(server, conn):
    with conn.cursor() as cur:
        timer = threading.Timer(0.5, cur.adbc_cancel)
        timer.start()
        began = time.monotonic()
        with pytest.raises(adbc.Error, match="(?i)cancel"):
            cur.execute(ENDLESS)
            cur.fetchall()
        assert time.monotonic() - began < 30
    with conn.cursor() as cur:
        for _ in range(100):
            cur.execute("SELECT count(*) FROM system.queries WHERE statement LIKE '%% 11 = 3'")
            if cur.fetchone() == (0,):
                break
            time.sleep(0.1)
        else:
            raise AssertionError("the statement still runs ten seconds after it was cancelled")


def test_reading_half_of_a_result_and_leaving_is_fine(conn):
    for _ in range(3):
        with conn.cursor() as cur:
            cur.execute("SELECT n FROM generate_series(1, 2000000) AS g(n)")
            assert cur.fetchone() == (1,)
    with conn.cursor() as cur:
        cur.execute("SELECT 1")
        assert cur.fetchone() == (1,)


def test_sessions_keep_settings_in_a_cookie(server):
    options = {adbc_driver_flightsql.DatabaseOptions.WITH_COOKIE_MIDDLEWARE.value: "true"}
    with adbc.connect(server.uri, db_kwargs=options, autocommit=True) as conn, conn.cursor() as cur:
        cur.execute("SET timezone = 'Asia/Kolkata'")
        cur.execute("SELECT current_setting('timezone'), timestamptz '2024-01-01 00:00'")
        assert cur.fetchone() == ("Asia/Kolkata", dt.datetime(2023, 12, 31, 18, 30, tzinfo=UTC))
    with adbc.connect(server.uri, db_kwargs=options, autocommit=True) as conn, conn.cursor() as cur:
        cur.execute("SHOW timezone")
        assert cur.fetchone() == ("UTC",)


def test_session_options_are_set_and_read(server):
    options = {adbc_driver_flightsql.DatabaseOptions.WITH_COOKIE_MIDDLEWARE.value: "true"}
    prefix = adbc_driver_flightsql.ConnectionOptions.OPTION_SESSION_OPTION_PREFIX.value
    with adbc.connect(server.uri, db_kwargs=options, autocommit=True) as conn:
        conn.adbc_connection.set_options(**{prefix + "timezone": "Europe/Berlin"})
        assert conn.adbc_connection.get_option(prefix + "timezone") == "Europe/Berlin"
        with conn.cursor() as cur:
            cur.execute("SHOW timezone")
            assert cur.fetchone() == ("Europe/Berlin",)
        with pytest.raises(adbc.Error):
            conn.adbc_connection.set_options(**{prefix + "timezone": "Mars/Olympus"})


def test_headers_of_a_connection_set_it_up(server):
    header = adbc_driver_flightsql.DatabaseOptions.RPC_CALL_HEADER_PREFIX.value + "x-trellis-timezone"
    with adbc.connect(server.uri, db_kwargs={header: "Asia/Tokyo"}, autocommit=True) as conn, conn.cursor() as cur:
        cur.execute("SHOW timezone")
        assert cur.fetchone() == ("Asia/Tokyo",)


def test_partitions_can_be_read_by_another_connection(server, conn):
    with conn.cursor() as cur:
        partitions, schema = cur.adbc_execute_partitions("SELECT n FROM generate_series(1, 10) AS g(n)")
        assert schema == pa.schema([("n", pa.int64())])
    with adbc.connect(server.uri, autocommit=True) as other:
        seen = []
        for partition in partitions:
            with other.cursor() as cur:
                cur.adbc_read_partition(partition)
                seen += [n for (n,) in cur.fetchall()]
        assert sorted(seen) == list(range(1, 11))
