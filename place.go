package trellis

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"time"

	"github.com/trellisdb/trellis/columnar"
	"github.com/trellisdb/trellis/meta"
	"github.com/trellisdb/trellis/meta/postgres"
	"github.com/trellisdb/trellis/meta/sqlite"
	"github.com/trellisdb/trellis/store"
	"github.com/trellisdb/trellis/store/object"
	"github.com/trellisdb/trellis/store/object/cache"
	"github.com/trellisdb/trellis/store/object/s3"
)

// ErrReadOnly says that a place can be read and not written to.
var ErrReadOnly = errors.New("can only be read here")

// ErrNoDatabase says that there is nothing where a database should be.
var ErrNoDatabase = errors.New("there is no database")

// Place says where a database is: its segments, its catalog and its log.
type Place struct {
	// Dir is the directory of the write-ahead log, and of what is not placed elsewhere.
	Dir string
	// Bucket is where the segments are: the path of a directory, or
	// s3://bucket/prefix?settings, see s3.ParseURL; empty: the directory bucket in Dir.
	Bucket string
	// Catalog is where the catalog is: the path of a file of SQLite, or a database of
	// PostgreSQL as a URL (postgres://user@host/database) or a list of keywords
	// (host=... dbname=...); empty: the file catalog.sqlite in Dir.
	Catalog string
	// CacheDir is a directory on a local disk for what is read from a bucket that is
	// elsewhere; empty: the directory cache in Dir. It is one process' alone.
	CacheDir string
	// CacheDisk is how many bytes that may take; 0: there is no such cache.
	CacheDisk int64
}

// The names in a data directory.
const (
	bucketDir   = "bucket"
	catalogFile = "catalog.sqlite"
	cacheDir    = "cache"
	logDir      = "wal"
)

// LogDir returns the directory of the write-ahead log; empty without a Dir.
func (p Place) LogDir() string { return p.in("", logDir) }

// in returns where something is: what was said, or a name in Dir.
func (p Place) in(said, name string) string {
	if said != "" || p.Dir == "" {
		return said
	}
	return filepath.Join(p.Dir, name)
}

// BucketName returns where the segments are, without settings.
func (p Place) BucketName() string {
	name, _, _ := strings.Cut(p.in(p.Bucket, bucketDir), "?")
	return name
}

// CatalogName returns where the catalog is, without passwords.
func (p Place) CatalogName() string {
	where := p.in(p.Catalog, catalogFile)
	if !isPostgres(where) {
		return where
	}
	if u, err := url.Parse(where); err == nil && u.Host != "" {
		u.RawQuery = ""
		return u.Redacted()
	}
	return "PostgreSQL"
}

// keywords begins a list of keywords.
var keywords = regexp.MustCompile(`^\s*[a-z_]+\s*=`)

// isPostgres reports whether a catalog is a database of PostgreSQL.
func isPostgres(where string) bool {
	return strings.HasPrefix(where, "postgres://") || strings.HasPrefix(where, "postgresql://") || keywords.MatchString(where)
}

// Explain adds to an error that a bucket is another database's where the two are.
func (p Place) Explain(err error) error {
	if !errors.Is(err, store.ErrForeign) && !errors.Is(err, store.ErrBehind) {
		return err
	}
	return fmt.Errorf("bucket %s, catalog %s: %w", p.BucketName(), p.CatalogName(), err)
}

// Remote reports whether the bucket is at an S3 endpoint.
func (p Place) Remote() bool { return strings.HasPrefix(p.Bucket, "s3://") }

// Storage is a place that is open. It is not the place's writer.
type Storage struct {
	Place   Place
	Bucket  object.Bucket
	Catalog meta.Catalog
	S3      *s3.Bucket    // nil: the bucket is a local directory
	Cache   *cache.Bucket // nil: there is none
	// ReadOnly is why the catalog can only be read: it is on a read-only file system, or
	// this user may not write to it. nil: it can be written to.
	ReadOnly error
}

// MayWrite wraps ErrReadOnly where the place can only be read.
func (st *Storage) MayWrite() error {
	if st.ReadOnly == nil {
		return nil
	}
	return fmt.Errorf("the catalog %s %w (%w), and this has to write: only trellis verify and trellis backup do without; to go on elsewhere, restore a backup", st.Place.CatalogName(), ErrReadOnly, st.ReadOnly)
}

// OpenPlace opens the bucket and the catalog of a place without becoming its writer:
// a server may have it open. A catalog that can only be read is opened for that, unless
// create is set. Where create is set, what is missing is made; else it is
// an error that wraps ErrNoDatabase. The clock is for measuring requests.
func OpenPlace(ctx context.Context, p Place, create bool, clock func() int64) (st *Storage, err error) {
	if p.in(p.Bucket, bucketDir) == "" || p.in(p.Catalog, catalogFile) == "" {
		return nil, errors.New("a place needs a data directory, or both a bucket and a catalog")
	}
	st = &Storage{Place: p}
	defer func() {
		if err != nil {
			err = errors.Join(err, st.Close())
		}
	}()
	if p.Dir != "" && create {
		if err := makeDir(p.Dir); err != nil {
			return st, err
		}
	}
	if err := st.openCatalog(ctx, create); err != nil {
		return st, err
	}
	if st.Bucket, st.S3, err = OpenBucket(ctx, p.in(p.Bucket, bucketDir), create, clock); err != nil {
		return st, err
	}
	if p.Remote() && p.CacheDisk > 0 {
		if st.Cache, err = cache.New(st.Bucket, cache.Options{Dir: p.in(p.CacheDir, cacheDir), Size: p.CacheDisk}); err != nil {
			return st, err
		}
		st.Bucket = st.Cache
	}
	return st, nil
}

// makeDir makes a data directory, if it is missing.
func makeDir(dir string) error {
	err := os.MkdirAll(dir, 0o750)
	var failed *fs.PathError
	switch {
	case err == nil:
		return nil
	case errors.Is(err, syscall.ENOTDIR) || errors.Is(err, syscall.EEXIST):
		return fmt.Errorf("a file is in the way, name a directory: %w", err)
	case errors.Is(err, syscall.ENOSPC):
		return fmt.Errorf("the disk is full, free some space: %w", err)
	case errors.As(err, &failed):
		return fmt.Errorf("it cannot be made: %w", failed.Err)
	}
	return err
}

// OpenBucket opens a bucket: the path of a directory, or s3://bucket/prefix?settings;
// remote is nil for a directory. Where create is set a directory is made if it is
// missing, and an endpoint is asked whether it lets objects be written; else a
// directory that is missing is an error that wraps ErrNoDatabase.
func OpenBucket(ctx context.Context, where string, create bool, clock func() int64) (bucket object.Bucket, remote *s3.Bucket, err error) {
	if !strings.HasPrefix(where, "s3://") {
		if scheme, _, ok := strings.Cut(where, "://"); ok {
			return nil, nil, fmt.Errorf("bucket %s: there are no buckets of kind %s: name a directory, or s3://bucket/prefix", where, scheme)
		}
		if _, err := os.Stat(where); errors.Is(err, os.ErrNotExist) && !create {
			return nil, nil, fmt.Errorf("bucket: there is no directory %s: %w", where, ErrNoDatabase)
		}
		open := object.OpenExisting
		if create {
			open = object.OpenDir
		}
		dir, err := open(where)
		if err != nil {
			return nil, nil, err
		}
		return dir, nil, nil
	}
	opts, err := s3.ParseURL(where)
	if err != nil {
		return nil, nil, err
	}
	opts.Now = func() time.Time { return time.UnixMicro(clock()) }
	if remote, err = s3.New(ctx, opts); err != nil {
		return nil, nil, err
	}
	if create {
		_, err = remote.Check(ctx)
	} else {
		err = remote.Reach(ctx)
	}
	if err != nil {
		name, _, _ := strings.Cut(where, "?")
		return nil, nil, errors.Join(fmt.Errorf("bucket %s: %w", name, err), remote.Close())
	}
	return remote, remote, nil
}

// openCatalog opens the catalog.
func (st *Storage) openCatalog(ctx context.Context, create bool) error {
	where := st.Place.in(st.Place.Catalog, catalogFile)
	if isPostgres(where) {
		catalog, err := postgres.Open(ctx, where, postgres.Options{})
		if err != nil {
			return err
		}
		st.Catalog = catalog
		return nil
	}
	if strings.Contains(where, "://") {
		return fmt.Errorf("catalog %s: name a file, or postgres://user@host/database", where)
	}
	info, err := os.Stat(where)
	if missing := errors.Is(err, os.ErrNotExist); missing || err == nil && info.Mode().IsRegular() && info.Size() == 0 {
		// A new catalog would not know the log.
		if log := st.Place.LogDir(); hasEntries(log) {
			what := "there is no file " + where
			if !missing {
				what = "the file " + where + " is empty"
			}
			return fmt.Errorf("catalog: %s, but %s is the log of a database: say where its catalog is, or, where it is lost, rebuild it with trellis repair: %w", what, log, columnar.ErrCorrupt)
		}
		if missing && !create {
			return fmt.Errorf("%w: there is no file %s", ErrNoDatabase, where)
		}
	}
	open := sqlite.Open
	if st.ReadOnly = sqlite.Writable(where); st.ReadOnly != nil {
		if create {
			return st.MayWrite()
		}
		open = sqlite.OpenReader
	}
	catalog, err := open(ctx, where)
	if err != nil {
		return err
	}
	st.Catalog = catalog
	return nil
}

// hasEntries reports whether there is something in a directory.
func hasEntries(dir string) bool {
	entries, err := os.ReadDir(dir)
	return err == nil && len(entries) > 0
}

// Close closes the place.
func (st *Storage) Close() error {
	var errs []error
	if st.Cache != nil {
		errs = append(errs, st.Cache.Close())
	}
	if st.S3 != nil {
		errs = append(errs, st.S3.Close())
	}
	if st.Catalog != nil {
		errs = append(errs, st.Catalog.Close())
	}
	return errors.Join(errs...)
}
