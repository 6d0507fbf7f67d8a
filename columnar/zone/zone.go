package zone

import (
	"errors"
	"fmt"
	"strings"
	"sync"
)

// ErrUnknown is what every error about a name that is no zone wraps; see [UnknownError].
var ErrUnknown = errors.New("unknown time zone")

// Zone is a time zone: an offset from UTC for every instant. It is immutable, and two
// zones of the same name are the same pointer.
type Zone struct {
	name   string
	before Transition   // in force before the first transition
	stored []Transition // ascending
	rule   *posixRule   // yearly changes after the last stored transition, or nil
	first  int64        // the number of the rule's change that follows the last stored transition
}

// Transition is an instant from which on a zone's offset, abbreviation or daylight
// saving flag differs from before.
type Transition struct {
	At           int64  // instant
	Offset       int64  // local time minus instant, in microseconds
	DST          bool   // daylight saving time (in Europe/Dublin, that is winter)
	Abbreviation string // such as CET or +03
}

// UTC is the zone UTC, whose local times are its instants.
var UTC = &Zone{name: "UTC", before: Transition{At: beginning, Abbreviation: "UTC"}}

// zones holds every zone that has been loaded, by name.
var zones sync.Map

// writtenOut is the year before which a rule's transitions are stored like those that the
// database lists, because finding one there is quicker than computing it.
const writtenOut = 2100

// newZone returns the zone with the given transitions, which it keeps.
func newZone(name string, before Transition, stored []Transition, rule *posixRule) *Zone {
	before.At = beginning
	z := &Zone{name: name, before: before, stored: stored, rule: rule}
	if rule == nil {
		return z
	}
	z.first = rule.find(stored[len(stored)-1].At) + 1
	for ; z.first < 2*writtenOut; z.first++ {
		z.stored = append(z.stored, rule.at(z.first))
	}
	return z
}

// Load returns the zone of a name: an IANA name such as Europe/Berlin (its case counts),
// UTC or Z, or a fixed offset such as +01:00, -07:00, +0530 or +01. Offsets are those of
// ISO 8601, positive east of Greenwich: a clock at +01:00 is an hour ahead of UTC. (In a
// POSIX TZ string, and where PostgreSQL reads an offset as a zone, the sign is the
// opposite.) They reach to ±15:59:59.
//
// The error for any other name is an [*UnknownError]. Load is safe for concurrent use and
// costs a map lookup from a name's second time on.
func Load(name string) (*Zone, error) {
	if z, ok := zones.Load(name); ok {
		return z.(*Zone), nil
	}
	if name == "UTC" || name == "Z" {
		return UTC, nil
	}
	if offset, ok := parseOffset(name); ok && -16*hour < offset && offset < 16*hour {
		return fixed(offset), nil
	}
	db := compiledIn()
	body, ok := db.zones[name]
	if !ok {
		target, linked := db.links[name]
		if !linked {
			return nil, &UnknownError{Name: name, Near: db.near(name)}
		}
		body = db.zones[target]
	}
	z, err := parseZone(name, body)
	if err != nil {
		return nil, err
	}
	kept, _ := zones.LoadOrStore(name, z)
	return kept.(*Zone), nil
}

// fixed returns the zone whose clocks are always ahead of UTC by an offset.
func fixed(offset int64) *Zone {
	if offset == 0 {
		return UTC
	}
	name := offsetName(offset)
	z := &Zone{name: name, before: Transition{At: beginning, Offset: offset, Abbreviation: name}}
	kept, _ := zones.LoadOrStore(name, z)
	return kept.(*Zone)
}

// offsetName prints an offset as ±hh:mm, with seconds where there are any.
func offsetName(offset int64) string {
	sign := byte('+')
	if offset < 0 {
		sign, offset = '-', -offset
	}
	name := fmt.Sprintf("%c%02d:%02d", sign, offset/hour, offset/minute%60)
	if s := offset / second % 60; s != 0 {
		name += fmt.Sprintf(":%02d", s)
	}
	return name
}

// Names returns the names of all zones of the database and of all links, in order.
func Names() []string { return compiledIn().names() }

// Name returns the name that the zone was loaded by, so a link keeps its own; a fixed
// offset is named as in +05:30, and +00:00 is UTC.
func (z *Zone) Name() string { return z.name }

// String returns the name.
func (z *Zone) String() string { return z.name }

// Offset returns local time minus instant at an instant, in microseconds.
func (z *Zone) Offset(t int64) int64 {
	return z.at(z.find(clampInstant(t))).Offset
}

// Local returns what a clock in the zone shows at an instant.
func (z *Zone) Local(t int64) int64 {
	t = clampInstant(t)
	return t + z.at(z.find(t)).Offset
}

// Abbreviation returns what the zone's time is called at an instant, such as CET or
// +03.
func (z *Zone) Abbreviation(t int64) string {
	return z.at(z.find(clampInstant(t))).Abbreviation
}

// DST reports whether the database calls an instant daylight saving time.
func (z *Zone) DST(t int64) bool {
	return z.at(z.find(clampInstant(t))).DST
}

// UnknownError says that a name is no zone, and which names it may have been meant for.
type UnknownError struct {
	Name string
	Near []string // at most three, the likeliest first
}

// Error names the unknown zone and, where there is one, the likeliest other.
func (e *UnknownError) Error() string {
	s := fmt.Sprintf("%v %q", ErrUnknown, e.Name)
	if hint := e.Hint(); hint != "" {
		s += " (" + hint + ")"
	}
	return s
}

// Unwrap returns [ErrUnknown].
func (e *UnknownError) Unwrap() error { return ErrUnknown }

// Hint asks whether one of the near names was meant, or is empty when there is none.
func (e *UnknownError) Hint() string {
	if len(e.Near) == 0 {
		return ""
	}
	return "did you mean " + strings.Join(e.Near, " or ") + "?"
}
