package trellis_test

import (
	"context"
	"fmt"
	"math/big"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/trellisdb/trellis"
	"github.com/trellisdb/trellis/columnar"
	"github.com/trellisdb/trellis/columnar/zone"
	"github.com/trellisdb/trellis/engine/plan"
)

// sample is what the model holds of a slot.
type sample struct {
	value  float64
	status columnar.Status
}

// modelSeries is a series of the soak test and all that was written to it.
type modelSeries struct {
	name    string
	zone    string
	period  int64
	series  columnar.Series
	samples map[int64]sample
}

// soak is a database under random operations, and a map that does the same.
type soak struct {
	t      *testing.T
	dir    string
	db     *trellis.DB
	random *rand.Rand
	series []*modelSeries
}

// TestSoak writes, overwrites, flushes, closes and opens at random for a time (1 s,
// or TRELLIS_SOAK), and compares the answers to random questions with those of a
// plain map, summed with math/big.
func TestSoak(t *testing.T) {
	length := time.Second
	if text := os.Getenv("TRELLIS_SOAK"); text != "" {
		var err error
		if length, err = time.ParseDuration(text); err != nil {
			t.Fatal(err)
		}
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	s := &soak{t: t, dir: t.TempDir(), random: rand.New(rand.NewPCG(seed, 1))}
	s.db = openTest(t, s.dir)
	s.create("berlin/s", "Europe/Berlin", "1 second", 60)
	s.create("santiago/min", "America/Santiago", "1 minute", 0)
	s.create("howe/15m", "Australia/Lord_Howe", "15 minutes", 16)
	steps := 0
	for begin := time.Now(); time.Since(begin) < length; steps++ {
		s.step()
	}
	t.Logf("%d steps", steps)
	if err := s.db.Close(context.WithoutCancel(t.Context())); err != nil {
		t.Fatal(err)
	}
}

func (s *soak) create(name, z, period string, blockLen int64) {
	d := embedded{s.db.Engine, s.db.Engine.NewSession("soak")}
	text := fmt.Sprintf(`INSERT INTO series (series, type, sample_t, zone) VALUES ('%s', 'double', '%s', '%s')`, name, period, z)
	if blockLen > 0 {
		text = fmt.Sprintf(`INSERT INTO series (series, type, sample_t, zone, block_n) VALUES ('%s', 'double', '%s', '%s', %d)`, name, period, z, blockLen)
	}
	if _, err := d.exec(s.t.Context(), text); err != nil {
		s.t.Fatal(err)
	}
	all, err := s.db.Catalog.Series(s.t.Context())
	if err != nil {
		s.t.Fatal(err)
	}
	for _, made := range all {
		if made.Name == name {
			s.series = append(s.series, &modelSeries{name: name, zone: z, period: made.Grid.Period, series: made.Series, samples: map[int64]sample{}})
		}
	}
}

// step does one random thing.
func (s *soak) step() {
	switch n := s.random.IntN(100); {
	case n < 40:
		s.write()
	case n < 90:
		s.ask()
	case n < 98:
		if err := s.db.Store.Flush(s.t.Context()); err != nil {
			s.t.Fatal(err)
		}
	default:
		if err := s.db.Close(context.WithoutCancel(s.t.Context())); err != nil {
			s.t.Fatal(err)
		}
		s.db = openTest(s.t, s.dir)
	}
}

// soakBegin is a slot boundary of all series, three days before clocks change in
// Santiago and Lord Howe: 2024-04-04T00:00:00Z.
const soakBegin = 1_712_188_800_000_000

// write writes a run of samples, in order or late, some of them bad or uncertain.
func (s *soak) write() {
	m := s.series[s.random.IntN(len(s.series))]
	first := soakBegin/m.period + s.random.Int64N(8*24*3600*1_000_000/m.period)
	out := columnar.Samples{Series: m.series}
	statuses := s.random.IntN(3) == 0
	for slot := first; slot < first+1+s.random.Int64N(200); slot++ {
		if s.random.IntN(50) == 0 {
			continue
		}
		x := sample{value: s.random.NormFloat64() * 1e3}
		if s.random.IntN(2) == 0 {
			x.value = float64(s.random.IntN(10_000)) / 100
		}
		if statuses {
			x.status = []columnar.Status{columnar.StatusGood, columnar.StatusUncertain, columnar.StatusBad}[s.random.IntN(3)]
			out.Status = append(out.Status, x.status)
		}
		out.Times = append(out.Times, slot*m.period)
		out.Floats = append(out.Floats, x.value)
		m.samples[slot] = x
	}
	if err := s.db.Store.Append(s.t.Context(), []columnar.Samples{out}); err != nil {
		s.t.Fatal(err)
	}
}

// question is a random question about one series.
type question struct {
	series   *modelSeries
	width    string
	bins     zone.Bins
	from, to int64
	quality  string // condition on quality, may be empty
	hour     int    // local hour that is asked for; negative: all
}

// ask compares the answers to a random question.
func (s *soak) ask() {
	m := s.series[s.random.IntN(len(s.series))]
	widths := map[string]zone.Width{"1 hour": {Micros: 3_600_000_000}, "6 hours": {Micros: 6 * 3_600_000_000}, "1 day": {Days: 1}, "1 week": {Days: 7}, "1 month": {Months: 1}, "15 minutes": {Micros: 900_000_000}}
	names := []string{"1 hour", "6 hours", "1 day", "1 week", "1 month", "15 minutes"}
	q := question{series: m, width: names[s.random.IntN(len(names))], hour: s.random.IntN(48) - 24}
	q.from = soakBegin + s.random.Int64N(6*24*3600)*1_000_000
	q.to = q.from + s.random.Int64N(5*24*3600)*1_000_000
	q.quality = []string{"", "", "good", "uncertain", "bad"}[s.random.IntN(5)]
	z, err := zone.Load(m.zone)
	if err != nil {
		s.t.Fatal(err)
	}
	if q.bins, err = zone.NewBins(widths[q.width], z, zone.DefaultOrigin(widths[q.width])); err != nil {
		s.t.Fatal(err)
	}
	session := s.db.Engine.NewSession("soak")
	if s.random.IntN(4) == 0 {
		off := "off"
		if err := session.Set("trellis.summaries", &off); err != nil {
			s.t.Fatal(err)
		}
	}
	_, rows, err := embedded{s.db.Engine, session}.query(s.t.Context(), q.sql())
	if err != nil {
		s.t.Fatalf("%s: %v", q.sql(), err)
	}
	if want := q.answer(); !slices.EqualFunc(rows, want, slices.Equal) {
		s.t.Fatalf("%s:\ngot  %v\nwant %v", q.sql(), rows, want)
	}
}

func (q *question) sql() string {
	conditions := []string{
		fmt.Sprintf("series = '%s'", q.series.name),
		fmt.Sprintf("time >= '%s'", plan.FormatTimestamptz(q.from, zone.UTC)),
		fmt.Sprintf("time < '%s'", plan.FormatTimestamptz(q.to, zone.UTC)),
	}
	if q.quality != "" {
		conditions = append(conditions, fmt.Sprintf("quality = '%s'", q.quality))
	}
	if q.hour >= 0 {
		conditions = append(conditions, fmt.Sprintf("extract(hour FROM local_time) = %d", q.hour))
	}
	return fmt.Sprintf(`SELECT time_bucket('%s', time) AS bin, count(*), count(value), sum(value), min(value), max(value), first(value), last(value) FROM samples WHERE %s GROUP BY 1 ORDER BY 1`,
		q.width, strings.Join(conditions, " AND "))
}

// answer is the question's answer by the model.
func (q *question) answer() [][]string {
	m := q.series
	var slots []int64
	for slot, x := range m.samples {
		t := slot * m.period
		hour := (q.bins.Zone().Local(t) / 3_600_000_000) % 24
		if t < q.from || t >= q.to || q.quality != "" && x.status.Quality().String() != q.quality || q.hour >= 0 && hour != int64(q.hour) {
			continue
		}
		slots = append(slots, slot)
	}
	slices.Sort(slots)
	var rows [][]string
	for len(slots) > 0 {
		bin := q.bins.At(slots[0] * m.period)
		n := 0
		var values []float64
		for n < len(slots) && slots[n]*m.period < bin.To {
			if x := m.samples[slots[n]]; x.status.Quality() != columnar.Bad {
				values = append(values, x.value)
			}
			n++
		}
		rows = append(rows, binRow(bin, n, values))
		slots = slots[n:]
	}
	return rows
}

// binRow is the row of a bin with n samples, of which those that are not bad have
// the given values.
func binRow(bin zone.Bin, n int, values []float64) []string {
	row := []string{plan.FormatTimestamptz(bin.From, zone.UTC), fmt.Sprint(n), fmt.Sprint(len(values))}
	if len(values) == 0 {
		return append(row, "NULL", "NULL", "NULL", "NULL", "NULL")
	}
	sum := new(big.Float).SetPrec(4096)
	for _, v := range values {
		sum.Add(sum, big.NewFloat(v))
	}
	total, _ := sum.Float64()
	for _, v := range []float64{total, slices.Min(values), slices.Max(values), values[0], values[len(values)-1]} {
		row = append(row, plan.FormatDouble(v))
	}
	return row
}
