package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/trellisdb/trellis/meta"
	"github.com/trellisdb/trellis/store"
)

// adoptTTL is how long the lease of an adoption lasts that ended without a word.
const adoptTTL = time.Minute

type adoptFlags struct {
	placeFlags
	yes bool
}

func newAdopt() *cobra.Command {
	f := &adoptFlags{}
	cmd := &cobra.Command{
		Use:   "adopt --data DIR --bucket BUCKET --catalog CATALOG",
		Short: "Make a bucket that of a catalog, where the two do not belong together",
		Long: `A bucket says whose it is, and who its writer is. A server refuses a bucket of another
database, and a catalog that is an older copy than the one that the bucket was last
written with: the two would take each other's segments for garbage. Where it is the
catalog that is right, this says so to the bucket. Whoever wrote to it until now, with
another catalog, does not delete anything from it any more.

Without --yes nothing is changed: it says whose the bucket is, and what would be
missing.

` + placeHelp,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return f.run(cmd.Context(), cmd.OutOrStdout()) },
	}
	f.addFlags(cmd.Flags(), "to bring together")
	cmd.Flags().BoolVar(&f.yes, "yes", false, "do it")
	return cmd
}

func (f *adoptFlags) run(ctx context.Context, out io.Writer) (err error) {
	st, err := f.open(ctx, false)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, st.Close()) }()
	id, err := st.Catalog.ID(ctx)
	if err != nil {
		return err
	}
	owner, err := store.BucketOwner(ctx, st.Bucket)
	if err != nil && !f.yes {
		return err
	}
	has, err := store.Compare(ctx, st.Bucket, st.Catalog)
	if err != nil {
		return err
	}
	if owner == "" {
		owner = "nobody's"
	}
	_, err = fmt.Fprintf(out, "catalog %s: database %s\nbucket %s: database %s\n%s of the catalog are there, %d are missing; %s that it does not know, which nobody will delete\n",
		st.Place.CatalogName(), id, st.Place.BucketName(), owner, count(int64(has.Known), "segment"), len(has.Missing), count(int64(len(has.Unknown)), "other object"))
	if err != nil {
		return err
	}
	if !f.yes {
		return errors.New("nothing was changed: with --yes the bucket becomes that of the catalog")
	}
	host, err := os.Hostname()
	if err != nil {
		return err
	}
	acquire := func() (int64, error) {
		return st.Catalog.Acquire(ctx, meta.Claim{Holder: fmt.Sprintf("%s:%d adopt", host, os.Getpid()), TTL: adoptTTL})
	}
	epoch, err := acquire()
	if err != nil {
		return fmt.Errorf("stop the server that has the catalog: %w", err)
	}
	// What the catalog's writers will name must be free, so it catches up with the epochs
	// of the objects that it does not know.
	for newest := store.NewestEpoch(has.Unknown); epoch < newest; {
		if err := st.Catalog.Release(ctx, epoch); err != nil {
			return err
		}
		if epoch, err = acquire(); err != nil {
			return err
		}
	}
	defer func() { err = errors.Join(err, st.Catalog.Release(ctx, epoch)) }()
	if err := store.AdoptBucket(ctx, st.Bucket, st.Catalog); err != nil {
		return err
	}
	if dir := st.Place.LogDir(); dir != "" {
		if err := store.ForgetSeen(dir); err != nil {
			return err
		}
	}
	_, err = fmt.Fprintf(out, "the bucket is that of database %s now\n", id)
	return err
}
