package codec

import (
	"cmp"
	"math"
	"math/rand"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// sampleColumn reads one of the real columns of testdata/alp.
func sampleColumn(t testing.TB, name string) []float64 { return readColumn(t, "alp", name) }

// readColumn reads a column of a folder of testdata.
func readColumn(t testing.TB, folder, name string) []float64 {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", folder, name+".csv"))
	if err != nil {
		t.Fatal(err)
	}
	var values []float64
	for _, field := range strings.Fields(string(text)) {
		x, err := strconv.ParseFloat(field, 64)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		values = append(values, x)
	}
	return values
}

// sensor is a day's wave with noise around it, one value a second: white noise of
// the given deviation, or a random walk of such steps.
func sensor(n int, deviation float64, walk bool, decimals int) []float64 {
	rng := rand.New(rand.NewSource(1))
	values, drift, scale := make([]float64, n), 0.0, math.Pow10(decimals)
	for i := range values {
		noise := deviation * rng.NormFloat64()
		if walk {
			drift += noise
			noise = drift
		}
		x := 20 + 5*math.Sin(2*math.Pi*float64(i)/86400) + noise
		if decimals >= 0 {
			x = math.Round(x*scale) / scale
		}
		values[i] = x
	}
	return values
}

// blockLength is the default block of a series at one value a second.
const blockLength = 3600

// bitsPerValue encodes values in blocks of that length.
func bitsPerValue(t testing.TB, e *Encoder, values []float64, length int) float64 {
	t.Helper()
	var column []byte
	size := 0
	for from := 0; from < len(values); from += length {
		var err error
		if column, err = e.AppendFloat64s(column[:0], values[from:min(from+length, len(values))], Auto); err != nil {
			t.Fatal(err)
		}
		size += len(column)
	}
	return float64(size) * 8 / float64(len(values))
}

// TestSizes holds the sizes that were reached, in bits per value; unrounded noise
// of deviation 0.25 around 20 has an entropy of 48.1 bits.
func TestSizes(t *testing.T) {
	const day = 86400
	e := NewEncoder()
	scaled, half := sensor(day, 0.25, false, 2), sensor(day, 0.25, false, 2)
	for i := range scaled {
		scaled[i] *= 1.02
		if i%blockLength > blockLength/2 {
			half[i] = scaled[i]
		}
	}
	for _, test := range []struct {
		name   string
		values []float64
		most   float64
		length int // of a block, where it is not blockLength
	}{
		{"a day, noise 0.25, rounded to 0.01", sensor(day, 0.25, false, 2), 7.3, 0},
		{"a day, noise 0.25, unrounded", sensor(day, 0.25, false, -1), 49.25, 0},
		{"a day, walk of 0.02, rounded to 0.01", sensor(day, 0.02, true, 2), 3.45, 0},
		{"a day, walk of 0.02, unrounded", sensor(day, 0.02, true, -1), 45.15, 0},
		{"a day, noise 0.25, rounded to 0.01, times 1.02", scaled, 7.5, 0},
		{"a day, noise 0.25, rounded to 0.01, half of it times 1.02", half, 8.75, 0},
		{"neon_bio_temp_c", sampleColumn(t, "neon_bio_temp_c"), 5.1, 0},
		{"neon_air_pressure", sampleColumn(t, "neon_air_pressure"), 7.45, 0},
		{"neon_pm10_dust", sampleColumn(t, "neon_pm10_dust"), 3.5, 0},
		{"city_temperature_f", sampleColumn(t, "city_temperature_f"), 8.25, 0},
		{"basel_wind_f", sampleColumn(t, "basel_wind_f"), 16.7, 0},
		{"air_sensor_f", sampleColumn(t, "air_sensor_f"), 49.45, 0},
		{"stocks_usa_c", sampleColumn(t, "stocks_usa_c"), 2.95, 0},
		{"food_prices", sampleColumn(t, "food_prices"), 11.1, 0},
		{"bitcoin_transactions_f", sampleColumn(t, "bitcoin_transactions_f"), 27, 0},
		{"nyc29", sampleColumn(t, "nyc29"), 13.4, 0},
		{"poi_lat", sampleColumn(t, "poi_lat"), 55.85, 0},
		{"gov26", sampleColumn(t, "gov26"), 0.03, 0},
		{"gov30", sampleColumn(t, "gov30"), 0.22, 0},
		{"cms9", sampleColumn(t, "cms9"), 8.4, 0},
		{"basel_temp_f", sampleColumn(t, "basel_temp_f"), 13.85, 0},
		{"neon_wind_dir", sampleColumn(t, "neon_wind_dir"), 16.2, 0},
		{"cms1", sampleColumn(t, "cms1"), 30, 0},
		{"gov10", sampleColumn(t, "gov10"), 21.15, 0},
		{"medicare1", sampleColumn(t, "medicare1"), 17.8, 0},
		{"machine_temperature", readColumn(t, "sensors", "machine_temperature"), 30, 576},
		{"ac_power_1min", readColumn(t, "sensors", "ac_power_1min"), 15.65, 1440},
		{"ac_power_inverter", readColumn(t, "sensors", "ac_power_inverter"), 11.55, 768},
		{"ssd_hdd_benchmarks_f", sampleColumn(t, "ssd_hdd_benchmarks_f"), 4.2, 0},
	} {
		got := bitsPerValue(t, e, test.values, cmp.Or(test.length, blockLength))
		t.Logf("%-40s %6.2f bits per value", test.name, got)
		if got > test.most {
			t.Errorf("%s: %.2f bits per value, at most %.2f before", test.name, got, test.most)
		}
	}
}
