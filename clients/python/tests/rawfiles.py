"""The real files that are bundled with the demo, read by pandas as their sources describe them.

Nothing here knows Trellis: only what the files' README says, and how quality follows from it.
"""

from pathlib import Path

import numpy as np
import pandas as pd

from server import ROOT

DATA = ROOT / "cmd" / "trellis" / "internal" / "demo" / "data"

GOOD, BAD, NO_DATA, LAST_USABLE, SUBSTITUTE = 0, 0x80000000, 0x809B0000, 0x40900000, 0x40910000

# Columns of AirQualityUCI.csv and the series that the demo makes of them.
AIR = {
    "CO(GT)": "co", "PT08.S1(CO)": "co.sensor", "NMHC(GT)": "nmhc", "C6H6(GT)": "benzene", "PT08.S2(NMHC)": "nmhc.sensor", "NOx(GT)": "nox", "PT08.S3(NOx)": "nox.sensor",
    "NO2(GT)": "no2", "PT08.S4(NO2)": "no2.sensor", "PT08.S5(O3)": "o3.sensor", "T": "temperature", "RH": "humidity", "AH": "humidity.absolute",
}
BEIJING = {"pm2.5": "air/pm25", "DEWP": "air/dew.point", "TEMP": "air/temperature", "PRES": "air/pressure", "Iws": "wind/run", "Is": "snow/hours", "Ir": "rain/hours"}


def path(name):
    return DATA / f"{name}.gz"


def samples(index, raw, status, period, zone):
    """A frame of samples as they are to be stored: one for each slot of the grid, the last of those in one."""
    frame = pd.DataFrame({"raw": np.asarray(raw, object if getattr(raw, "dtype", None) == object else float), "status": np.asarray(status)}, index=pd.DatetimeIndex(index).as_unit("us"))
    frame.index = frame.index.floor(period)
    frame = frame[~frame.index.duplicated(keep="last")].sort_index()
    frame["quality"] = np.select([frame["status"] >= 0x80000000, frame["status"] >= 0x40000000], ["bad", "uncertain"], "good")
    frame["value"] = frame["raw"].where(frame["quality"] != "bad")
    frame["local"] = frame.index.tz_convert(zone).tz_localize(None)
    return frame


def air():
    """The Italian street: local time at +01:00, decimal comma, -200 for bad."""
    raw = pd.read_csv(path("AirQualityUCI.csv"), sep=";", decimal=",").dropna(how="all").dropna(axis=1, how="all")
    index = pd.to_datetime(raw["Date"] + " " + raw["Time"], format="%d/%m/%Y %H.%M.%S").dt.tz_localize("+01:00").dt.tz_convert("UTC")
    return {f"italy/air/{name}": samples(index, raw[column].to_numpy(), np.where(raw[column] == -200, BAD, GOOD), "1h", "+01:00") for column, name in AIR.items()}


def beijing():
    """Beijing: stamps in four columns, NA for missing, a direction of the wind as text."""
    raw = pd.read_csv(path("beijing_pm25_pollution.csv"), keep_default_na=False, na_values={column: ["NA"] for column in BEIJING})
    index = pd.to_datetime(raw[["year", "month", "day", "hour"]]).dt.tz_localize("Asia/Shanghai").dt.tz_convert("UTC")
    out = {f"beijing/{name}": samples(index, raw[column].to_numpy(float), np.where(raw[column].isna(), NO_DATA, GOOD), "1h", "Asia/Shanghai") for column, name in BEIJING.items()}
    out["beijing/wind/direction"] = samples(index, raw["cbwd"].to_numpy(object), np.full(len(raw), GOOD), "1h", "Asia/Shanghai")
    return out


def plain(name, time, column, period, zone, mask=None, masked=GOOD):
    """A file with a column of stamps and one of values; an empty value is no value."""
    raw = pd.read_csv(path(name))
    index = pd.to_datetime(raw[time], utc=True)
    value = raw[column].to_numpy(float)
    status = np.where(np.isnan(value), NO_DATA, np.where(raw[mask], masked, GOOD) if mask else GOOD)
    return samples(index, value, status, period, zone)


def everything():
    """All bundled series by the names that the demo gives them."""
    return {
        **air(),
        **beijing(),
        "factory/machine/temperature": plain("machine_temperature_system_failure.csv", "timestamp", "value", "5min", "UTC"),
        "office/air/temperature": plain("ambient_temperature_system_failure.csv", "timestamp", "value", "1h", "UTC"),
        "colorado/pv/power.15min": plain("serf_east_15min_ac_power.csv", "measured_on", "ac_power", "15min", "America/Denver"),
        "colorado/pv/power.1min": plain("serf_east_1min_ac_power.csv", "measured_on", "ac_power__752", "1min", "America/Denver"),
        "inverter2173/power.filled": plain("ac_power_inv_2173_interpolated_data.csv", "timestamp", "value_normalized", "15min", "UTC", "interpolated_data_mask", SUBSTITUTE),
        "inverter2173/power.stale": plain("ac_power_inv_2173_stale_data.csv", "timestamp", "value_normalized", "15min", "UTC", "stale_data_mask", LAST_USABLE),
    }


# The formula of the demo's series at 1 Hz, written anew from its statement.


def mix(x):
    x = x * 625341585 & 2147483647
    x = x ^ x >> 15
    x = x * 739982445 & 2147483647
    return x ^ x >> 12


def wave(x, period, height):
    h = period // 2
    p = x % period
    q = p % h
    y = 4 * height * q * (h - q) // (h * h)
    return np.where(p < h, y, -y)


def temperature(begin, end):
    """The formula's temperatures for the seconds from one on, up to another."""
    t = np.arange(begin, end, dtype=np.int64)
    m = t - t % 60
    k, r = m // 21600, m % 21600
    weather = (mix(k) % 701 * (21600 - r) + mix(k + 1) % 701 * r) // 21600 - 350
    h = mix(t)
    jitter = (h & 15) + (h >> 8 & 15) - 15
    return (1450 + wave(m + 35240, 86400, 620) + wave(m + 6679638, 31556952, 700) + weather + jitter) / 100.0
