package flight

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow/flight"
	"github.com/apache/arrow-go/v18/arrow/flight/flightsql"
	pb "github.com/apache/arrow-go/v18/arrow/flight/gen/flight"
	"google.golang.org/grpc/codes"
)

// set changes options of the session and returns those that were refused.
func set(t *testing.T, c *flightsql.Client, options map[string]any) string {
	t.Helper()
	values, err := flight.NewSessionOptionValues(options)
	if err != nil {
		t.Fatal(err)
	}
	result, err := c.SetSessionOptions(t.Context(), &flight.SetSessionOptionsRequest{SessionOptions: values})
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprint(result.GetErrors())
}

func TestSessionsKeepSettingsInACookie(t *testing.T) {
	f := start(t, nil)
	c, other := f.client(), f.client()
	if refused := set(t, c, map[string]any{"timezone": "Europe/Berlin", "trellis.summaries": false, "statement_timeout": int64(5000), "compression": "zstd"}); refused != "map[]" {
		t.Errorf("refused: %s", refused)
	}
	if got := f.query(c, "SHOW timezone"); got != "Europe/Berlin" {
		t.Errorf("the zone is %s", got)
	}
	if got := f.query(c, "SHOW trellis.summaries"); got != "off" {
		t.Errorf("summaries are %s", got)
	}
	if got := f.query(other, "SHOW timezone"); got != "UTC" {
		t.Errorf("another client's zone is %s", got)
	}
	got, err := c.GetSessionOptions(t.Context(), &flight.GetSessionOptionsRequest{})
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"timezone": "Europe/Berlin", "compression": "zstd", "batch_rows": "65536", "timestamps": "zoned", "datestyle": "ISO, MDY"} {
		if v := got.GetSessionOptions()[name].GetStringValue(); v != want {
			t.Errorf("option %s is %q, want %q", name, v, want)
		}
	}
	if refused := set(t, c, map[string]any{"timezone": nil, "compression": nil}); refused != "map[]" {
		t.Errorf("refused: %s", refused)
	}
	if got := f.query(c, "SHOW timezone"); got != "UTC" {
		t.Errorf("the zone is %s after it was reset", got)
	}
	if result, err := c.CloseSession(t.Context(), &flight.CloseSessionRequest{}); err != nil || result.GetStatus() != flight.CloseSessionResultClosed {
		t.Errorf("close: %v, %v", result, err)
	}
	if got := f.query(c, "SHOW trellis.summaries"); got != "on" {
		t.Errorf("summaries are %s after the session was closed", got)
	}
}

func TestRefusedOptionsAreTold(t *testing.T) {
	f := start(t, nil)
	c := f.client()
	tests := []struct {
		name  string
		value any
		want  string
	}{
		{"timezone", "Mars/Base", "value:INVALID_VALUE"},
		{"colour", "red", "value:INVALID_NAME"},
		{"server_version", "9", "value:ERROR"},
		{"batch_rows", int64(0), "value:INVALID_VALUE"},
		{"compression", "rar", "value:INVALID_VALUE"},
		{"timezone", []string{"UTC"}, "value:INVALID_VALUE"},
	}
	for _, tt := range tests {
		if refused := set(t, c, map[string]any{tt.name: tt.value, "application_name": "test"}); !strings.Contains(refused, tt.name+":"+tt.want) {
			t.Errorf("%s = %v: refused are %s", tt.name, tt.value, refused)
		}
		if got := f.query(c, "SHOW application_name"); got != "test" {
			t.Errorf("%s: the option beside it is %q", tt.name, got)
		}
	}
}

func TestSetIsKeptForTheSession(t *testing.T) {
	f := start(t, nil)
	c := f.client()
	for _, text := range []string{"SET timezone = 'America/Santiago'", "SET trellis.reason = 'a bad week'"} {
		if info, err := c.Execute(t.Context(), text); err != nil || len(info.GetEndpoint()) != 0 {
			t.Fatalf("%s: %v, %v", text, info, err)
		}
	}
	if got := f.query(c, "SHOW timezone") + ", " + f.query(c, "SHOW trellis.reason"); got != "America/Santiago, a bad week" {
		t.Errorf("settings are %s", got)
	}
	st, err := c.Prepare(t.Context(), "SET timezone = 'Asia/Tokyo'")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := st.Execute(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := f.query(c, "SHOW timezone"); got != "Asia/Tokyo" {
		t.Errorf("the zone is %s", got)
	}
	_, err = c.ExecuteUpdate(t.Context(), "SET trellis.reason = '"+strings.Repeat("x", 5000)+"'")
	wantCode(t, err, codes.InvalidArgument, "cookie")
}

func TestSetAsAnUpdateSendsTheCookieToo(t *testing.T) {
	f := start(t, nil)
	stream, err := f.plain().DoPut(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	p := &putter{t, stream}
	set := onCommand(t, &pb.CommandStatementUpdate{Query: "SET timezone = 'Asia/Tokyo'"}, &flight.FlightData{})
	if err := p.send(set...).end(); err != nil {
		t.Fatal(err)
	}
	header, err := stream.Header()
	if err != nil || len(header.Get("set-cookie")) != 1 {
		t.Fatalf("headers are %v, %v", header, err)
	}
	cookie, _, _ := strings.Cut(header.Get("set-cookie")[0], ";")
	if rows, err := tryQuery(withHeader(t.Context(), "cookie", cookie), f.client(), "SHOW timezone"); err != nil || rows != "Asia/Tokyo" {
		t.Errorf("with the cookie the zone is %q, %v", rows, err)
	}
}

func TestHeadersSetForOneCall(t *testing.T) {
	f := start(t, nil)
	c := f.client()
	tests := []struct{ header, value, show, want string }{
		{"x-trellis-timezone", "Asia/Kolkata", "timezone", "Asia/Kolkata"},
		{"x-trellis-reason", "why not", "trellis.reason", "why not"},
		{"x-trellis-statement-timeout", "1000", "statement_timeout", "1000"},
	}
	for _, tt := range tests {
		rows, err := tryQuery(withHeader(t.Context(), tt.header, tt.value), c, "SHOW "+tt.show)
		if err != nil || rows != tt.want {
			t.Errorf("%s: %s is %q, %v", tt.header, tt.show, rows, err)
		}
		if got := f.query(c, "SHOW "+tt.show); got == tt.want {
			t.Errorf("%s: %s stays %q", tt.header, tt.show, got)
		}
	}
	_, err := tryQuery(withHeader(t.Context(), "x-trellis-timezone", "Mars/Base"), c, "SELECT 1")
	wantCode(t, err, codes.InvalidArgument, "header x-trellis-timezone", "Mars/Base")
	_, err = tryQuery(withHeader(t.Context(), "x-trellis-colour", "red"), c, "SELECT 1")
	wantCode(t, err, codes.NotFound, "header x-trellis-colour")
}

func TestTicketsHaveTheSettingsTheyWereAskedForWith(t *testing.T) {
	f := start(t, nil)
	c := f.client()
	info, err := c.Execute(withHeader(t.Context(), "x-trellis-timezone", "Europe/Berlin"), "SHOW timezone")
	if err != nil {
		t.Fatal(err)
	}
	if rows, err := fetch(t.Context(), f.client(), info); err != nil || rows != "Europe/Berlin" {
		t.Errorf("zone is %s, %v", rows, err)
	}
}

func TestForgedCookiesAreRefused(t *testing.T) {
	f := start(t, nil)
	c := f.client()
	for _, value := range []string{"!", "abc", base64.RawURLEncoding.EncodeToString(f.server.seal.seal(sealTicket, nil))} {
		_, err := tryQuery(withHeader(t.Context(), "cookie", sessionCookie+"="+value), c, "SELECT 1")
		wantCode(t, err, codes.NotFound, "cookie is not valid")
	}
	if rows, err := tryQuery(withHeader(t.Context(), "cookie", "other=1; "+sessionCookie+"="), c, "SELECT 1"); err != nil || rows != "1" {
		t.Errorf("with an empty cookie: %s, %v", rows, err)
	}
}
