package importer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/trellisdb/trellis/cmd/trellis/internal/client"
)

// ErrStopped is what Run ends with at the first refusal, where it was told to stop.
var ErrStopped = errors.New("the import was stopped at the first row that was refused")

// run is one import.
type run struct {
	ctx       context.Context //nolint:containedctx // a run is one call of Run; no more is read when it ends
	write     context.Context //nolint:containedctx // of what was read, which is stored all the same
	conn      client.Conn
	opts      *Options
	report    *Report
	progress  atomic.Int64
	qualities *qualities
	null      map[string]bool
	states    states

	stateCounts map[string]*StateCount
	causes      map[string]*Cause // by what they say
	series      *seriesTable
	targets     map[string]*target
	order       []*target
	clocks      map[string]*clock
	out         *sender
	lines       int    // of samples that are remembered
	spooled     string // file that holds standard input; empty: it is read as it comes

	surveyed
	looking *surveyor // not nil: only to look
}

// surveyed is what was found before anything was stored.
type surveyed struct {
	spacings map[string]*spacing // of the series' stamps, where a grid is to be found
	kinds    map[string]*kind    // of series whose type is to be found
}

// Run imports files into a database; a dry run needs none. The report is of what was done, also where an
// error ends the import: whatever was read before it has been stored, or, where it was
// to become an edit, nothing. The error for a
// refusal, where the options say to stop, is ErrStopped.
func Run(ctx context.Context, conn client.Conn, o Options) (*Report, error) {
	began := o.Clock()
	r := &run{
		ctx: ctx, write: context.WithoutCancel(ctx), conn: conn, opts: &o, report: &Report{DryRun: o.DryRun, RefusalReport: RefusalReport{Refusals: []Refusal{}}}, causes: map[string]*Cause{},
		targets: map[string]*target{}, clocks: map[string]*clock{}, null: map[string]bool{}, stateCounts: map[string]*StateCount{},
	}
	if o.Values.Null == nil {
		o.Values.Null = DefaultNull
	}
	for _, text := range o.Values.Null {
		r.null[text] = true
	}
	err := errors.Join(r.run(), r.unspool())
	r.report.sum(r.order)
	r.tellStates()
	r.report.sortRefusals(o.Files)
	r.report.Bytes = r.progress.Load()
	if r.out != nil {
		r.report.acknowledge(r.out.durable())
	}
	r.report.Micros = max(1, o.Clock()-began)
	return r.report, err
}

func (r *run) run() (err error) {
	if r.qualities, err = newQualities(r.opts.Quality); err != nil {
		return err
	}
	if r.states, err = newStates(r.opts.Values.States); err != nil {
		return err
	}
	if r.series, err = loadSeries(r.ctx, r.conn); err != nil {
		return err
	}
	r.out = &sender{run: r}
	if err = r.survey(); err != nil {
		return err
	}
	for i, name := range r.opts.Files {
		if err = r.read(name, int32(i)); err != nil {
			break
		}
	}
	// What was read before an error is stored, unless it was the database that failed,
	// or it was to become an edit.
	if err != nil && r.opts.Edit {
		return errors.Join(err, r.out.giveUp())
	}
	if flushed := r.out.close(); err == nil {
		err = flushed
	} else if flushed != nil && !errors.Is(err, flushed) {
		err = errors.Join(err, flushed)
	}
	if err == nil && r.report.Rows == 0 && r.report.Refused() == 0 {
		return fmt.Errorf("there is nothing to import: %s has no row below the header", strings.Join(r.opts.Files, ", "))
	}
	return err
}

// read imports one file.
func (r *run) read(name string, number int32) (err error) {
	s, err := open(name, r.spooled, r.opts, &r.progress)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	b, err := bind(s, r.opts)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	r.report.Files++
	f := &fileRun{run: r, name: name, file: number, binding: b, groups: map[string]*group{}}
	for rows := int64(0); ; {
		if err := r.ctx.Err(); err != nil {
			return err
		}
		c, faults, err := s.next()
		if errors.Is(err, io.EOF) {
			if rows == 0 {
				r.report.Notes = append(r.report.Notes, name+" has no row below the header")
			}
			return nil
		}
		for _, fault := range faults {
			r.report.Rows++
			r.report.RefusedRows++
			r.refuse(Refusal{File: name, Line: fault.line, Reason: fault.reason})
		}
		rows += int64(len(faults))
		if c != nil && c.rows > 0 {
			rows += int64(c.rows)
			if err := f.chunk(c); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
		}
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if r.opts.Stop && r.report.Refused() > 0 {
			return ErrStopped
		}
		if r.opts.Progress != nil {
			r.opts.Progress(Progress{Bytes: r.progress.Load(), Samples: r.out.durable()})
		}
	}
}

// fileRun is one file being imported.
type fileRun struct {
	*run
	name    string
	file    int32 // its number
	binding *binding
	groups  map[string]*group
	zoned   bool // a stamp was seen that is an instant
}

// group is the rows of a chunk that go to the same series, a series per value column.
type group struct {
	key     []string
	rows    []int32
	clock   *clock
	readers []reader // per value column; those without a target yet are not set up
	refused string   // why all its rows are; empty: they are not
}

// chunk imports the rows of a chunk.
func (f *fileRun) chunk(c *chunk) error {
	stamps, err := f.binding.readStamps(c)
	if err != nil {
		return err
	}
	if err := f.needZone(c, stamps); err != nil {
		return err
	}
	f.report.Rows += int64(c.rows)
	instants := make([]int64, c.rows)
	groups := f.split(c, stamps, instants)
	if f.opts.Stop && f.report.Refused() > 0 {
		return ErrStopped
	}
	if f.looking != nil {
		f.look(c, groups, instants)
		return nil
	}
	// Those with the most stamps first: they tell the sample period best.
	byRows := slices.Clone(groups)
	slices.SortStableFunc(byRows, func(a, b *group) int { return len(b.rows) - len(a.rows) })
	for _, g := range byRows {
		if err := f.setUp(c, g, instants); err != nil {
			return err
		}
	}
	if err := f.series.create(f.run); err != nil {
		return err
	}
	for _, g := range groups {
		for k := range g.readers {
			f.values(c, g, k, instants)
			if f.opts.Stop && f.report.Refused() > 0 {
				return ErrStopped
			}
		}
		g.rows = g.rows[:0]
	}
	return f.out.flushIfFull()
}

// needZone refuses a file none of whose stamps has an instant, before anything of it is
// stored.
func (f *fileRun) needZone(c *chunk, s *stamps) error {
	if f.opts.Time.Zone != nil || f.zoned {
		return nil
	}
	first := -1
	for row := range c.rows {
		switch {
		case s.state[row] != stampGood:
		case s.at[row].zoned:
			f.zoned = true
			return nil
		case first < 0:
			first = row
		}
	}
	if first < 0 {
		return nil
	}
	return fmt.Errorf("the time stamps have no zone, such as %q in line %d: say with --zone on which clock they were read, such as Europe/Berlin, +01:00 or UTC", f.binding.quoteStamp(c, first), c.line(first))
}

// split finds the instants of the rows, refuses those that have none, and sorts the
// others into groups, in the order in which they appear.
func (f *fileRun) split(c *chunk, stamps *stamps, instants []int64) []*group {
	var order []*group
	var last *group
	for row := range c.rows {
		if stamps.state[row] != stampGood {
			f.noStamp(c, stamps, row)
			continue
		}
		g := last
		if g == nil || !f.sameKey(c, g, row) {
			if g = f.group(c, row); g == nil {
				continue
			}
			if len(g.rows) == 0 {
				order = append(order, g)
			}
			last = g
		}
		at, reason := g.clock.instant(stamps.at[row])
		if reason == noZone {
			reason += ": say with --zone on which clock it was read, such as Europe/Berlin or UTC"
		}
		if reason != "" {
			f.refuseRow(c, row, fmt.Sprintf("%s: %s", f.binding.quoteStamp(c, row), reason))
			continue
		}
		instants[row] = at
		g.rows = append(g.rows, int32(row))
	}
	return order
}

// noStamp counts a row without a stamp: nothing at all is skipped.
func (f *fileRun) noStamp(c *chunk, stamps *stamps, row int) {
	if stamps.state[row] == stampWrong {
		form := ""
		if l := f.binding.layout; l != nil {
			form = " of the form " + l.name
		}
		f.refuseRow(c, row, fmt.Sprintf("%q is no time stamp%s", f.binding.quoteStamp(c, row), form))
		return
	}
	for i := range f.binding.values {
		if !c.cols[f.binding.values[i].index].empty(row) {
			f.refuseRow(c, row, "there is no time stamp")
			return
		}
	}
	f.report.Skipped += int64(len(f.binding.values))
}

func (f *fileRun) refuseRow(c *chunk, row int, reason string) {
	f.report.RefusedRows++
	f.refuse(Refusal{File: f.name, Line: c.line(row), Reason: reason})
}

func (f *fileRun) refuseValue(c *chunk, row int, column, reason string) {
	f.report.RefusedValues++
	f.refuse(Refusal{File: f.name, Line: c.line(row), Column: column, Reason: reason})
}

// sameKey reports whether a row belongs to a group.
func (f *fileRun) sameKey(c *chunk, g *group, row int) bool {
	for k, i := range f.binding.name.rows {
		if c.cols[i].text(row) != g.key[k] {
			return false
		}
	}
	return true
}

// group returns the group of a row; nil, after refusing the row, where a part of the
// series' name is missing.
func (f *fileRun) group(c *chunk, row int) *group {
	key := make([]string, len(f.binding.name.rows))
	for k, i := range f.binding.name.rows {
		if key[k] = c.cols[i].text(row); key[k] == "" {
			f.refuseRow(c, row, "there is no name of a series")
			return nil
		}
	}
	joined := strings.Join(key, "\x00")
	g, ok := f.groups[joined]
	if !ok {
		for k := range key {
			key[k] = strings.Clone(key[k]) // not the whole row
		}
		joined = strings.Clone(joined)
		g = &group{key: key, readers: make([]reader, len(f.binding.values))}
		if g.clock, ok = f.clocks[joined]; !ok {
			g.clock = &clock{zone: f.opts.Time.Zone}
			f.clocks[joined] = g.clock
		}
		f.groups[joined] = g
	}
	return g
}

// setUp finds the series of a group's value columns. Those that have to be made are
// noted; a column without any value makes none.
func (f *fileRun) setUp(c *chunk, g *group, instants []int64) error {
	for k := range g.readers {
		rd := &g.readers[k]
		if rd.target != nil {
			f.announce(c, g, rd, instants)
			continue
		}
		v := &f.binding.values[k]
		col := &c.cols[v.index]
		var at []int64
		for _, row := range g.rows {
			if f.opts.Values.KeepEmpty || !col.empty(int(row)) {
				at = append(at, instants[row])
			}
		}
		if len(at) == 0 {
			continue
		}
		t, err := f.target(f.binding.name.name(v.name, g.key), v, col, at)
		var name *nameError
		if errors.As(err, &name) {
			g.refused = name.Error()
			return nil
		}
		if err != nil {
			return err
		}
		*rd = reader{numbers: f.opts.numbers(), null: f.null, states: f.states, keepEmpty: f.opts.Values.KeepEmpty, column: v, target: t}
		f.announce(c, g, rd, instants)
	}
	return nil
}

// announce notes that the series of a reader is to be made, if one of the rows can be stored.
func (f *fileRun) announce(c *chunk, g *group, rd *reader, instants []int64) {
	t := rd.target
	if t.pending == nil {
		return
	}
	for _, row := range g.rows {
		if _, o := rd.read(&c.cols[rd.column.index], int(row)); o.skip || o.reason != "" || !f.opts.Snap && t.seat(instants[row]).shift != 0 {
			continue
		}
		f.series.wanted = append(f.series.wanted, *t.pending)
		t.pending = nil
		return
	}
}

// values imports what the rows of a group have in a value column.
func (f *fileRun) values(c *chunk, g *group, k int, instants []int64) {
	rd := &g.readers[k]
	v := &f.binding.values[k]
	col := &c.cols[v.index]
	for _, row32 := range g.rows {
		row := int(row32)
		if g.refused != "" {
			f.refuseValue(c, row, v.name, g.refused)
			continue
		}
		if rd.target == nil {
			f.report.Skipped++ // all of the chunk's are empty
			continue
		}
		x, o := rd.read(col, row)
		if o.skip {
			f.report.Skipped++
			continue
		}
		status, reason := f.qualities.status(c, f.binding, v, row)
		if o.reason == "" {
			o.reason = reason
		}
		if o.reason != "" {
			f.refuseValue(c, row, v.name, o.reason)
			continue
		}
		// Of two of one class the one that says more.
		if status.Quality() > o.status.Quality() || status.Quality() == o.status.Quality() && (o.state == "" || status<<2 != 0) {
			o.status = status
		}
		f.store(rd.target, c, row, v.name, instants[row], o, x)
	}
}
