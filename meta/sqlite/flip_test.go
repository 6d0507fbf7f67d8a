package sqlite_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"

	"github.com/trellisdb/trellis/columnar"
	"github.com/trellisdb/trellis/meta"
	"github.com/trellisdb/trellis/meta/metatest"
	"github.com/trellisdb/trellis/meta/sqlite"
)

// state is what can be asked of a catalog.
type state struct {
	Content meta.Content
	Garbage []meta.Garbage
	Lease   meta.Lease
	Journal meta.Journal
}

func stateOf(t *testing.T, c meta.Catalog) (s state, err error) {
	t.Helper()
	ctx := t.Context()
	errs := make([]error, 4)
	s.Content, errs[0] = c.Export(ctx)
	s.Garbage, errs[1] = c.Garbage(ctx)
	s.Lease, errs[2] = c.Lease(ctx)
	s.Journal, errs[3] = c.Journal(ctx, 0)
	return s, errors.Join(errs...)
}

// TestEveryFlippedBitIsFoundOrHarmless turns over one bit of a catalog's file at a time:
// TRELLIS_FLIPS of them, from TRELLIS_SEED.
func TestEveryFlippedBitIsFoundOrHarmless(t *testing.T) {
	flips, seed := 120, uint64(1)
	for name, set := range map[string]func(n int){"TRELLIS_FLIPS": func(n int) { flips = n }, "TRELLIS_SEED": func(n int) { seed = uint64(n) }} {
		if text := os.Getenv(name); text != "" {
			n, err := strconv.Atoi(text)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			set(n)
		}
	}
	dir := t.TempDir()
	path := filepath.Join(dir, "catalog.db")
	c := open(t, dir)
	metatest.Fill(t, c)
	var more []meta.Series
	for i := range 200 {
		more = append(more, series(fmt.Sprintf("plant/area%02d/sensor%04d", i%7, i))...)
	}
	if _, err := c.CreateSeries(t.Context(), more); err != nil {
		t.Fatal(err)
	}
	want, err := stateOf(t, c)
	if err := errors.Join(err, c.Close()); err != nil {
		t.Fatal(err)
	}
	sound, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(seed, 2))
	found := map[string]int{}
	for range flips {
		at, bit := random.IntN(len(sound)), random.IntN(8)
		damaged := append([]byte(nil), sound...)
		damaged[at] ^= 1 << bit
		for _, suffix := range []string{"-wal", "-shm"} {
			if err := os.RemoveAll(path + suffix); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.WriteFile(path, damaged, 0o600); err != nil {
			t.Fatal(err)
		}
		by, err := foundBy(t, path, want)
		if err != nil {
			t.Errorf("bit %d of byte %d: %v", bit, at, err)
		}
		found[by]++
	}
	t.Logf("of %d flips in %d bytes were found: %v", flips, len(sound), found)
}

// foundBy opens a file and returns what has found its damage, or an error where nothing
// did and it is not harmless.
func foundBy(t *testing.T, path string, want state) (by string, err error) {
	t.Helper()
	c, err := sqlite.Open(t.Context(), path)
	if err != nil {
		return "at opening", isTold(err)
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	var findings []error
	if _, err := c.Integrity(t.Context(), func(err error) { findings = append(findings, err) }); err != nil {
		return "Integrity could not be done", err
	}
	got, err := stateOf(t, c)
	if err == nil {
		if diff := cmp.Diff(want, got); diff != "" {
			err = fmt.Errorf("what is read differs (-want +got):\n%s", diff)
			if len(findings) == 0 {
				return "nobody", err
			}
			// It may be read until then, but the server does not start.
			return "a start and verify only", isTold(findings...)
		}
		if len(findings) == 0 {
			return "nobody, and harmless", nil
		}
		return "a start and verify only, and harmless", isTold(findings...)
	}
	if len(findings) == 0 {
		return "a reader only", fmt.Errorf("a reader has the error %w, and Integrity found nothing", err)
	}
	return "all", isTold(append(findings, err)...)
}

// isTold returns an error unless the errors are of damage, and can be shown.
func isTold(errs ...error) error {
	for _, err := range errs {
		if !errors.Is(err, columnar.ErrCorrupt) {
			return fmt.Errorf("it is not told as damage: %w", err)
		}
		if strings.ContainsFunc(err.Error(), func(r rune) bool { return r != '\n' && !unicode.IsPrint(r) }) {
			return fmt.Errorf("it shows raw bytes: %q", err.Error())
		}
	}
	return nil
}
