package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/trellisdb/trellis/columnar"
	"github.com/trellisdb/trellis/engine/plan"
	"github.com/trellisdb/trellis/meta"
)

// procedures are what the procedures of package plan do; they return the number of
// samples that were touched.
var procedures = map[string]func(r *run, ctx context.Context, args []plan.Literal) (int64, error){
	"restore_samples": (*run).restoreSamples,
	"undo_edit":       (*run).undoEdit,
	"purge_samples":   (*run).purgeSamples,
	"pin_snapshot":    (*run).pinSnapshot,
	"unpin_snapshot":  (*run).unpinSnapshot,
	"keep_snapshots":  (*run).keepSnapshots,
	"keep_samples":    (*run).keepSamples,
	"flush": func(r *run, ctx context.Context, _ []plan.Literal) (int64, error) {
		return 0, r.engine.opts.Store.Flush(ctx)
	},
	"compact": func(r *run, ctx context.Context, _ []plan.Literal) (int64, error) {
		return 0, r.engine.opts.Store.Compact(ctx)
	},
}

// allowed refuses what the session's user may not do. Where there are no users,
// everybody is an administrator.
func (e *Engine) allowed(s *Session, n plan.Node) error {
	call, ok := n.(*plan.CallProcedure)
	if !ok || !call.Routine.Privileged || e.privileged(s) {
		return nil
	}
	return notAllowed(call.Routine.Name)
}

// call runs a procedure.
func (r *run) call(ctx context.Context, n *plan.CallProcedure) (int64, error) {
	do, ok := procedures[n.Routine.Name]
	if !ok {
		return 0, fmt.Errorf("engine: there is no procedure %s", n.Routine.Name)
	}
	args, err := r.arguments(ctx, n)
	if err != nil {
		return 0, err
	}
	return do(r, ctx, args)
}

// arguments returns the values of the arguments of a call.
func (r *run) arguments(ctx context.Context, n *plan.CallProcedure) ([]plan.Literal, error) {
	args := make([]plan.Literal, len(n.Args))
	if len(args) == 0 {
		return args, nil
	}
	one := &plan.Values{Rows: [][]plan.Expr{n.Args}}
	names := make([]string, len(args))
	for i, e := range n.Args {
		names[i] = n.Routine.Params[i].Name
		one.Cols = append(one.Cols, plan.Field{Name: names[i], Type: e.Type()})
	}
	input, err := r.optimized(one)
	if err != nil {
		return nil, err
	}
	err = r.drain(ctx, input, names, func(batch arrow.RecordBatch) error {
		for i, e := range n.Args {
			l, err := literalAt(batch.Column(i), 0)
			if err != nil {
				return err
			}
			if l.IsNull() && !n.Routine.Params[i].Nullable {
				return plan.Errorf(e.Pos(), plan.CodeNullNotAllowed, "argument %s of %s is NULL", names[i], n.Routine.Name)
			}
			args[i] = plan.Literal{Value: l.Value, T: e.Type(), At: e.Pos()}
		}
		return nil
	})
	return args, err
}

// part returns the series and the range that the first three arguments of a
// procedure name.
func (r *run) part(args []plan.Literal) (s *meta.Series, span columnar.Range, err error) {
	if s, err = r.view.find(args[0].Value.(string), args[0].At); err != nil {
		return nil, span, err
	}
	if span = between(args[1], args[2]); span.From >= span.To {
		return nil, span, plan.Errorf(args[1].At, plan.CodeInvalidValue, "the range is empty: it does not begin before it ends")
	}
	return s, span, nil
}

// restoreSamples puts a range of a series back to what a snapshot has.
func (r *run) restoreSamples(ctx context.Context, args []plan.Literal) (int64, error) {
	s, span, err := r.part(args)
	if err != nil {
		return 0, err
	}
	snapshot, err := r.past.at(ctx, args[3])
	if err != nil {
		return 0, err
	}
	info, err := r.engine.editInfo(r.session, columnar.Restore)
	if err != nil {
		return 0, err
	}
	ranges := []columnar.Range{span}
	info.Exclusive = true // it compares with what there is
	info.Within = &columnar.Selection{Series: []columnar.Series{s.Series}, Ranges: [][]columnar.Range{ranges}}
	made, err := r.engine.edit(ctx, info, func(ed columnar.Editor) error {
		return ed.Restore(ctx, s.Series, ranges, snapshot)
	})
	return touched(made), err
}

// purgeSamples removes the earlier versions of a range of a series.
func (r *run) purgeSamples(ctx context.Context, args []plan.Literal) (int64, error) {
	s, span, err := r.part(args)
	if err != nil {
		return 0, err
	}
	info, err := r.engine.editInfo(r.session, columnar.Purge)
	if err != nil {
		return 0, err
	}
	made, err := r.engine.opts.Store.Purge(ctx, info, s.Series, []columnar.Range{span})
	return touched(made), err
}

// pinSnapshot gives a snapshot a name; one of the present state, if none is named.
func (r *run) pinSnapshot(ctx context.Context, args []plan.Literal) (int64, error) {
	name := args[0].Value.(string)
	if name == "" || len(name) > meta.MaxName || !utf8.ValidString(name) || strings.ContainsFunc(name, unicode.IsControl) {
		return 0, plan.Errorf(args[0].At, plan.CodeInvalidValue, "a pin's name has from 1 to %d bytes, on one line", meta.MaxName)
	}
	catalog := r.engine.opts.Catalog
	pin := meta.Pin{Name: name, Who: r.session.author(), Created: r.env.Now}
	if args[1].IsNull() {
		if err := r.engine.opts.Store.Flush(ctx); err != nil {
			return 0, err
		}
		latest, err := catalog.Latest(ctx)
		if err != nil {
			return 0, fmt.Errorf("catalog: %w", err)
		}
		if pin.Snapshot = latest.ID; pin.Snapshot == 0 {
			return 0, plan.Errorf(0, plan.CodeInvalidValue, "there is no snapshot yet: nothing was ever written")
		}
	} else {
		var err error
		if pin.Snapshot, err = r.past.at(ctx, args[1]); err != nil {
			return 0, err
		}
	}
	err := catalog.Pin(ctx, pin)
	if errors.Is(err, meta.ErrExists) {
		return 0, plan.Errorf(args[0].At, plan.CodeUnique, "there is a pin %q already", name).WithHint("Choose another name, or CALL unpin_snapshot first.")
	}
	return 0, catalogError(err)
}

// unpinSnapshot takes a name away.
func (r *run) unpinSnapshot(ctx context.Context, args []plan.Literal) (int64, error) {
	name := args[0].Value.(string)
	pins, err := r.engine.opts.Catalog.Pins(ctx)
	if err != nil {
		return 0, fmt.Errorf("catalog: %w", err)
	}
	if i := slices.IndexFunc(pins, func(p meta.Pin) bool { return p.Name == name }); i >= 0 {
		if pins[i].Who != r.session.author() && !r.engine.privileged(r.session) {
			return 0, notAllowed(fmt.Sprintf("to take away pin %q, which another user made,", name))
		}
		what := fmt.Sprintf("the pin %s of snapshot %d was taken away", name, pins[i].Snapshot)
		if err := r.engine.recordPolicy(ctx, r.session, what, nil); err != nil {
			return 0, err
		}
	}
	err = r.engine.opts.Catalog.Unpin(ctx, name)
	if errors.Is(err, meta.ErrNotFound) {
		mistake := plan.Errorf(args[0].At, plan.CodeUndefObject, "there is no pin %q", name)
		known := make([]string, len(pins))
		for i := range pins {
			known[i] = pins[i].Name
		}
		if near := plan.Nearest(name, known); near != "" {
			return 0, mistake.WithHint("Did you mean %s?", near)
		}
		return 0, mistake.WithHint("SELECT * FROM system.pins lists them.")
	}
	return 0, catalogError(err)
}

// keepSnapshots sets for how long snapshots are kept.
func (r *run) keepSnapshots(ctx context.Context, args []plan.Literal) (int64, error) {
	age, err := ageOf(args[0])
	if err != nil {
		return 0, err
	}
	if age == 0 {
		age = -1
	}
	if err := r.engine.recordPolicy(ctx, r.session, "snapshots are kept: "+lifeText(age), nil); err != nil {
		return 0, err
	}
	return 0, catalogError(r.engine.opts.Catalog.SetSetting(ctx, meta.KeepSetting, strconv.FormatInt(age, 10)))
}

// keepSamples sets for how long samples of series with a label are kept.
func (r *run) keepSamples(ctx context.Context, args []plan.Literal) (int64, error) {
	rule := meta.RetentionRule{Label: args[0].Value.(string), Value: args[1].Value.(string)}
	if rule.Label == "" {
		return 0, plan.Errorf(args[0].At, plan.CodeInvalidValue, "the label has no name")
	}
	var err error
	if rule.Age, err = ageOf(args[2]); err != nil {
		return 0, err
	}
	r.engine.settings.Lock()
	defer r.engine.settings.Unlock()
	rules, err := r.engine.retentionRules(ctx)
	if err != nil {
		return 0, err
	}
	rules = slices.DeleteFunc(rules, func(x meta.RetentionRule) bool { return x.Label == rule.Label && x.Value == rule.Value })
	if rule.Age > 0 {
		rules = append(rules, rule)
	}
	text, err := json.Marshal(rules)
	if err != nil {
		return 0, err
	}
	if len(rules) == 0 {
		text = nil
	}
	what := fmt.Sprintf("samples of series with the label %s = %s are kept: %s", rule.Label, rule.Value, lifeText(rule.Age))
	if err := r.engine.recordPolicy(ctx, r.session, what, nil); err != nil {
		return 0, err
	}
	return 0, catalogError(r.engine.opts.Catalog.SetSetting(ctx, meta.RetentionSetting, string(text)))
}

// ageOf returns an age in microseconds; 0 for NULL.
func ageOf(l plan.Literal) (int64, error) {
	if l.IsNull() {
		return 0, nil
	}
	age, err := spanAge(l.Value.(plan.Span))
	if err != nil {
		return 0, plan.Errorf(l.At, plan.CodeInvalidValue, "%v", err).WithHint("NULL keeps for ever.")
	}
	return age, nil
}

// spanAge returns an interval in microseconds. A month has 31 days here, a year 366:
// rather too long than too short.
func spanAge(s plan.Span) (int64, error) {
	const day, monthDays, leapDays = 24 * 3600 * 1_000_000, 31, 366
	years, months := int64(s.Months)/12, int64(s.Months)%12
	days := years*leapDays + months*monthDays + int64(s.Days)
	const longest = 10_000 * leapDays
	age := days*day + s.Micros
	if days > longest || days < -longest || s.Micros > longest*day || age <= 0 {
		return 0, fmt.Errorf("an age of %s is not above zero and below 10,000 years", plan.FormatInterval(s))
	}
	return age, nil
}
