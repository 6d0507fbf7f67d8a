package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/spf13/pflag"

	"github.com/trellisdb/trellis"
	"github.com/trellisdb/trellis/meta"
	"github.com/trellisdb/trellis/store"
	"github.com/trellisdb/trellis/store/backup"
	"github.com/trellisdb/trellis/store/wal"
)

// placeHelp says how a place is named, for the help of the verbs.
const placeHelp = `The database is named as for trellis serve: --data is its directory; where its segments
or its catalog are elsewhere, --bucket (a directory, or s3://bucket/prefix) and --catalog
(a file, or postgres://user@host/database) say so. Where no flag names it the environment
does: TRELLIS_DATA, TRELLIS_BUCKET, TRELLIS_CATALOG. Keys of S3 and passwords of
PostgreSQL belong there, too (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, PGPASSWORD).`

// placeFlags name a place; their flags begin with a prefix.
type placeFlags struct {
	prefix string
	place  trellis.Place
}

// addFlags adds the flags of the place.
func (f *placeFlags) addFlags(flags *pflag.FlagSet, what string) {
	short := "d"
	if f.prefix != "" {
		short = ""
	}
	flags.StringVarP(&f.place.Dir, f.prefix+"data", short, "", "data directory "+what)
	flags.StringVar(&f.place.Bucket, f.prefix+"bucket", "", "segments "+what+": a directory, or s3://bucket/prefix; default: in the data directory")
	flags.StringVar(&f.place.Catalog, f.prefix+"catalog", "", "catalog "+what+": a file, or postgres://user@host/database; default: in the data directory")
}

// resolve fills in what the environment says. A place of which a flag says something
// is that of the flags alone.
func (f *placeFlags) resolve() (trellis.Place, error) {
	p := f.place
	if p == (trellis.Place{}) && f.prefix == "" {
		p = trellis.Place{Dir: os.Getenv(envPrefix + "DATA"), Bucket: os.Getenv(envPrefix + "BUCKET"), Catalog: os.Getenv(envPrefix + "CATALOG")}
	}
	if p.Dir == "" && (p.Bucket == "" || p.Catalog == "") {
		return p, fmt.Errorf("where is the database? Name its directory with --%[1]sdata, or both --%[1]sbucket and --%[1]scatalog", f.prefix)
	}
	return p, nil
}

// open opens the place without becoming its writer. What is missing is made where
// create is set.
func (f *placeFlags) open(ctx context.Context, create bool) (*trellis.Storage, error) {
	p, err := f.resolve()
	if err != nil {
		return nil, err
	}
	st, err := trellis.OpenPlace(ctx, p, create, now)
	if errors.Is(err, trellis.ErrNoDatabase) {
		return nil, noDatabase(err, p, f.prefix)
	}
	return st, err
}

// noDatabase says what to do where there is none.
func noDatabase(err error, p trellis.Place, prefix string) error {
	if info, statErr := os.Stat(p.Dir); p.Dir != "" && (statErr != nil || !info.IsDir()) {
		return fmt.Errorf("%w, nor a directory %s: name its directory with --%sdata; trellis serve makes a new one", err, p.Dir, prefix)
	}
	return fmt.Errorf("%w: name another place, or the catalog with --%scatalog; trellis serve makes a new database", err, prefix)
}

// writer is a place that this process has become the writer of.
type writer struct {
	*trellis.Storage
	store     *store.Store
	temporary string // directory of a log of its own; empty: the place's
}

// upkeep says what a writer of its own does about snapshots and garbage.
type upkeep struct{ keep, grace time.Duration }

// write opens the place as its writer. What its log holds is recovered. A place
// without a directory gets a log that is gone with the writer.
func (f *placeFlags) write(ctx context.Context, up upkeep) (w *writer, err error) {
	st, err := f.open(ctx, false)
	if err != nil {
		return nil, err
	}
	if err := st.MayWrite(); err != nil {
		return nil, errors.Join(err, st.Close())
	}
	w = &writer{Storage: st}
	log := st.Place.LogDir()
	if log == "" {
		if w.temporary, err = os.MkdirTemp("", "trellis-log-*"); err != nil {
			return nil, errors.Join(err, st.Close())
		}
		log = w.temporary
	}
	w.store, err = store.Open(ctx, store.Options{
		Bucket: st.Bucket, Catalog: st.Catalog, LogDir: log, Clock: now, Logger: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})),
		CompactRate: -1, Keep: up.keep, Grace: up.grace,
	})
	if err != nil {
		err = errors.Join(st.Place.Explain(err), st.Close(), w.forget())
		return nil, err
	}
	return w, nil
}

// close writes what is in the head and gives the place back.
func (w *writer) close(ctx context.Context) error {
	return errors.Join(w.store.Close(context.WithoutCancel(ctx)), w.Storage.Close(), w.forget())
}

func (w *writer) forget() error {
	if w.temporary == "" {
		return nil
	}
	return os.RemoveAll(w.temporary)
}

// inUse reports whether an error says that a server has the place.
func inUse(err error) bool { return errors.Is(err, wal.ErrLocked) || errors.Is(err, meta.ErrHeld) }

// parts returns what package backup copies.
func parts(st *trellis.Storage) backup.Place {
	return backup.Place{Bucket: st.Bucket, Catalog: st.Catalog}
}

// parseAge reads an age: a duration of Go, a number of days such as 30d, or forever,
// which is negative.
func parseAge(flag, text string) (time.Duration, error) {
	if text == "forever" {
		return -1, nil
	}
	if days, ok := strings.CutSuffix(text, "d"); ok {
		if n, err := strconv.ParseUint(days, 10, 16); err == nil && n > 0 {
			return time.Duration(n) * 24 * time.Hour, nil
		}
	}
	d, err := time.ParseDuration(text)
	if err != nil || d <= 0 {
		return 0, fmt.Errorf("--%s %q: write an age such as 30d or 12h, or forever", flag, text)
	}
	return d, nil
}

// parseBytes reads a size; off is negative.
func parseBytes(flag, text string) (int64, error) {
	if text == "off" {
		return -1, nil
	}
	n, err := humanize.ParseBytes(text)
	if err != nil || n == 0 || n > 1<<60 {
		return 0, fmt.Errorf("--%s %q: write a size such as 64MiB, or off", flag, text)
	}
	return int64(n), nil
}
