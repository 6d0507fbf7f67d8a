"""Scalar expressions: what PostgreSQL answers, recorded in expressions.tsv, Trellis answers too.

The file is written by record_expressions.py, which asks a real PostgreSQL. Columns: expression,
type, answer as PostgreSQL prints it under UTC; \\N is NULL, and a type `error` has the SQLSTATE.
"""

import datetime as dt
import math
from pathlib import Path

import adbc_driver_flightsql.dbapi as adbc
import pyarrow as pa
import pytest

FILE = Path(__file__).with_name("expressions.tsv")
CASES = [line.split("\t") for line in FILE.read_text().splitlines() if line and not line.startswith("#")]


def text(value, kind):
    """An Arrow value as PostgreSQL prints one of that type."""
    if value is None:
        return "\\N"
    if kind == "boolean":
        return "true" if value else "false"
    if kind.startswith("timestamp"):
        zoned = kind == "timestamp with time zone"
        assert (value.tzinfo is not None) == zoned
        out = value.replace(tzinfo=None).isoformat(sep=" ")
        return (out.rstrip("0") if "." in out else out) + ("+00" if zoned else "")
    if kind.startswith("time "):
        out = value.isoformat()
        return out.rstrip("0") if "." in out else out
    if kind == "date":
        assert type(value) is dt.date
    return str(value)


def parts(value):
    """The months, days and nanoseconds of an interval as PostgreSQL prints it."""
    months = days = nanos = 0
    words = value.split()
    while len(words) > 1:
        number, unit = int(words.pop(0)), words.pop(0)
        months += number * {"y": 12, "m": 1}.get(unit[0], 0)
        days += number * (unit[0] == "d")
    if words:
        sign = -1 if words[0].startswith("-") else 1
        h, m, s = words[0].lstrip("+-").split(":")
        nanos = sign * ((int(h) * 60 + int(m)) * 60 * 10**9 + round(float(s) * 1e6) * 1000)
    return pa.MonthDayNano([months, days, nanos])


@pytest.mark.parametrize("expression, kind, expected", CASES, ids=[c[0][:60] for c in CASES])
def test_expression(cur, expression, kind, expected):
    if kind == "error":
        with pytest.raises(adbc.Error, match=expected):
            cur.execute(f"SELECT {expression}")
            cur.fetchall()
        return
    cur.execute(f"SELECT {expression} AS x")
    table = cur.fetch_arrow_table()
    value = table["x"].to_pylist()[0]
    if expected == "\\N":
        assert value is None
    elif kind in ("double precision", "numeric", "real"):
        assert isinstance(value, (float, int)), f"{value!r} is no number"
        want = float(expected)
        assert math.isnan(value) if math.isnan(want) else math.isclose(value, want, rel_tol=1e-14, abs_tol=1e-15)
    elif kind in ("bigint", "integer"):
        assert value == int(expected)
    elif kind == "interval":
        assert value == parts(expected)
    else:
        assert text(value, kind) == expected
