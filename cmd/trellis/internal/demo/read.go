package demo

import (
	"compress/gzip"
	"embed"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/trellisdb/trellis/columnar"
	"github.com/trellisdb/trellis/columnar/zone"
)

//go:embed data/*.gz
var bundled embed.FS

// instant is the Arrow type of a sample's time.
var instant = &arrow.TimestampType{Unit: arrow.Microsecond, TimeZone: "UTC"}

// batchSchema returns the schema of the samples of numbers or of words.
func batchSchema(words bool) *arrow.Schema {
	value := arrow.Field{Name: "value", Type: arrow.PrimitiveTypes.Float64, Nullable: true}
	if words {
		value = arrow.Field{Name: "text", Type: arrow.BinaryTypes.String, Nullable: true}
	}
	return arrow.NewSchema([]arrow.Field{
		{Name: "series", Type: arrow.BinaryTypes.String},
		{Name: "time", Type: instant},
		value,
		{Name: "status", Type: arrow.PrimitiveTypes.Uint32},
	}, nil)
}

// tally counts what a file holds.
type tally struct {
	rows, samples, missing, bad, uncertain int64
}

// read returns the samples of the file, a batch for each of its series. Nothing is
// left out or changed: a value that is marked keeps its number and gets a status, and
// a row without a value is a sample without one.
func (f *file) read() ([]arrow.RecordBatch, tally, error) {
	packed, err := bundled.Open("data/" + f.name + ".gz")
	if err != nil {
		return nil, tally{}, err
	}
	defer func() { _ = packed.Close() }() // it is in memory
	plain, err := gzip.NewReader(packed)
	if err != nil {
		return nil, tally{}, fmt.Errorf("file %s: %w", f.name, err)
	}
	batches, count, err := f.parse(plain)
	if err != nil {
		return nil, tally{}, fmt.Errorf("file %s: %w", f.name, err)
	}
	return batches, count, nil
}

// parse reads the file's text.
func (f *file) parse(text io.Reader) ([]arrow.RecordBatch, tally, error) {
	var count tally
	r := csv.NewReader(text)
	r.Comma = f.comma
	header, err := r.Read()
	if err != nil {
		return nil, count, err
	}
	p, err := f.newParser(header)
	if err != nil {
		return nil, count, err
	}
	for {
		row, err := r.Read()
		if errors.Is(err, io.EOF) {
			return p.batches(), p.count, nil
		}
		if err == nil {
			err = p.row(row)
		}
		if err != nil {
			line, _ := r.FieldPos(0)
			return nil, count, fmt.Errorf("line %d: %w", line, err)
		}
	}
}

// parser makes samples of the rows of a file.
type parser struct {
	file   *file
	clock  *zone.Resolver
	stamp  []int // fields of the time
	mask   int   // field of the mask; -1: none
	fields []int // of each column
	out    []*array.RecordBuilder
	count  tally
}

func (f *file) newParser(header []string) (*parser, error) {
	z, err := zone.Load(f.zone)
	if err != nil {
		return nil, err
	}
	p := &parser{file: f, clock: z.Resolver(), mask: slices.Index(header, f.mask)}
	if f.mask != "" && p.mask < 0 {
		return nil, fmt.Errorf("there is no column %q", f.mask)
	}
	for _, name := range f.stamp {
		p.stamp = append(p.stamp, slices.Index(header, name))
	}
	for _, c := range f.columns {
		p.fields = append(p.fields, slices.Index(header, c.header))
		p.out = append(p.out, array.NewRecordBuilder(memory.DefaultAllocator, batchSchema(c.series.text)))
	}
	if slices.Contains(p.stamp, -1) || slices.Contains(p.fields, -1) {
		return nil, fmt.Errorf("the columns are %q, not all that there should be", header)
	}
	return p, nil
}

// row adds the samples of a row. Rows without a time hold nothing.
func (p *parser) row(row []string) error {
	var stamp []string
	for _, i := range p.stamp {
		stamp = append(stamp, row[i])
	}
	text := strings.Join(stamp, " ")
	if strings.TrimSpace(text) == "" {
		return nil
	}
	t, err := time.Parse(p.file.layout, text)
	if err != nil {
		return err
	}
	at := t.UnixMicro()
	if !strings.HasSuffix(p.file.layout, "Z07:00") {
		at, _ = p.clock.Instant(at)
	}
	status := columnar.StatusGood
	if p.mask >= 0 && row[p.mask] == "True" {
		status = p.file.maskStatus
	}
	p.count.rows++
	for i, c := range p.file.columns {
		if err := p.sample(p.out[i], c.series, at, row[p.fields[i]], status); err != nil {
			return err
		}
	}
	return nil
}

// sample adds a sample of a series.
func (p *parser) sample(b *array.RecordBuilder, s series, at int64, text string, status columnar.Status) error {
	p.count.samples++
	if p.file.decimalComma {
		text = strings.Replace(text, ",", ".", 1)
	}
	switch {
	case text == "" || text == p.file.missing:
		b.Field(2).AppendNull()
		p.count.missing++
	case s.text:
		b.Field(2).(*array.StringBuilder).Append(text)
	default:
		v, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return err
		}
		if v == p.file.bad && v != 0 {
			status = columnar.StatusBad
		}
		b.Field(2).(*array.Float64Builder).Append(v)
	}
	switch {
	case status.Quality() == columnar.Bad:
		p.count.bad++
	case status.Quality() == columnar.Uncertain:
		p.count.uncertain++
	}
	b.Field(0).(*array.StringBuilder).Append(s.name)
	b.Field(1).(*array.TimestampBuilder).Append(arrow.Timestamp(at))
	b.Field(3).(*array.Uint32Builder).Append(uint32(status))
	return nil
}

// batches returns what was added.
func (p *parser) batches() []arrow.RecordBatch {
	out := make([]arrow.RecordBatch, len(p.out))
	for i, b := range p.out {
		out[i] = b.NewRecordBatch()
	}
	return out
}
