package demo

import (
	"bytes"
	"compress/gzip"
	"encoding/csv"
	"encoding/json"
	"math"
	"math/big"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/trellisdb/trellis/columnar/zone"
)

// row is a row of an answer.
type row map[string]any

// shown are the answers of a short demo, by the beginning of their titles.
type shown struct {
	text    string
	answers answers
}

func (s *shown) rows(t *testing.T, title string) []row {
	t.Helper()
	for _, a := range s.answers.Questions {
		if strings.HasPrefix(a.Title, title) {
			var rows []row
			if err := json.Unmarshal(a.Rows, &rows); err != nil {
				t.Fatal(err)
			}
			return rows
		}
	}
	t.Fatalf("there is no question %q", title)
	return nil
}

// shortDemo runs a demo of a tenth of a year.
func shortDemo(t *testing.T) *shown {
	t.Helper()
	name := filepath.Join(t.TempDir(), "answers.json")
	var text bytes.Buffer
	err := Run(t.Context(), Options{Listen: "127.0.0.1:0", Years: 0.1, Once: true, Answers: name, Out: &text, Clock: time.Now})
	if err != nil {
		t.Fatalf("%v\n%s", err, text.String())
	}
	raw, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	s := &shown{text: text.String()}
	if err := json.Unmarshal(raw, &s.answers); err != nil {
		t.Fatal(err)
	}
	return s
}

func TestTheDemoAnswersWhatAPlainComputationDoes(t *testing.T) {
	s := shortDemo(t)
	days := formulaByDay(t)
	t.Run("months of the formula", func(t *testing.T) {
		equalFormula(t, s.rows(t, "Ten years at a sample"), "month", months(days), func(g *group) float64 { return float64(g.n) }, "samples")
	})
	t.Run("days in the week of the clock change", func(t *testing.T) {
		var week []*group
		for _, g := range days {
			if day := g.label.Format(time.DateOnly); day >= "2024-09-05" && day < "2024-09-12" {
				week = append(week, g)
			}
		}
		equalFormula(t, s.rows(t, "The week in which"), "begins", week, func(g *group) float64 { return float64(g.n / 3600) }, "hours")
	})
	t.Run("dust by wind", func(t *testing.T) { dustByWind(t, s.rows(t, "Which wind brings")) })
	t.Run("share of good samples", func(t *testing.T) { goodShare(t, s.rows(t, "What the sensors are worth")) })
	t.Run("statuses of the inverter", func(t *testing.T) { statuses(t, s.rows(t, "Why the samples")) })
	t.Run("six in the morning in Italy", func(t *testing.T) { sixInItaly(t, s.rows(t, "How warm")) })
	t.Run("no block is decoded for months", func(t *testing.T) {
		if b := s.answers.Questions[0].Blocks; b.Decoded != 0 || b.Summarized != s.answers.Formula.hours() {
			t.Errorf("the months touched %+v", *b)
		}
	})
	t.Run("the tables say what the answers say", func(t *testing.T) {
		for _, words := range []string{"2024-09-08 01:00:00-03 │    23 │ 10.64", "all integers", "to the last bit", "answered by summary"} {
			if !strings.Contains(s.text, words) {
				t.Errorf("the text has no %q:\n%s", words, s.text)
			}
		}
	})
}

// hours returns how many hours the formula's series has.
func (f formulaFacts) hours() int64 { return (f.To - f.From) / 3600 }

// group is what a plain computation finds for one bin.
type group struct {
	label    time.Time // local
	begin    time.Time
	n        int64
	sum      *big.Float
	min, max float64
}

// add adds a value without rounding.
func (g *group) add(v float64) {
	if g.n == 0 {
		g.sum, g.min, g.max = new(big.Float).SetPrec(200), math.Inf(1), math.Inf(-1)
	}
	g.n++
	g.sum.Add(g.sum, big.NewFloat(v))
	g.min, g.max = min(g.min, v), max(g.max, v)
}

// avg returns the sum, rounded once, divided by the count.
func (g *group) avg() float64 {
	sum, _ := g.sum.Float64()
	return sum / float64(g.n)
}

// formulaByDay groups the formula's samples by local day.
func formulaByDay(t *testing.T) []*group {
	t.Helper()
	z, err := zone.Load(santiago)
	if err != nil {
		t.Fatal(err)
	}
	var days []*group
	for s := Years(0.1).From; s < Years(0.1).To; s++ {
		day := time.UnixMicro(z.Local(s * 1_000_000)).UTC().Truncate(24 * time.Hour)
		if len(days) == 0 || !days[len(days)-1].label.Equal(day) {
			days = append(days, &group{label: day, begin: time.Unix(s, 0).UTC()})
		}
		days[len(days)-1].add(Temperature(s))
	}
	return days
}

// months joins days to months.
func months(days []*group) []*group {
	var out []*group
	for _, d := range days {
		if len(out) == 0 || out[len(out)-1].label.Month() != d.label.Month() {
			out = append(out, &group{label: d.label, begin: d.begin, sum: new(big.Float).SetPrec(200), min: d.min, max: d.max})
		}
		m := out[len(out)-1]
		m.n += d.n
		m.sum.Add(m.sum, d.sum)
		m.min, m.max = min(m.min, d.min), max(m.max, d.max)
	}
	return out
}

func equalFormula(t *testing.T, got []row, begin string, want []*group, count func(*group) float64, name string) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%d rows, want %d", len(got), len(want))
	}
	for i, g := range want {
		expected := row{begin: g.begin.Format(time.RFC3339), name: count(g), "avg": g.avg(), "min": g.min, "max": g.max}
		for column, value := range expected {
			if got[i][column] != value {
				t.Errorf("row %d: %s is %v, want %v", i, column, got[i][column], value)
			}
		}
	}
}

// rawFile returns the header and the rows of a bundled file.
func rawFile(t *testing.T, name string, comma rune) (map[string]int, [][]string) {
	t.Helper()
	packed, err := os.Open(filepath.Join("data", name+".gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = packed.Close() }()
	plain, err := gzip.NewReader(packed)
	if err != nil {
		t.Fatal(err)
	}
	r := csv.NewReader(plain)
	r.Comma = comma
	rows, err := r.ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	at := map[string]int{}
	for i, column := range rows[0] {
		at[column] = i
	}
	return at, rows[1:]
}

func number(t *testing.T, text string) float64 {
	t.Helper()
	v, err := strconv.ParseFloat(strings.Replace(text, ",", ".", 1), 64)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func dustByWind(t *testing.T, got []row) {
	at, rows := rawFile(t, "beijing_pm25_pollution.csv", ',')
	hours, dust := map[string]float64{}, map[string]*group{}
	for _, r := range rows {
		wind, pm := r[at["cbwd"]], r[at["pm2.5"]]
		hours[wind]++
		if dust[wind] == nil {
			dust[wind] = &group{}
		}
		if pm != "NA" {
			dust[wind].add(number(t, pm))
		}
	}
	if len(got) != len(hours) {
		t.Fatalf("%d winds, want %d", len(got), len(hours))
	}
	last := math.Inf(1)
	for _, r := range got {
		wind := r["wind"].(string)
		if r["hours"] != hours[wind] || r["pm25"] != dust[wind].avg() || r["max"] != dust[wind].max {
			t.Errorf("wind %s: %v, want %v hours, mean %v, most %v", wind, r, hours[wind], dust[wind].avg(), dust[wind].max)
		}
		if r["pm25"].(float64) > last {
			t.Errorf("wind %s is out of order", wind)
		}
		last = r["pm25"].(float64)
	}
}

func goodShare(t *testing.T, got []row) {
	at, rows := rawFile(t, "AirQualityUCI.csv", ';')
	share := func(column string) float64 {
		good, all := 0.0, 0.0
		for _, r := range rows {
			if r[0] == "" {
				continue
			}
			all++
			if number(t, r[at[column]]) != -200 {
				good++
			}
		}
		return 100 * good / all
	}
	want := map[string]float64{
		"italy/air/nmhc": share("NMHC(GT)"), "italy/air/co": share("CO(GT)"), "italy/air/benzene": share("C6H6(GT)"),
		"beijing/air/pm25": 100 * float64(43_824-2067) / 43_824,
	}
	for _, r := range got {
		name := r["series"].(string)
		if pct, ok := want[name]; ok {
			if math.Abs(r["good_pct"].(float64)-pct) > 1e-12 {
				t.Errorf("%s: %v %% good, want %v", name, r["good_pct"], pct)
			}
			delete(want, name)
		}
	}
	if len(want) > 0 {
		t.Errorf("no rows for %v", want)
	}
}

func statuses(t *testing.T, got []row) {
	at, rows := rawFile(t, "ac_power_inv_2173_stale_data.csv", ',')
	want := map[string]*group{}
	for _, r := range rows {
		status := "0"
		switch {
		case r[at["value_normalized"]] == "":
			status = "809b0000"
		case r[at["stale_data_mask"]] == "True":
			status = "40900000"
		}
		if want[status] == nil {
			want[status] = &group{}
		}
		if v := r[at["value_normalized"]]; v != "" {
			want[status].add(number(t, v))
		} else {
			want[status].n++
		}
	}
	for _, r := range got {
		if r["series"] != "inverter2173/power.stale" {
			continue
		}
		status := r["status"].(string)
		g, ok := want[status]
		if !ok {
			t.Fatalf("status %s is not in the file", status)
		}
		delete(want, status)
		if r["samples"] != float64(g.n) || g.sum != nil && r["avg"] != g.avg() || g.sum == nil && r["avg"] != nil {
			t.Errorf("status %s: %v, want %d samples", status, r, g.n)
		}
	}
	if len(want) > 0 {
		t.Errorf("no rows for %d statuses", len(want))
	}
}

func sixInItaly(t *testing.T, got []row) {
	at, rows := rawFile(t, "AirQualityUCI.csv", ';')
	want := &group{}
	samples := 0.0
	for _, r := range rows {
		if r[1] != "06.00.00" {
			continue
		}
		samples++
		if v := number(t, r[at["T"]]); v != -200 {
			want.add(v)
		}
	}
	for _, r := range got {
		if r["series"] == "italy/air/temperature" {
			if r["samples"] != samples || r["avg"] != want.avg() || r["min"] != want.min || r["max"] != want.max {
				t.Errorf("%v, want %v samples, mean %v, from %v to %v", r, samples, want.avg(), want.min, want.max)
			}
			return
		}
	}
	t.Error("there is no row for Italy")
}

func TestADirectoryThatIsNamedIsKept(t *testing.T) {
	dir := t.TempDir()
	for _, again := range []bool{false, true} {
		var text bytes.Buffer
		err := Run(t.Context(), Options{Dir: dir, Listen: "127.0.0.1:0", Years: 0.01, Once: true, Out: &text, Terminal: true, Clock: time.Now})
		if err != nil {
			t.Fatalf("%v\n%s", err, text.String())
		}
		if got := strings.Contains(text.String(), "is stored already"); got != again {
			t.Errorf("the years are stored already: %v, want %v", got, again)
		}
		if bar := strings.Contains(text.String(), "100% "); bar == again {
			t.Errorf("a bar is shown: %v, want %v", bar, !again)
		}
	}
}

func TestYearsOutOfRangeAreRefused(t *testing.T) {
	for _, years := range []float64{0, -1, math.NaN(), 51} {
		if err := Run(t.Context(), Options{Years: years, Out: &bytes.Buffer{}, Clock: time.Now}); err == nil {
			t.Errorf("%v years are taken", years)
		}
	}
}
