package plan

import "strings"

// Routine is what is called as a whole: a table function in FROM, whose rows have
// the columns Cols, or a procedure in CALL, which has none.
type Routine struct {
	Name   string
	Params []Parameter
	Cols   []Field
	Doc    string // one sentence, for system.functions

	// Privileged procedures are for administrators.
	Privileged bool
}

// Parameter is a parameter of a routine. Its arguments are expressions without
// columns.
type Parameter struct {
	Name string
	Type Type
	// Or, where not empty, is the name under which the argument may be an instant
	// instead: which of them is meant its type tells where it has no name.
	Or       string
	Optional bool // it may be left out, and is then NULL
	Nullable bool // NULL means something
}

// String returns the routine's signature, such as pin_snapshot(name text).
func (r *Routine) String() string { return r.Name + "(" + r.Arguments() + ")" }

// Arguments returns the parameters, as system.functions shows them.
func (r *Routine) Arguments() string {
	list := make([]string, len(r.Params))
	for i, p := range r.Params {
		list[i] = p.Name + " " + shortName(p.Type)
		if p.Or != "" {
			list[i] += " | " + p.Or + " " + shortName(Timestamptz)
		}
		if p.Optional {
			list[i] = "[" + list[i] + "]"
		}
	}
	return strings.Join(list, ", ")
}

// Parameter returns the index of the parameter of a name, or -1.
func (r *Routine) Parameter(name string) int {
	for i, p := range r.Params {
		if p.Name == name || p.Or != "" && p.Or == name {
			return i
		}
	}
	return -1
}

// FindRoutine returns the routine of a name; nil where there is none.
func FindRoutine(all []*Routine, name string) *Routine {
	for _, r := range all {
		if r.Name == name {
			return r
		}
	}
	return nil
}

var (
	seriesParameter   = Parameter{Name: "series", Type: Text}
	fromParameter     = Parameter{Name: "from_time", Type: Timestamptz}
	toParameter       = Parameter{Name: "to_time", Type: Timestamptz}
	snapshotParameter = Parameter{Name: "snapshot", Type: Bigint, Or: "instant"}
)

// TableFunctions are the functions that stand in FROM, besides generate_series.
// SamplesAsOf is lowered to a Scan, the others to a TableCall.
var TableFunctions = []*Routine{SamplesAsOf, SamplesHistory, Changes}

// SamplesAsOf is the table samples as it was.
var SamplesAsOf = &Routine{
	Name: "samples_as_of", Params: []Parameter{snapshotParameter}, Cols: Samples.Cols,
	Doc: "The table samples as of a snapshot, or as of an instant: what had been committed by then.",
}

// SamplesHistory yields every version of the samples of a series.
var SamplesHistory = &Routine{
	Name: "samples_history", Params: []Parameter{seriesParameter, fromParameter, toParameter},
	Cols: []Field{
		{Name: "series", Type: Text},
		{Name: "time", Type: Timestamptz},
		{Name: "value", Type: Double},
		{Name: "int_value", Type: Bigint},
		{Name: "text", Type: Text},
		{Name: "quality", Type: Text},
		{Name: "status", Type: Bigint},
		{Name: "raw_value", Type: Double},
		{Name: "edit", Type: Text},
		{Name: "edit_id", Type: Bigint},
		{Name: "author", Type: Text},
		{Name: "reason", Type: Text},
		{Name: "source", Type: Text},
		{Name: "written", Type: Timestamptz},
		{Name: "from_snapshot", Type: Bigint},
		{Name: "to_snapshot", Type: Bigint},
	},
	Doc: "Every version of each sample of a series from one time to another, oldest first.",
}

// Changes yields the ranges in which two snapshots differ.
var Changes = &Routine{
	Name: "changes", Params: []Parameter{
		{Name: "from_snapshot", Type: Bigint, Or: "from_instant"}, {Name: "to_snapshot", Type: Bigint, Or: "to_instant"},
	},
	Cols: []Field{
		{Name: "series", Type: Text},
		{Name: "from_time", Type: Timestamptz},
		{Name: "to_time", Type: Timestamptz},
		{Name: "inserted", Type: Bigint},
		{Name: "replaced", Type: Bigint},
		{Name: "deleted", Type: Bigint},
	},
	Doc: "The ranges of each series in which the samples of two snapshots differ.",
}

// Procedures are what CALL calls.
var Procedures = []*Routine{
	{
		Name: "restore_samples", Params: []Parameter{seriesParameter, fromParameter, toParameter, snapshotParameter},
		Doc: "Puts the samples of a series from one time to another back to what an earlier snapshot has: an edit.",
	},
	{
		Name: "undo_edit", Params: []Parameter{{Name: "id", Type: Bigint}},
		Doc: "Puts what an edit touched back to what it was right before; refused where something was written there since. An edit, too.",
	},
	{
		Name: "purge_samples", Params: []Parameter{seriesParameter, fromParameter, toParameter}, Privileged: true,
		Doc: "Removes for good the earlier versions of the samples of a series from one time to another; that it did stays on the trail.",
	},
	{
		Name: "pin_snapshot", Params: []Parameter{
			{Name: "name", Type: Text}, {Name: "snapshot", Type: Bigint, Or: "instant", Optional: true, Nullable: true},
		},
		Doc: "Keeps a snapshot, or the present state, under a name.",
	},
	{
		Name: "unpin_snapshot", Params: []Parameter{{Name: "name", Type: Text}},
		Doc: "Takes the name off a snapshot that was pinned.",
	},
	{
		Name: "keep_snapshots", Params: []Parameter{{Name: "age", Type: Interval, Nullable: true}}, Privileged: true,
		Doc: "Says for how long snapshots are kept; NULL: for ever.",
	},
	{
		Name: "keep_samples", Params: []Parameter{
			{Name: "label", Type: Text}, {Name: "value", Type: Text}, {Name: "age", Type: Interval, Nullable: true},
		}, Privileged: true,
		Doc: "Says for how long samples of series with a label are kept; NULL: for ever.",
	},
	{Name: "flush", Doc: "Puts what was written into segments, which makes a snapshot."},
	{Name: "compact", Privileged: true, Doc: "Merges segments until there is nothing to gain."},
}
