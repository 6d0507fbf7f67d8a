package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"github.com/trellisdb/trellis/cmd/trellis/internal/importer"
)

// preset is a flag that a preset sets, unless it is given.
type preset struct{ flag, value string }

// presets are what the exports of well-known systems have in common. What the file itself
// shows (delimiter, form of the stamps) is not in them.
var presets = map[string][]preset{
	// PI DataLink and PI System exports: a row for each archived value; the digital states
	// are known without a preset.
	"pi": {{"type", "auto"}},
	// Canary: OPC DA qualities.
	"canary": {{"type", "double"}, {"quality-codes", "opc-da"}},
	// Ignition: OPC DA qualities, and those above 255 that Ignition adds (500 stale, ...).
	"ignition": {
		{"type", "double"},
		{"time", "t_stamp"},
		{"quality-map", "192=good"},
		{"quality-map", "0=bad"},
		{"quality-map", "4=bad:0x80890000"},
		{"quality-map", "8=bad:0x808A0000"},
		{"quality-map", "12=bad:0x808B0000"},
		{"quality-map", "24=bad:0x80310000"},
		{"quality-map", "28=bad:0x808D0000"},
		{"quality-map", "64=uncertain"},
		{"quality-map", "500=bad:0x80310000"},
		{"quality-map", "404=bad:0x80890000"},
		{"quality-map", "410=bad:0x808D0000"},
		{"quality-map", "403=bad:0x801F0000"},
	},
	// Proficy Historian: qualities in percent.
	"proficy": {
		{"type", "double"},
		{"name", "{TagName}"},
		{"time", "TimeStamp"},
		{"value", "Value"},
		{"quality", "Quality"},
		{"quality-codes", "map"},
		{"quality-map", "100=good"},
		{"quality-map", "0=bad"},
		{"quality-map", "Good=good"},
		{"quality-map", "Bad=bad"},
		{"quality-map", "Uncertain=uncertain"},
	},
	// WISKI: comments with the header as the last, and the quality codes that it comes with.
	"wiski": {
		{"type", "double"},
		{"comment", "#"},
		{"delimiter", ";"},
		{"time", "Timestamp"},
		{"value", "Value"},
		{"quality", "Quality Code"},
		{"quality-codes", "map"},
		{"quality-map", "40=good"},
		{"quality-map", "80=uncertain"},
		{"quality-map", "120=uncertain"},
		{"quality-map", "160=bad"},
		{"quality-map", "200=uncertain"},
		{"quality-map", "255=bad:0x809B0000"},
		{"quality-map", "-1=bad:0x809B0000"},
	},
	// ENTSO-E transparency platform: intervals on the clock of Brussels.
	"entsoe": {{"type", "double"}, {"zone", "Europe/Brussels"}, {"null", importNull + ",n/e,-"}},
	// pandas to_csv: an index without a name, and its words for nothing.
	"pandas": {{"type", "double"}, {"null", importNull + ",NaT,<NA>"}},
}

// importNull are the texts that mean that there is no value, as a flag has them.
var importNull = strings.Join(importer.DefaultNull, ",")

// setPreset sets the flags of a preset that are not given.
func setPreset(flags *pflag.FlagSet, name string) error {
	if name == "" {
		return nil
	}
	list, ok := presets[name]
	if !ok {
		return fmt.Errorf("--preset %q: use %s", name, strings.Join(slices.Sorted(maps.Keys(presets)), " or "))
	}
	given := map[string]bool{}
	flags.Visit(func(f *pflag.Flag) { given[f.Name] = true })
	if given["series"] {
		given["name"] = true
	}
	for _, p := range append(slices.Clone(list), preset{"sample-t", "auto"}) {
		if given[p.flag] {
			continue
		}
		if err := flags.Set(p.flag, p.value); err != nil {
			return fmt.Errorf("--preset %s: %w", name, err)
		}
	}
	return nil
}
