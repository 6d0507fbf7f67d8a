package demo

import (
	"io/fs"
	"testing"

	"github.com/apache/arrow-go/v18/arrow/array"
)

func TestFilesAreReadWhole(t *testing.T) {
	// Counted in the published files by other means (grep, wc).
	want := map[string]tally{
		"AirQualityUCI.csv":                       {rows: 9357, samples: 13 * 9357, bad: 16_701},
		"beijing_pm25_pollution.csv":              {rows: 43_824, samples: 8 * 43_824, missing: 2067},
		"machine_temperature_system_failure.csv":  {rows: 22_695, samples: 22_695},
		"ambient_temperature_system_failure.csv":  {rows: 7267, samples: 7267},
		"serf_east_15min_ac_power.csv":            {rows: 10_000, samples: 10_000},
		"serf_east_1min_ac_power.csv":             {rows: 2607, samples: 2607},
		"ac_power_inv_2173_interpolated_data.csv": {rows: 3000, samples: 3000, uncertain: 1254},
		"ac_power_inv_2173_stale_data.csv":        {rows: 3000, samples: 3000, missing: 1149, uncertain: 245},
	}
	for _, f := range files {
		batches, got, err := f.read()
		if err != nil {
			t.Fatal(err)
		}
		if got != want[f.name] {
			t.Errorf("%s holds %+v, want %+v", f.name, got, want[f.name])
		}
		for _, b := range batches {
			if b.NumRows() != got.rows {
				t.Errorf("%s: a batch has %d rows, the file %d", f.name, b.NumRows(), got.rows)
			}
		}
	}
}

func TestStampsBecomeInstants(t *testing.T) {
	// The first stamps of the files, by hand.
	want := map[string]int64{
		"AirQualityUCI.csv":                       1_078_938_000, // 2004-03-10 18:00 +01:00
		"beijing_pm25_pollution.csv":              1_262_275_200, // 2010-01-01 00:00 +08:00
		"machine_temperature_system_failure.csv":  1_386_018_900, // 2013-12-02 21:15 UTC
		"ambient_temperature_system_failure.csv":  1_372_896_000, // 2013-07-04 00:00 UTC
		"serf_east_15min_ac_power.csv":            1_467_356_400, // 2016-07-01 00:00 -07:00
		"serf_east_1min_ac_power.csv":             1_647_603_180, // 2022-03-18 04:33 -07:00
		"ac_power_inv_2173_interpolated_data.csv": 1_293_632_100, // 2010-12-29 14:15 UTC
		"ac_power_inv_2173_stale_data.csv":        1_293_632_100,
	}
	for _, f := range files {
		batches, _, err := f.read()
		if err != nil {
			t.Fatal(err)
		}
		if got := int64(batches[0].Column(1).(*array.Timestamp).Value(0)); got != want[f.name]*1_000_000 {
			t.Errorf("%s begins at %d, want %d", f.name, got, want[f.name])
		}
	}
}

func TestFilesAreSmall(t *testing.T) {
	total := int64(0)
	entries, err := bundled.ReadDir("data")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		info, err := fs.Stat(bundled, "data/"+e.Name())
		if err != nil {
			t.Fatal(err)
		}
		total += info.Size()
	}
	if total == 0 || total > 5<<20 {
		t.Errorf("the files take %d bytes", total)
	}
}
