"""Edits: streams that are seen as a whole, corrections by SQL, what was before them, and who may."""

import datetime as dt
import json
import struct
import subprocess
import sys
import threading

import adbc_driver_flightsql.dbapi as adbc
import pyarrow as pa
import pyarrow.flight as fl
import pytest

from sensors import SAMPLES, ask, create, put, rows
from server import Server

UTC = dt.timezone.utc
BASE = dt.datetime(2024, 3, 1, tzinfo=UTC)
N = 600


def batch(name, values, begin=0):
    times = [BASE + dt.timedelta(minutes=begin + i) for i in range(len(values))]
    return pa.record_batch({"series": [name] * len(values), "time": pa.array(times, pa.timestamp("us", "UTC")), "value": pa.array(values, pa.float64())})


def filled(server, client, name):
    """A series of N samples, 0 to N-1, one a minute."""
    create(server, name)
    put(client, [batch(name, [float(i) for i in range(N)])])
    return name


def editing(**edit):
    text = json.dumps({"kind": "backfill", **edit}).encode()
    return fl.FlightCallOptions(headers=[(b"x-trellis-edit", text)])


def one(client, sql):
    return rows(ask(client, sql))[0]


@pytest.fixture
def ada(server):
    """A connection that keeps cookies, so that SET holds, and its cursor."""
    with adbc.connect(server.uri, autocommit=True, db_kwargs={"adbc.flight.sql.rpc.with_cookie_middleware": "true"}) as conn, conn.cursor() as cur:
        cur.execute("SET trellis.reason = 'calibrated'")
        yield cur


def test_a_backfill_is_seen_at_once_when_its_stream_ends(server, client):
    name = filled(server, client, "edits/at-once")
    seen, done = set(), threading.Event()

    def poll():
        with fl.connect(server.uri) as other:
            while not done.is_set():
                seen.add(one(other, f"SELECT count(*), sum(value), count(edit) FROM samples WHERE series = '{name}'"))

    before = (N, float(sum(range(N))), 0)
    after = (2 * N, float(N * 7 + sum(range(N, 2 * N))), 2 * N)
    watcher = threading.Thread(target=poll)
    watcher.start()
    try:
        first = batch(name, [7.0] * N)
        writer, answers = client.do_put(SAMPLES, first.schema, editing(reason="Prüfung", source="lab"))
        told = []
        writer.write_batch(first)
        told.append(json.loads(answers.read().to_pybytes()))
        for begin in range(N, 2 * N, 100):
            writer.write_batch(batch(name, [float(i) for i in range(begin, begin + 100)], begin))
            told.append(json.loads(answers.read().to_pybytes()))
        assert one(client, f"SELECT count(*), sum(value), count(edit) FROM samples WHERE series = '{name}'") == before
        writer.done_writing()
        made = json.loads(answers.read().to_pybytes())
        assert answers.read() is None
        writer.close()
    finally:
        done.set()
        watcher.join()
    assert all(t["staged"] for t in told) and told[-1]["samples"] == 2 * N
    assert made["inserted"] == N and made["replaced"] == N and made["edit"] > 0 and made["snapshot"] > 0
    assert one(client, f"SELECT count(*), sum(value), count(edit) FROM samples WHERE series = '{name}'") == after
    assert seen <= {before, after}, "somebody saw a part of the edit"
    found = one(client, f"SELECT kind, reason, source, inserted, replaced FROM edits WHERE id = {made['edit']}")
    assert found == ("backfill", "Prüfung", "lab", N, N)


BREAKS_OFF = """
import json, os, sys
import pyarrow.flight as fl
sys.path.insert(0, {tests!r})
from sensors import SAMPLES
from test_edits import batch, editing
client = fl.connect({uri!r})
data = batch({name!r}, [99.0] * 500)
writer, answers = client.do_put(SAMPLES, data.schema, editing())
writer.write_batch(data)
print(json.loads(answers.read().to_pybytes())["samples"], flush=True)
os._exit(7)
"""


def test_a_stream_that_breaks_leaves_nothing(server, client):
    name = filled(server, client, "edits/broken")
    state = f"SELECT count(*), sum(value), count(edit) FROM samples WHERE series = '{name}'"
    trail = "SELECT count(*) FROM edits e JOIN system.edit_ranges r ON r.edit_id = e.id WHERE r.series = '%s'" % name
    before = one(client, state)

    program = BREAKS_OFF.format(tests=str(__file__).rpartition("/")[0], uri=server.uri, name=name)
    died = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert died.returncode == 7 and died.stdout == "500\n", died.stderr
    assert one(client, state) == before and one(client, trail) == (0,)

    good, bad = batch(name, [99.0] * 10), batch("edits/nobody", [1.0])
    writer, answers = client.do_put(SAMPLES, good.schema, editing())
    writer.write_batch(good)
    assert json.loads(answers.read().to_pybytes())["staged"]
    with pytest.raises(pa.ArrowException, match="batch 2: row 1: series .*edits/nobody"):
        writer.write_batch(bad)
        writer.done_writing()
        while answers.read() is not None:
            pass
        writer.close()
    assert one(client, state) == before and one(client, trail) == (0,)

    writer, answers = client.do_put(SAMPLES, good.schema, fl.FlightCallOptions(timeout=0.5, headers=[(b"x-trellis-edit", b"backfill")]))
    writer.write_batch(good)
    assert json.loads(answers.read().to_pybytes())["staged"]
    with pytest.raises((fl.FlightTimedOutError, pa.ArrowException)):
        answers.read()  # nothing more comes before the deadline
        writer.close()
    assert one(client, state) == before and one(client, trail) == (0,)


def test_an_adbc_ingest_may_be_an_edit(server, client):
    name = filled(server, client, "edits/adbc")
    headers = {"adbc.flight.sql.rpc.call_header.x-trellis-edit": json.dumps({"kind": "backfill", "reason": "from the old historian"})}
    with adbc.connect(server.uri, autocommit=True, db_kwargs=headers) as conn, conn.cursor() as cur:
        table = pa.Table.from_batches([batch(name, [1.0] * 50), batch(name, [2.0] * 50, N)])
        assert cur.adbc_ingest("samples", table, mode="append") == 100
    assert one(client, f"SELECT count(*), count(edit) FROM samples WHERE series = '{name}'") == (N + 50, 100)
    assert one(client, "SELECT reason, inserted, replaced FROM edits ORDER BY id DESC LIMIT 1") == ("from the old historian", 50, 50)


def test_values_are_corrected_marked_deleted_and_restored(server, client, ada):
    name = filled(server, client, "edits/round-trip")
    hour = (name, BASE + dt.timedelta(hours=1), BASE + dt.timedelta(hours=2))
    where = "WHERE series = $1 AND time >= $2 AND time < $3"

    def ran(sql, params=()):
        ada.execute(sql, params)
        return ada.rowcount

    def got(sql, params=hour):
        ada.execute(sql, params)
        return ada.fetchall()

    ran("CALL pin_snapshot($1)", (name,))
    ran(f"UPDATE samples SET value = value * 2 {where}", hour)
    assert got(f"SELECT count(*), sum(value), min(edit) FROM samples {where}") == [(60, 2.0 * sum(range(60, 120)), "replaced")]
    ran(f"UPDATE samples SET quality = 'bad' {where} AND value >= 200", hour)
    assert got(f"SELECT count(*), count(value), max(raw_value) FROM samples {where}") == [(60, 40, 238.0)]
    ran(f"DELETE FROM samples {where} AND value < 140", hour)
    assert got(f"SELECT count(*), min(value) FROM samples {where}") == [(50, 140.0)]

    history = got(
        "SELECT time, value, quality, edit, reason FROM samples_history($1, $2, $3) ORDER BY time, from_snapshot",
        (name, BASE + dt.timedelta(minutes=60), BASE + dt.timedelta(minutes=61)),
    )
    minute = BASE + dt.timedelta(minutes=60)
    assert history == [
        (minute, 60.0, "good", None, None),
        (minute, 120.0, "good", "replaced", "calibrated"),
        (minute, None, None, "deleted", "calibrated"),
    ]
    kinds = got("SELECT e.kind, r.inserted, r.replaced, r.deleted FROM system.edit_ranges r JOIN edits e ON e.id = r.edit_id WHERE r.series = $1 ORDER BY e.id", (name,))
    assert kinds == [("overwrite", 0, 60, 0), ("overwrite", 0, 20, 0), ("delete", 0, 0, 10)]
    changed = got("SELECT sum(inserted), sum(replaced), sum(deleted) FROM changes((SELECT snapshot FROM system.pins WHERE name = $1), (SELECT max(id) FROM system.snapshots)) WHERE series = $1", (name,))
    assert [int(x) for x in changed[0]] == [0, 50, 10]

    ran("CALL restore_samples($1, $2, $3, (SELECT snapshot FROM system.pins WHERE name = $1))", hour)
    assert got(f"SELECT count(*), sum(value), count(edit) FROM samples {where}") == [(60, float(sum(range(60, 120))), 60)]

    ran("CALL unpin_snapshot($1)", (name,))
    ran("CALL purge_samples($1, $2, $3)", hour)
    left = got("SELECT count(*), count(DISTINCT time), sum(value) FROM samples_history($1, $2, $3)", hour)
    assert left == [(60, 60, float(sum(range(60, 120))))]
    assert got("SELECT count(*) FROM edits e JOIN system.edit_ranges r ON r.edit_id = e.id WHERE r.series = $1 AND e.kind = 'purge'", (name,)) == [(1,)]


def test_one_update_runs_for_every_row_of_parameters(server, client, ada):
    name = filled(server, client, "edits/many")
    ada.executemany("UPDATE samples SET value = $1 WHERE series = $2 AND time = $3", [(-float(i), name, BASE + dt.timedelta(minutes=i)) for i in range(1, 6)])
    assert ada.rowcount in (5, -1)
    ada.execute("SELECT count(*), sum(value) FROM samples WHERE series = $1 AND value < 0", (name,))
    assert ada.fetchall() == [(5, -15.0)]
    ada.execute("SELECT count(*) FROM edits e JOIN system.edit_ranges r ON r.edit_id = e.id WHERE r.series = $1", (name,))
    assert ada.fetchall() == [(5,)]


def test_aggregates_of_the_past_are_the_bits_of_then(server, client, ada):
    name = filled(server, client, "edits/past")
    ada.execute("UPDATE samples SET value = value / 7 WHERE series = $1", (name,))
    measure = "SELECT date_trunc('hour', time) AS h, count(*), sum(value), avg(value), stddev(value), min(value), max(value), integral(value) FROM {} WHERE series = '" + name + "' GROUP BY 1 ORDER BY 1"

    def bits(source):
        table = ask(client, measure.format(source))
        return [tuple(struct.pack("<d", x) if isinstance(x, float) else x for x in row) for row in rows(table)]

    then = bits("samples")
    ada.execute("CALL pin_snapshot($1)", (name,))
    snapshot = f"(SELECT snapshot FROM system.pins WHERE name = '{name}')"
    ada.execute("UPDATE samples SET value = value * 1.02, quality = 'uncertain' WHERE series = $1 AND time >= $2", (name, BASE + dt.timedelta(hours=3)))
    ada.execute("DELETE FROM samples WHERE series = $1 AND time < $2", (name, BASE + dt.timedelta(minutes=90)))
    assert bits("samples") != then
    assert bits(f"samples_as_of({snapshot})") == then
    lines = [r[0] for r in rows(ask(client, "EXPLAIN ANALYZE " + measure.format(f"samples_as_of({snapshot})")))]
    assert any("(by summary)" in line for line in lines), lines
    ada.execute("CALL unpin_snapshot($1)", (name,))


def test_mistakes_say_what_to_do(server, client, cur):
    name = filled(server, client, "edits/mistakes")
    for sql, words in [
        (f"UPDATE samples SET time = now() WHERE series = '{name}'", "INSERT it at the other time"),
        (f"UPDATE samples SET value = NULL, quality = 'good' WHERE series = '{name}'", "raw_value IS NOT NULL"),
        ("DELETE FROM edits", "restore_samples"),
        ("CALL restore_sample('a', 'now', 'now', 1)", "Did you mean restore_samples?"),
        ("SELECT * FROM samples_as_of('1999-01-01')", "All are kept from"),
        ("SELECT * FROM samples_history('edits/mistake', '2024-01-01', '2025-01-01')", "Did you mean edits/mistakes?"),
    ]:
        with pytest.raises(adbc.Error) as e:
            cur.execute(sql)
            cur.fetchall()
        assert words in str(e.value), sql
    assert one(client, f"SELECT count(edit) FROM samples WHERE series = '{name}'") == (0,)


def test_reasons_are_demanded_and_purges_are_for_administrators(binary, tmp_path):
    server = Server(binary, tmp_path / "data", "--require-reason", "--user", "ada:a", "--user", "root:r", "--admin", "root").start()

    def connect(user):
        kwargs = {"username": user, "password": user[0], "adbc.flight.sql.rpc.with_cookie_middleware": "true"}
        return adbc.connect(server.uri, autocommit=True, db_kwargs=kwargs)

    try:
        with connect("ada") as conn, conn.cursor() as cur:
            cur.execute("INSERT INTO series (series, type, sample_t) VALUES ('a', 'double', '1 s')")
            cur.execute("INSERT INTO samples (series, time, value) VALUES ('a', '2024-01-01', 1)")
            with pytest.raises(adbc.Error, match="an edit needs a reason"):
                cur.execute("UPDATE samples SET value = 2")
            cur.execute("SET trellis.reason = 'calibrated'")
            cur.execute("UPDATE samples SET value = 2")
            with pytest.raises(adbc.Error, match="for administrators"):
                cur.execute("CALL purge_samples('a', '2024-01-01', '2024-01-02')")
        with connect("root") as conn, conn.cursor() as cur:
            with pytest.raises(adbc.Error, match="an edit needs a reason"):
                cur.execute("CALL purge_samples('a', '2024-01-01', '2024-01-02')")
            cur.execute("SET trellis.reason = 'by law'")
            cur.execute("CALL purge_samples('a', '2024-01-01', '2024-01-02')")
            cur.execute("SELECT kind, author, reason FROM edits ORDER BY id")
            assert cur.fetchall() == [("overwrite", "ada", "calibrated"), ("purge", "root", "by law")]
    finally:
        server.stop()
