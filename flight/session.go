package flight

import (
	"context"
	"encoding/base64"
	"errors"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/apache/arrow-go/v18/arrow/flight"
	pb "github.com/apache/arrow-go/v18/arrow/flight/gen/flight"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/trellisdb/trellis/columnar/memory"
	"github.com/trellisdb/trellis/engine/plan"
)

const (
	// sessionCookie holds a session's settings (F1). Its name is the one that
	// clients of Flight SQL know.
	sessionCookie = "arrow_flight_session_id"
	// maxCookie is the largest cookie that clients are bound to keep.
	maxCookie = 4096
	// headerPrefix begins the headers that set something for one call.
	headerPrefix = "x-trellis-"
)

// call is one call of a client: who it is, and what it has set.
type call struct {
	user     string
	session  settings          // of the cookie
	settings settings          // of the session, and of the headers on top
	ingest   map[string]string // options of an ingest that came in headers
	held     *memory.Hold      // by the parameters of its statement; nil: nobody counts
}

// valueBytes is what a parameter takes that has been unpacked.
const valueBytes = 128

// holdValues counts n parameters until the call ends, or refuses them.
func (c *call) holdValues(n int64) error {
	if c.held == nil {
		return nil
	}
	return c.held.TryReserve(n * valueBytes)
}

type callKey struct{}

// callOf returns the call that a handler serves.
func callOf(ctx context.Context) *call {
	if c, ok := ctx.Value(callKey{}).(*call); ok {
		return c
	}
	return &call{}
}

// ingestHeaders are the headers that are options of an ingest.
var ingestHeaders = []string{"template", "columns", "zone", "edit"}

// newCall returns the call of a user with the settings of its cookie and headers.
func (s *Server) newCall(user string, md metadata.MD) (*call, error) {
	c := &call{user: user, ingest: map[string]string{}}
	if err := s.openCookie(c, md); err != nil {
		return nil, err
	}
	c.settings = c.session
	for _, header := range slices.Sorted(maps.Keys(md)) {
		name, ok := strings.CutPrefix(header, headerPrefix)
		if !ok || len(md[header]) == 0 {
			continue
		}
		name = strings.ReplaceAll(name, "-", "_")
		value := md[header][len(md[header])-1]
		if slices.Contains(ingestHeaders, name) {
			c.ingest[name] = value
			continue
		}
		var err error
		if c.settings, err = s.change(user, c.settings, name, &value); err != nil {
			return nil, within(err, "header "+header)
		}
	}
	return c, nil
}

// openCookie reads the session's cookie, where there is one.
func (s *Server) openCookie(c *call, md metadata.MD) error {
	cookies := (&http.Request{Header: http.Header{"Cookie": md.Get("cookie")}}).CookiesNamed(sessionCookie)
	if len(cookies) == 0 || cookies[0].Value == "" {
		return nil
	}
	sealed, err := base64.RawURLEncoding.DecodeString(cookies[0].Value)
	if err != nil {
		return status.Errorf(codes.NotFound, "the session's cookie is not valid: %v", err)
	}
	payload, err := s.seal.open(sealSession, sealed)
	if err != nil {
		return status.Errorf(codes.NotFound, "the session's cookie is not valid: %v", err)
	}
	u := unpacker{b: payload}
	user, set := u.text(), u.texts()
	if err := u.end(); err != nil {
		return status.Errorf(codes.NotFound, "the session's cookie is not valid: %v", err)
	}
	if user != c.user {
		return status.Error(codes.PermissionDenied, "the session belongs to another user")
	}
	c.session = set
	return nil
}

// keep makes settings those of the caller's session: it sends a new cookie.
func (s *Server) keep(ctx context.Context, c *call, set settings) error {
	var p packer
	p.text(c.user)
	p.texts(set)
	value := base64.RawURLEncoding.EncodeToString(s.seal.seal(sealSession, p.b))
	if len(value) > maxCookie {
		return plan.Errorf(0, plan.CodeTooMany, "the settings of the session need a cookie of %d characters, more than %d", len(value), maxCookie).
			WithHint("use shorter texts")
	}
	c.session = set
	return sendCookie(ctx, &http.Cookie{Name: sessionCookie, Value: value})
}

func sendCookie(ctx context.Context, cookie *http.Cookie) error {
	return grpc.SetHeader(ctx, metadata.Pairs("set-cookie", cookie.String()))
}

// SetSessionOptions changes settings of the caller's session, all that are valid.
func (c *commands) SetSessionOptions(ctx context.Context, req *flight.SetSessionOptionsRequest) (*flight.SetSessionOptionsResult, error) {
	caller := callOf(ctx)
	set := caller.session
	refused := map[string]*flight.SetSessionOptionsResultError{}
	for _, name := range slices.Sorted(maps.Keys(req.GetSessionOptions())) {
		value, ok := optionText(req.GetSessionOptions()[name])
		if !ok {
			refused[name] = &flight.SetSessionOptionsResultError{Value: flight.SetSessionOptionsResultErrorInvalidValue}
			continue
		}
		changed, err := c.server.change(caller.user, set, name, value)
		if err != nil {
			refused[name] = &flight.SetSessionOptionsResultError{Value: refusal(err)}
			continue
		}
		set = changed
	}
	if err := c.server.keep(ctx, caller, set); err != nil {
		return nil, err
	}
	return &flight.SetSessionOptionsResult{Errors: refused}, nil
}

// refusal says why an option was not set.
func refusal(err error) pb.SetSessionOptionsResult_ErrorValue {
	var e *plan.Error
	if !errors.As(err, &e) {
		return flight.SetSessionOptionsResultErrorError
	}
	switch e.Code {
	case plan.CodeUndefObject:
		return flight.SetSessionOptionsResultErrorInvalidName
	case plan.CodeInvalidValue, plan.CodeInvalidText:
		return flight.SetSessionOptionsResultErrorInvalidValue
	}
	return flight.SetSessionOptionsResultErrorError
}

// optionText returns an option's value as text; nil resets the option. It reports
// false for values that no setting has.
func optionText(v *flight.SessionOptionValue) (*string, bool) {
	text := ""
	switch v := v.GetOptionValue().(type) {
	case nil:
		return nil, true
	case *pb.SessionOptionValue_StringValue:
		text = v.StringValue
	case *pb.SessionOptionValue_BoolValue:
		text = strconv.FormatBool(v.BoolValue)
	case *pb.SessionOptionValue_Int64Value:
		text = strconv.FormatInt(v.Int64Value, 10)
	case *pb.SessionOptionValue_DoubleValue:
		text = strconv.FormatFloat(v.DoubleValue, 'g', -1, 64)
	default:
		return nil, false
	}
	return &text, true
}

// GetSessionOptions returns all settings of the caller's session.
func (c *commands) GetSessionOptions(ctx context.Context, _ *flight.GetSessionOptionsRequest) (*flight.GetSessionOptionsResult, error) {
	caller := callOf(ctx)
	session, err := c.server.newSession(caller.user, caller.settings)
	if err != nil {
		return nil, err
	}
	values := map[string]any{}
	for _, setting := range session.Settings() {
		values[setting.Name] = setting.Value
	}
	for name, def := range outputSettings {
		values[name] = def.initial
		if v, ok := caller.settings[name]; ok {
			values[name] = v
		}
	}
	options, err := flight.NewSessionOptionValues(values)
	if err != nil {
		return nil, err
	}
	return &flight.GetSessionOptionsResult{SessionOptions: options}, nil
}

// CloseSession forgets the settings of the caller's session.
func (c *commands) CloseSession(ctx context.Context, _ *flight.CloseSessionRequest) (*flight.CloseSessionResult, error) {
	callOf(ctx).session = nil
	if err := sendCookie(ctx, &http.Cookie{Name: sessionCookie, MaxAge: -1}); err != nil {
		return nil, err
	}
	return &flight.CloseSessionResult{Status: flight.CloseSessionResultClosed}, nil
}
