package meta

import "github.com/trellisdb/trellis/columnar"

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
}
