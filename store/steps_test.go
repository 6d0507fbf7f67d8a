package store_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/trellisdb/trellis/meta/sqlite"
	"github.com/trellisdb/trellis/meta/sqlite/sqlitetest"
	"github.com/trellisdb/trellis/store"
	"github.com/trellisdb/trellis/store/object"
	"github.com/trellisdb/trellis/store/object/objecttest"
	"github.com/trellisdb/trellis/store/wal"
	"github.com/trellisdb/trellis/store/wal/waltest"
)

// stepsEnv, where set, makes the tests of every step take every step, not one in a few.
const stepsEnv = "TRELLIS_EVERY_STEP"

// stride returns how many steps a test goes on from one run to the next, and the first.
func stride(t testing.TB, normal int) (first, by int) {
	if os.Getenv(stepsEnv) != "" {
		return 0, 1
	}
	return rand.New(rand.NewPCG(seed(t), 0)).IntN(normal), normal
}

// openScene opens the scene of a database, whose parts are given.
func openScene(d *database, t testing.TB, now *atomic.Int64) *scene {
	t.Helper()
	d.open(t)
	s := &scene{Store: d.Store, bucket: d.bucket, catalog: d.catalog, now: now}
	known, err := d.catalog.Series(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if len(known) > 0 {
		s.a, s.b = known[0].Series, known[1].Series
		return s
	}
	if s.a, s.b, err = sceneSeries(context.Background(), d.catalog); err != nil {
		t.Fatal(err)
	}
	return s
}

// reference returns what is to be seen before and after an operation.
func reference(t testing.TB, do func(context.Context, *scene) error) (before, after sight) {
	t.Helper()
	d := newDatabase(t)
	var now atomic.Int64
	d.options = sceneOptions(&now)
	d.options.LogFS = waltest.NewDisk()
	s := openScene(d, t, &now)
	if err := s.prepare(context.Background()); err != nil {
		t.Fatal(err)
	}
	before = s.look(t)
	if err := do(context.Background(), s); err != nil {
		t.Fatal(err)
	}
	return before, s.look(t)
}

// spills makes the spills of a store's edits take steps, too.
func spills(s *store.Store, step func(string) error) {
	s.SpillTo(func(dir string) (object.Bucket, error) {
		bucket, err := object.OpenDir(dir)
		return &objecttest.Faulty{Bucket: bucket, Fail: func(op objecttest.Op, _ string) error { return step("spill: " + string(op)) }}, err
	})
}

// cutOperation does an operation whose power fails after a number of steps, and checks
// what a restart finds. It reports whether the power did fail.
func cutOperation(t *testing.T, r *rand.Rand, steps int, k int, before, after sight) (last string, failed bool) {
	t.Helper()
	op := operations[k]
	d := newDatabase(t)
	var now atomic.Int64
	d.options = sceneOptions(&now)
	supply := &power{steps: 1 << 30}
	disk, bucket, catalog := waltest.NewDisk(), new(object.Memory), d.catalog
	disk.Fail = func(op waltest.Op, _ string) error { return supply.step("log: " + string(op)) }
	d.options.LogFS = disk
	d.bucket = &objecttest.Faulty{Bucket: bucket, Fail: func(op objecttest.Op, _ string) error { return supply.step("bucket: " + string(op)) }}
	d.catalog = &faultyCatalog{d.catalog, supply.step}
	s := openScene(d, t, &now)
	ctx := context.Background()
	if err := s.prepare(ctx); err != nil {
		t.Fatal(err)
	}
	spills(s.Store, supply.step)
	supply.mu.Lock()
	supply.steps = steps
	supply.mu.Unlock()
	acknowledged := op.do(ctx, s) == nil
	failed = supply.cut()
	last = "none"
	if failed {
		last = supply.taken[len(supply.taken)-1]
	}
	supply.mu.Lock()
	supply.steps = 0
	supply.mu.Unlock()
	_ = d.Close(ctx) // without power
	d.options.LogFS, d.bucket, d.catalog = disk.PowerCut(r), bucket, catalog
	d.options.Keep = -1
	s = openScene(d, t, &now)
	checkAfterCrash(t, s, acknowledged, op.many, before, after)
	if left := filesBelow(t, filepath.Join(d.dir, "log", "stage")); len(left) > 0 {
		t.Errorf("spills %q are left", left)
	}
	if err := d.Close(ctx); err != nil {
		t.Error(err)
	}
	d.Store = nil
	return last, failed
}

// filesBelow returns the files in a directory and those below it.
func filesBelow(t testing.TB, dir string) (files []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			files = append(files, path)
		}
		return err
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	return files
}

// checkAfterCrash checks what is there after a restart, and that it stays so after
// flush and garbage collection.
func checkAfterCrash(t testing.TB, s *scene, acknowledged, many bool, before, after sight) {
	t.Helper()
	seen := s.look(t)
	switch {
	case acknowledged && !seen.agrees(after):
		t.Errorf("what was acknowledged is not there: %+v, want %+v", seen, after)
	case !seen.between(before, after, many):
		t.Errorf("there is neither what was before the operation nor what is after it:\n%+v\n%+v\n%+v", seen, before, after)
	}
	if err := s.Flush(context.Background()); err != nil {
		t.Fatal(err)
	}
	s.cleanUp(t)
	if again := s.look(t); again.now != seen.now || !again.pastAgrees(seen) {
		t.Error("a flush and a collection have changed what is to be seen")
	}
}

func TestAPowerCutAtAnyStepOfAnOperationLeavesItDoneOrUndone(t *testing.T) {
	t.Parallel()
	for k, op := range operations {
		t.Run(op.name, func(t *testing.T) {
			t.Parallel()
			before, after := reference(t, op.do)
			r := rand.New(rand.NewPCG(seed(t), uint64(k)))
			steps, by := stride(t, 8)
			for ; ; steps += by {
				last, failed := cutOperation(t, r, steps, k, before, after)
				if t.Failed() {
					t.Fatalf("power cut after %d steps, the last one %q", steps, last)
				}
				if !failed {
					break
				}
			}
			t.Logf("%d steps, every %d.", steps, by)
			if steps == 0 {
				t.Error("the operation has no steps")
			}
		})
	}
}

// The environment of a process that kills itself at a step of an operation:
// directory, operation and step.
const (
	stepDirEnv  = "TRELLIS_STORE_TEST_STEP_DIR"
	stepOpEnv   = "TRELLIS_STORE_TEST_STEP_OPERATION"
	stepStepEnv = "TRELLIS_STORE_TEST_STEP"
)

// stepFS is the machine's file system with steps.
type stepFS struct {
	wal.FS
	step func(string) error
}

func (f *stepFS) Create(path string) (wal.File, error) {
	_ = f.step("create") // it does not come back
	file, err := f.FS.Create(path)
	return &stepFile{file, f.step}, err
}

func (f *stepFS) Open(path string) (wal.File, error) {
	file, err := f.FS.Open(path)
	return &stepFile{file, f.step}, err
}

func (f *stepFS) Remove(path string) error {
	_ = f.step("remove")
	return f.FS.Remove(path)
}

type stepFile struct {
	wal.File
	step func(string) error
}

func (f *stepFile) WriteAt(p []byte, off int64) (int, error) {
	_ = f.step("write")
	return f.File.WriteAt(p, off)
}

func (f *stepFile) Sync() error {
	_ = f.step("sync")
	return f.File.Sync()
}

// onDisk returns the parts of a database of files.
func onDisk(dir string) (*sqlite.Catalog, *object.Dir, error) {
	catalog, err := sqlite.Open(context.Background(), filepath.Join(dir, "catalog.db"))
	if err != nil {
		return nil, nil, err
	}
	bucket, err := object.OpenDir(filepath.Join(dir, "bucket"))
	return catalog, bucket, err
}

// stepChild is the process that kills itself. It reports whether this is one.
func stepChild() bool {
	dir := os.Getenv(stepDirEnv)
	if dir == "" {
		return false
	}
	if err := stepOperation(dir); err != nil {
		fmt.Println("error", err)
	}
	return true
}

// stepOperation does an operation up to a step.
func stepOperation(dir string) error {
	left, err := strconv.Atoi(os.Getenv(stepStepEnv))
	if err != nil {
		return err
	}
	k, err := strconv.Atoi(os.Getenv(stepOpEnv))
	if err != nil {
		return err
	}
	catalog, bucket, err := onDisk(dir)
	if err != nil {
		return err
	}
	var armed atomic.Bool
	var taken atomic.Int64
	step := func(string) error {
		if armed.Load() && taken.Add(1) > int64(left) {
			return syscall.Kill(os.Getpid(), syscall.SIGKILL)
		}
		return nil
	}
	var now atomic.Int64
	o := sceneOptions(&now)
	o.LogDir, o.LogFS = filepath.Join(dir, "log"), &stepFS{wal.OS{}, step}
	o.Bucket = &objecttest.Faulty{Bucket: bucket, Fail: func(op objecttest.Op, _ string) error { return step(string(op)) }}
	o.Catalog = &faultyCatalog{catalog, step}
	ctx := context.Background()
	s := &scene{bucket: bucket, catalog: catalog, now: &now}
	if s.Store, err = store.Open(ctx, o); err != nil {
		return err
	}
	if s.a, s.b, err = sceneSeries(ctx, catalog); err != nil {
		return err
	}
	if err := s.prepare(ctx); err != nil {
		return err
	}
	spills(s.Store, step)
	armed.Store(true)
	if err := operations[k].do(ctx, s); err != nil {
		return err
	}
	fmt.Println("done")
	return syscall.Kill(os.Getpid(), syscall.SIGKILL)
}

// killOperation kills a process at a step of an operation and checks what it left. It
// reports whether it was killed before the end.
func killOperation(t *testing.T, k, step int, before, after sight) bool {
	t.Helper()
	dir := t.TempDir()
	sqlitetest.Create(t, filepath.Join(dir, "catalog.db"))
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), stepDirEnv+"="+dir, stepOpEnv+"="+strconv.Itoa(k), stepStepEnv+"="+strconv.Itoa(step))
	out, err := cmd.Output() // it kills itself
	var exit *exec.ExitError
	if !errors.As(err, &exit) || strings.Contains(string(out), "error") {
		t.Fatalf("the process ended with %v: %s", err, out)
	}
	done := bufio.NewScanner(strings.NewReader(string(out))).Scan()
	catalog, bucket, err := onDisk(dir)
	if err != nil {
		t.Fatal(err)
	}
	d := &database{bucket: bucket, catalog: catalog, dir: dir}
	var now atomic.Int64
	d.options = sceneOptions(&now)
	now.Add(6 * 3600 * second) // later than anything that the process has done
	d.options.Keep = -1
	checkAfterCrash(t, openScene(d, t, &now), done, operations[k].many, before, after)
	if left := append(filesBelow(t, filepath.Join(dir, "log", "stage")), filesBelow(t, filepath.Join(dir, "bucket", ".tmp"))...); len(left) > 0 {
		t.Errorf("files %q are left", left)
	}
	if err := errors.Join(d.Close(context.Background()), catalog.Close()); err != nil {
		t.Error(err)
	}
	return !done
}

func TestAProcessKilledAtAnyStepOfAnOperationLeavesItDoneOrUndone(t *testing.T) {
	t.Parallel()
	for k, op := range operations {
		t.Run(op.name, func(t *testing.T) {
			t.Parallel()
			before, after := reference(t, op.do)
			step, by := stride(t, 24)
			for ; ; step += by {
				killed := killOperation(t, k, step, before, after)
				if t.Failed() {
					t.Fatalf("killed at step %d", step)
				}
				if !killed {
					break
				}
			}
			t.Logf("%d steps, every %d.", step, by)
		})
	}
}
