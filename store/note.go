package store

import (
	"context"
	"fmt"

	"github.com/trellisdb/trellis/columnar"
	"github.com/trellisdb/trellis/meta"
)

// Note puts on the trail what was done to series, or to all of them, without touching a
// sample: an edit with a snapshot of its own in which no sample differs.
func (s *Store) Note(ctx context.Context, info columnar.EditInfo, series []int64) (columnar.EditResult, error) {
	if err := s.refusal(); err != nil {
		return columnar.EditResult{}, err
	}
	id, err := s.edits.next(ctx, s)
	if err != nil {
		return columnar.EditResult{}, fmt.Errorf("%s: %w", info.Kind, err)
	}
	if err := s.acquire(ctx); err != nil {
		return columnar.EditResult{}, err
	}
	defer s.giveBack()
	record := meta.Edit{ID: id, Kind: info.Kind, Who: info.Who, Reason: info.Reason, Source: info.Source}
	for _, one := range series {
		record.Ranges = append(record.Ranges, meta.EditRange{Series: one})
	}
	made, err := s.publishNew(ctx, meta.Commit{Note: info.Kind.String(), Edit: &record})
	if err != nil {
		return columnar.EditResult{}, fmt.Errorf("%s %d: %w", info.Kind, id, err)
	}
	s.logger.Info("noted", "edit", id, "kind", info.Kind.String(), "who", info.Who, "what", info.Reason)
	return columnar.EditResult{ID: id, Snapshot: made.ID}, nil
}
