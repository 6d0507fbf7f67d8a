package engine

import (
	"fmt"
	"slices"
	"sort"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/trellisdb/trellis/columnar/zone"
	"github.com/trellisdb/trellis/engine/eval"
	"github.com/trellisdb/trellis/engine/ingest"
	"github.com/trellisdb/trellis/engine/plan"
	"github.com/trellisdb/trellis/meta"
)

// Session is one client's settings. It is safe for concurrent use.
type Session struct {
	user string

	mu struct {
		sync.Mutex
		values map[string]string
		zone   *zone.Zone
	}
}

// Setting is one setting and what it says.
type Setting struct {
	Name, Value, Doc string
}

// setting describes a setting that a session may change, or only read.
type setting struct {
	initial string
	doc     string
	check   func(value string) (canonical string, err error) // nil: read only
}

// settings are those of every session, by name in lower case.
var settings = map[string]setting{
	"timezone":                    {"UTC", "The session's time zone.", checkZone},
	"application_name":            {"", "The client's name, for system.queries.", checkAny},
	"statement_timeout":           {"0", "Milliseconds after which a statement is cancelled; 0 for never.", checkMillis},
	"trellis.idle_stream_timeout": {"600000", "Milliseconds after which a result that its client does not read is ended; 0 for never.", checkMillis},
	"trellis.summaries":           {"on", "Whether aggregates may be answered from block summaries.", checkSwitch},
	"trellis.reason":              {"", "Why edits of this session are made.", checkText},
	"trellis.source":              {"", "Where the data of this session's edits comes from.", checkText},
	authorSetting:                 {"", "Who makes the edits and pins of this session, where the server has no users.", checkText},
	"trellis.backfill":            {"off", "Whether INSERT INTO samples is an edit of kind backfill.", checkSwitch},
	"trellis.off_grid":            {"snap", "What becomes of samples that do not stand where slots begin: snap or refuse.", checkOffGrid},
	"datestyle":                   {"ISO, MDY", "How dates are written.", checkOneOf("ISO, MDY", "ISO")},
	"intervalstyle":               {"postgres", "How intervals are written.", checkOneOf("postgres")},
	"client_encoding":             {"UTF8", "The client's encoding.", checkOneOf("UTF8", "utf-8", "unicode")},
	"standard_conforming_strings": {"on", "Whether backslashes in strings are ordinary.", checkOneOf("on")},
	"extra_float_digits":          {"1", "Floating point numbers are always exact.", checkAny},
	"search_path":                 {"public", "The schema of unqualified names.", checkOneOf("public", `"$user", public`)},
	"server_version":              {"", "The server's version.", nil},
	"server_encoding":             {"UTF8", "The server's encoding.", nil},
	"tzdata_version":              {zone.Version, "The release of the time zone database that is compiled in.", nil},
}

// authorSetting is the setting that says who somebody is whom no password tells.
const authorSetting = "trellis.author"

// NewSession returns a session of a user with the initial settings.
func (e *Engine) NewSession(user string) *Session {
	s := &Session{user: user}
	s.mu.values = map[string]string{"server_version": e.opts.Version}
	s.mu.zone = zone.UTC
	return s
}

// User returns the name of the session's user; empty for none.
func (s *Session) User() string { return s.user }

// author returns who makes the session's edits: its user, or who it says it is.
func (s *Session) author() string {
	if s.user != "" {
		return s.user
	}
	name, _ := s.Value(authorSetting)
	return name
}

// Set changes a setting; nil resets it.
func (s *Session) Set(name string, value *string) error {
	key := strings.ToLower(name)
	def, ok := settings[key]
	if !ok {
		return unknownSetting(name)
	}
	if def.check == nil {
		return plan.Errorf(0, "55P02", "setting %q cannot be changed", name)
	}
	if key == authorSetting && s.user != "" {
		return plan.Errorf(0, plan.CodePrivilege, "the author is %q, the session's user", s.user)
	}
	v := def.initial
	if value != nil {
		var err error
		if v, err = def.check(*value); err != nil {
			return err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if key == "timezone" {
		z, err := zone.Load(v)
		if err != nil {
			return fmt.Errorf("setting %s: %w", name, err)
		}
		s.mu.zone = z
	}
	s.mu.values[key] = v
	return nil
}

// Value returns a setting's value.
func (s *Session) Value(name string) (string, bool) {
	key := strings.ToLower(name)
	def, ok := settings[key]
	if !ok {
		return "", false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if v, set := s.mu.values[key]; set {
		return v, true
	}
	return def.initial, true
}

// Settings returns all settings in order of name.
func (s *Session) Settings() []Setting {
	var out []Setting
	for name, def := range settings {
		v, _ := s.Value(name)
		out = append(out, Setting{name, v, def.doc})
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Name < out[j].Name })
	return out
}

// Zone returns the session's time zone.
func (s *Session) Zone() *zone.Zone {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.mu.zone
}

func unknownSetting(name string) *plan.Error {
	var near []string
	for known := range settings {
		if strings.HasPrefix(known, "trellis.") {
			near = append(near, known)
		}
	}
	slices.Sort(near)
	return plan.Errorf(0, plan.CodeUndefObject, "unrecognized setting %q", name).
		WithHint("SHOW ALL lists the settings; those of this server are timezone, %s.", strings.Join(near, ", "))
}

func checkAny(value string) (string, error) { return value, nil }

// checkText accepts what can stand on the trail of edits.
func checkText(value string) (string, error) {
	if len(value) > meta.MaxText {
		return "", plan.Errorf(0, plan.CodeInvalidValue, "a text of %d bytes is longer than %d", len(value), meta.MaxText)
	}
	if !utf8.ValidString(value) || strings.ContainsRune(value, 0) {
		return "", plan.Errorf(0, plan.CodeInvalidEncoding, "the text is not valid UTF-8")
	}
	return value, nil
}

func checkZone(value string) (string, error) {
	z, err := plan.LoadZone(0, value)
	if err != nil {
		return "", err
	}
	return z.Name(), nil
}

func checkMillis(value string) (string, error) {
	l, err := eval.Convert(plan.Literal{Value: value, T: plan.Text}, plan.Bigint, &eval.Env{})
	if err != nil || l.Value.(int64) < 0 {
		return "", plan.Errorf(0, plan.CodeInvalidValue, "invalid value %q: use a number of milliseconds", value)
	}
	return value, nil
}

func checkSwitch(value string) (string, error) {
	l, err := eval.Convert(plan.Literal{Value: value, T: plan.Text}, plan.Boolean, &eval.Env{})
	if err != nil {
		return "", plan.Errorf(0, plan.CodeInvalidValue, "invalid value %q: use on or off", value)
	}
	if l.Value.(bool) {
		return "on", nil
	}
	return "off", nil
}

func checkOffGrid(value string) (string, error) {
	_, err := ingest.ParseOffGrid(value)
	return value, err
}

// offGrid is the session's setting of that name.
func (s *Session) offGrid() ingest.OffGrid {
	text, _ := s.Value("trellis.off_grid")
	v, _ := ingest.ParseOffGrid(text) // it was checked
	return v
}

// checkOneOf accepts the values that mean what the server does anyway.
func checkOneOf(values ...string) func(string) (string, error) {
	return func(value string) (string, error) {
		for _, v := range values {
			if strings.EqualFold(v, value) {
				return values[0], nil
			}
		}
		return "", plan.Errorf(0, plan.CodeInvalidValue, "the server does only %q", values[0])
	}
}
