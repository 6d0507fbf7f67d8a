package plan

// Table is a table that can be scanned.
type Table struct {
	Schema string
	Name   string
	Cols   []Field
}

// Column returns the index of a column, or -1.
func (t *Table) Column(name string) int {
	for i, f := range t.Cols {
		if f.Name == name {
			return i
		}
	}
	return -1
}

// Samples is the table of samples (DESIGN: SQL surface).
var Samples = &Table{Schema: "public", Name: "samples", Cols: []Field{
	{Name: "series", Type: Text},
	{Name: "time", Type: Timestamptz},
	{Name: "value", Type: Double},
	{Name: "int_value", Type: Bigint},
	{Name: "text", Type: Text},
	{Name: "quality", Type: Text},
	{Name: "status", Type: Bigint},
	{Name: "local_time", Type: Timestamp},
	{Name: "raw_value", Type: Double},
	{Name: "edit", Type: Text},
	{Name: "edit_id", Type: Bigint},
}}

// Series is the table of series.
var Series = &Table{Schema: "public", Name: "series", Cols: []Field{
	{Name: "series", Type: Text},
	{Name: "type", Type: Text},
	{Name: "sample_t", Type: Interval},
	{Name: "block_n", Type: Bigint},
	{Name: "zone", Type: Text},
	{Name: "unit", Type: Text},
	{Name: "interpolation", Type: Text},
	{Name: "low", Type: Double},
	{Name: "high", Type: Double},
	{Name: "label", Type: Text},
	{Name: "codec", Type: Text},
	{Name: "labels", Type: JSON},
	{Name: "states", Type: JSON},
	{Name: "description", Type: Text},
	{Name: "id", Type: Bigint},
	{Name: "created", Type: Timestamptz},
	{Name: "retention", Type: Interval},
	{Name: "phase", Type: Interval},
	{Name: "off_grid", Type: Text},
}}

// Edits is the table of edits.
var Edits = &Table{Schema: "public", Name: "edits", Cols: []Field{
	{Name: "id", Type: Bigint},
	{Name: "snapshot", Type: Bigint},
	{Name: "time", Type: Timestamptz},
	{Name: "kind", Type: Text},
	{Name: "author", Type: Text},
	{Name: "reason", Type: Text},
	{Name: "source", Type: Text},
	{Name: "series", Type: Bigint},
	{Name: "from_time", Type: Timestamptz},
	{Name: "to_time", Type: Timestamptz},
	{Name: "inserted", Type: Bigint},
	{Name: "replaced", Type: Bigint},
	{Name: "deleted", Type: Bigint},
}}

// SystemTables are the tables of the schema system.
var SystemTables = []*Table{
	{Schema: "system", Name: "segments", Cols: []Field{
		{Name: "name", Type: Text},
		{Name: "version", Type: Bigint},
		{Name: "bytes", Type: Bigint},
		{Name: "series", Type: Bigint},
		{Name: "blocks", Type: Bigint},
		{Name: "samples", Type: Bigint},
		{Name: "from_time", Type: Timestamptz},
		{Name: "to_time", Type: Timestamptz},
		{Name: "created_snapshot", Type: Bigint},
	}},
	{Schema: "system", Name: "blocks", Cols: []Field{
		{Name: "series", Type: Text},
		{Name: "block", Type: Bigint},
		{Name: "from_time", Type: Timestamptz},
		{Name: "to_time", Type: Timestamptz},
		{Name: "samples", Type: Bigint},
		{Name: "good", Type: Bigint},
		{Name: "uncertain", Type: Bigint},
		{Name: "bad", Type: Bigint},
		{Name: "min", Type: Double},
		{Name: "max", Type: Double},
		{Name: "bytes", Type: Bigint},
		{Name: "segment", Type: Text},
	}},
	{Schema: "system", Name: "snapshots", Cols: []Field{
		{Name: "id", Type: Bigint},
		{Name: "time", Type: Timestamptz},
		{Name: "note", Type: Text},
		{Name: "kept", Type: Boolean},
		{Name: "edit_id", Type: Bigint},
		{Name: "pins", Type: Text},
	}},
	{Schema: "system", Name: "pins", Cols: []Field{
		{Name: "name", Type: Text}, {Name: "snapshot", Type: Bigint}, {Name: "author", Type: Text}, {Name: "created", Type: Timestamptz},
	}},
	{Schema: "system", Name: "edit_ranges", Cols: []Field{
		{Name: "edit_id", Type: Bigint},
		{Name: "series", Type: Text},
		{Name: "from_time", Type: Timestamptz},
		{Name: "to_time", Type: Timestamptz},
		{Name: "inserted", Type: Bigint},
		{Name: "replaced", Type: Bigint},
		{Name: "deleted", Type: Bigint},
	}},
	{Schema: "system", Name: "functions", Cols: []Field{
		{Name: "name", Type: Text}, {Name: "kind", Type: Text}, {Name: "arguments", Type: Text}, {Name: "result", Type: Text}, {Name: "description", Type: Text},
	}},
	{Schema: "system", Name: "settings", Cols: []Field{
		{Name: "name", Type: Text}, {Name: "value", Type: Text}, {Name: "description", Type: Text},
	}},
	{Schema: "system", Name: "queries", Cols: []Field{
		{Name: "id", Type: Bigint},
		{Name: "user_name", Type: Text},
		{Name: "started", Type: Timestamptz},
		{Name: "elapsed", Type: Interval},
		{Name: "rows", Type: Bigint},
		{Name: "statement", Type: Text},
	}},
	{Schema: "system", Name: "memory", Cols: []Field{
		{Name: "part", Type: Text},
		{Name: "bytes", Type: Bigint},
		{Name: "high_bytes", Type: Bigint},
		{Name: "least_bytes", Type: Bigint},
		{Name: "most_bytes", Type: Bigint},
		{Name: "waiting", Type: Bigint},
		{Name: "waited", Type: Bigint},
		{Name: "refused", Type: Bigint},
	}},
}
