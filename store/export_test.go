package store

import "github.com/trellisdb/trellis/store/object"

// SpillTo makes edits that are begun from now on spill to what open returns for the
// stage's directory.
func (s *Store) SpillTo(open func(dir string) (object.Bucket, error)) { s.openStage = open }
