package store

import (
	"errors"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/trellisdb/trellis/columnar"
)

// rowBuilder makes one batch of samples out of blocks. The columns are plain
// slices that become Arrow buffers without being copied.
type rowBuilder struct {
	columns   columnar.Columns
	qualities columnar.QualitySet

	series []int32
	times  []int64
	value  nullable[float64]
	raw    nullable[float64]
	ints   nullable[int64]
	ords   nullable[int64]
	text   nullable[string]
	status []uint32
	edit   []uint8
	editID nullable[int64]

	textBytes int   // at most, of the texts so far
	slots     []int // scratch: slot indexes of the rows of a block
}

// errText is the answer to a scan of texts that no batch can hold.
var errText = errors.New("texts of more than 2 GiB in one batch")

// countText adds the texts of a slice to the number of bytes.
func (b *rowBuilder) countText(block *columnar.Block, sl *slice) {
	if block.Texts == nil {
		return
	}
	for _, v := range block.Texts[sl.from:sl.to] {
		b.textBytes += len(v)
	}
}

// nullable is a column that may have nulls. While all its rows are null it is
// their number alone.
type nullable[T any] struct {
	room   int // rows that are expected
	values []T
	valid  columnar.Bitmap // nil while there is no null
	nulls  int
}

// extend adds n rows, valid ones, and returns their values to be filled in.
func (c *nullable[T]) extend(n int) []T {
	if c.values == nil {
		c.values = make([]T, c.nulls, max(c.nulls+n, c.room))
		if c.nulls > 0 {
			c.valid = columnar.NewBitmap(c.nulls)
		}
	}
	at := len(c.values)
	c.values = grown(c.values, n)
	if c.valid != nil {
		c.growValid()
		c.valid.SetRange(at, at+n)
	}
	return c.values[at:]
}

// growValid gives valid a bit for every value, zero if it is new.
func (c *nullable[T]) growValid() {
	if words := (len(c.values) + 63) / 64; words > len(c.valid) {
		c.valid = append(c.valid, make(columnar.Bitmap, words-len(c.valid))...)
	}
}

// null makes row i null.
func (c *nullable[T]) null(i int) {
	if c.valid == nil {
		c.valid = columnar.FullBitmap(len(c.values))
	}
	c.valid.Clear(i)
	c.nulls++
}

// extendNull adds n rows that are null.
func (c *nullable[T]) extendNull(n int) {
	if c.values != nil {
		if c.valid == nil {
			c.valid = columnar.FullBitmap(len(c.values))
		}
		c.values = grown(c.values, n)
		c.growValid()
	}
	c.nulls += n
}

func newRowBuilder(sel *columnar.Selection, rows int) *rowBuilder {
	b := &rowBuilder{columns: sel.Columns, qualities: sel.Qualities}
	b.series = make([]int32, 0, rows)
	b.times = make([]int64, 0, rows)
	b.value.room, b.raw.room, b.ints.room, b.ords.room, b.text.room, b.editID.room = rows, rows, rows, rows, rows, rows
	if b.columns&columnar.ColStatus != 0 {
		b.status = make([]uint32, 0, rows)
	}
	if b.columns&columnar.ColEdit != 0 {
		b.edit = make([]uint8, 0, rows)
	}
	return b
}

// add adds the wanted samples of a slice and returns how many there were.
func (b *rowBuilder) add(sl *slice, s columnar.Series, block *columnar.Block) int {
	dense := block.Present == nil && block.Status == nil && block.Marks == nil
	n := sl.to - sl.from
	if dense {
		if !b.qualities.Has(columnar.Good) {
			return 0
		}
		b.addTimes(sl.series, s.Grid, block.First+int64(sl.from), n)
	} else {
		b.pick(sl, block)
		n = len(b.slots)
		at := len(b.times)
		b.times = grown(b.times, n)
		b.series = grown(b.series, n)
		for k, i := range b.slots {
			b.times[at+k] = s.Grid.Time(block.First + int64(i))
			b.series[at+k] = sl.series
		}
	}
	if n > 0 {
		b.addValues(sl, s.Type, block, dense, n)
		b.addProperties(block, n)
	}
	return n
}

// grown returns s with n more elements, all zero.
func grown[T any](s []T, n int) []T {
	if cap(s) >= len(s)+n {
		return s[:len(s)+n] // never used before
	}
	t := make([]T, len(s)+n, max(len(s)+n, 2*cap(s)))
	copy(t, s)
	return t
}

// addTimes adds n consecutive slots.
func (b *rowBuilder) addTimes(series int32, g columnar.Grid, slot int64, n int) {
	at := len(b.times)
	b.times = grown(b.times, n)
	b.series = grown(b.series, n)
	times, indexes := b.times[at:], b.series[at:]
	g.Times(times, slot)
	for i := range indexes {
		indexes[i] = series
	}
}

// pick puts the slot indexes of the wanted samples of a slice into slots.
func (b *rowBuilder) pick(sl *slice, block *columnar.Block) {
	b.slots = b.slots[:0]
	for i := sl.from; i < sl.to; i++ {
		if block.Has(i) && b.qualities.Has(block.StatusAt(i).Quality()) {
			b.slots = append(b.slots, i)
		}
	}
}

// addValues adds the columns of values.
func (b *rowBuilder) addValues(sl *slice, t columnar.Type, block *columnar.Block, dense bool, n int) {
	usable := dense || block.Status == nil
	if b.columns&columnar.ColValue != 0 {
		b.addFloats(&b.value, sl, block, dense, n)
		if t != columnar.Text && !usable {
			b.nullBad(block, n, b.value.null, len(b.value.values)-n)
		}
	}
	if b.columns&columnar.ColRawValue != 0 {
		b.addFloats(&b.raw, sl, block, dense, n)
		if t != columnar.Text && block.Void != nil {
			for k, i := range b.slots {
				if block.Void.Has(i) {
					b.raw.null(len(b.raw.values) - n + k)
				}
			}
		}
	}
	for _, c := range []struct {
		wanted columnar.Columns
		column *nullable[int64]
		has    bool
	}{
		{columnar.ColIntValue, &b.ints, t == columnar.Integer},
		{columnar.ColOrdinal, &b.ords, t == columnar.Boolean || t == columnar.Enum},
	} {
		if b.columns&c.wanted == 0 {
			continue
		}
		addColumn(c.column, block.Ints, c.has, sl, b.slots, dense, n)
		if c.has && !usable {
			b.nullBad(block, n, c.column.null, len(c.column.values)-n)
		}
	}
	if b.columns&columnar.ColText != 0 {
		if t == columnar.Text {
			b.countText(block, sl)
		}
		addColumn(&b.text, block.Texts, t == columnar.Text, sl, b.slots, dense, n)
		if t == columnar.Text && !usable {
			b.nullBad(block, n, b.text.null, len(b.text.values)-n)
		}
	}
}

// addFloats adds the values of a block as float64, null for texts.
func (b *rowBuilder) addFloats(c *nullable[float64], sl *slice, block *columnar.Block, dense bool, n int) {
	if block.Kind != columnar.Ints {
		addColumn(c, block.Floats, block.Kind == columnar.Floats, sl, b.slots, dense, n)
		return
	}
	out := c.extend(n)
	if block.Ints == nil {
		return
	}
	if dense {
		for k, v := range block.Ints[sl.from:sl.to] {
			out[k] = float64(v)
		}
		return
	}
	for k, i := range b.slots {
		out[k] = float64(block.Ints[i])
	}
}

// addColumn adds n values: those at slots, or at the whole slice where it is
// dense; nulls where the series has no such values. A column that is missing has
// no sample with a value, so that every row of it becomes null later.
func addColumn[T any](c *nullable[T], values []T, has bool, sl *slice, slots []int, dense bool, n int) {
	if !has {
		c.extendNull(n)
		return
	}
	out := c.extend(n)
	switch {
	case values == nil:
	case dense:
		copy(out, values[sl.from:sl.to])
	default:
		for k, i := range slots {
			out[k] = values[i]
		}
	}
}

// nullBad makes the bad ones of the last n rows null.
func (b *rowBuilder) nullBad(block *columnar.Block, n int, null func(row int), at int) {
	for k, i := range b.slots[:n] {
		if block.Status[i].Quality() == columnar.Bad {
			null(at + k)
		}
	}
}

// addProperties adds the columns of status and edits.
func (b *rowBuilder) addProperties(block *columnar.Block, n int) {
	if b.columns&columnar.ColStatus != 0 {
		at := len(b.status)
		b.status = grown(b.status, n)
		if block.Status != nil {
			for k, i := range b.slots {
				b.status[at+k] = uint32(block.Status[i])
			}
		}
	}
	marked := block.Marks != nil
	if b.columns&columnar.ColEdit != 0 {
		at := len(b.edit)
		b.edit = grown(b.edit, n)
		if marked {
			for k, i := range b.slots {
				b.edit[at+k] = uint8(block.Marks[i])
			}
		}
	}
	if b.columns&columnar.ColEditID == 0 {
		return
	}
	if !marked {
		b.editID.extendNull(n)
		return
	}
	out := b.editID.extend(n)
	at := len(b.editID.values) - n
	for k, i := range b.slots {
		if out[k] = block.Edits[i]; block.Marks[i] == columnar.Unedited {
			b.editID.null(at + k)
		}
	}
}

// batch returns the rows. The builder is of no more use.
func (b *rowBuilder) batch(schema *arrow.Schema) arrow.RecordBatch {
	n := len(b.times)
	columns := []arrow.Array{
		plain(schema.Field(0).Type, arrow.Int32Traits.CastToBytes(b.series), n),
		plain(schema.Field(1).Type, arrow.Int64Traits.CastToBytes(b.times), n),
	}
	for bit := columnar.ColValue; bit <= columnar.ColEditID; bit <<= 1 {
		if b.columns&bit == 0 {
			continue
		}
		t := schema.Field(len(columns)).Type
		columns = append(columns, b.column(bit, t, n))
	}
	batch := array.NewRecordBatch(schema, columns, int64(n))
	for _, c := range columns {
		c.Release()
	}
	return batch
}

func (b *rowBuilder) column(which columnar.Columns, t arrow.DataType, n int) arrow.Array {
	switch which {
	case columnar.ColValue:
		return finish(&b.value, t, arrow.Float64Traits.CastToBytes)
	case columnar.ColRawValue:
		return finish(&b.raw, t, arrow.Float64Traits.CastToBytes)
	case columnar.ColIntValue:
		return finish(&b.ints, t, arrow.Int64Traits.CastToBytes)
	case columnar.ColOrdinal:
		return finish(&b.ords, t, arrow.Int64Traits.CastToBytes)
	case columnar.ColText:
		return finishTexts(&b.text, t)
	case columnar.ColStatus:
		return plain(t, arrow.Uint32Traits.CastToBytes(b.status), n)
	case columnar.ColEdit:
		return plain(t, b.edit, n)
	default:
		return finish(&b.editID, t, arrow.Int64Traits.CastToBytes)
	}
}

// plain returns an array of n values without nulls.
func plain(t arrow.DataType, values []byte, n int) arrow.Array {
	return makeArray(t, n, 0, nil, memory.NewBufferBytes(values))
}

// makeArray returns an array of buffers, which it takes over.
func makeArray(t arrow.DataType, n, nulls int, buffers ...*memory.Buffer) arrow.Array {
	data := array.NewData(t, n, buffers, nil, nulls, 0)
	defer data.Release()
	return array.MakeFromData(data)
}

// validity returns the buffer of a column's bitmap, nil where there is no null.
func (c *nullable[T]) validity() *memory.Buffer {
	if c.nulls == 0 {
		return nil
	}
	return memory.NewBufferBytes(arrow.Uint64Traits.CastToBytes(c.valid))
}

// zeros are the values of columns of which all rows are null.
var zeros [8 * batchRows]byte

// zeroBytes returns n bytes, all zero, which must not be changed.
func zeroBytes(n int) []byte {
	if n <= len(zeros) {
		return zeros[:n]
	}
	return make([]byte, n)
}

// finish returns a column of fixed-width values as an array.
func finish[T any](c *nullable[T], t arrow.DataType, bytes func([]T) []byte) arrow.Array {
	if c.values == nil {
		return allNull(t, c.nulls, memory.NewBufferBytes(zeroBytes(8*c.nulls)))
	}
	return makeArray(t, len(c.values), c.nulls, c.validity(), memory.NewBufferBytes(bytes(c.values)))
}

// allNull returns an array of n nulls with the buffers given behind the validity.
func allNull(t arrow.DataType, n int, buffers ...*memory.Buffer) arrow.Array {
	return makeArray(t, n, n, append([]*memory.Buffer{memory.NewBufferBytes(zeroBytes((n + 7) / 8))}, buffers...)...)
}

func finishTexts(c *nullable[string], t arrow.DataType) arrow.Array {
	if c.values == nil {
		return allNull(t, c.nulls, memory.NewBufferBytes(zeroBytes(4*(c.nulls+1))), memory.NewBufferBytes(nil))
	}
	size := 0
	for _, v := range c.values {
		size += len(v)
	}
	offsets := make([]int32, 1, len(c.values)+1)
	text := make([]byte, 0, size)
	for i, v := range c.values {
		if c.valid == nil || c.valid.Has(i) {
			text = append(text, v...)
		}
		offsets = append(offsets, int32(len(text)))
	}
	return makeArray(t, len(c.values), c.nulls, c.validity(),
		memory.NewBufferBytes(arrow.Int32Traits.CastToBytes(offsets)), memory.NewBufferBytes(text))
}
