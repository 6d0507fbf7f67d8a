package flight

import (
	"context"
	"encoding/json"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/trellisdb/trellis/columnar"
	"github.com/trellisdb/trellis/engine"
	"github.com/trellisdb/trellis/engine/plan"
)

// editOptions takes the options of an edit out of those of an ingest, sets its reason
// and source in the session, and reports whether the ingest is one:
//
//	edit    backfill, or a JSON object: {"kind": "backfill", "reason": ..., "source": ...}
//	reason  why it is made; else the session's trellis.reason
//	source  where the data comes from; else the session's trellis.source
func editOptions(session *engine.Session, set map[string]string) (edit bool, err error) {
	kind, edit := set["edit"]
	given := map[string]string{}
	for _, name := range []string{"reason", "source"} {
		if value, ok := set[name]; ok {
			given[name] = value
		}
		delete(set, name)
	}
	delete(set, "edit")
	if strings.HasPrefix(strings.TrimSpace(kind), "{") {
		var object struct {
			Kind           string
			Reason, Source *string
		}
		dec := json.NewDecoder(strings.NewReader(kind))
		dec.DisallowUnknownFields()
		if err := dec.Decode(&object); err != nil {
			return false, plan.Errorf(0, plan.CodeInvalidText, "option edit: %v", err).WithHint(`write {"kind": "backfill", "reason": "...", "source": "..."}`)
		}
		kind = object.Kind
		for name, value := range map[string]*string{"reason": object.Reason, "source": object.Source} {
			if value != nil {
				given[name] = *value
			}
		}
	}
	switch {
	case edit && kind != columnar.Backfill.String():
		return false, plan.Errorf(0, plan.CodeInvalidValue, "a stream of samples cannot be an edit of kind %q", kind).WithHint("the kind is backfill")
	case !edit && len(given) > 0:
		return false, plan.Errorf(0, plan.CodeInvalidValue, "the options reason and source are of an edit, and this is none").WithHint(`add the option edit: "backfill"`)
	}
	for name, value := range given {
		if err := session.Set("trellis."+name, &value); err != nil {
			return false, err
		}
	}
	return edit, nil
}

// editSink writes samples that become an edit when the stream has ended.
type editSink struct {
	backfill *engine.Backfill
	done     bool
}

func (s *editSink) write(ctx context.Context, batch arrow.RecordBatch) error {
	return s.backfill.Write(ctx, batch)
}

func (s *editSink) counts() putCounts {
	c := countsOf(s.backfill.Counts())
	c.Staged = !s.done
	return c
}

func (s *editSink) finish(ctx context.Context) (any, error) {
	made, err := s.backfill.Commit(ctx)
	if err != nil {
		return nil, err
	}
	s.done = true
	return editResult{Edit: made.ID, Snapshot: made.Snapshot, Inserted: made.Inserted, Replaced: made.Replaced}, nil
}

func (s *editSink) close() error { return s.backfill.Close() }
