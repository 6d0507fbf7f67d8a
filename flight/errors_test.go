package flight

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"syscall"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/trellisdb/trellis/columnar"
	"github.com/trellisdb/trellis/engine"
	"github.com/trellisdb/trellis/engine/plan"
	"github.com/trellisdb/trellis/meta"
)

func TestEveryErrorHasItsCode(t *testing.T) {
	tests := []struct {
		err  error
		code codes.Code
	}{
		{plan.Errorf(1, plan.CodeSyntax, "x"), codes.InvalidArgument},
		{plan.Errorf(0, plan.CodeUndefTable, "x"), codes.NotFound},
		{plan.Errorf(0, plan.CodeUndefColumn, "x"), codes.InvalidArgument},
		{plan.Errorf(0, plan.CodeUnknownSeries, "x"), codes.NotFound},
		{plan.Errorf(0, plan.CodeUnique, "x"), codes.AlreadyExists},
		{plan.Errorf(0, plan.CodeNotSupported, "x"), codes.Unimplemented},
		{plan.Errorf(0, plan.CodeReadOnly, "x"), codes.FailedPrecondition},
		{plan.Errorf(0, plan.CodePrivilege, "x"), codes.PermissionDenied},
		{plan.Errorf(0, plan.CodeQueryCanceled, "x"), codes.Aborted},
		{engine.ErrTimeout, codes.DeadlineExceeded},
		{fmt.Errorf("query: %w", engine.ErrTimeout), codes.DeadlineExceeded},
		{plan.Errorf(0, plan.CodeOutOfMemory, "x"), codes.ResourceExhausted},
		{plan.Errorf(0, plan.CodeDiskFull, "x"), codes.ResourceExhausted},
		{plan.Errorf(0, plan.CodeTooComplex, "x"), codes.InvalidArgument},
		{plan.Errorf(0, plan.CodeCorrupt, "x"), codes.DataLoss},
		{plan.Errorf(0, plan.CodeInternal, "x"), codes.Internal},
		{plan.Errorf(0, "", "x"), codes.InvalidArgument},
		{fmt.Errorf("write: %w", plan.Errorf(0, plan.CodeUnique, "x")), codes.AlreadyExists},
		{fmt.Errorf("segment 1: %w", columnar.ErrCorrupt), codes.DataLoss},
		{fmt.Errorf("commit: %w", meta.ErrConflict), codes.FailedPrecondition},
		{fmt.Errorf("edit: %w", meta.ErrHeld), codes.Unavailable},
		{plan.Errorf(0, plan.CodeNotNull, "x"), codes.InvalidArgument},
		{plan.Errorf(0, plan.CodeCheck, "x"), codes.InvalidArgument},
		{meta.ErrNotFound, codes.NotFound},
		{meta.ErrExists, codes.AlreadyExists},
		{meta.ErrInvalid, codes.InvalidArgument},
		{fmt.Errorf("log: %w", syscall.ENOSPC), codes.ResourceExhausted},
		{fmt.Errorf("query: %w", context.Canceled), codes.Canceled},
		{context.DeadlineExceeded, codes.DeadlineExceeded},
		{errShutdown, codes.Unavailable},
		{errStopping, codes.Unavailable},
		{errors.New("surprise"), codes.Internal},
		{status.Error(codes.Unauthenticated, "x"), codes.Unauthenticated},
		{fmt.Errorf("read: %w", status.Error(codes.Unavailable, "x")), codes.Unavailable},
	}
	for _, tt := range tests {
		if got := toStatus(tt.err); got.Code() != tt.code || got.Message() == "" {
			t.Errorf("%v becomes %v", tt.err, got)
		}
		if got := toStatus(within(tt.err, "batch 7")); got.Code() != tt.code || !strings.Contains(got.Message(), "batch 7") {
			t.Errorf("%v in a batch becomes %v", tt.err, got)
		}
		if got := toStatus(inStatement(tt.err, "SELECT 1")); got.Code() != tt.code {
			t.Errorf("%v in a statement becomes %v", tt.err, got)
		}
	}
	if within(nil, "batch 7") != nil || inStatement(nil, "SELECT 1") != nil {
		t.Error("an error was made of none")
	}
}

func TestMessagesFitIntoAHeader(t *testing.T) {
	long := strings.Repeat("ü", 10_000)
	for _, err := range []error{
		errors.New(long),
		plan.Errorf(0, plan.CodeInvalidValue, "%s", long).WithHint("%s", long),
		inStatement(plan.Errorf(5000, plan.CodeSyntax, "syntax error"), long),
	} {
		if got := toStatus(err).Message(); len(got) > maxMessage+8 {
			t.Errorf("a message of %d bytes", len(got))
		}
	}
	if got := toStatus(inStatement(plan.Errorf(5000, plan.CodeSyntax, "syntax error"), long)).Message(); !strings.Contains(got, "at character 5000") {
		t.Errorf("the place is lost: %s", got)
	}
}
