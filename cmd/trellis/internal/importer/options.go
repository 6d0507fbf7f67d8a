package importer

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/trellisdb/trellis/columnar"
	"github.com/trellisdb/trellis/columnar/zone"
)

// Options say what is imported and how it is read.
type Options struct {
	Files   []string // "-": standard input
	Format  string   // csv, tsv, json, parquet; empty: by the file
	Text    TextOptions
	Time    TimeOptions
	Values  ValueOptions
	Quality QualityOptions

	// Name is the name of the series: a text in which {column} stands for the name of
	// the value column, and {x} for what the row has in column x.
	Name string
	// Attributes describe the series that do not exist yet, by the names that the
	// table series has for them.
	Attributes map[string]ByColumn
	// Edit makes one edit of all that is imported, all of it or nothing.
	Edit           bool
	Reason, Source string // of the edit
	// DryRun reads everything and writes nothing.
	DryRun bool
	// Snap stores samples off the grid in the slots that hold their times; otherwise
	// they are refused.
	Snap bool
	// Collide says which of two samples in one slot is kept.
	Collide Collide
	// Stop ends the import at the first row that is refused.
	Stop bool
	// Clock is the present instant, in microseconds.
	Clock func() int64
	// Progress, where not nil, is called from time to time.
	Progress func(Progress)
}

// TextOptions say how text files are read.
type TextOptions struct {
	Delimiter rune   // 0: by the file
	Decimal   byte   // 0: '.'
	Thousands byte   // 0: none
	Skip      int    // lines before the header
	NoHeader  bool   // columns are named c1, c2, ...
	SkipBelow int    // rows below the header, and that of the units, that are passed over
	Encoding  string // one of Encodings; empty: by the file
	Comment   rune   // begins lines that are passed over; 0: none does
	UnitsRow  bool   // the row below the header has the units
	Sheet     string // of a workbook; empty: the first
}

// TimeOptions say where the time stamps are.
type TimeOptions struct {
	// Columns are one column of stamps; two, of dates and times of day; or three to
	// six, of years, months, days, hours, minutes and seconds. None: by the file.
	Columns []string
	Format  string     // see newLayout; empty: by the file
	Zone    *zone.Zone // of stamps without one
}

// ValueOptions say which values are read.
type ValueOptions struct {
	Columns   []string // none: all that have no other meaning
	Text      []string // of them, or more, columns of text
	Null      []string // texts that mean that there is no value; nil: DefaultNull
	Bad       []string // values, or texts, that mean that they are bad: -200, or column=-200
	States    []string // texts that stand for a status: Shutdown=bad:0x808D0000
	KeepEmpty bool     // store a sample without a value for an empty field
}

// DefaultNull are the texts that mean that there is no value.
var DefaultNull = []string{"NA", "N/A", "NaN", "nan", "null", "NULL", "None"}

// QualityOptions say what tells how good a value is.
type QualityOptions struct {
	Column string   // holds qualities or OPC UA status codes; may have {column} in it
	Map    []string // what the values of Column mean: 192=good, 24=bad:0x80310000
	Codes  QualityCodes
	Masks  []string // column=status: where the column is true, the sample has the status
}

// ByColumn is a setting that value columns may have of their own: "" is for the others.
type ByColumn map[string]string

// Of returns the setting of a column.
func (b ByColumn) Of(column string) (string, bool) {
	if v, ok := b[column]; ok {
		return v, true
	}
	v, ok := b[""]
	return v, ok
}

// Progress is how far an import has come.
type Progress struct {
	Bytes   int64 // read from the files
	Samples int64 // stored for good
}

// statusNames are names of OPC UA status codes (OPC UA Part 8, annex A.3) that data
// access clients write.
var statusNames = map[string]columnar.Status{
	"Good": 0, "GoodLocalOverride": 0x0096_0000, "GoodClamped": 0x0030_0000,
	"Uncertain": columnar.StatusUncertain, "UncertainNoCommunicationLastUsableValue": 0x408F_0000, "UncertainLastUsableValue": 0x4090_0000,
	"UncertainSubstituteValue": 0x4091_0000, "UncertainInitialValue": 0x4092_0000, "UncertainSensorNotAccurate": 0x4093_0000,
	"UncertainEngineeringUnitsExceeded": 0x4094_0000, "UncertainSubNormal": 0x4095_0000,
	"Bad": columnar.StatusBad, "BadNoCommunication": 0x8031_0000, "BadWaitingForInitialData": 0x8032_0000, "BadConfigurationError": 0x8089_0000,
	"BadNotConnected": 0x808A_0000, "BadDeviceFailure": 0x808B_0000, "BadSensorFailure": 0x808C_0000, "BadOutOfService": 0x808D_0000,
	"BadNoData": columnar.StatusBadNoData,
}

// parseStatus reads good, uncertain, bad, an OPC UA status code such as 0x40900000,
// or its name; or class:code, in which the code has to be of that class.
func parseStatus(s string) (columnar.Status, error) {
	class, code, both := strings.Cut(s, ":")
	if !both {
		if st, ok := readStatus(s); ok {
			return st, nil
		}
		return 0, fmt.Errorf("unknown status %q: use good, uncertain, bad, or an OPC UA status code such as 0x40900000", shorten(s))
	}
	quality, ok := columnar.ParseQuality(strings.ToLower(class))
	if !ok {
		return 0, fmt.Errorf("unknown quality %q: use good, uncertain or bad", shorten(class))
	}
	st, err := parseStatus(code)
	if err == nil && st.Quality() != quality {
		err = fmt.Errorf("status %s is %s, not %s: its first two bits say so", code, st.Quality(), quality)
	}
	return st, err
}

func readStatus(s string) (columnar.Status, bool) {
	if q, ok := columnar.ParseQuality(strings.ToLower(s)); ok {
		return columnar.Status(q) << 30, true
	}
	if st, ok := statusNames[s]; ok {
		return st, true
	}
	x, err := strconv.ParseUint(s, 0, 32)
	return columnar.Status(x), err == nil
}

// parsePair reads a=b.
func parsePair(s, example string) (name, value string, err error) {
	i := strings.LastIndexByte(s, '=')
	if i <= 0 {
		return "", "", fmt.Errorf("%q: write %s", shorten(s), example)
	}
	return s[:i], s[i+1:], nil
}
