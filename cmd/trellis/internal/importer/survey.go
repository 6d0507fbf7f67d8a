package importer

import (
	"errors"
	"fmt"
	"slices"
)

// survey reads the stamps of all files and remembers how those of each series are
// spaced: a grid has to suit all of them, not the first few. Standard input can be read
// only once: there the first chunk has to tell.
func (r *run) survey() error {
	auto := false
	for _, text := range r.opts.Attributes["sample_t"] {
		auto = auto || text == autoPeriod
	}
	if !auto || slices.Contains(r.opts.Files, "-") {
		return nil
	}
	opts := *r.opts
	opts.Stop, opts.Progress = false, nil // what is refused is said when it is read again
	looking := &run{
		ctx: r.ctx, write: r.write, conn: r.conn, opts: &opts, report: &Report{}, null: r.null,
		qualities: r.qualities, series: r.series, clocks: map[string]*clock{}, spacings: map[string]*spacing{}, looking: true,
	}
	looking.out = &sender{run: looking}
	for i, name := range r.opts.Files {
		if err := looking.read(name, int32(i)); err != nil {
			return err
		}
	}
	r.spacings = looking.spacings
	return nil
}

// look takes in the stamps of a chunk.
func (f *fileRun) look(c *chunk, groups []*group, instants []int64) {
	for _, g := range groups {
		for k := range f.binding.values {
			v := &f.binding.values[k]
			col := &c.cols[v.index]
			name := f.binding.name.name(v.name, g.key)
			s := f.spacings[name]
			for _, row := range g.rows {
				if !f.opts.Values.KeepEmpty && col.empty(int(row)) {
					continue
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
