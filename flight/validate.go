package flight

import (
	"errors"
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
)

// decimalDigits are the digits of decimals, by their width in bits.
var decimalDigits = map[int]int32{32: 9, 64: 18, 128: 38, 256: 76}

// validate checks that the arrays of a batch are what they say. Where the library's
// check itself runs into the damage, that is the answer.
func validate(batch arrow.RecordBatch) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%v", p)
		}
	}()
	for i, column := range batch.Columns() {
		if int64(column.Len()) != batch.NumRows() {
			return fmt.Errorf("column %d (%s): %d rows in a batch of %d", i, batch.ColumnName(i), column.Len(), batch.NumRows())
		}
		if err := validateArray(column); err != nil {
			return fmt.Errorf("column %d (%s): %w", i, batch.ColumnName(i), err)
		}
	}
	return nil
}

// validateArray checks an array. The library knows no arrays without buffers: those
// that hold only NULLs, and those of runs.
func validateArray(a arrow.Array) error {
	switch a := a.(type) {
	case *array.Null:
		return nil
	case *array.RunEndEncoded:
		return validateRuns(a)
	}
	if t, ok := a.DataType().(arrow.DecimalType); ok {
		digits := decimalDigits[t.BitWidth()]
		if t.GetPrecision() > digits || t.GetScale() < -digits || t.GetScale() > digits {
			return fmt.Errorf("decimals with a precision of %d and a scale of %d", t.GetPrecision(), t.GetScale())
		}
	}
	return array.ValidateFull(a)
}

// validateRuns checks an array of runs: their ends rise, up to its length.
func validateRuns(a *array.RunEndEncoded) error {
	ends, values := a.RunEndsArr(), a.Values()
	if err := array.ValidateFull(ends); err != nil {
		return err
	}
	if err := validateArray(values); err != nil {
		return err
	}
	if ends.NullN() > 0 || values.Len() < ends.Len() {
		return errors.New("runs without end or without value")
	}
	last := int64(0)
	for i := range ends.Len() {
		end := runEnd(ends, i)
		if end <= last {
			return fmt.Errorf("run %d ends at %d, after one that ends at %d", i, end, last)
		}
		last = end
	}
	if last < int64(a.Offset()+a.Len()) {
		return fmt.Errorf("the last of the runs ends at %d, before the end", last)
	}
	return nil
}

func runEnd(ends arrow.Array, i int) int64 {
	switch ends := ends.(type) {
	case *array.Int16:
		return int64(ends.Value(i))
	case *array.Int32:
		return int64(ends.Value(i))
	case *array.Int64:
		return ends.Value(i)
	}
	return 0
}
