"""Writing through plain DoPut: long and wide batches in every shape that pyarrow makes."""

import datetime as dt

import pyarrow as pa
import pyarrow.flight as fl
import pytest

from sensors import SAMPLES, ask, create, put, rows

UTC = dt.timezone.utc
BASE = dt.datetime(2024, 5, 1, tzinfo=UTC)
N = 50


def instants(n=N, period=60):
    return [BASE + dt.timedelta(seconds=period * i) for i in range(n)]


def stored(client, name, columns="time, value", order="time"):
    return rows(ask(client, f"SELECT {columns} FROM samples WHERE series = '{name}' ORDER BY {order}"))


def encodings(values):
    plain = pa.array(values, pa.string())
    return {
        "plain": plain,
        "large": plain.cast(pa.large_string()),
        "view": plain.cast(pa.string_view()),
        "dictionary": plain.dictionary_encode(),
        "dictionary of large": plain.cast(pa.large_string()).dictionary_encode(),
        "small dictionary": pa.DictionaryArray.from_arrays(pa.array([0] * len(values), pa.int8()), plain.slice(0, 1)),
        "run-end": pa.RunEndEncodedArray.from_arrays(pa.array([len(values)], pa.int32()), plain.slice(0, 1)),
    }


@pytest.mark.parametrize("encoding", encodings(["x"]).keys())
def test_series_names_come_in_every_encoding_of_text(server, client, encoding):
    name = f"ingest/names/{encoding}"
    create(server, name)
    names = encodings([name] * N)[encoding]
    batch = pa.record_batch([names, pa.array(instants(), pa.timestamp("us", "UTC")), pa.array(map(float, range(N)))], ["series", "time", "value"])
    acks = put(client, [batch.slice(0, 20), batch.slice(20)])
    assert len(acks) == 2
    assert stored(client, name) == list(zip(instants(), map(float, range(N))))


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "+05:30", None])
def test_time_stamps_come_in_every_unit_with_and_without_a_zone(server, client, unit, zone):
    name = f"ingest/units/{unit}/{zone}"
    create(server, name)
    stamps = pa.array(instants(), pa.timestamp("us", "UTC")).cast(pa.timestamp(unit, zone or "UTC"))
    if zone is None:
        stamps = stamps.cast(pa.timestamp(unit))
    put(client, [pa.record_batch({"series": [name] * N, "time": stamps, "value": [1.0] * N})])
    assert stored(client, name, "time") == [(t,) for t in instants()]


@pytest.mark.parametrize(
    "kind", [pa.int8(), pa.int16(), pa.int32(), pa.int64(), pa.uint8(), pa.uint16(), pa.uint32(), pa.uint64(), pa.float16(), pa.float32(), pa.float64(), pa.bool_(), pa.decimal128(22, 3)], ids=str
)
def test_values_come_as_every_type_of_number(server, client, kind):
    name = f"ingest/numbers/{kind}"
    create(server, name)
    values = pa.array([i % 2 for i in range(N)], pa.int64()).cast(kind) if kind != pa.float16() else pa.array([float(i % 2) for i in range(N)], pa.float32()).cast(kind)
    put(client, [pa.record_batch({"series": [name] * N, "time": pa.array(instants(), pa.timestamp("us", "UTC")), "value": values})])
    assert stored(client, name, "value") == [(float(i % 2),) for i in range(N)]


def test_a_long_batch_carries_quality_status_and_nulls(server, client):
    name = "ingest/long"
    create(server, name)
    batch = pa.record_batch(
        {
            "time": pa.array(instants(6), pa.timestamp("ms", "UTC")),
            "series": pa.array([name] * 6).dictionary_encode(),
            "value": pa.array([1.5, 2.5, 3.5, None, float("nan"), -0.0]),
            "status": pa.array([0, 0x40900000, 0x80000000, None, None, None], pa.uint32()),
        }
    )
    put(client, [batch])
    assert stored(client, name, "value, raw_value, quality, status") == [
        (1.5, 1.5, "good", 0),
        (2.5, 2.5, "uncertain", 0x40900000),
        (None, 3.5, "bad", 0x80000000),
        (None, None, "bad", 0x809B0000),
        (None, None, "bad", 0x809B0000),
        (0.0, 0.0, "good", 0),
    ]


def test_many_series_in_one_long_batch_in_any_order(server, client):
    names = [f"ingest/mixed/{k}" for k in range(5)]
    for name in names:
        create(server, name)
    series = [names[i * 7 % 5] for i in range(200)]
    times = [BASE + dt.timedelta(minutes=(i * 37) % 200) for i in range(200)]
    put(client, [pa.record_batch({"series": series, "time": pa.array(times, pa.timestamp("us", "UTC")), "value": [float(i) for i in range(200)]})])
    for name in names:
        expected = sorted((t, float(i)) for i, (s, t) in enumerate(zip(series, times)) if s == name)
        assert stored(client, name) == expected


def test_a_wide_batch_has_a_column_for_each_series(server, client):
    for k, kind in enumerate(["double", "float", "integer", "boolean"]):
        create(server, f"ingest/wide/{k}", kind)
    create(server, "ingest/wide/mode", "enum", states='["off","auto","manual"]')
    create(server, "ingest/wide/note", "text")
    batch = pa.record_batch(
        {
            "time": pa.array(instants(4), pa.timestamp("ns", "UTC")),
            "ingest/wide/0": pa.array([0.1, None, 0.3, float("nan")]),
            "ingest/wide/1": pa.array([0.1, 0.2, None, 0.4], pa.float32()),
            "ingest/wide/2": pa.array([2**53 + 1, -5, None, 0]),
            "ingest/wide/3": pa.array([True, False, None, True]),
            "ingest/wide/mode": pa.array(["auto", "off", None, "manual"]).dictionary_encode(),
            "ingest/wide/note": pa.array(["a", "", None, "ö"], pa.string_view()),
        }
    )
    (ack,) = put(client, [batch])
    assert ack["rows"] == 4
    single = [pa.scalar(x, pa.float32()).as_py() for x in (0.1, 0.2, 0.4)]
    assert stored(client, "ingest/wide/0", "value, quality") == [(0.1, "good"), (0.3, "good"), (None, "bad")]
    assert stored(client, "ingest/wide/1", "value") == [(x,) for x in single]
    assert stored(client, "ingest/wide/2", "int_value") == [(2**53 + 1,), (-5,), (0,)]
    assert stored(client, "ingest/wide/3", "value") == [(1.0,), (0.0,), (1.0,)]
    assert stored(client, "ingest/wide/mode", "text, value") == [("auto", 1.0), ("off", 0.0), ("manual", 2.0)]
    assert stored(client, "ingest/wide/note", "text") == [("a",), ("",), ("ö",)]


def test_columns_may_be_renamed(server, client):
    create(server, "ingest/renamed")
    options = fl.FlightCallOptions(headers=[(b"x-trellis-columns", b'{"tag": "series", "ts": "time", "v": "value"}')])
    put(client, [pa.record_batch({"tag": ["ingest/renamed"], "ts": pa.array([BASE], pa.timestamp("us", "UTC")), "v": [4.0]})], options)
    assert stored(client, "ingest/renamed") == [(BASE, 4.0)]


def test_unknown_series_are_made_from_a_template(client):
    options = fl.FlightCallOptions(headers=[(b"x-trellis-template", b'{"type": "double", "sample_t": "1 minute", "zone": "Asia/Tokyo", "unit": "bar"}')])
    put(client, [pa.record_batch({"series": ["ingest/made/a", "ingest/made/b"], "time": pa.array([BASE] * 2, pa.timestamp("us", "UTC")), "value": [1.0, 2.0]})], options)
    assert rows(ask(client, "SELECT series, type, zone, unit FROM series WHERE series LIKE 'ingest/made/%' ORDER BY 1")) == [
        ("ingest/made/a", "double", "Asia/Tokyo", "bar"),
        ("ingest/made/b", "double", "Asia/Tokyo", "bar"),
    ]
    assert stored(client, "ingest/made/b") == [(BASE, 2.0)]


# The wall clock of Europe/Berlin on 2024-10-27, every 15 minutes: the hour from 2 to 3 comes twice.
AUTUMN = [dt.datetime(2024, 10, 26, 23, tzinfo=UTC) + dt.timedelta(minutes=15 * i) for i in range(20)]


def wall(instant, zone="Europe/Berlin"):
    from zoneinfo import ZoneInfo

    return instant.astimezone(ZoneInfo(zone)).replace(tzinfo=None)


@pytest.mark.parametrize("how", ["header", "session"])
@pytest.mark.parametrize("cut", [1, 3, 7, 20])
def test_stamps_without_a_zone_are_resolved_by_their_order(server, client, how, cut):
    name = f"ingest/autumn/{how}/{cut}"
    create(server, name, sample_t="15 minutes", zone="Europe/Berlin")
    header = {"header": b"x-trellis-zone", "session": b"x-trellis-timezone"}[how]
    options = fl.FlightCallOptions(headers=[(header, b"Europe/Berlin")])
    stamps = pa.array([wall(t) for t in AUTUMN], pa.timestamp("us"))
    batch = pa.record_batch({"series": [name] * len(stamps), "time": stamps, "value": [float(i) for i in range(len(stamps))]})
    put(client, [batch.slice(i, cut) for i in range(0, len(stamps), cut)], options)
    assert stored(client, name) == [(t, float(i)) for i, t in enumerate(AUTUMN)]
    local = stored(client, name, "local_time")
    assert local == [(wall(t),) for t in AUTUMN]


def test_a_wall_time_that_never_was_is_refused_by_row(server, client):
    create(server, "ingest/spring", sample_t="15 minutes", zone="Europe/Berlin")
    options = fl.FlightCallOptions(headers=[(b"x-trellis-zone", b"Europe/Berlin")])
    stamps = pa.array([dt.datetime(2024, 3, 31, 1, 45), dt.datetime(2024, 3, 31, 2, 15)], pa.timestamp("us"))
    with pytest.raises(pa.ArrowInvalid, match="row 2"):
        put(client, [pa.record_batch({"series": ["ingest/spring"] * 2, "time": stamps, "value": [1.0, 2.0]})], options)
    assert stored(client, "ingest/spring") == []


def test_a_batch_is_visible_when_it_is_acknowledged(server, client):
    create(server, "ingest/live")
    schema = pa.schema([("series", pa.string()), ("time", pa.timestamp("us", "UTC")), ("value", pa.float64())])
    writer, reader = client.do_put(SAMPLES, schema)
    with writer:
        for i, t in enumerate(instants(5)):
            writer.write_batch(pa.record_batch([["ingest/live"], pa.array([t], schema.field(1).type), [float(i)]], schema=schema))
            assert reader.read() is not None
            with fl.connect(server.uri) as other:
                assert len(stored(other, "ingest/live")) == i + 1
        writer.done_writing()


def test_two_samples_in_one_slot_the_last_wins(server, client):
    create(server, "ingest/twice")
    times = [BASE, BASE + dt.timedelta(seconds=30), BASE + dt.timedelta(seconds=59), BASE + dt.timedelta(minutes=1)]
    put(client, [pa.record_batch({"series": ["ingest/twice"] * 4, "time": pa.array(times, pa.timestamp("us", "UTC")), "value": [1.0, 2.0, 3.0, 4.0]})])
    assert stored(client, "ingest/twice") == [(BASE, 3.0), (BASE + dt.timedelta(minutes=1), 4.0)]
    put(client, [pa.record_batch({"series": ["ingest/twice"], "time": pa.array([BASE], pa.timestamp("us", "UTC")), "value": [9.0]})])
    assert stored(client, "ingest/twice", "value") == [(9.0,), (4.0,)]


def test_instants_before_1970_and_late_data(server, client):
    create(server, "ingest/old", sample_t="1 hour")
    times = [dt.datetime(1969, 12, 31, 23, 59, 59, tzinfo=UTC), dt.datetime(1901, 12, 13, 20, tzinfo=UTC), dt.datetime(2024, 1, 1, tzinfo=UTC), dt.datetime(1970, 1, 1, tzinfo=UTC)]
    put(client, [pa.record_batch({"series": ["ingest/old"], "time": pa.array([t], pa.timestamp("us", "UTC")), "value": [float(i)]}) for i, t in enumerate(times)])
    assert stored(client, "ingest/old") == [(times[1], 1.0), (dt.datetime(1969, 12, 31, 23, tzinfo=UTC), 0.0), (times[3], 3.0), (times[2], 2.0)]


@pytest.mark.parametrize("codec", ["lz4", "zstd"])
def test_a_batch_may_be_compressed(server, client, codec):
    name = f"ingest/compressed/{codec}"
    create(server, name)
    batch = pa.record_batch({"series": [name] * 5000, "time": pa.array(instants(5000), pa.timestamp("us", "UTC")), "value": [float(i) for i in range(5000)]})
    options = fl.FlightCallOptions(write_options=pa.ipc.IpcWriteOptions(compression=codec))
    put(client, [batch], options)
    assert rows(ask(client, f"SELECT count(*), sum(value) FROM samples WHERE series = '{name}'")) == [(5000, float(sum(range(5000))))]


def test_an_empty_batch_is_acknowledged(server, client):
    create(server, "ingest/empty")
    batch = pa.record_batch({"series": pa.array([], pa.string()), "time": pa.array([], pa.timestamp("us", "UTC")), "value": pa.array([], pa.float64())})
    (ack,) = put(client, [batch])
    assert ack["rows"] == 0
    assert stored(client, "ingest/empty") == []


def test_samples_off_the_grid_are_counted_or_refused(server, client):
    create(server, "ingest/grid", sample_t="1 minute")
    stamps = pa.array([BASE, BASE + dt.timedelta(seconds=61), BASE + dt.timedelta(seconds=90)], pa.timestamp("us", "UTC"))
    batch = pa.record_batch({"series": ["ingest/grid"] * 3, "time": stamps, "value": [1.0, 2.0, 3.0]})
    refuse = fl.FlightCallOptions(headers=[(b"x-trellis-off_grid", b"refuse")])
    with pytest.raises(pa.ArrowInvalid, match="row 2.*is not on the grid"):
        put(client, [batch], refuse)
    assert stored(client, "ingest/grid") == []
    answer = put(client, [batch])[-1]
    assert answer["moved"] == 2 and answer["max_shift_us"] == 30_000_000 and answer["collided"] == 1
    assert stored(client, "ingest/grid") == [(BASE, 1.0), (BASE + dt.timedelta(minutes=1), 3.0)]
    put(client, [batch.slice(0, 1)], refuse)


def test_a_series_may_refuse_samples_off_the_grid_whatever_the_stream_allows(server, client):
    create(server, "ingest/strict", sample_t="1 minute", off_grid="refuse")
    create(server, "ingest/lax", sample_t="1 minute")
    stamps = pa.array([BASE, BASE + dt.timedelta(seconds=61)], pa.timestamp("us", "UTC"))
    snap = fl.FlightCallOptions(headers=[(b"x-trellis-off_grid", b"snap")])
    for options in (None, snap):
        batch = pa.record_batch({"series": ["ingest/lax", "ingest/strict"], "time": stamps, "value": [1.0, 2.0]})
        with pytest.raises(pa.ArrowInvalid, match="row 2.*is not on the grid.*series refuses"):
            put(client, [batch], options)
        assert stored(client, "ingest/strict") == stored(client, "ingest/lax") == []
    assert put(client, [batch.slice(0, 1)], snap)[-1].get("moved", 0) == 0
