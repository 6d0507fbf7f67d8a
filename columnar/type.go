package columnar

import "fmt"

// Type is what the values of a series are.
type Type uint8

// The types of a series. The numbers are part of the file format.
const (
	Double  Type = 1 + iota // float64
	Float                   // float64 values that are exactly float32
	Integer                 // int64
	Boolean                 // 0 or 1
	Enum                    // ordinal into the series' list of states
	Text                    // UTF-8
)

var typeNames = [...]string{Double: "double", Float: "float", Integer: "integer", Boolean: "boolean", Enum: "enum", Text: "text"}

// String returns the type's name as SQL spells it.
func (t Type) String() string {
	if t.Valid() {
		return typeNames[t]
	}
	return fmt.Sprintf("type(%d)", uint8(t))
}

// Valid reports whether t is one of the declared types.
func (t Type) Valid() bool { return t >= Double && t <= Text }

// ParseType returns the type of that name.
func ParseType(name string) (Type, error) {
	for t, n := range typeNames {
		if n == name && n != "" {
			return Type(t), nil
		}
	}
	return 0, fmt.Errorf("unknown series type %q: use double, float, integer, boolean, enum or text", name)
}

// Kind is how the values of a type are held in memory.
type Kind uint8

// The kinds: a Block and a Samples have exactly one of their value slices set.
const (
	Floats Kind = iota // []float64: Double and Float
	Ints               // []int64: Integer, Boolean and Enum
	Texts              // []string: Text
)

// Kind returns how values of the type are held in memory.
func (t Type) Kind() Kind {
	switch t {
	case Integer, Boolean, Enum:
		return Ints
	case Text:
		return Texts
	default:
		return Floats
	}
}

// Interpolation says what a series does between two samples.
type Interpolation uint8

// The interpolations of a series.
const (
	Linear Interpolation = iota // straight line from sample to sample
	Step                        // the value holds until the next sample
)

// String returns the interpolation's name as SQL spells it.
func (i Interpolation) String() string {
	if i == Step {
		return "step"
	}
	return "linear"
}

// Series is what the ground floor needs to know of a series. The catalog's
// record of it, with zone, unit and labels, is meta.Series.
type Series struct {
	ID            int64 // assigned by the catalog, positive, never used again
	Type          Type
	Grid          Grid
	Interpolation Interpolation
}
