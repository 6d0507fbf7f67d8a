package main

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// columnNames are the columns of the published tables, by the name of our sample.
var columnNames = map[string]string{
	"neon_air_pressure": "Air-Pressure", "arade4": "Arade/4", "basel_temp_f": "Basel-Temp", "basel_wind_f": "Basel-Wind",
	"bird_migration_f": "Bird-Mig", "bitcoin_f": "Btc-Price", "bitcoin_transactions_f": "Blockchain", "city_temperature_f": "City-Temp",
	"cms1": "CMS/1", "cms9": "CMS/9", "cms25": "CMS/25", "neon_dew_point_temp": "Dew-Temp", "neon_bio_temp_c": "Bio-Temp",
	"food_prices": "Food-prices", "gov10": "Gov/10", "gov26": "Gov/26", "gov30": "Gov/30", "gov31": "Gov/31", "gov40": "Gov/40",
	"medicare1": "Medicare/1", "medicare9": "Medicare/9", "neon_pm10_dust": "PM10-dust", "nyc29": "NYC/29", "poi_lat": "POI-lat",
	"poi_lon": "POI-lon", "ssd_hdd_benchmarks_f": "SD-bench", "stocks_de": "Stocks-DE", "stocks_uk": "Stocks-UK",
	"stocks_usa_c": "Stocks-USA", "neon_wind_dir": "Wind-dir",
}

// published gives, by the name of our sample, the best figure of the ALP paper over
// the whole column.
func published(dir string) (map[string]figure, error) {
	tools := map[string]string{
		"alp": "ALP", "alp_rd": "ALP-RD", "chimp": "Chimp", "chimp128": "Chimp128", "elf": "Elf",
		"gorillas": "Gorilla", "patas": "Patas", "pde": "PDE", "zstd": "Zstd",
	}
	best := map[string]figure{}
	for file, tool := range tools {
		text, err := os.ReadFile(filepath.Join(dir, "alp", "published_bits_per_value", file+".csv"))
		if err != nil {
			return nil, err
		}
		records, err := csv.NewReader(bytes.NewReader(text)).ReadAll()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		for _, record := range records[1:] {
			bits, err := strconv.ParseFloat(record[1], 64)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", file, err)
			}
			if b, ok := best[record[0]]; !ok || bits < b.bits {
				best[record[0]] = figure{bits, tool + ", whole column"}
			}
		}
	}
	ours := map[string]figure{}
	for sample, column := range columnNames {
		b, ok := best[column]
		if !ok {
			return nil, fmt.Errorf("no published size of %s", column)
		}
		ours[sample] = b
	}
	return ours, nil
}

// write prints the table.
func write(w io.Writer, rows []row, speed bool) error {
	var text strings.Builder
	head := []string{"data set", "samples", "block", "bits per sample", "column alone", "best elsewhere", "by", "ratio", "zstd here", "ALP here", "ratio"}
	if speed {
		head = append(head, "encoded, M/s", "decoded, M/s")
	}
	fmt.Fprintf(&text, "| %s |\n|%s\n", strings.Join(head, " | "), aligned(len(head)))
	for _, r := range rows {
		cells := []string{r.name, fmt.Sprint(len(r.values)), fmt.Sprint(r.grid.BlockLen), decimals(r.blockBits), decimals(r.columnBits), "–", "–", "–", "–", "–", "–"}
		if r.best.bits > 0 {
			cells[5], cells[6], cells[7] = decimals(r.best.bits), r.best.by, fmt.Sprintf("%.2f", r.blockBits/r.best.bits)
		}
		if !r.synthetic {
			cells[8], cells[9], cells[10] = decimals(r.zstdBits), decimals(r.alpBits), fmt.Sprintf("%.2f", r.blockBits/min(r.zstdBits, r.alpBits))
		}
		if speed {
			cells = append(cells, fmt.Sprintf("%.0f", r.encode), fmt.Sprintf("%.0f", r.decode))
		}
		fmt.Fprintf(&text, "| %s |\n", strings.Join(cells, " | "))
	}
	_, err := io.WriteString(w, text.String())
	return err
}

// aligned is the row under the head: text on the left, numbers on the right.
func aligned(columns int) string {
	var b strings.Builder
	for i := range columns {
		if i == 0 || i == 6 {
			b.WriteString("---|")
		} else {
			b.WriteString("---:|")
		}
	}
	return b.String()
}

func decimals(x float64) string { return fmt.Sprintf("%.2f", x) }
