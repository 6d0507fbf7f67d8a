package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/trellisdb/trellis/columnar"
	"github.com/trellisdb/trellis/meta"
	"github.com/trellisdb/trellis/store/object"
)

// ErrForeign says that a bucket is not, or not any more, that of the catalog: nobody
// writes to it or deletes from it. The error says whose it is.
var ErrForeign = errors.New("the bucket is another database's")

// A bucket says whose it is in an object of its own, and who became its writer in one
// for each epoch. Both are put once, under the condition that they are not there: of
// two databases, or two copies of one catalog, only one can have put them.
const (
	identityKey    = "database"
	writerPrefix   = "writers/"
	identityFormat = 1
	identityBytes  = 64 << 20 // more is no identity
)

// identity is what the object of a bucket says, as JSON.
type identity struct {
	Format   int    `json:"format"`
	Database string `json:"database"` // id, as in the catalog
	// Strangers are the segments that were in the bucket when it became the
	// database's and that its catalog did not know. They are never garbage.
	Strangers []string `json:"strangers,omitempty"`
}

// claim is what the object of an epoch says, as JSON. Two copies of a catalog give out
// the same epochs, so it has what only one process can be.
type claim struct {
	Format   int    `json:"format"`
	Database string `json:"database"`
	Epoch    int64  `json:"epoch"`
	Holder   string `json:"holder"`
	Log      string `json:"log"`
	Time     int64  `json:"time"` // instant
	// Catalog and Bucket are marks of the places where the two are kept.
	Catalog string `json:"catalog,omitempty"`
	Bucket  string `json:"bucket,omitempty"`
}

// claimKey is the key of the object of an epoch.
func claimKey(epoch int64) string { return fmt.Sprintf("%s%016x", writerPrefix, epoch) }

// BucketOwner returns the id of the database that a bucket belongs to; empty: it says
// nothing yet.
func BucketOwner(ctx context.Context, bucket object.Bucket) (string, error) {
	who, err := readIdentity(ctx, bucket)
	return who.Database, err
}

// bucketStrangers returns the segments in a bucket that are left alone.
func bucketStrangers(ctx context.Context, bucket object.Bucket) (map[string]bool, error) {
	who, err := readIdentity(ctx, bucket)
	strangers := make(map[string]bool, len(who.Strangers))
	for _, key := range who.Strangers {
		strangers[key] = true
	}
	return strangers, err
}

// readIdentity returns what a bucket says of itself; the zero value: nothing.
func readIdentity(ctx context.Context, bucket object.Bucket) (who identity, err error) {
	err = readJSON(ctx, bucket, identityKey, &who)
	if errors.Is(err, object.ErrNotFound) {
		return identity{}, nil
	}
	if err == nil && (who.Format != identityFormat || who.Database == "") {
		err = fmt.Errorf("object %s: it is of format %d, which this release does not know: %w", identityKey, who.Format, columnar.ErrCorrupt)
	}
	return who, err
}

// CheckBucket wraps ErrForeign where a bucket says that it is another database's.
func CheckBucket(ctx context.Context, bucket object.Bucket, database string) error {
	owner, err := BucketOwner(ctx, bucket)
	if err != nil || owner == "" || owner == database {
		return err
	}
	return foreign(owner, database)
}

func foreign(owner, database string) error {
	return fmt.Errorf("%w: it is that of database %s, the catalog is that of database %s; give each database a bucket or a prefix of its own, or, where the catalog is the right one, say so with trellis adopt", ErrForeign, owner, database)
}

// AdoptBucket makes a bucket that of a catalog's database, whosever it was: who wrote to
// it until now cannot delete from it any more, and what the catalog does not know
// stays.
func AdoptBucket(ctx context.Context, bucket object.Bucket, catalog meta.Catalog) error {
	id, err := catalog.ID(ctx)
	if err != nil {
		return err
	}
	has, err := Compare(ctx, bucket, catalog)
	if err != nil {
		return err
	}
	if err := putJSON(ctx, bucket, identityKey, object.Always, identity{identityFormat, id, has.Unknown}); err != nil {
		return err
	}
	content, err := catalog.Export(ctx)
	if err != nil {
		return err
	}
	if _, err := putCheckpoint(ctx, bucket, &content); err != nil {
		return err
	}
	// The former journal goes when the new one is there.
	for _, prefix := range []string{writerPrefix, journalPrefix} {
		keys, err := listKeys(ctx, bucket, prefix)
		if err != nil {
			return err
		}
		for _, key := range keys {
			if key == checkpointKey(content.Changes) {
				continue
			}
			if err := bucket.Delete(ctx, key); err != nil {
				return err
			}
		}
	}
	return nil
}

// BucketHas says how the segments in a bucket lie to those of a catalog.
type BucketHas struct {
	Known   int      // objects that the catalog knows
	Unknown []string // objects that it does not know
	Missing []string // segments of the catalog that are not there
}

// NewestEpoch returns the newest epoch whose writer named one of some segments; 0: none.
func NewestEpoch(segments []string) (newest int64) {
	for _, name := range segments {
		if epoch, ours := nameEpoch(name); ours {
			newest = max(newest, epoch)
		}
	}
	return newest
}

// Compare compares the segments in a bucket with those that a catalog knows.
func Compare(ctx context.Context, bucket object.Bucket, catalog meta.Catalog) (has BucketHas, err error) {
	there, err := listKeys(ctx, bucket, segmentPrefix)
	if err != nil {
		return has, err
	}
	known, segments, err := knownObjects(ctx, catalog)
	if err != nil {
		return has, err
	}
	found := make(map[string]bool)
	for _, key := range there {
		if found[key] = true; known[key] {
			has.Known++
		} else {
			has.Unknown = append(has.Unknown, key)
		}
	}
	for _, m := range segments {
		if !found[m.Name] {
			has.Missing = append(has.Missing, m.Name)
		}
	}
	return has, nil
}

// knownObjects returns the names of all objects that a catalog knows, garbage among
// them, and its segments.
func knownObjects(ctx context.Context, catalog meta.Catalog) (map[string]bool, []meta.Segment, error) {
	segments, err := catalog.AllSegments(ctx)
	if err != nil {
		return nil, nil, err
	}
	garbage, err := catalog.Garbage(ctx)
	if err != nil {
		return nil, nil, err
	}
	known := make(map[string]bool, len(segments)+len(garbage))
	for _, m := range segments {
		known[m.Name] = true
	}
	for _, g := range garbage {
		known[g.Name] = true
	}
	return known, segments, nil
}

// claimBucket makes sure that the bucket is this database's and notes in it that this
// is its writer.
func (s *Store) claimBucket(ctx context.Context, holder string) error {
	id, err := s.catalog.ID(ctx)
	if err != nil {
		return err
	}
	owner, err := BucketOwner(ctx, s.bucket)
	if err == nil && owner == "" {
		owner, err = s.signBucket(ctx, id)
	}
	if err != nil {
		return err
	}
	if owner != id {
		return foreign(owner, id)
	}
	newest, err := newestClaim(ctx, s.bucket)
	if err != nil {
		return err
	}
	if newest > s.epoch {
		if err := s.stillWriter(ctx); err != nil {
			return err // it was faster
		}
		return fmt.Errorf("%w: it has had a writer of epoch %d, and this catalog has just given out %d: the catalog is an older copy; go on with the newest one, restore a backup, or, where this one is the right one, say so with trellis adopt", ErrForeign, newest, s.epoch)
	}
	s.claim = claim{Format: identityFormat, Database: id, Epoch: s.epoch, Holder: holder, Log: s.logID, Time: s.clock()}
	if err := s.claim.mark(ctx, s.bucket, s.catalog); err != nil {
		return err
	}
	if err := s.sameCatalog(ctx, newest); err != nil {
		return err
	}
	if err := s.putClaim(ctx); err != nil {
		return err
	}
	return s.dropClaims(ctx)
}

// mark notes where the two are kept.
func (c *claim) mark(ctx context.Context, bucket object.Bucket, catalog meta.Catalog) (err error) {
	if b, ok := bucket.(object.Marked); ok {
		c.Bucket = b.Mark()
	}
	c.Catalog, err = catalog.Mark(ctx)
	return err
}

// sameCatalog refuses a catalog that is kept in another place than that of the writer
// before: a copy, beside which the first one may go on. Where the bucket is a copy, too,
// there is none beside it.
func (s *Store) sameCatalog(ctx context.Context, epoch int64) error {
	if epoch == 0 {
		return nil
	}
	var before claim
	err := readJSON(ctx, s.bucket, claimKey(epoch), &before)
	switch {
	case errors.Is(err, object.ErrNotFound):
		return nil // taken away by a later one, which putClaim finds
	case err != nil:
		return err
	}
	return before.follows(&s.claim)
}

// follows refuses a claim whose catalog is kept in another place than that of the one
// before.
func (before *claim) follows(own *claim) error {
	if before.Catalog == own.Catalog || before.Catalog == "" || own.Catalog == "" || before.Bucket != own.Bucket {
		return nil
	}
	return fmt.Errorf("%w: its last writer, %q, had its catalog in another place: this one is a copy of it, or was moved or restored; stop whoever still uses the first one, and, where this one is to go on, say so with trellis adopt", ErrForeign, before.Holder)
}

// signBucket puts the identity of a bucket that has none: an empty one, or one of an
// older release, in which the catalog has to know objects.
func (s *Store) signBucket(ctx context.Context, id string) (owner string, err error) {
	has, err := Compare(ctx, s.bucket, s.catalog)
	if err != nil {
		return "", err
	}
	if has.Known == 0 && len(has.Unknown) > 0 {
		return "", fmt.Errorf("%w: it has %d segments, such as %s, and the catalog of database %s knows none of them; name the right bucket, or, where it is that, say so with trellis adopt", ErrForeign, len(has.Unknown), has.Unknown[0], id)
	}
	err = putJSON(ctx, s.bucket, identityKey, object.IfAbsent, identity{identityFormat, id, has.Unknown})
	if err != nil && !errors.Is(err, object.ErrExists) {
		return "", err
	}
	return BucketOwner(ctx, s.bucket) // perhaps another one was faster
}

// putClaim puts the object of the writer's epoch. One that is there is another
// copy's, unless it is ours, put by an attempt whose answer was lost.
func (s *Store) putClaim(ctx context.Context) error {
	err := putJSON(ctx, s.bucket, claimKey(s.epoch), object.IfAbsent, s.claim)
	if !errors.Is(err, object.ErrExists) {
		return err
	}
	return s.ownClaim(ctx)
}

// ownClaim wraps ErrForeign where the object of the writer's epoch is not this
// writer's.
func (s *Store) ownClaim(ctx context.Context) error {
	var there claim
	err := readJSON(ctx, s.bucket, claimKey(s.epoch), &there)
	switch {
	case errors.Is(err, object.ErrNotFound):
		return fmt.Errorf("%w now: it has a later writer, was adopted, or was emptied: %w", ErrForeign, meta.ErrConflict)
	case err != nil:
		return err
	case there != s.claim:
		return fmt.Errorf("%w: writer %d of it is %q, and this catalog has given the same number to %q: there are two copies of the catalog; stop the one that is not to go on, and say with trellis adopt which one is", ErrForeign, s.epoch, there.Holder, s.claim.Holder)
	}
	return nil
}

// dropClaims deletes the objects of earlier epochs.
func (s *Store) dropClaims(ctx context.Context) error {
	keys, err := listKeys(ctx, s.bucket, writerPrefix)
	if err != nil {
		return err
	}
	for _, key := range keys {
		if key < claimKey(s.epoch) {
			if err := s.bucket.Delete(ctx, key); err != nil {
				return err
			}
		}
	}
	return nil
}

// stillOwner makes sure, before anything is deleted, that the bucket is this
// database's and that this is its newest writer.
func (s *Store) stillOwner(ctx context.Context) error {
	err := s.catalog.Check(ctx)
	if err == nil {
		err = s.stillWriter(ctx)
	}
	if err == nil {
		err = CheckBucket(ctx, s.bucket, s.claim.Database)
	}
	if err == nil {
		err = s.ownClaim(ctx)
	}
	if err != nil {
		return err
	}
	newest, err := newestClaim(ctx, s.bucket)
	if err == nil && newest != s.epoch {
		err = fmt.Errorf("%w now: it has a writer of epoch %d, this one's is %d: %w", ErrForeign, newest, s.epoch, meta.ErrConflict)
	}
	return err
}

// newestClaim returns the newest epoch that a bucket has a writer of; 0: none.
func newestClaim(ctx context.Context, bucket object.Bucket) (int64, error) {
	keys, err := listKeys(ctx, bucket, writerPrefix)
	if err != nil || len(keys) == 0 {
		return 0, err
	}
	var epoch int64
	last := keys[len(keys)-1]
	if n, err := fmt.Sscanf(strings.TrimPrefix(last, writerPrefix), "%016x", &epoch); err != nil || n != 1 {
		return 0, fmt.Errorf("object %s: its name is no epoch: %w", last, columnar.ErrCorrupt)
	}
	return epoch, nil
}

func listKeys(ctx context.Context, bucket object.Bucket, prefix string) (keys []string, err error) {
	for info, err := range bucket.List(ctx, prefix) {
		if err != nil {
			return nil, err
		}
		keys = append(keys, info.Key)
	}
	return keys, nil
}

// putJSON puts an object of JSON.
func putJSON(ctx context.Context, bucket object.Bucket, key string, cond object.Condition, what any) error {
	text, err := json.Marshal(what)
	if err == nil {
		_, err = bucket.Put(ctx, key, cond, func(w io.Writer) error {
			_, err := w.Write(append(text, '\n'))
			return err
		})
	}
	if err != nil {
		return fmt.Errorf("object %s: %w", key, err)
	}
	return nil
}

// readJSON reads an object of JSON.
func readJSON(ctx context.Context, bucket object.Bucket, key string, into any) (err error) {
	o, err := bucket.Open(ctx, key)
	if err != nil {
		return fmt.Errorf("object %s: %w", key, err)
	}
	defer func() { err = errors.Join(err, o.Close()) }()
	if o.Size() > identityBytes {
		return fmt.Errorf("object %s: %d bytes are too many: %w", key, o.Size(), columnar.ErrCorrupt)
	}
	text := make([]byte, o.Size())
	if n, err := o.ReadAt(text, 0); n < len(text) {
		return fmt.Errorf("object %s: %w", key, err)
	}
	if err := json.Unmarshal(text, into); err != nil {
		return fmt.Errorf("object %s: %w: %w", key, err, columnar.ErrCorrupt)
	}
	return nil
}
