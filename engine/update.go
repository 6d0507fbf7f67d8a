package engine

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/trellisdb/trellis/columnar"
	"github.com/trellisdb/trellis/engine/eval"
	"github.com/trellisdb/trellis/engine/ingest"
	"github.com/trellisdb/trellis/engine/plan"
	"github.com/trellisdb/trellis/meta"
)

// updateSamples changes samples, batch by batch.
func (r *run) updateSamples(ctx context.Context, n *plan.UpdateSamples) (int64, error) {
	input, err := r.optimized(n.Input)
	if err != nil {
		return 0, err
	}
	return r.reading(ctx, columnar.Overwrite, input, func(ed columnar.Editor) error {
		u := &updater{run: r, editor: ed, node: n}
		// Times are those of slots, whatever end of its interval a series stamps.
		u.reader = ingest.NewReader(ingestCatalog{r.engine, r.session}, ingest.Options{Starts: true})
		names := slices.Concat(n.Keys, n.Columns)
		return r.drain(ctx, input, names, func(batch arrow.RecordBatch) error { return u.take(ctx, batch) })
	})
}

// updater makes an edit of the rows of an UPDATE of samples.
type updater struct {
	run    *run
	editor columnar.Editor
	node   *plan.UpdateSamples
	reader *ingest.Reader
}

// changes are the rows of a batch, and what is to become of them.
type changes struct {
	keys
	old    map[string]*eval.Vector // what the sample is now
	set    map[string]*eval.Vector // what is set
	status []int64                 // that each is to have
	write  []int32                 // rows that get a value, or lose theirs
}

// take takes in a batch. A sample whose value changes is written anew with its
// status; one of which only the status changes keeps its value, bit for bit.
func (u *updater) take(ctx context.Context, batch arrow.RecordBatch) error {
	c, err := u.read(batch)
	if err != nil {
		return err
	}
	err = c.each(u.run.view, func(s *meta.Series, from, to int) error {
		only, err := u.sort(c, s, from, to)
		if err != nil || len(only) == 0 {
			return err
		}
		return u.reclassify(ctx, c, s, only)
	})
	if err != nil || len(c.write) == 0 {
		return err
	}
	return u.rewrite(ctx, c)
}

// read reads the columns of a batch.
func (u *updater) read(batch arrow.RecordBatch) (*changes, error) {
	c := &changes{old: map[string]*eval.Vector{}, set: map[string]*eval.Vector{}}
	var err error
	if c.keys, err = readKeys(batch); err != nil {
		return nil, err
	}
	for k, f := range u.node.Input.Fields() {
		v, err := eval.FromArray(batch.Column(k), f.Type)
		if err != nil {
			return nil, err
		}
		if k < len(u.node.Keys) {
			c.old[u.node.Keys[k]] = &v
		} else {
			c.set[u.node.Columns[k-len(u.node.Keys)]] = &v
		}
	}
	c.status = slices.Clone(c.old["status"].Ints)
	return c, nil
}

// valueColumns are the columns of samples that hold values.
var valueColumns = []string{"value", "int_value", "text"}

// sort finds out what becomes of rows [from, to), which are of one series: it adds to
// c.write, and returns those whose status alone changes.
func (u *updater) sort(c *changes, s *meta.Series, from, to int) (only []int32, err error) {
	relevant := c.relevant(s)
	for i := from; i < to; i++ {
		old := columnar.Status(c.old["status"].Ints[i])
		status, given, err := c.newStatus(i, old)
		if err != nil {
			return nil, c.at(err, i)
		}
		c.status[i] = int64(status)
		has, had := false, false
		for _, name := range relevant {
			v := c.set[name]
			has = has || !v.IsNull(i) && (v.T != plan.Double || !math.IsNaN(v.Floats[i]))
			had = had || !c.old[name].IsNull(i)
		}
		switch {
		case !has && had && given && status.Quality() != columnar.Bad:
			return nil, c.at(withoutValue(status), i)
		case has || had:
			c.write = append(c.write, int32(i))
		case status != old:
			only = append(only, int32(i))
		}
	}
	return only, nil
}

// relevant returns the columns that are set and that a series takes values from; all,
// where it takes none, for then their values are a mistake.
func (c *changes) relevant(s *meta.Series) []string {
	var all, some []string
	for _, name := range valueColumns {
		if c.set[name] == nil {
			continue
		}
		all = append(all, name)
		takesText := s.Type != columnar.Double && s.Type != columnar.Float && s.Type != columnar.Integer
		if name == "text" && takesText || name != "text" && s.Type != columnar.Text {
			some = append(some, name)
		}
	}
	if len(some) == 0 {
		return all
	}
	return some
}

// newStatus returns the status that a sample is to have, and whether the statement
// gives it. A status that is of the quality that is set already stays as it is.
func (c *changes) newStatus(i int, old columnar.Status) (status columnar.Status, given bool, err error) {
	if v := c.set["status"]; v != nil {
		switch {
		case v.IsNull(i):
			return 0, false, plan.Errorf(0, plan.CodeNotNull, "status of a sample cannot be NULL").WithHint("0 is good.")
		case v.Ints[i] < 0 || v.Ints[i] > math.MaxUint32:
			return 0, false, plan.Errorf(0, plan.CodeOutOfRange, "status %d is not a 32-bit OPC UA status code", v.Ints[i])
		}
		return columnar.Status(v.Ints[i]), true, nil
	}
	v := c.set["quality"]
	if v == nil {
		return old, false, nil
	}
	if v.IsNull(i) {
		return 0, false, plan.Errorf(0, plan.CodeNotNull, "quality of a sample cannot be NULL").WithHint("There are good, uncertain and bad.")
	}
	q, ok := columnar.ParseQuality(v.Strs[i])
	switch {
	case !ok:
		return 0, false, plan.Errorf(0, plan.CodeInvalidValue, "quality %q is not good, uncertain or bad", v.Strs[i])
	case q == old.Quality():
		return old, true, nil
	}
	return columnar.Status(q) << 30, true, nil
}

// withoutValue is the mistake of a status that a sample without a value cannot have.
func withoutValue(status columnar.Status) error {
	return plan.Errorf(0, plan.CodeCheck, "it has no value, so that it is bad, not %s", status.Quality()).
		WithHint("SET a value, too, or leave those samples out: WHERE ... AND raw_value IS NOT NULL.")
}

// at says of which sample a mistake is.
func (c *changes) at(err error, i int) error {
	var mistake *plan.Error
	if !errors.As(err, &mistake) {
		return err
	}
	with := *mistake
	with.Msg = fmt.Sprintf("sample of %q at %s: %s", c.names.Strs[i], plan.FormatTimestamptz(c.times.Ints[i], nil), mistake.Msg)
	return &with
}

// reclassify gives samples of one series another status.
func (u *updater) reclassify(ctx context.Context, c *changes, s *meta.Series, rows []int32) error {
	slices.SortFunc(rows, func(a, b int32) int { return int(min(max(c.times.Ints[a]-c.times.Ints[b], -1), 1)) })
	times, status := make([]int64, len(rows)), make([]columnar.Status, len(rows))
	var unsure []int32
	for k, i := range rows {
		times[k], status[k] = c.times.Ints[i], columnar.Status(c.status[i])
		if status[k].Quality() == columnar.Bad || columnar.Status(c.old["status"].Ints[i]).Quality() != columnar.Bad {
			continue
		}
		switch {
		case s.Type == columnar.Text: // whose raw text no column shows
			unsure = append(unsure, i)
		case c.old["raw_value"].IsNull(int(i)):
			return c.at(withoutValue(status[k]), int(i))
		}
	}
	if err := u.checkTexts(ctx, c, s, unsure); err != nil {
		return err
	}
	return u.editor.Reclassify(ctx, s.Series, times, status)
}

// checkTexts looks for a sample without a value among those of a series of texts,
// which are in order of time.
func (u *updater) checkTexts(ctx context.Context, c *changes, s *meta.Series, rows []int32) error {
	if len(rows) == 0 {
		return nil
	}
	span := columnar.Range{From: c.times.Ints[rows[0]], To: c.times.Ints[rows[len(rows)-1]] + 1}
	base, bad := u.editor.Base(), -1
	err := u.run.engine.opts.Store.History(ctx, s.Series, span, func(v *columnar.Version) bool {
		for len(rows) > 0 && c.times.Ints[rows[0]] < v.Time {
			rows = rows[1:]
		}
		valid := v.From > 0 && v.From <= base && (v.To == 0 || v.To > base)
		if valid && v.Void && len(rows) > 0 && c.times.Ints[rows[0]] == v.Time {
			bad = int(rows[0])
		}
		return bad < 0 && len(rows) > 0
	})
	if err != nil || bad < 0 {
		return err
	}
	return c.at(withoutValue(columnar.Status(c.status[bad])), bad)
}

// rewrite writes samples anew, by the rules of ingest.
func (u *updater) rewrite(ctx context.Context, c *changes) error {
	fields := []plan.Field{{Name: "series", Type: plan.Text}, {Name: "time", Type: plan.Timestamptz}, {Name: "status", Type: plan.Bigint}}
	status := eval.Vector{T: plan.Bigint, Len: len(c.status), Ints: c.status}
	vectors := []*eval.Vector{&c.names, &c.times, &status}
	for _, name := range valueColumns {
		if v := c.set[name]; v != nil {
			fields, vectors = append(fields, plan.Field{Name: name, Type: v.T}), append(vectors, v)
		}
	}
	cols, types := make([]arrow.Array, len(fields)), make([]plan.Type, len(fields))
	for i, v := range vectors {
		cols[i], types[i] = v.Array(), v.T
	}
	all := array.NewRecordBatch(eval.Schema(fields), cols, int64(c.times.Len))
	defer all.Release()
	batch, err := eval.Take(all, types, c.write)
	if err != nil {
		return err
	}
	defer batch.Release()
	samples, err := u.reader.Read(ctx, batch)
	if err != nil {
		return c.inSample(err)
	}
	return u.editor.Write(ctx, samples)
}

// inSample says of which sample a mistake is that ingest found in a row.
func (c *changes) inSample(err error) error {
	var e *plan.Error
	if !errors.As(err, &e) {
		return err
	}
	with := *e
	with.Msg = strings.Replace(with.Msg, "the batch has", "the statement sets", 1)
	var row int
	if _, scanErr := fmt.Sscanf(e.Msg, "row %d:", &row); scanErr != nil || row < 1 || row > len(c.write) {
		return &with
	}
	_, with.Msg, _ = strings.Cut(with.Msg, ": ")
	return c.at(&with, int(c.write[row-1]))
}
