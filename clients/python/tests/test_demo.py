"""The demo's answers, recomputed from the raw files and from the stated formula.

TRELLIS_DEMO_YEARS is how many years of the formula (0.5); every question of the demo has to be in here.
"""

import json
import math
import os
import subprocess

import numpy as np
import pandas as pd
import pytest

import rawfiles

YEARS = os.environ.get("TRELLIS_DEMO_YEARS", "0.5")
FORMED, SANTIAGO = "santiago/air/temperature", "America/Santiago"
KINDS = {"beijing/air/temperature": ("Beijing", "Asia/Shanghai"), "italy/air/temperature": ("Italy", "+01:00")}


@pytest.fixture(scope="module")
def demo(binary, tmp_path_factory):
    """The answers, and what the demo printed."""
    answers = tmp_path_factory.mktemp("demo") / "answers.json"
    done = subprocess.run([binary, "demo", "--once", "--years", YEARS, "--answers", answers, "--listen", "127.0.0.1:0"], capture_output=True, text=True, timeout=280, check=False)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return json.loads(answers.read_text()), done.stdout


@pytest.fixture(scope="module")
def formed(demo):
    return Formed(demo[0]["formula"]["from"], demo[0]["formula"]["to"])


@pytest.fixture(scope="module")
def raw():
    return rawfiles.everything()


class Formed:
    """The formula's series, made bin by bin."""

    def __init__(self, begin, end):
        self.begin, self.end = begin, end
        # Santiago's offsets are whole hours, so hours tile its days and months.
        hours = pd.to_datetime(np.arange(begin, end, 3600), unit="s", utc=True)
        self.hours = pd.DataFrame({"begin": np.arange(begin, end, 3600)}, index=hours)
        self.hours["local"] = hours.tz_convert(SANTIAGO).tz_localize(None)

    def values(self, hours):
        """The values of some hours."""
        begins = hours["begin"].to_numpy()
        cuts = np.flatnonzero(np.diff(begins) != 3600) + 1
        runs = np.split(begins, cuts)
        return np.concatenate([rawfiles.temperature(run[0], run[-1] + 3600) for run in runs])

    def bins(self, label):
        """The bins of a label of local time: the label, its first instant, the hours."""
        for key, hours in self.hours.groupby(label(self.hours["local"]), sort=True):
            begin = key.start_time if isinstance(key, pd.Period) else pd.Timestamp(key) if isinstance(key, pd.Timestamp) else pd.Timestamp(year=key, month=1, day=1)
            yield key, begin.tz_localize(SANTIAGO, nonexistent="shift_forward", ambiguous=True).tz_convert("UTC"), hours


def stats(values):
    return {"avg": math.fsum(values) / len(values), "min": float(values.min()), "max": float(values.max())}


def instant(t):
    return t.strftime("%Y-%m-%dT%H:%M:%SZ")


def local(t):
    return t.strftime("%Y-%m-%dT%H:%M:%S")


def month(t):
    return t.dt.to_period("M")


def day(t):
    return t.dt.normalize()


def by_month(formed, raw):
    return [{"month": instant(first), "samples": 3600 * len(hours), **stats(formed.values(hours))} for _, first, hours in formed.bins(month)]


def odd_days(formed, raw):
    return [{"day": local(key), "hours": len(hours), **stats(formed.values(hours))} for key, _, hours in formed.bins(day) if len(hours) != 24][::-1]


def week(formed, raw):
    days = [b for b in formed.bins(day) if pd.Timestamp("2024-09-05") <= b[0] < pd.Timestamp("2024-09-12")]
    return [{"begins": instant(first), "hours": len(hours), **stats(formed.values(hours))} for _, first, hours in days]


def mornings(formed, raw):
    out = []
    for name, (_, zone) in sorted(KINDS.items()):
        frame = raw[name][raw[name]["local"].dt.hour == 6]
        out.append({"series": name, "zone": zone, "samples": len(frame), **stats(frame["value"].dropna().astype(float))})
    six = formed.hours[formed.hours["local"].dt.hour == 6]
    return [*out, {"series": FORMED, "zone": SANTIAGO, "samples": 3600 * len(six), **stats(formed.values(six))}]


def worth(formed, raw):
    out = []
    for name, frame in raw.items():
        good = int((frame["quality"] == "good").sum())
        minutes = good * {"colorado/pv/power.15min": 15, "colorado/pv/power.1min": 1, "factory/machine/temperature": 5}.get(name, 15 if name.startswith("inverter") else 60)
        out.append({"series": name, "samples": len(frame), "good_pct": 100 * good / len(frame), "good_duration": f"{minutes // 60:02}:{minutes % 60:02}:00"})
    out.append({"series": FORMED, "samples": formed.end - formed.begin, "good_pct": 100.0})
    return sorted(out, key=lambda row: (row["good_pct"], row["series"]))[:10]


def statuses(formed, raw):
    out = []
    for name in ["inverter2173/power.filled", "inverter2173/power.stale"]:
        for status, frame in raw[name].groupby("status"):
            mean = {c: math.fsum(v) / len(v) if len(v := frame[c].dropna()) else None for c in ("value", "raw")}
            out.append({"series": name, "quality": frame["quality"].iloc[0], "status": f"{status:x}", "samples": len(frame), "avg": mean["value"], "raw": mean["raw"]})
    return out


def yearly(formed, raw):
    out = []
    for name, (site, _) in KINDS.items():
        for year, frame in raw[name].groupby(raw[name]["local"].dt.year):
            out.append({"site": site, "year": f"{year}-01-01T00:00:00", **stats(frame["value"].dropna().astype(float))})
    for year, _, hours in formed.bins(lambda t: t.dt.year):
        out.append({"site": "Santiago", "year": f"{year}-01-01T00:00:00", **stats(formed.values(hours))})
    return sorted(out, key=lambda row: (row["site"], row["year"]))


def extremes(formed, raw):
    out = []
    for name in sorted(KINDS):
        v = raw[name]["value"].dropna().astype(float)
        at = raw[name]["local"]
        out.append({"series": name, "min": v.min(), "coldest": local(at[v.idxmin()]), "max": v.max(), "warmest": local(at[v.idxmax()])})
    v = np.concatenate([formed.values(hours) for _, _, hours in formed.bins(month)])
    when = {k: pd.Timestamp(formed.begin + int(i), unit="s", tz="UTC").tz_convert(SANTIAGO) for k, i in [("coldest", v.argmin()), ("warmest", v.argmax())]}
    return [*out, {"series": FORMED, "min": float(v.min()), "coldest": local(when["coldest"]), "max": float(v.max()), "warmest": local(when["warmest"])}]


def energy(formed, raw):
    out = []
    frame = raw["colorado/pv/power.15min"]
    for _, part in frame.groupby(frame["local"].dt.to_period("M")):
        v = part["value"].dropna().astype(float)
        t = (v.index - v.index[0]).total_seconds().to_numpy()
        area = math.fsum((v.to_numpy()[1:] + v.to_numpy()[:-1]) / 2 * np.diff(t))
        first = part["local"].iloc[0].to_period("M").start_time.tz_localize("America/Denver").tz_convert("UTC")
        out.append({"month": instant(first), "watts": area / t[-1], "kwh": area / 3600 / 1000, "max": v.max()})
    return out


def winds(formed, raw):
    both = raw["beijing/air/pm25"].join(raw["beijing/wind/direction"][["raw"]].rename(columns={"raw": "wind"}), how="inner")
    out = []
    for wind, part in both.groupby("wind"):
        v = part["value"].dropna().astype(float)
        out.append({"wind": wind, "hours": len(part), "pm25": math.fsum(v) / len(v), "max": v.max()})
    return sorted(out, key=lambda row: -row["pm25"])


# By what the SQL asks, so that a change of wording in the titles does not matter.
RECOMPUTED = [
    ("time_bucket('1 month', time) AS month, count(*) AS samples", by_month),
    ("HAVING count(*) <> 24 * 3600", odd_days),
    ("local_time >= '2024-09-05'", week),
    ("extract(hour FROM local_time) = 6", mornings),
    ("good_pct(quality)", worth),
    ("to_hex(status)", statuses),
    ("local_bucket('1 year', time)", yearly),
    ("min_by(time, value)", extremes),
    ("integral(value, 'hour')", energy),
    ("w.text AS wind", winds),
]


def same(got, want, path=""):
    assert set(want) <= set(got), f"{path}: {got} lacks some of {list(want)}"
    for key, value in want.items():
        if isinstance(value, float) and key not in ("min", "max", "avg", "raw", "pm25"):
            assert got[key] == pytest.approx(value, rel=1e-12), f"{path}: {key}: {got[key]}, want {value}"
        else:
            assert got[key] == value, f"{path}: {key}: {got[key]!r}, want {value!r}"


def test_every_answer_is_what_the_raw_files_and_the_formula_say(demo, formed, raw):
    checked = 0
    for question in demo[0]["questions"]:
        if question["sql"].startswith("EXPLAIN") or "system." in question["sql"]:
            continue
        found = [f for mark, f in RECOMPUTED if mark in question["sql"]]
        assert found, f"nothing recomputes {question['title']!r}: {question['sql']}"
        want = found[0](formed, raw)
        assert len(question["rows"]) == len(want), f"{question['title']}: {len(question['rows'])} rows, want {len(want)}"
        for i, (got, row) in enumerate(zip(question["rows"], want)):
            same(got, row, f"{question['title']}, row {i + 1}")
        checked += 1
    assert checked >= 6


def test_the_first_question_is_answered_from_summaries_alone_and_without_them_alike(demo):
    first, second = demo[0]["questions"][:2]
    assert first["sql"] == second["sql"] and first["rows"] == second["rows"]
    assert first["blocks"]["decoded"] == 0 and first["blocks"]["summarized"] > 0
    assert second["blocks"]["decoded"] > 0 and second["blocks"]["summarized"] == 0


def test_it_counts_what_it_stored(demo, formed, raw):
    stored = next(q for q in demo[0]["questions"] if "system.segments" in q["sql"])["rows"][0]
    assert stored["samples"] == formed.end - formed.begin + sum(len(frame) for frame in raw.values())


def test_its_tables_and_block_counts_are_printed(demo):
    answers, printed = demo
    assert printed.count("blocks:") >= 6 and "EXPLAIN ANALYZE" in printed
    for question in answers["questions"]:
        assert question["title"] in printed


def test_the_formula_in_the_answers_is_the_one_recomputed(demo):
    text = demo[0]["formula"]["formula"]
    for number in ["625341585", "739982445", "35240", "6679638", "31556952", "21600", "1450", "620", "700", "701", "350"]:
        assert number in text
