package plan

import (
	"errors"
	"strings"

	"github.com/trellisdb/trellis/columnar/zone"
)

// LoadZone returns a time zone by its name. A name that is none is a mistake of the
// user's, at a position in the statement (0: none), with names that are near it.
func LoadZone(pos int, name string) (*zone.Zone, error) {
	z, err := zone.Load(name)
	if err == nil {
		return z, nil
	}
	mistake := Errorf(pos, CodeUnknownZone, "%s %q", zone.ErrUnknown, name)
	var unknown *zone.UnknownError
	if errors.As(err, &unknown) && len(unknown.Near) > 0 {
		return nil, mistake.WithHint("Did you mean %s?", strings.Join(unknown.Near, " or "))
	}
	return nil, mistake.WithHint("Use an IANA name such as Europe/Berlin, UTC, or an offset such as +01:00.")
}
