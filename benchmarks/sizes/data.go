package main

import (
	"bytes"
	"encoding/binary"
	"encoding/csv"
	"fmt"
	"math"
	"math/rand"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/trellisdb/trellis/columnar"
)

// dataSet is a series to measure: the samples that there are, by slot.
type dataSet struct {
	name   string
	grid   columnar.Grid
	slots  []int64
	values []float64
	best   figure // the best of other tools on the same values
	peer   string // column in the published tables, where best is from there

	synthetic bool // made here, and long
}

// figure is what somebody reached, in bits per value.
type figure struct {
	bits float64
	by   string
}

const (
	second = 1_000_000
	minute = 60 * second
	hour   = 60 * minute
)

// stamped says where in a table of text a series is.
type stamped struct {
	name, file string
	period     int64
	layout     string
	column     int
	comma      rune
	decimalsBy string // the decimal separator, where it is no point
	missing    string // what stands for no value
	stamp      int    // the column where the stamp begins
	stamps     int    // its columns, where it has several
	best       figure
}

// The figures of other tools are those of ClickHouse 26.7 with blocks of 64 KiB,
// the best of its codecs.
var tables = []stamped{
	{name: "NAB machine temperature", file: "nab/machine_temperature_system_failure.csv", period: 5 * minute, layout: time.DateTime, column: 1, best: figure{37.5, "ClickHouse ALP"}},
	{name: "NAB ambient temperature", file: "nab/ambient_temperature_system_failure.csv", period: hour, layout: time.DateTime, column: 1},
	{name: "PV 15 min", file: "pv/serf_east_15min_ac_power.csv", period: 15 * minute, layout: "2006-01-02 15:04:05-07:00", column: 1, best: figure{27.1, "ClickHouse ALP"}},
	{name: "PV 1 min", file: "pv/serf_east_1min_ac_power.csv", period: minute, layout: "2006-01-02 15:04:05-07:00", column: 1, best: figure{23.6, "ClickHouse ALP+Zstd"}},
	{name: "PV inverter, interpolated", file: "pv/ac_power_inv_2173_interpolated_data.csv", period: 15 * minute, layout: "2006-01-02 15:04:05-07:00", column: 1},
	{name: "PV inverter, stale", file: "pv/ac_power_inv_2173_stale_data.csv", period: 15 * minute, layout: "2006-01-02 15:04:05-07:00", column: 1},
	{name: "Air quality, CO", file: "airquality/AirQualityUCI.csv", period: hour, layout: "02/01/2006 15.04.05", column: 2, comma: ';', decimalsBy: ",", stamps: 2},
	{name: "Air quality, tin oxide sensor", file: "airquality/AirQualityUCI.csv", period: hour, layout: "02/01/2006 15.04.05", column: 3, comma: ';', decimalsBy: ",", stamps: 2},
	{name: "Air quality, temperature", file: "airquality/AirQualityUCI.csv", period: hour, layout: "02/01/2006 15.04.05", column: 12, comma: ';', decimalsBy: ",", stamps: 2},
	{name: "Air quality, absolute humidity", file: "airquality/AirQualityUCI.csv", period: hour, layout: "02/01/2006 15.04.05", column: 14, comma: ';', decimalsBy: ",", stamps: 2},
	{name: "Beijing, PM2.5", file: "airquality/beijing_pm25_pollution.csv", period: hour, layout: "2006 1 2 15", column: 5, missing: "NA", stamp: 1, stamps: 4},
	{name: "Beijing, dew point", file: "airquality/beijing_pm25_pollution.csv", period: hour, layout: "2006 1 2 15", column: 6, missing: "NA", stamp: 1, stamps: 4},
	{name: "Beijing, temperature", file: "airquality/beijing_pm25_pollution.csv", period: hour, layout: "2006 1 2 15", column: 7, missing: "NA", stamp: 1, stamps: 4},
	{name: "Beijing, pressure", file: "airquality/beijing_pm25_pollution.csv", period: hour, layout: "2006 1 2 15", column: 8, missing: "NA", stamp: 1, stamps: 4},
	{name: "Beijing, wind, accumulated", file: "airquality/beijing_pm25_pollution.csv", period: hour, layout: "2006 1 2 15", column: 10, missing: "NA", stamp: 1, stamps: 4},
}

// rowGroups are whole row groups of columns of the ALP paper, and what ClickHouse
// 26.7 makes of them.
var rowGroups = []struct {
	name string
	best figure
}{
	{"city_temperature_f", figure{9.9, "ClickHouse ALP+Zstd"}},
	{"food_prices", figure{14.4, "ClickHouse ALP+Zstd"}},
	{"nyc29", figure{28.6, "ClickHouse Zstd"}},
	{"gov26", figure{0.37, "ClickHouse, best"}},
	{"bitcoin_transactions_f", figure{33.4, "ClickHouse ALP+Zstd"}},
}

// rowGroupBlocks are the lengths of block that row groups are measured with: the
// vector of the ALP paper, the most that a default block has, which is also the
// 64 KiB of the other tool, and the most that a block may have.
var rowGroupBlocks = []int64{1024, 8192, columnar.MaxBlockLen}

// dataSets reads and makes everything that is measured.
func dataSets(dir string) ([]dataSet, error) {
	sets := []dataSet{
		sensor("a year at 1 Hz, rounded to 0.01", 2, figure{1.18 * 8, "VictoriaMetrics"}),
		sensor("a year at 1 Hz, unrounded", -1, figure{6.49 * 8, "ClickHouse"}),
	}
	for _, t := range tables {
		s, err := t.read(dir)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", t.file, err)
		}
		sets = append(sets, s)
	}
	for _, p := range parquets {
		s, err := readParquet(dir, p.name, p.file, p.period)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", p.file, err)
		}
		sets = append(sets, s)
	}
	for _, g := range rowGroups {
		values, err := rowGroup(filepath.Join(dir, "alp", "rowgroups", g.name+"_tw.bin"))
		if err != nil {
			values, err = rowGroup(filepath.Join(dir, "alp", "rowgroups", g.name+".bin"))
		}
		if err != nil {
			return nil, err
		}
		for _, length := range rowGroupBlocks {
			sets = append(sets, whole(fmt.Sprintf("ALP row group %s", g.name), values, length, g.best))
		}
	}
	files, err := filepath.Glob(filepath.Join(dir, "alp", "samples", "*.csv"))
	if err != nil {
		return nil, err
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		var values []float64
		for _, field := range strings.Fields(string(text)) {
			x, err := strconv.ParseFloat(field, 64)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", file, err)
			}
			values = append(values, x)
		}
		column := strings.TrimSuffix(filepath.Base(file), ".csv")
		s := whole("ALP sample "+column, values, 1024, figure{})
		s.peer = column
		sets = append(sets, s)
	}
	return sets, nil
}

// sensor is a year of a day's wave with white noise of deviation 0.25 around it.
func sensor(name string, decimals int, best figure) dataSet {
	const n = 365 * 86400
	rng := rand.New(rand.NewSource(1))
	values, scale := make([]float64, n), math.Pow10(decimals)
	for i := range values {
		x := 20 + 5*math.Sin(2*math.Pi*float64(i)/86400) + 0.25*rng.NormFloat64()
		if decimals >= 0 {
			x = math.Round(x*scale) / scale
		}
		values[i] = x
	}
	s := whole(name, values, columnar.DefaultBlockLen(second), best)
	s.synthetic = true
	return s
}

// whole is a series without gaps.
func whole(name string, values []float64, blockLen int64, best figure) dataSet {
	s := dataSet{name: name, grid: columnar.Grid{Period: second, BlockLen: blockLen}, values: values, best: best}
	s.slots = make([]int64, len(values))
	for i := range s.slots {
		s.slots[i] = int64(i)
	}
	return s
}

// read reads a table of text. Of two samples in a slot the last one stays.
func (t stamped) read(dir string) (dataSet, error) {
	text, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(t.file)))
	if err != nil {
		return dataSet{}, err
	}
	r := csv.NewReader(bytes.NewReader(text))
	r.FieldsPerRecord = -1
	if t.comma != 0 {
		r.Comma = t.comma
	}
	records, err := r.ReadAll()
	if err != nil {
		return dataSet{}, err
	}
	s := dataSet{name: t.name, best: t.best, grid: columnar.Grid{Period: t.period, BlockLen: columnar.DefaultBlockLen(t.period)}}
	bySlot := map[int64]float64{}
	for _, record := range records[1:] {
		stamp, field := strings.Join(record[t.stamp:t.stamp+max(t.stamps, 1)], " "), record[t.column]
		if stamp = strings.TrimSpace(stamp); stamp == "" || field == t.missing {
			continue
		}
		if t.decimalsBy != "" {
			field = strings.Replace(field, t.decimalsBy, ".", 1)
		}
		at, err := time.Parse(t.layout, stamp)
		if err != nil {
			return dataSet{}, err
		}
		x, err := strconv.ParseFloat(field, 64)
		if err != nil {
			return dataSet{}, err
		}
		bySlot[s.grid.Slot(at.UnixMicro())] = x
	}
	s.fill(bySlot)
	return s, nil
}

// fill takes the values in the order of their slots.
func (s *dataSet) fill(bySlot map[int64]float64) {
	for slot := range bySlot {
		s.slots = append(s.slots, slot)
	}
	slices.Sort(s.slots)
	for _, slot := range s.slots {
		s.values = append(s.values, bySlot[slot])
	}
}

// rowGroup reads little-endian doubles.
func rowGroup(file string) ([]float64, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	values := make([]float64, len(data)/8)
	for i := range values {
		values[i] = math.Float64frombits(binary.LittleEndian.Uint64(data[8*i:]))
	}
	return values, nil
}
