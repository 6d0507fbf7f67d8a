package columnar

import (
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/trellisdb/trellis/columnar/kernel"
)

// The Arrow types of the streams' columns.
var (
	instantType   = &arrow.TimestampType{Unit: arrow.Microsecond, TimeZone: "UTC"}
	wallClockType = &arrow.TimestampType{Unit: arrow.Microsecond}
	exactType     = arrow.ListOfNonNullable(arrow.PrimitiveTypes.Float64)
)

// SampleSchema returns the schema of a stream of samples: series, the index in
// Selection.Series; time, the instant at which the slot begins; then the wanted
// columns in the order of their bits.
func SampleSchema(columns Columns) *arrow.Schema {
	fields := []arrow.Field{
		{Name: "series", Type: arrow.PrimitiveTypes.Int32},
		{Name: "time", Type: instantType},
	}
	for bit, field := range []arrow.Field{
		{Name: "value", Type: arrow.PrimitiveTypes.Float64, Nullable: true},
		{Name: "raw_value", Type: arrow.PrimitiveTypes.Float64, Nullable: true},
		{Name: "int_value", Type: arrow.PrimitiveTypes.Int64, Nullable: true},
		{Name: "ordinal", Type: arrow.PrimitiveTypes.Int64, Nullable: true},
		{Name: "text", Type: arrow.BinaryTypes.String, Nullable: true},
		{Name: "status", Type: arrow.PrimitiveTypes.Uint32},
		{Name: "edit", Type: arrow.PrimitiveTypes.Uint8},
		{Name: "edit_id", Type: arrow.PrimitiveTypes.Int64, Nullable: true},
	} {
		if columns>>bit&1 == 1 {
			fields = append(fields, field)
		}
	}
	return arrow.NewSchema(fields, nil)
}

// SummaryRow is a row of a stream of summaries: one per series, bin and run. The
// rows of a series come in order of time; a bin may have several.
type SummaryRow struct {
	Series  int32         // index in Selection.Series
	Time    int64         // instant at which the bin begins
	Local   int64         // its label: the wall clock then, as if it were UTC
	Counts  QualityCounts // samples in the run, whatever their quality
	Covered int64         // microseconds that the slots of good samples in the run last; of StatCover
	Summary Summary       // of the samples of the wanted qualities; its path is by Grid.Summarize
}

// summaryColumn is a column of a stream of summaries: one of the two pointers
// leads to its place in a row.
type summaryColumn struct {
	name  string
	typ   arrow.DataType
	group Stats // 0: always there

	int32 func(*SummaryRow) *int32
	int64 func(*SummaryRow) *int64
	float func(*SummaryRow) *float64
	exact func(*SummaryRow) *kernel.Exact
}

// summaryColumns is the layout of a stream of summaries.
var summaryColumns = []summaryColumn{
	{name: "series", typ: arrow.PrimitiveTypes.Int32, int32: func(r *SummaryRow) *int32 { return &r.Series }},
	{name: "time", typ: instantType, int64: func(r *SummaryRow) *int64 { return &r.Time }},
	{name: "local_time", typ: wallClockType, int64: func(r *SummaryRow) *int64 { return &r.Local }},
	{name: "good", typ: arrow.PrimitiveTypes.Int64, int64: func(r *SummaryRow) *int64 { return &r.Counts[Good] }},
	{name: "uncertain", typ: arrow.PrimitiveTypes.Int64, int64: func(r *SummaryRow) *int64 { return &r.Counts[Uncertain] }},
	{name: "bad", typ: arrow.PrimitiveTypes.Int64, int64: func(r *SummaryRow) *int64 { return &r.Counts[Bad] }},
	{name: "covered", typ: arrow.PrimitiveTypes.Int64, group: StatCover, int64: func(r *SummaryRow) *int64 { return &r.Covered }},
	{name: "count", typ: arrow.PrimitiveTypes.Int64, int64: func(r *SummaryRow) *int64 { return &r.Summary.Count }},
	{name: "values", typ: arrow.PrimitiveTypes.Int64, int64: func(r *SummaryRow) *int64 { return &r.Summary.Values }},
	{name: "sum", typ: exactType, group: StatSum, exact: func(r *SummaryRow) *kernel.Exact { return &r.Summary.Sum }},
	{name: "squares", typ: exactType, group: StatSquares, exact: func(r *SummaryRow) *kernel.Exact { return &r.Summary.Squares }},
	{name: "min", typ: arrow.PrimitiveTypes.Float64, group: StatRange, float: func(r *SummaryRow) *float64 { return &r.Summary.Min }},
	{name: "max", typ: arrow.PrimitiveTypes.Float64, group: StatRange, float: func(r *SummaryRow) *float64 { return &r.Summary.Max }},
	{name: "min_slot", typ: arrow.PrimitiveTypes.Int64, group: StatRange, int64: func(r *SummaryRow) *int64 { return &r.Summary.MinSlot }},
	{name: "max_slot", typ: arrow.PrimitiveTypes.Int64, group: StatRange, int64: func(r *SummaryRow) *int64 { return &r.Summary.MaxSlot }},
	{name: "first", typ: arrow.PrimitiveTypes.Float64, group: StatEnds, float: func(r *SummaryRow) *float64 { return &r.Summary.First }},
	{name: "last", typ: arrow.PrimitiveTypes.Float64, group: StatEnds, float: func(r *SummaryRow) *float64 { return &r.Summary.Last }},
	{name: "first_slot", typ: arrow.PrimitiveTypes.Int64, group: StatEnds, int64: func(r *SummaryRow) *int64 { return &r.Summary.FirstSlot }},
	{name: "last_slot", typ: arrow.PrimitiveTypes.Int64, group: StatEnds, int64: func(r *SummaryRow) *int64 { return &r.Summary.LastSlot }},
	{name: "resets", typ: exactType, group: StatPath, exact: func(r *SummaryRow) *kernel.Exact { return &r.Summary.Resets }},
	{name: "steps", typ: exactType, group: StatPath, exact: func(r *SummaryRow) *kernel.Exact { return &r.Summary.Steps }},
	{name: "lines", typ: exactType, group: StatPath, exact: func(r *SummaryRow) *kernel.Exact { return &r.Summary.Lines }},
	{name: "transitions", typ: arrow.PrimitiveTypes.Int64, group: StatPath, int64: func(r *SummaryRow) *int64 { return &r.Summary.Transitions }},
}

// columnsOf returns the columns of a stream of summaries with the groups in stats.
func columnsOf(stats Stats) []summaryColumn {
	var columns []summaryColumn
	for _, c := range summaryColumns {
		if c.group == 0 || stats.Has(c.group) {
			columns = append(columns, c)
		}
	}
	return columns
}

// SummarySchema returns the schema of a stream of summaries: the fields of
// SummaryRow, of which those of the Summary in the groups of stats, with exact
// sums as lists of their canonical terms. Nothing is null.
func SummarySchema(stats Stats) *arrow.Schema {
	var fields []arrow.Field
	for _, c := range columnsOf(stats) {
		fields = append(fields, arrow.Field{Name: c.name, Type: c.typ})
	}
	return arrow.NewSchema(fields, nil)
}

// SummaryBuilder makes batches of summaries. It is not safe for concurrent use.
type SummaryBuilder struct {
	columns []stagedColumn
	records *array.RecordBuilder
	length  int
	valid   []bool // as many as rows, all true
}

// stagedColumn holds the rows of a column until the batch is made. One of the
// slices is in use, or two for sums.
type stagedColumn struct {
	summaryColumn

	int32s []int32 // of a column of sums: where each row's terms begin
	int64s []int64
	floats []float64 // of a column of sums: the terms of all rows
}

// NewSummaryBuilder returns a builder of batches of SummarySchema(stats). The
// caller releases it.
func NewSummaryBuilder(alloc memory.Allocator, stats Stats) *SummaryBuilder {
	b := &SummaryBuilder{records: array.NewRecordBuilder(alloc, SummarySchema(stats))}
	for _, c := range columnsOf(stats) {
		b.columns = append(b.columns, stagedColumn{summaryColumn: c})
	}
	return b
}

// Schema returns the schema of the batches.
func (b *SummaryBuilder) Schema() *arrow.Schema { return b.records.Schema() }

// Len returns the number of rows since the last batch.
func (b *SummaryBuilder) Len() int { return b.length }

// Append adds a row, which it copies.
func (b *SummaryBuilder) Append(row *SummaryRow) {
	for i := range b.columns {
		switch c := &b.columns[i]; {
		case c.int64 != nil:
			c.int64s = append(c.int64s, *c.int64(row))
		case c.float != nil:
			c.floats = append(c.floats, *c.float(row))
		case c.exact != nil:
			c.int32s = append(c.int32s, int32(len(c.floats)))
			c.floats = c.exact(row).AppendTerms(c.floats)
		default:
			c.int32s = append(c.int32s, *c.int32(row))
		}
	}
	b.length++
	b.valid = append(b.valid, true)
}

// NewBatch returns the rows since the last batch, in a batch that the caller
// releases.
func (b *SummaryBuilder) NewBatch() arrow.RecordBatch {
	for i := range b.columns {
		c := &b.columns[i]
		switch field := b.records.Field(i).(type) {
		case *array.Int32Builder:
			field.AppendValues(c.int32s, nil)
		case *array.Int64Builder:
			field.AppendValues(c.int64s, nil)
		case *array.TimestampBuilder:
			field.AppendValues(arrow.TimestampTraits.CastFromBytes(arrow.Int64Traits.CastToBytes(c.int64s)), nil)
		case *array.Float64Builder:
			field.AppendValues(c.floats, nil)
		case *array.ListBuilder:
			field.AppendValues(c.int32s, b.valid)
			field.ValueBuilder().(*array.Float64Builder).AppendValues(c.floats, nil)
		}
		c.int32s, c.int64s, c.floats = c.int32s[:0], c.int64s[:0], c.floats[:0]
	}
	b.length, b.valid = 0, b.valid[:0]
	return b.records.NewRecordBatch()
}

// Release gives back the memory of the builder, which is not used again.
func (b *SummaryBuilder) Release() { b.records.Release() }

// SummaryReader reads the rows of batches of summaries. It is not safe for
// concurrent use.
type SummaryReader struct {
	columns []summaryColumn
	int32s  [][]int32 // by column, nil where it is of another type
	int64s  [][]int64
	floats  [][]float64 // of an exact column: the terms of all rows
	offsets [][]int32   // of an exact column: where a row's terms begin; one more than rows
	length  int
}

// NewSummaryReader returns a reader of batches of SummarySchema(stats).
func NewSummaryReader(stats Stats) *SummaryReader {
	columns := columnsOf(stats)
	return &SummaryReader{
		columns: columns,
		int32s:  make([][]int32, len(columns)),
		int64s:  make([][]int64, len(columns)),
		floats:  make([][]float64, len(columns)),
		offsets: make([][]int32, len(columns)),
	}
}

// Reset makes the reader read a batch, which must live as long as it is read. It
// returns an error if the batch has another schema than the reader.
func (r *SummaryReader) Reset(batch arrow.RecordBatch) error {
	r.length = 0
	if int(batch.NumCols()) != len(r.columns) {
		return fmt.Errorf("batch of summaries has %d columns instead of %d", batch.NumCols(), len(r.columns))
	}
	for i, c := range r.columns {
		column := batch.Column(i)
		if got := column.DataType(); batch.ColumnName(i) != c.name || !arrow.TypeEqual(got, c.typ) || column.NullN() != 0 {
			return fmt.Errorf("batch of summaries: column %d is %s %s with %d nulls instead of %s %s", i, batch.ColumnName(i), got, column.NullN(), c.name, c.typ)
		}
		switch values := column.(type) {
		case *array.Int32:
			r.int32s[i] = values.Int32Values()
		case *array.Int64:
			r.int64s[i] = values.Int64Values()
		case *array.Timestamp:
			r.int64s[i] = arrow.Int64Traits.CastFromBytes(arrow.TimestampTraits.CastToBytes(values.TimestampValues()))
		case *array.Float64:
			r.floats[i] = values.Float64Values()
		case *array.List:
			r.offsets[i] = values.Offsets()[values.Data().Offset():]
			r.floats[i] = values.ListValues().(*array.Float64).Float64Values()
		}
	}
	r.length = int(batch.NumRows())
	return nil
}

// Len returns the number of rows of the batch.
func (r *SummaryReader) Len() int { return r.length }

// Row sets row to row i of the batch. Fields of groups that the schema lacks keep
// what they are.
func (r *SummaryReader) Row(i int, row *SummaryRow) {
	for k := range r.columns {
		switch c := &r.columns[k]; {
		case c.int64 != nil:
			*c.int64(row) = r.int64s[k][i]
		case c.float != nil:
			*c.float(row) = r.floats[k][i]
		case c.exact != nil:
			*c.exact(row) = kernel.FromTerms(r.floats[k][r.offsets[k][i]:r.offsets[k][i+1]])
		default:
			*c.int32(row) = r.int32s[k][i]
		}
	}
}
