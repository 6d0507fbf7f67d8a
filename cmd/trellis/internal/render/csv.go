package render

import (
	"encoding/csv"
	"io"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/trellisdb/trellis/columnar/zone"
)

// comma writes rows as CSV.
type comma struct {
	w    *csv.Writer
	zone *zone.Zone
	row  []string
}

func newCSV(w io.Writer, schema *arrow.Schema, z *zone.Zone) (*comma, error) {
	c := &comma{w: csv.NewWriter(w), zone: z, row: make([]string, schema.NumFields())}
	for k, f := range schema.Fields() {
		c.row[k] = f.Name
	}
	return c, c.w.Write(c.row)
}

func (c *comma) write(batch arrow.RecordBatch) error {
	for i := range int(batch.NumRows()) {
		for k, col := range batch.Columns() {
			if c.row[k] = ""; col.IsValid(i) {
				c.row[k] = cell(col, i, c.zone)
			}
		}
		if err := c.w.Write(c.row); err != nil {
			return err
		}
	}
	return nil
}

func (c *comma) close() error {
	c.w.Flush()
	return c.w.Error()
}
