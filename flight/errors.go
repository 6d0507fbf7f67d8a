package flight

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"syscall"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/trellisdb/trellis/columnar"
	"github.com/trellisdb/trellis/columnar/memory"
	"github.com/trellisdb/trellis/engine"
	"github.com/trellisdb/trellis/engine/plan"
	"github.com/trellisdb/trellis/meta"
)

// maxMessage is the longest error message that is sent, in bytes: it travels in a
// header.
const maxMessage = 3000

// statementError is an error of a statement, with the text that its position is in.
type statementError struct {
	err  error
	text string
}

func (e *statementError) Error() string { return e.err.Error() }
func (e *statementError) Unwrap() error { return e.err }

// inStatement adds the statement's text to an error.
func inStatement(err error, text string) error {
	if err == nil {
		return nil
	}
	return &statementError{err, text}
}

// rewordedError is a user's mistake that tells more than the error that it was before.
type rewordedError struct {
	user *plan.Error
	err  error
}

func (e *rewordedError) Error() string   { return e.user.Error() }
func (e *rewordedError) Unwrap() []error { return []error{e.user, e.err} }

// within says where an error happened, and keeps what kind of error it is.
func within(err error, place string) error {
	if err == nil {
		return nil
	}
	var user *plan.Error
	if errors.As(err, &user) {
		with := *user
		with.Msg = place + ": " + user.Msg
		return &rewordedError{&with, err}
	}
	if s, ok := status.FromError(err); ok {
		return status.Error(s.Code(), place+": "+s.Message())
	}
	return fmt.Errorf("%s: %w", place, err)
}

// withTimeout adds to a timeout what it was, in milliseconds; other errors stay what
// they are.
func withTimeout(err error, ms string) error {
	var user *plan.Error
	if !errors.Is(err, engine.ErrTimeout) || !errors.As(err, &user) {
		return err
	}
	return &rewordedError{user.WithHint("statement_timeout is %s ms", ms), err}
}

// toStatus returns an error as the status that a client sees: the one place where
// errors become gRPC codes. What a user did wrong shows its place in the statement
// and carries an ErrorInfo whose reason is the SQLSTATE.
func toStatus(err error) *status.Status {
	var full *memory.Refusal
	if errors.As(err, &full) {
		e := plan.Errorf(0, plan.CodeOutOfMemory, "%v", err).WithHint("send smaller batches, or raise the server's --memory-limit")
		err = &rewordedError{e, err}
	}
	var user *plan.Error
	if errors.As(err, &user) {
		return userStatus(err, user)
	}
	if s, ok := status.FromError(err); ok {
		return s
	}
	return status.New(codeOf(err), shorten(err.Error()))
}

// codeOf returns the code of an error that is no mistake of a user.
func codeOf(err error) codes.Code {
	switch {
	case errors.Is(err, context.Canceled):
		return codes.Canceled
	case errors.Is(err, context.DeadlineExceeded):
		return codes.DeadlineExceeded
	case errors.Is(err, columnar.ErrCorrupt):
		return codes.DataLoss
	case errors.Is(err, meta.ErrHeld):
		return codes.Unavailable
	case errors.Is(err, meta.ErrConflict):
		return codes.FailedPrecondition
	case errors.Is(err, meta.ErrNotFound):
		return codes.NotFound
	case errors.Is(err, meta.ErrExists):
		return codes.AlreadyExists
	case errors.Is(err, meta.ErrInvalid):
		return codes.InvalidArgument
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return codes.ResourceExhausted
	}
	return codes.Internal
}

// userStatus returns the status of a user's mistake.
func userStatus(err error, user *plan.Error) *status.Status {
	message := user.Error()
	var st *statementError
	if errors.As(err, &st) {
		if shown := user.Show(st.text); len(shown) <= maxMessage {
			message = shown
		}
	}
	info := &errdetails.ErrorInfo{Reason: user.Code, Domain: "trellis", Metadata: map[string]string{}}
	if user.Pos > 0 {
		info.Metadata["position"] = strconv.Itoa(user.Pos)
	}
	if user.Hint != "" {
		info.Metadata["hint"] = shorten(user.Hint)
	}
	code := userCode(user.Code)
	if errors.Is(err, engine.ErrTimeout) {
		code = codes.DeadlineExceeded
	}
	s := status.New(code, shorten(message))
	if with, err := s.WithDetails(info); err == nil {
		return with
	}
	return s
}

// sqlStates are the codes of SQLSTATEs, and of their classes (the first two
// characters).
var sqlStates = map[string]codes.Code{
	plan.CodeUndefTable:    codes.NotFound,
	plan.CodeUndefObject:   codes.NotFound,
	plan.CodeUnique:        codes.AlreadyExists,
	plan.CodePrivilege:     codes.PermissionDenied,
	plan.CodeShutdown:      codes.Unavailable,
	plan.CodeIdle:          codes.Aborted,
	plan.CodeQueryCanceled: codes.Aborted, // by the server: clients take Canceled for their own doing

	"0A": codes.Unimplemented,      // feature not supported
	"25": codes.FailedPrecondition, // invalid transaction state: read only
	"28": codes.Unauthenticated,
	"53": codes.ResourceExhausted, // memory, disk
	"54": codes.InvalidArgument,   // limits exceeded: the statement is too large
	"55": codes.FailedPrecondition,
	"XX": codes.Internal,

	plan.CodeCorrupt: codes.DataLoss,
}

// userCode returns the code of a SQLSTATE.
func userCode(sqlState string) codes.Code {
	if c, ok := sqlStates[sqlState]; ok {
		return c
	}
	if len(sqlState) >= 2 {
		if c, ok := sqlStates[sqlState[:2]]; ok {
			return c
		}
	}
	return codes.InvalidArgument
}

// shorten cuts a message that is too long for a header.
func shorten(message string) string {
	if len(message) <= maxMessage {
		return message
	}
	return strings.ToValidUTF8(message[:maxMessage], "") + "…"
}
