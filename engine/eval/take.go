package eval

import (
	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/trellisdb/trellis/columnar"
	"github.com/trellisdb/trellis/engine/plan"
)

// Take returns a batch of the given rows of in; types are those of its columns,
// in order. The caller releases it.
func Take(in arrow.RecordBatch, types []plan.Type, rows []int32) (arrow.RecordBatch, error) {
	cols := make([]arrow.Array, len(types))
	for i, t := range types {
		v, err := FromArray(in.Column(i), t)
		if err != nil {
			return nil, err
		}
		v = v.gather(rows)
		cols[i] = v.Array()
	}
	return array.NewRecordBatch(in.Schema(), cols, int64(len(rows))), nil
}

// Compact returns a batch of the rows of in that are set in keep, n of them. The
// caller releases it; it is in itself where all rows are kept.
func Compact(in arrow.RecordBatch, types []plan.Type, keep columnar.Bitmap, n int) (arrow.RecordBatch, error) {
	total := int(in.NumRows())
	if n == total {
		in.Retain()
		return in, nil
	}
	return Take(in, types, rowsOf(keep, total))
}

// Schema returns the Arrow schema of a node's columns: names, types, all nullable.
func Schema(fields []plan.Field) *arrow.Schema {
	out := make([]arrow.Field, len(fields))
	for i, f := range fields {
		out[i] = arrow.Field{Name: f.Name, Type: f.Type.Arrow(), Nullable: true}
	}
	return arrow.NewSchema(out, nil)
}
