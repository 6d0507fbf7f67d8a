"""`trellis import` of the real files, compared with pandas reading them; and of files made here."""

import datetime as dt
import json
import shlex
import subprocess

import numpy as np
import pandas as pd
import pytest

import rawfiles

UTC = dt.timezone.utc


def run(binary, server, *arguments, code=0):
    """Runs an import into the server; returns its report."""
    command = [binary, "import", "--server", server.uri, "--report", "json", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == code, f"exit code {done.returncode}: {done.stdout[-2000:]}{done.stderr[-2000:]}"
    return json.loads(done.stdout) if done.stdout.lstrip().startswith("{") else done.stdout + done.stderr


def stored(conn, name):
    return pd.read_sql(f"SELECT time, value, raw_value, status, quality, text, local_time FROM samples WHERE series = '{name}' ORDER BY time", conn)


def compare(conn, name, frame):
    """Every sample of a series against the frame of the raw file."""
    got = stored(conn, name)
    assert len(got) == len(frame), f"{name}: {len(got)} samples, want {len(frame)}"
    assert (pd.DatetimeIndex(got["time"]) == frame.index).all(), name
    assert (pd.DatetimeIndex(got["local_time"]) == frame["local"]).all(), name
    assert got["status"].tolist() == frame["status"].tolist(), name
    assert got["quality"].tolist() == frame["quality"].tolist(), name
    if not pd.api.types.is_numeric_dtype(frame["raw"]):
        assert got["text"].tolist() == frame["raw"].tolist(), name
        return
    np.testing.assert_array_equal(got["raw_value"].to_numpy(float), frame["raw"].to_numpy(float), name)
    np.testing.assert_array_equal(got["value"].to_numpy(float), frame["value"].to_numpy(float), name)


def test_the_italian_street_with_decimal_commas_and_bad_values(binary, server, conn):
    report = run(
        binary, server, rawfiles.path("AirQualityUCI.csv"), "--name", "import/air/{column}", "--time", "Date,Time", "--zone", "+01:00", "--decimal", ",",
        "--bad-value", "-200", "--type", "double", "--sample-t", "1h",
    )
    frames = rawfiles.air()
    assert report["series_created"] == 13 and report["samples"] == 13 * 9357
    assert report["bad"] == sum(int((f["quality"] == "bad").sum()) for f in frames.values()) == 16_701
    for column, name in rawfiles.AIR.items():
        compare(conn, f"import/air/{column}", frames[f"italy/air/{name}"])


def test_beijing_with_the_stamp_in_four_columns_and_a_wind_of_words(binary, server, conn):
    report = run(
        binary, server, rawfiles.path("beijing_pm25_pollution.csv"), "--name", "import/beijing/{column}", "--time", "year,month,day,hour", "--zone", "Asia/Shanghai",
        "--value", ",".join([*rawfiles.BEIJING, "cbwd"]), "--null", "NA", "--type", "double", "--type", "cbwd=text", "--sample-t", "1h",
    )
    frames = rawfiles.beijing()
    assert report["without_value"] == 2067 and report["samples"] == 8 * 43_824
    for column, name in [*rawfiles.BEIJING.items(), ("cbwd", "wind/direction")]:
        compare(conn, f"import/beijing/{column}", frames[f"beijing/{name}"])


def test_the_machine_whose_clock_jumps_back(binary, server, conn):
    report = run(binary, server, rawfiles.path("machine_temperature_system_failure.csv"), "--name", "import/machine", "--zone", "UTC", "--type", "double", "--sample-t", "5m")
    assert report["rows"] == 22_695 and report["duplicates"] == 12
    compare(conn, "import/machine", rawfiles.plain("machine_temperature_system_failure.csv", "timestamp", "value", "5min", "UTC"))


def test_the_office_with_gaps(binary, server, conn):
    run(binary, server, rawfiles.path("ambient_temperature_system_failure.csv"), "--name", "import/office", "--zone", "UTC", "--type", "double", "--sample-t", "auto")
    compare(conn, "import/office", rawfiles.plain("ambient_temperature_system_failure.csv", "timestamp", "value", "1h", "UTC"))
    assert pd.read_sql("SELECT sample_t::text AS t FROM series WHERE series = 'import/office'", conn)["t"][0] == "01:00:00"


@pytest.mark.parametrize("name, column, period, kept", [("serf_east_15min_ac_power.csv", "ac_power", "15min", "15m"), ("serf_east_1min_ac_power.csv", "ac_power__752", "1min", "1m")])
def test_the_solar_array_with_offsets_in_its_stamps(binary, server, conn, name, column, period, kept):
    run(binary, server, rawfiles.path(name), "--name", f"import/serf/{kept}", "--series-zone", "America/Denver", "--type", "double", "--sample-t", kept, "--keep-empty")
    compare(conn, f"import/serf/{kept}", rawfiles.plain(name, "measured_on", column, period, "America/Denver"))


@pytest.mark.parametrize("kind, mask, status", [("interpolated", "interpolated_data_mask", rawfiles.SUBSTITUTE), ("stale", "stale_data_mask", rawfiles.LAST_USABLE)])
def test_the_inverter_with_a_mask_of_doubtful_values(binary, server, conn, kind, mask, status):
    name = f"ac_power_inv_2173_{kind}_data.csv"
    run(binary, server, rawfiles.path(name), "--name", f"import/inverter/{kind}", "--quality-mask", f"{mask}=uncertain:{status:#x}", "--type", "double", "--sample-t", "15m", "--zone", "UTC", "--keep-empty")
    compare(conn, f"import/inverter/{kind}", rawfiles.plain(name, "timestamp", "value_normalized", "15min", "UTC", mask, status))


def autumn(tmp_path):
    """A grid's load by the hour on the wall clock of Berlin, with the hour from 2 to 3 twice in October and missing in March."""
    index = pd.date_range("2024-01-01", "2025-01-01", freq="1h", tz="Europe/Berlin", inclusive="left")
    frame = pd.DataFrame({"stamp": index.tz_localize(None).strftime("%d.%m.%Y %H:%M"), "load": (40_000 + np.arange(len(index)) % 997) / 10})
    path = tmp_path / "load.csv"
    frame.to_csv(path, index=False, sep=";", decimal=",")
    return path, index, frame


def test_a_year_of_wall_clock_with_the_repeated_hour(binary, server, conn, tmp_path):
    path, index, frame = autumn(tmp_path)
    report = run(binary, server, path, "--name", "import/load", "--zone", "Europe/Berlin", "--decimal", ",", "--type", "double", "--sample-t", "1h", "--time", "stamp", "--time-format", "%d.%m.%Y %H:%M")
    assert report["refused_rows"] == 0 and report["samples"] == len(index) == 8784
    got = stored(conn, "import/load")
    assert (pd.DatetimeIndex(got["time"]) == index.tz_convert("UTC")).all()
    assert got["value"].tolist() == frame["load"].tolist()


def test_stamps_that_never_were_are_refused_with_their_lines_and_the_rest_is_stored(binary, server, conn, tmp_path):
    path = tmp_path / "spring.csv"
    path.write_text("time,value\n2024-03-31 01:30,1\n2024-03-31 02:30,2\n2024-03-31 03:30,3\nnonsense,4\n2024-03-31 04:30,warm\n2024-03-31 05:30,inf\n2024-03-31 06:30,7\n")
    report = run(binary, server, path, "--name", "import/spring", "--zone", "Europe/Berlin", "--type", "double", "--sample-t", "1h", "--phase", "30 minutes", code=2)
    assert [r["line"] for r in report["refusals"]] == [3, 5, 6, 7]
    assert stored(conn, "import/spring")["value"].tolist() == [1.0, 3.0, 7.0]
    run(binary, server, path, "--name", "import/spring/stop", "--zone", "Europe/Berlin", "--type", "double", "--sample-t", "1h", "--on-error", "stop", code=1)


def test_parquet_with_a_zone_a_dictionary_and_an_index_of_pandas(binary, server, conn, tmp_path):
    index = pd.date_range("2024-10-26", periods=200, freq="15min", tz="Europe/Berlin", name="when")
    frame = pd.DataFrame({"tag": pd.Categorical(["a", "b"] * 100), "reading": np.arange(200) / 3}, index=index)
    frame.to_parquet(tmp_path / "tags.parquet")
    run(binary, server, tmp_path / "tags.parquet", "--name", "import/parquet/{tag}", "--time", "when", "--value", "reading", "--type", "double", "--sample-t", "30m", "--snap")
    for tag, first in [("a", 0), ("b", 1)]:
        got = stored(conn, f"import/parquet/{tag}")
        assert got["value"].tolist() == frame["reading"].iloc[first::2].tolist()
        # b is stamped a quarter past and three quarters past: its slots begin a quarter earlier.
        assert (pd.DatetimeIndex(got["time"]) == index[first::2].tz_convert("UTC").floor("30min")).all()


def test_a_dry_run_stores_nothing(binary, server, conn, tmp_path):
    path, index, _ = autumn(tmp_path)
    report = run(binary, server, path, "--name", "import/dry", "--zone", "Europe/Berlin", "--decimal", ",", "--type", "double", "--sample-t", "1h", "--time", "stamp", "--time-format", "%d.%m.%Y %H:%M", "--dry-run")
    assert report["samples"] == len(index) and report["dry_run"]
    assert pd.read_sql("SELECT count(*) AS n FROM series WHERE series = 'import/dry'", conn)["n"][0] == 0


@pytest.mark.parametrize(
    "content, arguments, words",
    [
        (b"", [], ""),
        (b"time,value\n", ["--time", "when"], "when"),
        (b"time,value\n2024-01-01,1\n", ["--value", "reading"], "reading"),
        (b"time,value\n2024-01-01 00:00,1\n", ["--zone", "Mars/Olympus"], "Mars/Olympus"),
        (b"time,value\n2024-01-01 00:00,1\n", [], "zone"),
        (b"\x1f\x8b\x08\x00broken", ["--zone", "UTC"], ""),
        (b"PAR1 not really PAR1", ["--format", "parquet"], ""),
        (bytes(range(256)) * 10, ["--zone", "UTC"], ""),
    ],
    ids=["empty", "no such time", "no such value", "unknown zone", "no zone", "torn gzip", "no parquet", "noise"],
)
def test_files_that_cannot_be_read_give_one_clear_error(binary, server, tmp_path, content, arguments, words):
    path = tmp_path / ("file.csv.gz" if content.startswith(b"\x1f\x8b") else "file.csv")
    path.write_bytes(content)
    done = subprocess.run([binary, "import", "--server", server.uri, path, "--name", "import/broken", "--type", "double", "--sample-t", "1h", *arguments], capture_output=True, text=True, timeout=60, check=False)
    said = done.stdout + done.stderr
    assert done.returncode in (1, 2), said
    assert words in said and "goroutine" not in said and "panic" not in said, said


def test_a_directory_and_a_missing_file_are_refused(binary, server, tmp_path):
    for path in [tmp_path, tmp_path / "nothing.csv"]:
        done = subprocess.run([binary, "import", "--server", server.uri, path, "--name", "import/x", "--type", "double", "--sample-t", "1h"], capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 1 and path.name in done.stderr


def test_query_prints_what_the_client_reads(binary, server, conn, tmp_path):
    """The program's own client in every format, against ADBC."""
    sql = "SELECT n, n / 4.0 AS q, CASE WHEN n % 3 = 0 THEN 'three' END AS t, timestamptz '2024-01-01 00:00+00' + make_interval(hours => n) AS at FROM generate_series(1, 7) AS g(n)"
    want = pd.read_sql(sql, conn)

    def query(fmt, *more):
        done = subprocess.run([binary, "query", "--server", server.uri, "--format", fmt, *more, sql], capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    for fmt in ["parquet", "arrow"]:
        path = tmp_path / f"out.{fmt}"
        query(fmt, "-o", str(path))
        got = pd.read_parquet(path) if fmt == "parquet" else read_arrow(path)
        pd.testing.assert_frame_equal(got, want, check_dtype=False)
    rows = json.loads(query("json"))
    assert [r["q"] for r in rows] == want["q"].tolist() and [r["t"] for r in rows] == [None if pd.isna(t) else t for t in want["t"]]
    assert [json.loads(line)["n"] for line in query("jsonl").splitlines()] == list(range(1, 8))
    import io

    got = pd.read_csv(io.StringIO(query("csv")))
    assert got["q"].tolist() == want["q"].tolist()
    assert "three" in query("table")


def read_arrow(path):
    import pyarrow as pa

    with pa.memory_map(str(path)) as source:
        try:
            return pa.ipc.open_file(source).read_pandas()
        except pa.ArrowInvalid:
            return pa.ipc.open_stream(source).read_pandas()


ZONES = [
    "UTC", "Europe/Berlin", "Europe/London", "Europe/Lisbon", "Africa/Cairo", "Africa/Casablanca", "Asia/Kolkata", "Asia/Kathmandu", "Asia/Tehran",
    "Asia/Shanghai", "Asia/Tokyo", "Australia/Melbourne", "Australia/Adelaide", "Australia/Lord_Howe", "Pacific/Auckland", "Pacific/Chatham",
    "America/St_Johns", "America/Denver", "America/Santiago", "America/Sao_Paulo",
]


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize(("freq", "shift", "n"), [("D", "0h", 800), ("MS", "0h", 40), ("30min", "15min", 3000), ("h", "14min", 2000)])
def test_the_grid_of_local_data_is_found_and_nothing_moves(binary, server, conn, tmp_path, zone, freq, shift, n):
    local = pd.date_range("2023-01-01", periods=n, freq=freq) + pd.Timedelta(shift)
    # What the clock showed: local hours that it skipped are no stamps, repeated ones come once, as in most exports.
    stamps = local.tz_localize(zone, nonexistent="NaT", ambiguous=True)
    keep = stamps.notna()
    frame = pd.DataFrame({"v": range(n)}, index=stamps)[keep]
    path = tmp_path / "local.csv"
    frame.assign(time=local[keep]).to_csv(path, columns=["time", "v"], index=False, date_format="%Y-%m-%d %H:%M")
    name = f"import/local/{zone}/{freq}"
    report = run(binary, server, path, "--name", name, "--zone", zone, "--type", "double", "--sample-t", "auto")
    assert report["samples"] == len(frame) and report["off_grid"] == 0 and report["duplicates"] == 0
    got = pd.read_sql(f"SELECT time, value FROM samples WHERE series = '{name}' ORDER BY time", conn)
    assert list(got["time"].dt.tz_convert("UTC")) == list(frame.index.tz_convert("UTC"))
    assert list(got["value"]) == list(frame["v"])
    means = pd.read_sql(f"SELECT local_bucket('1 month', time, '{zone}') AS month, avg(value) AS v FROM samples WHERE series = '{name}' GROUP BY 1 ORDER BY 1", conn)
    want = frame["v"].groupby(frame.index.tz_localize(None).to_period("M")).mean()
    assert list(means["v"]) == pytest.approx(list(want), rel=1e-12)


@pytest.mark.parametrize(
    ("file", "read"),
    [
        ("machine_temperature_system_failure.csv", lambda path: pd.read_csv(path, parse_dates=["timestamp"]).drop_duplicates("timestamp", keep="last").set_index("timestamp")),
        (
            "beijing_pm25_pollution.csv",
            lambda path: pd.read_csv(path).assign(time=lambda f: pd.to_datetime(f[["year", "month", "day", "hour"]])).set_index("time").drop(columns=["No", "year", "month", "day", "hour"], errors="ignore"),
        ),
    ],
)
def test_the_command_that_is_suggested_imports_at_the_first_try(binary, server, conn, file, read):
    path = str(rawfiles.path(file))
    done = subprocess.run([binary, "import", "--suggest", path], capture_output=True, text=True, timeout=120, check=True)
    words = shlex.split(done.stdout.split("\n\n")[0].replace("\\\n", " "))
    assert words[:3] == ["trellis", "import", path]
    name = words.index("--name") + 1
    words[name] = "suggest/" + words[name]
    report = run(binary, server, *words[2:])
    assert report["refused_rows"] == report["refused_values"] == 0
    frame = read(path)
    for column in frame.select_dtypes("number"):
        series = words[name].replace("{column}", column)
        got = pd.read_sql(f"SELECT count(value) AS n, avg(value) AS mean FROM samples WHERE series = '{series}'", conn)
        assert got["n"][0] == frame[column].count(), column
        np.testing.assert_allclose(got["mean"][0], frame[column].mean(), rtol=1e-12)
