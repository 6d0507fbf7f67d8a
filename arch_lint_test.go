package trellis_test

import (
	"os/exec"
	"testing"
)

// TestLint runs gofumpt, vet, staticcheck, errcheck and errorlint, in the versions
// that .ci/tools/go.mod pins.
func TestLint(t *testing.T) {
	t.Parallel()
	if output, err := exec.CommandContext(t.Context(), ".ci/lint").CombinedOutput(); err != nil {
		t.Errorf("%v: offences, as make lint shows them:\n%s", err, output)
	}
}
