package object_test

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"go.uber.org/goleak"

	"github.com/trellisdb/trellis/store/object"
	"github.com/trellisdb/trellis/store/object/objecttest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestMemoryIsABucket(t *testing.T) {
	objecttest.Run(t, func(*testing.T) object.Bucket { return new(object.Memory) })
}

func TestDirIsABucket(t *testing.T) {
	objecttest.Run(t, func(t *testing.T) object.Bucket { return openDir(t, t.TempDir()) })
}

func TestFaultyIsABucketWhileItDoesNotFail(t *testing.T) {
	objecttest.Run(t, func(*testing.T) object.Bucket {
		return &objecttest.Faulty{Bucket: new(object.Memory), Fail: func(objecttest.Op, string) error { return nil }}
	})
}

func openDir(t *testing.T, root string) *object.Dir {
	t.Helper()
	d, err := object.OpenDir(root)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestOpeningADirectoryRemovesWhatDeadWritersLeft(t *testing.T) {
	root := t.TempDir()
	openDir(t, root)
	dead := filepath.Join(root, ".tmp", "put-dead")
	if err := os.WriteFile(dead, []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	d := openDir(t, root)
	if _, err := os.Stat(dead); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the dead writer's file is still there: %v", err)
	}
	_, err := d.Put(context.Background(), "k", object.IfAbsent, func(w io.Writer) error {
		if _, err := w.Write([]byte("living")); err != nil {
			return err
		}
		openDir(t, root) // a second process opens the bucket during the put
		return nil
	})
	if err != nil {
		t.Errorf("a living writer's file was taken away: %v", err)
	}
	if got := objecttest.Read(t, d, "k"); string(got) != "living" {
		t.Errorf("read %q", got)
	}
}

func TestEveryStepOfAFaultyBucketCanFail(t *testing.T) {
	broken := errors.New("broken")
	ctx := context.Background()
	for _, op := range []objecttest.Op{
		objecttest.OpPut, objecttest.OpWrite, objecttest.OpPutDone, objecttest.OpOpen,
		objecttest.OpRead, objecttest.OpStat, objecttest.OpList, objecttest.OpListed, objecttest.OpDelete, objecttest.OpDeleteDone,
	} {
		t.Run(string(op), func(t *testing.T) {
			memory := new(object.Memory)
			b := &objecttest.Faulty{Bucket: memory, Fail: func(at objecttest.Op, _ string) error {
				if at == op {
					return broken
				}
				return nil
			}}
			errs := make(map[objecttest.Op]error)
			_, err := b.Put(ctx, "k", object.IfAbsent, objecttest.Bytes([]byte("x")))
			errs[objecttest.OpPut], errs[objecttest.OpWrite], errs[objecttest.OpPutDone] = err, err, err
			if _, err := memory.Stat(ctx, "k"); (op == objecttest.OpPut || op == objecttest.OpWrite) == (err == nil) {
				t.Errorf("after the put: %v", err)
			}
			if op == objecttest.OpPut || op == objecttest.OpWrite {
				objecttest.Put(t, memory, "k", []byte("x"))
			}
			o, err := b.Open(ctx, "k")
			errs[objecttest.OpOpen] = err
			if err == nil {
				_, errs[objecttest.OpRead] = o.ReadAt(make([]byte, 1), 0)
			}
			_, errs[objecttest.OpStat] = b.Stat(ctx, "k")
			for _, err := range b.List(ctx, "") {
				errs[objecttest.OpList], errs[objecttest.OpListed] = err, err
			}
			err = b.Delete(ctx, "k")
			errs[objecttest.OpDelete], errs[objecttest.OpDeleteDone] = err, err
			if _, err := memory.Stat(ctx, "k"); (op == objecttest.OpDelete) != (err == nil) {
				t.Errorf("after the deletion: %v", err)
			}
			if !errors.Is(errs[op], broken) {
				t.Errorf("error %v", errs[op])
			}
		})
	}
}
