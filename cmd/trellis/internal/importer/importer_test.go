package importer

import (
	"bufio"
	"context"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"
	"github.com/klauspost/compress/zstd"

	"github.com/trellisdb/trellis"
	"github.com/trellisdb/trellis/cmd/trellis/internal/client"
	"github.com/trellisdb/trellis/columnar"
	"github.com/trellisdb/trellis/columnar/zone"
)

func clockOf() int64 { return time.Now().UnixMicro() }

// open returns a connection to a new database in a directory.
func openDir(t *testing.T) client.Conn {
	t.Helper()
	conn, err := client.OpenDir(t.Context(), trellis.Options{Dir: t.TempDir(), Clock: clockOf})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
	})
	return conn
}

// rows returns the answer to a query, a text for each row.
func rows(t *testing.T, conn client.Conn, query string) (out []string) {
	t.Helper()
	result, err := conn.Run(t.Context(), query, nil)
	if err != nil {
		t.Fatal(err)
	}
	for {
		batch, err := result.Rows.Next(t.Context())
		if err != nil {
			break
		}
		for i := range int(batch.NumRows()) {
			row := make([]string, batch.NumCols())
			for k, col := range batch.Columns() {
				row[k] = col.ValueStr(i)
			}
			out = append(out, strings.Join(row, " "))
		}
		batch.Release()
	}
	if err := result.Rows.Close(); err != nil {
		t.Fatal(err)
	}
	return out
}

// write writes a file for a test.
func write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// described are the options of a series of doubles at a second.
func described(files ...string) Options {
	return Options{
		Files: files, Name: "x/{column}", Clock: clockOf, Time: TimeOptions{Zone: zone.UTC},
		Attributes: map[string]ByColumn{"type": {"": "double"}, "sample_t": {"": "1 second"}},
	}
}

func TestEveryValueIsCountedOnce(t *testing.T) {
	path := write(t, "a.csv", strings.Join([]string{
		"time,a,b,c", // c is empty for good
		"2024-01-01 00:00:00,1,2,",
		"2024-01-01 00:00:01,NA,,",
		"2024-01-01 00:00:02,x,3,",
		"soon,1,1,",
		",,,",
		"2024-01-01 00:00:02,4,-1e999,",
		"2024-01-01 00:00:04,5",
	}, "\n"))
	conn := openDir(t)
	r, err := Run(t.Context(), conn, described(path))
	if err != nil {
		t.Fatal(err)
	}
	type counts struct{ rows, samples, void, bad, skipped, refusedRows, refusedValues, duplicates int64 }
	got := counts{r.Rows, r.Samples, r.WithoutValue, r.Bad, r.Skipped, r.RefusedRows, r.RefusedValues, r.Duplicates}
	// Skipped: b once, c in four rows, three of the empty row.
	if want := (counts{7, 5, 1, 1, 8, 2, 2, 0}); got != want {
		t.Errorf("counts %+v, want %+v", got, want)
	}
	if got, want := rows(t, conn, "SELECT series FROM series ORDER BY 1"), []string{"x/a", "x/b"}; !slices.Equal(got, want) {
		t.Errorf("series %q, want %q: a column without values makes none", got, want)
	}
}

func TestTheSameSlotTwiceKeepsTheLast(t *testing.T) {
	path := write(t, "a.csv", "time,v\n2024-01-01 00:00:00.1,1\n2024-01-01 00:00:00.9,2\n2024-01-01 00:00:00.5,3\n2023-12-31 23:59:59,0\n")
	conn := openDir(t)
	o := described(path)
	o.Name, o.Snap = "x", true
	r, err := Run(t.Context(), conn, o)
	if err != nil || r.Duplicates != 2 || r.Samples != 2 || r.OffGrid != 3 || r.MaxShift != 900_000 {
		t.Fatalf("%+v, %v", r, err)
	}
	if got := rows(t, conn, "SELECT value FROM samples ORDER BY time"); !slices.Equal(got, []string{"0", "3"}) {
		t.Errorf("the samples are %q", got)
	}
}

func TestFilesOfManyChunksAndSeriesArrive(t *testing.T) {
	var b strings.Builder
	b.WriteString("tag;when;value\n")
	const n, tags = 60_000, 7
	start := time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)
	for i := range n {
		b.WriteString("t" + string(rune('0'+i%tags)) + ";" + start.Add(time.Duration(i/tags)*time.Second).Format(time.RFC3339) + ";" + string(rune('0'+i%10)) + "\n")
	}
	path := write(t, "long.csv", b.String())
	compressed := path + ".zst"
	encoder, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(compressed, encoder.EncodeAll([]byte(b.String()), nil), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{path, compressed} {
		conn := openDir(t)
		o := described(file)
		o.Name, o.Time.Columns = "plant/{tag}", []string{"when"}
		o.Attributes["sample_t"] = ByColumn{"": "auto"}
		r, err := Run(t.Context(), conn, o)
		if err != nil || r.Samples != n || r.Created != tags || r.Refused() != 0 {
			t.Fatalf("%+v, %v", r, err)
		}
		if got := rows(t, conn, "SELECT count(*), sum(value), count(DISTINCT series) FROM samples"); got[0] != "60000 270000 7" {
			t.Errorf("%s: %q", file, got)
		}
	}
}

func TestParquetOfEveryTypeIsRead(t *testing.T) {
	mem := memory.DefaultAllocator
	local := &arrow.TimestampType{Unit: arrow.Millisecond}
	zoned := &arrow.TimestampType{Unit: arrow.Nanosecond, TimeZone: "America/Denver"}
	words := &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int8, ValueType: arrow.BinaryTypes.String}
	for _, test := range []struct {
		name string
		at   arrow.DataType
		want string
	}{
		{"stamps without a zone are read on the clock that is named", local, "2023-12-31T23:00:00.000000Z"},
		{"stamps with a zone are instants", zoned, "2024-01-01T00:00:00.000000Z"},
	} {
		schema := arrow.NewSchema([]arrow.Field{
			{Name: "__index_level_0__", Type: test.at},
			{Name: "f32", Type: arrow.PrimitiveTypes.Float32, Nullable: true},
			{Name: "i16", Type: arrow.PrimitiveTypes.Int16},
			{Name: "b", Type: arrow.FixedWidthTypes.Boolean},
			{Name: "w", Type: words},
			{Name: "d", Type: arrow.PrimitiveTypes.Float64},
		}, nil)
		b := array.NewRecordBuilder(mem, schema)
		for i := range 3 {
			at := time.Date(2024, 1, 1, 0, 0, i, 0, time.UTC)
			if test.at == local {
				b.Field(0).(*array.TimestampBuilder).Append(arrow.Timestamp(at.UnixMilli()))
			} else {
				b.Field(0).(*array.TimestampBuilder).Append(arrow.Timestamp(at.UnixNano()))
			}
			if i == 1 {
				b.Field(1).AppendNull()
			} else {
				b.Field(1).(*array.Float32Builder).Append(0.5)
			}
			b.Field(2).(*array.Int16Builder).Append(int16(-i))
			b.Field(3).(*array.BooleanBuilder).Append(i == 2)
			if err := b.Field(4).(*array.BinaryDictionaryBuilder).AppendString([]string{"on", "off"}[i%2]); err != nil {
				t.Fatal(err)
			}
			b.Field(5).(*array.Float64Builder).Append([]float64{1, math.NaN(), math.Inf(1)}[i])
		}
		batch := b.NewRecordBatch()
		path := filepath.Join(t.TempDir(), "all.parquet")
		f, err := os.Create(path)
		if err != nil {
			t.Fatal(err)
		}
		table := array.NewTableFromRecords(schema, []arrow.RecordBatch{batch})
		if err := pqarrow.WriteTable(table, f, 2, parquet.NewWriterProperties(), pqarrow.NewArrowWriterProperties(pqarrow.WithStoreSchema())); err != nil {
			t.Fatal(err)
		}
		conn := openDir(t)
		o := described(path)
		if o.Time.Zone, err = zone.Load("Europe/Berlin"); err != nil {
			t.Fatal(err)
		}
		o.Attributes["type"] = ByColumn{"": "double", "i16": "integer", "b": "boolean", "w": "enum"}
		o.Attributes["states"] = ByColumn{"w": `["off","on"]`}
		r, err := Run(t.Context(), conn, o)
		if err != nil {
			t.Fatalf("%s: %v", test.name, err)
		}
		if r.Samples != 13 || r.Skipped != 1 || r.WithoutValue != 1 || r.RefusedValues != 1 {
			t.Errorf("%s: %+v", test.name, r)
		}
		want := []string{
			"x/b " + test.want + " 0 false", "x/d " + test.want + " 1 (null)", "x/f32 " + test.want + " 0.5 (null)",
			"x/i16 " + test.want + " 0 (null)", "x/w " + test.want + " 1 on",
		}
		got := rows(t, conn, "SELECT series, min(time), min_by(value, time), min_by(text, time) FROM samples GROUP BY 1 ORDER BY 1")
		for i := range got {
			got[i] = strings.Replace(got[i], "T23:00:00Z", "T23:00:00.000000Z", 1)
			got[i] = strings.Replace(got[i], "T00:00:00Z", "T00:00:00.000000Z", 1)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s:\n%q, want\n%q", test.name, got, want)
		}
	}
}

func TestAnImportThatIsInterruptedSaysWhatItStored(t *testing.T) {
	path := write(t, "a.csv", "time,v\n2024-01-01 00:00:00,1\n")
	conn := openDir(t)
	ctx, cancel := context.WithCancel(t.Context())
	o := described(path, path)
	o.Name = "x"
	o.Progress = func(Progress) { cancel() }
	r, err := Run(ctx, conn, o)
	if err == nil || r.Files > 1 {
		t.Errorf("an import went on after it was interrupted: %+v, %v", r, err)
	}
}

func TestANameThatNoSeriesCanHaveIsTheRowsFault(t *testing.T) {
	path := write(t, "a.csv", "time,tag,v\n2024-01-01 00:00:00,a,1\n2024-01-01 00:00:00,b\x01,2\n2024-01-01 00:00:00,,3\n2024-01-01 00:00:01,a,4\n")
	conn := openDir(t)
	o := described(path)
	o.Name = "{tag}"
	o.Attributes["sample_t"] = ByColumn{"": "auto"}
	r, err := Run(t.Context(), conn, o)
	if err != nil || r.Samples != 2 || r.Acknowledged != 2 || r.RefusedValues != 1 || r.RefusedRows != 1 {
		t.Fatalf("%+v, %v", r, err)
	}
	for i, want := range []string{"control character", "there is no name of a series"} {
		if got := r.Refusals[i]; got.Line != int64(3+i) || !strings.Contains(got.Reason, want) {
			t.Errorf("refused %+v, want line %d: %s", got, 3+i, want)
		}
	}
}

func TestADamagedParquetFileIsAnError(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.parquet")
	schema := arrow.NewSchema([]arrow.Field{{Name: "time", Type: arrow.FixedWidthTypes.Timestamp_us}, {Name: "v", Type: arrow.PrimitiveTypes.Float64}}, nil)
	b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
	for i := range 100 {
		b.Field(0).(*array.TimestampBuilder).Append(arrow.Timestamp(i * 1_000_000))
		b.Field(1).(*array.Float64Builder).Append(float64(i))
	}
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	table := array.NewTableFromRecords(schema, []arrow.RecordBatch{b.NewRecordBatch()})
	if err := pqarrow.WriteTable(table, f, 100, parquet.NewWriterProperties(), pqarrow.DefaultWriterProps()); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	conn := openDir(t)
	for at := 4; at < len(whole); at += 7 {
		damaged := slices.Clone(whole)
		damaged[at] ^= 0x55
		o := described(write(t, "damaged.parquet", string(damaged)))
		o.DryRun = true
		if r, err := Run(t.Context(), conn, o); err == nil && r.Rows != 100 {
			t.Errorf("byte %d: %d rows and no error", at, r.Rows)
		}
	}
}

func TestNumbersAreReadAsACountryWritesThem(t *testing.T) {
	tests := []struct {
		n    numbers
		text string
		want float64
		ok   bool
	}{
		{numbers{decimal: '.'}, "1.5", 1.5, true},
		{numbers{decimal: '.'}, "-1e3", -1000, true},
		{numbers{decimal: '.'}, "1,5", 0, false},
		{numbers{decimal: '.', thousands: ','}, "1,234,567.5", 1234567.5, true},
		{numbers{decimal: ','}, "1,5", 1.5, true},
		{numbers{decimal: ','}, "1.5", 0, false},
		{numbers{decimal: ',', thousands: '.'}, "-1.234,5", -1234.5, true},
		{numbers{decimal: '.'}, "0x10", 0, false},
		{numbers{decimal: '.'}, "1_000", 0, false},
		{numbers{decimal: '.'}, "", 0, false},
		{numbers{decimal: '.'}, "1e999", math.Inf(1), true},
		{numbers{decimal: '.'}, "12 kW", 0, false},
	}
	for _, test := range tests {
		if got, ok := test.n.float(test.text); ok != test.ok || ok && got != test.want {
			t.Errorf("%q with %c: %v, %v, want %v, %v", test.text, test.n.decimal, got, ok, test.want, test.ok)
		}
	}
	for text, want := range map[string]int64{"9223372036854775807": math.MaxInt64, "5.00": 5, "-3": -3} {
		if got, ok := (numbers{decimal: '.'}).integer(text); !ok || got != want {
			t.Errorf("%q is %d (%v)", text, got, ok)
		}
	}
	if got, ok := (numbers{decimal: '.'}).integer("5.5"); ok {
		t.Errorf("5.5 is the whole number %d", got)
	}
}

func TestAGridIsFound(t *testing.T) {
	const minute = 60
	jitter := []int64{}
	for i := range int64(40) {
		jitter = append(jitter, i*3600+i*i%97)
	}
	tests := []struct {
		name          string
		stamps        []int64
		period, phase int64
		refused       string // part of what is said; empty: it is found
	}{
		{name: "regular", stamps: []int64{0, 10, 20, 30}, period: 10},
		{name: "with gaps", stamps: []int64{0, 10, 20, 50, 60, 500}, period: 10},
		{name: "out of order and twice", stamps: []int64{20, 0, 10, 10, 30}, period: 10},
		{name: "before 1970", stamps: []int64{-30, -20, -10}, period: 10},
		{name: "all at half past", stamps: []int64{30 * minute, 90 * minute, 150 * minute}, period: 60 * minute, phase: 30 * minute},
		{name: "at 01:14, before 1970, too", stamps: []int64{-3600 + 14*minute, 14 * minute, 3600 + 14*minute}, period: 3600, phase: 14 * minute},
		{name: "mostly hours, one half: no two stamps share a slot", stamps: []int64{0, 3600, 7200, 9000, 10800, 14400}, period: 1800},
		{name: "irregular, but on a grid", stamps: []int64{0, 4, 8, 10, 14, 24, 28}, period: 2},
		{name: "jitter is no grid", stamps: jitter, refused: "1 time"},
		{name: "one stamp", stamps: []int64{7, 7}, refused: "one time stamp"},
	}
	for _, test := range tests {
		period, phase, err := spacingOf(test.stamps, nil).grid()
		switch {
		case test.refused != "":
			if err == nil {
				t.Errorf("%s: period %d, phase %d, want it refused", test.name, period, phase)
			}
		case err != nil || period != test.period || phase != test.phase:
			t.Errorf("%s: period %d, phase %d (%v), want %d and %d", test.name, period, phase, err, test.period, test.phase)
		default:
			slots := map[int64]int64{}
			for _, at := range test.stamps {
				slot := (at - phase) / period
				if other, taken := slots[slot]; taken && other != at || (at-phase)%period != 0 {
					t.Errorf("%s: stamp %d is not alone at the beginning of its slot", test.name, at)
				}
				slots[slot] = at
			}
		}
	}
}

func TestSamplesOffTheGridAreRefusedWithTheirLines(t *testing.T) {
	path := write(t, "a.csv", "time,v\n2024-01-01 00:00:00,1\n2024-01-01 00:00:01.25,2\n2024-01-01 00:00:02,3\n")
	conn := openDir(t)
	o := described(path)
	o.Name = "x"
	r, err := Run(t.Context(), conn, o)
	if err != nil || r.Samples != 2 || r.OffGrid != 1 || r.RefusedValues != 1 || r.MaxShift != 250_000 {
		t.Fatalf("%+v, %v", r, err)
	}
	if x := r.Refusals[0]; x.Line != 3 || !strings.Contains(x.Reason, "00:00:00.25 earlier, at 2024-01-01 00:00:01+00") {
		t.Errorf("refused: %+v", x)
	}
}

func TestWhoKeepsASlot(t *testing.T) {
	const file = "time,v\n2024-01-01 00:00:00,1\n2024-01-01 00:00:00,2\n2024-01-01 00:00:00,NA\n"
	for _, test := range []struct {
		name       string
		collide    Collide
		want       string
		duplicates int64
		refused    int64
	}{
		{"the last with a value", CollideLast, "2", 2, 0},
		{"the last, whatever it is", CollideLastAny, "\u2205", 2, 0},
		{"the first", CollideFirst, "1", 2, 0},
		{"the first, the others are refused", CollideRefuse, "1", 0, 2},
	} {
		t.Run(test.name, func(t *testing.T) {
			conn := openDir(t)
			o := described(write(t, "a.csv", file))
			o.Name, o.Collide = "x", test.collide
			r, err := Run(t.Context(), conn, o)
			if err != nil || r.Samples != 1 || r.Acknowledged != 1 || r.Duplicates != test.duplicates || r.RefusedValues != test.refused {
				t.Fatalf("%+v, %v", r, err)
			}
			if r.Samples+r.Duplicates+r.Refused() != r.Rows {
				t.Errorf("not every row is counted once: %+v", r)
			}
			if got := rows(t, conn, "SELECT coalesce(value::text, '\u2205') FROM samples"); !slices.Equal(got, []string{test.want}) {
				t.Errorf("the samples are %q", got)
			}
			if test.duplicates > 0 {
				if c := r.Collisions[0]; c.Line != 3 || c.OtherLine != 2 {
					t.Errorf("the first collision is %+v", c)
				}
			}
		})
	}
}

func TestACalendarIsFound(t *testing.T) {
	dates := func(zoneName string, list ...string) (*zone.Zone, []int64) {
		z, err := zone.Load(zoneName)
		if err != nil {
			t.Fatal(err)
		}
		var out []int64
		for _, text := range list {
			at, err := time.Parse("2006-01-02 15:04", text)
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, z.Instant(at.UnixMicro()))
		}
		return z, out
	}
	for _, test := range []struct {
		name, zone string
		stamps     []string
		want       string
		phase      time.Duration
	}{
		{name: "days with a clock change", zone: "Europe/Berlin", stamps: []string{"2024-03-30 00:00", "2024-03-31 00:00", "2024-04-01 00:00"}, want: "1 day"},
		{name: "gas days", zone: "Europe/Berlin", stamps: []string{"2024-03-30 06:00", "2024-03-31 06:00", "2024-04-01 06:00"}, want: "1 day", phase: 6 * time.Hour},
		{name: "weeks", zone: "Australia/Melbourne", stamps: []string{"2024-04-01 00:00", "2024-04-08 00:00", "2024-04-22 00:00"}, want: "7 days"},
		{name: "months", zone: "UTC", stamps: []string{"2024-01-01 00:00", "2024-02-01 00:00", "2024-03-01 00:00"}, want: "1 month"},
		{name: "quarters", zone: "America/Santiago", stamps: []string{"2024-01-01 00:00", "2024-04-01 00:00", "2024-07-01 00:00"}, want: "3 months"},
		{name: "years", zone: "Asia/Kolkata", stamps: []string{"2022-01-01 00:00", "2023-01-01 00:00", "2024-01-01 00:00"}, want: "1 year"},
		{name: "days in UTC are even", zone: "UTC", stamps: []string{"2024-01-01 00:00", "2024-01-02 00:00", "2024-01-03 00:00"}, want: "86400000000 microseconds"},
		{name: "hours are no days", zone: "Europe/Berlin", stamps: []string{"2024-01-01 00:00", "2024-01-01 01:00", "2024-01-01 02:00"}, want: "3600000000 microseconds"},
	} {
		z, stamps := dates(test.zone, test.stamps...)
		got, phase, err := spacingOf(stamps, z).found()
		if err != nil || got != test.want || phase != test.phase.Microseconds() {
			t.Errorf("%s: %q, phase %d (%v), want %q, %d", test.name, got, phase, err, test.want, test.phase.Microseconds())
		}
	}
}

func TestSpacingsAreTold(t *testing.T) {
	_, _, err := spacingOf([]int64{0, 60_000_000, 120_000_000, 180_000_000, 180_000_000, 187_000_001, 250_000_000}, nil).grid()
	if err == nil || !strings.Contains(err.Error(), "00:01:00 (3 times)") || !strings.Contains(err.Error(), "--snap") {
		t.Errorf("spacings are told as %v", err)
	}
}

func TestASlotRemembersWhatItHas(t *testing.T) {
	var s slotSet
	want := map[int64]outcome{}
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range int64(100_000) {
		slot := (i*7919)%50_021 - 25_000
		got, taken := s.state(slot)
		if before, had := want[slot]; had != taken || before != got {
			t.Fatalf("slot %d has %v (%v), want %v (%v)", slot, got, taken, before, had)
		}
		o := outcome{status: columnar.Status(rng.IntN(3)) << 30, void: rng.IntN(3) == 0}
		s.set(slot, o)
		want[slot] = o
	}
}

func TestDelimitersAreFound(t *testing.T) {
	for head, want := range map[string]rune{
		"a,b\n1,2\n":              ',',
		"a;b\n1,5;2,5\n":          ';',
		"a\tb\n1,5\t2\n":          '\t',
		"a|b\n1|2\n":              '|',
		"time;a\n1;2\n":           ';',
		"\"a;b\",c\n\"1;2\",3\n":  ',',
		"a\n1\n":                  ',',
		"date,time;v\n1,2;3\n4;5": ';',
	} {
		if got := detectDelimiter([]byte(head)); got != want {
			t.Errorf("%q is separated by %q, want %q", head, got, want)
		}
	}
}

func TestNamesAreMadeFromTemplates(t *testing.T) {
	columns := []string{"time", "tag", "Site", "value"}
	tm, err := newTemplate("{site}/{tag}.{column}", columns)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(tm.rows, []int{2, 1}) || !tm.byColumn() {
		t.Errorf("the template is %+v", tm)
	}
	if got := tm.name("value", []string{"north", "T1"}); got != "north/T1.value" {
		t.Errorf("the name is %q", got)
	}
	for _, text := range []string{"{tag", "{nothing}"} {
		if _, err := newTemplate(text, columns); err == nil {
			t.Errorf("%q is taken", text)
		}
	}
}

func FuzzTablesAreReadOrRefused(f *testing.F) {
	f.Add("time,v\n2024-01-01,1\n")
	f.Add("time;v;w\n\"2024-01-01\n\";1,5;\n;;\n")
	f.Add("\xef\xbb\xbftime\tv\r\n2024-01-01\t1\r\n")
	f.Fuzz(func(t *testing.T, text string) {
		in := bufio.NewReader(strings.NewReader(text))
		s, err := newCSV("fuzz.csv", in, os.Stdin, &Options{})
		if err != nil {
			return
		}
		want := make([]bool, len(s.columns()))
		for i := range want {
			want[i] = true
		}
		s.want(want)
		for last := int64(0); ; {
			c, faults, err := s.next()
			if c != nil {
				for row := range c.rows {
					if line := c.line(row); line <= last {
						t.Fatalf("line %d follows line %d", line, last)
					} else {
						last = line
					}
				}
			}
			if err != nil || c == nil && len(faults) == 0 {
				return
			}
		}
	})
}
