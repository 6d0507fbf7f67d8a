"""Plain Arrow Flight, as `pyarrow.flight` speaks it: SQL in descriptors and tickets."""

import datetime as dt
import json

import pyarrow as pa
import pyarrow.flight as fl
import pytest

from sensors import ask, create, put, rows

UTC = dt.timezone.utc
TYPES = """SELECT true AS b, 7::bigint AS i, 0.1::double precision AS d, 'ü' AS t, timestamp '2024-03-31 02:30' AS ts,
    timestamptz '2024-03-31 02:30+02' AS tz, date '2024-02-29' AS dd, time '23:59:59.999999' AS tt,
    interval '1 month 2 days 3.5 seconds' AS iv, NULL::double precision AS n, '{"a": 1}'::json AS j"""
SCHEMA = pa.schema(
    [
        ("b", pa.bool_()), ("i", pa.int64()), ("d", pa.float64()), ("t", pa.string()), ("ts", pa.timestamp("us")),
        ("tz", pa.timestamp("us", "UTC")), ("dd", pa.date32()), ("tt", pa.time64("us")), ("iv", pa.month_day_nano_interval()),
        ("n", pa.float64()), ("j", pa.string()),
    ]
)
VALUES = (
    True, 7, 0.1, "ü", dt.datetime(2024, 3, 31, 2, 30), dt.datetime(2024, 3, 31, 0, 30, tzinfo=UTC), dt.date(2024, 2, 29),
    dt.time(23, 59, 59, 999999), pa.MonthDayNano([1, 2, 3_500_000_000]), None, '{"a": 1}',
)


def test_a_descriptor_may_hold_sql(client):
    info = client.get_flight_info(fl.FlightDescriptor.for_command(TYPES))
    assert info.schema.equals(SCHEMA), info.schema
    assert len(info.endpoints) >= 1
    assert rows(ask(client, TYPES)) == [VALUES]


def test_a_path_may_hold_sql(client):
    info = client.get_flight_info(fl.FlightDescriptor.for_path(TYPES))
    assert rows(client.do_get(info.endpoints[0].ticket).read_all()) == [VALUES]


def test_a_ticket_may_hold_sql(client):
    table = client.do_get(fl.Ticket(TYPES.encode())).read_all()
    assert table.schema.equals(SCHEMA) and rows(table) == [VALUES]


def test_get_schema_runs_nothing_and_knows_the_types(client):
    assert client.get_schema(fl.FlightDescriptor.for_command(TYPES)).schema.equals(SCHEMA)
    assert client.get_schema(fl.FlightDescriptor.for_command("SELECT 1 / 0 AS x")).schema == pa.schema([("x", pa.int64())])


def test_a_ticket_can_be_fetched_again_and_gives_the_same_rows(client):
    info = client.get_flight_info(fl.FlightDescriptor.for_command("SELECT now() AS now, n FROM generate_series(1, 5) AS g(n)"))
    first = client.do_get(info.endpoints[0].ticket).read_all()
    assert first.num_rows == 5
    assert client.do_get(info.endpoints[0].ticket).read_all().equals(first)


def test_a_result_without_rows_has_its_schema(client):
    table = ask(client, "SELECT series, time, value FROM samples WHERE series = 'nobody has this'")
    assert table.num_rows == 0
    assert table.schema == pa.schema([("series", pa.string()), ("time", pa.timestamp("us", "UTC")), ("value", pa.float64())])


def test_large_results_come_in_messages_of_at_most_two_mebibytes(client):
    reader = client.do_get(fl.Ticket(b"SELECT n, n * 1.5 AS x, repeat('abc', 10) AS t FROM generate_series(1, 300000) AS g(n)"))
    total, expected = 0, 1
    for chunk in reader:
        assert chunk.data.get_total_buffer_size() <= 2 << 20
        assert chunk.data.column("n")[0].as_py() == expected
        total, expected = total + chunk.data.num_rows, expected + chunk.data.num_rows
    assert total == 300_000


@pytest.mark.parametrize("compression", ["lz4", "zstd"])
def test_a_header_turns_compression_on(client, compression):
    options = fl.FlightCallOptions(headers=[(b"x-trellis-compression", compression.encode())])
    sql = "SELECT n FROM generate_series(1, 50000) AS g(n)"
    assert ask(client, sql, options).equals(ask(client, sql))


def test_a_header_sets_the_zone_of_one_call(client):
    options = fl.FlightCallOptions(headers=[(b"x-trellis-timezone", b"America/Santiago")])
    sql = "SELECT timestamptz '2024-01-01 00:00' AS t"
    assert rows(ask(client, sql, options)) == [(dt.datetime(2024, 1, 1, 3, tzinfo=UTC),)]
    assert rows(ask(client, sql)) == [(dt.datetime(2024, 1, 1, 0, tzinfo=UTC),)]


def test_a_header_turns_zones_off(client):
    options = fl.FlightCallOptions(headers=[(b"x-trellis-timestamps", b"naive")])
    table = ask(client, "SELECT timestamptz '2024-01-01 00:00+01' AS t", options)
    assert table.schema.field("t").type == pa.timestamp("us")
    assert rows(table) == [(dt.datetime(2023, 12, 31, 23),)]


def test_an_unknown_setting_in_a_header_is_refused(client):
    options = fl.FlightCallOptions(headers=[(b"x-trellis-nonsense", b"1")])
    with pytest.raises(pa.ArrowException, match="x-trellis-nonsense"):
        ask(client, "SELECT 1", options)


def test_actions_are_listed_and_session_options_are_read(client):
    names = {action.type for action in client.list_actions()}
    assert {"CreatePreparedStatement", "ClosePreparedStatement", "CancelFlightInfo", "SetSessionOptions", "GetSessionOptions"} <= names
    results = list(client.do_action(fl.Action("GetSessionOptions", b"")))
    assert len(results) == 1 and b"timezone" in results[0].body.to_pybytes()


def test_an_unknown_action_is_refused(client):
    with pytest.raises(pa.ArrowException):
        list(client.do_action(fl.Action("FormatTheDisk", b"")))
    assert rows(ask(client, "SELECT 1")) == [(1,)]


@pytest.mark.parametrize("ticket", [b"\x00\xff\xfe", b"\x0a\xff\xff\xff\xff\x0f", b"", b"   ", b"TRL1" + bytes(64)], ids=["no text", "torn", "empty", "blank", "forged"])
def test_a_ticket_that_is_neither_sql_nor_ours_is_refused(client, ticket):
    with pytest.raises(pa.ArrowException):
        client.do_get(fl.Ticket(ticket)).read_all()
    assert rows(ask(client, "SELECT 1")) == [(1,)]


def test_a_ticket_that_was_tampered_with_is_refused(client):
    ticket = client.get_flight_info(fl.FlightDescriptor.for_command("SELECT 1")).endpoints[0].ticket.ticket
    for place in (len(ticket) // 2, len(ticket) - 1):
        forged = ticket[:place] + bytes([ticket[place] ^ 1]) + ticket[place + 1 :]
        with pytest.raises(pa.ArrowException):
            client.do_get(fl.Ticket(forged)).read_all()


def test_an_update_in_a_ticket_is_refused_and_does_nothing(client):
    insert = "INSERT INTO series (series, type, sample_t) VALUES ('flight/by-ticket', 'double', '1 second')"
    with pytest.raises(NotImplementedError, match="0A000"):
        client.do_get(fl.Ticket(insert.encode())).read_all()
    assert rows(ask(client, "SELECT count(*) FROM series WHERE series = 'flight/by-ticket'")) == [(0,)]


def test_do_exchange_and_list_flights_say_that_they_are_not_served(client):
    with pytest.raises(NotImplementedError):
        writer, reader = client.do_exchange(fl.FlightDescriptor.for_path("samples"))
        with writer:
            writer.done_writing()
            reader.read_all()
    with pytest.raises(NotImplementedError):
        list(client.list_flights())


def test_many_clients_at_once(server, client):
    from concurrent.futures import ThreadPoolExecutor

    create(server, "flight/crowd", sample_t="1 second")
    begin = dt.datetime(2024, 1, 1, tzinfo=UTC)

    def work(k):
        with fl.connect(server.uri) as c:
            batch = pa.record_batch(
                {"series": ["flight/crowd"] * 100, "time": pa.array([begin + dt.timedelta(seconds=100 * k + i) for i in range(100)], pa.timestamp("us", "UTC")), "value": [float(100 * k + i) for i in range(100)]}
            )
            put(c, [batch])
            return rows(ask(c, f"SELECT count(*), sum(value) FROM samples WHERE series = 'flight/crowd' AND value >= {100 * k} AND value < {100 * k + 100}"))

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(work, range(24)))
    assert answers == [[(100, float(sum(range(100 * k, 100 * k + 100))))] for k in range(24)]
    assert rows(ask(client, "SELECT count(*), sum(value) FROM samples WHERE series = 'flight/crowd'")) == [(2400, float(sum(range(2400))))]


def test_a_client_that_goes_away_stops_its_statement(client, server):
    sql = "SELECT count(*) FROM generate_series(1, 100000) AS a(x), generate_series(1, 100000) AS b(y) WHERE x * y % 7 = 3"
    with pytest.raises((fl.FlightTimedOutError, pa.ArrowException)):
        client.do_get(fl.Ticket(sql.encode()), fl.FlightCallOptions(timeout=0.5)).read_all()
    import time

    running = "SELECT count(*) FROM system.queries WHERE statement LIKE 'SELECT count(*) FROM generate_series(1, 100000)%'"
    for _ in range(100):
        if rows(ask(client, running)) == [(0,)]:
            break
        time.sleep(0.1)
    else:
        raise AssertionError("the statement still runs ten seconds after its client left")


def test_a_statement_times_out_when_the_session_says_so(client):
    options = fl.FlightCallOptions(headers=[(b"x-trellis-statement-timeout", b"200")])
    sql = "SELECT count(*) FROM generate_series(1, 100000) AS a(x), generate_series(1, 100000) AS b(y) WHERE x * y % 7 = 3"
    try:
        ask(client, sql, options)
    except (pa.ArrowException, TimeoutError) as e:
        assert "57014" in str(e) and "statement timeout" in str(e), e
    except KeyboardInterrupt:
        pytest.fail("the server answered CANCELLED, which pyarrow turns into a KeyboardInterrupt: DEADLINE_EXCEEDED is meant")
    else:
        pytest.fail("the statement ended")


def test_counts_in_acknowledgements_are_json(server, client):
    create(server, "flight/ack")
    batch = pa.record_batch({"series": ["flight/ack"] * 2, "time": pa.array([0, 60_000_000], pa.timestamp("us", "UTC")), "value": [1.0, None]})
    (ack,) = put(client, [batch])
    assert ack["rows"] == 2 and ack["samples"] == 2, json.dumps(ack)
