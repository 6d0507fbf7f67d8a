package meta

import (
	"github.com/trellisdb/trellis/columnar"
	"github.com/trellisdb/trellis/columnar/zone"
)

// Series is the catalog's record of one series.
type Series struct {
	columnar.Series // id, type, grid, interpolation

	Name        string // hierarchical free text, unique: plant1/boiler/steam.temp
	Zone        string // IANA name, or a fixed offset such as +01:00
	Unit        string
	Low, High   *float64 // limits; nil: none
	LabelEnd    bool     // the source stamps the end of its interval, not the beginning
	Codec       string   // auto, or a codec's name
	Labels      string   // a JSON object
	Description string
	States      []string // names of an enum's ordinals; for boolean none or two
	Created     int64    // instant
	OnGrid      bool     `json:",omitempty"` // a sample that does not stand where a slot begins is refused, whatever a writer allows
	Retention   int64    // age in microseconds at which samples may go; 0: as the labels say (Keep), else never
}

// WithDefaults returns the series with what was left out filled in: the block
// length that suits its period, zone UTC, codec auto, no labels. Its calendar is
// that of its zone.
func (s Series) WithDefaults() Series {
	if s.Zone == "" {
		s.Zone = "UTC"
	}
	if z, err := zone.Load(s.Zone); err == nil {
		s.Grid = s.Grid.On(z)
	}
	if s.Codec == "" {
		s.Codec = "auto"
	}
	if s.Labels == "" {
		s.Labels = "{}"
	}
	return s
}
