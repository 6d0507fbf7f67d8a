package flight

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/apache/arrow-go/v18/arrow/ipc"

	"github.com/trellisdb/trellis/engine"
	"github.com/trellisdb/trellis/engine/plan"
)

// settings are what a client has set: settings of the engine by name (timezone,
// trellis.reason, …) and of the output (compression, batch_rows, timestamps).
type settings map[string]string

// with returns the settings with one changed; nil resets it.
func (s settings) with(name string, value *string) settings {
	out := maps.Clone(s)
	if out == nil {
		out = settings{}
	}
	if value == nil {
		delete(out, name)
	} else {
		out[name] = *value
	}
	return out
}

// output is how rows are sent.
type output struct {
	bytes       func(sent int) int64 // of a batch, at most, about, when so many have been sent; nil: as many as may be
	compression ipc.Option           // nil: none
	rows        int64                // rows of a batch, at most
	naive       bool                 // instants as timestamps without zone, in UTC
}

// The sizes of the batches that are sent.
const (
	defaultBatchRows = 1 << 16
	maxBatchRows     = 1 << 20
	maxBatchBytes    = 2<<20 - 4096 // with its metadata, a message of at most 2 MiB
)

// outputSettings are the settings of the output.
var outputSettings = map[string]struct {
	initial, doc string
	apply        func(o *output, value string) bool
}{
	"compression": {"none", "Compression of the batches that are sent: none, lz4 or zstd.", func(o *output, value string) bool {
		switch value {
		case "none":
			o.compression = nil
		case "lz4":
			o.compression = ipc.WithLZ4()
		case "zstd":
			o.compression = ipc.WithZstd()
		default:
			return false
		}
		return true
	}},
	"batch_rows": {strconv.Itoa(defaultBatchRows), "Rows of the batches that are sent, at most, from 1 to 1048576.", func(o *output, value string) bool {
		n, err := strconv.ParseInt(value, 10, 64)
		o.rows = n
		return err == nil && n >= 1 && n <= maxBatchRows
	}},
	"timestamps": {"zoned", "How instants are sent: zoned (timestamps with the zone UTC) or naive (in UTC, without zone).", func(o *output, value string) bool {
		o.naive = value == "naive"
		return o.naive || value == "zoned"
	}},
}

// output returns how rows are sent under the settings.
func (s settings) output() output {
	o := output{rows: defaultBatchRows}
	for name, def := range outputSettings {
		if value, ok := s[name]; ok {
			def.apply(&o, value) // checked when it was set
		}
	}
	return o
}

// newSession returns a session of the engine under the settings.
func (s *Server) newSession(user string, set settings) (*engine.Session, error) {
	session := s.opts.Engine.NewSession(user)
	for _, name := range slices.Sorted(maps.Keys(set)) {
		if _, ok := outputSettings[name]; ok {
			continue
		}
		value := set[name]
		if err := session.Set(name, &value); err != nil {
			return nil, err
		}
	}
	return session, nil
}

// change returns settings with one changed, after a check; nil resets it. Names are
// taken as they are, in any case, or without their prefix "trellis.".
func (s *Server) change(user string, set settings, name string, value *string) (settings, error) {
	name = strings.ToLower(name)
	if def, ok := outputSettings[name]; ok {
		if value == nil {
			return set.with(name, nil), nil
		}
		v := strings.ToLower(*value)
		if !def.apply(&output{}, v) {
			return nil, plan.Errorf(0, plan.CodeInvalidValue, "invalid value %q for setting %q", v, name).WithHint("%s", def.doc)
		}
		if v == def.initial {
			return set.with(name, nil), nil
		}
		return set.with(name, &v), nil
	}
	session := s.opts.Engine.NewSession(user)
	if _, known := session.Value(name); !known {
		if _, known := session.Value("trellis." + name); known {
			name = "trellis." + name
		}
	}
	if err := session.Set(name, value); err != nil {
		return nil, err
	}
	return set.with(name, value), nil
}

// differences returns the settings in which a session differs from what it was.
func differences(before, after []engine.Setting) settings {
	out := settings{}
	for i := range after {
		if i < len(before) && before[i] != after[i] {
			out[after[i].Name] = after[i].Value
		}
	}
	return out
}
