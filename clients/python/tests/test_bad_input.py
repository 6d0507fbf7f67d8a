"""What goes wrong outside: each mistake gets one clear error, and the server lives on."""

import datetime as dt
import json
import os
import socket
import subprocess
import uuid

import adbc_driver_flightsql.dbapi as adbc
import pyarrow as pa
import pyarrow.flight as fl
import pytest

from sensors import SAMPLES, ask, create, put, rows
from server import Refused, Server

UTC = dt.timezone.utc
BASE = dt.datetime(2024, 5, 1, tzinfo=UTC)
US = pa.timestamp("us", "UTC")


@pytest.fixture
def lives(server, client):
    """Fails the test when the server does not answer after it, or when it hit a bug of its own."""
    begin = server.log.stat().st_size
    yield
    assert server.alive, server.said(begin)
    assert rows(ask(client, "SELECT 1")) == [(1,)]
    said = server.said(begin)
    assert "panic" not in said and "goroutine" not in said, said


pytestmark = pytest.mark.usefixtures("lives")


@pytest.fixture
def name(server):
    """A series of the test's own."""
    made = f"bad/{uuid.uuid4()}"
    create(server, made)
    return made


def long(name, value=(1.0,), time=(BASE,), **more):
    columns = {"series": [name] * len(value), "time": pa.array(time, US), "value": pa.array(value), **more}
    return pa.record_batch(columns)


def refused(client, batches, *words, options=None, descriptor=SAMPLES):
    """Sends batches that have to be refused; checks the one error."""
    with pytest.raises((pa.ArrowException, KeyError)) as raised:
        put(client, batches, options, descriptor)
    message = str(raised.value)
    for word in words:
        assert word in message, message
    assert "goroutine" not in message and len(message) < 4000, message
    return message


def statement_refused(server, sql, *words):
    with adbc.connect(server.uri, autocommit=True) as conn, conn.cursor() as cur:
        with pytest.raises(adbc.Error) as raised:
            cur.execute(sql)
            cur.fetchall()
    for word in words:
        assert word in str(raised.value), raised.value


def empty(client, name):
    return rows(ask(client, f"SELECT count(*) FROM samples WHERE series = '{name}'")) == [(0,)]


def test_unknown_series(server, client, name):
    refused(client, [long("bad/nobody")], "bad/nobody", "does not exist", "42704", "hint")
    refused(client, [pa.record_batch({"time": pa.array([BASE], US), name: [1.0], "bad/nobody": [1.0]})], "bad/nobody")
    assert empty(client, name)
    statement_refused(server, "INSERT INTO samples (series, time, value) VALUES ('bad/nobody', now(), 1)", "bad/nobody", "42704")
    assert rows(ask(client, "SELECT count(*) FROM samples WHERE series = 'bad/nobody'")) == [(0,)]


def test_unknown_column(server, client, name):
    refused(client, [long(name, temperature=[1.0])], "temperature", "42703")
    refused(client, [pa.record_batch({"series": [name], "value": [1.0]})], "time")
    refused(client, [pa.record_batch({"series": [name], "time": pa.array([BASE], US)})], "value")
    statement_refused(server, "SELECT temperature FROM samples", "temperature", "42703")
    statement_refused(server, f"INSERT INTO samples (series, time, temperature) VALUES ('{name}', now(), 1)", "temperature", "42703")
    assert empty(client, name)


def test_wrong_type(server, client, name):
    refused(client, [long(name, ["warm"])], name, "type")
    refused(client, [pa.record_batch({"series": [name], "time": ["2024-05-01"], "value": [1.0]})], "time")
    refused(client, [pa.record_batch({"series": pa.array([7]), "time": pa.array([BASE], US), "value": [1.0]})], "series")
    refused(client, [pa.record_batch({"series": [name], "time": pa.array([BASE], US), "value": pa.array([[1.0]])})], "value")
    refused(client, [long(name, status=pa.array([1.5]))], "status")
    refused(client, [long(name, quality=["excellent"])], "excellent", "good, uncertain or bad")
    refused(client, [long(name, status=pa.array([2**40]))], "status")
    create(server, name + "/int", "integer")
    refused(client, [long(name + "/int", [1.5])], name + "/int")
    create(server, name + "/bool", "boolean")
    refused(client, [long(name + "/bool", [7])], name + "/bool")
    create(server, name + "/enum", "enum", states='["off","on"]')
    refused(client, [long(name + "/enum", ["sleepy"])], "sleepy")
    refused(client, [long(name + "/enum", [2])], name + "/enum")
    statement_refused(server, f"INSERT INTO samples (series, time, value) VALUES ('{name}', now(), true)", "42804")
    assert empty(client, name)


@pytest.mark.parametrize("year", [-1, 0, 10000, 200000])
def test_a_time_out_of_range(client, name, year):
    micros = (year - 1970) * 31_556_952 * 1_000_000
    batch = pa.record_batch({"series": [name] * 2, "time": pa.array([0, micros], pa.int64()).cast(US), "value": [1.0, 2.0]})
    refused(client, [batch], "row 2", "22008")
    assert empty(client, name)


def test_a_time_that_overflows_its_unit(client, name):
    for unit in ["s", "ms"]:
        batch = pa.record_batch({"series": [name], "time": pa.array([2**62], pa.int64()).cast(pa.timestamp(unit, "UTC")), "value": [1.0]})
        refused(client, [batch], "row 1")
    assert empty(client, name)


def test_a_time_that_is_null(client, name):
    refused(client, [long(name, [1.0, 2.0], [BASE, None])], "row 2", "time")
    assert empty(client, name)


def test_a_series_that_is_null(client, name):
    refused(client, [pa.record_batch({"series": [name, None], "time": pa.array([BASE, BASE], US), "value": [1.0, 2.0]})], "row 2", "series")
    assert empty(client, name)


def test_nan_is_stored_as_no_value(client, name):
    put(client, [long(name, [float("nan")])])
    assert rows(ask(client, f"SELECT value, raw_value, quality, count(*) FROM samples WHERE series = '{name}' GROUP BY 1, 2, 3")) == [(None, None, "bad", 1)]


@pytest.mark.parametrize("value", [float("inf"), float("-inf"), 1e300])
def test_infinities_and_giants_are_refused(client, name, value):
    refused(client, [long(name, [1.0, value], [BASE, BASE + dt.timedelta(minutes=1)])], "row 2", "22003", name)
    assert empty(client, name)


@pytest.mark.parametrize(
    "attributes, word",
    [
        ("'double', '0 seconds', 'UTC'", "period"),
        ("'double', '-1 second', 'UTC'", "period"),
        ("'double', '1 month 1 hour', 'UTC'", ""),
        ("'double', '1000 years', 'UTC'", ""),
        ("'double', '1 second', 'Europe/Berln'", "Europe/Berlin"),
        ("'double', '1 second', '../../etc/passwd'", "zone"),
        ("'complex', '1 second', 'UTC'", "complex"),
        ("NULL, '1 second', 'UTC'", "type"),
    ],
)
def test_a_series_that_cannot_be(server, client, attributes, word):
    statement_refused(server, f"INSERT INTO series (series, type, sample_t, zone) VALUES ('bad/made', {attributes})", word)
    assert rows(ask(client, "SELECT count(*) FROM series WHERE series = 'bad/made'")) == [(0,)]


@pytest.mark.parametrize("more", ["block_n", "low", "labels", "interpolation", "label", "codec", "states"])
def test_attributes_that_cannot_be(server, client, more):
    value = {"block_n": "-5", "low": "'NaN'", "labels": "'{'", "interpolation": "'cubic'", "label": "'middle'", "codec": "'magic'", "states": "'[1]'"}[more]
    statement_refused(server, f"INSERT INTO series (series, type, sample_t, {more}) VALUES ('bad/made', 'double', '1 second', {value})")
    assert rows(ask(client, "SELECT count(*) FROM series WHERE series = 'bad/made'")) == [(0,)]


def test_series_names_that_cannot_be(server):
    for bad in ["", "x" * 100_000, "a\nb"]:
        statement_refused(server, "INSERT INTO series (series, type, sample_t) VALUES (E'" + bad.replace("\n", "\\n") + "', 'double', '1 second')")


def test_a_duplicate_series_is_refused_and_the_others_of_the_statement_too(server, client, name):
    statement_refused(server, f"INSERT INTO series (series, type, sample_t) VALUES ('{name}/new', 'double', '1 second'), ('{name}', 'double', '1 second')", "23505", name)
    assert rows(ask(client, f"SELECT count(*) FROM series WHERE series = '{name}/new'")) == [(0,)]


def test_an_unknown_zone_in_a_question_or_a_setting(server, client):
    statement_refused(server, "SELECT time_bucket('1 day', time, 'Mars/Olympus') FROM samples", "Mars/Olympus", "22023")
    statement_refused(server, "SET timezone = 'Mars/Olympus'", "Mars/Olympus", "22023")
    for header in [b"x-trellis-timezone", b"x-trellis-zone"]:
        options = fl.FlightCallOptions(headers=[(header, b"Mars/Olympus")])
        refused(client, [long("bad/nobody")], "Mars/Olympus", options=options)


def test_a_batch_that_breaks_half_way(server, client, name):
    """What was acknowledged stays, the broken batch is gone as a whole, the error names it."""
    schema = long(name).schema
    writer, reader = client.do_put(SAMPLES, schema)
    times = [BASE + dt.timedelta(minutes=i) for i in range(4)]
    writer.write_batch(long(name, [1.0, 2.0], times[:2]))
    assert json.loads(reader.read().to_pybytes())["rows"] == 2
    writer.write_batch(long(name, [3.0, float("inf")], times[2:]))
    with pytest.raises(pa.ArrowException, match="batch 2.*row 2"):
        writer.done_writing()
        while reader.read() is not None:
            pass
        writer.close()
    assert rows(ask(client, f"SELECT time, value FROM samples WHERE series = '{name}' ORDER BY time")) == [(times[0], 1.0), (times[1], 2.0)]


def test_a_client_that_vanishes_half_way(server, client, name):
    """A raw connection that is cut in the middle of a message leaves nothing behind and nothing hanging."""
    code = f"""
import os, pyarrow as pa, pyarrow.flight as fl
c = fl.connect({server.uri!r})
schema = pa.schema([('series', pa.string()), ('time', pa.timestamp('us', 'UTC')), ('value', pa.float64())])
w, r = c.do_put(fl.FlightDescriptor.for_path('samples'), schema)
n = 400_000
w.write_batch(pa.record_batch([[{name!r}], pa.array([0], schema.field(1).type), [1.0]], schema=schema))
r.read()
w.write_batch(pa.record_batch([[{name!r}] * n, pa.array(range(60_000_000, 60_000_000 * (n + 1), 60_000_000), schema.field(1).type), [2.0] * n], schema=schema))
os._exit(9)
"""
    import sys

    done = subprocess.run([sys.executable, "-c", code], check=False)
    assert done.returncode == 9
    stored = rows(ask(client, f"SELECT count(*) FROM samples WHERE series = '{name}'"))[0][0]
    assert stored in (1, 400_001)


def test_noise_on_the_port(server):
    for noise in [b"GET / HTTP/1.1\r\n\r\n", b"\x00" * 4096, os.urandom(4096), b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + os.urandom(512)]:
        with socket.create_connection(("127.0.0.1", server.port), timeout=10) as s:
            s.sendall(noise)


def test_a_descriptor_that_leads_nowhere(client, name):
    for path in [("nonsense",), ("samples", "x"), ("series",), ()]:
        refused(client, [long(name)], descriptor=fl.FlightDescriptor.for_path(*path))
    refused(client, [long(name)], descriptor=fl.FlightDescriptor.for_command(b"samples"))
    assert empty(client, name)


def test_options_that_make_no_sense(client, name):
    for header, value, word in [(b"x-trellis-template", b"{", "template"), (b"x-trellis-template", b'{"type": "complex"}', "complex"), (b"x-trellis-columns", b"[]", "columns")]:
        refused(client, [long(name)], word, options=fl.FlightCallOptions(headers=[(header, value)]))
    template = fl.FlightCallOptions(headers=[(b"x-trellis-template", b'{"type": "double"}')])
    refused(client, [long(name + "/new")], "sample_t", options=template)
    assert empty(client, name)


def test_two_columns_of_one_name(client, name):
    batch = pa.RecordBatch.from_arrays([pa.array([name]), pa.array([BASE], US), pa.array([1.0]), pa.array([2.0])], ["series", "time", "value", "value"])
    refused(client, [batch], "value")
    assert empty(client, name)


@pytest.mark.parametrize(
    "sql, words",
    [
        ("SELEC 1", ["42601"]),
        ("SELECT FROM WHERE", ["42601"]),
        ("SELECT 'open", ["42601"]),
        ("SELECT $1", ["parameter"]),
        ("SELECT value FROM samples GROUP BY series", ["42803"]),
        ("SELECT sum(sum(value)) FROM samples", ["42803"]),
        ("SELECT value FROM samples WHERE sum(value) > 1", ["42803"]),
        ("SELECT 1 UNION ALL SELECT 1, 2", ["42601"]),
        ("SELECT * FROM samples a JOIN samples b USING (nonsense)", ["42703"]),
        ("SELECT series FROM samples a, samples b", ["42702"]),
        ("SELECT 1 LIMIT -1", ["2201W"]),
        ("SELECT 'a' + 1", ["22P02"]),
        ("SELECT (SELECT n FROM generate_series(1, 2) AS g(n))", ["21000"]),
        ("SELECT 9223372036854775807 + 1", ["22003"]),
        ("CREATE TABLE t (a int)", ["0A000"]),
        ("BEGIN", ["0A000"]),
        ("DELETE FROM series", ["42501", "cannot delete from series"]),
        ("UPDATE series SET series = NULL WHERE series = 'year/x'", []),
        ("COPY samples FROM '/etc/passwd'", ["0A000"]),
        ("SELECT pg_read_file('/etc/passwd')", ["42883"]),
        ("SELECT " + "(" * 5000 + "1" + ")" * 5000, []),
        ("SELECT " + " + ".join(["1"] * 50_000), []),
        ("SELECT 1" + " " * 1_000_000 + "nonsense nonsense", ["42601"]),
        ("SELECT '\x01\x02", ["42601"]),
    ],
    ids=lambda x: x[:40] if isinstance(x, str) else "",
)
def test_statements_that_cannot_be(server, sql, words):
    if sql.startswith(("UPDATE series", "SELECT (((((", "SELECT 1 + 1 + 1")):
        # These may be refused or answered; what counts is that the server survives them.
        with adbc.connect(server.uri, autocommit=True) as conn, conn.cursor() as cur:
            try:
                cur.execute(sql)
                cur.fetchall()
            except adbc.Error as e:
                assert "internal error" not in str(e).lower()
        return
    statement_refused(server, sql, *words)


def test_a_statement_that_wants_too_much_memory_is_refused(fresh):
    fresh.flags = ("--memory-limit", "256MiB")
    fresh.start()
    with adbc.connect(fresh.uri, autocommit=True) as conn, conn.cursor() as cur:
        with pytest.raises(adbc.Error, match="53200|memory"):
            cur.execute("SELECT x FROM (SELECT repeat(n::text, 100) AS x FROM generate_series(1, 20000000) AS g(n)) AS t ORDER BY x DESC")
            cur.fetchall()
        cur.execute("SELECT 1")
        assert cur.fetchone() == (1,)
    fresh.stop()


def test_a_second_server_on_the_directory_is_refused_and_the_first_lives_on(server, binary):
    second = Server(binary, server.data)
    second.log = server.log.with_suffix(".second")
    with pytest.raises(Refused) as raised:
        second.start()
    assert raised.value.code == 1
    said = raised.value.output.strip()
    assert said.count("\n") == 0 and str(server.data) in said, said


def test_a_data_directory_that_is_a_file(binary, tmp_path):
    path = tmp_path / "file"
    path.write_text("not a directory")
    with pytest.raises(Refused) as raised:
        Server(binary, path).start()
    assert raised.value.code == 1 and "\n" not in raised.value.output.strip()


def test_an_address_that_is_taken(server, binary, tmp_path):
    done = subprocess.run([binary, "serve", "--data", tmp_path / "d", "--listen", f"127.0.0.1:{server.port}"], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1 and str(server.port) in done.stdout + done.stderr


@pytest.mark.parametrize("what", ["flip", "truncate", "remove"])
def test_a_damaged_segment_is_named_and_what_it_cannot_hold_is_answered(fresh, what):
    fresh.start()
    create(fresh, "damage/a")
    with fl.connect(fresh.uri) as client:
        times = [BASE + dt.timedelta(minutes=i) for i in range(20_000)]
        put(client, [long("damage/a", [float(i % 97) for i in range(20_000)], times)])
    fresh.stop()
    segments = [p for p in (fresh.data / "bucket").rglob("*") if p.is_file() and p.stat().st_size > 1000]
    assert segments, "a stop writes what is in memory into segments"
    whole = {path: path.read_bytes() for path in segments}
    for path in segments:
        os.chmod(path, 0o644)
        content = bytearray(path.read_bytes())
        if what == "flip":
            for at in range(64, len(content), 509):
                content[at] ^= 0xFF
            path.write_bytes(content)
        elif what == "truncate":
            path.write_bytes(content[: len(content) // 2])
        else:
            path.unlink()
    fresh.start()
    create(fresh, "damage/b")
    with fl.connect(fresh.uri) as client:
        put(client, [long("damage/b")])
        with pytest.raises(pa.ArrowException) as raised:
            ask(client, "SELECT sum(value), count(*) FROM samples WHERE series = 'damage/a'", fl.FlightCallOptions(headers=[(b"x-trellis-summaries", b"off")]))
        assert any(path.name in str(raised.value) for path in segments), raised.value
        b = "SELECT value FROM samples WHERE series = 'damage/b'"
        if what == "flip":
            assert rows(ask(client, b)) == [(1.0,)]
        else:  # without its index nobody can say that nothing of b is in the segment
            with pytest.raises(pa.ArrowException, match="seg") as raised:
                ask(client, b)
        assert rows(ask(client, "SELECT count(*) FROM series")) == [(2,)]
    fresh.kill()
    for path, content in whole.items():
        path.write_bytes(content)
    fresh.start()
    with fl.connect(fresh.uri) as client:
        assert rows(ask(client, "SELECT series, count(*), sum(value) FROM samples GROUP BY 1 ORDER BY 1")) == [("damage/a", 20_000, float(sum(i % 97 for i in range(20_000)))), ("damage/b", 1, 1.0)]
    fresh.stop()
