package wal

import (
	"fmt"

	"github.com/trellisdb/trellis/columnar"
)

// Verified is what Verify has read.
type Verified struct {
	Files   int
	Records int64
	Samples int64 // in records; those of whole blocks are not counted
	Bytes   int64
	// Torn is how many bytes at the end are no whole frame and are not past what was
	// acknowledged: a group that is just being written, or that a crash cut off. Open cuts
	// them off.
	Torn int64
	// Unmarked says that the log is of an earlier release and has no marker: what is
	// torn may have been acknowledged.
	Unmarked bool
	// DamagedMarks is how many of the four copies of the mark cannot be read.
	DamagedMarks int
}

// VerifyOptions say what is known of a log that is verified.
type VerifyOptions struct {
	ID    string // as in Options
	Start uint64 // as in Options
	Alone bool   // Start is not known: it is the position at which the first file begins
	// Record, where not nil, is called with every record, in order, and the position
	// behind it.
	Record func(record []byte, end uint64) error
}

// Verify reads a log and verifies every frame and every entry. What makes Open fail
// makes it fail. It does not lock the directory and changes nothing, so it may be used
// on a log that is open; if files go away meanwhile the error can wrap fs.ErrNotExist
// or columnar.ErrCorrupt, so ask again with a newer Start. Damage wraps
// columnar.ErrCorrupt and names file and offset.
func Verify(dir string, o VerifyOptions) (Verified, error) {
	v, err := verify(dir, &o)
	if err != nil {
		return v, fmt.Errorf("write-ahead log %s: %w", dir, err)
	}
	return v, nil
}

func verify(dir string, o *VerifyOptions) (v Verified, err error) {
	disk := ReadOnly{}
	if o.Alone {
		names, err := disk.List(dir)
		if err != nil {
			return v, err
		}
		if found := positions(names); len(found) > 0 {
			o.Start = found[0]
		}
	}
	s, err := look(disk, dir, o.ID, o.Start)
	if err != nil {
		return v, err
	}
	v.Torn, v.Unmarked = s.last.size-s.last.good, !s.marked.found && len(s.files) > 0
	if s.marked.found {
		v.DamagedMarks = s.marked.damaged
	}
	v.Files = len(s.files)
	r := reading{fs: disk, dir: dir, files: s.files, end: s.end, from: o.Start}
	return v, r.each(func(f frame, offset int64) error {
		v.Records++
		v.Bytes += int64(frameLen + len(f.record))
		err := Entries(f.record, func(e *Entry) error {
			v.Samples += int64(len(e.Slots))
			return nil
		})
		if err != nil {
			return fmt.Errorf("offset %d: %w: %w", offset, columnar.ErrCorrupt, err)
		}
		if o.Record != nil {
			return o.Record(f.record, f.end())
		}
		return nil
	})
}
