package meta

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
)

// Change is one change of a catalog, in full: a content to which the changes after it
// are applied in order is the catalog's (Replay). Leases, reserved ids and the list of
// garbage are not among them.
type Change struct {
	Number int64  // 1, 2, 3, … without a gap
	Before string // the digest of the change before it; before the first, the database's id

	Series []Series `json:",omitempty"` // made, or as they are now

	// A commit: the snapshot that it made, and what it did.
	Snapshot *Snapshot     `json:",omitempty"`
	Add      []Segment     `json:",omitempty"`
	Retire   []string      `json:",omitempty"`
	Replace  []Replacement `json:",omitempty"`
	Edit     *Edit         `json:",omitempty"`

	Log     *Log     `json:",omitempty"` // a new one, or how far segments hold it now
	Setting *Setting `json:",omitempty"`
	Pin     *Pin     `json:",omitempty"` // a new one
	Unpin   string   `json:",omitempty"` // the name of one that is gone

	// An expiry: snapshots before GaveUp that are not pinned are not kept any more, and
	// the segments Unlinked are garbage.
	GaveUp   int64    `json:",omitempty"`
	Unlinked []string `json:",omitempty"`
}

// Setting is one of the server-wide settings.
type Setting struct{ Name, Value string }

// Entry is a change as the catalog's journal holds it.
type Entry struct {
	Number int64
	Text   string // the change in JSON
}

// Digest returns the digest of a change: 128 bits of the SHA-256 of its text, in
// hexadecimal. As the text has the digest of the change before it, it stands for all
// changes up to this one.
func (e Entry) Digest() string {
	sum := sha256.Sum256([]byte(e.Text))
	return hex.EncodeToString(sum[:16])
}

// NewEntry returns the entry of a change.
func NewEntry(c *Change) (Entry, error) {
	text, err := json.Marshal(c)
	if err != nil {
		return Entry{}, fmt.Errorf("change %d: %w", c.Number, err)
	}
	return Entry{Number: c.Number, Text: string(text)}, nil
}

// Change returns the change. It wraps ErrInvalid where the text is none, or one of
// another number.
func (e Entry) Change() (*Change, error) {
	var c Change
	if err := json.Unmarshal([]byte(e.Text), &c); err != nil {
		return nil, fmt.Errorf("change %d: %w: %w", e.Number, ErrInvalid, err)
	}
	if c.Number != e.Number {
		return nil, fmt.Errorf("change %d: %w: its text is that of change %d", e.Number, ErrInvalid, c.Number)
	}
	return &c, nil
}

// Journal is how far a catalog has come, and its newest changes.
type Journal struct {
	Database string // id
	Number   int64  // of the newest change; 0: there was none since the catalog keeps a journal
	Head     string // its digest
	Trimmed  int64  // the changes up to this one are elsewhere for certain, and not here any more
	Snapshot int64  // the newest
	Entries  []Entry
}
