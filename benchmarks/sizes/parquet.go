package main

import (
	"fmt"
	"path/filepath"

	"github.com/apache/arrow-go/v18/parquet/file"

	"github.com/trellisdb/trellis/columnar"
)

// parquets are series in Parquet files of two columns: instants in microseconds
// and floats of 32 bits, which some rows lack.
var parquets = []struct {
	name, file string
	period     int64
}{
	{"PV irradiance, 32 bits", "pv/system_15_poa_irradiance.parquet", 15 * minute},
	{"PV module temperature, 32 bits", "pv/system_4_module_temperature.parquet", 15 * minute},
	{"PV plant power, 32 bits", "pv/system_50_ac_power_2_full_DST.parquet", 15 * minute},
}

// readParquet reads the rows that have a value.
func readParquet(dir, name, path string, period int64) (dataSet, error) {
	r, err := file.OpenParquetFile(filepath.Join(dir, filepath.FromSlash(path)), false)
	if err != nil {
		return dataSet{}, err
	}
	defer func() { _ = r.Close() }() // it was only read
	s := dataSet{name: name, grid: columnar.Grid{Period: period, BlockLen: columnar.DefaultBlockLen(period)}}
	bySlot := map[int64]float64{}
	for i := range r.NumRowGroups() {
		group := r.RowGroup(i)
		n := group.NumRows()
		times, floats, defined := make([]int64, n), make([]float32, n), make([]int16, n)
		first, err := group.Column(0)
		if err != nil {
			return dataSet{}, err
		}
		second, err := group.Column(1)
		if err != nil {
			return dataSet{}, err
		}
		instants, ok1 := first.(*file.Int64ColumnChunkReader)
		values, ok2 := second.(*file.Float32ColumnChunkReader)
		if !ok1 || !ok2 {
			return dataSet{}, fmt.Errorf("columns of %v and %v, not of instants and 32-bit floats", first.Type(), second.Type())
		}
		for at := int64(0); at < n; {
			read, got, err := instants.ReadBatch(n-at, times[at:], defined[at:], nil)
			if err != nil || read == 0 || int64(got) != read {
				return dataSet{}, fmt.Errorf("row %d has no instant: %w", at, err)
			}
			at += read
		}
		next := 0
		for at := int64(0); at < n; {
			read, got, err := values.ReadBatch(n-at, floats[next:], defined[at:], nil)
			if err != nil || read == 0 {
				return dataSet{}, fmt.Errorf("row %d: %w", at, err)
			}
			at, next = at+read, next+got
		}
		next = 0
		for row, t := range times {
			if defined[row] > 0 {
				bySlot[s.grid.Slot(t)] = float64(floats[next])
				next++
			}
		}
	}
	s.fill(bySlot)
	return s, nil
}
