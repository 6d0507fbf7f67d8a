package meta

import (
	"cmp"
	"fmt"
	"slices"
)

// Replay applies changes to a content.
type Replay struct {
	content  Content
	series   map[int64]int  // by id
	segments map[string]int // by name; those that are gone are -1
	gone     []bool         // by place: of segments that are not there any more
	unlinked map[string]bool
}

// NewReplay begins with a content, which it does not change.
func NewReplay(c *Content) *Replay {
	r := &Replay{content: *c, series: make(map[int64]int), segments: make(map[string]int), unlinked: make(map[string]bool)}
	r.content.Series = slices.Clone(c.Series)
	r.content.Snapshots = slices.Clone(c.Snapshots)
	r.content.Segments = slices.Clone(c.Segments)
	r.content.Edits = slices.Clone(c.Edits)
	r.content.Pins = slices.Clone(c.Pins)
	r.content.Logs = slices.Clone(c.Logs)
	r.content.Settings = make(map[string]string, len(c.Settings))
	for name, value := range c.Settings {
		r.content.Settings[name] = value
	}
	for i := range c.Series {
		r.series[c.Series[i].ID] = i
	}
	for i := range c.Segments {
		r.segments[c.Segments[i].Name] = i
	}
	r.gone = make([]bool, len(c.Segments))
	return r
}

// Apply applies the next change. It wraps ErrInvalid where the change does not follow
// the one before it, or does not fit; the content is of no use then.
func (r *Replay) Apply(e Entry) error {
	c, err := e.Change()
	if err != nil {
		return err
	}
	if c.Number != r.content.Changes+1 || c.Before != r.content.Head {
		return fmt.Errorf("change %d: %w: it does not follow change %d", c.Number, ErrInvalid, r.content.Changes)
	}
	for _, s := range c.Series {
		r.putSeries(s)
	}
	if c.Snapshot != nil {
		if err := r.commit(c); err != nil {
			return fmt.Errorf("change %d: %w", c.Number, err)
		}
	}
	if c.Log != nil {
		r.putLog(*c.Log)
	}
	if c.Setting != nil {
		r.content.Settings[c.Setting.Name] = c.Setting.Value
	}
	if c.Pin != nil {
		r.content.Pins = append(r.content.Pins, *c.Pin)
	}
	if c.Unpin != "" {
		r.content.Pins = slices.DeleteFunc(r.content.Pins, func(p Pin) bool { return p.Name == c.Unpin })
	}
	if err := r.expire(c); err != nil {
		return fmt.Errorf("change %d: %w", c.Number, err)
	}
	r.content.Changes, r.content.Head = c.Number, e.Digest()
	return nil
}

func (r *Replay) putSeries(s Series) {
	if i, ok := r.series[s.ID]; ok {
		r.content.Series[i] = s
		return
	}
	r.series[s.ID] = len(r.content.Series)
	r.content.Series = append(r.content.Series, s)
}

func (r *Replay) putLog(log Log) {
	for i := range r.content.Logs {
		if r.content.Logs[i].ID == log.ID {
			r.content.Logs[i] = log
			return
		}
	}
	r.content.Logs = append(r.content.Logs, log)
}

// commit is the part of Apply that is about segments.
func (r *Replay) commit(c *Change) error {
	r.content.Snapshots = append(r.content.Snapshots, *c.Snapshot)
	for _, name := range c.Retire {
		i, err := r.segment(name)
		if err != nil {
			return err
		}
		r.content.Segments[i].Retired = c.Snapshot.ID
	}
	for _, p := range c.Replace {
		i, err := r.segment(p.Old)
		if err != nil {
			return err
		}
		r.drop(p.Old, i)
		if p.New != nil {
			s, old := *p.New, &r.content.Segments[i]
			s.Version, s.Created, s.Retired, s.History = old.Version, old.Created, old.Retired, old.History
			r.content.Segments[i], r.gone[i], r.segments[s.Name] = s, false, i
		}
	}
	for _, s := range c.Add {
		r.segments[s.Name] = len(r.content.Segments)
		r.content.Segments, r.gone = append(r.content.Segments, s), append(r.gone, false)
	}
	if c.Edit != nil {
		r.content.Edits = append(r.content.Edits, *c.Edit)
		r.content.NextEdit = max(r.content.NextEdit, c.Edit.ID+1)
	}
	return nil
}

// segment returns the place of a segment that is there.
func (r *Replay) segment(name string) (int, error) {
	i, ok := r.segments[name]
	if !ok {
		return 0, fmt.Errorf("%w: there is no segment %s", ErrInvalid, name)
	}
	return i, nil
}

// drop takes a segment away.
func (r *Replay) drop(name string, i int) {
	r.gone[i], r.unlinked[name] = true, true
	delete(r.segments, name)
}

// expire is the part of Apply that gives up what is not kept.
func (r *Replay) expire(c *Change) error {
	if c.GaveUp > 0 {
		pinned := make(map[int64]bool, len(r.content.Pins))
		for _, p := range r.content.Pins {
			pinned[p.Snapshot] = true
		}
		for i := range r.content.Snapshots {
			s := &r.content.Snapshots[i]
			s.Kept = s.Kept && (s.ID >= c.GaveUp || pinned[s.ID])
		}
	}
	for _, name := range c.Unlinked {
		i, err := r.segment(name)
		if err != nil {
			return err
		}
		r.drop(name, i)
	}
	return nil
}

// Changes returns the number of the newest change that was applied.
func (r *Replay) Changes() int64 { return r.content.Changes }

// Unlinked reports whether a segment was there and is not any more.
func (r *Replay) Unlinked(name string) bool { return r.unlinked[name] }

// Content returns what the changes have come to. Nothing is applied after it.
func (r *Replay) Content() Content {
	c := r.content
	kept := c.Segments[:0]
	for i := range c.Segments {
		if !r.gone[i] {
			kept = append(kept, c.Segments[i])
		}
	}
	c.Segments = kept
	slices.SortFunc(c.Series, func(a, b Series) int { return cmp.Compare(a.ID, b.ID) })
	slices.SortStableFunc(c.Edits, func(a, b Edit) int { return cmp.Compare(a.ID, b.ID) })
	slices.SortFunc(c.Pins, func(a, b Pin) int { return cmp.Compare(a.Name, b.Name) })
	slices.SortFunc(c.Logs, func(a, b Log) int { return cmp.Compare(a.ID, b.ID) })
	return c
}
