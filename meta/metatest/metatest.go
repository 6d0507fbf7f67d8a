// Package metatest is the acceptance suite of the catalog: what every driver of
// [meta.Catalog] does, and how it answers what cannot be done.
package metatest

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/trellisdb/trellis/columnar"
	"github.com/trellisdb/trellis/meta"
)

// Opener opens the catalog that belongs to a directory and makes an empty one when
// it is first asked. Two catalogs opened for one directory are two connections to
// the same database.
type Opener func(t *testing.T, dir string) meta.Catalog

// Run runs the suite.
func Run(t *testing.T, open Opener) {
	tests := []struct {
		name string
		run  func(t *testing.T, open Opener)
	}{
		{"a new catalog is empty", newCatalog},
		{"a series keeps every attribute", seriesAttributes},
		{"a series gets defaults for what it leaves out", seriesDefaults},
		{"series come in order of name", seriesOrder},
		{"a series that exists is named and nothing is created", seriesExists},
		{"a series that is not valid is refused and nothing is created", seriesInvalid},
		{"an update replaces the attributes that may change", updateAttributes},
		{"an update that is not allowed changes nothing", updateRefused},
		{"an update may exchange names", updateExchangesNames},
		{"the generation grows with every change of the series", generationGrows},
		{"a hundred thousand series are created in one go", manySeries},

		{"epochs grow and fence off the writers before", fencing},
		{"snapshots are numbered one by one", snapshotNumbers},
		{"a clock that is set back does not turn back the snapshots", clockSetBack},
		{"every snapshot keeps its segments", snapshotSegments},
		{"a commit that is not allowed changes nothing", commitRefused},
		{"segments and log positions of any size are kept", extremes},
		{"a segment may hold what is older than its snapshot", givenVersions},
		{"history is live in no snapshot", historySegments},
		{"a replacement is there in every snapshot that had the old segment", replacements},
		{"a replacement that is not allowed changes nothing", replacementsRefused},
		{"an instant has a snapshot", snapshotsByTime},

		{"a database has an id of its own", databaseID},
		{"a log's position never goes back", logPositions},
		{"a lease keeps others out, and its log's holder in", leaseHeld},
		{"a lease without a log is nobody's", leaseWithoutLog},
		{"a lease runs out", leaseRunsOut},
		{"a lease is renewed by its writer only", leaseRenewed},
		{"a lease is released by its writer only", leaseReleased},
		{"whatever a writer does is fenced", everythingIsFenced},

		{"ids of edits are given once", reservedEdits},
		{"an edit's record is kept whole", editRecords},
		{"edits are found by what they touched", editFilters},
		{"an edit that is there is not made again, nor half of it", editRefused},
		{"an edit may touch many ranges", manyEdits},

		{"a pin is a name of a kept snapshot", pins},
		{"an expiry gives up what is neither kept nor pinned", expiry},
		{"what a pin kept goes after it", unpinned},
		{"garbage is never what the catalog knows", garbage},

		{"what was exported can be imported", exportImport},
		{"a catalog with nothing in it can be moved", exportOfNothing},
		{"an import into a catalog that is not empty is refused", importRefused},

		{"the journal has every change", journalReplays},
		{"the journal goes on after an import and a replacement", journalGoesOn},
		{"what is trimmed off the journal is told", journalTrimmed},

		{"settings are kept", settings},
		{"everything is there after opening again", reopen},
		{"two catalogs see each other's changes", secondConnection},
		{"writers and readers do not disturb each other", concurrency},
		{"of two writers the newer one wins", rivals},
		{"a canceled context stops everything", cancellation},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			test.run(t, open)
		})
	}
}

// openNew opens an empty catalog that is closed when the test ends.
func openNew(t *testing.T, open Opener) meta.Catalog {
	t.Helper()
	return openIn(t, open, t.TempDir())
}

// openIn opens the catalog of a directory and closes it when the test ends.
func openIn(t *testing.T, open Opener, dir string) meta.Catalog {
	t.Helper()
	c := open(t, dir)
	t.Cleanup(func() { check(t, c.Close()) })
	return c
}

// double returns a series of type double at 1 Hz.
func double(name string) meta.Series {
	return meta.Series{
		Series: columnar.Series{Type: columnar.Double, Grid: columnar.Grid{Period: 1_000_000, BlockLen: 3600}},
		Name:   name,
	}.WithDefaults()
}

// check ends the test on an error.
func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// must returns a value, or ends the test on an error.
func must[T any](t *testing.T) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		check(t, err)
		return v
	}
}

// equal reports what differs.
func equal[T any](t *testing.T, what string, got, want T) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s differ (-want +got):\n%s", what, diff)
	}
}

// names returns the names of the series.
func names(series []meta.Series) []string {
	list := make([]string, len(series))
	for i, s := range series {
		list[i] = s.Name
	}
	return list
}
