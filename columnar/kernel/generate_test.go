package kernel

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

func TestAssemblyIsWhatItsGeneratorMakes(t *testing.T) {
	dir := t.TempDir()
	out, stubs := filepath.Join(dir, "kernel_amd64.s"), filepath.Join(dir, "kernel_amd64.go")
	generate := exec.CommandContext(t.Context(), "go", "run", ".", "-out", out, "-stubs", stubs, "-pkg", "kernel")
	generate.Dir = filepath.Join("internal", "asm")
	if message, err := generate.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, message)
	}
	for _, name := range []string{out, stubs} {
		want, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(filepath.Base(name))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(afterHeader(got), afterHeader(want)) {
			t.Errorf("%s is out of date: run go generate ./columnar/kernel/...", filepath.Base(name))
		}
	}
}

// afterHeader returns a generated file without its first line, which names the
// command.
func afterHeader(file []byte) []byte {
	_, rest, _ := bytes.Cut(file, []byte("\n"))
	return rest
}
