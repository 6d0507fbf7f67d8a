package plan

import "github.com/trellisdb/trellis/columnar"

// Node is a logical operator. The set of implementations is closed: Scan, Values,
// Generate, TableCall, Filter, Project, AggregateNode, Sort, Limit, Join, SetOp, and
// at the root the statements InsertSamples, UpdateSamples, DeleteSamples,
// InsertSeries, UpdateSeries, CallProcedure, Explain, SetVariable and ShowVariable.
type Node interface {
	// Fields returns the columns of the node's output.
	Fields() []Field
	// Inputs returns the nodes that it reads, in order.
	Inputs() []Node
}

// Scan reads a table. As lowered from a statement only Table, Alias and Columns
// are set; the optimizer fills in the rest for the table samples.
type Scan struct {
	Table   *Table
	Alias   string
	Columns []ScanColumn // the output, in order

	// AsOf says which state of the table samples is read: a snapshot (Bigint) or an
	// instant (Timestamptz), an expression without columns; nil: the present one.
	AsOf Expr

	Samples *SampleScan // nil unless Table is Samples
}

// ScanColumn is a column of a scan's output. For samples it may also be an
// attribute of the sample's series, a column of the table series.
type ScanColumn struct {
	Name   string
	T      Type
	Series bool // a column of the table series
	Alias  string
}

// SampleScan is what the optimizer has learned about a scan of samples. Its
// conditions are exact: rows that they exclude are not in the answer, and no
// Filter above repeats them.
type SampleScan struct {
	// SeriesWhere chooses the series: a condition over the columns of the table
	// series (indexes into Series.Columns); nil: all series.
	SeriesWhere Expr
	// From and To bound the sample's time, half-open: expressions of constants and
	// parameters, of type Timestamptz; nil: open. Several bounds are an AND.
	From, To []Expr
	// LocalWhere is a condition over local_time alone (column 0 of its input, a
	// Timestamp), whose value is constant over LocalWidth of the series' clock.
	LocalWhere []LocalCondition
	// Qualities of the samples that are wanted.
	Qualities columnar.QualitySet
	// Bounds on value (constants and parameters, Double): blocks without a value
	// in them are not read. The Filter stays above.
	AtLeast, AtMost []Expr

	// Summaries, when not nil, makes the scan yield summary batches.
	Summaries *SummaryScan
	// Why says why there is no summary path, for EXPLAIN; empty where there is one
	// or where nothing was aggregated.
	Why string
}

// LocalCondition is a condition over local_time whose value changes only where
// the local clock passes a multiple of Width microseconds (counted from local
// midnight) or is set.
type LocalCondition struct {
	Where Expr
	Width int64
}

// SummaryScan asks for one row per series and bin, whose columns time and
// local_time are those of the bin's first instant. Every key of the aggregate
// above is constant over a bin.
type SummaryScan struct {
	Bins  []BinSpec // time is cut wherever one of them cuts; none: one bin for all time
	Stats columnar.Stats
}

// BinKind says how a BinSpec cuts time.
type BinKind uint8

// The kinds of bins.
const (
	ZoneBins  BinKind = iota // zone.NewBins: time_bucket, local_bucket, date_trunc of time
	LocalBins                // zone.NewLocalBins: pure functions of local_time
	FixedBins                // multiples of Width.Micros from Origin, on instants: date_bin
)

// BinSpec is a partition of time.
type BinSpec struct {
	Kind   BinKind
	Width  Span
	Zone   Expr // Text over the columns of the table series; nil: the series' own zone
	Origin int64
}

// Values is a list of rows.
type Values struct {
	Rows [][]Expr
	Cols []Field
}

// Generate yields the values From, From + Step, … up to To, in one column: the
// function generate_series. The three are expressions without columns: all Bigint,
// all Double, or two Timestamp or Timestamptz and an Interval. A NULL among them
// yields no rows, a step of zero is an error (CodeInvalidValue); a negative step
// counts down.
type Generate struct {
	From, To, Step Expr
	Col            Field
}

// TableCall yields the rows of a table function; its arguments are expressions
// without columns, one for each parameter.
type TableCall struct {
	Routine *Routine
	Args    []Expr
	Alias   string

	// SeriesWhere chooses the series of Changes: a condition over the columns of the
	// table series; nil: all. The optimizer fills it in.
	SeriesWhere Expr
}

// Filter keeps the rows for which Where is true.
type Filter struct {
	Input Node
	Where Expr
}

// Project computes its columns from those of the input.
type Project struct {
	Input Node
	Exprs []Expr
	Cols  []Field
}

// AggregateNode groups its input by Keys and computes Aggs for each group; its
// columns are the keys, then the aggregates. Without keys there is one group,
// also for no rows. DISTINCT is an AggregateNode without Aggs.
type AggregateNode struct {
	Input Node
	Keys  []Expr
	Aggs  []*Aggregation
	Cols  []Field
	// Sets are the grouping sets, as lists of indexes into Keys; nil: all keys.
	Sets [][]int
	// Merge says that the input is a scan that yields summaries: the Aggs, whose
	// arguments are then not evaluated, merge them.
	Merge bool
}

// Sort orders its input, stably.
type Sort struct {
	Input Node
	Keys  []SortKey
}

// Limit passes on Count rows after leaving out Offset; each an expression without
// columns, nil for none.
type Limit struct {
	Input         Node
	Count, Offset Expr
}

// JoinKind is a kind of join.
type JoinKind uint8

// The kinds of joins. Semi and Anti yield the left columns only.
const (
	Inner JoinKind = iota
	Left
	Right
	Full
	Cross
	Semi
	Anti
)

// Join combines two inputs. Its rows are those pairs for which all Equal pairs
// are equal (NULL equals nothing) and Where is true.
type Join struct {
	Kind        JoinKind
	Left, Right Node
	LeftKeys    []Expr // over the left columns
	RightKeys   []Expr // over the right columns
	Where       Expr   // over both; nil: none
}

// SetOpKind is a set operation.
type SetOpKind uint8

// The set operations.
const (
	Union SetOpKind = iota
	Intersect
	Except
)

// SetOp combines inputs whose columns have equal types.
type SetOp struct {
	Kind SetOpKind
	All  bool
	In   []Node
}

// InsertSamples writes the rows of its input as samples. The input's columns are
// those of Columns: series, time, and value, int_value, text, quality or status.
type InsertSamples struct {
	Input   Node
	Columns []string
	At      []int // position of each row's first value in the statement, for VALUES
}

// UpdateSamples changes samples: an edit. The columns of its input are those of
// Keys, which tell what a sample is now (series and time first), and then the new
// values of those of Columns.
type UpdateSamples struct {
	Input   Node
	Keys    []string
	Columns []string
}

// DeleteSamples takes samples away: an edit. The columns of its input are series and
// time.
type DeleteSamples struct {
	Input Node
}

// InsertSeries creates a series for each row of its input.
type InsertSeries struct {
	Input   Node
	Columns []string
}

// UpdateSeries sets attributes of the series for which Where (over the table
// series) is true; nil: all. Exprs are over the table series too.
type UpdateSeries struct {
	Where   Expr
	Columns []string
	Exprs   []Expr
}

// CallProcedure calls a procedure; its arguments are expressions without columns,
// one for each parameter.
type CallProcedure struct {
	Routine *Routine
	Args    []Expr
}

// Explain yields the plan of its input as text, with what running it did when
// Analyze is set.
type Explain struct {
	Input   Node
	Analyze bool
}

// SetVariable changes a setting of the session; a nil Value resets it.
type SetVariable struct {
	Name  string
	Value *string
}

// ShowVariable yields a setting as one row of text; all of them for the name all.
type ShowVariable struct{ Name string }
