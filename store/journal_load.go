package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/trellisdb/trellis/columnar"
	"github.com/trellisdb/trellis/meta"
	"github.com/trellisdb/trellis/store/object"
)

// Rebuilt is what a bucket says of the catalog's content.
type Rebuilt struct {
	Content    meta.Content
	Checkpoint int64   // number of the change that it began with
	Changes    int64   // that were applied to it
	Newest     int64   // number of the newest change that the bucket has seen
	Damaged    []error // objects that cannot be read, each named; they wrap columnar.ErrCorrupt

	replay *meta.Replay
}

// Whole reports whether nothing that the bucket has seen is missing.
func (r *Rebuilt) Whole() bool { return r.Content.Changes == r.Newest }

// Unlinked reports whether a segment was one of the catalog's after the checkpoint and
// is not any more.
func (r *Rebuilt) Unlinked(name string) bool { return r.replay.Unlinked(name) }

// errNoCheckpoint says that there is nothing to begin with.
var errNoCheckpoint = errors.New("the bucket has no checkpoint of the catalog that can be read")

// Rebuild makes the catalog's content of the newest checkpoint in a bucket that can be
// read and the changes after it; up to a number, or as far as they go where that is
// negative. It stops before the first change that is damaged or missing. The error says
// that there is no checkpoint, or that the bucket cannot be read.
func Rebuild(ctx context.Context, bucket object.Bucket, upTo int64) (*Rebuilt, error) {
	there, err := listJournal(ctx, bucket)
	if err != nil {
		return nil, err
	}
	r := &Rebuilt{}
	r.Newest, _ = there.newest()
	for _, number := range slices.Backward(there.checkpoints) {
		if upTo >= 0 && number > upTo {
			continue
		}
		content, err := readCheckpoint(ctx, bucket, number)
		if errors.Is(err, columnar.ErrCorrupt) {
			r.Damaged = append(r.Damaged, err)
			continue
		}
		if err != nil {
			return nil, err
		}
		r.Checkpoint, r.replay = number, meta.NewReplay(&content)
		break
	}
	if r.replay == nil {
		return nil, errors.Join(append(r.Damaged, errNoCheckpoint)...)
	}
	if err := r.apply(ctx, bucket, there.runs, upTo); err != nil {
		return nil, err
	}
	r.Changes = r.replay.Changes() - r.Checkpoint
	r.Content = r.replay.Content()
	return r, nil
}

// apply applies runs of changes, which may overlap.
func (r *Rebuilt) apply(ctx context.Context, bucket object.Bucket, runs []int64, upTo int64) error {
	for _, run := range runs {
		if run <= r.replay.Changes() {
			continue
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		_, entries, err := readRun(ctx, bucket, run)
		switch {
		case errors.Is(err, columnar.ErrCorrupt):
			r.Damaged = append(r.Damaged, err)
			continue // one that overlaps it may follow
		case err != nil:
			return err
		}
		for _, e := range entries {
			if e.Number <= r.replay.Changes() {
				continue
			}
			if upTo >= 0 && e.Number > upTo {
				return nil
			}
			if err := r.replay.Apply(e); err != nil {
				r.Damaged = append(r.Damaged, fmt.Errorf("object %s: %w: %w", runKey(run), err, columnar.ErrCorrupt))
				return nil
			}
		}
	}
	return nil
}

// mostDifferences bounds how many differences of one kind are told one by one.
const mostDifferences = 100

// differences tells what one content has otherwise than another: each row by its key.
// What no change says, epochs and reserved ids, is left out.
func differences(catalog, journal *meta.Content, say func(what string)) {
	diff(catalog.Series, journal.Series, "series", func(s *meta.Series) string { return fmt.Sprintf("%d", s.ID) }, say)
	diff(catalog.Snapshots, journal.Snapshots, "snapshot", func(s *meta.Snapshot) string { return fmt.Sprintf("%d", s.ID) }, say)
	diff(catalog.Segments, journal.Segments, "segment", func(s *meta.Segment) string { return s.Name }, say)
	diff(catalog.Edits, journal.Edits, "edit", func(e *meta.Edit) string { return fmt.Sprintf("%d", e.ID) }, say)
	diff(catalog.Pins, journal.Pins, "pin", func(p *meta.Pin) string { return fmt.Sprintf("%q", p.Name) }, say)
	diff(catalog.Logs, journal.Logs, "log", func(l *meta.Log) string { return fmt.Sprintf("%q", l.ID) }, say)
	diff(settingsOf(catalog), settingsOf(journal), "setting", func(s *meta.Setting) string { return fmt.Sprintf("%q", s.Name) }, say)
	if slices.EqualFunc(catalog.Segments, journal.Segments, func(a, b meta.Segment) bool { return a.Name == b.Name }) ||
		len(catalog.Segments) != len(journal.Segments) {
		return
	}
	say("segments: they are in another order")
}

// settingsOf returns the settings as a list.
func settingsOf(c *meta.Content) (list []meta.Setting) {
	for name, value := range c.Settings {
		list = append(list, meta.Setting{Name: name, Value: value})
	}
	slices.SortFunc(list, func(a, b meta.Setting) int { return strings.Compare(a.Name, b.Name) })
	return list
}

// diff tells how two lists of rows differ.
func diff[T any](catalog, journal []T, kind string, key func(*T) string, say func(what string)) {
	text := func(v *T) string {
		b, err := json.Marshal(v)
		if err != nil {
			return err.Error()
		}
		return string(b)
	}
	should := make(map[string]string, len(journal))
	for i := range journal {
		should[key(&journal[i])] = text(&journal[i])
	}
	told := 0
	tell := func(format string, args ...any) {
		if told++; told <= mostDifferences {
			say(fmt.Sprintf(format, args...))
		}
	}
	for i := range catalog {
		k, is := key(&catalog[i]), text(&catalog[i])
		want, ok := should[k]
		switch {
		case !ok:
			tell("%s %s: the bucket's journal does not know it", kind, k)
		case is != want:
			tell("%s %s: it is not what the bucket's journal says: %s", kind, k, changedFields(is, want))
		}
		delete(should, k)
	}
	for i := range journal {
		if k := key(&journal[i]); should[k] != "" {
			tell("%s %s: the bucket's journal has it, and it is not there", kind, k)
		}
	}
	if told > mostDifferences {
		say(fmt.Sprintf("%s: %d more differ", kind, told-mostDifferences))
	}
}

// changedFields says which fields of two objects of JSON differ.
func changedFields(is, want string) string {
	var a, b map[string]json.RawMessage
	if json.Unmarshal([]byte(is), &a) != nil || json.Unmarshal([]byte(want), &b) != nil {
		return "it differs"
	}
	names := make(map[string]bool)
	for name := range a {
		names[name] = true
	}
	for name := range b {
		names[name] = true
	}
	var parts []string
	for name := range names {
		if string(a[name]) != string(b[name]) {
			parts = append(parts, fmt.Sprintf("%s is %s, not %s", name, shortened(a[name]), shortened(b[name])))
		}
	}
	slices.Sort(parts)
	return strings.Join(parts, ", ")
}

// shortened returns JSON for a message.
func shortened(v json.RawMessage) string {
	const most = 80
	switch {
	case len(v) == 0:
		return "missing"
	case len(v) > most:
		return strings.ToValidUTF8(string(v[:most]), "") + "…"
	}
	return string(v)
}
