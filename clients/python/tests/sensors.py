"""Made-up sensors, the same in every run, and the ways to get them in and out."""

import json

import adbc_driver_flightsql.dbapi as adbc
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.flight as fl

SAMPLES = fl.FlightDescriptor.for_path("samples")
QUALITIES = np.array(["good", "uncertain", "bad"])
STATUS = {"good": 0, "uncertain": 0x40000000, "bad": 0x80000000}


def create(server, name, kind="double", sample_t="1 minute", zone="UTC", **attributes):
    """Creates a series by SQL."""
    columns = {"series": name, "type": kind, "sample_t": sample_t, "zone": zone, **attributes}
    values = ", ".join(str(v) if isinstance(v, (int, float)) else "'" + v.replace("'", "''") + "'" for v in columns.values())
    with adbc.connect(server.uri, autocommit=True) as conn, conn.cursor() as cur:
        cur.execute(f"INSERT INTO series ({', '.join(columns)}) VALUES ({values})")


def put(client, table, options=None, descriptor=SAMPLES):
    """Sends batches to plain DoPut; returns what the server acknowledged, batch by batch."""
    batches = table.to_batches() if isinstance(table, pa.Table) else list(table)
    writer, reader = client.do_put(descriptor, batches[0].schema, options or fl.FlightCallOptions())
    acknowledged = []
    with writer:
        for batch in batches:
            writer.write_batch(batch)
            acknowledged.append(json.loads(reader.read().to_pybytes()))
        writer.done_writing()
        assert reader.read() is None, "more acknowledgements than batches"
    return acknowledged


def ask(client, sql, options=None):
    """The answer to SQL in a plain descriptor."""
    options = options or fl.FlightCallOptions()
    info = client.get_flight_info(fl.FlightDescriptor.for_command(sql), options)
    tables = [client.do_get(endpoint.ticket, options).read_all() for endpoint in info.endpoints]
    return pa.concat_tables(tables)


def rows(table):
    """The rows of an Arrow table as tuples."""
    return list(zip(*(column.to_pylist() for column in table.columns))) if table.num_rows else []


def long_batch(frame, name):
    """A frame (index: instants; columns value and quality) as a long batch."""
    return pa.record_batch(
        {
            "series": pa.array([name] * len(frame), pa.string()),
            "time": pa.array(frame.index, pa.timestamp("us", "UTC")),
            "value": pa.array(frame["raw"].to_numpy(), pa.float64()),
            "quality": pa.array(frame["quality"].to_numpy(), pa.string()),
        }
    )


def frame(begin, end, period, seed, gaps=0.02, bad=0.03, uncertain=0.05):
    """Raw samples of one sensor: a column raw, its quality, and value, which is missing where bad."""
    rng = np.random.default_rng(seed)
    index = pd.date_range(begin, end, freq=period, tz="UTC", inclusive="left").as_unit("us")
    n = len(index)
    phase = 2 * np.pi * np.arange(n) * pd.Timedelta(period).total_seconds() / 86_400
    raw = np.round(20 + 8 * np.sin(phase) + rng.normal(0, 1.5, n) + np.cumsum(rng.normal(0, 0.01, n)), 3)
    quality = QUALITIES[rng.choice(3, n, p=[1 - bad - uncertain, uncertain, bad])]
    out = pd.DataFrame({"raw": raw, "quality": quality}, index=index)
    out["value"] = out["raw"].where(out["quality"] != "bad")
    return out[rng.random(n) >= gaps]


# Name, sample period and zone of the sensors of the year.
YEAR = [
    ("year/berlin/boiler", "1min", "1 minute", "Europe/Berlin"),
    ("year/berlin/pump", "5min", "5 minutes", "Europe/Berlin"),
    ("year/santiago/pv", "5min", "5 minutes", "America/Santiago"),
    ("year/lordhowe/tide", "5min", "5 minutes", "Australia/Lord_Howe"),
    ("year/kolkata/load", "15min", "15 minutes", "Asia/Kolkata"),
]


def load_year(server):
    """Creates the sensors of YEAR, writes 2023-12 to 2025-01 of them, returns the raw frames."""
    frames = {}
    with fl.connect(server.uri) as client:
        for seed, (name, freq, sample_t, zone) in enumerate(YEAR):
            site = name.split("/")[1]
            create(server, name, sample_t=sample_t, zone=zone, unit="°C", labels=json.dumps({"site": site, "kind": name.split("/")[2]}))
            frames[name] = frame("2023-12-01", "2025-02-01", freq, seed)
            batch = long_batch(frames[name], name)
            put(client, [batch.slice(i, 100_000) for i in range(0, batch.num_rows, 100_000)])
    return frames
