package importer

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
)

// survey reads all files and remembers how the stamps of each series are spaced, and
// which qualities there are: a grid has to suit all of them, not the first few.
func (r *run) survey() error {
	look := &surveyor{}
	for _, text := range r.opts.Attributes["sample_t"] {
		look.spacings = look.spacings || text == autoPeriod
	}
	if r.opts.Quality.Column != "" && r.qualities.codes == CodesAuto {
		look.qualities = qualityCounts{}
	}
	for _, text := range r.opts.Attributes["type"] {
		if text == typeAuto {
			look.kinds = map[string]*kind{}
		}
	}
	if !look.spacings && look.qualities == nil && look.kinds == nil {
		return nil
	}
	if err := r.spool(); err != nil {
		return err
	}
	opts := *r.opts
	opts.Stop, opts.Progress = false, nil // what is refused is said when it is read again
	looking := &run{
		ctx: r.ctx, write: r.write, conn: r.conn, opts: &opts, report: &Report{}, null: r.null,
		qualities: r.qualities, series: r.series, clocks: map[string]*clock{}, surveyed: surveyed{spacings: map[string]*spacing{}}, looking: look,
		states: r.states, causes: map[string]*Cause{}, spooled: r.spooled,
	}
	looking.out = &sender{run: looking}
	for i, name := range r.opts.Files {
		if err := looking.read(name, int32(i)); err != nil {
			return err
		}
	}
	r.kinds = look.kinds
	if look.spacings {
		r.spacings = looking.spacings
	}
	if look.qualities != nil {
		return r.qualities.decide(look.qualities, r.report)
	}
	return nil
}

// surveyor says what is looked at, and what was seen.
type surveyor struct {
	spacings  bool
	qualities qualityCounts    // nil: they are not looked at
	kinds     map[string]*kind // by series; nil: they are not looked at
}

// kind counts what the values of a series are.
type kind struct{ numbers, words int64 }

// add counts a value.
func (k *kind) add(r *run, col *column, row int) {
	if col.texts == nil {
		k.numbers++
		return
	}
	text := col.texts[row]
	if text == "" || r.null[text] {
		return
	}
	if _, ok := r.opts.numbers().float(text); ok {
		k.numbers++
	} else if _, state := r.states.of(text); !state {
		k.words++
	}
}

// spool keeps standard input in a file, to read it twice.
func (r *run) spool() (err error) {
	if r.spooled != "" || !slices.Contains(r.opts.Files, "-") {
		return nil
	}
	f, err := os.CreateTemp("", "trellis-import-*")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	r.spooled = f.Name()
	if _, err := io.Copy(f, os.Stdin); err != nil {
		return fmt.Errorf("standard input: %w", err)
	}
	return nil
}

// unspool removes what spool has kept.
func (r *run) unspool() error {
	if r.spooled == "" {
		return nil
	}
	return os.Remove(r.spooled)
}

// look takes in the stamps of a chunk.
func (f *fileRun) look(c *chunk, groups []*group, instants []int64) {
	if f.looking.qualities != nil {
		f.looking.qualities.add(c, f.binding)
	}
	for _, g := range groups {
		for k := range f.binding.values {
			v := &f.binding.values[k]
			col := &c.cols[v.index]
			name := f.binding.name.name(v.name, g.key)
			s := f.spacings[name]
			var is *kind
			if f.looking.kinds != nil {
				if is = f.looking.kinds[name]; is == nil {
					is = &kind{}
					f.looking.kinds[name] = is
				}
			}
			for _, row := range g.rows {
				if !f.opts.Values.KeepEmpty && col.empty(int(row)) {
					continue
				}
				if is != nil {
					is.add(f.run, col, int(row))
				}
				if s == nil {
					s = spacingOf(nil, f.opts.zoneOf(v.name))
					f.spacings[name] = s
				}
				s.add(instants[row])
			}
		}
		g.rows = g.rows[:0]
	}
}

// gridOf finds the period and the phase of a series: in all its stamps, or else in
// those at hand. One stamp goes to the grid of the series before it, if it is on that.
func (r *run) gridOf(name, column string, at []int64) (sampleT string, phase int64, err error) {
	s := r.spacings[name]
	if s == nil {
		s = spacingOf(at, r.opts.zoneOf(column))
	}
	if period, phase, err := s.grid(); err == nil {
		r.series.period, r.series.phase = period, phase
	} else if errors.Is(err, errOneStamp) && r.series.period > 0 && (s.first-r.series.phase)%r.series.period == 0 {
		return fmt.Sprintf("%d microseconds", r.series.period), r.series.phase, nil
	}
	return s.found()
}
