package meta

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/trellisdb/trellis/columnar"
	"github.com/trellisdb/trellis/columnar/codec"
	"github.com/trellisdb/trellis/columnar/zone"
)

// The longest texts that a series may have, in bytes.
const (
	MaxName = 1 << 10  // of a name, a unit and a state
	MaxText = 64 << 10 // of the labels and the description
)

// Validate reports the first attribute that is out of range, and what to do
// about it. It wraps ErrInvalid. Attributes left out are errors, too: see
// WithDefaults.
func (s Series) Validate() error {
	checks := []func() error{
		s.checkName, s.checkType, s.checkZone, s.Grid.Validate, s.checkLimits, s.checkCodec, s.checkTexts, s.checkLabels, s.checkStates, s.checkRetention,
	}
	for _, check := range checks {
		if err := check(); err != nil {
			return fmt.Errorf("series %q: %w: %w", abbreviate(s.Name), ErrInvalid, err)
		}
	}
	return nil
}

// CheckChange reports what would change from old to s and must not (M4). It
// wraps ErrInvalid.
func (s Series) CheckChange(old Series) error {
	var err error
	switch {
	case s.Type != old.Type:
		err = fmt.Errorf("the type is %v for good: create another series for %v", old.Type, s.Type)
	case s.Grid.Calendar != nil && old.Grid.Calendar != nil && s.Grid.Calendar.Zone() != old.Grid.Calendar.Zone():
		err = fmt.Errorf("its sample period of %v counts in the zone %s for good: create another series for %s", old.Grid.Width(), old.Zone, s.Zone)
	case s.Grid.Width() != old.Grid.Width():
		err = fmt.Errorf("the sample period is %v for good: create another series for %v", old.Grid.Width(), s.Grid.Width())
	case s.Grid.Phase != old.Grid.Phase:
		err = fmt.Errorf("the phase is %d µs for good: create another series for %d µs", old.Grid.Phase, s.Grid.Phase)
	case s.Grid.BlockLen != old.Grid.BlockLen:
		err = fmt.Errorf("the block length is %d slots for good: create another series for %d", old.Grid.BlockLen, s.Grid.BlockLen)
	case len(s.States) < len(old.States):
		err = fmt.Errorf("samples may hold any of the %d states: rename states or add to them, do not leave any out", len(old.States))
	default:
		return nil
	}
	return fmt.Errorf("series %q: %w: %w", abbreviate(old.Name), ErrInvalid, err)
}

func (s Series) checkName() error {
	if s.Name == "" {
		return errors.New("the name is empty: give one such as plant1/boiler/steam.temp")
	}
	return checkLine("name", s.Name)
}

func (s Series) checkType() error {
	if !s.Type.Valid() {
		return fmt.Errorf("unknown %v: use double, float, integer, boolean, enum or text", s.Type)
	}
	if s.Interpolation > columnar.Step {
		return fmt.Errorf("unknown interpolation %d: use linear or step", s.Interpolation)
	}
	return nil
}

func (s Series) checkZone() error {
	z, err := zone.Load(s.Zone)
	if err == nil && s.Grid.Calendar != nil && s.Grid.Calendar.Zone() != z {
		err = fmt.Errorf("its sample period of %v counts in the zone %s for good: create another series for %s",
			s.Grid.Width(), s.Grid.Calendar.Zone(), s.Zone)
	}
	return err
}

func (s Series) checkLimits() error {
	for _, limit := range []*float64{s.Low, s.High} {
		if limit != nil && (math.IsNaN(*limit) || math.IsInf(*limit, 0)) {
			return fmt.Errorf("a limit of %v is no number: leave out the limit that there is none of", *limit)
		}
	}
	if s.Low != nil && s.High != nil && *s.Low > *s.High {
		return fmt.Errorf("the low limit %v is above the high limit %v: exchange them", *s.Low, *s.High)
	}
	return nil
}

func (s Series) checkCodec() error {
	_, err := codec.Parse(s.Codec)
	return err
}

func (s Series) checkTexts() error {
	if err := checkLine("unit", s.Unit); err != nil {
		return err
	}
	if len(s.Description) > MaxText {
		return fmt.Errorf("the description has %d bytes: shorten it to %d", len(s.Description), MaxText)
	}
	if !utf8.ValidString(s.Description) || strings.ContainsRune(s.Description, 0) {
		return errors.New("the description is not UTF-8 text: convert it")
	}
	return nil
}

func (s Series) checkLabels() error {
	if len(s.Labels) > MaxText {
		return fmt.Errorf("the labels have %d bytes: shorten them to %d", len(s.Labels), MaxText)
	}
	// encoding/json replaces what is no UTF-8 instead of refusing it.
	if !utf8.ValidString(s.Labels) {
		return errors.New("the labels are not UTF-8 text: convert them")
	}
	var labels map[string]any
	if err := json.Unmarshal([]byte(s.Labels), &labels); err != nil || labels == nil {
		return fmt.Errorf(`the labels %q are no JSON object: write {"site": "north"}, or {} for none`, abbreviate(s.Labels))
	}
	return nil
}

func (s Series) checkStates() error {
	switch {
	case len(s.States) == 0:
		return nil
	case s.Type == columnar.Boolean && len(s.States) != 2:
		return fmt.Errorf("a boolean series has %d states: name two, first that of false, or none", len(s.States))
	case s.Type != columnar.Boolean && s.Type != columnar.Enum:
		return fmt.Errorf("a series of type %v has states: leave them out, or make its type enum", s.Type)
	}
	for i, state := range s.States {
		if state == "" {
			return fmt.Errorf("state %d has no name: give it one", i)
		}
		if err := checkLine("state", state); err != nil {
			return err
		}
		if j := slices.Index(s.States[:i], state); j >= 0 {
			return fmt.Errorf("states %d and %d are both named %q: rename one", j, i, state)
		}
	}
	return nil
}

func (s Series) checkRetention() error {
	if s.Retention < 0 {
		return fmt.Errorf("the retention of %d µs is negative: give the age at which samples may go, or 0", s.Retention)
	}
	return nil
}

// checkLine reports a text that does not fit on one line of MaxName bytes.
func checkLine(what, text string) error {
	if len(text) > MaxName {
		return fmt.Errorf("the %s has %d bytes: shorten it to %d", what, len(text), MaxName)
	}
	if !utf8.ValidString(text) {
		return fmt.Errorf("the %s %q is not UTF-8 text: convert it", what, abbreviate(text))
	}
	if strings.ContainsFunc(text, unicode.IsControl) {
		return fmt.Errorf("the %s %q contains a control character: remove it", what, abbreviate(text))
	}
	return nil
}

// abbreviate shortens a text to what fits in an error message.
func abbreviate(text string) string {
	const longest = 80
	if len(text) <= longest {
		return text
	}
	return strings.ToValidUTF8(text[:longest], "") + "…"
}
