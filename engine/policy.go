package engine

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/trellisdb/trellis/columnar"
	"github.com/trellisdb/trellis/engine/plan"
	"github.com/trellisdb/trellis/meta"
)

// privileged reports whether the session's user is an administrator. Where there are no
// users, everybody is.
func (e *Engine) privileged(s *Session) bool {
	return s == nil || s.user == "" || slices.Contains(e.opts.Admins, s.user)
}

// notAllowed refuses what is for administrators.
func notAllowed(what string) *plan.Error {
	return plan.Errorf(0, plan.CodePrivilege, "permission denied: %s is for administrators", what).
		WithHint("Who is one is said when the server starts: trellis serve --admin NAME.")
}

// life is a change of the age at which the samples of a series may go.
type life struct {
	series   string
	id       int64
	from, to int64 // ages in microseconds; 0: never
}

// shorter reports whether samples may go that would have stayed.
func (l *life) shorter() bool { return l.to > 0 && (l.from == 0 || l.to < l.from) }

func (l *life) String() string {
	return fmt.Sprintf("the life of samples of %s: %s, was %s", l.series, lifeText(l.to), lifeText(l.from))
}

// lifeText writes an age.
func lifeText(age int64) string {
	if age <= 0 {
		return "for ever"
	}
	const day = 24 * 3600 * 1_000_000
	return plan.FormatInterval(plan.Span{Days: int32(age / day), Micros: age % day})
}

// retentionRules returns the rules of retention by label.
func (e *Engine) retentionRules(ctx context.Context) ([]meta.RetentionRule, error) {
	set, err := e.opts.Catalog.Settings(ctx)
	if err != nil {
		return nil, fmt.Errorf("catalog: %w", err)
	}
	rules, err := meta.ParseRetention(set[meta.RetentionSetting])
	if err != nil {
		return nil, fmt.Errorf("catalog: %w", err)
	}
	return rules, nil
}

// lives returns how the lives of samples change where series take the place of others:
// by their own retention, or by labels that a rule names. A series that is new changes
// them by its own retention only: a rule of its labels was there before it.
func lives(rules []meta.RetentionRule, before, after []meta.Series) (changed []life) {
	for i := range after {
		old := after[i]
		if before == nil {
			old.Retention = 0
		} else {
			old = before[i]
		}
		l := life{after[i].Name, after[i].ID, old.Keep(rules), after[i].Keep(rules)}
		if l.from != l.to {
			changed = append(changed, l)
		}
	}
	return changed
}

// mayChange refuses to shorten lives to those who may not (N6).
func (e *Engine) mayChange(s *Session, changed []life) error {
	if e.privileged(s) {
		return nil
	}
	for i := range changed {
		if changed[i].shorter() {
			return notAllowed(fmt.Sprintf("to shorten the life of samples of series %q to %s (it is: %s)", changed[i].series, lifeText(changed[i].to), lifeText(changed[i].from)))
		}
	}
	return nil
}

// recordLives puts changes of lives on the trail, as one edit.
func (e *Engine) recordLives(ctx context.Context, s *Session, changed []life) error {
	if len(changed) == 0 {
		return nil
	}
	const named = 5 // in words; all of them in the edit's ranges
	texts, ids := make([]string, 0, named+1), make([]int64, len(changed))
	for i := range changed {
		ids[i] = changed[i].id
		if i < named {
			texts = append(texts, changed[i].String())
		}
	}
	if more := len(changed) - named; more > 0 {
		texts = append(texts, fmt.Sprintf("and of %d series more", more))
	}
	return e.recordPolicy(ctx, s, strings.Join(texts, "; "), ids)
}

// recordPolicy puts a change of what is kept for how long on the trail: what it was,
// who made it, and the reason that the session gives.
func (e *Engine) recordPolicy(ctx context.Context, s *Session, what string, series []int64) error {
	info := columnar.EditInfo{Kind: columnar.Policy}
	if s != nil {
		var err error
		if info, err = e.editInfo(s, columnar.Policy); err != nil {
			return err
		}
	}
	if info.Reason != "" {
		what += " (" + info.Reason + ")"
	}
	info.Reason = strings.ToValidUTF8(what[:min(len(what), meta.MaxText)], "")
	_, err := e.opts.Store.Note(ctx, info, series)
	return err
}
